"""The static plots are complete, are valid files, and are the same for the same results."""

from __future__ import annotations

import dataclasses
import math
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from codecstudy.errors import MissingExtraError
from codecstudy.report import Options, PlotFormat, write_plots
from codecstudy.report.context import Context
from codecstudy.report.drawing import draw
from codecstudy.report.figures import Plot, Series, plots
from codecstudy.results import QualityResults
from support.report_cases import CODECS, four_formats
from support.synthetic import measured, results_of, study

METRICS = ("ssimulacra2", "butteraugli", "butteraugli_3norm", "psnr", "ssim")
KINDS = ("rate-distortion", "size", "quality", "cost")
SVG = "{http://www.w3.org/2000/svg}"
FEW = Options(resamples=50)


def plots_of(results: QualityResults) -> dict[str, Plot]:
    return {plot.name: plot for plot in plots(Context.of(results, FEW))}


def one_metric() -> QualityResults:
    """Results with few plots, for the tests that write all plots."""
    results = four_formats(images=2)
    absent = dict.fromkeys(METRICS[1:])
    kept = [dataclasses.replace(record, **absent) for record in results.measurements]
    return dataclasses.replace(results, measurements=kept)


@pytest.fixture(scope="module")
def four() -> dict[str, Plot]:
    return plots_of(four_formats(images=3))


def svg_of(plot: Plot) -> ElementTree.Element:
    return ElementTree.fromstring(draw(plot, PlotFormat.SVG))


def texts(root: ElementTree.Element) -> list[str]:
    return ["".join(element.itertext()) for element in root.iter(f"{SVG}text")]


def drawn(root: ElementTree.Element, kind: str) -> int:
    return sum(element.get("id", "").startswith(f"{kind}-") for element in root.iter(f"{SVG}g"))


def test_there_is_a_plot_of_each_kind_for_each_metric(four: dict[str, Plot]) -> None:
    assert set(four) == {f"{kind}-{metric}" for kind in KINDS for metric in METRICS} | {"encode-time"}


@pytest.mark.parametrize(
    ("name", "axes", "lines", "bands"),
    [
        ("rate-distortion-butteraugli", ("Bits per pixel", "Butteraugli"), 5, 4),
        ("size-ssimulacra2", ("SSIMULACRA2", "Size compared with JPEG (%)"), 5, 3),
        ("quality-psnr", ("Encoder's quality", "PSNR (dB), median and lowest to highest"), 5, 4),
        ("cost-ssimulacra2", ("SSIMULACRA2", "Bits per pixel for +1 SSIMULACRA2"), 5, 0),
        ("encode-time", ("Encode CPU seconds per megapixel", "Bits per pixel at SSIMULACRA2 80"), 0, 0),
    ],
)
def test_a_plot_has_titled_axes_and_names_every_variant(
    four: dict[str, Plot], name: str, axes: tuple[str, str], lines: int, bands: int
) -> None:
    root = svg_of(four[name])
    found = texts(root)
    for text in (*axes, four[name].note):
        assert found.count(text) == 1
    for variant in ("JPEG", "WebP", "AVIF 4:2:0", "AVIF 4:4:4", "JPEG XL"):
        assert found.count(variant) == 1
    assert drawn(root, "line") == lines
    assert drawn(root, "band") == bands
    assert drawn(root, "points") == 5


def test_points_off_the_front_are_hollow(four: dict[str, Plot]) -> None:
    hollow = {series.name for series in four["encode-time"].series if series.hollow}
    # WebP is faster and smaller than JPEG; AVIF 4:2:0 is faster and smaller than AVIF 4:4:4.
    assert hollow == {"JPEG", "AVIF 4:4:4"}


def test_axes_are_reversed_if_lower_is_better(four: dict[str, Plot]) -> None:
    assert four["rate-distortion-butteraugli"].y.reversed
    assert not four["rate-distortion-ssimulacra2"].y.reversed


def series_of(plot: Plot, name: str) -> Series:
    return next(series for series in plot.series if series.name == name)


def test_a_curve_goes_through_the_measured_levels(four: dict[str, Plot]) -> None:
    dots = series_of(four["rate-distortion-ssimulacra2"], "AVIF 4:2:0").dots
    assert [score for _, score in dots] == [30, 50, 70, 80, 90]
    assert [bits for bits, _ in dots] == sorted(bits for bits, _ in dots)


def test_the_recommended_variants_have_bands(four: dict[str, Plot]) -> None:
    banded = {series.name for series in four["rate-distortion-ssimulacra2"].series if series.band}
    assert banded == {"JPEG", "WebP", "AVIF 4:2:0", "JPEG XL"}


def test_the_size_at_equal_quality_is_the_ratio_of_the_formulas() -> None:
    plot = plots_of(four_formats(images=5))["size-ssimulacra2"]
    avif = series_of(plot, "AVIF 4:2:0")
    assert (avif.line[0][0], avif.line[-1][0]) == (30, 90)
    # Images 0 to 4 have each of the five wobbles once.
    expected = 100 * (0.6 * np.exp(np.mean(np.log([0.94, 0.97, 1.0, 1.03, 1.06]))) - 1)
    assert [change for _, change in avif.line] == pytest.approx([expected] * len(avif.line), abs=0.1)
    assert all(low < expected < high for _, low, high in avif.band)
    assert {change for _, change in series_of(plot, "JPEG").line} == {0}


def test_scores_that_few_images_reach_are_not_drawn() -> None:
    results = four_formats(images=4)
    limited = {"class0/img000.png", "class1/img001.png"}
    kept = [
        dataclasses.replace(r, ssimulacra2=min(r.ssimulacra2 or 0, 75 + (r.quality or 0) / 100))
        if r.source_image in limited
        else r
        for r in results.measurements
    ]
    plot = plots_of(dataclasses.replace(results, measurements=kept))["size-ssimulacra2"]
    assert max(score for score, _ in series_of(plot, "AVIF 4:2:0").line) < 80


def test_lossless_levels_with_an_infinite_score_are_not_drawn() -> None:
    results = four_formats(images=3)
    kept = [
        dataclasses.replace(r, psnr=float("inf") if r.quality == 90 else r.psnr) for r in results.measurements
    ]
    options = Options(metric="psnr", target=38.0, resamples=50)
    context = Context.of(dataclasses.replace(results, measurements=kept), options)
    found = {plot.name: plot for plot in plots(context)}
    assert [score for _, score in series_of(found["rate-distortion-psnr"], "WebP").dots] == [33, 35, 37, 38]


def test_a_metric_without_a_spread_of_sizes_is_left_out() -> None:
    one_level = [measured(codec, i, 80) for i in range(3) for codec in CODECS[:2]]
    found = plots_of(results_of(one_level))
    assert "size-ssimulacra2" not in found
    assert "quality-ssimulacra2" in found


def test_svg_is_the_default_format(tmp_path: Path) -> None:
    assert {path.suffix for path in write_plots(one_metric(), tmp_path, FEW)} == {".svg"}


@pytest.mark.parametrize("kind", PlotFormat)
def test_the_same_plot_is_written_as_the_same_bytes_without_a_date(
    four: dict[str, Plot], kind: PlotFormat
) -> None:
    data = draw(four["encode-time"], kind)
    assert data == draw(four["encode-time"], kind)
    assert b"Date" not in data
    assert b"<dc:date" not in data


def test_names_of_points_do_not_overlap(four: dict[str, Plot]) -> None:
    root = svg_of(four["encode-time"])
    boxes = []
    for element in root.iter(f"{SVG}text"):
        name = "".join(element.itertext())
        if name not in {"JPEG", "WebP", "AVIF 4:2:0", "AVIF 4:4:4", "JPEG XL"}:
            continue
        x, y = _position(element)
        boxes.append((x, y, x + 5 * len(name), y + 9))
    assert len(boxes) == 5
    for k, (left, top, right, bottom) in enumerate(boxes):
        for other in boxes[k + 1 :]:
            assert left >= other[2] or right <= other[0] or top >= other[3] or bottom <= other[1]


def _position(element: ElementTree.Element) -> tuple[float, float]:
    if "x" in element.attrib:
        return float(element.attrib["x"]), float(element.attrib["y"])
    x, y = element.attrib["transform"].removeprefix("translate(").partition(")")[0].split()
    return float(x), float(y)


def test_without_matplotlib_the_error_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'codecstudy\[plots\]'"):
        write_plots(four_formats(images=1), tmp_path / "plots", FEW)
    assert not (tmp_path / "plots").exists()


def test_without_matplotlib_the_command_ends_before_the_report(tmp_path: Path) -> None:
    one_metric().save(tmp_path / "quality.json")
    program = "import sys; sys.modules['matplotlib'] = None; from codecstudy.cli import main; main()"
    arguments = ["report", "quality.json", "-o", "report.html", "--plots", "plots"]
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "pip install 'codecstudy[plots]'" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "report.html").exists()


def test_the_command_writes_valid_files_in_the_requested_formats(tmp_path: Path) -> None:
    one_metric().save(tmp_path / "quality.json")
    arguments = ["report", "quality.json", "-o", "r.html", "--plots", "plots"]
    for kind in PlotFormat:
        arguments += ["--plots-format", kind.value]
    done = subprocess.run(
        [sys.executable, "-m", "codecstudy", *arguments],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    paths = sorted((tmp_path / "plots").iterdir())
    assert len(paths) == 3 * (len(KINDS) + 1)
    assert {path.suffix for path in paths} == {".svg", ".png", ".pdf"}
    for path in paths:
        data = path.read_bytes()
        if path.suffix == ".svg":
            assert ElementTree.fromstring(data).tag == f"{SVG}svg"
        elif path.suffix == ".pdf":
            assert data.startswith(b"%PDF-1.")
            assert data.rstrip().endswith(b"%%EOF")
            # TrueType fonts keep text as text.
            assert b"/FontFile2" in data
        else:
            with Image.open(path) as image:
                assert image.size[0] == 1440
                assert image.size[1] >= 900


def test_the_cost_of_a_point_is_the_slope_of_the_mean_curve() -> None:
    # Sizes of e^(score / 40): the slope between two scores is known exactly.
    found = plots_of(study([dataclasses.replace(CODECS[0], size=lambda s, i: 1e6 * math.exp(s / 40))], 2))
    ((at, bits), *_) = found["cost-ssimulacra2"].series[0].line
    assert at == 40  # between qualities 30 and 50
    assert bits == pytest.approx((8 * math.exp(50 / 40) - 8 * math.exp(30 / 40)) / 20, rel=1e-2)
    # Butteraugli is (100 - score) / 10: one point of it is ten of the other.
    ((_, other), *_) = found["cost-butteraugli"].series[0].line
    assert other == pytest.approx(10 * bits, rel=1e-2)


def test_levels_that_cost_nothing_are_left_out() -> None:
    # The finest level is larger and scores worse.
    falling = dataclasses.replace(CODECS[0], score=lambda q, i: 60.0 if q == 90 else float(q))
    (series,) = plots_of(study([falling], 2))["cost-ssimulacra2"].series
    assert [at for at, _ in series.line] == [40, 60, 75]


@pytest.mark.parametrize(
    ("block", "names", "places"),
    [
        ({"x_axis": "quality"}, ["JPEG", "WebP", "AVIF", "JPEG XL"], [30, 50, 70, 80, 90]),
        ({"x_axis": "chroma_subsampling", "group_by": "speed"}, ["AVIF 6"], [0, 1]),
        (
            {"group_by": "effort"},
            ["JPEG default", "WebP default", "AVIF default", "JPEG XL 7"],
            [30, 50, 70, 80, 90],
        ),
    ],
)
def test_the_study_may_request_axes(block: dict[str, str], names: list[str], places: list[int]) -> None:
    results = four_formats(images=2, study={"analysis": block})
    found = plots_of(results)
    plot = found["study-axes-ssimulacra2"]
    assert [series.name for series in plot.series] == names
    assert [x for x, _ in plot.series[-1].line] == places
    assert "study-axes-bits-per-pixel" in found
    if plot.x.names:
        assert plot.x.names == ["420", "444"]
        assert {plot.note, "420", "444"} <= set(texts(svg_of(plot)))
