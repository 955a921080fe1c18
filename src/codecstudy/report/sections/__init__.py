"""The sections of the page: each is a module with a function ``build``, and a template beside it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class SectionValues:
    """What the template of one section shows, as plain values; the template escapes all texts.

    Every section extends this by fields of its own. Its ``build`` returns None where the section has nothing to
    show and is left out.
    """

    chart_data: dict[str, Any] = field(default_factory=dict)
    """What the section's script needs besides :func:`codecstudy.report.chart_data.chart_data`."""
