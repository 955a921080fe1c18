"""The answer: which format and setting, how much smaller its files are, and how certain that is."""

from __future__ import annotations

from dataclasses import dataclass

from codecstudy.analysis.answer import Answer, Kind, full_name
from codecstudy.analysis.estimates import FEW_IMAGES, Estimate
from codecstudy.analysis.recommend import Recommendation, Recommendations
from codecstudy.analysis.wording import compared
from codecstudy.report import text
from codecstudy.report.context import Context
from codecstudy.report.sections import SectionValues
from codecstudy.types import Setting


@dataclass(frozen=True, slots=True)
class Tool:
    """A command or a line of code to copy."""

    name: str
    text: str | None
    note: str | None


@dataclass(frozen=True, slots=True)
class Bar:
    """A size ratio as a bar, in percent of the drawing's width."""

    value: float
    low: float | None
    high: float | None
    unit: float
    """Position of the baseline's size (ratio 1)."""


@dataclass(frozen=True, slots=True)
class AnswerRow:
    """One format's row in the answer."""

    style: str
    """Name of its colour."""
    title: str
    number_name: str
    number: str
    details: str
    baseline: bool
    best: bool
    same_score: str
    """For example ``30 % smaller``: at the same score on each image."""
    interval: str | None
    """For example ``26 to 32 % smaller``."""
    verdict: str
    """What the interval says: ``smaller``, ``larger`` or ``inconclusive``; empty if there is no interval."""
    bar: Bar | None
    """The size at the same score."""
    one_number: str
    """For example ``38 % smaller``: with one number for all images."""
    medians: str
    """Median score at the setting."""
    size: str
    """Bytes per megapixel."""
    encode: str
    decode: str
    reached: str
    expected: str
    """What this says about other images."""
    browsers: str
    everywhere: bool
    why_not: str
    """Why there is no size at the same score; empty if there is one."""
    note: str | None
    """A remark on the setting, for example that it is between two measured ones."""
    tools: tuple[Tool, ...]
    options: str
    """All options in effect, also those left at their default; empty if the records have none."""
    reason: str | None = None
    """Why the format has no setting; if set, most fields above are empty."""


@dataclass(frozen=True, slots=True)
class Line:
    """A sentence of the answer."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Card:
    """One number of the answer, named for what it is."""

    title: str
    figure: str
    """For example ``30 % smaller``, or ``no estimate``."""
    verdict: str
    """What the interval says, see :func:`_verdict`; empty if there is no interval."""
    lines: tuple[Line, ...]
    """The sentences that say exactly what the number is."""


@dataclass(frozen=True, slots=True)
class Link:
    """One entry of what to offer to browsers."""

    style: str
    title: str
    saving: str
    """Size at the same score, compared with the baseline; empty if it was not compared."""
    browsers: str


@dataclass(frozen=True, slots=True)
class Group:
    """Sentences about one question."""

    title: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class OtherMetric:
    """The order of formats under another metric."""

    title: str
    target: str
    cells: tuple[str, ...]
    """One per format: the saving at the same score."""


@dataclass(frozen=True, slots=True)
class Shown:
    """The answer at one target in one scope."""

    key: str
    scope: int
    target: str
    label: str
    """A label for the quality level, for example ``very good``; empty if the metric has no labels."""
    seen: str
    """What an average observer sees."""
    shown: bool
    disputed: bool
    """Whether other metrics put the format of the headline in another order."""
    best: AnswerRow | None
    lead: tuple[Line, ...]
    """The sentences below the headline, if there is no saving to state."""
    cards: tuple[Card, ...]
    """The two savings, and the share of images."""
    warnings: tuple[Line, ...]
    """What disputes or limits the savings."""
    encoders: tuple[Line, ...]
    """Which encoder of each format makes the smallest files; empty if each has one."""
    browsers: tuple[Line, ...]
    chain: tuple[Link, ...]
    """What to offer to browsers, in this order; empty if it is one format."""
    certainty: tuple[Group, ...]
    """What the numbers are based on."""
    rows: tuple[AnswerRow, ...]
    formats: tuple[str, ...]
    """Titles of the columns of :attr:`other_metrics`."""
    other_metrics: tuple[OtherMetric, ...]
    """Empty if only one metric was measured, or if there is nothing to compare."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Values(SectionValues):
    """One answer for every target and scope, of which the page shows the chosen one."""

    answers: tuple[Shown, ...]
    notes: tuple[str, ...]
    """What limits these answers: few images, a run that was cut short, failures."""


_LEAD: tuple[Kind, ...] = ("nothing", "baseline-smallest")
_BROWSERS: tuple[Kind, ...] = ("browsers", "fallback")
_WARNINGS: tuple[Kind, ...] = ("baseline-misses", "metrics-disagree")
_ENCODERS: tuple[Kind, ...] = ("encoders",)
_CARDS: tuple[tuple[Kind, tuple[Kind, ...]], ...] = (
    ("same-score", ("same-score", "total-bytes", "undecided")),
    ("one-number", ("one-number", "one-number-interval")),
    ("reached", ("reached", "too-few-images")),
)
_CERTAINTY: tuple[tuple[str, tuple[Kind, ...]], ...] = (
    ("The size at the same score", ("this-folder", "interpolation", "left-out")),
    ("The setting", ("out-of-sample", "not-measured")),
    ("The images", ("copies",)),
    ("Encode times", ("threads",)),
)
"""Where each kind of sentence stands; ``tests/report/sections/test_answer.py`` checks that none is missing."""


def build(context: Context) -> Values:
    """One answer for every target that the reader can choose, in every scope."""
    found = []
    for target in context.offered:
        recommended = context.answers(target)
        for index, answer in enumerate(context.sentences(target)):
            found.append(_shown(context, recommended, answer, index))
    return Values(answers=tuple(found), notes=_notes(context))


def tools(context: Context, setting: Setting) -> tuple[Tool, ...]:
    """Commands for other tools that use ``setting``."""
    return tuple(Tool(c.tool, c.text, c.note) for c in context.encoders.commands(setting))


def _shown(context: Context, found: Recommendations, answer: Answer, scope: int) -> Shown:
    items = [item for item in found.items if item.scope == answer.scope]
    base = found.baselines[answer.scope]
    widest = _widest(items)
    rows = tuple(_row(context, item, base, item is answer.best, widest) for item in items)
    label, seen = text.appearance(found.target, context.scale)
    formats, others = _other_metrics(context, answer)
    best = next((row for row in rows if row.best), None)
    return Shown(
        key=f"{found.target:g}",
        scope=scope,
        target=f"{found.target:g}",
        label=label,
        seen=seen,
        shown=found.target == context.target and scope == 0,
        disputed=answer.disputed,
        best=best,
        lead=_lines(answer, _LEAD),
        cards=_cards(context, answer, best),
        warnings=_lines(answer, _WARNINGS),
        encoders=_lines(answer, _ENCODERS),
        browsers=_lines(answer, _BROWSERS),
        chain=_chain(context, answer),
        certainty=tuple(
            Group(title, lines) for title, kinds in _CERTAINTY if (lines := _lines(answer, kinds))
        ),
        rows=rows,
        formats=formats,
        other_metrics=others,
    )


def _lines(answer: Answer, kinds: tuple[Kind, ...]) -> tuple[Line, ...]:
    """The sentences of these kinds, in the order in which the answer has them."""
    return tuple(Line(s.kind, text.narrow(s.text)) for s in answer.sentences if s.kind in kinds)


def _cards(context: Context, answer: Answer, best: AnswerRow | None) -> tuple[Card, ...]:
    if answer.best is None or best is None:
        return ()
    one, reached = answer.best.one_number, answer.best.reached.attainment
    ratio, interval = _same_score(answer.best), None if one is None else one.interval
    base = context.baseline_title()

    def figure(ratio: float | None) -> str:
        return "no estimate" if ratio is None else text.narrow(compared(ratio, base))

    figures = {
        "same-score": ("At the same score", figure(None if ratio is None else ratio.value), best.verdict),
        "one-number": (
            "With one number for all images",
            figure(None if one is None else one.ratio),
            "" if interval is None else _verdict(*interval),
        ),
        "reached": (
            "Images that reach the target",
            f"{reached.reached} of {text.count(reached.images, 'image')}",
            "",
        ),
    }
    return tuple(Card(*figures[name], lines) for name, kinds in _CARDS if (lines := _lines(answer, kinds)))


def _chain(context: Context, answer: Answer) -> tuple[Link, ...]:
    if len(answer.chain) < 2:
        return ()
    found = []
    for item in answer.chain:
        assert item.setting is not None
        facts, ratio = context.encoders.facts(item.encoder), _same_score(item)
        found.append(
            Link(
                context.styles[item.encoder].name,
                full_name(item.setting, context.encoders),
                "" if ratio is None else text.change(ratio.value),
                facts.browsers,
            )
        )
    return tuple(found)


def _verdict(low: float, high: float) -> str:
    """What an interval of a size ratio says: ``smaller``, ``larger``, or neither: ``inconclusive``."""
    return "smaller" if high < 1 else "larger" if low > 1 else "inconclusive"


def _other_metrics(context: Context, answer: Answer) -> tuple[tuple[str, ...], tuple[OtherMetric, ...]]:
    found = answer.agreement
    if found is None or len(found.opinions) < 2:
        return (), ()
    formats = tuple(context.name(ratio.variant) for ratio in found.opinions[0].ratios)
    return formats, tuple(
        OtherMetric(
            opinion.title,
            text.score(opinion.target, context.columns[opinion.metric]),
            tuple("" if r.ratio is None else text.change(r.ratio.value) for r in opinion.ratios),
        )
        for opinion in found.opinions
    )


def _same_score(item: Recommendation) -> Estimate | None:
    return None if item.same_score is None else item.same_score.ratio


def _widest(items: list[Recommendation]) -> float:
    """The largest ratio to draw, which sets the scale of the bars."""
    drawn = [ratio for item in items if (ratio := _same_score(item)) is not None]
    return max([1.0, *(r.value for r in drawn), *(r.high for r in drawn if r.high is not None)])


def _row(
    context: Context, item: Recommendation, base: Setting | None, best: bool, widest: float
) -> AnswerRow:
    facts, style = context.encoders.facts(item.encoder), context.styles[item.encoder].name
    reached = f"{item.reached.images_reached} of {item.reached.images}"
    if item.setting is None:
        return AnswerRow(
            style=style, title=facts.title, number_name="", number="", details="", baseline=False,
            best=False, same_score="", interval=None, verdict="", bar=None, one_number="", medians="", size="",
            encode="", decode="", reached=reached, expected="", browsers=facts.browsers,
            everywhere=facts.all_browsers, why_not="", note=None, tools=(), options="",
            reason=item.reason,
        )  # fmt: skip
    name, value = text.swept(item.setting, context.encoders)
    ratio, one = _same_score(item), item.one_number
    is_base = item.setting == base
    bar = Bar(100 / widest, None, None, 100 / widest) if is_base else None
    if ratio is not None:
        low, high = (None if end is None else 100 * end / widest for end in (ratio.low, ratio.high))
        bar = Bar(100 * ratio.value / widest, low, high, 100 / widest)
    encode, decode = item.encode_seconds_per_mp, item.decode_seconds_per_mp
    share = item.reached.attainment
    why_not = "" if ratio is not None or is_base else "not compared"
    if item.same_score is not None and item.same_score.reason:
        why_not = item.same_score.reason
    return AnswerRow(
        style=style,
        title=facts.title,
        number_name=name,
        number=value,
        details=text.details(item.setting, context.encoders),
        baseline=is_base,
        best=best,
        same_score="the baseline" if is_base else "" if ratio is None else text.change(ratio.value),
        interval=None if ratio is None else text.change_range(ratio),
        verdict=""
        if ratio is None or ratio.low is None or ratio.high is None
        else _verdict(ratio.low, ratio.high),
        bar=bar,
        one_number="the baseline" if is_base else "" if one is None else text.change(one.ratio),
        medians="" if item.reached.median is None else text.score(item.reached.median, context.scale),
        size="" if item.bits_per_pixel is None else text.size(item.bits_per_pixel.value * 1e6 / 8),
        encode="not measured" if encode is None else text.seconds(encode.value),
        decode="not measured" if decode is None else text.seconds(decode.value),
        reached=reached,
        expected=f"{text.percent(share.expected)} of other images can be expected to, "
        f"{text.percent(share.bound)} with {text.CONFIDENCE} certainty",
        browsers=facts.browsers,
        everywhere=facts.all_browsers,
        why_not=why_not,
        note=None
        if item.measured
        else f"{name.capitalize()} {value} is between measured levels on "
        f"{text.count(item.reached.interpolated, 'image')}: its numbers there are interpolated.",
        tools=tools(context, item.setting),
        options=context.in_effect.at(item.setting),
    )


def _notes(context: Context) -> tuple[str, ...]:
    """What limits the answer."""
    results, images = context.results, len(context.points.images)
    found = []
    if images == 1:
        found.append(
            "Only one image was measured. It says nothing about other images, so there are no intervals."
        )
    elif images < FEW_IMAGES:
        found.append(
            f"Only {images} images were measured. The intervals account for that; more images would narrow them."
        )
    if not results.complete:
        found.append(f"The run ended early: {results.incomplete_reason or 'no reason was recorded'}.")
    failed = context.points.counts.failed
    if failed:
        found.append(f"{text.count(failed, 'measurement')} failed; the end of this page says why.")
    if len(context.styles) == 1:
        found.append("Only one format was measured, so there is no other format to compare it with.")
    lacking = [
        context.scopes[k].label for k, scope in enumerate(context.scopes) if context.bases[scope] is None
    ]
    if lacking:
        found.append(
            f"{context.baseline_title()} was not measured at {', '.join(lacking)}, so there is no comparison there."
        )
    if all(len(b.levels) < 2 for b in context.points.blocks):
        found.append(
            "No format was measured at several quality levels, so there are no curves to compare at the same score."
        )
    return tuple(found)
