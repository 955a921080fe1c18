"""A pool of local worker processes that nothing a task does can ruin. It knows nothing of images.

Each worker is a process of its own with a pipe of its own. It takes its tasks in the order they were
submitted and starts the next without asking, so two submitted tasks keep it busy. Whatever becomes of a task
is an event: its value, the error it raised, or the death of its worker. A worker that dies or runs over a
deadline takes its whole process tree with it; if the parent dies, all workers end within seconds.

One thread uses a pool. Nothing happens between calls: deadlines are enforced, large payloads are sent and
answers are read while ``poll`` runs. A signal handler that raises can lose an event, so set a flag instead.
POSIX only (Linux, macOS): another system would need another pipe than ``socketpair`` and another end for a
process tree than its group.
"""

from codecstudy.execution.events import DeathReason, Died, Done, Event, HandlerError, Ready, Recalled
from codecstudy.execution.local.caller import Caller
from codecstudy.execution.local.pool import WorkerPool

__all__ = [
    "Caller",
    "DeathReason",
    "Died",
    "Done",
    "Event",
    "HandlerError",
    "Ready",
    "Recalled",
    "WorkerPool",
]
