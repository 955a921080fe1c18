"""Which tasks fit into memory: a ledger of the memory that was reserved for busy workers. Pure.

The sum over busy workers of the largest estimate among their tasks stays under the limit. A task whose estimate
exceeds the limit runs alone: it is admitted when no other worker is busy, and nothing is admitted next to it.

A worker that must get memory (it has a source open, or a source has waited long enough) *claims* it. Claims are
served in order of arrival. The memory for the first one is kept free, so it becomes available as soon as enough
running tasks have ended; meanwhile, tasks that fit next to it continue.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Protocol


class MemoryPolicy(Protocol):
    """Decides which worker may use how much memory, in bytes."""

    @property
    def limited(self) -> bool:
        """False if everything fits, so that no estimates are needed."""
        ...

    def fits(self, worker: Hashable, amount: int) -> bool:
        """Whether ``worker`` may use ``amount`` bytes."""
        ...

    def reserve(self, worker: Hashable, amount: int) -> None:
        """Record that the tasks of ``worker`` need up to ``amount`` bytes; 0 when it has none left."""
        ...

    def claim(self, worker: Hashable, amount: int) -> None:
        """Queue ``worker`` for ``amount`` bytes, or update the amount and keep its place in the queue."""
        ...

    def drop_claim(self, worker: Hashable) -> None:
        """Forget the claim of ``worker``, if it has one."""
        ...


class NoMemoryLimit:
    """Everything fits."""

    limited = False

    def fits(self, worker: Hashable, amount: int) -> bool:
        """Always."""
        return True

    def reserve(self, worker: Hashable, amount: int) -> None:
        """Nothing to record."""

    def claim(self, worker: Hashable, amount: int) -> None:
        """Nothing to record."""

    def drop_claim(self, worker: Hashable) -> None:
        """Nothing to forget."""


class MemoryLimit:
    """One limit for all workers together.

    Args:
        limit: Bytes.

    Raises:
        ValueError: ``limit`` is not positive.
    """

    limited = True

    def __init__(self, limit: int) -> None:
        if limit <= 0:
            raise ValueError(f"memory limit must be positive, not {limit}")
        self.limit = limit
        self.used = 0
        self._reserved: dict[Hashable, int] = {}
        self._claims: dict[Hashable, int] = {}

    def fits(self, worker: Hashable, amount: int) -> bool:
        """Whether ``worker`` may use ``amount`` bytes (or what it has reserved already, if that is more)."""
        reserved = self._reserved.get(worker, 0)
        others = self.used - reserved
        claimed = self._claimed_by_another(worker)
        return others + claimed + max(reserved, amount) <= self.limit or (others == 0 and not claimed)

    def reserve(self, worker: Hashable, amount: int) -> None:
        """Record that the tasks of ``worker`` need up to ``amount`` bytes; 0 when it has none left."""
        self.used += amount - self._reserved.pop(worker, 0)
        if amount:
            self._reserved[worker] = amount
            self._claims.pop(worker, None)

    def claim(self, worker: Hashable, amount: int) -> None:
        """Queue ``worker`` for ``amount`` bytes, or update the amount and keep its place in the queue."""
        self._claims[worker] = amount

    def drop_claim(self, worker: Hashable) -> None:
        """Forget the claim of ``worker``, if it has one."""
        self._claims.pop(worker, None)

    def _claimed_by_another(self, worker: Hashable) -> int:
        """Bytes that the first claim keeps free, unless that claim is the worker's own."""
        if not self._claims:
            return 0
        first = next(iter(self._claims))
        return 0 if first == worker else self._claims[first]
