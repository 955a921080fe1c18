"""Parts of the documentation that MkDocs makes from the code.

A page names one as ``{{ commands }}`` on a line of its own. Nothing of it is kept in the repository, so that it
cannot fall behind the code.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import typer

import codecstudy
from codecstudy import QualityRecord, codecs
from codecstudy.cli import app
from codecstudy.study import json_schema

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
    for encoder in codecs.names():
        key = "format" if codecs.get(encoder).facts.format == encoder else "encoder"
        parts += [f'### `encoders` with `{key} = "{encoder}"`', _keys(models[f"encoder-{encoder}"])]
        if known := models[f"extra-{encoder}"]["properties"]:
            parts += ["`extra_args` may hold:", _table(("name", "meaning"), _meanings(known))]
    return "\n\n".join(parts)


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
    "packages": packages,
    "public_names": public_names,
    "record_columns": record_columns,
    "study_keys": study_keys,
}
