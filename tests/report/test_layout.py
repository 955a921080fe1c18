"""Plots and tables have room for their texts: at every width, on paper, with many variants and long names."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from codecstudy.report import Options, write_report
from codecstudy.results import QualityResults
from codecstudy.types import EncoderFacts
from support.report_cases import BASE, CODECS, four_formats
from support.synthetic import measured, results_of

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

playwright = pytest.importorskip("playwright.sync_api", reason="no Playwright: pip install playwright")
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no browser: install chromium")

PAPER = {"width": 687, "height": 1000}
"""A4 (210 mm at 96 pixels an inch) less the margins of 14 mm."""


def one_image() -> QualityResults:
    return four_formats(images=1)


def one_format() -> QualityResults:
    results = four_formats(images=3)
    return dataclasses.replace(results, measurements=[r for r in results.measurements if r.format == "jpeg"])


def many_variants() -> QualityResults:
    """Twelve variants of AVIF that are nearly the same, with three other formats, at two resolutions."""
    codecs = [codec for codec in CODECS if codec.format != "avif"]
    for k in range(12):
        own = dataclasses.replace(
            BASE.scaled(0.6 + 0.002 * k), format="avif", cpu=lambda q, i, k=k: 1 + k / 50
        )
        setting = {"speed": 2 * (k % 4) + 2, "chroma_subsampling": ("420", "422", "444")[k // 4]}
        codecs.append(dataclasses.replace(own, setting=setting))
    sized = [
        dataclasses.replace(codec, setting=codec.setting | {"resolution": resolution})
        for codec in codecs
        for resolution in (None, 640)
    ]
    return results_of([measured(c, i, q) for i in range(3) for c in sized for q in c.qualities])


def plugins() -> QualityResults:
    """Encoders whose own colours cannot be read, and one with a long title and the longest of names."""
    results = four_formats(images=3)
    own = [
        EncoderFacts("yellow", "mine", "Yellow on white", ".mine", colour=("#ffff00", "#000080")),
        EncoderFacts("grey", "mine", "Grey", ".mine", colour=("#8888ee", "#666666")),
        EncoderFacts("plain", "mine", "An encoder with a title that has no room on a phone", ".mine"),
    ]
    records = [
        dataclasses.replace(measured(BASE.scaled(0.5 + k / 100), i, q), format="mine", encoder=facts.id)
        for k, facts in enumerate(own)
        for i in range(3)
        for q in BASE.qualities
    ]
    return dataclasses.replace(
        results,
        measurements=[*results.measurements, *records],
        encoders=(*results.encoders, *own),
    )


CASES: dict[str, Callable[[], QualityResults]] = {
    case.__name__: case for case in (one_image, one_format, many_variants, plugins)
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=BROWSER, args=["--headless", "--no-sandbox"])
        yield found
        found.close()


@pytest.fixture(scope="module", params=CASES)
def page(
    request: pytest.FixtureRequest, browser: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Any]:
    """Each report, with everything open that can be opened."""
    root = tmp_path_factory.mktemp(request.param)
    path = write_report(CASES[request.param](), root, root / "report.html", Options(resamples=60))
    context = browser.new_context(reduced_motion="reduce", bypass_csp=True)
    opened = context.new_page()
    opened.set_default_timeout(5000)
    opened.goto(path.as_uri())
    opened.wait_for_selector("html[data-ready]")
    yield opened
    context.close()


# Pairs of texts in a plot that overlap by more than a pixel, and texts that leave their plot.
CLASHES = """() => [...document.querySelectorAll('.plot svg')].flatMap((svg) => {
  const frame = svg.getBoundingClientRect();
  const texts = [...svg.querySelectorAll('text')].map((e) => [e.textContent, e.getBoundingClientRect()]);
  return texts.flatMap(([text, a], k) => [
    ...(a.left < frame.left - 1 || a.right > frame.right + 1 || a.top < frame.top - 1 || a.bottom > frame.bottom + 1
      ? [text + ' leaves the plot'] : []),
    ...texts.slice(k + 1).filter(([, b]) =>
      Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1
      && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 2).map(([other]) => text + ' over ' + other)]);
})"""


@pytest.mark.parametrize("width", [390, 768, 1280])
def test_texts_in_plots_do_not_overlap(page: Any, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    # The plots are drawn again for the width, after the browser has observed it.
    page.wait_for_function("""[...document.querySelectorAll('.plot')].every((plot) =>
      Math.abs(plot.clientWidth - plot.querySelector('svg').clientWidth) < 2)""")
    for control in page.locator("#numbers [data-control=metric] button").all():
        control.click()
        assert page.evaluate(CLASHES) == [], control.text_content()
    page.locator("#numbers [data-control=metric] button").first.click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_points_without_room_for_their_names_are_counted(page: Any) -> None:
    unnamed = page.locator("#plot-time .dot").count() - page.locator("#plot-time .names text").count()
    note = page.locator("#plot-time > .note")
    assert note.is_visible() == (unnamed > 0)
    if unnamed > 1:
        assert note.text_content().startswith(f"{unnamed} points have no name here")


def test_nothing_is_wider_than_paper(page: Any) -> None:
    page.set_viewport_size(PAPER)
    page.emulate_media(media="print")
    assert page.evaluate("document.documentElement.scrollWidth") <= PAPER["width"]
    page.emulate_media(media="screen")
