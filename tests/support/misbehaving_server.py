"""A real HTTP server on this machine that misbehaves as it is told to."""

from __future__ import annotations

import ssl
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Served:
    """One file and how it is served.

    ``cuts``: after how many bytes of the body each request's connection is dropped; requests beyond the
    list get all of it. ``claim`` is the length that the headers state. ``answers``: statuses of the first
    requests. ``pause``: seconds after every 1000 bytes. ``stall``: headers and then nothing.
    ``part``: the most that one answer to a request for a range gives, as the protocol allows.
    """

    body: bytes
    etag: str | None = '"1"'
    ranges: bool = True
    cuts: list[int] = field(default_factory=list)
    claim: int | None = None
    send_length: bool = True
    answers: list[int] = field(default_factory=list)
    location: str | None = None
    pause: float = 0.0
    stall: bool = False
    part: int | None = None


class FileServer:
    """Serves what ``files`` holds by path, and keeps every request's path and headers."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.files: dict[str, Served] = {}
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.released = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                outer._answer(self)

            def end_headers(self) -> None:
                self.send_header("Connection", "close")
                super().end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        class Quiet(ThreadingHTTPServer):
            def handle_error(self, *_: Any) -> None:
                pass  # a client that hangs up is what these tests are about

        self._server = Quiet(("127.0.0.1", 0), Handler)
        self._scheme = "http"
        if tls is not None:
            self._scheme = "https"
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    @property
    def port(self) -> int:
        return self._server.server_port

    def url(self, path: str) -> str:
        return f"{self._scheme}://127.0.0.1:{self.port}/{path}"

    def serve(self, path: str, body: bytes, **how: Any) -> Served:
        self.files[path] = Served(body, **how)
        return self.files[path]

    def close(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        path = handler.path.lstrip("/")
        self.requests.append((path, dict(handler.headers.items())))
        served = self.files.get(path)
        if served is None:
            handler.send_error(404)
            return
        status = served.answers.pop(0) if served.answers else 200
        if served.location is not None:
            handler.send_response(302)
            handler.send_header("Location", served.location)
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        if status != 200:
            handler.send_response(status)
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        self._send(handler, served)

    def _send(self, handler: BaseHTTPRequestHandler, served: Served) -> None:
        asked = handler.headers.get("Range")
        same = handler.headers.get("If-Range") in (None, served.etag)
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and served.ranges and same else 0
        if asked and served.ranges and same and start >= len(served.body):
            handler.send_response(416)
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        end = len(served.body) if served.part is None or not start else start + served.part
        body = served.body[start:end]
        handler.send_response(206 if start else 200)
        if start:
            last = start + len(body) - 1
            handler.send_header("Content-Range", f"bytes {start}-{last}/{len(served.body)}")
        if served.send_length:
            handler.send_header("Content-Length", str(len(body) if served.claim is None else served.claim))
        if served.etag:
            handler.send_header("ETag", served.etag)
        handler.end_headers()
        if served.stall:
            self.released.wait(10)
            return
        if served.cuts:
            body = body[: served.cuts.pop(0)]
        for at in range(0, len(body), 1000):
            handler.wfile.write(body[at : at + 1000])
            if served.pause:
                handler.wfile.flush()
                time.sleep(served.pause)
