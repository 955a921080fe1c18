"""One file over HTTP: redirects, timeouts, retries, resuming, and no file taken for whole that is not."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

from codecstudy.errors import DatasetError

Progress = Callable[[int, int | None], None]
"""Called with the bytes there are so far and the bytes there will be (``None``: the server does not say)."""

_CHUNK = 1 << 16
_TRY_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class DownloadPolicy:
    """How patient a download is.

    ``attempts`` counts failures in a row without one new byte. ``backoff`` is the pause in seconds after the
    first failure, doubled after each further one. Timeouts, in seconds, are for connecting and for each
    single read: a slow server is fine, a silent one is not.
    """

    attempts: int = 5
    backoff: float = 1.0
    connect_timeout: float = 15.0
    read_timeout: float = 60.0
    max_bytes: int = 64 << 30
    sleep: Callable[[float], None] = time.sleep


@dataclass(slots=True)
class _Known:
    """What is known of the file at the server, kept beside the partial one so that a later run can resume.

    ``validator`` is the ETag or the date that makes sure that it is still the same file.
    """

    url: str
    validator: str | None = None
    total: int | None = None


class _DroppedError(OSError):
    """The transfer ended early; another attempt may help."""


def download(url: str, file: Path, policy: DownloadPolicy, on_progress: Progress | None = None) -> None:
    """Fetch ``url`` into ``file``, going on with what is there of it already.

    A partial ``file`` is left after a failure where the server can be asked for the rest of it; what is known
    of it lies beside it with the suffix ``.json``. The rest is only asked for where the server can tell that
    its file has not changed since (``If-Range``, RFC 9110, section 13.1.5).

    Raises:
        DatasetError: the server refuses, or could not be reached, or never delivered the whole file.
    """
    notes = file.with_name(file.name + ".json")
    known = _recall(notes, url)
    if known.validator is None:
        file.unlink(missing_ok=True)
    furthest = _size(file)
    if known.total is not None and furthest == known.total:
        return
    failures = 0
    while True:
        try:
            _Transfer(url, file, notes, known, policy, on_progress).run()
        except OSError as error:
            if not _may_pass(error):
                raise DatasetError(f"Could not download {url}: {error}.") from error
            failures = 1 if _size(file) > furthest else failures + 1
            furthest = max(furthest, _size(file))
            if failures >= policy.attempts:
                raise DatasetError(
                    f"Could not download {url}: {error}. Gave up after {failures} attempts"
                    f"{_kept(known, furthest)}; run the command again later."
                ) from error
            policy.sleep(policy.backoff * 2 ** (failures - 1))
        else:
            return


def _kept(known: _Known, size: int) -> str:
    return f"; {size / 1e6:.1f} MB are kept and need not be fetched again" if known.validator and size else ""


def _may_pass(error: OSError) -> bool:
    """Whether the same request may succeed later. requests' errors for bad addresses are ValueErrors too."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    return status in _TRY_AGAIN if status is not None else not isinstance(error, ValueError)


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def _recall(notes: Path, url: str) -> _Known:
    try:
        known = _Known(**json.loads(notes.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):  # none, or cut short by a crash: begin anew
        return _Known(url)
    return known if known.url == url else _Known(url)


class _Transfer:
    """One request, and the file that its answer is written to.

    pooch's downloader does the request and writes to this object as to a file; requests calls ``_begin`` once
    the answer's headers are there and before the first byte.
    """

    def __init__(
        self,
        url: str,
        file: Path,
        notes: Path,
        known: _Known,
        policy: DownloadPolicy,
        on_progress: Progress | None,
    ) -> None:
        self._url = url
        self._file = file
        self._notes = notes
        self._known = known
        self._policy = policy
        self._on_progress = on_progress
        self._done = _size(file)
        self._out: BinaryIO | None = None
        self._response: Any = None

    def run(self) -> None:
        # pooch brings requests along, which takes longer to import than the rest of this package.
        from pooch import HTTPDownloader

        # Bytes as they are in the file, or neither lengths nor ranges would mean anything.
        headers = {"Accept-Encoding": "identity"}
        if self._done:
            headers |= {"Range": f"bytes={self._done}-", "If-Range": str(self._known.validator)}
        fetch = HTTPDownloader(
            chunk_size=_CHUNK,
            headers=headers,
            timeout=(self._policy.connect_timeout, self._policy.read_timeout),
            hooks={"response": self._begin},
        )
        try:
            fetch(self._url, self, None)
        finally:
            if self._out is not None:
                self._out.close()
            if self._response is not None:
                self._response.close()
        if self._known.total is not None and self._done != self._known.total:
            raise _DroppedError(f"the server sent {self._done} of {self._known.total} bytes")

    def _begin(self, response: Any, **_: Any) -> None:
        self._response = response
        status = response.status_code
        if response.is_redirect or (status >= 400 and status != 416):
            return  # the next hop comes here too; pooch raises for the errors
        if status == 206:
            first, total = _content_range(response.headers)
            if first != self._done:
                self._start_anew()
                raise _DroppedError(f"the server sent another part than the one from byte {self._done} on")
        elif status == 200:
            self._start_anew()
            total = _content_length(response.headers)
        elif status == 416:
            self._start_anew()
            raise _DroppedError("the file at the server is shorter than the part that is here")
        else:
            raise DatasetError(
                f"Could not download {self._url}: the server answered {status}, not with a file."
            )
        self._known.total = total
        self._known.validator = _validator(response.headers)
        self._notes.write_text(json.dumps(asdict(self._known)), encoding="utf-8")
        self._out = self._file.open("ab")
        self._report()

    def _start_anew(self) -> None:
        self._file.unlink(missing_ok=True)
        self._done = 0

    def write(self, chunk: bytes) -> int:
        """Take the next bytes of the body."""
        assert self._out is not None, "bytes before the headers"
        if self._done + len(chunk) > self._policy.max_bytes:
            raise DatasetError(f"{self._url} is larger than {self._policy.max_bytes / 1e9:.0f} GB. Gave up.")
        try:
            self._out.write(chunk)
        except OSError as error:  # a full disk is not mended by asking the server again
            raise DatasetError(f"Cannot write {self._file}: {error.strerror}.") from error
        self._done += len(chunk)
        self._report()
        return len(chunk)

    def flush(self) -> None:
        """Part of what pooch asks of a file; the file is flushed when it is closed."""

    def _report(self) -> None:
        if self._on_progress is not None:
            self._on_progress(self._done, self._known.total)


def _content_length(headers: Any) -> int | None:
    text = headers.get("Content-Length", "")
    return int(text) if text.isdecimal() else None


def _content_range(headers: Any) -> tuple[int, int | None]:
    match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", headers.get("Content-Range", "").strip())
    if match is None:
        return -1, None
    return int(match[1]), None if match[2] == "*" else int(match[2])


def _validator(headers: Any) -> str | None:
    etag = headers.get("ETag", "")
    # A weak tag (W/"...") says that the content means the same, not that the bytes are the same.
    if etag.startswith('"'):
        return str(etag)
    return headers.get("Last-Modified") or None
