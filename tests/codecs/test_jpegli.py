"""jpegli through pyjpegli: what its records state is what its files have."""

from __future__ import annotations

import pytest

from codecstudy import codecs
from codecstudy.types import Setting
from conftest import picture
from support.optional import needs

pytestmark = needs("jpegli")

SOURCE = picture(96, 80)


def setting(quality: int) -> Setting:
    return Setting.of("jpeg", encoder="jpegli", quality=quality)


def segments(data: bytes) -> list[tuple[int, bytes]]:
    """Marker and content of the segments up to the first scan."""
    found, at = [], 2
    while data[at + 1] != 0xDA:
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        found.append((data[at + 1], data[at + 4 : at + 2 + length]))
        at += 2 + length
    return found


@pytest.mark.parametrize("quality", [1, 75, 95, 100])
def test_the_file_is_as_its_fixed_options_say(quality: int) -> None:
    encoder = codecs.get("jpegli")
    options = encoder.options(setting(quality))
    found = dict(segments(encoder.encoded(SOURCE, setting(quality)).data))
    sequential, progressive = 0xC0, 0xC2
    assert (progressive in found, sequential in found) == (options["progressive"], True)
    assert options["chroma_subsampling"] == "420"
    assert [found[sequential][7 + 3 * component] for component in range(3)] == [0x22, 0x11, 0x11]
    # The standard Huffman tables have 12 and 162 symbols, each after a class and 16 counts.
    assert options["optimize"] is False
    assert sum(len(content) for marker, content in [*found.items()] if marker == 0xC4) == 2 * (29 + 179)


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
