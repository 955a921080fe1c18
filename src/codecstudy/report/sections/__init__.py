"""The sections of the page: each is a module with a function ``build``, and a template next to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class SectionValues:
    """What the template of one section shows, as plain values; the template escapes all text.

    Sections add their own fields in a subclass. A section's ``build`` returns None if the section has nothing to
    show; it is then left out.
    """

    chart_data: dict[str, Any] = field(default_factory=dict)
    """Data for the section's script, in addition to :func:`codecstudy.report.chart_data.chart_data`."""
