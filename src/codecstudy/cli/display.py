"""Shows the progress of a run: a live line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import signal
import time
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

from codecstudy.analysis.wording import count as count
from codecstudy.cli.app import print_line
from codecstudy.pipeline import events

PLAIN_SECONDS = 10.0
"""Seconds between two progress lines without a terminal."""


class Display(Protocol):
    """Shows a run, based only on its events."""

    def __call__(self, event: events.Event) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def duration(seconds: float) -> str:
    """Seconds as text, e.g. ``8 s``, ``3 min 20 s`` or ``2 h 05 min``."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def size(number: float) -> str:
    """Bytes as text, e.g. ``20 kB``, ``3 MB`` or ``1.2 GB``."""
    if number >= 1e9:
        return f"{number / 1e9:,.1f} GB"
    return f"{number / 1e6:,.0f} MB" if number >= 1e6 else f"{number / 1e3:,.0f} kB"


def disk_needed(started: events.Started) -> str:
    """How much disk a run needs, and how much there is."""
    free = "" if started.disk_free is None else f", {size(started.disk_free)} free"
    return f"about {size(started.disk_bytes)} on disk{free}"


class Silent:
    """Shows nothing."""

    def __call__(self, event: events.Event) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass


class _Tally:
    """The numbers that both displays show."""

    def __init__(self) -> None:
        self.start: events.Started | None = None
        self.began = time.monotonic()
        self.tasks = 0
        self.images = 0
        self.failures = 0
        self.megapixels = 0.0
        self.seconds_left = 0.0
        self.finishing = False

    def add(self, event: events.Event) -> None:
        match event:
            case events.Started():
                # A verification consists of several runs.
                self.start, self.began = event, time.monotonic()
                self.megapixels, self.failures, self.finishing = 0.0, 0, False
                self.seconds_left = event.estimated_seconds
            case events.Finished():
                self.tasks, self.images = event.tasks_done, event.images_done
                self.megapixels += event.megapixels
                self.seconds_left = event.seconds_left
            case events.Failed():
                self.tasks, self.images = event.tasks_done, event.images_done
                self.failures += 1
            case events.BudgetSpent():
                self.finishing = True

    def line(self) -> str:
        assert self.start is not None
        elapsed = max(time.monotonic() - self.began, 1e-3)
        parts = [
            f"{self.images}/{self.start.images} images",
            f"{self.tasks / elapsed:.1f} tasks/s",
            f"{self.megapixels / elapsed:.1f} MP/s",
        ]
        budget_left = None if self.start.time_budget is None else self.start.time_budget - elapsed
        if budget_left is None or self.finishing or budget_left <= 0:
            parts.append(f"about {duration(self.seconds_left)} left")
        else:
            parts.append(f"budget {duration(budget_left)} left")
        if self.failures:
            parts.append(count(self.failures, "failure"))
        return ", ".join(parts)


def _announcement(event: events.Event) -> str | None:
    """The line for an event that every display prints; None for other events."""
    match event:
        case events.Started():
            line = (
                f"{event.study_id}{'' if event.shard is None else f', {event.shard}'}: "
                f"{count(event.images, 'image')} x {count(event.settings, 'setting')}, "
                f"{count(event.tasks, 'task')} on {count(event.workers, 'worker')}"
            )
            if event.known:
                line += f"; {event.known:,} more were measured in earlier runs"
            if event.tasks:
                line += f"; about {duration(event.estimated_seconds)}"
            if event.time_budget is not None:
                line += f", budget {duration(event.time_budget)}"
            if event.disk_free is not None and event.disk_bytes > event.disk_free:
                line += (
                    f"; warning: the run needs {disk_needed(event)}. Free some space, or use another --root: when "
                    "the disk is full, the run ends"
                )
            return line
        case events.StoreMigrated():
            return f"the measurement store has a new schema; the old file is kept as {event.backup}"
        case events.StoreDamaged():
            return (
                f"{event.path}: {count(event.rows, 'row')} with a wrong checksum; what they contained "
                "is measured again"
            )
        case events.Compiling():
            line = "compiling metric kernels, once per machine"
            return f"{line} ({event.note})" if event.note else line
        case events.Failed():
            task = "" if event.failure.kind == "source" else f", {event.setting.label()}"
            return f"failed: {event.image}{task}: {event.failure.reason}"
        case events.WorkerReplaced():
            return f"worker {event.worker} replaced: {event.reason}"
        case events.BudgetSpent():
            return (
                f"no further image fits into the time budget (after {duration(event.seconds)}): "
                f"{count(event.images_open, 'image')} in progress will be completed, "
                f"{event.images_left} will not be started"
            )
        case events.Interrupted(at_once=False, signal=number) if number not in (None, signal.SIGINT):
            return "interrupted: images in progress will be completed"
        case events.Interrupted(at_once=False):
            return (
                "interrupted: images in progress will be completed (press Ctrl-C again to stop immediately)"
            )
        case events.Interrupted():
            return "stopping immediately; completed measurements are kept"
    return None


MAX_FAILURE_LINES = 20
"""Failures that are printed during a run; the summary lists all of them by reason."""


class _Announcer:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._failed: set[str] = set()
        self._compiling = False

    def __call__(self, event: events.Event) -> None:
        if isinstance(event, events.Compiling):
            # These events are repeated to show progress.
            if self._compiling:
                return
            self._compiling = True
        if isinstance(event, events.Failed):
            # Every task of an unreadable source fails for the same reason: print it once.
            what = event.image if event.failure.kind == "source" else f"{event.image} {event.setting.label()}"
            if what in self._failed or len(self._failed) > MAX_FAILURE_LINES:
                return
            self._failed.add(what)
            if len(self._failed) > MAX_FAILURE_LINES:
                self._console.print("more failures are listed at the end", style="yellow", highlight=False)
                return
        text = _announcement(event)
        if text is not None:
            style = "yellow" if isinstance(event, events.Failed | events.WorkerReplaced) else None
            print_line(self._console, text, style=style)


class Plain:
    """Lines without control characters, for logs and pipes."""

    def __init__(self, console: Console) -> None:
        self._console, self._tally, self._announce = console, _Tally(), _Announcer(console)
        self._last = time.monotonic()
        self._compiled = 0

    def __call__(self, event: events.Event) -> None:
        self._tally.add(event)
        self._announce(event)
        if isinstance(event, events.Compiling) and event.done > self._compiled:
            self._compiled = event.done
            self._console.print(
                f"compiled {event.done} of {event.total} ({event.seconds:.0f} s)", highlight=False
            )
        if isinstance(event, events.Finished) and time.monotonic() - self._last >= PLAIN_SECONDS:
            self._last = time.monotonic()
            self._console.print(self._tally.line(), highlight=False, soft_wrap=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass


class Live:
    """A progress bar that is redrawn in place, with failures printed above it."""

    def __init__(self, console: Console) -> None:
        self._tally, self._announce = _Tally(), _Announcer(console)
        self._progress = Progress(
            SpinnerColumn(),
            BarColumn(bar_width=24),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.description}"),
            console=console,
            refresh_per_second=4,
            transient=True,
        )
        self._bar = self._progress.add_task("", total=None)

    def __call__(self, event: events.Event) -> None:
        self._tally.add(event)
        self._announce(event)
        match event:
            case events.Compiling():
                self._progress.update(
                    self._bar,
                    total=event.total,
                    completed=event.done,
                    description=f"compiling metric kernels ({event.seconds:.0f} s)",
                )
            case events.Started():
                self._progress.update(
                    self._bar, total=event.tasks or 1, completed=0, description="starting workers"
                )
            case events.Finished() | events.Failed():
                assert self._tally.start is not None
                self._progress.update(
                    self._bar,
                    total=self._tally.start.tasks,
                    completed=self._tally.tasks,
                    description=self._tally.line(),
                )

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()


def display_for(console: Console, quiet: bool) -> Display:
    """The suitable display: none if ``quiet``, a live one on a terminal, plain lines elsewhere."""
    if quiet:
        return Silent()
    return Live(console) if console.is_terminal else Plain(console)


class Kernels:
    """Compiles metric kernels and shows the progress, for commands that need them outside a run."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def ensure(self, names: tuple[str, ...]) -> None:
        """Compile the kernels of the built-in metrics among ``names``, unless they are compiled already."""
        from codecstudy import metrics
        from codecstudy.metrics import kernels

        names = metrics.packages(names)
        if kernels.is_compiled(names):
            return
        with Live(self._console) if self._console.is_terminal else Plain(self._console) as display:
            kernels.compile_all(
                names,
                on_progress=lambda progress: display(
                    events.Compiling(progress.done, progress.total, progress.elapsed, kernels.cache_note())
                ),
            )
