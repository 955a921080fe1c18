"""Which folders are trusted to keep machine code: none that another user can write to."""

from __future__ import annotations

import os
import pickle
import shutil
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from codecstudy.errors import CodecstudyError
from codecstudy.metrics import cache
from support.package_copies import COMPILE, make_unwritable, output, start

OTHER = 12345
"""User id of somebody else."""
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to another user")


class Places:
    """The candidates for one process, each in a folder of its own."""

    def __init__(self, root: Path) -> None:
        self.package = root / "lib" / "metrics"
        self.home = root / "home"
        self.users = self.home / ".cache" / "codecstudy" / "kernels"
        self.temporary = root / "tmp"
        for folder in (self.package, self.home, self.temporary):
            folder.mkdir(parents=True)
            folder.chmod(0o755)

    @property
    def packages(self) -> Path:
        return self.package / "__pycache__" / "kernels"


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    places = Places(tmp_path)
    monkeypatch.setattr(cache, "METRICS", places.package)
    monkeypatch.setenv("XDG_CACHE_HOME", str(places.home / ".cache"))
    monkeypatch.setattr(tempfile, "tempdir", str(places.temporary))
    monkeypatch.delenv(cache.FOLDER_VARIABLE, raising=False)
    return places


def choose() -> tuple[Path, str | None]:
    """The folder that a process that begins now would use, and its note."""
    return cache._cache.__wrapped__()


# --- facts to trust --------------------------------------------------------------------------------------

FOLDER, FILE, LINK = stat.S_IFDIR, stat.S_IFREG, stat.S_IFLNK
ME, ROOT = 1000, 0


@pytest.mark.parametrize(
    ("mode", "owner", "parent", "reason"),
    [
        (FOLDER | 0o700, ME, False, None),
        (FOLDER | 0o755, ME, False, None),
        (FOLDER | 0o755, ROOT, True, None),
        (FOLDER | 0o1777, ROOT, True, None),
        (LINK | 0o777, ME, True, None),
        (FILE | 0o644, ME, False, None),
        (FOLDER | 0o775, ME, False, "can be written to by other users (mode 0775)"),
        (FOLDER | 0o757, ME, True, "can be written to by other users (mode 0757)"),
        (FOLDER | 0o777, ROOT, True, "can be written to by other users (mode 0777)"),
        (FOLDER | 0o1777, ME, False, "can be written to by other users (mode 1777)"),
        (FILE | 0o664, ME, False, "can be written to by other users (mode 0664)"),
        (FOLDER | 0o700, OTHER, False, f"belongs to another user (uid {OTHER})"),
        (FOLDER | 0o1777, OTHER, True, f"belongs to another user (uid {OTHER})"),
        (LINK | 0o777, OTHER, True, f"belongs to another user (uid {OTHER})"),
        (FILE | 0o644, OTHER, False, f"belongs to another user (uid {OTHER})"),
    ],
)
def test_owner_and_mode(mode: int, owner: int, parent: bool, reason: str | None) -> None:
    assert cache.distrust(mode, owner, {ME, ROOT}, parent=parent) == reason


# --- folders that others can write to --------------------------------------------------------------------


def test_the_package_is_first_and_needs_no_note(places: Places) -> None:
    assert choose() == (places.packages, None)


@pytest.mark.parametrize("mode", [0o775, 0o757])
def test_a_package_that_others_can_write_to_is_passed_over(places: Places, mode: int) -> None:
    places.package.parent.chmod(mode)
    folder, note = choose()
    assert folder == places.users
    assert note == (
        f"compiled metric kernels are kept in {folder}: {places.packages} is not trusted, because "
        f"{places.package.parent} can be written to by other users (mode {mode:04o})"
    )
    assert not places.packages.exists()


@pytest.mark.parametrize("which", ["packages", "users"])
def test_the_folder_itself_is_checked(places: Places, which: str) -> None:
    if which == "users":
        make_unwritable(places.packages)
    folder: Path = getattr(places, which)
    folder.mkdir(parents=True)
    folder.chmod(0o777)
    chosen, note = choose()
    assert chosen != folder
    assert note is not None
    assert f"{folder} can be written to by other users (mode 0777)" in note


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_the_users_cache_folder_is_checked_up_to_the_root(places: Places, depth: int) -> None:
    make_unwritable(places.packages)
    places.users.mkdir(parents=True)
    open_to_all = places.users.parents[depth]
    open_to_all.chmod(0o777)
    folder, note = choose()
    assert folder == places.temporary / f"codecstudy-kernels-{os.geteuid()}"
    assert note is not None
    assert f"{open_to_all} can be written to by other users (mode 0777)" in note


def test_a_sticky_folder_above_is_as_good_as_tmp(places: Places) -> None:
    places.package.parent.chmod(0o1777)
    assert choose() == (places.packages, None)


def test_without_any_safe_place_nothing_is_used(places: Places) -> None:
    make_unwritable(places.packages)
    make_unwritable(places.users)
    places.temporary.chmod(0o777)
    with pytest.raises(
        CodecstudyError, match=r"no safe place for compiled metric kernels.*CODECSTUDY_KERNEL_"
    ):
        choose()


# --- other owners ----------------------------------------------------------------------------------------


@AS_ROOT
def test_root_with_the_home_of_another_user_leaves_it_alone(places: Places) -> None:
    make_unwritable(places.packages)
    os.chown(places.home, OTHER, OTHER)
    folder, note = choose()
    assert folder.parent == places.temporary
    assert note is not None
    assert f"{places.home} belongs to another user (uid {OTHER})" in note
    assert not list(places.home.iterdir())


@AS_ROOT
def test_a_user_does_without_the_folder_that_root_has_made(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in (places.packages, places.users):
        folder.mkdir(parents=True)
    os.chown(places.users, OTHER, OTHER)
    monkeypatch.setattr(os, "geteuid", lambda: OTHER)
    assert choose() == (places.users, None)


@AS_ROOT
@pytest.mark.parametrize("name", ["kernels", "psnr-1", "psnr-1/metrics_2", "psnr-1/metrics_2/psnr.nbi"])
def test_nothing_of_another_user_is_trusted(places: Places, name: str) -> None:
    inner = places.packages / "psnr-1" / "metrics_2"
    inner.mkdir(parents=True)
    (inner / "psnr.nbi").write_text("")
    planted = places.packages / name if name != "kernels" else places.packages
    os.chown(planted, OTHER, OTHER)
    folder, note = choose()
    assert folder == places.users
    assert note is not None
    assert f"{planted} belongs to another user" in note


def test_a_file_that_others_could_write_to_is_not_trusted(places: Places) -> None:
    places.packages.mkdir(parents=True)
    places.packages.chmod(0o755)
    file = places.packages / "psnr.nbi"
    file.write_text("")
    file.chmod(0o666)
    folder, note = choose()
    assert folder == places.users
    assert note is not None
    assert f"{file} can be written to by other users" in note


# --- symbolic links --------------------------------------------------------------------------------------


def test_a_link_into_a_folder_that_others_can_write_to_is_not_followed(
    places: Places, tmp_path: Path
) -> None:
    target = tmp_path / "open" / "kernels"
    target.mkdir(parents=True)
    target.parent.chmod(0o777)
    places.packages.parent.mkdir()
    places.packages.symlink_to(target)
    folder, note = choose()
    assert folder == places.users
    assert note is not None
    assert f"{target.parent} can be written to by other users" in note


def test_a_link_in_a_folder_that_others_can_write_to_is_not_followed(places: Places, tmp_path: Path) -> None:
    target = tmp_path / "private"
    target.mkdir(mode=0o700)
    places.packages.parent.mkdir()
    places.packages.symlink_to(target)
    places.packages.parent.chmod(0o777)
    folder, _ = choose()
    assert folder == places.users


@pytest.mark.parametrize("relative", [True, False])
def test_a_link_among_private_folders_is_followed(places: Places, tmp_path: Path, relative: bool) -> None:
    target = tmp_path / "private"
    target.mkdir(mode=0o700)
    places.packages.parent.mkdir()
    places.packages.symlink_to("../../../private" if relative else target)
    assert choose() == (places.packages, None)


@AS_ROOT
def test_a_link_of_another_user_in_a_sticky_folder_is_not_followed(places: Places, tmp_path: Path) -> None:
    target = tmp_path / "private"
    target.mkdir(mode=0o700)
    places.package.parent.chmod(0o1777)
    shutil.rmtree(places.package)
    places.package.symlink_to(target)
    os.chown(places.package, OTHER, OTHER, follow_symlinks=False)
    folder, note = choose()
    assert folder == places.users
    assert note is not None
    assert f"{places.package} belongs to another user" in note


def test_links_in_a_circle_are_passed_over(places: Places) -> None:
    places.packages.parent.mkdir()
    places.packages.symlink_to(places.packages.parent / "other")
    (places.packages.parent / "other").symlink_to(places.packages)
    assert choose() == (places.users, None)


def test_a_link_within_the_cache_is_not_trusted(places: Places, tmp_path: Path) -> None:
    places.packages.mkdir(parents=True)
    (places.packages / "psnr-1").symlink_to(tmp_path)
    folder, note = choose()
    assert folder == places.users
    assert note is not None
    assert "psnr-1 is a symbolic link" in note


# --- what is created -------------------------------------------------------------------------------------


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_new_folders_are_private_whatever_the_umask(places: Places, umask: int) -> None:
    make_unwritable(places.packages)
    before = os.umask(umask)
    try:
        assert choose() == (places.users, None)
    finally:
        os.umask(before)
    for folder in (places.users, places.users.parent, places.users.parent.parent):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_trusted_folder_is_closed_to_others(places: Places) -> None:
    places.packages.mkdir(parents=True)
    places.packages.chmod(0o755)
    assert choose() == (places.packages, None)
    assert stat.S_IMODE(places.packages.stat().st_mode) == 0o700


# --- the folder that the environment names ---------------------------------------------------------------


def test_the_environment_names_the_first_candidate(
    places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(cache.FOLDER_VARIABLE, str(tmp_path / "chosen"))
    assert choose() == (tmp_path / "chosen", None)


def test_a_relative_name_becomes_absolute_for_other_processes(
    places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(cache.FOLDER_VARIABLE, "chosen")
    assert choose() == (tmp_path / "chosen", None)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [(lambda folder: folder.chmod(0o777), "other users"), (make_unwritable, "cannot be written to")],
)
def test_the_named_folder_is_checked_as_any_other(
    places: Places,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    spoil: Callable[[Path], None],
    reason: str,
) -> None:
    named = tmp_path / "chosen" / "kernels"
    (named.parent if spoil is make_unwritable else named).mkdir(parents=True)
    spoil(named)
    monkeypatch.setenv(cache.FOLDER_VARIABLE, str(named))
    folder, note = choose()
    assert folder == places.packages
    assert note is not None
    assert str(named) in note
    assert reason in note


# --- whole processes -------------------------------------------------------------------------------------


class Attack:
    """Unpickling it creates a file."""

    def __init__(self, proof: Path) -> None:
        self._proof = proof

    def __reduce__(self) -> tuple[Callable[..., None], tuple[Path]]:
        return Path.touch, (self._proof,)


def test_pickles_in_a_folder_that_others_can_write_to_are_not_executed(package: Path, tmp_path: Path) -> None:
    output(start(package, COMPILE))
    kernels = package / "metrics" / "__pycache__" / "kernels"
    for file in kernels.rglob("*.nbi"):
        file.write_bytes(pickle.dumps(Attack(tmp_path / "executed")))
    kernels.chmod(0o777)
    text = output(start(package, COMPILE))
    assert "was False" in text
    assert "is not trusted" in text
    assert not (tmp_path / "executed").exists()


def test_numba_does_not_look_for_pickles_elsewhere(package: Path, tmp_path: Path) -> None:
    output(start(package, COMPILE))
    [folder] = (package / "metrics" / "__pycache__" / "kernels").glob("psnr-*")
    [index] = folder.rglob("*.nbi")
    # Where numba would look by default, had it no folder of its own.
    planted = package / "metrics" / "__pycache__" / index.name
    planted.write_bytes(pickle.dumps(Attack(tmp_path / "executed")))
    shutil.rmtree(folder)
    make_unwritable(folder)
    process = start(package, COMPILE)
    text, _ = process.communicate()
    assert process.returncode != 0, text
    assert not (tmp_path / "executed").exists()


HANDLER = """
from codecstudy.metrics import kernels

def factory(config):
    return lambda payload: (str(kernels.cache_folder()), kernels.is_compiled(["psnr"]))
"""
SHARE = """
from codecstudy.metrics import kernels
from codecstudy.execution import Done, running
from codecstudy.execution.local import LocalExecutor
kernels.compile_all(["psnr"])
executor = LocalExecutor(2, environment=kernels.cache_environment())
with running(executor, "telling:factory", None):
    for worker in range(2):
        executor.submit(worker, worker, None, 60)
    told = []
    while len(told) < 2:
        told += [event.value for event in executor.poll(60) if isinstance(event, Done)]
print(told == [(str(kernels.cache_folder()), True)] * 2, kernels.cache_folder())
"""


def test_workers_share_a_temporary_folder_which_goes_with_the_process(package: Path) -> None:
    root = package.parent.parent
    (package.parent / "telling.py").write_text(HANDLER)
    make_unwritable(package / "metrics" / "__pycache__")
    make_unwritable(root / "home")
    make_unwritable(root / "cache")
    squatted = root / "tmp" / f"codecstudy-kernels-{os.geteuid()}"
    squatted.mkdir(parents=True)
    squatted.chmod(0o777)
    shared, folder = output(start(package, SHARE)).split()
    assert shared == "True"
    assert Path(folder).parent == squatted.parent
    assert list(squatted.parent.iterdir()) == [squatted]


def test_a_forked_child_does_not_remove_the_folder(package: Path) -> None:
    code = """
import os, sys
from codecstudy.metrics import cache
folder = cache._new_temporary_folder([])
child = os.fork()
if child:
    os.waitpid(child, 0)
    print(folder.exists())
sys.exit()
"""
    assert output(start(package, code)) == "True\n"
    assert not list((package.parent.parent / "tmp").iterdir())
