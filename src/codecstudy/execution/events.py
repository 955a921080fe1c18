"""The events that an executor reports."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Literal

DeathReason = Literal["crash", "timeout", "memory"]


@dataclass(frozen=True, slots=True)
class HandlerError:
    """The value of a task whose handler raised, or whose payload or value cannot be pickled."""

    kind: str
    """Name of the exception's type, such as ``MemoryError``."""
    message: str
    traceback: str


@dataclass(frozen=True, slots=True)
class Ready:
    """A worker has created its handler and accepts tasks."""

    worker: int
    startup_seconds: float


@dataclass(frozen=True, slots=True)
class Done:
    """A task has ended and its worker is still alive."""

    worker: int
    task: Hashable
    value: object
    wall_seconds: float
    peak_rss: int | None
    """Peak resident bytes of the worker process, without its children, during the task (Linux) or since its start
    (elsewhere); None if unknown."""


_FROM_OTHERS = {"SIGKILL", "SIGTERM", "SIGINT", "SIGHUP"}


@dataclass(frozen=True, slots=True)
class Died:
    """A worker is gone, along with its process tree and all its tasks; ``replace`` starts another."""

    worker: int
    running: Hashable | None
    """The task that it had started but not ended."""
    queued: tuple[Hashable, ...]
    """Tasks that it had not started."""
    reason: DeathReason
    """``timeout``: the executor ended it because a deadline had passed. ``memory``: it was killed by SIGKILL and
    the cgroup counts an out-of-memory kill, or it reported on standard error that it could not allocate memory.
    ``crash``: anything else, including a lack of memory without such evidence, as when a library dereferences a
    null pointer that it did not check."""
    signal_name: str | None
    exit_code: int | None
    """None if a signal ended the process, and for workers that are not processes."""
    detail: str
    """What the executor noticed, if anything, and the end of standard error since the task's start; or the
    traceback of a handler that could not be created."""
    was_ready: bool = True
    """False if it died while starting. Workers that keep doing so have a broken handler."""
    stage: str | None = None
    """What the handler had last said that it was doing in ``running`` (see :class:`Executor`); None if it had said
    nothing, or if the executor does not pass it on."""

    @property
    def killed_by_others(self) -> bool:
        """Whether another program, or the kernel, ended it by a signal."""
        return self.reason != "timeout" and self.signal_name in _FROM_OTHERS

    def how(self) -> str:
        """How it ended, as text that is the same each time, because it goes into records."""
        if self.reason == "timeout":
            return "ran over its deadline and was ended"
        if self.signal_name is not None:
            how = f"the worker process was killed by {self.signal_name}"
        elif self.exit_code is None:
            how = "the worker could not start"
        else:
            how = f"the worker process ended with exit code {self.exit_code}"
        return f"{how} (out of memory)" if self.reason == "memory" else how


Event = Ready | Done | Died
