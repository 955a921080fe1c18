"""The gallery in a real browser, with pictures that were really encoded: what its captions say is at the score."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image

from codecstudy.api import write_report
from codecstudy.pipeline import PipelineRunner
from codecstudy.report import Options
from conftest import picture
from support.pipeline_runs import study

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

playwright = pytest.importorskip("playwright.sync_api", reason="no Playwright: pip install playwright")
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no browser: install chromium")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    root = tmp_path_factory.mktemp("gallery")
    (root / "shop").mkdir()
    Image.fromarray(picture(160, 120)).save(root / "shop" / "a.png")
    config = study(
        {"format": "jpeg", "quality": [10, 98], "chroma_subsampling": "444"},
        {"format": "avif", "quality": [10, 98], "chroma_subsampling": "444", "speed": 9},
        name="The shop's photographs",
        comparison={"targets": [{"metric": "bits_per_pixel", "values": [4]}]},
        analysis={"x_axis": "quality"},
    )
    results = PipelineRunner(root).run(config, num_workers=0, images=root / "shop")
    path = write_report(results, root / "report.html", root=root, options=Options(resamples=60, target=70))
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=BROWSER, args=["--headless", "--no-sandbox"])
        opened = browser.new_page(viewport={"width": 1280, "height": 900})
        opened.goto(path.as_uri())
        opened.wait_for_selector("html[data-ready]")
        yield opened
        browser.close()


def captions(page: Any) -> list[str]:
    found: list[str] = page.locator("#gallery .sides figcaption").all_inner_texts()
    return found[1:]  # the original comes first


def test_the_pictures_are_at_the_score(page: Any) -> None:
    page.locator("#gallery .labelled button", has_text="SSIMULACRA2 70").click()
    found = captions(page)
    assert len(found) == 2
    for caption in found:
        score = float(re.search(r"SSIMULACRA2 ([\d.]+)", caption)[1])  # type: ignore[index]
        assert abs(score - 70) <= 0.5 + 0.05 or "no level comes closer" in caption
        assert "encoded for this report" in caption


def test_the_pictures_have_the_size(page: Any) -> None:
    page.locator("#gallery .labelled button", has_text="4 bits per pixel").click()
    for caption in captions(page):
        bits = float(re.search(r"([\d.]+) bits per pixel", caption)[1])  # type: ignore[index]
        assert abs(bits - 4) <= 0.08 or "no level comes closer" in caption


def test_it_says_what_was_encoded_and_all_pictures_load(page: Any) -> None:
    assert "pictures were encoded for this report" in page.locator("#look .note").first.inner_text()
    page.locator("#gallery .labelled button", has_text="The recommended settings").click()
    assert len(captions(page)) == 2
    page.wait_for_function(
        "[...document.querySelectorAll('#gallery img[src]')].every(i => i.complete && i.naturalWidth)"
    )


def test_the_page_is_named_after_the_study_and_its_images(page: Any) -> None:
    assert page.title() == "The shop's photographs: which format, which setting"
    assert "1 image of shop, 4 settings" in page.locator(".kicker").inner_text()
    assert "shop, 1 image, instead of the study's own dataset, sample" in page.locator("#source").inner_text()
    assert "scikit-image" not in page.content()


def test_the_costs_of_a_point_are_drawn(page: Any) -> None:
    assert page.locator("#plot-cost .series .dot").count() == 2
    assert page.locator("#plot-axes .series .line").count() == 2
