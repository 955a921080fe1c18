"""Runs commands of the command line in forked processes, which do not have to import everything again.

Started as ``python -m trials.forkserver``. Reads one JSON list of arguments per line, forks, and runs the command
in the forked process just as ``python -m codecstudy`` does: its own process, file descriptors and exit code.
Answers with two lines of JSON: the process id, and at the end the exit status and the peak memory.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
from typing import Any

from codecstudy.cli import main

LIBRARIES = (
    "httpx",
    "polars",
    "codecstudy.analysis.diff",
    "codecstudy.analysis.export",
    "codecstudy.analysis.recommend",
    "codecstudy.api",
    "codecstudy.execution.local",
    "codecstudy.pipeline",
    "codecstudy.report",
)
"""What commands import. Importing starts no threads; using polars does, which this process never does."""


def serve() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        request: dict[str, Any] = json.loads(line)
        child = os.fork()
        if child == 0:
            _become(request)
            # Nothing here catches what main raises: the interpreter ends as it does after a command.
            return main()
        print(json.dumps({"pid": child}), file=answers, flush=True)
        _, status, usage = os.wait4(child, 0)
        peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        ended = {"code": os.waitstatus_to_exitcode(status), "peak": peak}
        print(json.dumps(ended), file=answers, flush=True)
    return None


def _become(request: dict[str, Any]) -> None:
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDONLY)
    out = os.open(request["out"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    err = os.open(request["err"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for handle, wanted in ((nothing, 0), (out, 1), (err, 2)):
        os.dup2(handle, wanted)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.update(request["environment"])
    os.chdir(request["cwd"])
    sys.argv = ["codecstudy", *request["arguments"]]


if __name__ == "__main__":
    for library in LIBRARIES:
        importlib.import_module(library)
    serve()
