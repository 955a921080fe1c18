"""How long a run may take, as people write it."""

from __future__ import annotations

import math
import re

_DURATION = re.compile(r"(?:([0-9]+)h)?(?:([0-9]+)m)?(?:([0-9]+)s)?")
_SECONDS = re.compile(r"[0-9]+(?:\.[0-9]+)?")


def parse_time_budget(value: str) -> float:
    """Seconds from ``"3600"``, ``"1h"``, ``"30m"``, ``"90s"``, ``"1h30m"`` or ``"2h15m30s"``.

    Raises ``ValueError``, showing the accepted forms, for anything else: also for nothing, zero, and what is
    negative or not finite.
    """
    # Not stripped: what has spaces around it is none of the accepted forms.
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
            "order: 1h, 30m, 90s, 1h30m, 2h15m30s; more than zero."
        )
    return seconds
