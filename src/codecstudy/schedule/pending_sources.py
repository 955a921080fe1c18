"""The sources that no worker has opened yet, in their order, and their total cost. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from codecstudy.schedule.cost_model import CostModel
from codecstudy.schedule.order import OrderPolicy
from codecstudy.schedule.types import SourceWork


class PendingSources:
    """Unopened sources. ``window`` contains the first ones; only those can be taken.

    Raises:
        ValueError: A source has no settings, two sources have the same index, or a source lacks the size of one
            of its settings.
    """

    def __init__(self, sources: Sequence[SourceWork], costs: CostModel, order: OrderPolicy) -> None:
        self._sources = sources
        self._costs = costs
        self._width = order.window
        self._next = 0
        self.window: list[SourceWork] = []
        self._area = np.zeros(len(costs.sizes))
        self._opening_area = 0.0
        self._add_all()
        self._fill()

    def __len__(self) -> int:
        return len(self.window) + len(self._sources) - self._next

    def take(self, source: SourceWork) -> None:
        """Remove ``source``, which must be in the window."""
        self._add(source, -1.0)
        self.window.remove(source)
        self._fill()

    def give_back(self, source: SourceWork) -> None:
        """Put ``source``, of which nothing has been run, back at the front."""
        self._add(source, 1.0)
        self.window.insert(0, source)

    def work(self) -> float:
        """Estimated seconds that one worker needs for all of them."""
        return max(0.0, float(self._area @ self._costs.rates) + self._costs.open_seconds(self._opening_area))

    def first_setting(self, source: SourceWork) -> int:
        """The setting that is run first: the longest one of the size that comes first."""
        settings = np.array(source.settings, dtype=np.intp)
        sizes = self._costs.sizes[settings]
        return int(settings[(self._costs.rates[settings] * (sizes == sizes[0])).argmax()])

    def estimate(self, source: SourceWork) -> tuple[float, float]:
        """Seconds that one worker needs for ``source``, and seconds until its longest task could end."""
        settings = np.array(source.settings, dtype=np.intp)
        seconds = self._costs.rates[settings] * np.array(source.megapixels)[self._costs.sizes[settings]]
        opening = [self._costs.open_seconds(area) for area in source.megapixels]
        return float(seconds.sum()) + sum(opening), float(seconds.max()) + max(opening)

    def _fill(self) -> None:
        more = max(0, self._width - len(self.window))
        self.window += self._sources[self._next : self._next + more]
        self._next = min(len(self._sources), self._next + more)

    def _add(self, source: SourceWork, sign: float) -> None:
        settings = np.array(source.settings, dtype=np.intp)
        self._area[settings] += sign * np.array(source.megapixels)[self._costs.sizes[settings]]
        self._opening_area += sign * sum(source.megapixels)

    def _add_all(self) -> None:
        # Sources with the same settings tuple are summed first: a million of them take a second, not minutes.
        sums: dict[int, tuple[SourceWork, list[float]]] = {}
        for source in self._sources:
            if not source.settings:
                raise ValueError(f"source {source.index} has no settings left to run; leave it out")
            known = sums.get(id(source.settings))
            if known is None or len(known[1]) != len(source.megapixels):
                if known is not None:
                    raise ValueError(
                        f"source {source.index} shares its settings with one that has other sizes"
                    )
                if max(self._costs.sizes[s] for s in source.settings) >= len(source.megapixels):
                    raise ValueError(f"source {source.index} lacks the size of one of its settings")
                sums[id(source.settings)] = (source, list(source.megapixels))
                continue
            for size, area in enumerate(source.megapixels):
                known[1][size] += area
        for source, total in sums.values():
            self._add(SourceWork(source.index, source.settings, total), 1.0)
        if len({source.index for source in self._sources}) != len(self._sources):
            raise ValueError("two sources have the same index")
