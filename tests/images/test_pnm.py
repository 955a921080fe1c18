"""PBM, PGM and PPM in all their six kinds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codecstudy.errors import ImageError
from codecstudy.images import pnm
from support.image_files import Load


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"P1\n3 2\n101\n010", [[0, 255, 0], [255, 0, 255]]),
        (b"P1 # remark\n3 2 1 0 1 # more\n 0 1 0", [[0, 255, 0], [255, 0, 255]]),
        (b"P4 3 2\n\xa0\x40", [[0, 255, 0], [255, 0, 255]]),
        (b"P2 3 1 10 0 5 10", [[0, 128, 255]]),
        (b"P2 2 1 1000 0 1000", [[0, 255]]),
        (b"P5 3 1 3\n\x00\x01\x03", [[0, 85, 255]]),
        (b"P5 2 1 1000\n\x00\x00\x03\xe8", [[0, 255]]),
        (b"P5 2 1 255 \x20\x0a", [[32, 10]]),
    ],
)
def test_grey_kinds(load_bytes: Load, data: bytes, expected: list[list[int]]) -> None:
    source = load_bytes(data)
    assert source.format == "PNM"
    assert source.pixels[:, :, 0].tolist() == expected
    assert (source.pixels == source.pixels[:, :, :1]).all()


@given(
    st.integers(1, 65535).flatmap(
        lambda maximum: st.tuples(st.just(maximum), st.lists(st.integers(0, maximum), min_size=6, max_size=6))
    )
)
@settings(deadline=None)
def test_plain_and_raw_say_the_same(case: tuple[int, list[int]]) -> None:
    maximum, values = case
    plain = b"P3 2 1 %d %s" % (maximum, " ".join(map(str, values)).encode())
    kind = ">u2" if maximum > 255 else "u1"
    raw = b"P6 2 1 %d\n" % maximum + np.array(values).astype(kind).tobytes()
    first, second = (pnm.read_samples(data, pnm.read_header(data)) for data in (plain, raw))
    full = 65535 if maximum > 255 else 255
    assert np.array_equal(first, second)
    assert first.ravel().tolist() == [int(v * full / maximum + 0.5) for v in values]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"P6 2 2 255\n123456", "has only 6 of 12 bytes"),
        (b"P3 2 2 255 1 2 3", "has only 3 of 12 samples"),
        (b"P5 2 2", "damaged P5 header"),
        (b"P5 0 2 255\n", "damaged P5 header: 0x2"),
        (b"P5 2 2 65536\n12345678", "largest value 65536"),
        (b"P5 99999999999 1 255\n", "damaged P5 header"),
        (b"P5 1 1 100\n\xff", "above 100, the largest value"),
        (b"P2 1 1 100 101", "outside 0 to 100"),
        (b"P2 1 1 100 -1", "outside 0 to 100"),
        (b"P2 1 1 100 x", "not a sample"),
        (b"P1 1 1 7", "outside 0 to 1"),
    ],
)
def test_damage_is_named(load_bytes: Load, data: bytes, says: str) -> None:
    with pytest.raises(ImageError, match=says):
        load_bytes(data)
