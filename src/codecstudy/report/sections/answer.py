"""The answer: which format and setting, how much smaller its files are, and how certain that is."""

from __future__ import annotations

from dataclasses import dataclass

from codecstudy.analysis.estimates import FEW_IMAGES
from codecstudy.analysis.recommend import Recommendation, Recommendations
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
    change: str
    """For example ``30 % smaller``."""
    interval: str | None
    """For example ``26 to 32 % smaller``."""
    bar: Bar | None
    size: str
    """Bytes per megapixel."""
    encode: str
    decode: str
    reached: str
    browsers: str
    everywhere: bool
    sentence: str
    note: str | None
    """A remark on the setting, for example that it is between two measured ones."""
    tools: tuple[Tool, ...]
    reason: str | None = None
    """Why the format has no setting; if set, most fields above are empty."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer at one target in one scope."""

    key: str
    scope: int
    target: str
    label: str
    """A label for the quality level, for example ``very good``; empty if the metric has no labels."""
    seen: str
    """What an average observer sees."""
    shown: bool
    best: AnswerRow | None
    lead: str
    """One sentence below the headline."""
    fallback: str | None
    """What to use in browsers that do not support the best format."""
    rows: tuple[AnswerRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Values(SectionValues):
    """One answer for every target and scope, of which the page shows the chosen one."""

    answers: tuple[Answer, ...]
    notes: tuple[str, ...]
    """What limits these answers: few images, a run that was cut short, failures."""


def build(context: Context) -> Values:
    """One answer for every target that the reader can choose, in every scope."""
    found = [
        _answer(context, context.answers(target), scope)
        for target in context.offered
        for scope in range(len(context.scopes))
    ]
    return Values(answers=tuple(found), notes=_notes(context))


def tools(context: Context, setting: Setting) -> tuple[Tool, ...]:
    """Commands for other tools that use ``setting``."""
    return tuple(Tool(c.tool, c.text, c.note) for c in context.encoders.commands(setting))


def _answer(context: Context, answer: Recommendations, scope: int) -> Answer:
    scale = context.scale
    items = [item for item in answer.items if item.scope == context.scopes[scope]]
    base = answer.baselines[context.scopes[scope]]
    widest = _widest(items)
    chosen = next((item for item in items if item.setting is not None), None)
    rows = tuple(_row(context, item, base, item is chosen, widest) for item in items)
    label, seen = text.appearance(answer.target, scale)
    best = next((row for row in rows if row.best), None)
    return Answer(
        key=f"{answer.target:g}",
        scope=scope,
        target=f"{answer.target:g}",
        label=label,
        seen=seen,
        shown=answer.target == context.target and scope == 0,
        best=best,
        lead=_lead(context, chosen, base, answer.target) + _limit(answer.max_encode_time, chosen),
        fallback=_fallback(context, items, rows, best),
        rows=rows,
    )


def _widest(items: list[Recommendation]) -> float:
    """The largest ratio to draw, which sets the scale of the bars."""
    drawn = [i.size_ratio for i in items if i.size_ratio is not None]
    return max([1.0, *(r.value for r in drawn), *(r.high for r in drawn if r.high is not None)])


def _row(
    context: Context, item: Recommendation, base: Setting | None, best: bool, widest: float
) -> AnswerRow:
    facts, style = context.encoders.facts(item.encoder), context.styles[item.encoder].name
    reached = f"{item.reached.images_reached} of {item.reached.images}"
    if item.setting is None:
        return AnswerRow(
            style=style, title=facts.title, number_name="", number="", details="", baseline=False,
            best=False, change="", interval=None, bar=None, size="", encode="", decode="", reached=reached,
            browsers=facts.browsers, everywhere=facts.all_browsers, sentence="", note=None, tools=(),
            reason=item.reason,
        )  # fmt: skip
    name, value = text.swept(item.setting, context.encoders)
    ratio = item.size_ratio
    is_base = item.setting == base
    bar = None
    if ratio is not None:
        low, high = (None if end is None else 100 * end / widest for end in (ratio.low, ratio.high))
        bar = Bar(
            100 * ratio.value / widest, None if is_base else low, None if is_base else high, 100 / widest
        )
    encode, decode = item.encode_seconds_per_mp, item.decode_seconds_per_mp
    return AnswerRow(
        style=style,
        title=facts.title,
        number_name=name,
        number=value,
        details=text.details(item.setting, context.encoders),
        baseline=is_base,
        best=best,
        change="" if ratio is None else "the baseline" if is_base else text.change(ratio.value),
        interval=None if ratio is None or is_base else text.change_range(ratio),
        bar=bar,
        size="" if item.bits_per_pixel is None else text.size(item.bits_per_pixel.value * 1e6 / 8),
        encode="not measured" if encode is None else text.seconds(encode.value),
        decode="not measured" if decode is None else text.seconds(decode.value),
        reached=reached,
        browsers=facts.browsers,
        everywhere=facts.all_browsers,
        sentence=_sentence(context, item, is_base),
        note=None
        if item.measured
        else f"{name.capitalize()} {value} is between two measured settings, "
        "so its numbers are interpolated, image by image.",
        tools=tools(context, item.setting),
    )


def _sentence(context: Context, item: Recommendation, is_base: bool) -> str:
    """What the setting means for file size, in one sentence."""
    assert item.setting is not None
    title, base, ratio = context.encoders.facts(item.encoder).title, context.baseline_title(), item.size_ratio
    if is_base:
        return f"The baseline: the other formats are compared with {base} at its own best setting."
    if ratio is None:
        return f"{base} does not reach this quality, so there is no comparison."
    sentence = f"1 MB of {base} becomes {text.size(ratio.value * 1e6)} of {title} at this target"
    if ratio.low is None or ratio.high is None:
        return sentence + "."
    sentence += (
        f"; with {text.CONFIDENCE} confidence {text.size(ratio.low * 1e6)} to {text.size(ratio.high * 1e6)}"
    )
    return sentence + (
        ", so these images do not show which is smaller." if ratio.low < 1 < ratio.high else "."
    )


def _compared(change: str, other: str) -> str:
    """For example ``30 % smaller than JPEG`` or ``the same size as JPEG``."""
    return f"{change} {'as' if change.startswith('the same') else 'than'} {other}"


def _lead(context: Context, best: Recommendation | None, base: Setting | None, target: float) -> str:
    title = context.scale.title
    if best is None or best.setting is None:
        share = text.percent(context.options.coverage)
        limit = " within the limit on encode time" if context.options.max_encode_time is not None else ""
        return (
            f"No measured setting of any format reaches {title} {target:g} on {share} of the images{limit}. "
            "Choose a less demanding target, or measure finer settings."
        )
    ratio, name = best.size_ratio, context.baseline_title()
    if best.setting == base:
        return f"No other measured format makes smaller files than {name} at this quality."
    if ratio is None:
        return f"It has the smallest files. {name} does not reach this quality, so there is no comparison."
    interval = text.change_range(ratio)
    files = f"{name} files at the setting that {name} needs for this target"
    if interval is None:
        certainty = "One image says nothing about other images: measure more of them."
    elif ratio.high is not None and ratio.high >= 1:
        return (
            f"Its files are {_compared(text.change(ratio.value), files)}, but that is not certain: with "
            f"{text.CONFIDENCE} confidence, {interval}."
        )
    else:
        certainty = f"For other images like these: {interval}, with {text.CONFIDENCE} confidence."
        if ratio.images < FEW_IMAGES:
            certainty += f" This is based on only {ratio.images} images: measure more before you decide."
    return f"Its files are {_compared(text.change(ratio.value), files)}. {certainty}"


def _limit(max_encode_time: float | None, best: Recommendation | None) -> str:
    """The limit on encode time. Empty without a limit, or without an answer: the lead mentions it then."""
    if max_encode_time is None or best is None or best.setting is None:
        return ""
    return f" Encoders that need more than {text.seconds(max_encode_time)} per megapixel were left out."


def _fallback(
    context: Context, items: list[Recommendation], rows: tuple[AnswerRow, ...], best: AnswerRow | None
) -> str | None:
    """The best format that all current browsers support, if the best format overall is not one of them."""
    if best is None or best.everywhere:
        return None
    for item, row in zip(items, rows, strict=True):
        if item.setting is not None and row.everywhere:
            saving = (
                f", {_compared(row.change, context.baseline_title())} at equal quality"
                if row.change and not row.baseline
                else ""
            )
            what = text.full_name(item.setting, context.encoders)
            return (
                f"Not all browsers support {best.title}. The best format that all current browsers support: "
                f"{what}{saving}."
            )
    return None


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
            "No format was measured at several quality levels, so there are no curves to compare at equal quality."
        )
    return tuple(found)
