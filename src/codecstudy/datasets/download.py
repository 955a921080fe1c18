"""One file over HTTP: redirects, timeouts, retries, resuming, and no file taken for whole that is not."""

from __future__ import annotations

import io
import json
import re
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from codecstudy.errors import DatasetError

Progress = Callable[[int, int | None], None]
"""Called with the bytes there are so far and the bytes there will be (``None``: the server does not say)."""

_CHUNK = 1 << 16
_TRY_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class DownloadPolicy:
    """How patient a download is.

    ``attempts`` counts failures in a row without one new byte. ``backoff`` is the pause in seconds after the
    first one, doubled after each further one. Timeouts, in seconds, are for connecting and for each
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
    notes = _notes(file)
    known = _recall(notes, url)
    if known.validator and _size(file) == known.total:
        return
    try:
        _try_until_done(_Transfer(url, file, notes, known, policy, on_progress), policy)
    except BaseException:
        if known.validator is None or not _size(file):
            discard(file)
        raise


def discard(file: Path) -> None:
    """Remove a downloaded file, whole or partial, and what is known of it."""
    file.unlink(missing_ok=True)
    _notes(file).unlink(missing_ok=True)


def _try_until_done(transfer: _Transfer, policy: DownloadPolicy) -> None:
    furthest = transfer.done
    failures = 0
    while True:
        try:
            transfer.run()
        except OSError as error:
            if not _may_pass(error):
                raise DatasetError(f"Could not download {transfer.url}: {_reason(error)}.") from error
            failures = 0 if transfer.done > furthest else failures + 1
            furthest = max(furthest, transfer.done)
            if failures >= policy.attempts:
                raise DatasetError(
                    f"Could not download {transfer.url}: {_reason(error)}. Gave up after {failures} attempts "
                    f"without one new byte{transfer.kept()}. Run the command again later."
                ) from error
            policy.sleep(policy.backoff * 2 ** max(failures - 1, 0))
        else:
            return


def _reason(error: OSError) -> str:
    # What requests says there repeats itself, and counts bytes from the last chunk on.
    return "the connection broke" if type(error).__name__ == "ChunkedEncodingError" else str(error)


def _may_pass(error: OSError) -> bool:
    """Whether the same request may succeed later. requests' errors for bad addresses are ValueErrors too."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    return status in _TRY_AGAIN if status is not None else not isinstance(error, ValueError)


def _notes(file: Path) -> Path:
    return file.with_name(file.name + ".json")


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def _recall(notes: Path, url: str) -> _Known:
    try:
        known = _Known(**json.loads(notes.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):  # none, or cut short by a crash: begin anew
        return _Known(url)
    return known if known.url == url else _Known(url)


class _Transfer:
    """The file that is written to, and one request after the other for what it lacks.

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
        self.url = url
        self._file = file
        self._notes = notes
        self._known = known
        self._policy = policy
        self._on_progress = on_progress
        self.done = _size(file)
        self._out: io.FileIO | None = None
        self._response: Any = None

    def kept(self) -> str:
        """What a later run need not download again, as an end of a sentence."""
        return f"; {self.done / 1e6:.1f} MB are kept" if self._known.validator and self.done else ""

    def run(self) -> None:
        """Ask for the rest of the file. Raises an OSError (requests' errors are such) where it does not come."""
        # pooch brings requests along, which takes longer to import than the rest of this package.
        from pooch import HTTPDownloader

        if self._known.validator is None:
            self._start_anew()
        # Bytes as they are in the file, or neither lengths nor ranges would mean anything.
        headers = {"Accept-Encoding": "identity"}
        if self.done:
            headers |= {"Range": f"bytes={self.done}-", "If-Range": str(self._known.validator)}
        fetch = HTTPDownloader(
            chunk_size=_CHUNK,
            headers=headers,
            timeout=(self._policy.connect_timeout, self._policy.read_timeout),
            hooks={"response": self._begin},
        )
        try:
            fetch(self.url, self, None)
        finally:
            if self._out is not None:
                self._out.close()
                self._out = None
            if self._response is not None:
                self._response.close()
                self._response = None
        if self._known.total is not None and self.done != self._known.total:
            raise _DroppedError(f"the server sent {self.done} of {self._known.total} bytes")

    def _begin(self, response: Any, **_: Any) -> None:
        self._response = response
        status = response.status_code
        if response.is_redirect or (status >= 400 and status != 416):
            return  # the next hop comes here too; pooch raises for the errors
        if status == 206:
            first, total = _content_range(response.headers)
            if first != self.done or total not in (None, self._known.total):
                self._start_anew()
                raise _DroppedError("the server sent a part of another file than the one begun with")
        elif status == 200:
            self._start_anew()
            self._known.total = _content_length(response.headers)
            self._known.validator = _validator(response.headers)
        elif status == 416:
            self._start_anew()
            raise _DroppedError("the file at the server is shorter than the part that is here")
        else:
            raise DatasetError(
                f"Could not download {self.url}: the server answered {status}, not with a file."
            )
        try:
            self._notes.write_text(json.dumps(asdict(self._known)), encoding="utf-8")
            # Unbuffered, so that a full disk shows here and not when the file is closed.
            self._out = self._file.open("ab", buffering=0)
        except OSError as error:
            raise self._cannot_write(error) from error
        self._report()

    def _start_anew(self) -> None:
        self._file.unlink(missing_ok=True)
        self.done = 0

    def write(self, chunk: bytes) -> int:
        """Take the next bytes of the body."""
        assert self._out is not None, "bytes before the headers"
        if self.done + len(chunk) > self._policy.max_bytes:
            raise DatasetError(f"{self.url} is larger than {self._policy.max_bytes / 1e9:.0f} GB. Gave up.")
        rest = memoryview(chunk)
        try:
            while rest:
                rest = rest[self._out.write(rest) :]
        except OSError as error:
            raise self._cannot_write(error) from error
        self.done += len(chunk)
        self._report()
        return len(chunk)

    def _cannot_write(self, error: OSError) -> DatasetError:
        # Not an OSError any more: asking the server again does not mend a full disk.
        return DatasetError(f"Cannot write {self._file}: {error.strerror}. Mend that and run again.")

    def flush(self) -> None:
        """Part of what pooch asks of a file; the file is flushed when it is closed."""

    def _report(self) -> None:
        if self._on_progress is not None:
            self._on_progress(self.done, self._known.total)


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
