"""Download one file over HTTP, with timeouts, retries and resuming."""

from __future__ import annotations

import ipaddress
import json
import re
import socket
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from codecstudy.errors import DatasetError

if TYPE_CHECKING:
    import httpx

Progress = Callable[[int, int | None], None]
"""Called with the bytes downloaded so far and the total (``None``: the server does not say)."""

_TRY_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class DownloadPolicy:
    """When a download gives up.

    Attributes:
        attempts: Consecutive failures without a new byte after which it gives up.
        backoff: Pause after the first failure, in seconds; doubled after each further one.
        connect_timeout: Seconds to wait for a connection.
        read_timeout: Seconds to wait for the next byte. A slow server is tolerated, a silent one is not.
        max_bytes: Largest allowed file size, in bytes.
        sleep: Function that pauses for a number of seconds.
    """

    attempts: int = 5
    backoff: float = 1.0
    connect_timeout: float = 15.0
    read_timeout: float = 60.0
    max_bytes: int = 64 << 30
    sleep: Callable[[float], None] = time.sleep


@dataclass(slots=True)
class _Known:
    """What is known about the file on the server; saved next to a partial file so that a later run can resume.

    ``validator`` is the ETag or the date by which the server can tell whether its file has changed since.
    """

    url: str
    validator: str | None = None
    total: int | None = None


class _TryAgainError(Exception):
    """The attempt failed, and another one may succeed."""


def download(url: str, file: Path, policy: DownloadPolicy, on_progress: Progress | None = None) -> None:
    """Download ``url`` into ``file``, resuming a partial file.

    The rest of a file is requested only if the server can confirm that its file is unchanged (``If-Range``,
    RFC 9110, section 13.1.5). In that case a failure leaves the partial file, with what is known about it next
    to it (suffix ``.json``).

    Args:
        url: An http or https address. Redirects are followed, but never from https to http, nor to any other
            scheme, nor from a public host to an address of this machine or of a private network.
        file: Where to write.
        policy: When to give up.
        on_progress: Called after each chunk.

    Raises:
        DatasetError: The server refuses, cannot be reached or does not deliver the whole file, or ``file``
            cannot be written.
    """
    known = _recall(file, url)
    if known.validator and _size(file) == known.total:
        return
    try:
        _try_until_done(file, known, policy, on_progress)
    except BaseException:
        if known.validator is None or not _size(file):
            discard(file)
        raise


def discard(file: Path) -> None:
    """Remove a downloaded file, whole or partial, and the notes about it."""
    file.unlink(missing_ok=True)
    _notes(file).unlink(missing_ok=True)


def _notes(file: Path) -> Path:
    return file.with_name(file.name + ".json")


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def _recall(file: Path, url: str) -> _Known:
    try:
        known = _Known(**json.loads(_notes(file).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):  # none, or cut short by a crash
        return _Known(url)
    return known if known.url == url else _Known(url)


def _try_until_done(file: Path, known: _Known, policy: DownloadPolicy, on_progress: Progress | None) -> None:
    import httpx  # takes longer to import than the rest of this package

    failures, furthest = 0, _size(file)
    try:
        with _client(policy) as client:
            while True:
                try:
                    return _transfer(client, file, known, policy.max_bytes, on_progress)
                except (httpx.TransportError, _TryAgainError) as error:
                    size = _size(file)
                    failures = 0 if size > furthest else failures + 1
                    furthest = max(furthest, size)
                    if failures >= policy.attempts:
                        kept = f"; {size / 1e6:.1f} MB are kept" if known.validator and size else ""
                        raise DatasetError(
                            f"Could not download {known.url}: {_reason(error)}. Gave up after {failures} "
                            f"consecutive attempts without new data{kept}. Run the command again later."
                        ) from error
                    policy.sleep(policy.backoff * 2 ** max(failures - 1, 0))
    except (httpx.RequestError, httpx.InvalidURL) as error:
        raise DatasetError(f"Could not download {known.url}: {_reason(error)}.") from error
    except OSError as error:  # a local error: httpx reports those of the network with its own exceptions
        raise DatasetError(
            f"Could not download {known.url} to {file}: {error}. Fix that and run the command again."
        ) from error


def _client(policy: DownloadPolicy) -> httpx.Client:
    import httpx

    try:
        return httpx.Client(
            # Bytes as they are in the file: otherwise lengths and ranges would not apply.
            headers={"Accept-Encoding": "identity"},
            timeout=httpx.Timeout(policy.read_timeout, connect=policy.connect_timeout),
            follow_redirects=True,
            event_hooks={"response": [_check_redirect]},
        )
    except (ImportError, OSError, ValueError, httpx.InvalidURL) as error:
        raise DatasetError(
            f"Cannot use the proxy or the certificates given by the environment (HTTPS_PROXY, ALL_PROXY, "
            f"SSL_CERT_FILE, ...): {_reason(error)}."
        ) from error


def _check_redirect(response: httpx.Response) -> None:
    """Refuse a redirect from https to http, to any other scheme, and from another network into this one."""
    if not response.has_redirect_location:
        return
    target = response.url.join(response.headers["Location"])
    allowed = ("https",) if response.url.scheme == "https" else ("http", "https")
    if target.scheme not in allowed or not target.host:
        raise DatasetError(
            f"Could not download {response.url}: it redirects to {target}, and from there only "
            f"{' and '.join(allowed)} addresses are followed."
        )
    if _is_local(target.host) and not _is_local(response.url.host):
        raise DatasetError(
            f"Could not download {response.url}: it redirects to {target}, an address of this machine or of a "
            "private network. If that is right, enter that address in the registry."
        )


def _is_local(host: str) -> bool:
    """Whether a host's name itself says that it is this machine, or is not on the internet; nothing is resolved."""
    name = host.rstrip(".").casefold()
    if name in ("", "localhost") or name.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        try:
            # Systems also accept 127.1 and 2130706433.
            address = ipaddress.IPv4Address(socket.inet_aton(name))
        except (OSError, ValueError):
            return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return not address.is_global


def _reason(error: Exception) -> str:
    return str(error).rstrip(".") or type(error).__name__


def _transfer(
    client: httpx.Client, file: Path, known: _Known, max_bytes: int, on_progress: Progress | None
) -> None:
    """Request the missing rest of ``file``, once, and append it."""
    if known.validator is None:
        file.unlink(missing_ok=True)
    done = _size(file)
    headers = {"Range": f"bytes={done}-", "If-Range": str(known.validator)} if done else {}
    with client.stream("GET", known.url, headers=headers) as response:
        status = f"{response.status_code} {response.reason_phrase}".strip()
        if response.status_code == 200:
            file.unlink(missing_ok=True)
            done = 0
            known.total = _content_length(response.headers)
            known.validator = _validator(response.headers)
            _notes(file).write_text(json.dumps(asdict(known)), encoding="utf-8")
        elif response.status_code in _TRY_AGAIN:
            raise _TryAgainError(f"the server answered {status}")
        elif response.status_code not in (206, 416):
            raise DatasetError(
                f"Could not download {known.url}: the server answered {status} instead of sending a file."
            )
        elif response.status_code == 416 or not _continues(response.headers, done, known.total):
            file.unlink(missing_ok=True)
            raise _TryAgainError(
                f"the server answered {status}: its file has changed since the download began"
            )
        with file.open("ab") as out:
            if on_progress is not None:
                on_progress(done, known.total)
            for chunk in response.iter_raw():
                done += len(chunk)
                if done > max_bytes:
                    raise DatasetError(f"{known.url} is larger than {max_bytes / 1e9:.0f} GB. Gave up.")
                out.write(chunk)
                if on_progress is not None:
                    on_progress(done, known.total)
    if known.total not in (None, done):
        raise _TryAgainError(f"the server sent {done} of {known.total} bytes")


def _content_length(headers: httpx.Headers) -> int | None:
    text = headers.get("Content-Length", "")
    return int(text) if text.isdecimal() else None


def _continues(headers: httpx.Headers, done: int, total: int | None) -> bool:
    """Whether a part begins where the file ends, and belongs to a file of the same length."""
    match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", headers.get("Content-Range", "").strip())
    return match is not None and int(match[1]) == done and match[2] in ("*", str(total))


def _validator(headers: httpx.Headers) -> str | None:
    etag: str = headers.get("ETag", "")
    date: str | None = headers.get("Last-Modified")
    # A weak tag (W/"...") says that the content is equivalent, not that the bytes are the same.
    return etag if etag.startswith('"') else date
