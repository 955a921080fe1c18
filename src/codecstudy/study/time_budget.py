"""Time budgets as text: parsing."""

from __future__ import annotations

import math
import re

_DURATION = re.compile(r"(?:([0-9]+)h)?(?:([0-9]+)m)?(?:([0-9]+)s)?")
_SECONDS = re.compile(r"[0-9]+(?:\.[0-9]+)?")


def parse_time_budget(value: str) -> float:
    """Parse a time budget.

    Args:
        value: Seconds, or hours, minutes and seconds: ``"3600"``, ``"1h"``, ``"30m"``, ``"90s"``, ``"1h30m"``,
            ``"2h15m30s"``.

    Returns:
        Seconds.

    Raises:
        ValueError: The text has another form (an empty one, for example), or is zero, negative or not finite. The
            message shows the accepted forms.
    """
    # Not stripped: text with spaces around it is not among the accepted forms.
    text = value if isinstance(value, str) else ""
    seconds = 0.0
    if _SECONDS.fullmatch(text):
        seconds = float(text)
    elif text and (match := _DURATION.fullmatch(text)):
        hours, minutes, rest = (float(part or 0) for part in match.groups())
        seconds = hours * 3600 + minutes * 60 + rest
    if not 0 < seconds < math.inf:
        raise ValueError(
            f"{value!r:.60} is not a valid time budget. Give seconds (3600) or hours, minutes and seconds in that "
            "order: 1h, 30m, 90s, 1h30m, 2h15m30s; it must be more than zero."
        )
    return seconds
