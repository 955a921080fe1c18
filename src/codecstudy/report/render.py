"""Renders the page as one self-contained HTML file, with all styles and scripts, that fetches nothing."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from functools import cache
from importlib import resources

import jinja2
from markupsafe import Markup

from codecstudy.report.build import Page
from codecstudy.report.chart_data import embed
from codecstudy.report.styles import Style
from codecstudy.visible import visible

_STYLES = ("base.css", "answer.css", "controls.css", "plots.css", "tables.css", "gallery.css", "print.css")
_SCRIPTS = (
    "dom.js", "state.js", "scales.js", "plot.js", "pointer.js", "legend.js", "inspect.js", "charts.js",
    "cost.js", "axes.js", "stage.js", "gallery.js", "main.js",
)  # fmt: skip
_EARLY = "early.js"
"""Runs in the head, before anything is drawn: shows what needs scripts, and restores the theme that the reader last
chose."""


def render(page: Page) -> str:
    """``page`` as HTML.

    The templates escape all values, and show invisible characters in them as escapes. The content security policy
    allows only these styles and scripts, by their hash, and embedded pictures: nothing can be fetched, sent or
    injected.
    """
    style, early, script = (
        Markup(_colours(page.styles) + _join("css", _STYLES)),
        Markup(_read("js", _EARLY)),
        Markup(_script()),
    )
    policy = "; ".join(
        (
            "default-src 'none'",
            f"style-src {_hash(style)}",
            f"script-src {_hash(early)} {_hash(script)}",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )
    environment = _environment()
    sections = [
        Markup(
            environment.get_template(section.template).render(page=page, id=section.id, values=section.values)
        )
        for section in page.sections
    ]
    return environment.get_template("page.html.j2").render(
        page=page,
        sections=sections,
        policy=policy,
        style=style,
        early=early,
        script=script,
        data=Markup(embed(page.chart_data)),
    )


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.ChoiceLoader(
            [jinja2.PackageLoader("codecstudy.report", folder) for folder in ("templates", "sections")]
        ),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _finalize(value: object) -> object:
    """A value of a template: names of others must not reorder or hide the text around them."""
    return visible(value, keep="\n\t") if type(value) is str else value


def _read(folder: str, name: str) -> str:
    return resources.files("codecstudy.report").joinpath("static", folder, name).read_text(encoding="utf-8")


def _join(folder: str, names: tuple[str, ...]) -> str:
    return "\n".join(_read(folder, name).strip() for name in names) + "\n"


def _script() -> str:
    # All parts share one function scope, so nothing is global.
    return '(() => {\n"use strict";\n' + _join("js", _SCRIPTS) + "})();\n"


def _colours(styles: Iterable[Style]) -> str:
    """The encoders' colours as CSS variables, for light and dark themes; print is always light."""
    light = "".join(f"--f-{s.name}:{s.light};" for s in styles)
    dark = "".join(f"--f-{s.name}:{s.dark};" for s in styles)
    classes = "".join(f".f-{s.name}{{--c:var(--f-{s.name})}}" for s in styles)
    return (
        f":root{{{light}}}\n"
        f"@media screen and (prefers-color-scheme:dark){{:root:not([data-theme=light]){{{dark}}}}}\n"
        f"@media screen{{:root[data-theme=dark]{{{dark}}}}}\n{classes}\n"
    )


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"
