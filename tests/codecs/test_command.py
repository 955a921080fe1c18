"""Programs as encoders: command lines, files, failures, costs, versions; with scripts instead of tools."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codecstudy import codecs, images
from codecstudy.codecs import command, processes
from codecstudy.codecs.base import cpu_seconds
from codecstudy.codecs.command import Definition, fill
from codecstudy.errors import CodecError, ImageMemoryError
from codecstudy.types import Parameter, RateParameter, Setting
from conftest import picture
from support.executors import lives, wait_until

pytestmark = pytest.mark.skipif(
    not hasattr(os, "posix_spawn"), reason="programs are run on POSIX systems only"
)

COPY = Definition(
    id="copy",
    format="ppm",
    extension=".ppm",
    encode=("cp", "{input}", "{output}"),
    decode=("cp", "{input}", "{output}"),
    input="ppm",
    decoded="ppm",
    version=None,
)
SETTING = Setting.of("ppm", encoder="copy")


def script(folder: Path, text: str, name: str = "encoder") -> str:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def running(folder: Path, text: str, **further: Any) -> Definition:
    """An encoder that is a script; ``$1`` is the input and ``$2`` the output."""
    words = (script(folder, text), "{input}", "{output}")
    return dataclasses.replace(COPY, encode=words, **further)


def reason(definition: Definition, error: type[Exception] = CodecError) -> str:
    with pytest.raises(error) as raised:
        codecs.encoder_of(definition).encoded(picture(), SETTING)
    return str(raised.value)


def test_encodes_and_decodes_and_says_what_it_took() -> None:
    encoder, pixels = codecs.encoder_of(COPY), picture()
    before = cpu_seconds()
    made = encoder.encoded(pixels, SETTING)
    assert made.data == b"P6\n48 40\n255\n" + pixels.tobytes()
    assert 0 < made.cost.cpu_time <= cpu_seconds() - before
    assert made.cost.wall_time > 0
    back = encoder.decoded(made.data)
    np.testing.assert_array_equal(back.pixels, pixels)
    assert back.cost.peak_memory is not None


def test_the_memory_of_the_process_that_starts_a_program_does_not_count() -> None:
    large = np.ones(200 << 20, np.uint8)  # resident in this process while the program is started
    peak = codecs.encoder_of(COPY).encoded(picture(), SETTING).cost.peak_memory
    assert peak is not None
    assert peak < large.nbytes / 4


def test_what_child_processes_take_counts(tmp_path: Path) -> None:
    burn = f'{sys.executable} -I -S -c "x = bytearray(60000000); sum(range(2000000))"'
    cost = codecs.encoder_of(running(tmp_path, f'{burn}; cp "$1" "$2"')).encoded(picture(), SETTING).cost
    assert cost.cpu_time > 0.01
    assert cost.peak_memory is not None
    assert cost.peak_memory > 60_000_000


@pytest.mark.parametrize("kind", ["png", "ppm"])
def test_pixels_arrive_unchanged(tmp_path: Path, kind: command.PixelFile) -> None:
    pixels = picture(7, 5)
    path = tmp_path / f"pixels.{kind}"
    path.write_bytes(command.written(pixels, kind))
    np.testing.assert_array_equal(images.load(path).pixels, pixels)


def test_pam_and_y4m() -> None:
    colours = np.array([[[0, 0, 0], [255, 255, 255], [255, 0, 0], [0, 0, 255]]], np.uint8)
    header, _, samples = command.written(colours, "pam").partition(b"ENDHDR\n")
    assert header == b"P7\nWIDTH 4\nHEIGHT 1\nDEPTH 3\nMAXVAL 255\nTUPLTYPE RGB\n"
    assert samples == colours.tobytes()
    header, _, planes = command.written(colours, "y4m").partition(b"\nFRAME\n")
    assert header == b"YUV4MPEG2 W4 H1 F25:1 Ip A1:1 C444 XCOLORRANGE=FULL"
    # Red and blue as JPEG (JFIF 1.02) converts them.
    assert list(planes) == [0, 255, 76, 29, 128, 128, 85, 255, 128, 128, 255, 107]


def test_lists_of_words_are_left_out() -> None:
    words = ("enc", ("-e", "{effort}"), ("-p{progressive}",), "-q{quality}")
    assert fill(words, {"quality": 5}) == ["enc", "-q5"]
    assert fill(words, {"quality": 5, "effort": 0, "progressive": False}) == ["enc", "-e", "0", "-q5"]
    assert fill(words, {"quality": 0.5, "effort": 1, "progressive": True}) == [
        "enc",
        "-e",
        "1",
        "-p",
        "-q0.5",
    ]


@given(st.text(st.characters(exclude_characters="{}", exclude_categories=["Cs"])))
def test_values_are_never_split_and_other_text_stays(text: str) -> None:
    assert fill((f"a{text}{{x}}",), {"x": f"{text} $(date) {{x}}"}) == [f"a{text}{text} $(date) {{x}}"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("echo 'no such quality' >&2; exit 3", "encoder failed with exit code 3: no such quality"),
        ("exit 1", "encoder failed with exit code 1 without a message"),
        ("printf 'bad \\033[31m colour'; exit 1", r"encoder failed with exit code 1: bad \x1b[31m colour"),
        ("kill -SEGV $$", "encoder was ended by SIGSEGV without a message"),
        ("echo done", "encoder ended without an error and wrote no output file: done"),
        (': > "$2"', "encoder ended without an error and wrote an empty output file without a message"),
        (
            'ln -s /etc/passwd "$2"',
            "encoder ended without an error and wrote no output file without a message",
        ),
        ("head -c 200000000 /dev/zero > big", "File size limit exceeded"),
    ],
)
def test_why_it_failed(tmp_path: Path, text: str, said: str) -> None:
    found = reason(running(tmp_path, text))
    assert said in found if "limit" in said else found == said


def test_of_a_long_message_the_end_is_shown(tmp_path: Path) -> None:
    found = reason(running(tmp_path, "i=0; while [ $i -lt 500 ]; do echo line $i; i=$((i+1)); done; exit 1"))
    assert found.endswith("line 498 line 499")
    assert len(found) < 400


def test_a_program_that_speaks_of_memory_ran_out_of_it(tmp_path: Path) -> None:
    text = "echo 'terminate called: std::bad_alloc'; exit 134"
    assert "bad_alloc" in reason(running(tmp_path, text), ImageMemoryError)


def test_a_program_that_is_gone_is_a_failure(tmp_path: Path) -> None:
    definition = running(tmp_path, "")
    encoder = codecs.encoder_of(definition)
    assert encoder.missing() is None
    (tmp_path / "encoder").unlink()
    assert encoder.missing() == f"{tmp_path}/encoder is not an executable file"
    assert "is not there any more" in reason(definition)


def test_nothing_stays_behind(tmp_path: Path) -> None:
    codecs.encoder_of(running(tmp_path, 'touch leftover; mkdir deep; cp "$1" "$2"')).encoded(
        picture(), SETTING
    )
    assert list(processes._launcher().folder.iterdir()) == []


def test_the_version_follows_the_program_and_its_command_line(tmp_path: Path) -> None:
    def version(definition: Definition) -> str:
        return codecs.encoder_of(definition).version()

    first = running(tmp_path, "echo mine 1", version=(str(tmp_path / "encoder"),))
    known = version(first)
    assert known.startswith("mine 1 (content ")
    moved = tmp_path / "moved"
    moved.mkdir()
    assert version(running(moved, "echo mine 1", version=(str(moved / "encoder"),))) == known
    assert version(dataclasses.replace(first, encode=(*first.encode, "-x"))) != known
    assert version(dataclasses.replace(first, input="png")) != known
    effort = Parameter("effort", "", 0, 9, default=3)
    assert version(dataclasses.replace(first, parameters=(effort,))) != known
    # A rebuilt program, which says the same about itself.
    rebuilt = running(tmp_path, "echo mine 1 # rebuilt", version=first.version)
    assert rebuilt == first
    assert version(rebuilt).startswith("mine 1 (content ")
    assert version(rebuilt) != known


def test_files_in_the_command_line_belong_to_the_version(tmp_path: Path) -> None:
    table = tmp_path / "tables.txt"
    table.write_text("1")
    definition = dataclasses.replace(COPY, encode=(*COPY.encode, str(table)))
    known = codecs.encoder_of(definition).version()
    table.write_text("2")
    assert codecs.encoder_of(definition).version() != known


def test_libraries_belong_to_the_version() -> None:
    found = processes._libraries(processes.find("cp") or "")
    if not found:
        pytest.skip("ldd is not here, or cp is linked statically")
    assert any(path.name.startswith("libc") for path in found)


def test_a_version_that_cannot_be_asked_for(tmp_path: Path) -> None:
    broken = running(tmp_path, "echo what; exit 2", version=(str(tmp_path / "encoder"), "-V"))
    with pytest.raises(CodecError, match="encoder -V failed with exit code 2: what"):
        codecs.encoder_of(broken).version()


def test_commands_checks_and_facts() -> None:
    definition = dataclasses.replace(
        COPY,
        encode=("cp", ("--effort={effort}",), "-q", "{quality}", "{input}", "{output}"),
        parameters=(Parameter("quality", "", 0, 100), Parameter("effort", "", 0, 9)),
        rates=(RateParameter("quality"),),
    )
    encoder = codecs.encoder_of(definition)
    (said,) = encoder.commands(Setting.of("ppm", encoder="copy", quality=5, effort=2))
    assert said.text == "cp --effort=2 -q 5 input.ppm output.ppm"
    assert encoder.check(SETTING) == "copy needs quality, 0 to 100"
    assert encoder.check(Setting.of("ppm", encoder="copy", quality=5)) is None
    assert encoder.facts.title == "copy"
    assert codecs.encoder_of(dataclasses.replace(COPY, format="avif")).facts.mime == "image/avif"


def test_the_default_encoder_of_a_format_decodes() -> None:
    definition = dataclasses.replace(COPY, format="avif", decode=None)
    encoder, avif = codecs.encoder_of(definition), codecs.get("avif")
    data = avif.encoded(picture(), Setting.of("avif", quality=90, speed=10)).data
    np.testing.assert_array_equal(encoder.decoded(data).pixels, avif.decoded(data).pixels)
    assert avif.version() in encoder.version()
    with pytest.raises(CodecError, match="there is no decoder for format 'ppm' here"):
        codecs.encoder_of(dataclasses.replace(COPY, decode=None))


def test_a_study_sees_its_own_definitions_only() -> None:
    other = dataclasses.replace(COPY, encode=("cp", "-f", "{input}", "{output}"))
    for definition in (COPY, other, COPY):
        with codecs.defined([definition]):
            assert codecs.get("copy") is codecs.encoder_of(definition)
            assert codecs.names()[-1] == "copy"
            assert codecs.definitions() == (definition,)
        assert "copy" not in codecs.names()


def test_a_launcher_ends_with_its_parent_and_takes_the_program_along(tmp_path: Path) -> None:
    """Without an executor around, as with ``--workers 0``: SIGKILL ends the parent, and nothing stays."""
    path = script(tmp_path, f"echo $$ > {tmp_path}/pid; pwd > {tmp_path}/folder; exec sleep 600")
    code = (
        "from codecstudy.codecs import processes\n"
        "with processes.scratch(0) as folder:\n"
        f"    processes.run([{path!r}], folder, 1000)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    )
    pid, folder = tmp_path / "pid", tmp_path / "folder"
    wait_until(lambda: folder.exists() and folder.read_text().endswith("\n"))
    parent.kill()
    parent.wait()
    program, scratch = int(pid.read_text()), Path(folder.read_text().strip())
    wait_until(lambda: not lives(program) and not scratch.parent.exists())
