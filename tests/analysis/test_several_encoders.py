"""Several encoders of one format in one study: each has a name, and none is taken for another."""

from __future__ import annotations

import dataclasses
from typing import Any

import polars as pl
import pytest

from codecstudy.analysis.answer import Answer, answers
from codecstudy.analysis.baseline import baselines
from codecstudy.analysis.diff import diff
from codecstudy.analysis.encoders import Encoders
from codecstudy.analysis.export import codec_compare, summary
from codecstudy.analysis.frame import derive
from codecstudy.analysis.options import EncoderOptions, encoding_threads, peak_memory
from codecstudy.analysis.points import collect
from codecstudy.analysis.recommend import recommend
from codecstudy.errors import ResultsError
from codecstudy.results import QualityResults
from codecstudy.types import EncoderFacts, Parameter, RateParameter, Setting
from support.synthetic import Formula, measured, records_of, results_of

QUALITY = (Parameter("quality", "quality", 0, 100),)


def own(name: str, format: str = "jpeg", **changes: Any) -> EncoderFacts:
    """An encoder without anything but a name, such as a program of a study."""
    values = {"id": name, "format": format, "title": name, "extension": ".x", "parameters": QUALITY}
    return EncoderFacts(**(values | changes))


def encoder(name: str, factor: float, spread: float = 0.0, format: str = "jpeg", **setting: Any) -> Formula:
    """Files ``factor`` times as large as those of the format's default encoder, a little more or less."""
    base = Formula(format)
    return dataclasses.replace(
        base,
        size=lambda s, i: factor * (1 + spread * (i // 3 % 3 - 1)) * base.size(s, i),
        setting={"encoder": name} | setting,
    )


def results(*formulas: Formula, images: int = 9, **changes: Any) -> QualityResults:
    facts = (
        own("moz", title="JPEG (mozjpeg)"),
        own("mine"),
        own("svt", "avif"),
        own("other", "jxl"),
        own("plain", "jpeg", title="JPEG"),
    )
    found = results_of(records_of(formulas, images), **changes)
    used = {formula.setting.get("encoder", formula.format) for formula in formulas}
    return dataclasses.replace(found, encoders=(*found.encoders, *(f for f in facts if f.id in used)))


JPEG, MOZJPEG, MINE = Formula("jpeg"), encoder("moz", 0.9, 0.01), encoder("mine", 0.908, 0.05)
AVIF, SVT = Formula("avif").scaled(0.6), encoder("svt", 0.5, format="avif")


def answer(measured: QualityResults, **options: Any) -> Answer:
    points = collect(measured)
    (found,) = answers(points, recommend(points, target=70, **options))
    return found


def sentences(found: Answer, kind: str) -> list[str]:
    return [sentence.text for sentence in found.sentences if sentence.kind == kind]


def test_titles_tell_the_encoders_of_a_format_apart() -> None:
    encoders = Encoders.of(results(JPEG, MOZJPEG, MINE, encoder("plain", 1.0), AVIF))
    titles = [encoders.facts(name).title for name in ("jpeg", "moz", "mine", "plain", "avif")]
    assert titles == ["JPEG (libjpeg-turbo)", "JPEG (mozjpeg)", "mine", "JPEG (plain)", "AVIF"]
    alone = Encoders.of(results(JPEG, AVIF))
    assert alone.facts("jpeg").title == "JPEG"


def test_browsers_support_formats_whatever_encoded_them() -> None:
    facts = Encoders.of(results(AVIF, SVT)).facts("svt")
    assert (facts.browsers, facts.mime) == ("all current browsers", "image/avif")
    assert Encoders.of(results(SVT)).facts("svt").browsers == "not known"


def test_encoders_of_a_format_stand_together_in_the_order_of_the_study() -> None:
    study = {"encoders": [{"format": f.format, **f.setting} for f in (SVT, MINE, JPEG, AVIF)]}
    variants = collect(results(JPEG, AVIF, MINE, SVT, study=study)).variants
    assert [variant.encoder for variant in variants] == ["svt", "avif", "mine", "jpeg"]


@pytest.mark.parametrize(
    ("formulas", "wanted", "found"),
    [
        ([MOZJPEG, JPEG, AVIF], None, "jpeg"),
        ([AVIF, MINE, MOZJPEG], None, "moz"),
        ([AVIF, SVT], None, "avif"),
        ([JPEG, MOZJPEG], "jpeg", "jpeg"),
        ([JPEG, MOZJPEG], "moz", "moz"),
        ([AVIF, MOZJPEG], "jpeg", "moz"),
    ],
)
def test_the_baseline(formulas: list[Formula], wanted: str | None, found: str) -> None:
    points = collect(results(*formulas, images=2))
    (index,) = baselines(points, wanted).values()
    assert index is not None
    assert points.variants[index].encoder == found


def test_the_first_jpeg_encoder_of_the_study_is_the_baseline() -> None:
    study = {"encoders": [{"format": f.format, **f.setting} for f in (AVIF, MINE, MOZJPEG)]}
    points = collect(results(AVIF, MOZJPEG, MINE, images=2, study=study))
    (index,) = baselines(points).values()
    assert index is not None
    assert points.variants[index].encoder == "mine"


def test_a_format_of_several_encoders_is_no_baseline() -> None:
    with pytest.raises(ResultsError, match=r"'jpeg' is a format that several encoders make.*: moz, mine"):
        recommend(results(MOZJPEG, MINE, AVIF), baseline="jpeg")


def test_the_answer_says_which_encoder_of_each_format_has_the_smallest_files() -> None:
    found = answer(results(JPEG, MOZJPEG, MINE, AVIF, images=30))
    (text,) = sentences(found, "encoders")
    assert text.startswith(
        "Of the 3 encoders of jpeg, JPEG (mozjpeg) makes the smallest files at the same "
        "SSIMULACRA2 70 on each image: "
    )
    assert "10 % smaller than JPEG (libjpeg-turbo) (95 % interval: " in text
    assert text.endswith("; for other images, the order of it and mine is undecided.")
    assert sentences(answer(results(JPEG, AVIF)), "encoders") == []


def test_encoders_that_were_not_compared_are_named() -> None:
    few = dataclasses.replace(MINE, score=lambda q, i: q - 40 if i < 3 else q)
    (text,) = sentences(answer(results(JPEG, MOZJPEG, few, images=20), coverage=0.8), "encoders")
    assert text.endswith(". Not compared: mine.")
    (text,) = sentences(answer(results(JPEG, few, images=20), coverage=0.8), "encoders")
    assert "it is not known which makes the smallest files" in text


def test_each_format_is_offered_to_browsers_once() -> None:
    jxl = Formula("jxl").scaled(0.7), encoder("other", 0.6, format="jxl")
    found = answer(results(JPEG, MOZJPEG, *jxl))
    assert [item.encoder for item in found.chain] == ["other", "moz"]
    assert found.headline == "Use JPEG (mozjpeg) quality 70."
    alone = answer(results(JPEG, encoder("moz", 1.2)))
    assert sentences(alone, "baseline-smallest") == [
        "No other measured encoder of a format that all current browsers show makes smaller files than "
        "JPEG (libjpeg-turbo) at this target."
    ]


def test_encoders_that_use_several_threads_are_named() -> None:
    busy = results_of(
        [measured(JPEG, i, q) for i in range(3) for q in JPEG.qualities]
        + [measured(AVIF, i, q, encoding_time=0.2) for i in range(3) for q in AVIF.qualities]
    )
    assert encoding_threads(collect(busy)) == pytest.approx({"jpeg": 0.5, "avif": 2.5})
    (text,) = sentences(answer(busy), "threads")
    assert text.startswith("AVIF encoded on 2.5 threads on average (CPU time over wall-clock time).")
    assert sentences(answer(results(JPEG, AVIF)), "threads") == []
    rows = derive(busy).filter(pl.col("format") == "avif")["encoding_threads"]
    assert rows.to_list() == pytest.approx([2.5] * len(rows))
    instant = results_of([measured(JPEG, 0, q, encoding_time=0.0) for q in JPEG.qualities])
    assert encoding_threads(collect(instant)) == {}
    assert derive(instant)["encoding_threads"].null_count() == len(JPEG.qualities)


def test_options_in_effect_are_those_of_the_records() -> None:
    fixed = {"depth": 8, "progressive": False, "tune": "iq"}
    records = [
        measured(AVIF, i, q, speed=speed, encoder_options={**fixed, "quality": q, "speed": speed})
        for i in range(2)
        for q in AVIF.qualities
        for speed in (4, 6)
    ]
    options = EncoderOptions.of(results_of([*records, *records_of([JPEG], 2)]))
    assert (
        options.at(Setting.of("avif", quality=33, speed=6)) == "depth 8, progressive false, speed 6, tune iq"
    )
    assert options.of_encoder("avif") == (
        "depth 8, progressive false, tune iq",
        "quality 10 to 90 (5 values); speed 4, 6",
    )
    # Files of older versions have none.
    assert options.at(Setting.of("jpeg", quality=50)) == ""
    assert options.of_encoder("jpeg") == ("", "")


def test_peak_memory_is_that_of_programs() -> None:
    records = [measured(SVT, i, 50, encoding_peak_memory=(1 + i) * 10**6) for i in range(3)]
    found = results_of([*records, *records_of([JPEG], 2)])
    assert peak_memory(found) == {"svt": (10**6, 3 * 10**6)}
    row = summary(found).filter(pl.col("encoder") == "svt").row(0, named=True)
    assert (row["encoding_peak_memory_n"], row["encoding_peak_memory_max"]) == (3, 3e6)


def test_every_encoder_has_rows_and_files_of_its_own_in_exports() -> None:
    found = results(JPEG, MOZJPEG, MINE, images=2)
    assert summary(found)["encoder"].unique(maintain_order=True).to_list() == ["jpeg", "moz", "mine"]
    index, *batches = codec_compare(found).items()
    assert index[1] == [["jpeg.json"], ["moz.json"], ["mine.json"]]
    names = [[next(iter(one)) for one in batch["constant_descriptions"]] for _, batch in batches]
    values = [batch["constant_values"] for _, batch in batches]
    constants = [dict(zip(*pair, strict=True)) for pair in zip(names, values, strict=True)]
    assert [one["codec"] for one in constants] == ["jpeg", "moz", "mine"]


def test_encoders_are_compared_with_themselves_in_another_run() -> None:
    found = diff(results(JPEG, MOZJPEG), results(JPEG, encoder("moz", 0.99, 0.01)), targets=[70])
    worse = {c.label: c.verdict for c in found.comparisons if c.at == "matched" and c.quantity == "size"}
    assert worse == {"jpeg": "equivalent", "moz": "worse"}


def test_a_mode_without_a_rate_is_a_variant_of_its_own() -> None:
    lossless = RateParameter("quality", unless=(("lossless", True),))
    facts = own("webp", "webp", title="WebP", rates=(lossless,))
    lossy = dataclasses.replace(Formula("webp").scaled(0.8))
    records = records_of([JPEG, lossy], 3)
    for i in range(3):
        for effort in (0, 100):
            changes = {"ssimulacra2": 100.0, "psnr": float("inf"), "file_size": 9_000_000_000 - effort * 1000}
            records.append(measured(lossy, i, effort, extra_args={"lossless": True}, **changes))
    found = results_of(records)
    found = dataclasses.replace(
        found, encoders=tuple(facts if one.id == "webp" else one for one in found.encoders)
    )
    points = collect(found)
    assert [v.label for v in points.variants] == ["jpeg", "webp", "webp q0 lossless", "webp q100 lossless"]
    assert [v.axis.name for v in points.variants] == ["quality", "quality", "", ""]
    by_encoder = {item.encoder: item for item in recommend(points, target=70).items}
    assert by_encoder["webp"].setting == Setting.of("webp", quality=70)
    exact = recommend(points, target=100).items
    assert [item.setting and item.setting.label() for item in exact if item.encoder == "webp"] == [
        "webp q100 lossless"
    ]
    assert len(summary(found)) == 12
    assert diff(found, found).exit_code == 0
