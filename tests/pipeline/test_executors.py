"""The pipeline with other executors than the default one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from codecstudy import metrics
from codecstudy.errors import CodecstudyError
from codecstudy.execution import InlineExecutor
from codecstudy.execution.local import LocalExecutor
from codecstudy.measurement import selftest
from codecstudy.metrics import kernels
from codecstudy.pipeline import PipelineRunner, RunOptions, events
from codecstudy.results import StopReason
from support.pipeline_runs import FOUR, fake, study, timeless, workers


def test_a_run_in_this_process_gives_the_same_records(root: Path, photos: Path) -> None:
    config = study(*FOUR)
    inline = PipelineRunner(root / "inline").run(config, images=photos, num_workers=0)
    local = PipelineRunner(root / "local").run(config, images=photos, num_workers=2)
    assert inline.complete
    assert timeless(inline.measurements) == timeless(local.measurements)
    assert inline.run.workers == 1


def test_a_run_in_this_process_starts_no_other(root: Path, photos: Path) -> None:
    seen: list[int] = []
    config = study({"format": fake("GOOD"), "quality": [50, 60]})
    PipelineRunner(root).run(
        config, images=photos, num_workers=0, on_event=lambda event: seen.append(len(workers()))
    )
    assert set(seen) == {0}


def test_an_error_in_this_process_is_a_record(root: Path, photos: Path) -> None:
    config = study({"format": fake("RAISE"), "quality": [13, 50]})
    results = PipelineRunner(root).run(config, images=photos, num_workers=0)
    assert {(r.quality, r.status) for r in results.measurements} == {(13, "failed"), (50, "measured")}


def test_an_interrupt_in_this_process_completes_the_image(root: Path, photos: Path) -> None:
    config = study({"format": fake("GOOD"), "quality": [40, 50, 60]})

    def on_event(event: events.Event) -> None:
        if isinstance(event, events.Finished) and event.tasks_done == 1:
            os.kill(os.getpid(), signal.SIGINT)

    results = PipelineRunner(root).run(config, images=photos, num_workers=0, on_event=on_event)
    assert results.stop_reason is StopReason.INTERRUPTED
    assert results.run.images_measured == 1
    assert PipelineRunner(root).run(config, images=photos, num_workers=0).complete


def test_a_second_interrupt_in_this_process_ends_a_task_that_hangs(root: Path, photos: Path) -> None:
    config = study({"format": fake("INTERRUPTED"), "quality": [40, 13]})
    seen: list[events.Event] = []
    results = PipelineRunner(root).run(config, images=photos, num_workers=0, on_event=seen.append)
    assert results.stop_reason is StopReason.INTERRUPTED
    assert events.Interrupted(at_once=True, signal=signal.SIGINT) in seen
    assert results.run.images_measured == 0
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_task_timeout_that_cannot_be_enforced_is_refused(root: Path, photos: Path) -> None:
    config = study({"format": fake("GOOD"), "quality": 50})
    with pytest.raises(ValueError, match="task_timeout cannot be enforced"):
        PipelineRunner(root).run(config, images=photos, num_workers=0, task_timeout=5.0)
    assert not root.exists()


def test_workers_that_never_become_ready_end_the_run_in_this_process_too(
    root: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(names: object) -> None:
        raise RuntimeError("the metrics are broken")

    config = study({"format": fake("GOOD"), "quality": 50})
    monkeypatch.setattr(selftest, "check_metrics", fail)
    with pytest.raises(
        CodecstudyError, match=r"(?s)before they are ready: the worker could not start.*metrics are broken"
    ):
        PipelineRunner(root).run(config, images=photos, num_workers=0)


OTHER_PLATFORM = """
import os, socket, sys
import psutil  # has a version of its own for each system
for name in ("fcntl", "grp", "pwd", "resource", "termios"):
    sys.modules[name] = None
del os.fork, os.killpg, os.getpgid, os.waitid, os.O_NONBLOCK, os.O_CLOEXEC, socket.socketpair
from codecstudy import PipelineRunner, StudyConfig
config = StudyConfig.model_validate(
    {{"id": "test", "dataset": {{"id": "sample"}}, "encoders": [{{"format": "jpeg", "quality": 50}}]}}
)
print(PipelineRunner({root!r}).run(config, images={photos!r}, num_workers=0).stop_reason)
"""


def test_a_run_in_this_process_needs_nothing_that_only_posix_systems_have(root: Path, photos: Path) -> None:
    kernels.compile_all(metrics.names())
    script = OTHER_PLATFORM.format(root=str(root), photos=str(photos))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("completed\n", 0), done.stderr


@pytest.mark.parametrize("make", [InlineExecutor, lambda: LocalExecutor(2)])
def test_a_given_executor_runs_several_studies(root: Path, photos: Path, make: type[InlineExecutor]) -> None:
    executor = make()
    runner = PipelineRunner(root, executor=executor)
    for qualities in ([50], [50, 60]):
        config = study({"format": fake("GOOD"), "quality": qualities})
        results = runner.run(config, options=RunOptions(images=photos))
        assert results.complete
        assert results.run.workers == executor.capacity
    with pytest.raises(ValueError, match="omit num_workers"):
        runner.run(config, images=photos, num_workers=7)


def test_an_unknown_option_is_refused_by_name(root: Path, photos: Path) -> None:
    with pytest.raises(TypeError, match="imges"):
        PipelineRunner(root).run(study({"format": "jpeg", "quality": 50}), imges=photos)
