"""Parts of the documentation that MkDocs makes from the code.

A page names one as ``{{ commands }}`` on a line of its own. Nothing of it is kept in the repository, so that it
cannot fall behind the code.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import typer

from codecstudy import QualityRecord, codecs
from codecstudy.cli import app
from codecstudy.study import json_schema

DOCS = Path(__file__).parent


def on_page_markdown(markdown: str, **_: object) -> str:
    """MkDocs calls this with the text of every page; an unknown part is an error."""
    return re.sub(r"^\{\{ (\w+) \}\}$", lambda match: PARTS[match[1]](), markdown, flags=re.M)


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
    """The keys of a study file: its own, the dataset's, and those of each encoder."""
    schema = json_schema()
    models = schema["$defs"]
    parts = ["### The study", _keys(schema), "### `dataset`", _keys(models["DatasetConfig"])]
    for encoder in codecs.names():
        key = "format" if codecs.get(encoder).facts.format == encoder else "encoder"
        parts += [f'### `encoders` with `{key} = "{encoder}"`', _keys(models[f"encoder-{encoder}"])]
        if known := models[f"extra-{encoder}"]["properties"]:
            parts += ["`extra_args` may hold:", _table(("name", "meaning"), _meanings(known))]
    return "\n\n".join(parts)


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


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


PARTS = {
    "commands": commands,
    "decisions": decisions,
    "record_columns": record_columns,
    "study_keys": study_keys,
}
