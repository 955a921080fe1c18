"""Parts of the documentation that MkDocs makes from the code.

A page names one as ``{{ commands }}`` on a line of its own. Nothing of it is kept in the repository, so that it
cannot fall behind the code.
"""

from __future__ import annotations

import ast
import functools
import importlib.metadata
import inspect
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import typer

import codecstudy
from codecstudy import QualityRecord, codecs
from codecstudy.cli import app
from codecstudy.codecs.base import Encoder
from codecstudy.study import json_schema
from codecstudy.types import Parameter, RateParameter, Setting, plain

DOCS = Path(__file__).parent


def on_page_markdown(markdown: str, **_: object) -> str:
    """MkDocs calls this with the text of every page; an unknown part is an error."""
    return re.sub(r"^\{\{ (\w+) \}\}$", lambda match: PARTS[match[1]](), markdown, flags=re.M)


def on_page_content(html: str, **_: object) -> str:
    """MkDocs calls this with every page as HTML: names in docstrings lose the role that precedes them."""
    return re.sub(r":(?:attr|class|func|meth|mod):(?=<code>)", "", html)


def commands() -> str:
    """A section for each command: usage, what it does, arguments and options."""
    root = typer.main.get_command(app)
    context = root.context_class(root, info_name="codecstudy")
    return "\n\n".join(_command(command, inner) for command, inner in _leaves(root, context))


def _leaves(command: Any, context: Any) -> Iterator[tuple[Any, Any]]:
    if not hasattr(command, "commands"):
        yield command, context
        return
    for name, child in command.commands.items():
        yield from _leaves(child, child.context_class(child, info_name=name, parent=context))


def _command(command: Any, context: Any) -> str:
    usage = command.get_usage(context).removeprefix("Usage: ").replace("{", "").replace("}", "")
    rows = [tuple(_code(record)) for p in command.params if (record := p.get_help_record(context))]
    text = f"### {context.command_path}\n\n{command.help}\n\n```text\n{usage}\n```"
    return f"{text}\n\n{_table(('', 'meaning'), rows)}" if rows else text


def _code(record: tuple[str, str]) -> tuple[str, str]:
    names, meaning = record
    return f"`{names}`", re.sub(r"  \[(.*)\]$", r" [\1]", meaning)


def study_keys() -> str:
    """The keys of a study file: its own, those of its parts, and those of each encoder."""
    schema = json_schema()
    models = schema["$defs"]
    parts = ["### The study", _keys(schema)]
    for title, model in (
        ("`dataset`", "DatasetConfig"),
        ("`analysis`", "AnalysisConfig"),
        ("`comparison`", "ComparisonConfig"),
        ("`comparison.targets`", "TargetConfig"),
    ):
        parts += [f"### {title}", _keys(models[model])]
    every = [models[f"encoder-{encoder}"]["properties"] for encoder in codecs.BUILT_IN]
    shared = {key: value for key, value in every[0].items() if all(key in keys for keys in every)}
    parts += [
        "### `encoders`",
        _table(("key", "meaning"), _meanings(shared)),
        "Further keys, and what `extra_args` may hold, are up to the encoder: see [encoders](encoders.md).",
    ]
    return "\n\n".join(parts)


def encoders() -> str:
    """A section for each encoder: what it takes, what it always does, what it needs, and its commands."""
    needs = _needs()
    listed = [codecs.get(name) for name in codecs.BUILT_IN]
    return "\n\n".join(_encoder(encoder, needs[encoder.facts.id]) for encoder in listed)


def _encoder(encoder: Encoder, needs: str | None) -> str:
    facts = encoder.facts
    checked = f", checked on {facts.browsers_checked}" if facts.browsers_checked else ""
    entry = f'format = "{facts.format}"' + ("" if facts.id == facts.format else f'`, `encoder = "{facts.id}"')
    lines = [
        f"In a study: `{entry}`.",
        f"Files: `{facts.extension}`, {f'`{facts.mime}`' if facts.mime else 'no media type'}. Shown by: "
        f"{facts.browsers}{checked}.",
        f"Without what it needs: {needs}." if needs else "Needs nothing besides codecstudy.",
        f"Rate: {'; else '.join(map(_rate, facts.rates)) or 'none'}.",
    ]
    found = [f"### {facts.title} {{#{facts.id}}}", "\n".join(f"- {line}" for line in lines)]
    if facts.parameters:
        found.append(_table(("key", "values", "default", "meaning"), map(_option, facts.parameters)))
    if facts.extra_parameters:
        further = ", or another one that the library accepts" if facts.open_extra else ""
        found += [
            f"`extra_args` may contain{further}:",
            _table(("name", "values", "default", "meaning"), map(_option, facts.extra_parameters)),
        ]
    elif facts.open_extra:
        found.append("`extra_args` may contain any option that the library accepts.")
    setting = None if encoder.missing() is not None else _example(encoder)
    if setting is not None:
        if fixed := encoder.fixed(setting):
            options = ", ".join(f"`{name}` {plain(value)}" for name, value in sorted(fixed.items()))
            found.append(f"What it always uses, or uses with the setting below: {options}.")
        commands = [
            (c.tool, " ".join(filter(None, (f"`{c.text}`" if c.text else "", c.note))))
            for c in encoder.commands(setting)
        ]
        if commands:
            found.append(_table(("tool", f"command for `{setting.label()}`"), commands))
    return "\n\n".join(found)


def _option(parameter: Parameter) -> tuple[str, str, str, str]:
    default = "" if parameter.default is None else f"`{plain(parameter.default)}`"
    return f"`{parameter.name}`", parameter.allowed(), default, parameter.help


def _rate(rate: RateParameter) -> str:
    finer = "higher" if rate.finer_is_higher else "lower"
    where = " in `extra_args`" if rate.extra else ""
    unless = " or ".join(f"`{name} = {plain(value)}`" for name, value in rate.unless)
    return f"`{rate.name}`{where} ({finer} is finer, step {rate.step:g}{f', not with {unless}' if unless else ''})"


def _example(encoder: Encoder) -> Setting | None:
    """A setting to show commands of: that of the self-test, or one with the encoder's own default of everything."""
    facts = encoder.facts
    if encoder.self_test is not None:
        return encoder.self_test.setting
    rate = next((p for r in facts.rates if not r.extra and (p := facts.parameter(r.name))), None)
    level = None if rate is None else rate.choices[0] if rate.choices else rate.maximum
    given = {} if rate is None or level is None else {rate.name: int(level) if rate.integer else level}
    setting = Setting.of(facts.format, encoder=facts.id, **given)
    return setting if encoder.check(setting) is None else None


@functools.cache
def _needs() -> dict[str, str | None]:
    """What each encoder lacks on a machine that has nothing optional, by id; None if nothing.

    The encoders themselves say so, in a process in which no optional package and no program can be found.
    """
    project = tomllib.loads((DOCS.parent / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    optional = {_package(line) for name in extras.keys() - {"dev", "docs"} for line in extras[name]}
    optional -= {_package(line) for line in project["dependencies"]}
    code = (
        "import json, sys\n"
        "sys.modules |= dict.fromkeys(json.loads(sys.argv[1]))\n"
        "from codecstudy import codecs\n"
        "print(json.dumps({name: codecs.get(name).missing() for name in codecs.BUILT_IN}))"
    )
    modules = [
        module
        for module, packages in importlib.metadata.packages_distributions().items()
        if {package.lower() for package in packages} <= optional
    ]
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(modules)],
        env={**os.environ, "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    needs: dict[str, str | None] = json.loads(done.stdout)
    return needs


def _package(requirement: str) -> str:
    """``pyvips`` of ``pyvips>=3.0``."""
    return re.split(r"[^\w.-]", requirement, maxsplit=1)[0].lower()


def command_keys() -> str:
    """The keys of an encoder that a study defines."""
    models = json_schema()["$defs"]
    return "\n\n".join(
        part
        for title, model in (("`command`", "CommandConfig"), ("each of `parameters`", "ParameterConfig"))
        for part in (f"### {title}", _keys(models[model]))
    )


def _keys(schema: dict[str, Any]) -> str:
    required = schema.get("required", ())
    rows = [
        (name, ("required. " if name.strip("`") in required else "") + meaning)
        for name, meaning in _meanings(schema["properties"])
    ]
    return _table(("key", "meaning"), rows)


def _meanings(properties: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        (f"`{name}`", value.get("description") or f"`{json.dumps(value.get('const'))}`")
        for name, value in properties.items()
    ]


def record_columns() -> str:
    """The columns of a record, with the text that follows each field in the source."""
    (definition,) = ast.parse(inspect.getsource(QualityRecord)).body
    assert isinstance(definition, ast.ClassDef)
    rows: list[tuple[str, str, str]] = []
    for node in definition.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            rows.append((f"`{node.target.id}`", f"`{ast.unparse(node.annotation)}`", ""))
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and rows:
            rows[-1] = (*rows[-1][:2], re.sub(r"\s+", " ", str(node.value.value)).replace("``", "`"))
    return _table(("column", "type", "meaning"), rows)


def decisions() -> str:
    """The decision records, in order."""
    paths = sorted((DOCS / "decisions").glob("[0-9]*.md"))
    return "\n".join(f"- [{p.read_text().splitlines()[0].removeprefix('# ')}]({p.name})" for p in paths)


def public_names() -> str:
    """What the package offers, for mkdocstrings."""
    return "\n\n".join(f"::: codecstudy.{name}" for name in codecstudy.__all__ if not name.startswith("_"))


COLUMN, ROW, BOX_WIDTH, BOX_HEIGHT = 150, 62, 126, 34
"""Pixels of the picture of the packages: distances of boxes, and their size."""


def packages() -> str:
    """A picture of the packages, as SVG: the layers of import-linter's contract, the topmost first."""
    configuration = tomllib.loads((DOCS.parent / "pyproject.toml").read_text())
    contracts = {c["id"]: c for c in configuration["tool"]["importlinter"]["contracts"]}
    layers = [re.split(r" ([|:]) ", layer) for layer in contracts["layers"]["layers"]]
    sides = {
        module.partition(".")[2]: side
        for side, other in (("reading", "measuring"), ("measuring", "reading"))
        for module in contracts[other]["forbidden_modules"]
    }
    columns = max(len(layer[::2]) for layer in layers)
    width, height = columns * COLUMN, len(layers) * ROW
    parts = [
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="Packages in layers" style="{_SVG_STYLE}">'
    ]
    for row, layer in enumerate(layers):
        top = row * ROW + (ROW - BOX_HEIGHT) / 2
        left = (columns - len(layer[::2])) * COLUMN / 2
        for index, name in enumerate(layer[::2]):
            centre = left + (index + 0.5) * COLUMN
            if index and layer[2 * index - 1] == ":":
                x, y = centre - BOX_WIDTH / 2, top + BOX_HEIGHT / 2
                parts.append(f'<path d="M{x} {y}h{BOX_WIDTH - COLUMN}" stroke="currentColor"/>')
            fill = _FILLS[sides.get(name, "")]
            box = f'x="{centre - BOX_WIDTH / 2}" y="{top}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="5"'
            parts.append(f'<rect {box} fill="{fill}" fill-opacity="0.25" stroke="{fill}"/>')
            text = f'x="{centre}" y="{top + 22}" text-anchor="middle"'
            parts.append(f'<text {text} fill="currentColor">{name}</text>')
        if row:
            arrow = f"M{width / 2} {row * ROW - 12}v20m-4 -6l4 6l4 -6"
            parts.append(f'<path d="{arrow}" fill="none" stroke="currentColor" opacity="0.6"/>')
    return "<figure>" + "".join([*parts, "</svg>"]) + "</figure>"


_FILLS = {"reading": "#d9730d", "measuring": "#0b69c7", "": "#888888"}
_SVG_STYLE = "max-width:100%;width:640px;font:14px monospace"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


PARTS = {
    "command_keys": command_keys,
    "commands": commands,
    "decisions": decisions,
    "encoders": encoders,
    "packages": packages,
    "public_names": public_names,
    "record_columns": record_columns,
    "study_keys": study_keys,
}
