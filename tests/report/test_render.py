"""The HTML of the page: complete, self-contained, and escaped."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from codecstudy.report import Options, write_report
from codecstudy.report.build import build
from codecstudy.report.render import render
from support.report_cases import HOSTILE, PictureInspector, four_formats, with_files


class Page(HTMLParser):
    """Elements and attributes of a page, and the texts of its scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.inside: dict[str, list[str]] = {"script": [], "style": []}
        self.texts: list[str] = []
        self._open = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._open = tag
        if tag in self.inside:
            self.inside[tag].append("")

    def handle_endtag(self, tag: str) -> None:
        self._open = ""

    def handle_data(self, data: str) -> None:
        if self._open in self.inside:
            self.inside[self._open][-1] += data
        else:
            self.texts.append(data)


def page_of(**changes: object) -> tuple[str, Page]:
    text = render(build(four_formats(**changes), Path(), Options(resamples=60)))
    return text, Page(text)


DOCUMENTATION = "https://github.com/codecstudy/codecstudy/blob/main/docs/explanation/fairness.md"
"""The only link that leads out of a page."""


def test_nothing_is_fetched_from_anywhere() -> None:
    text, page = page_of(images=2)
    for tag, attributes in page.tags:
        for name in ("src", "href", "srcset", "data", "action", "poster"):
            value = attributes.get(name)
            if (tag, name, value) == ("a", "href", DOCUMENTATION):
                continue  # nothing is fetched until a reader follows it
            assert value is None or value.startswith(("#", "data:")), (tag, name, value)
        assert tag not in {"link", "iframe", "object", "embed", "base", "form"}
        assert "style" not in attributes
        assert not any(name.startswith("on") for name in attributes)
    assert set(re.findall(r"https?://[^\s\"'<>)]+", text)) <= {
        "http://www.w3.org/2000/svg",
        DOCUMENTATION,
    }
    assert "@import" not in text
    assert "url(" not in "".join(page.inside["style"])


def test_the_policy_allows_only_the_pages_own_parts() -> None:
    text, page = page_of(images=2)
    policy = next(
        a["content"] or "" for tag, a in page.tags if a.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    hashes = set(re.findall(r"'sha256-([^']+)'", policy))
    types = [a.get("type") for tag, a in page.tags if tag == "script"]
    assert types == [None, "application/json", None]
    code = [page.inside["script"][0], page.inside["script"][2], *page.inside["style"]]
    assert hashes == {base64.b64encode(hashlib.sha256(part.encode()).digest()).decode() for part in code}
    assert text.index("Content-Security-Policy") < text.index("<style")


@pytest.mark.parametrize("where", ["images", "study"])
def test_hostile_names_are_text(where: str) -> None:
    evil = HOSTILE[2]
    changes = {"names": HOSTILE} if where == "images" else {"study_id": evil, "tool_versions": {evil: evil}}
    _, page = page_of(images=4, **changes)
    assert [tag for tag, _ in page.tags].count("script") == 3
    assert "img" not in [tag for tag, _ in page.tags]
    data = json.loads(page.inside["script"][1])
    if where == "images":
        assert set(data["images"]) == set(HOSTILE)
    else:
        assert any(evil in text for text in page.texts)


def test_tables_do_not_need_scripts() -> None:
    _, page = page_of(images=5)
    shown = " ".join(page.texts)
    for text in ("Use", "AVIF", "40\N{NARROW NO-BREAK SPACE}% smaller", "SSIMULACRA2", "a CPU", "BD-rate"):
        assert text in shown


def test_ids_are_unique_and_links_have_targets() -> None:
    _, page = page_of(images=2)
    ids = [a["id"] for _, a in page.tags if "id" in a]
    assert len(ids) == len(set(ids))
    assert {a["href"] for tag, a in page.tags if tag == "a"} <= {DOCUMENTATION, *(f"#{name}" for name in ids)}


def test_the_report_is_written_completely(tmp_path: Path) -> None:
    results = with_files(tmp_path, four_formats(images=2))
    path = write_report(
        results, tmp_path, tmp_path / "out" / "report.html", Options(resamples=60), PictureInspector()
    )
    assert path.read_text(encoding="utf-8").endswith("</html>\n")
    assert [p.name for p in path.parent.iterdir()] == ["report.html"]


def test_the_same_results_are_rendered_as_the_same_page() -> None:
    assert page_of(images=3)[0] == page_of(images=3)[0]
