"""Trial: hostile archives, redirects and registries through ``datasets fetch``."""

from __future__ import annotations

import gzip
import io
import json
import random
import ssl
import stat
import tarfile
import warnings
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any, Literal

import trustme

from conftest import picture
from support.image_files import saved
from support.misbehaving_server import FileServer
from trials.commands import Ended, Server
from trials.documents import damaged
from trials.session import Session, Trial
from trials.tally import Tally

IMAGE = saved(picture(8, 8, 1), "PNG")
_MANY = 65_536
_WHOLE = 5
"""Number of files in an archive that is damaged as a whole."""


@dataclass(slots=True)
class Case:
    """One dataset to fetch.

    Attributes:
        name: What is hostile about it.
        kind: The type of the archive.
        archive: Makes its bytes.
        refused: Whether it must be refused, or (False) must be fetched; None: either is safe.
        entry: Further members of its entry in the registry.
        location: Where the server redirects to.
        registry: The whole registry, instead of one made of ``entry``.
        https: Whether it is served with TLS.
        command: What is done with the registry: ``fetch`` of the dataset, or ``list``.
        intact: Whether it must have all files of the undamaged archive if it is fetched.
        proxied: Whether the dataset is at an address of a public host, which a proxy on this machine answers.
    """

    name: str
    kind: str = "zip"
    archive: Callable[[], bytes] = bytes
    refused: bool | None = True
    entry: dict[str, Any] = field(default_factory=dict)
    location: str | None = None
    registry: bytes | None = None
    https: bool = False
    proxied: bool = False
    intact: bool = False
    command: Literal["fetch", "list"] = "fetch"


Member = tuple[str, bytes, bytes, str]
"""Name, content, type and link target of an archive's entry."""
FILE, LINK, HARD, FOLDER = tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE


def _members(chance: random.Random, outside: Path) -> dict[str, tuple[list[Member], bool | None]]:
    """Entries by what is hostile about them, and whether the archive must be refused (None: may be)."""
    evil, good = str(outside / "evil.png"), ("set/a.png", IMAGE, FILE, "")
    up = "../" * chance.randrange(1, 12)
    link_name = chance.choice(("set/b", "b", "set/deep/b"))
    return {
        "nothing": ([good, ("set/deep/b.png", IMAGE, FILE, ""), ("README", b"text", FILE, "")], False),
        "absolute": ([good, (evil, IMAGE, FILE, "")], True),
        "parent": ([good, (f"{up}evil.png", IMAGE, FILE, "")], True),
        "parent in the middle": ([good, (f"set/{up}{up}evil.png", IMAGE, FILE, "")], True),
        "parent, backslashes": ([good, (f"{up}evil.png".replace("/", "\\"), IMAGE, FILE, "")], None),
        "drive": ([good, ("C:\\evil.png", IMAGE, FILE, "")], None),
        "link out": ([(link_name, b"", LINK, up), (f"{link_name}/evil.png", IMAGE, FILE, "")], True),
        "absolute link": (
            [(link_name, b"", LINK, str(outside)), (f"{link_name}/evil.png", IMAGE, FILE, "")],
            True,
        ),
        "link to a file": ([good, ("set/b.png", b"", LINK, "/etc/passwd")], True),
        "hard link": ([good, ("set/b.png", b"", HARD, "/etc/passwd")], True),
        "link chain": (
            [("a", b"", LINK, "b"), ("b", b"", LINK, "set"), ("a/evil.png", IMAGE, FILE, ""), good],
            None,
        ),
        "device": ([good, ("set/null.png", b"", tarfile.CHRTYPE, "")], True),
        "block device": ([good, ("set/sda.png", b"", tarfile.BLKTYPE, "")], True),
        "pipe": ([good, ("set/pipe.png", b"", tarfile.FIFOTYPE, "")], True),
        "case collision": ([good, ("SET/A.PNG", b"other", FILE, "")], True),
        "accents": ([good, ("caf\u00e9.png", b"x", FILE, ""), ("cafe\u0301.png", b"y", FILE, "")], True),
        "twice": ([good, good], True),
        "file and folder": ([good, ("set/a.png/b.png", IMAGE, FILE, "")], True),
        "control characters": ([good, ("set/\x1b[31m\u202e\r\n.png", IMAGE, FILE, "")], None),
        "not utf-8": ([good, ("set/\udcff.png", IMAGE, FILE, "")], None),
        "long name": ([good, ("n" * 300 + ".png", IMAGE, FILE, "")], True),
        "deep": ([good, ("d/" * 400 + "a.png", IMAGE, FILE, "")], True),
        "empty name": ([good, ("", IMAGE, FILE, ""), ("/", b"", FOLDER, ""), (".", b"", FOLDER, "")], None),
        "bomb": ([good, *((f"bomb{number}.png", _zeros(), FILE, "") for number in range(12))], True),
        "many entries": ([good] + [(f"e/{number}", b"", FILE, "") for number in range(_MANY)], None),
        "nested archive": ([good, ("set/inner.zip", _zip([good]), FILE, "")], None),
        "only hidden": ([(".a.png", IMAGE, FILE, ""), ("__MACOSX/a.png", IMAGE, FILE, "")], True),
        "hostile images": ([good, ("set/b.png", IMAGE[:30], FILE, ""), ("set/c.png", b"", FILE, "")], None),
    }


@cache
def _zeros() -> bytes:
    return bytes(100_000_000)


def _zip(members: list[Member]) -> bytes:
    stream = io.BytesIO()
    with (
        zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")  # of the names that are there twice
        for name, content, kind, link in members:
            info = zipfile.ZipInfo(name.encode("utf-8", "replace").decode() or "/")
            info.compress_type = zipfile.ZIP_DEFLATED
            modes = {LINK: stat.S_IFLNK, tarfile.CHRTYPE: stat.S_IFCHR, tarfile.BLKTYPE: stat.S_IFBLK}
            mode = modes.get(kind, stat.S_IFIFO if kind == tarfile.FIFOTYPE else stat.S_IFREG)
            info.external_attr = (mode | 0o644) << 16
            archive.writestr(info, link.encode() if kind in (LINK, HARD) else content)
    return stream.getvalue()


def _tar(members: list[Member]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz", compresslevel=1) as archive:
        for name, content, kind, link in members:
            info = tarfile.TarInfo(name)
            info.type, info.linkname, info.size = kind, link, len(content) if kind == FILE else 0
            archive.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def archives(chance: random.Random, outside: Path) -> Iterator[Case]:
    """Hostile archives of both kinds, and damaged ones."""
    for name, (members, refused) in _members(chance, outside).items():
        # A zip has no hard links; a bomb in both kinds would only take longer.
        if not any(member[2] == HARD for member in members):
            yield Case(f"zip: {name}", "zip", partial(_zip, members), refused)
        if name != "bomb":
            yield Case(f"tgz: {name}", "tgz", partial(_tar, members), refused)
    good: list[Member] = [(f"set/{number}.png", IMAGE, FILE, "") for number in range(_WHOLE)]
    makers: dict[str, Callable[[], bytes]] = {"zip": partial(_zip, good), "tgz": partial(_tar, good)}
    for kind, make in makers.items():
        yield Case(f"{kind}: truncated", kind, partial(_truncated, make, chance.random() * 0.8))
        for _ in range(5):
            yield Case(
                f"{kind}: a flipped bit", kind, partial(_flipped, make, chance.random()), None, intact=True
            )
        yield Case(f"{kind}: the other kind", {"zip": "tgz", "tgz": "zip"}[kind], make)
    yield Case("tgz: a stream of zeros", "tgz", _gzip_of_zeros)
    yield Case("zip: a web page", "zip", lambda: b"<!doctype html><html>moved \x1b[31m\xe2\x80\xae</html>")


def _truncated(make: Callable[[], bytes], share: float) -> bytes:
    whole = make()
    return whole[: int(share * len(whole))]


def _flipped(make: Callable[[], bytes], where: float) -> bytes:
    whole = bytearray(make())
    bit = int(where * 8 * len(whole))
    whole[bit // 8] ^= 1 << bit % 8
    return bytes(whole)


def _gzip_of_zeros() -> bytes:
    return gzip.compress(_zeros() * 3, 1)


def redirects(port: int, good: Callable[[], bytes]) -> Iterator[Case]:
    """Redirects to places where no download may go."""
    local = f"http://127.0.0.1:{port}/secret.zip"
    yield Case("no redirect, https", archive=good, https=True, refused=False)
    yield Case("no redirect, proxy", archive=good, proxied=True, refused=False)
    yield Case("redirect on the same host", location=local, refused=False)
    for target in (
        "file:///etc/passwd",
        "FILE://localhost/etc/passwd",
        "ftp://127.0.0.1/set.zip",
        "data:application/zip;base64,UEsDBA==",
        "gopher://127.0.0.1/1",
        "//",
        "http://",
        "http://[::1",
        "\x1b[31mred\x1b[0m",
        "x" * 60_000,
    ):
        yield Case(f"redirect to {target[:40]!r}", archive=good, location=target)
    yield Case("redirect from https to http", archive=good, https=True, location=local)
    for address in (
        local,
        local.replace("127.0.0.1", "localhost"),
        local.replace("127.0.0.1", "LOCALHOST."),
        local.replace("127.0.0.1", "2130706433"),
        local.replace("127.0.0.1", "0.0.0.0"),
        local.replace("127.0.0.1", "[::1]"),
        local.replace("127.0.0.1", "[::ffff:127.0.0.1]"),
        "http://169.254.169.254/latest/meta-data/",
        "http://10.0.0.1/set.zip",
    ):
        yield Case(f"redirect from a public host to {address}", archive=good, proxied=True, location=address)


def registries(chance: random.Random, url: str) -> Iterator[Case]:
    """Hostile registries."""
    for member, value in (
        ("url", "file:///etc/passwd"),
        ("url", "ftp://127.0.0.1/set.zip"),
        ("url", "http://"),
        ("url", "http://[::1"),
        ("url", "http://127.0.0.1:99999/set.zip"),
        ("url", "javascript:alert(1)"),
        ("url", "http://\x1b[31m\u202e/set.zip"),
        ("rename_to", ".."),
        ("rename_to", "../../evil"),
        ("rename_to", "/evil"),
        ("rename_to", "."),
        ("rename_to", "a\0b"),
        ("rename_to", "x" * 300),
        ("extracted_folder", ".."),
        ("extracted_folder", "/etc"),
        ("extracted_folder", "set/../../.."),
        ("id", "../set"),
        ("id", "SET"),
        ("sha256", "0" * 64),
        ("sha256", "x"),
        ("size_mb", float("nan")),
        ("size_mb", -1),
        ("image_count", 10**400),
        ("type", "rar"),
        ("post_install", "rm -rf /"),
    ):
        yield Case(f"registry: {member} = {str(value)[:40]!r}", entry={member: value})
    entry = {"id": "set", "name": "Set", "type": "zip", "url": url}
    yield Case("registry: the same id twice", registry=json.dumps({"datasets": [entry, entry]}).encode())
    many = [entry | {"id": f"set{number}"} for number in range(_MANY)]
    content = json.dumps({"datasets": [entry, *many]}).encode()
    yield Case("registry: 65,536 entries", refused=None, registry=content)
    yield Case("registry: nested too deep", registry=b"[" * 200_000)
    yield Case("registry: not UTF-8", registry=b"\xff\xfe\0")
    document = {"datasets": [entry | {"license": "CC0", "extracted_folder": "set", "size_mb": 1.5}]}
    for number in range(40):
        content = damaged(document, chance)
        yield Case(f"registry: damaged {number}", refused=None, registry=content, command="list")


def all_cases(seed: int, port: int, url: str, outside: Path) -> list[Case]:
    """Every case of a seed; their number does not depend on it."""
    chance = random.Random(f"downloads {seed}")
    good = partial(_zip, [("set/a.png", IMAGE, FILE, "")])
    return [*archives(chance, outside), *redirects(port, good), *registries(chance, url)]


def run(session: Session, cases: Sequence[int]) -> Tally:
    tally = Tally(TRIAL.name, TRIAL.what)
    folder = session.folder_for("downloads")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    outside = folder / "outside"
    outside.mkdir()
    with closing(FileServer()) as plain, closing(FileServer(context)) as secure:
        good = _zip([("set/a.png", IMAGE, FILE, "")])
        plain.serve("secret.zip", good)
        plain.serve("set.zip", good)
        every = all_cases(session.seed, plain.port, plain.url("set.zip"), outside)

        def fetch(server: Server, number: int) -> Ended:
            case, root = every[number], folder / str(number)
            environment = _serve(case, number, plain, secure, root)
            environment["SSL_CERT_FILE"] = str(folder / "ca.pem")
            fetching = ["set", "--unverified"] if case.command == "fetch" else []
            arguments = ["datasets", case.command, *fetching, "--root", str(root)]
            return server.run(arguments, root, 90, environment)

        chosen = [number for number in cases if number < len(every)]
        for number, ended in zip(chosen, session.servers.map(fetch, chosen), strict=True):
            case = every[number]
            fetched = tally.judge(number, case.name, ended)
            if case.refused is not None and fetched is case.refused:
                tally.fault(number, "other faults", f"{case.name}: fetched is {fetched}; {ended.err[-200:]}")
            for problem in _traces(case, folder / str(number), outside):
                tally.fault(number, "other faults", f"{case.name}: {problem}")
    return tally


def _serve(case: Case, number: int, plain: FileServer, secure: FileServer, root: Path) -> dict[str, str]:
    """Make a case's registry and put its files on the servers; returns the environment of its command."""
    server = secure if case.https else plain
    path = f"{number}/set.{case.kind}"
    url, environment = server.url(path), {"no_proxy": "127.0.0.1,localhost,0.0.0.0,2130706433"}
    if case.proxied:
        path = url = f"http://data.example/{path}"
        environment["http_proxy"] = plain.url("").rstrip("/")
    server.serve(path, case.archive(), location=case.location)
    entry = {"id": "set", "name": "Set", "type": case.kind, "url": url} | case.entry
    registry = root / "config/datasets.json"
    registry.parent.mkdir(parents=True)
    registry.write_bytes(case.registry or json.dumps({"datasets": [entry]}).encode("utf-8", "surrogatepass"))
    return environment


def _traces(case: Case, root: Path, outside: Path) -> Iterator[str]:
    """What an archive should not have left behind."""
    datasets = root / "data/datasets"
    unpacked = datasets / "set"
    for path in (*outside.iterdir(), *root.parent.glob("*evil*"), *root.rglob("*evil*")):
        if unpacked not in path.parents:
            yield f"wrote {path}"
    if not datasets.exists():
        return
    for path in datasets.rglob("*"):
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            yield f"left {path}, which is neither a file nor a folder"
    for path in datasets.iterdir():
        if path.name not in ("set", ".fetch-set"):
            yield f"wrote {path}"
    if (datasets / ".fetch-set/unpacked").exists():
        yield "left an unpacked archive behind"
    if case.intact and unpacked.exists():
        found = [path.read_bytes() for path in unpacked.rglob("*.png")]
        if found != [IMAGE] * _WHOLE:
            yield f"has unpacked {sum(body == IMAGE for body in found)} of {_WHOLE} files as they were"


def count() -> int:
    """Number of cases."""
    return len(all_cases(0, 1, "http://127.0.0.1/set.zip", Path("/nowhere")))


TRIAL = Trial("downloads", "hostile archives, redirects and registries through datasets fetch", count(), run)
