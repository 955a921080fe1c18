from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme

from codecstudy.datasets import DownloadPolicy
from support.dataset_archives import register
from support.misbehaving_server import FileServer


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    running = FileServer()
    yield running
    running.close()


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def https_server(
    authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[FileServer]:
    """A server with a certificate that this process trusts."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    trusted = tmp_path_factory.mktemp("tls") / "ca.pem"
    authority.cert_pem.write_to_path(str(trusted))
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    running = FileServer(context)
    yield running
    running.close()


@pytest.fixture
def root(tmp_path: Path, server: FileServer) -> Path:
    """A project whose registry has the dataset ``set``."""
    register(tmp_path, server)
    return tmp_path


@pytest.fixture
def naps() -> list[float]:
    """The pauses that a download asked for."""
    return []


@pytest.fixture
def policy(naps: list[float]) -> DownloadPolicy:
    """Retries without waiting."""
    note: Callable[[float], None] = naps.append
    return DownloadPolicy(attempts=3, backoff=1.0, connect_timeout=5, read_timeout=5, sleep=note)
