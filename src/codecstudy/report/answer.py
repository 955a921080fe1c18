"""The answer first: which format, which number, how much smaller, how sure."""

from __future__ import annotations

from codecstudy.analysis.bootstrap import FEW_IMAGES
from codecstudy.analysis.commands import commands
from codecstudy.analysis.recommend import Recommendation, Recommendations
from codecstudy.report import words
from codecstudy.report.context import Context
from codecstudy.report.data import Answer, AnswerRow, Bar, Tool
from codecstudy.types import Setting


def answers(context: Context) -> tuple[Answer, ...]:
    """One answer for every target that any format reaches (and the one asked for), in every scope."""
    found: list[Answer] = []
    for target in context.targets:
        answer = context.answers(target)
        reached = any(item.setting is not None for item in answer.items)
        if reached or target == context.target:
            found += [_answer(context, answer, scope) for scope in range(len(context.scopes))]
    return tuple(found)


def tools(setting: Setting) -> tuple[Tool, ...]:
    """How to get ``setting`` from other tools."""
    return tuple(Tool(c.tool, c.text, c.note) for c in commands(setting))


def _answer(context: Context, answer: Recommendations, scope: int) -> Answer:
    scale = context.scale
    items = [item for item in answer.items if item.scope == context.scopes[scope]]
    base = answer.baselines[context.scopes[scope]]
    widest = _widest(items)
    chosen = next((item for item in items if item.setting is not None), None)
    rows = tuple(_row(context, item, base, item is chosen, widest) for item in items)
    word, seen = words.looks(answer.target, scale)
    best = next((row for row in rows if row.best), None)
    return Answer(
        key=f"{answer.target:g}",
        scope=scope,
        target=f"{answer.target:g}",
        word=word,
        seen=seen,
        shown=answer.target == context.target and scope == 0,
        best=best,
        lead=_lead(context, chosen, base, answer.target) + _limit(answer.max_encode_time, chosen),
        fallback=_fallback(context, items, rows, best),
        rows=rows,
    )


def _widest(items: list[Recommendation]) -> float:
    """The largest ratio to draw."""
    drawn = [i.size_ratio for i in items if i.size_ratio is not None]
    return max([1.0, *(r.value for r in drawn), *(r.high for r in drawn if r.high is not None)])


def _row(
    context: Context, item: Recommendation, base: Setting | None, best: bool, widest: float
) -> AnswerRow:
    facts = context.formats[item.format]
    reached = f"{item.reached.images_reached} of {item.reached.images}"
    if item.setting is None:
        return AnswerRow(
            slot=facts.slot, title=facts.title, number_name="", number="", details="", baseline=False,
            best=False, change="", interval=None, bar=None, size="", encode="", decode="", reached=reached,
            browsers=facts.browsers, everywhere=facts.everywhere, sentence="", note=None, tools=(),
            reason=item.reason,
        )  # fmt: skip
    name, value = words.swept(item.setting)
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
        slot=facts.slot,
        title=facts.title,
        number_name=name,
        number=value,
        details=words.details(item.setting),
        baseline=is_base,
        best=best,
        change="" if ratio is None else "the yardstick" if is_base else words.change(ratio.value),
        interval=None if ratio is None or is_base else words.change_range(ratio),
        bar=bar,
        size="" if item.bits_per_pixel is None else words.size(item.bits_per_pixel.value * 1e6 / 8),
        encode="not measured" if encode is None else words.seconds(encode.value),
        decode="not measured" if decode is None else words.seconds(decode.value),
        reached=reached,
        browsers=facts.browsers,
        everywhere=facts.everywhere,
        sentence=_sentence(context, item, is_base),
        note=None
        if item.measured
        else f"{name.capitalize()} {value} lies between two measured settings, "
        "so its numbers are interpolated, image by image.",
        tools=tools(item.setting),
    )


def _sentence(context: Context, item: Recommendation, is_base: bool) -> str:
    """What the setting means for somebody's files, in one sentence."""
    assert item.setting is not None
    title, base, ratio = context.formats[item.format].title, context.baseline_title(), item.size_ratio
    if is_base:
        return f"The yardstick: what the other formats are compared with, at {base}'s own best setting."
    if ratio is None:
        return f"{base} does not reach this quality, so there is nothing to compare with."
    text = f"1 MB of {base} becomes {words.size(ratio.value * 1e6)} of {title} that looks as good"
    if ratio.low is None or ratio.high is None:
        return text + "."
    text += f"; with {words.SURE} confidence {words.size(ratio.low * 1e6)} to {words.size(ratio.high * 1e6)}"
    return text + (", so these images don't settle which is smaller." if ratio.low < 1 < ratio.high else ".")


def _versus(change: str, base: str) -> str:
    if change.startswith("the same"):
        return f"{change} as {base} of equal quality"
    return f"{change} than {base} of equal quality"


def _lead(context: Context, best: Recommendation | None, base: Setting | None, target: float) -> str:
    title = context.scale.title
    if best is None or best.setting is None:
        share = words.percent(context.options.coverage)
        limit = " within the limit on encode time" if context.options.max_encode_time is not None else ""
        return (
            f"No measured setting of any format reaches {title} {target:g} on {share} of the images{limit}. "
            "Choose a lower target, or measure finer settings."
        )
    ratio, name = best.size_ratio, context.baseline_title()
    if best.setting == base:
        return f"No other format that was measured makes smaller files at this quality than {name}."
    if ratio is None:
        return f"It has the smallest files. {name} does not reach this quality, so there is no comparison."
    interval = words.change_range(ratio)
    if interval is None:
        sure = "One image says nothing about others: measure more of them."
    elif ratio.high is not None and ratio.high >= 1:
        return (
            f"Its files come out {words.change(ratio.value)} than those of {name} that looks as good, but these "
            f"images don't settle it: with {words.SURE} confidence, {interval}."
        )
    else:
        sure = f"For other images like these: {interval}, with {words.SURE} confidence."
        if ratio.images < FEW_IMAGES:
            sure += f" That rests on {ratio.images} images only: measure more of them before you decide."
    return f"Its files are {words.change(ratio.value)} than those of {name} that looks as good. {sure}"


def _limit(max_encode_time: float | None, best: Recommendation | None) -> str:
    """What the answer was limited to, where it was; without an answer the lead says it already."""
    if max_encode_time is None or best is None or best.setting is None:
        return ""
    return f" Encoders that need more than {words.seconds(max_encode_time)} per megapixel were left out."


def _fallback(
    context: Context, items: list[Recommendation], rows: tuple[AnswerRow, ...], best: AnswerRow | None
) -> str | None:
    """What to use besides, where the best is not shown everywhere."""
    if best is None or best.everywhere:
        return None
    for item, row in zip(items, rows, strict=True):
        if item.setting is not None and row.everywhere:
            saving = f", {_versus(row.change, context.baseline_title())}" if not row.baseline else ""
            what = words.whole(item.setting, row.title)
            return f"{best.title} is not shown by every browser. Of those that are: {what}{saving}."
    return None
