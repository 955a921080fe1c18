"""The gallery: its images, their files, and their captions."""

from __future__ import annotations

import base64
import dataclasses
from pathlib import Path

import pytest
from PIL import Image

from codecstudy.errors import CodecError
from codecstudy.measurement.inspection import InspectionProcess
from codecstudy.pipeline import PipelineRunner
from codecstudy.report.context import Context
from codecstudy.report.options import Options
from codecstudy.report.sections import gallery
from codecstudy.results import QualityResults
from codecstudy.types import Setting
from conftest import picture
from support.pipeline_runs import study
from support.report_cases import HOSTILE, PictureInspector, four_formats, with_files


def shown(
    results: QualityResults, root: Path, **options: object
) -> tuple[dict | None, str | None, str | None]:
    context = Context.of(results, Options(resamples=50, **options), root, PictureInspector())
    values = gallery.build(context)
    note = values.note
    return values.chart_data["gallery"], note and note.text, note and note.command


def test_without_artifacts_it_says_how_to_get_them(tmp_path: Path) -> None:
    found, text, command = shown(four_formats(images=2), tmp_path)
    assert found is None
    assert "--save-artifacts" in (text or "")
    assert command == "codecstudy run synthetic --save-artifacts"


def test_missing_files_are_reported(tmp_path: Path) -> None:
    results = with_files(tmp_path, four_formats(images=2))
    found, text, _ = shown(results, tmp_path / "elsewhere")
    assert found is None
    assert "no longer where" in (text or "")


def test_it_shows_each_format_at_the_score(tmp_path: Path) -> None:
    inspector = PictureInspector()
    results = with_files(tmp_path, four_formats(images=3))
    context = Context.of(results, Options(resamples=50, target=80.4), tmp_path, inspector)
    found = gallery.build(context).chart_data["gallery"]
    shots = shots_of(found)
    # Saved files that are close enough are not encoded again.
    assert [s["setting"] for s in shots.values()] == ["quality 80"] * 4
    assert all(s["measure"] and "encoded" not in s["shown"] for s in shots.values())
    assert {s.quality for s in inspector.encoded} == {60, 81}  # 60.4 - 0.4, and the recommended setting
    found, _, _ = shown(results, tmp_path, target=72.0)
    shots = shots_of(found)
    assert [s["setting"] for s in shots.values()] == ["quality 72"] * 4
    assert list(shots) == ["JPEG", "WebP", "AVIF", "JPEG XL"]
    # Of the two AVIF variants, the recommended one is shown.
    assert shots["AVIF"]["details"] == "4:2:0, speed 6"
    assert shots["JPEG"]["scores"]["ssimulacra2"] == 72
    assert shots["JPEG"]["shown"] == "the JPEG file itself; encoded for this report"
    assert shots["JPEG"]["measure"] is None
    assert shots["JPEG"]["bytes"] > 0


def test_the_image_with_the_largest_gap_comes_first_then_the_median(tmp_path: Path) -> None:
    found, _, _ = shown(with_files(tmp_path, four_formats(images=5)), tmp_path)
    assert found is not None
    whys = [entry["why"] for entry in found["entries"]]
    assert whys[0].startswith("largest gap: AVIF")
    assert whys[1].startswith("median: AVIF")
    assert whys[2].startswith("smallest saving: AVIF")
    assert whys[3:] == ["", ""]
    assert len({entry["name"] for entry in found["entries"]}) == 5


def test_files_are_embedded_unchanged_if_browsers_support_them_and_as_a_crop_otherwise(
    tmp_path: Path,
) -> None:
    results = with_files(tmp_path, four_formats(images=1))
    found, _, _ = shown(results, tmp_path)
    assert found is not None
    shots = {s["title"]: s for s in found["entries"][0]["looks"][0]["shots"]}
    for title, mime in (("JPEG", "image/jpeg"), ("WebP", "image/webp"), ("AVIF", "image/avif")):
        uri = found["pictures"][shots[title]["picture"]["src"]]
        assert uri.startswith(f"data:{mime};base64,")
        assert shots[title]["shown"] == f"the {title} file itself"
    record = next(r for r in results.measurements if r.format == "avif" and r.quality == 80)
    avif = found["pictures"][shots["AVIF"]["picture"]["src"]].partition(",")[2]
    assert base64.b64decode(avif) == (tmp_path / str(record.encoded_path)).read_bytes()
    assert found["pictures"][shots["JPEG XL"]["picture"]["src"]].startswith("data:image/webp")
    assert "as lossless WebP" in shots["JPEG XL"]["shown"]


def test_large_files_are_shown_as_a_lossless_crop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("codecstudy.report.sections.gallery.WHOLE_FILE_LIMIT", 10)
    found, _, _ = shown(with_files(tmp_path, four_formats(images=1)), tmp_path)
    assert found is not None
    jpeg = found["entries"][0]["looks"][0]["shots"][0]
    assert found["pictures"][jpeg["picture"]["src"]].startswith("data:image/webp")
    assert "decoded JPEG file" in jpeg["shown"]


def test_the_region_contains_the_artifacts(tmp_path: Path) -> None:
    found, _, _ = shown(with_files(tmp_path, four_formats(images=1), size=(700, 500)), tmp_path)
    assert found is not None
    left, top, width, height = found["entries"][0]["region"]
    assert (width, height) == (480, 320)
    assert left <= 70 < 86 <= left + width
    assert top <= 40 < 56 <= top + height


def test_it_stays_within_its_limits(tmp_path: Path) -> None:
    results = with_files(tmp_path, four_formats(images=4))
    found, text, _ = shown(results, tmp_path, gallery_images=2)
    assert found is not None
    assert len(found["entries"]) == 2
    assert (text or "").startswith("2 images of 4")
    whole = sum(map(len, found["pictures"]))
    small, _, _ = shown(results, tmp_path, gallery_bytes=whole // 2)
    assert small is not None
    assert len(small["entries"]) == 1


def test_without_any_image_there_is_a_note(tmp_path: Path) -> None:
    found, text, _ = shown(with_files(tmp_path, four_formats(images=2)), tmp_path, gallery_images=0)
    assert found is None
    assert text


def test_a_damaged_file_is_named_and_the_rest_is_shown(tmp_path: Path) -> None:
    results = with_files(tmp_path, four_formats(images=2))
    record = next(r for r in results.measurements if r.format == "webp" and r.quality == 80)
    (tmp_path / str(record.encoded_path)).write_bytes(b"no picture")
    found, text, _ = shown(results, tmp_path)
    assert found is not None
    assert len(found["entries"]) == 1
    assert f"Could not be opened: {record.source_image}: cannot identify image file" in (text or "")


@pytest.mark.parametrize("path", ["../outside.png", "/etc/outside.png"])
def test_paths_outside_the_workspace_are_not_followed(tmp_path: Path, path: str) -> None:
    results = with_files(tmp_path / "root", four_formats(images=1))
    record = results.measurements[0]
    (tmp_path / "outside.png").write_bytes((tmp_path / "root" / str(record.encoded_path)).read_bytes())
    for field in ("encoded_path", "source_image"):
        moved = [dataclasses.replace(r, **{field: path}) for r in results.measurements]
        changed = dataclasses.replace(results, measurements=moved)
        found, text, _ = shown(changed, tmp_path / "root", encode=False)
        assert found is None
        assert text


def test_commands_quote_hostile_names(tmp_path: Path) -> None:
    results = with_files(tmp_path, four_formats(images=1, names=(HOSTILE[0].replace("/", "_"),)))
    found, _, _ = shown(results, tmp_path)
    assert found is not None
    measure = found["entries"][0]["looks"][0]["shots"][0]["measure"]
    assert measure.startswith(
        "codecstudy measure 'data/datasets/formulas/<script>alert(1)<_script>.png' data/"
    )


def with_study(results: QualityResults, **comparison: object) -> QualityResults:
    return dataclasses.replace(results, study={"comparison": comparison})


def shots_of(found: dict | None, look: int = 0, entry: int = 0) -> dict[str, dict]:
    assert found is not None
    return {shot["title"]: shot for shot in found["entries"][entry]["looks"][look]["shots"]}


def labels(found: dict | None) -> list[str]:
    assert found is not None
    return [look["label"] for look in found["entries"][0]["looks"]]


def test_recommended_settings_and_a_lower_score_follow(tmp_path: Path) -> None:
    found, text, _ = shown(with_files(tmp_path, four_formats(images=4)), tmp_path, target=72.0)
    assert labels(found) == ["SSIMULACRA2 72", "The recommended settings", "SSIMULACRA2 52"]
    assert found is not None
    assert len(found["entries"][3]["looks"]) == 2  # the lower score is only for the first images
    assert text is None


def test_the_section_says_what_was_encoded(tmp_path: Path) -> None:
    results = with_files(tmp_path, four_formats(images=1))
    context = Context.of(results, Options(resamples=50, target=72.0), tmp_path, PictureInspector())
    values = gallery.build(context)
    # The recommended settings are those at 72, too, because scores are quality numbers here.
    assert values.encoded.startswith(
        "8 of 8 pictures were encoded for this report (JPEG 2, WebP 2, AVIF 2, JPEG XL 2), because no saved"
    )
    assert "WebP was measured with" not in values.encoded  # the results do not say with which version
    assert values.within == "0.5"
    facts = tuple(dataclasses.replace(one, version="0.9") for one in results.encoders)
    older = dataclasses.replace(results, encoders=facts)
    context = Context.of(older, Options(resamples=50, target=72.0), tmp_path, PictureInspector())
    assert "AVIF was measured with 0.9, and encoded here with 1." in gallery.build(context).encoded


@pytest.mark.parametrize("why", ["changed", "unknown", "off", "time"])
def test_without_encoding_the_nearest_saved_files_are_shown(tmp_path: Path, why: str) -> None:
    results = with_files(tmp_path, four_formats(images=2))
    options: dict[str, object] = {"target": 72.0}
    expected = {
        "changed": "class0/img000.png: its content has changed since it was measured",
        "unknown": "class0/img000.png: the results do not contain the hash of its content",
        "off": "Nothing was encoded for this report, so each picture is the nearest saved file.",
        "time": "Nothing more was encoded after an estimated 0.70 s; other pictures are the nearest saved files.",
    }
    if why == "changed":
        for path in (tmp_path / results.dataset.path).rglob("*.png"):
            path.write_bytes(path.read_bytes() + b"\0")
    elif why == "unknown":
        records = [dataclasses.replace(r, source_sha256=None) for r in results.measurements]
        results = dataclasses.replace(results, measurements=records)
    elif why == "off":
        options["encode"] = False
    else:
        options["encode_seconds"] = 0.7  # enough for one encode: 0.5 s + 0.1 s for its scores
    found, text, _ = shown(results, tmp_path, **options)
    assert expected[why] in (text or "")
    shot = shots_of(found)["AVIF"]
    assert (shot["setting"], shot["scores"]["ssimulacra2"]) == ("quality 70", 70)
    assert shot["shown"] == "the AVIF file itself; the nearest saved file"
    recommended = shots_of(found, 1)["AVIF"]
    assert recommended["shown"] == "the AVIF file itself; the saved file nearest to quality 72"


def test_without_saved_files_everything_is_encoded(tmp_path: Path) -> None:
    results = with_files(tmp_path, four_formats(images=2))
    records = [dataclasses.replace(r, encoded_path=None) for r in results.measurements]
    results = dataclasses.replace(results, measurements=records)
    found, text, _ = shown(results, tmp_path)
    assert [s["setting"] for s in shots_of(found).values()] == ["quality 80"] * 4
    assert all("encoded for this report" in s["shown"] for s in shots_of(found).values())
    found, text, command = shown(results, tmp_path, encode=False)
    assert found is None
    assert "--save-artifacts" in (text or "")
    assert command


def test_a_study_may_name_scores_and_sizes(tmp_path: Path) -> None:
    results = with_study(
        with_files(tmp_path, four_formats(images=1)),
        targets=[
            {"metric": "ssimulacra2", "values": [55, 80]},
            {"metric": "psnr", "values": [37.5]},
            {"metric": "bits_per_pixel", "values": [1.5]},
            {"metric": "other", "values": [1]},
        ],
    )
    found, text, _ = shown(results, tmp_path)
    assert labels(found) == [
        "SSIMULACRA2 80",
        "SSIMULACRA2 55",
        "PSNR (dB) 37.5",
        "1.5 bits per pixel",
        "The recommended settings",
    ]
    assert [s["scores"]["ssimulacra2"] for s in shots_of(found, 1).values()] == [55] * 4
    assert [s["scores"]["psnr"] for s in shots_of(found, 2).values()] == [37.5] * 4
    assert all("bits per pixel" in s["details"] for s in shots_of(found, 3).values())
    assert "the study's targets for other, which was not measured" in (text or "")


def test_a_study_may_choose_images(tmp_path: Path) -> None:
    results = with_files(tmp_path, four_formats(images=4))
    every = [f"class{i % 3}/img00{i}.png" for i in range(4)]
    excluded = with_study(results, exclude_images=["img001.png", "nowhere.png"])
    found, text, _ = shown(excluded, tmp_path)
    assert found is not None
    assert {entry["name"] for entry in found["entries"]} == set(every) - {every[1]}
    assert text == "The study excludes nowhere.png, which was not measured."
    for name in ("img002.png", every[2], f"data/preprocessed/{every[2]}"):
        found, text, _ = shown(with_study(results, source_image=name), tmp_path)
        assert found is not None
        assert [entry["name"] for entry in found["entries"]] == [every[2]]
        assert text is None
    found, text, _ = shown(with_study(results, source_image="0801.png"), tmp_path)
    assert found is None
    assert "The study's source_image, 0801.png, is not among" in (text or "")


def test_tiles_may_be_the_values_of_a_parameter(tmp_path: Path) -> None:
    results = with_files(tmp_path, four_formats(images=2))
    found, _, _ = shown(with_study(results, tile_parameter="chroma_subsampling"), tmp_path, target=72.0)
    assert list(shots_of(found)) == ["AVIF (4:2:0)", "AVIF (4:4:4)"]
    assert labels(found) == ["SSIMULACRA2 72", "SSIMULACRA2 52"]
    found, text, _ = shown(with_study(results, tile_parameter="speed"), tmp_path)
    assert list(shots_of(found)) == ["JPEG", "WebP", "AVIF", "JPEG XL"]
    assert "No two settings differ only in speed" in (text or "")


def real(root: Path, *encoders: dict[str, object], **keys: object) -> QualityResults:
    """Results of a run on one picture with fine and coarse structure."""
    (root / "images").mkdir()
    Image.fromarray(picture(160, 120)).save(root / "images" / "a.png")
    return PipelineRunner(root).run(study(*encoders, **keys), num_workers=0, images=root / "images")


def built(root: Path, results: QualityResults, **options: object) -> gallery.Values:
    with InspectionProcess(60) as inspector:
        return gallery.build(Context.of(results, Options(resamples=50, **options), root, inspector))


def test_real_pictures_are_within_half_a_point_or_at_adjacent_levels(tmp_path: Path) -> None:
    results = real(
        tmp_path,
        {"format": "jpeg", "quality": [10, 98], "chroma_subsampling": "444"},
        {"format": "jxl", "extra_args": [{"distance": 0.5}, {"distance": 4.0}], "effort": 3},
        metrics=["ssimulacra2"],
        comparison={"targets": [{"metric": "ssimulacra2", "values": [72]}]},
    )
    values = built(tmp_path, results, target=80)
    for look, target in enumerate((80, 72)):
        shots = shots_of(values.chart_data["gallery"], look)
        for shot in shots.values():
            close = abs(shot["scores"]["ssimulacra2"] - target) <= 0.5
            assert close != ("no level comes closer" in shot["shown"])
        jpeg = shots["JPEG"]
        if "closer" in jpeg["shown"]:  # then the neighbours are not closer
            quality = int(jpeg["setting"].removeprefix("quality "))
            with InspectionProcess() as inspector:
                for other in (quality - 1, quality + 1):
                    setting = Setting.of("jpeg", quality=other, chroma_subsampling="444")
                    _, scores = inspector.encode(tmp_path / "images" / "a.png", setting, ("ssimulacra2",))
                    distance = abs(scores["ssimulacra2"] - target)
                    assert distance >= abs(jpeg["scores"]["ssimulacra2"] - target) - 1e-3


def test_crops_show_the_same_part_and_sizes_are_aligned(tmp_path: Path) -> None:
    results = real(
        tmp_path,
        {"format": "jpeg", "quality": [40, 95], "crop": [100, 140]},
        metrics=["ssimulacra2"],
        comparison={"tile_parameter": "crop"},
        analysis_fragment_size=60,
    )
    found = built(tmp_path, results, target=70).chart_data["gallery"]
    shots = shots_of(found)
    assert list(shots) == ["JPEG (crop 100)", "JPEG (crop 140)"]
    assert found["entries"][0]["region"] == [0, 0, 60, 60]
    # Windows of 100 x 75 and 140 x 105 pixels around the same fragment of 60 x 60.
    assert [s["picture"]["size"] for s in shots.values()] == [[100, 75], [140, 105]]
    assert [s["picture"]["at"] for s in shots.values()] == [[20, 8], [40, 23]]


def test_smaller_sizes_are_shown_at_the_size_of_the_largest(tmp_path: Path) -> None:
    results = real(
        tmp_path,
        {"format": "jpeg", "quality": [40, 95], "resolution": ["original", 80]},
        metrics=["ssimulacra2"],
        comparison={"tile_parameter": "resolution"},
    )
    shots = shots_of(built(tmp_path, results, target=70).chart_data["gallery"])
    assert list(shots) == ["JPEG (original size)", "JPEG (80 px)"]
    assert [s["picture"]["size"] for s in shots.values()] == [[160, 120]] * 2
    assert [s["picture"]["at"] for s in shots.values()] == [[0, 0]] * 2


def test_a_failing_encoder_is_named(tmp_path: Path) -> None:
    class Failing(PictureInspector):
        def encode(self, path: Path, setting: Setting, names: tuple[str, ...]) -> tuple[bytes, dict]:
            if setting.format == "avif":
                raise CodecError("out of order")
            return super().encode(path, setting, names)

    results = with_files(tmp_path, four_formats(images=1))
    context = Context.of(results, Options(resamples=50, target=72.0), tmp_path, Failing())
    values = gallery.build(context)
    assert values.note is not None
    assert "AVIF quality 72 (4:2:0, speed 6) of class0/img000.png: out of order" in values.note.text
    shots = shots_of(values.chart_data["gallery"])
    assert "the nearest saved file" in shots["AVIF"]["shown"]
    assert shots["JPEG"]["setting"] == "quality 72"
