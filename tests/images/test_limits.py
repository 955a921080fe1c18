"""Files that are made to take all memory, or to be waited for: refused before they can."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from codecstudy import host, images
from codecstudy.errors import ImageError
from codecstudy.images import readers
from support.image_files import colours, giant_jpeg, saved

LIMITED = """
import resource, sys
from pathlib import Path
from codecstudy import images
from codecstudy.errors import ImageError
resource.setrlimit(resource.RLIMIT_DATA, (int(sys.argv[2]),) * 2)
try:
    images.load(Path(sys.argv[1]))
except ImageError as error:
    print(error)
# Not ru_maxrss, which begins with the peak of the process that forked this one.
status = Path("/proc/self/status").read_text()
print("peak", int(status.partition("VmHWM:")[2].split()[0]) // 1024)
"""

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_DATA is enforced by Linux alone")


def refusal(path: Path, limit: int = 512 << 20) -> tuple[str, int]:
    """What a process with ``limit`` bytes of memory says of a file, and the MiB that it has used at most."""
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(path), str(limit)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    said, _, peak = done.stdout.strip().rpartition("peak ")
    return said.strip(), int(peak)


def sparse(path: Path, head: bytes, size: int) -> Path:
    with path.open("wb") as file:
        file.write(head)
        file.truncate(size)
    return path


@LINUX
@pytest.mark.parametrize(
    ("head", "size", "says"),
    [
        (b"", 6 << 30, "is not an image in a known format"),
        (
            b"\x89PNG\r\n\x1a\n",
            6 << 30,
            "is a file of 6.4 GB, more than an uncompressed image of 500 megapixels needs",
        ),
        (b"\x89PNG\r\n\x1a\n", 1 << 30, "needs about 1.1 GB of memory to read a file of 1.1 GB"),
    ],
)
def test_a_huge_file_is_refused_without_reading_it(tmp_path: Path, head: bytes, size: int, says: str) -> None:
    said, peak = refusal(sparse(tmp_path / "x.png", head, size))
    assert says in said
    assert peak < 200


@LINUX
def test_a_size_that_does_not_fit_the_processs_memory_is_refused_with_figures(tmp_path: Path) -> None:
    path = tmp_path / "x.jpg"
    path.write_bytes(giant_jpeg(20000))
    said, peak = refusal(path)
    assert "needs about 5.2 GB of memory to decode 20000x20000 pixels" in said
    assert "--max-memory" in said
    assert peak < 200


@LINUX
def test_an_image_that_fits_is_loaded_under_a_limit(tmp_path: Path) -> None:
    path = tmp_path / "x.jpg"
    path.write_bytes(saved(colours(40, 50), "JPEG"))
    assert refusal(path)[0] == ""


def test_without_a_limit_of_its_own_a_process_has_what_the_machine_has() -> None:
    assert host.memory_left() is None or host.memory_left() > 0
    readers.check_size(20000, 20000, images.MAX_PIXELS)


def test_special_files_are_refused_and_never_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe, plug, device = tmp_path / "pipe.png", tmp_path / "socket.png", tmp_path / "device.png"
    os.mkfifo(pipe)
    device.symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as server:
        monkeypatch.chdir(tmp_path)  # the path of a socket may have about a hundred bytes
        server.bind(plug.name)
        for path, kind in ((pipe, "a named pipe"), (plug, "a socket"), (device, "a character device")):
            with pytest.raises(ImageError, match=f"cannot be read: it is {kind}"):
                images.load(path)
            with pytest.raises(OSError, match="not a regular file"):
                images.content_hash(path)
            assert images.dimensions(path) is None
