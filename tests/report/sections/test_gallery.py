"""The gallery: its images, their files, and their captions."""

from __future__ import annotations

import base64
import dataclasses
from pathlib import Path

import pytest

from codecstudy.report.context import Context
from codecstudy.report.options import Options
from codecstudy.report.sections import gallery
from codecstudy.results import QualityResults
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


def test_it_shows_each_format_at_the_measured_setting_closest_to_the_score(tmp_path: Path) -> None:
    found, _, _ = shown(with_files(tmp_path, four_formats(images=3)), tmp_path, target=72.0)
    assert found is not None
    high, low = found["entries"][0]["looks"]
    assert (high["target"], low["target"]) == ("72", "52")
    assert [s["setting"] for s in high["shots"]] == ["quality 70"] * 4
    assert [s["setting"] for s in low["shots"]] == ["quality 50"] * 4
    assert [s["title"] for s in high["shots"]] == ["JPEG", "WebP", "AVIF", "JPEG XL"]
    # Of the two AVIF variants, the recommended one is shown.
    assert high["shots"][2]["details"] == "4:2:0, speed 6"
    assert high["shots"][0]["scores"]["ssimulacra2"] == 70
    assert high["shots"][0]["bytes"] > 0


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
        found, text, _ = shown(dataclasses.replace(results, measurements=moved), tmp_path / "root")
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


def elsewhere(tmp_path: Path, path: str) -> QualityResults:
    """Results in the workspace ``root``, whose originals are at ``path``."""
    results = with_files(tmp_path / "root", four_formats(images=1))
    (tmp_path / "root" / results.dataset.path).rename(tmp_path / "originals")
    return dataclasses.replace(results, dataset=dataclasses.replace(results.dataset, path=path))


@pytest.mark.parametrize("how", ["absolute", "relative", "link"])
def test_originals_outside_the_workspace_are_shown_only_if_their_folder_is_named(
    tmp_path: Path, how: str
) -> None:
    folder = tmp_path / "originals"
    path = {"absolute": str(folder), "relative": "../originals", "link": "data/images"}[how]
    results = elsewhere(tmp_path, path)
    if how == "link":
        (tmp_path / "root" / "data" / "images").symlink_to(folder)
    found, text, command = shown(results, tmp_path / "root", results_path="my results")
    assert found is None
    assert "not in the workspace" in (text or "")
    assert command == f"codecstudy report 'my results' --images {path}"
    found, text, _ = shown(results, tmp_path / "root", images=folder)
    assert found is not None
    assert text is None


def test_encoded_files_outside_the_workspace_are_never_shown(tmp_path: Path) -> None:
    results = with_files(tmp_path / "root", four_formats(images=1))
    (tmp_path / "root" / "data" / "encoded").rename(tmp_path / "secrets")
    (tmp_path / "root" / "data" / "encoded").symlink_to(tmp_path / "secrets")
    for images in (None, tmp_path / "root" / results.dataset.path):
        assert shown(results, tmp_path / "root", images=images)[0] is None


def test_a_data_folder_that_is_a_link_is_followed_if_the_results_are_in_it(tmp_path: Path) -> None:
    results = with_files(tmp_path / "root", four_formats(images=1))
    (tmp_path / "root" / "data").rename(tmp_path / "big")
    (tmp_path / "root" / "data").symlink_to(tmp_path / "big")
    path = tmp_path / "root" / "data" / "metrics" / "synthetic" / "quality.json"
    results.save(path)
    assert shown(results, tmp_path / "root", results_path=str(path))[0] is not None
    results.save(tmp_path / "root" / "quality.json")
    assert shown(results, tmp_path / "root", results_path=str(tmp_path / "root" / "quality.json"))[0] is None
