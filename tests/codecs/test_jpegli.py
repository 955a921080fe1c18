"""jpegli through pyjpegli: what its records state is what its files have."""

from __future__ import annotations

import numpy as np
import pytest

from codecstudy import codecs
from codecstudy.types import Setting
from conftest import picture
from support.optional import needs

pytestmark = needs("jpegli")

SOURCE = picture(96, 80)


def setting(quality: int, progressive: bool = True) -> Setting:
    return Setting.of("jpeg", encoder="jpegli", quality=quality, extra_args={"progressive": progressive})


def segments(data: bytes) -> list[tuple[int, bytes]]:
    """Marker and content of the segments up to the first scan."""
    found, at = [], 2
    while data[at + 1] != 0xDA:
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        found.append((data[at + 1], data[at + 4 : at + 2 + length]))
        at += 2 + length
    return found


@pytest.mark.parametrize("is_progressive", [True, False])
@pytest.mark.parametrize("quality", [1, 75, 95, 100])
def test_the_file_is_as_its_options_say(quality: int, is_progressive: bool) -> None:
    encoder, chosen = codecs.get("jpegli"), setting(quality, is_progressive)
    options = encoder.options(chosen)
    found = dict(segments(encoder.encoded(SOURCE, chosen).data))
    sequential, progressive = 0xC0, 0xC2
    frame = found[progressive if is_progressive else sequential]
    assert (progressive in found) == options["progressive"] == options["optimize"] == is_progressive
    assert options["chroma_subsampling"] == "420"
    assert [frame[7 + 3 * component] for component in range(3)] == [0x22, 0x11, 0x11]
    if not is_progressive:
        # The standard Huffman tables have 12 and 162 symbols, each after a class and 16 counts.
        assert sum(len(content) for marker, content in [*found.items()] if marker == 0xC4) == 2 * (29 + 179)


@pytest.mark.parametrize("quality", [1, 75, 100])
def test_progressive_files_have_the_same_pixels_and_fewer_bytes(quality: int) -> None:
    encoder = codecs.get("jpegli")
    files = [encoder.encoded(SOURCE, setting(quality, progressive)).data for progressive in (True, False)]
    assert len(files[0]) < len(files[1])
    assert np.array_equal(*(encoder.decoded(data).pixels for data in files))


def test_it_is_another_encoder_than_libjpeg_turbo() -> None:
    files = {
        name: codecs.get(name).encoded(SOURCE, Setting.of("jpeg", encoder=name, quality=75)).data
        for name in ("jpegli", "jpeg")
    }
    assert files["jpegli"] != files["jpeg"]


def test_without_a_quality_it_is_refused() -> None:
    assert (
        codecs.get("jpegli").check(Setting.of("jpeg", encoder="jpegli")) == "jpegli needs quality, 1 to 100"
    )
