"""The executor that runs tasks in processes of this machine, and survives their crashes.

Each worker is a process with its own pipe. It takes its tasks in the order in which they were submitted and
starts the next one without asking, so two submitted tasks keep it busy. A worker that dies or exceeds a deadline
is ended with its whole process tree; if the parent dies, all workers end within seconds.

Nothing happens between calls: deadlines are enforced, large payloads are sent and answers are read only while
``poll`` runs. A signal handler that raises can lose an event, so set a flag instead. POSIX only (Linux, macOS):
another system would need a replacement for ``socketpair`` and for process groups.
"""

from codecstudy.execution.local.caller import Caller
from codecstudy.execution.local.executor import LocalExecutor

__all__ = ["Caller", "LocalExecutor"]
