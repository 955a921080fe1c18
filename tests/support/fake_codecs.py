"""Codecs that misbehave at quality 13 and are a fast, lossy format otherwise. Tests register them by path."""

from __future__ import annotations

import dataclasses
import os
import resource
import signal
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np

from codecstudy.codecs.base import Encoder
from codecstudy.types import EncoderFacts, Parameter, Pixels, Setting

BAD = 13


def _pack(image: Pixels, setting: Setting) -> bytes:
    step = 1 + (100 - (setting.quality or 0)) // 10
    height, width = image.shape[:2]
    coarse = (image // step) * step
    return height.to_bytes(4, "big") + width.to_bytes(4, "big") + zlib.compress(coarse.tobytes(), 1)


def _unpack(data: bytes) -> Pixels:
    height, width = int.from_bytes(data[:4], "big"), int.from_bytes(data[4:8], "big")
    return np.frombuffer(zlib.decompress(data[8:]), np.uint8).reshape(height, width, 3).copy()


def make(
    name: str,
    misbehave: Callable[[], Any] | None = None,
    *,
    decode: Callable[[bytes], Any] = _unpack,
    seconds: float = 0.0,
) -> Encoder:
    def encode(image: Pixels, setting: Setting) -> bytes:
        if seconds:
            time.sleep(seconds)
        if misbehave is not None and setting.quality == BAD:
            return misbehave()
        return _pack(image, setting)

    return Encoder(
        EncoderFacts(
            id=name,
            format=name,
            title=name,
            extension=f".{name}",
            parameters=(Parameter("quality", "quality", 0, 100),),
        ),
        version=lambda: "fake 1",
        encode=encode,
        decode=decode,
        seconds_per_megapixel=lambda setting: 0.05,
    )


def _hang() -> None:
    time.sleep(3600)


def _hang_deaf() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(3600)


def _hang_with_child() -> None:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"])
    path = os.environ.get("FAKE_CODEC_PID_FILE")
    if path:
        with open(path, "w") as file:  # noqa: PTH123
            file.write(str(child.pid))
    time.sleep(3600)


def _eat_memory() -> bytes:
    hoard = []
    while True:
        hoard.append(np.ones(1 << 23))


def _interrupt_twice_and_hang() -> None:
    """As a user does whose run hangs; only for runs in the test's own process."""
    signal.raise_signal(signal.SIGINT)
    signal.raise_signal(signal.SIGINT)
    time.sleep(3600)


def _unpicklable() -> None:
    class LocalError(Exception):
        def __init__(self) -> None:
            super().__init__("cannot cross a process boundary")
            self.lock = sys.stdout

        def __reduce__(self) -> Any:
            raise TypeError("no pickling")

    raise LocalError


def _tell_kernel_cache() -> None:
    raise RuntimeError(f"kernels are in {os.environ.get('CODECSTUDY_KERNEL_CACHE')}")


def _raise() -> None:
    raise RuntimeError("encoder says no")


COUNTER_FILE = "FAKE_CODEC_COUNTER_FILE"
"""Variable that names a file to which ``COUNTER`` adds a byte for each encode."""
DRIFT = "FAKE_CODEC_DRIFT"
"""Variable with the number that ``DRIFTING`` lowers the quality by."""


def _counted(image: Pixels, setting: Setting) -> bytes:
    with open(os.environ[COUNTER_FILE], "a") as file:  # noqa: PTH123
        file.write(".")
    return _pack(image, setting)


def _drifting(image: Pixels, setting: Setting) -> bytes:
    quality = (setting.quality or 0) - 10 * int(os.environ[DRIFT])
    return _pack(image, dataclasses.replace(setting, parameters=(("quality", quality),)))


def _tell_limit() -> None:
    raise RuntimeError(f"limit {resource.getrlimit(resource.RLIMIT_DATA)[0]}")


GOOD = make("fakegood")
COUNTER = dataclasses.replace(make("fakecounter"), encode=_counted)
DRIFTING = dataclasses.replace(make("fakedrifting"), encode=_drifting)
SLOW = make("fakeslow", seconds=0.1)
SIGKILL = make("fakesigkill", lambda: os.kill(os.getpid(), signal.SIGKILL))
SEGV = make("fakesegv", lambda: os.kill(os.getpid(), signal.SIGSEGV))
EXIT = make("fakeexit", lambda: os._exit(7))
HANG = make("fakehang", _hang)
DEAF = make("fakedeaf", _hang_deaf)
CHILD = make("fakechild", _hang_with_child)
INTERRUPTED = make("fakeinterrupted", _interrupt_twice_and_hang)
MEMORY = make("fakememory", _eat_memory)
GARBAGE = make("fakegarbage", lambda: "text in place of bytes")
EMPTY = make("fakeempty", lambda: b"")
UNPICKLABLE = make("fakeunpicklable", _unpicklable)
TELL_KERNEL_CACHE = make("faketellkernelcache", _tell_kernel_cache)
LIMIT = make("fakelimit", _tell_limit)
RAISE = make("fakeraise", _raise)
LIAR = make("fakeliar", decode=lambda data: np.zeros((3, 3, 3), np.uint8))
FLOAT = make("fakefloat", decode=lambda data: _unpack(data).astype(np.float32))
CRASHING_DECODER = make("fakecrashing", decode=lambda data: os.kill(os.getpid(), signal.SIGSEGV))
HUNGRY_DECODER = make("fakehungry", decode=lambda data: np.zeros(1 << 50))
