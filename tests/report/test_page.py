"""The report in a real browser: it draws, responds to mouse and keyboard, and fetches nothing."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from codecstudy.report import Options, write_report
from support.report_cases import HOSTILE, PictureInspector, four_formats, with_files

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
ARGUMENTS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip

playwright = pytest.importorskip(
    "playwright.sync_api", reason="no Playwright: pip install playwright (the browser is the system's own)"
)
pytestmark = pytest.mark.skipif(
    BROWSER is None,
    reason="no browser: install chromium (apt-get install chromium) to test the report in one",
)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    root = tmp_path_factory.mktemp("report")
    # The names that are valid file names have pictures; the one outside the workspace has none.
    names = (
        HOSTILE[0].replace("/", "_"),
        HOSTILE[1],
        HOSTILE[2].replace("/", "_"),
        HOSTILE[3].replace("/", "_"),
    )
    results = with_files(root, four_formats(images=5, names=("good.png",)))
    hostile = four_formats(images=4, names=names).measurements
    results = dataclasses.replace(
        results,
        measurements=results.measurements + hostile,
        study={"analysis": {"x_axis": "speed", "group_by": "chroma_subsampling"}},
    )
    path = write_report(results, root, root / "report.html", Options(resamples=60), PictureInspector())
    return path.as_uri()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=BROWSER, args=list(ARGUMENTS))
        yield found
        found.close()


class Visit:
    """An open page, with the errors that it reported and the requests that it made."""

    def __init__(self, browser: Any, address: str, **options: Any) -> None:
        self.context = browser.new_context(**({"viewport": {"width": 1280, "height": 900}} | options))
        self.page = self.context.new_page()
        self.page.set_default_timeout(5000)
        self.errors: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.errors.append(message.text))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("dialog", lambda dialog: (self.errors.append(dialog.message), dialog.dismiss()))
        self.page.on("request", lambda request: self.requests.append(request.url.partition(",")[0]))
        self.page.goto(address)
        self.page.wait_for_selector("html[data-ready]")

    def count(self, selector: str) -> int:
        return int(self.page.locator(selector).count())


@pytest.fixture(scope="module")
def desktop(browser: Any, report: str) -> Iterator[Visit]:
    visit = Visit(browser, report)
    yield visit
    visit.context.close()


def test_it_opens_without_errors_and_without_requests(desktop: Visit, report: str) -> None:
    assert desktop.errors == []
    assert {url for url in desktop.requests if not url.startswith("data:image/")} == {report}


@pytest.mark.parametrize(
    ("plot", "lines"),
    [("curves", 5), ("ratio", 5), ("numbers", 5), ("axes", 2)],
)
def test_lines_are_drawn(desktop: Visit, plot: str, lines: int) -> None:
    assert desktop.count(f"#plot-{plot} .series .line") == lines


def test_points_are_drawn_with_bands_and_errors(desktop: Visit) -> None:
    assert desktop.count("#plot-curves .dot") >= 25
    assert desktop.count("#plot-ratio .band") == 4
    assert desktop.count("#plot-time .dot") == 5
    assert desktop.count("#plot-images .series") == 4


def test_the_legend_toggles_a_line_in_all_plots(desktop: Visit) -> None:
    button = desktop.page.locator("#plot-curves .legend button").nth(1)
    button.click()
    assert button.get_attribute("aria-pressed") == "false"
    assert desktop.count("#plot-curves .series .line") == 4
    assert desktop.count("#plot-ratio .series .line") == 4
    button.press("Enter")
    assert button.get_attribute("aria-pressed") == "true"
    assert desktop.count("#plot-curves .series .line") == 5


def test_the_metric_changes_plots_and_tables_together(desktop: Visit) -> None:
    choose = desktop.page.locator("#curves [data-control=metric] button")
    choose.filter(has_text="PSNR").click()
    assert "PSNR" in desktop.page.locator("#plot-ratio .title").last.text_content()
    assert desktop.page.locator("#size .scroll:not([hidden])").get_attribute("data-metric") == "psnr"
    choose.filter(has_text="SSIMULACRA2").click()


def test_an_axis_on_which_lower_is_better_has_ticks(desktop: Visit) -> None:
    choose = desktop.page.locator("#curves [data-control=metric] button")
    choose.filter(has_text="Butteraugli").first.click()
    ticks = desktop.page.locator("#plot-curves .axes .grid + text").all_text_contents()
    assert ticks == ["1", "2", "3", "4", "5", "6", "7"]
    choose.filter(has_text="SSIMULACRA2").click()


def test_the_target_changes_the_answer(desktop: Visit) -> None:
    page = desktop.page
    assert page.locator("h1:visible").text_content() == "Use AVIF at quality 80."
    page.locator("#answer [data-control=target] button[value='60']").click()
    assert page.locator("h1:visible").text_content() == "Use AVIF at quality 60."
    assert "SSIMULACRA2 60" in page.locator("#plot-time .title").first.text_content()
    page.locator("#answer [data-control=target] button[value='80']").click()


def test_a_plot_can_be_read_and_opened_with_the_keyboard(desktop: Visit) -> None:
    page = desktop.page
    plot = page.locator("#plot-curves .plot")
    plot.focus()
    page.keyboard.press("ArrowRight")
    first = page.locator("#plot-curves .tip strong").text_content()
    assert first == "JPEG quality 30"
    page.keyboard.press("ArrowRight")
    assert page.locator("#plot-curves .tip strong").text_content() == "JPEG quality 50"
    page.keyboard.press("ArrowDown")
    assert page.locator("#plot-curves .tip strong").text_content().startswith("WebP quality")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    panel = page.locator("#plot-curves .inspect")
    assert panel.is_visible()
    codes = panel.locator("code").all_text_contents()
    assert any(code.startswith("cjpeg -quality") for code in codes)
    assert "codecstudy run synthetic" in codes
    plot.focus()
    page.keyboard.press("Escape")
    assert panel.is_hidden()


def test_the_mouse_shows_the_closest_point(desktop: Visit) -> None:
    page = desktop.page
    page.locator("#plot-time .plot").scroll_into_view_if_needed()
    dot = page.locator("#plot-time .plot .series:has(.dot) .dot").first.bounding_box()
    page.mouse.move(dot["x"] + 8, dot["y"] + 8)
    assert page.locator("#plot-time .tip.shown strong").text_content() == "WebP"  # the fastest
    page.mouse.move(2, 2)


def test_single_images_are_drawn_on_demand(desktop: Visit) -> None:
    page = desktop.page
    page.locator("#curve-every").check()
    assert desktop.count("#plot-curves .faint") > 5
    page.locator("#curve-every").uncheck()
    page.locator("#curve-image").select_option(label="good.png")
    assert desktop.count("#plot-curves .plot .dot") == 25
    page.locator("#curve-image").select_option(value="")


def test_the_slider_moves_by_key_and_by_mouse(desktop: Visit) -> None:
    page = desktop.page
    page.locator("#gallery .divider").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    clipped = "document.querySelectorAll('.stage .pane')[1].style.clipPath"
    assert page.evaluate(clipped) == "inset(0px 0px 0px 51%)"
    stage = page.locator(".stage")
    stage.scroll_into_view_if_needed()
    box = stage.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 4, box["y"] + 60)
    assert page.evaluate(f"parseFloat({clipped}.split(' ')[3])") == pytest.approx(25, abs=1)


def test_the_gallery_shows_pictures_zooms_and_maps_differences(desktop: Visit) -> None:
    page = desktop.page
    assert desktop.count("#gallery .thumbs button") == 5
    assert desktop.count("#gallery .sides figure") == 5
    loaded = "[...document.querySelectorAll('#gallery img[src]')].every(i => i.complete && i.naturalWidth)"
    page.wait_for_function(loaded)
    width = "document.querySelector('.stage img').getBoundingClientRect().width"
    before = page.evaluate(width)
    page.get_by_role("button", name="4×").click()
    assert page.evaluate(width) == pytest.approx(4 * before, rel=0.01)
    page.get_by_role("button", name="1×").click()
    assert desktop.count("#gallery .heat:visible") == 0
    page.get_by_role("button", name="Difference map").click()
    assert desktop.count("#gallery .heat:visible") == 5
    page.get_by_role("button", name="Difference map").click()
    page.locator("#gallery .thumbs button").nth(1).click()
    assert "median" in page.locator("#gallery .why").text_content()


def test_hostile_names_are_shown_as_text(desktop: Visit) -> None:
    options = desktop.page.locator("#curve-image option").all_text_contents()
    assert "<script>alert(1)<_script>.png" in options
    assert "../../etc/x.png" in options
    assert desktop.errors == []
    assert desktop.page.evaluate("document.querySelectorAll('main script, main img[onerror]').length") == 0


def test_colours_follow_the_system_and_the_button(browser: Any, report: str) -> None:
    visit = Visit(browser, report, color_scheme="dark", reduced_motion="reduce")
    paper = "getComputedStyle(document.body).backgroundColor"
    dark = visit.page.evaluate(paper)
    assert sum(int(part) for part in dark[4:-1].split(",")) < 100
    visit.page.locator("#theme").press("Enter")
    light = visit.page.evaluate(paper)
    assert sum(int(part) for part in light[4:-1].split(",")) > 650
    assert visit.page.locator("#theme").get_attribute("aria-pressed") == "false"
    assert visit.errors == []
    visit.context.close()


def test_it_fits_a_phone(browser: Any, report: str) -> None:
    visit = Visit(browser, report, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    assert visit.page.evaluate("document.documentElement.scrollWidth") == 390
    assert visit.page.evaluate("innerWidth") == 390
    widest = (
        "Math.max(...[...document.querySelectorAll('.plot svg')].map(e => e.getBoundingClientRect().right))"
    )
    assert visit.page.evaluate(widest) <= 390
    assert visit.errors == []
    visit.context.close()
