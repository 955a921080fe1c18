from __future__ import annotations

import dataclasses
import hashlib
import resource
import socket
from pathlib import Path
from typing import Any

import pytest

from codecstudy.datasets import DownloadPolicy, fetch, open_dataset
from codecstudy.errors import DatasetError, DatasetMissingError
from support.dataset_archives import ARCHIVE, NOISE, fetch_set, left, partial, register, zipped
from support.misbehaving_server import FileServer


def test_follows_redirects(root: Path, server: FileServer, policy: DownloadPolicy) -> None:
    server.serve("set.zip", b"", location=server.url("moved/set.zip"))
    server.serve("moved/set.zip", ARCHIVE)
    assert len(fetch_set(root, policy=policy).images) == 3


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://127.0.0.1/x"])
def test_a_redirect_to_anything_but_http_is_refused(
    root: Path, server: FileServer, policy: DownloadPolicy, location: str
) -> None:
    server.serve("set.zip", b"", location=location)
    with pytest.raises(DatasetError, match=r"redirects to (file|ftp):.*only http and https addresses"):
        fetch_set(root, policy=policy)
    assert len(server.requests) == 1
    assert left(root) == []


@pytest.mark.parametrize("begins_with", ["https", "http"])
def test_a_redirect_from_https_to_http_is_refused(
    root: Path, server: FileServer, https_server: FileServer, policy: DownloadPolicy, begins_with: str
) -> None:
    server.serve("begin", b"", location=https_server.url("begin"))
    https_server.serve("begin", b"", location=https_server.url("moved"))
    https_server.serve("moved", b"", location=server.url("set.zip"))
    server.serve("set.zip", ARCHIVE)
    begin = https_server.url("begin") if begins_with == "https" else server.url("begin")
    register(root, server, url=begin, sha256=hashlib.sha256(ARCHIVE).hexdigest())
    with pytest.raises(DatasetError, match=r"redirects to http://.*only https addresses are followed"):
        fetch_set(root, policy=policy)
    assert "set.zip" not in [path for path, _ in server.requests]
    assert left(root) == []


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SSL_CERT_FILE", "nowhere.pem"),
        ("ALL_PROXY", "gopher://127.0.0.1"),
    ],
)
def test_an_environment_that_cannot_be_used_is_named(
    root: Path, policy: DownloadPolicy, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(DatasetError, match="proxy or the certificates given by the environment"):
        fetch_set(root, policy=policy)
    assert left(root) == []


def test_redirects_stay_on_https_and_may_lead_there(
    root: Path, server: FileServer, https_server: FileServer, policy: DownloadPolicy
) -> None:
    server.serve("set.zip", b"", location=https_server.url("set.zip"))
    https_server.serve("set.zip", b"", location=https_server.url("moved.zip"))
    https_server.serve("moved.zip", ARCHIVE)
    assert len(fetch_set(root, policy=policy).images) == 3


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "LOCALHOST.",
        "2130706433",
        "127.1",
        "0.0.0.0",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "10.0.0.1",
        "169.254.169.254",
    ],
)
def test_a_redirect_from_a_public_host_to_a_local_one_is_refused(
    root: Path, server: FileServer, policy: DownloadPolicy, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    # The server on this machine, as a proxy, answers in the place of the public host.
    monkeypatch.setenv("http_proxy", server.url(""))
    register(root, server, url="http://data.example/set.zip")
    server.serve("http://data.example/set.zip", b"", location=f"http://{host}:{server.port}/secret.zip")
    server.serve("secret.zip", ARCHIVE)
    with pytest.raises(DatasetError, match="an address of this machine or of a private network"):
        fetch_set(root, policy=policy)
    assert [path for path, _ in server.requests] == ["http://data.example/set.zip"]
    assert left(root) == []


def test_a_certificate_that_nobody_vouches_for_is_refused(
    root: Path, https_server: FileServer, policy: DownloadPolicy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    register(root, https_server)
    https_server.serve("set.zip", ARCHIVE)
    with pytest.raises(DatasetError, match="certificate verify failed"):
        fetch_set(root, policy=policy)
    assert left(root) == []


def test_a_redirect_that_never_ends_is_given_up_on(
    root: Path, server: FileServer, policy: DownloadPolicy
) -> None:
    server.serve("set.zip", b"", location=server.url("set.zip"))
    with pytest.raises(DatasetError, match="redirect"):
        fetch_set(root, policy=policy)
    assert left(root) == []


def test_a_slow_server_is_waited_for(root: Path, server: FileServer, policy: DownloadPolicy) -> None:
    server.serve("set.zip", ARCHIVE, pause=0.0005)
    assert len(fetch_set(root, policy=policy).images) == 3
    assert len(server.requests) == 1


def test_a_silent_server_is_given_up_on(root: Path, server: FileServer, policy: DownloadPolicy) -> None:
    server.serve("set.zip", ARCHIVE, stall=True)
    with pytest.raises(DatasetError, match="Gave up after 3 consecutive attempts"):
        fetch_set(root, policy=dataclasses.replace(policy, read_timeout=0.1))
    assert len(server.requests) == 3
    assert left(root) == []


def test_a_dropped_connection_is_resumed_where_it_broke(
    root: Path, server: FileServer, policy: DownloadPolicy, naps: list[float]
) -> None:
    register(root, server, sha256=hashlib.sha256(ARCHIVE).hexdigest())
    server.serve("set.zip", ARCHIVE, cuts=[150_000, 100_000, 0, 0])
    assert fetch_set(root, policy=policy).path("photos/a.png").read_bytes() == NOISE
    asked = [headers.get("Range") for _, headers in server.requests]
    assert asked == [None, *(f"bytes={size}-" for size in (150_000, 250_000, 250_000, 250_000))]
    # The limit applies to consecutive failures without a new byte.
    assert naps == [1.0, 1.0, 1.0, 2.0]


def test_an_interrupted_download_is_resumed_by_the_next_one(
    root: Path, server: FileServer, policy: DownloadPolicy
) -> None:
    server.serve("set.zip", ARCHIVE, cuts=[150_000, 0, 0, 0])
    with pytest.raises(
        DatasetError, match=r"Gave up after 3 consecutive attempts without new data; 0\.1 MB are kept"
    ):
        fetch_set(root, policy=policy)
    with pytest.raises(DatasetMissingError):
        open_dataset(root, "set")
    assert left(root) == [".fetch-set"]
    assert partial(root) == ["archive.part", "archive.part.json"]
    server.requests.clear()
    server.files["set.zip"].cuts.clear()
    assert len(fetch_set(root, policy=policy).images) == 3
    assert [headers.get("Range") for _, headers in server.requests] == ["bytes=150000-"]
    assert left(root) == ["set"]


def test_control_c_leaves_what_can_be_resumed(root: Path, server: FileServer, policy: DownloadPolicy) -> None:
    server.serve("set.zip", NOISE * 3 + ARCHIVE)

    def interrupt(done: int, total: int | None) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch_set(root, interrupt, policy=policy)
    assert left(root) == [".fetch-set"]
    server.requests.clear()
    assert len(fetch_set(root, policy=policy).images) == 3  # a zip may have junk before it
    (request,) = server.requests
    assert "Range" in request[1]


def test_begins_anew_where_the_file_has_changed(
    root: Path, server: FileServer, policy: DownloadPolicy
) -> None:
    server.serve("set.zip", ARCHIVE, cuts=[150_000, 0, 0, 0])
    with pytest.raises(DatasetError):
        fetch_set(root, policy=policy)
    server.serve("set.zip", zipped(new=NOISE), etag='"2"')
    assert fetch_set(root, policy=policy).images == ("new.png",)


def test_begins_anew_where_the_address_has_changed(
    root: Path, server: FileServer, policy: DownloadPolicy
) -> None:
    server.serve("set.zip", ARCHIVE, cuts=[150_000, 0, 0, 0])
    with pytest.raises(DatasetError):
        fetch_set(root, policy=policy)
    register(root, server, url=server.url("other.zip"))
    server.serve("other.zip", zipped(new=NOISE))
    assert fetch_set(root, policy=policy).images == ("new.png",)


def test_begins_anew_where_the_file_has_become_shorter(
    root: Path, server: FileServer, policy: DownloadPolicy
) -> None:
    server.serve("set.zip", ARCHIVE, cuts=[150_000, 0, 0, 0])
    with pytest.raises(DatasetError):
        fetch_set(root, policy=policy)
    server.serve("set.zip", zipped(new=b"n"))  # by the same tag, which is the server's fault
    assert fetch_set(root, policy=policy).images == ("new.png",)


def test_begins_anew_where_the_rest_belongs_to_a_longer_file(
    root: Path, server: FileServer, policy: DownloadPolicy
) -> None:
    server.serve("set.zip", ARCHIVE, cuts=[150_000, 0, 0, 0])
    with pytest.raises(DatasetError):
        fetch_set(root, policy=policy)
    server.serve("set.zip", zipped(new=NOISE, more=NOISE))  # by the same tag, which is the server's fault
    progress: list[tuple[int, int | None]] = []
    dataset = fetch_set(root, lambda done, total: progress.append((done, total)), policy=policy)
    assert dataset.images == ("more.png", "new.png")
    assert all(total is not None and done <= total for done, total in progress)


@pytest.mark.parametrize("how", [{"ranges": False}, {"etag": None}, {"etag": 'W/"1"'}])
def test_a_server_that_cannot_resume_is_asked_for_all_of_it(
    root: Path, server: FileServer, policy: DownloadPolicy, how: dict[str, Any]
) -> None:
    server.serve("set.zip", ARCHIVE, cuts=[150_000, 100_000], **how)
    assert fetch_set(root, policy=policy).path("photos/a.png").read_bytes() == NOISE
    assert len(server.requests) == 3
    if "etag" in how:  # nothing to tell by whether it is still the same file: the rest of it is not asked for
        assert not any("Range" in headers for _, headers in server.requests)


def test_a_server_may_give_less_than_the_range_that_was_asked_for(
    root: Path, server: FileServer, policy: DownloadPolicy
) -> None:
    server.serve("set.zip", ARCHIVE, cuts=[150_000], part=70_000)
    assert fetch_set(root, policy=policy).path("photos/a.png").read_bytes() == NOISE
    assert len(server.requests) == 4


def test_a_part_of_unknown_origin_is_not_used(root: Path, server: FileServer, policy: DownloadPolicy) -> None:
    work = root / "data/datasets/.fetch-set"
    work.mkdir(parents=True)
    (work / "archive.part").write_bytes(b"?" * 1000)
    (work / "archive.part.json").write_text('{"url": "cut sho')
    server.serve("set.zip", ARCHIVE)
    assert len(fetch_set(root, policy=policy).images) == 3
    assert [headers.get("Range") for _, headers in server.requests] == [None]


def test_a_truncated_file_is_not_taken_for_whole(
    root: Path, server: FileServer, policy: DownloadPolicy
) -> None:
    server.serve("set.zip", ARCHIVE, claim=len(ARCHIVE) + 1000, ranges=False)
    with pytest.raises(DatasetError, match=r"Could not download .*Gave up"):
        fetch_set(root, policy=policy)
    with pytest.raises(DatasetMissingError):
        open_dataset(root, "set")


def test_a_file_of_unstated_length_that_ends_early_is_damaged(
    root: Path, server: FileServer, policy: DownloadPolicy
) -> None:
    server.serve("set.zip", ARCHIVE[:-500], send_length=False)
    with pytest.raises(DatasetError, match=r"damaged.* It came from http://127"):
        fetch_set(root, policy=policy)
    assert left(root) == []


def test_a_wrong_hash_is_refused_and_nothing_is_kept(
    root: Path, server: FileServer, policy: DownloadPolicy
) -> None:
    register(root, server, sha256="0" * 64)
    server.serve("set.zip", ARCHIVE)
    found = hashlib.sha256(ARCHIVE).hexdigest()
    with pytest.raises(DatasetError, match=f"its SHA-256 is {found}, not 0000"):
        fetch_set(root, policy=policy)
    assert left(root) == []


def test_a_wrong_hash_keeps_the_old_dataset(root: Path, server: FileServer, policy: DownloadPolicy) -> None:
    server.serve("set.zip", ARCHIVE)
    old = fetch_set(root, policy=policy)
    register(root, server, sha256="0" * 64)
    with pytest.raises(DatasetError, match="its SHA-256 is"):
        fetch_set(root, force=True, policy=policy)
    assert open_dataset(root, "set") == old
    assert left(root) == ["set"]


def test_a_hash_is_checked_although_an_unverified_download_would_be_allowed(
    root: Path, server: FileServer, policy: DownloadPolicy
) -> None:
    register(root, server, sha256="0" * 64)
    server.serve("set.zip", ARCHIVE)
    with pytest.raises(DatasetError, match="its SHA-256 is"):
        fetch(root, "set", unverified=True, policy=policy)


def test_without_a_hash_nothing_is_requested_unless_that_is_confirmed(
    root: Path, server: FileServer, policy: DownloadPolicy
) -> None:
    server.serve("set.zip", ARCHIVE)
    for force in (False, True):
        with pytest.raises(
            DatasetError, match=r"no SHA-256 for 'set'.*codecstudy datasets fetch set --unverified"
        ):
            fetch(root, "set", force=force, policy=policy)
    assert server.requests == []
    assert left(root) == []
    assert len(fetch(root, "set", unverified=True, policy=policy).images) == 3
    assert len(fetch(root, "set").images) == 3  # it is there: there is nothing to confirm


def test_the_right_hash_in_capitals_is_right(root: Path, server: FileServer, policy: DownloadPolicy) -> None:
    register(root, server, sha256=hashlib.sha256(ARCHIVE).hexdigest().upper())
    server.serve("set.zip", ARCHIVE)
    assert len(fetch_set(root, policy=policy).images) == 3


@pytest.mark.parametrize("status", [403, 404, 410, 204])
def test_a_refusal_is_not_tried_again_and_names_the_datasets_page(
    root: Path, server: FileServer, policy: DownloadPolicy, status: int
) -> None:
    register(root, server, source="https://example.org/set")
    server.serve("set.zip", b"", answers=[status])
    with pytest.raises(DatasetError, match=f"{status}.*The dataset's page is https://example.org/set"):
        fetch_set(root, policy=policy)
    assert len(server.requests) == 1
    assert left(root) == []


def test_a_server_in_trouble_is_tried_again_after_growing_pauses(
    root: Path, server: FileServer, policy: DownloadPolicy, naps: list[float]
) -> None:
    server.serve("set.zip", ARCHIVE, answers=[503, 429])
    assert len(fetch_set(root, policy=policy).images) == 3
    assert naps == [1.0, 2.0]


def test_no_server_at_all(root: Path, server: FileServer, policy: DownloadPolicy) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        register(root, server, url=f"http://127.0.0.1:{nobody.getsockname()[1]}/set.zip")
        with pytest.raises(
            DatasetError,
            match=r"Could not download .*Gave up after 3 consecutive attempts without new data. Run",
        ):
            fetch_set(root, policy=policy)
    assert left(root) == []


def test_a_full_disk_is_not_tried_again(root: Path, server: FileServer, policy: DownloadPolicy) -> None:
    server.serve("set.zip", ARCHIVE)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
        with pytest.raises(DatasetError, match=r"archive\.part: .*File too large"):
            fetch_set(root, policy=policy)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert len(server.requests) == 1
    assert fetch_set(root, policy=policy).path("photos/a.png").read_bytes() == NOISE
    assert server.requests[1][1]["Range"] == "bytes=100000-"


def test_an_endless_download_is_stopped(root: Path, server: FileServer, policy: DownloadPolicy) -> None:
    server.serve("set.zip", NOISE, send_length=False)
    with pytest.raises(DatasetError, match="is larger than"):
        fetch_set(root, policy=dataclasses.replace(policy, max_bytes=100_000))
