"""Numbers, settings and quality levels as text."""

from __future__ import annotations

import math

from codecstudy.analysis import wording
from codecstudy.analysis.encoders import Encoders
from codecstudy.analysis.estimates import Estimate
from codecstudy.analysis.percentiles import spread_names
from codecstudy.analysis.wording import count as count
from codecstudy.types import MetricColumn, Setting, plain

MINUS = "\N{MINUS SIGN}"
NARROW = "\N{NARROW NO-BREAK SPACE}"
CONFIDENCE = f"95{NARROW}%"
"""Confidence level of every interval."""


def number(value: float, digits: int = 3) -> str:
    """``value`` to ``digits`` significant digits, never in scientific notation, with a typographic minus sign."""
    if math.isinf(value):
        return "\N{INFINITY}" if value > 0 else MINUS + "\N{INFINITY}"
    if value == 0:
        return "0"
    # Use the magnitude of the rounded value, since 0.9996 becomes 1.00.
    magnitude = int(f"{value:.{digits - 1}e}".partition("e")[2])
    decimals = max(0, digits - 1 - magnitude)
    return f"{value:.{min(decimals, 6)}f}".replace("-", MINUS)


def score(value: float, scale: MetricColumn) -> str:
    """A score with the metric's number of decimals."""
    if math.isinf(value):
        return "lossless"
    return f"{value:.{scale.digits}f}".replace("-", MINUS)


def narrow(words: str) -> str:
    """``words`` with narrow no-break spaces before percent signs."""
    return words.replace(" %", f"{NARROW}%")


def percent(share: float) -> str:
    """``0.304`` as ``30 %``; one decimal below 10 %."""
    return narrow(wording.percent(share))


def change(ratio: float) -> str:
    """A size ratio as a difference: ``30 % smaller``, ``8 % larger``, ``the same size``."""
    return narrow(wording.change(ratio))


def signed(ratio: float) -> str:
    """A size ratio as a signed difference: ``-30 %``."""
    if abs(ratio - 1) < 0.0005:
        return f"0{NARROW}%"
    return f"{MINUS if ratio < 1 else '+'}{percent(ratio - 1)}"


def change_range(estimate: Estimate) -> str | None:
    """The interval of a size ratio, e.g. ``26 to 32 % smaller``; None if there is none."""
    words = wording.change_range(estimate)
    return None if words is None else narrow(words)


def ends(estimate: Estimate, digits: int = 3) -> str | None:
    """The interval as text, e.g. ``0.68 to 0.74``; None if there is none."""
    if estimate.low is None or estimate.high is None:
        return None
    return f"{number(estimate.low, digits)} to {number(estimate.high, digits)}"


def spread_range(images: int) -> str:
    """The ends of a range over single images: ``p5 to p95``, or of few images ``lowest to highest``."""
    return " to ".join(spread_names(images))


def seconds(value: float) -> str:
    """A short time, e.g. ``26 ms`` or ``1.2 s``."""
    if value < 0.9995:
        return f"{number(value * 1000, 2)} ms"
    return f"{number(value, 2)} s"


def size(count: float) -> str:
    """A number of bytes, e.g. ``142 kB``, in powers of 1000."""
    for factor, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if count >= factor * 0.9995:
            return f"{number(count / factor, 3)} {unit}"
    return f"{count:.0f} B"


def duration(value: float) -> str:
    """A time in seconds, e.g. ``2 min 35 s``."""
    whole = round(value)
    if whole < 60:
        return f"{number(value, 2)} s"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def swept(setting: Setting, encoders: Encoders) -> tuple[str, str]:
    """Name and value of the swept parameter, e.g. ``("quality", "72")``; empty strings if nothing is swept."""
    variant, level = encoders.split(setting)
    return ("", "") if level is None else (variant.axis.name, str(variant.axis.plain(level)))


def details(setting: Setting, encoders: Encoders) -> str:
    """A setting without its encoder and the swept parameter, e.g. ``4:2:0, speed 6, progressive``."""
    return ", ".join(parts(setting, encoders))


def parts(setting: Setting, encoders: Encoders) -> list[str]:
    """The parts that :func:`details` joins."""
    rest, facts = encoders.split(setting)[0].setting, encoders.facts(setting.encoder)
    found = []
    for name, value in rest.parameters:
        parameter = facts.parameter(name)
        shown = dict(parameter.show).get(value) if parameter else None
        found.append(shown or f"{name} {plain(value)}")
    return found + [name if value is True else f"{name}={plain(value)}" for name, value in rest.extra_args]


def full_name(setting: Setting, encoders: Encoders) -> str:
    """A complete setting, e.g. ``AVIF quality 72 (4:2:0, speed 6)``."""
    name, value = swept(setting, encoders)
    text = f"{encoders.facts(setting.encoder).title} {name} {value}".rstrip()
    extra = details(setting, encoders)
    return f"{text} ({extra})" if extra else text


def appearance(target: float, scale: MetricColumn) -> tuple[str, str]:
    """A label for a quality level, and what an average observer sees; both empty if the metric has no labels."""
    labels = scale.quality_labels
    return ("", "") if labels is None else labels.at(target, scale.higher_is_better)
