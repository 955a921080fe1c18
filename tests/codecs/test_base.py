"""Parameters accept what they say they accept; encoders are timed, and state the options that they use."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codecstudy import codecs
from codecstudy.codecs.base import Cost, Decoded, Encoded
from codecstudy.errors import CodecError
from codecstudy.types import Parameter, Pixels, Setting
from support import fake_codecs

QUALITY = Parameter("quality", "", minimum=0, maximum=100)
DISTANCE = Parameter("distance", "", minimum=0, maximum=25, integer=False)
SAMPLING = Parameter("chroma_subsampling", "", choices=("444", "420"))
FLAG = Parameter("lossless", "", choices=(True, False))


@given(st.integers())
def test_an_integer_range_includes_its_ends_and_nothing_beyond(value: int) -> None:
    assert QUALITY.accepts(value) == (0 <= value <= 100)


@given(st.floats())
def test_an_integer_range_takes_no_decimals(value: float) -> None:
    assert not QUALITY.accepts(value)


@given(st.floats())
def test_a_decimal_range_takes_finite_decimals_inside(value: float) -> None:
    assert DISTANCE.accepts(value) == (0.0 <= value <= 25.0)


@given(st.one_of(st.text(), st.none(), st.booleans(), st.lists(st.integers())))
def test_a_range_takes_numbers_only(value: object) -> None:
    assert not QUALITY.accepts(value)
    assert not DISTANCE.accepts(value)


@given(st.one_of(st.text(), st.integers(), st.floats(), st.booleans(), st.none()))
def test_choices_take_exactly_the_values_listed(value: object) -> None:
    assert SAMPLING.accepts(value) == (value in ("444", "420"))
    assert FLAG.accepts(value) == (value is True or value is False)


@pytest.mark.parametrize("value", [444, 420.0, "4:4:4", ""])
def test_choices_do_not_convert(value: object) -> None:
    assert not SAMPLING.accepts(value)


@pytest.mark.parametrize(
    ("parameter", "text"),
    [
        (QUALITY, "0 to 100"),
        (DISTANCE, "0 to 25 (decimals allowed)"),
        (SAMPLING, "444, 420"),
        (FLAG, "true, false"),
    ],
)
def test_the_allowed_values_are_readable(parameter: Parameter, text: str) -> None:
    assert parameter.allowed() == text


PICTURE = np.zeros((8, 8, 3), np.uint8)


def test_the_cpu_time_of_an_encoder_includes_that_of_the_programs_it_runs() -> None:
    def encode(pixels: Pixels, setting: Setting) -> bytes:
        script = "import time\nwhile time.process_time() < 0.2: pass"
        subprocess.run([sys.executable, "-c", script], check=True)
        return b"file"

    encoder = dataclasses.replace(fake_codecs.make("external"), encode=encode)
    cost = encoder.encoded(PICTURE, Setting.of("external")).cost
    assert cost.cpu_time >= 0.2
    assert cost.peak_memory is None


def test_an_encoder_may_measure_its_own_cost() -> None:
    own = Cost(1.0, 4.0, 1000)
    encoder = dataclasses.replace(
        fake_codecs.make("own"),
        encode=lambda pixels, setting: Encoded(b"file", own),
        decode=lambda data: Decoded(PICTURE, own),
    )
    assert encoder.encoded(PICTURE, Setting.of("own")) == Encoded(b"file", own)
    assert encoder.decoded(b"file").cost == own


@pytest.mark.parametrize("returned", [b"", None, Encoded(b"", Cost(0.0, 0.0))])
def test_what_is_not_a_file_is_refused(returned: object) -> None:
    encoder = dataclasses.replace(fake_codecs.make("empty"), encode=lambda pixels, setting: returned)
    with pytest.raises(CodecError, match="instead of a file"):
        encoder.encoded(PICTURE, Setting.of("empty"))


def test_the_options_of_a_setting_include_defaults_and_what_cannot_be_changed() -> None:
    facts = dataclasses.replace(
        fake_codecs.make("toy").facts,
        parameters=(dataclasses.replace(QUALITY, default=75), SAMPLING),
        extra_parameters=(dataclasses.replace(FLAG, default=False),),
    )
    encoder = dataclasses.replace(fake_codecs.make("toy"), facts=facts, fixed=lambda setting: {"threads": 1})
    assert encoder.options(Setting.of("toy")) == {"quality": 75, "lossless": False, "threads": 1}
    chosen = Setting.of("toy", quality=3, extra_args={"lossless": True})
    assert encoder.options(chosen) == {"quality": 3, "lossless": True, "threads": 1}


@pytest.mark.parametrize("name", codecs.BUILT_IN)
def test_every_encoder_states_chroma_depth_and_threads(name: str) -> None:
    encoder = codecs.get(name)
    if (lacking := encoder.missing()) is not None:
        pytest.skip(lacking)
    found = encoder.options(Setting.of(encoder.facts.format, encoder=name, quality=60))
    assert {"chroma_subsampling", "depth", "threads"} <= found.keys()
    assert found["threads"] == 1
    if encoder.facts.format == "avif":
        assert "tune" in found or encoder.facts.id == "avifenc"
    if encoder.facts.format == "jpeg":
        assert {"progressive", "optimize"} <= found.keys() or encoder.facts.id == "cjpegli"


def test_a_progressive_jpeg_is_stated_to_have_optimized_tables() -> None:
    chosen = Setting.of("jpeg", quality=60, extra_args={"progressive": True})
    assert codecs.get("jpeg").options(chosen)["optimize"] is True
