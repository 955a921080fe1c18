"""Everybody can read the report: by screen reader and keyboard, on a phone, on paper, and without scripts."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from codecstudy.report import Options, write_report
from support.report_cases import BASE, PictureInspector, four_formats, with_files
from support.synthetic import failed, measured, results_of

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

playwright = pytest.importorskip("playwright.sync_api", reason="no Playwright: pip install playwright")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="pip install axe-playwright-python")
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no browser: install chromium")

OVERLAPS = """() => [...document.querySelectorAll(".plot svg")].flatMap((svg) => {
  const found = [], frame = svg.getBoundingClientRect();
  const texts = [...svg.querySelectorAll("text")].filter((t) => t.textContent.trim())
    .map((t) => [t.textContent, t.getBoundingClientRect()]);
  for (const [k, [text, a]] of texts.entries()) {
    if (a.left < frame.left - 1 || a.right > frame.right + 1) found.push("cut: " + text);
    for (const [other, b] of texts.slice(0, k)) {
      const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      if (across > 1 && down > 2) found.push(text + " | " + other);
    }
  }
  return found;
})"""
"""Texts of plots that overlap, or that the edge of their plot cuts off."""


def full(root: Path) -> Path:
    """All sections, pictures, a format that not all browsers show, and all verdicts."""
    results = with_files(root, four_formats(images=5))
    study = {"analysis": {"x_axis": "speed", "group_by": "chroma_subsampling"}}
    return write_report(
        dataclasses.replace(results, study=study),
        root,
        root / "full.html",
        Options(resamples=60),
        PictureInspector(),
    )


def doubtful(root: Path) -> Path:
    """An inconclusive saving, a baseline that misses the target, disagreeing metrics, failures; no pictures."""
    uneven = dataclasses.replace(
        BASE,
        format="avif",
        size=lambda s, i: BASE.size(s, i) * (0.75 + 0.4 * (i % 2)),
        butteraugli=lambda s, i: (100 - s) / 5,
    )
    poor = dataclasses.replace(BASE, score=lambda q, i: min(q, 75) if i == 3 else q)
    jxl = dataclasses.replace(BASE.scaled(0.7), format="jxl")
    records = [measured(c, i, q) for c in (poor, uneven, jxl) for i in range(12) for q in BASE.qualities]
    records += [failed(BASE, 12, q, "decode") for q in BASE.qualities]
    results = results_of(records, complete=False, incomplete_reason="the time budget was spent")
    return write_report(results, root, root / "doubtful.html", Options(resamples=60))


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    root = tmp_path_factory.mktemp("reports")
    return {"full": full(root).as_uri(), "doubtful": doubtful(root).as_uri()}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=BROWSER, args=["--headless", "--no-sandbox"])
        yield found
        found.close()


def visit(browser: Any, address: str, width: int = 1280, **options: Any) -> Any:
    """The open page; it belongs to a context of its own."""
    context = browser.new_context(
        viewport={"width": width, "height": 900}, reduced_motion="reduce", bypass_csp=True, **options
    )
    page = context.new_page()
    page.set_default_timeout(5000)
    page.goto(address)
    if options.get("java_script_enabled", True):
        page.wait_for_selector("html[data-ready]")
    return page


def violations(page: Any) -> list[str]:
    found = axe.Axe().run(page).response["violations"]
    return [f"{v['id']}: {node['html']}" for v in found for node in v["nodes"]]


# Each report is seen in both colour schemes and at both widths.
@pytest.mark.parametrize(
    ("case", "scheme", "width"),
    [("full", "light", 390), ("full", "dark", 1280), ("doubtful", "light", 1280), ("doubtful", "dark", 390)],
)
def test_axe_finds_nothing(browser: Any, reports: dict[str, str], case: str, scheme: str, width: int) -> None:
    page = visit(browser, reports[case], width, color_scheme=scheme)
    # What is closed at first has to be readable, too: details, a tooltip, the panel of a point.
    page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    page.locator("#plot-curves .plot").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    assert page.locator("#plot-curves .inspect").is_visible()
    assert violations(page) == []
    page.context.close()


@pytest.mark.parametrize("case", ["full", "doubtful"])
def test_labels_of_plots_do_not_overlap_on_a_phone(browser: Any, reports: dict[str, str], case: str) -> None:
    page = visit(browser, reports[case], 390)
    for button in page.locator("#curves [data-control=metric] button").all():
        button.click()
        assert page.evaluate(OVERLAPS) == [], button.text_content()
    for button in page.locator("#answer [data-control=target] button").all():
        button.click()
        assert page.evaluate(OVERLAPS) == [], button.text_content()
    page.context.close()


@pytest.mark.parametrize("width", [390, 1280])
def test_every_section_is_reached_with_the_keyboard(
    browser: Any, reports: dict[str, str], width: int
) -> None:
    page = visit(browser, reports["full"], width)
    sections = page.locator("main > section").evaluate_all("(found) => found.map((s) => s.id)")
    assert len(sections) == 11
    reached = []
    for _ in range(30):
        page.keyboard.press("Tab")
        focused = page.evaluate(
            "(() => { const e = document.activeElement, box = e.getBoundingClientRect();"
            " return [e.closest('nav') ? e.hash.slice(1) : '', box.left >= 0 && box.right <= innerWidth]; })()"
        )
        if focused[0]:
            assert focused[1], f"the link to {focused[0]} is not on the screen"
            page.keyboard.press("Enter")
            heading = page.locator(f"#{focused[0]} :is(h1, h2):visible").first
            top = heading.evaluate("(h) => h.getBoundingClientRect().top")
            at_end = page.evaluate("innerHeight + scrollY >= document.documentElement.scrollHeight - 2")
            assert 0 <= top < 400 or (at_end and top < 900), focused[0]
            reached.append(focused[0])
            page.locator(f"nav a[href='#{focused[0]}']").focus()
    assert reached[: len(sections)] == sections
    page.context.close()


def test_a_screen_reader_hears_both_savings_their_verdicts_and_the_share(
    browser: Any, reports: dict[str, str]
) -> None:
    page = visit(browser, reports["doubtful"], 390)
    tree = page.locator("#answer").aria_snapshot().replace("\N{NARROW NO-BREAK SPACE}", " ")
    for heading in ("At the same score", "With one number for all images", "Images that reach the target"):
        assert f'group "{heading}"' in tree
        assert f'heading "{heading}" [level=2]' in tree
    assert "95 % interval for other images like these" in tree
    assert "Verdict: inconclusive" in tree
    assert "do not show which is smaller" in tree
    assert "with 95 % certainty at least" in tree
    assert "with which most images reach SSIMULACRA2 80, misses it on 1 image" in tree
    first = page.locator("#answer .card:visible").first.bounding_box()
    assert first["y"] + first["height"] < 900, "the first saving is below the first screen"
    page.context.close()


def test_it_prints_light_with_all_sections_and_opened_details(
    browser: Any, reports: dict[str, str], tmp_path: Path
) -> None:
    page = visit(browser, reports["full"], color_scheme="dark")
    page.locator("#theme").click()
    page.locator("#theme").click()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    page.emulate_media(media="print")
    colour = "(e) => getComputedStyle(e).{}.match(/[0-9]+/g).map(Number)"
    assert page.locator("body").evaluate(colour.format("backgroundColor")) == [255, 255, 255]
    assert page.locator("h1:visible em").first.evaluate(colour.format("color"))[2] > 150  # AVIF's blue
    for section in page.locator("main > section").all():
        assert section.is_visible()
    assert page.locator("h1:visible").count() == 1
    assert page.locator(".card:visible").count() == 3
    assert page.locator(".top").is_hidden()
    assert page.locator("#answer details code:visible").count() >= 4
    wide = "[...document.querySelectorAll('main *')].filter((e) => e.getBoundingClientRect().right > 1281).length"
    assert page.evaluate(wide) == 0
    page.evaluate(
        "addEventListener('afterprint', () => { document.body.dataset.printed = document.body.dataset.open; });"
        "addEventListener('beforeprint', () => {"
        " document.body.dataset.open = document.querySelectorAll('details:not([open])').length; })"
    )
    page.pdf(path=tmp_path / "report.pdf", format="A4")
    assert page.evaluate("document.body.dataset.open") == "0"
    assert page.locator("details[open]").count() == 0, "they are closed again"
    page.context.close()


@pytest.mark.parametrize("width", [390, 1280])
def test_without_scripts_it_says_so_first_and_shows_the_answer(
    browser: Any, reports: dict[str, str], width: int
) -> None:
    page = visit(browser, reports["full"], width, java_script_enabled=False)
    main = page.locator("main").inner_text()
    assert main.startswith("JavaScript is off.")
    assert page.locator("h1:visible").all_text_contents() == ["Use AVIF at quality 80."]
    assert page.locator(".card:visible").count() == 3
    assert page.locator("#answer table.formats:visible").count() == 1
    assert page.locator("#size table:visible").count() == 1
    assert "This plot needs JavaScript." in page.locator("#curves").inner_text()
    assert page.locator("button:visible").count() == 0, "buttons that do nothing"
    assert page.locator("select:visible, input:visible").count() == 0
    page.context.close()
