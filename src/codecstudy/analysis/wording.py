"""Size ratios and shares as words, the same in the terminal, in JSON and in the report."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    # The estimates import SciPy, which takes time that some commands can save.
    from codecstudy.analysis.estimates import Estimate


def percent(share: float) -> str:
    """``0.304`` as ``30 %``; one decimal below 10 %."""
    value = abs(share) * 100
    text = f"{value:.1f}" if 0.05 <= value < 9.95 else f"{value:.0f}"
    return f"{text.removesuffix('.0')} %"


def change(ratio: float) -> str:
    """A size ratio as a difference: ``30 % smaller``, ``8 % larger``, ``the same size``."""
    if abs(ratio - 1) < 0.0005:
        return "the same size"
    return f"{percent(ratio - 1)} {'smaller' if ratio < 1 else 'larger'}"


def compared(ratio: float, other: str) -> str:
    """``30 % smaller than JPEG``, ``the same size as JPEG``."""
    text = change(ratio)
    return f"{text} {'as' if text.startswith('the same') else 'than'} {other}"


def change_between(low: float, high: float) -> str:
    """An interval of a size ratio: ``26 to 32 % smaller``, ``2 % smaller to 3 % larger``."""
    if change(low) == change(high):
        return change(low)
    if high <= 1:
        return f"{percent(1 - high).removesuffix(' %')} to {percent(1 - low)} smaller"
    if low >= 1:
        return f"{percent(low - 1).removesuffix(' %')} to {percent(high - 1)} larger"
    return f"{percent(1 - low)} smaller to {percent(high - 1)} larger"


def change_range(estimate: Estimate) -> str | None:
    """The interval of a size ratio for other images like these; None if there is none."""
    if estimate.low is None or estimate.high is None:
        return None
    return change_between(estimate.low, estimate.high)


def count(number: int, singular: str, plural: str | None = None) -> str:
    """A number with its noun: ``1 image``, ``1,200 images``."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def listed(names: tuple[str, ...], most: int = 5) -> str:
    """``a, b and c``; of more than ``most`` names, the first ones and how many others there are."""
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1] if names else "")))
