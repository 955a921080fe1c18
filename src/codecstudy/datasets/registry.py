"""The dataset registry: which datasets there are and where they come from, as a JSON file.

Two registries are read: ``config/datasets.json`` under the project root, and the one beside this module.
"""

from __future__ import annotations

import difflib
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from codecstudy.errors import DatasetError

ID_PATTERN = r"^[a-z0-9][a-z0-9_-]*$"
PROJECT_REGISTRY = Path("config") / "datasets.json"
DATASETS_FOLDER = Path("data") / "datasets"


def _http(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ValueError(f"{url!r} is not an http or https address")
    return url


def _folder_name(name: str) -> str:
    if name.startswith(".") or any(sign in name for sign in "/\\\0"):
        raise ValueError(f"{name!r} must be the name of one folder, without / and without a leading dot")
    return name


def _folder_within(name: str) -> str:
    path = PurePosixPath(name)
    if path.is_absolute() or not path.parts or ".." in path.parts:
        raise ValueError(f"{name!r} must be a folder within the archive, without .. and without a leading /")
    return name


Text = Annotated[str, Field(min_length=1)]


class DatasetEntry(BaseModel):
    """One dataset of a registry.

    ``size_mb`` is what is downloaded, in millions of bytes. ``extracted_folder`` is the folder of the archive
    that becomes the dataset, all of it where none is given. ``rename_to`` is the folder's name under
    ``data/datasets/``, the id where none is given. ``path`` is for the type ``folder`` only: where it lies,
    absolute or relative to the project root, ``data/datasets/<rename_to>`` where none is given.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    id: str = Field(pattern=ID_PATTERN)
    name: Text
    description: str = ""
    type: Literal["zip", "tar", "tar.gz", "tgz", "folder"]
    url: Annotated[str, AfterValidator(_http)] | None = None
    path: Text | None = None
    size_mb: Annotated[float, Field(ge=0)] | None = None
    image_count: Annotated[int, Field(ge=0)] | None = None
    resolution: str | None = None
    format: str | None = None
    extracted_folder: Annotated[str, AfterValidator(_folder_within)] | None = None
    rename_to: Annotated[Text, AfterValidator(_folder_name)] | None = None
    license: str | None = None
    source: str | None = None
    sha256: Annotated[str, Field(pattern=r"^[0-9a-fA-F]{64}$")] | None = None

    @model_validator(mode="after")
    def _path_is_for_folders(self) -> Self:
        if self.path is not None and self.type != "folder":
            raise ValueError(f"path is for the type folder; the type {self.type} has url")
        return self

    def folder(self, project_root: Path) -> Path:
        """Where its images are, or would be once it is downloaded."""
        if self.path is not None:
            # An absolute path replaces the root it is joined to.
            return project_root / Path(self.path).expanduser()
        return project_root / DATASETS_FOLDER / (self.rename_to or self.id)


def built_in() -> dict[str, DatasetEntry]:
    """The entries that the package brings, by id."""
    file = resources.files(__package__) / "registry.json"
    return parse(file.read_text(encoding="utf-8"), "the built-in registry")


def of_project(project_root: Path) -> dict[str, DatasetEntry]:
    """The entries of ``config/datasets.json``, by id; none where there is no such file.

    Raises:
        DatasetError: the file cannot be read, or is not a registry.
    """
    file = project_root / PROJECT_REGISTRY
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"Cannot read {file}: {error}") from error
    return parse(text, str(file))


def parse(text: str, where: str) -> dict[str, DatasetEntry]:
    """Read a registry's JSON text.

    Args:
        text: the JSON.
        where: the file's name, for messages.

    Raises:
        DatasetError: says the file, the entry, the key and what is allowed there.
    """
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise DatasetError(f"{where} is not JSON: {error}") from error
    if not isinstance(content, dict) or not isinstance(content.get("datasets"), list):
        raise DatasetError(f'{where} must be an object with a list "datasets": {{"datasets": [...]}}')
    _refuse_unknown(content, ["datasets", "$schema"], where)
    entries: dict[str, DatasetEntry] = {}
    for number, raw in enumerate(content["datasets"]):
        given_id = raw.get("id") if isinstance(raw, dict) else None
        place = (
            f"{where}: dataset {given_id!r}"
            if isinstance(given_id, str)
            else f"{where}: dataset {number + 1}"
        )
        entry = _entry(raw, place)
        if entry.id in entries:
            raise DatasetError(f"{place} is there twice. Give one of them another id.")
        entries[entry.id] = entry
    return entries


def _entry(raw: Any, place: str) -> DatasetEntry:
    if isinstance(raw, dict):
        _refuse_unknown(raw, list(DatasetEntry.model_fields), place)
    try:
        return DatasetEntry.model_validate(raw)
    except ValidationError as error:
        problems = "; ".join(_explain(problem) for problem in error.errors())
        raise DatasetError(f"{place}: {problems}.") from error


def _explain(problem: ErrorDetails) -> str:
    key = ".".join(str(part) for part in problem["loc"]) or "the entry"
    given = "" if problem["type"] in ("missing", "value_error") else f", not {problem['input']!r}"
    return f"{key}: {problem['msg'].removeprefix('Value error, ')}{given}"


def _refuse_unknown(given: Mapping[str, Any], known: Sequence[str], place: str) -> None:
    for key in given:
        if key not in known:
            raise DatasetError(f"{place} has an unknown key {key!r}. {nearest(key, known)}")


def nearest(word: str, known: Sequence[str]) -> str:
    """A sentence that offers the known words nearest to ``word``, or all of them where none is near."""
    near = difflib.get_close_matches(word.lower(), known, n=3, cutoff=0.6)
    if near:
        return f"Did you mean {' or '.join(near)}?"
    return f"Known are: {', '.join(known)}." if known else "There are none."


def add_to_project(project_root: Path, entry: DatasetEntry) -> None:
    """Append an entry to ``config/datasets.json``, made where it is missing; what it holds is kept as it is.

    Raises:
        DatasetError: the file cannot be read or written, or has the id already.
    """
    file = project_root / PROJECT_REGISTRY
    if entry.id in of_project(project_root):
        raise DatasetError(
            f"{file} has a dataset {entry.id!r} already. Choose another id, or take that entry out."
        )
    content = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {"datasets": []}
    content["datasets"].append(entry.model_dump(exclude_none=True, exclude_defaults=True))
    try:
        _write(file, json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    except OSError as error:
        raise DatasetError(f"Cannot write {file}: {error.strerror}.") from error


def _write(file: Path, text: str) -> None:
    """Write beside the file, then rename: a crash leaves the old registry, never half of a new one."""
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        # mkstemp makes a file that only its owner may read; a registry is shared as its folder is.
        Path(temporary).chmod(file.stat().st_mode if file.exists() else 0o644)
        Path(temporary).replace(file)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
