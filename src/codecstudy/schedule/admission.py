"""Which task has room in memory: a ledger of what busy workers were admitted with. Pure.

The sum over busy workers of the dearest estimate among their tasks stays under the limit. A task that is dearer
than the limit runs alone: it is admitted when nobody else is busy, and nobody is admitted beside it.

A worker that must have room (it has a source open, or a source has waited its turn) *claims* it. Claims are
served first come, first served; the first one is set aside from what everybody else may use, so room for it is
there as soon as enough of the tasks now running have ended, and small tasks that fit beside it go on meanwhile.
"""

from __future__ import annotations

from collections.abc import Hashable


class Admission:
    """Bytes that workers hold and claim; ``limit`` None means there is always room."""

    def __init__(self, limit: int | None) -> None:
        if limit is not None and limit <= 0:
            raise ValueError(f"memory limit must be positive, not {limit}")
        self.limit = limit
        self.used = 0
        self._held: dict[Hashable, int] = {}
        self._claims: dict[Hashable, int] = {}

    def fits(self, worker: Hashable, amount: int) -> bool:
        """Whether ``worker`` may hold ``amount`` bytes (or what it holds already, if that is more)."""
        if self.limit is None:
            return True
        held = self._held.get(worker, 0)
        others = self.used - held
        claimed = self._claimed_against(worker)
        return others + claimed + max(held, amount) <= self.limit or (others == 0 and not claimed)

    def hold(self, worker: Hashable, amount: int) -> None:
        """Record that the dearest task of ``worker`` now needs ``amount`` bytes; 0 when it has none left."""
        self.used += amount - self._held.pop(worker, 0)
        if amount:
            self._held[worker] = amount
            self._claims.pop(worker, None)

    def claim(self, worker: Hashable, amount: int) -> None:
        """Queue ``worker`` for room of ``amount`` bytes, or renew its place in the queue."""
        self._claims[worker] = amount

    def drop_claim(self, worker: Hashable) -> None:
        """Forget the claim of ``worker``, if it has one."""
        self._claims.pop(worker, None)

    def _claimed_against(self, worker: Hashable) -> int:
        if not self._claims:
            return 0
        first = next(iter(self._claims))
        return 0 if first == worker else self._claims[first]
