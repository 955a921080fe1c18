import numpy as np
from codecstudy_progressive import ENCODER

from codecstudy.types import Setting


def test_a_file_comes_back_as_it_was():
    pixels = np.full((16, 24, 3), 128, np.uint8)
    setting = Setting.of("jpeg", encoder="progressive", quality=90)
    encoded = ENCODER.encoded(pixels, setting)
    assert b"\xff\xc2" in encoded.data  # the marker of a progressive frame
    assert np.abs(ENCODER.decoded(encoded.data).pixels.astype(int) - pixels).max() <= 2
