"""The order in which sources are opened. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OrderPolicy:
    """Sources are opened in the order given.

    A source that does not fit into the remaining budget or the free memory may be overtaken by one of the next
    ``window - 1`` sources; with a window of 1, never.
    """

    window: int = 16

    def __post_init__(self) -> None:
        if self.window < 1:
            raise ValueError(f"the window must be at least 1, not {self.window}")
