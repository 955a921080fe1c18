"""The dataset registry: a JSON file that says which datasets exist and where they come from.

Two registries are read: ``config/datasets.json`` under the project root, and the built-in one next to this
module.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from importlib import resources
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from codecstudy.errors import DatasetError, did_you_mean
from codecstudy.files import write_atomically

ID_PATTERN = r"^[a-z0-9][a-z0-9_-]*$"
PROJECT_REGISTRY = Path("config") / "datasets.json"
DATASETS_FOLDER = Path("data") / "datasets"


def _http(url: str) -> str:
    parts = urlsplit(url)
    # The port, because reading it raises a ValueError if it is not a possible one.
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
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

    Attributes:
        id: The id that studies use.
        name: The display name.
        description: One or two sentences.
        type: The archive's type, or ``folder`` for a folder on this machine.
        url: Address of the archive; without it, the images must be put in place by hand.
        path: For the type ``folder`` only: its path, absolute or relative to the project root.
        size_mb: Size of the download, in millions of bytes.
        image_count: Number of images.
        resolution: Size of the images, as text.
        format: Format of the images, as text.
        extracted_folder: The folder of the archive that becomes the dataset; the whole archive by default.
        rename_to: Name of its folder under ``data/datasets``; the id by default.
        license: The licence of the images, as text.
        source: The dataset's web page.
        sha256: SHA-256 of the archive. Without it, a download cannot be verified.
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
    sha256: Annotated[str, Field(pattern=r"^[0-9a-fA-F]{64}$"), AfterValidator(str.lower)] | None = None

    @model_validator(mode="after")
    def _path_is_for_folders(self) -> Self:
        if self.path is not None and self.type != "folder":
            raise ValueError(f"path is for the type folder; for the type {self.type}, use url")
        return self

    def folder(self, project_root: Path) -> Path:
        """The folder of the images, whether or not it exists yet."""
        if self.path is not None:
            # Joining an absolute path replaces the root.
            return project_root / Path(self.path).expanduser()
        return project_root / DATASETS_FOLDER / (self.rename_to or self.id)


def built_in() -> dict[str, DatasetEntry]:
    """The entries of the built-in registry, by id."""
    file = resources.files(__package__) / "registry.json"
    return parse(file.read_text(encoding="utf-8"), "the built-in registry")


def of_project(project_root: Path) -> dict[str, DatasetEntry]:
    """The entries of ``config/datasets.json``, by id; empty if the file does not exist.

    Raises:
        DatasetError: The file cannot be read, or is not a registry.
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
    """Read a registry.

    Args:
        text: Its JSON.
        where: The file's name, for messages.

    Returns:
        Its entries, by id.

    Raises:
        DatasetError: The message names the file, the entry and the key, and says what is allowed.
    """
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:  # ValueError: also of a number with too many digits
        raise DatasetError(f"{where} is not JSON: {error}") from error
    if not isinstance(content, dict) or not isinstance(content.get("datasets"), list):
        raise DatasetError(f'{where} must be an object with a list "datasets": {{"datasets": [...]}}')
    for key in content.keys() - {"datasets", "$schema"}:
        raise DatasetError(f"{where}: {_unknown_key(key, ['datasets', '$schema'])}")
    entries: dict[str, DatasetEntry] = {}
    for number, raw in enumerate(content["datasets"], start=1):
        given_id = raw.get("id") if isinstance(raw, dict) else None
        place = f"{where}: dataset {repr(given_id) if isinstance(given_id, str) else number}"
        try:
            entry = DatasetEntry.model_validate(raw)
        except ValidationError as error:
            raise DatasetError(f"{place}: {'; '.join(map(_explain, error.errors()))}.") from error
        if entry.id in entries:
            raise DatasetError(f"{place} occurs twice. Give one of them another id.")
        entries[entry.id] = entry
    return entries


def _explain(problem: ErrorDetails) -> str:
    key = ".".join(str(part) for part in problem["loc"]) or "the entry"
    if problem["type"] == "extra_forbidden":
        return _unknown_key(key, DatasetEntry.model_fields)
    given = "" if problem["type"] in ("missing", "value_error") else f", not {problem['input']!r}"
    return f"{key}: {problem['msg'].removeprefix('Value error, ')}{given}"


def _unknown_key(key: str, known: Iterable[str]) -> str:
    return f"unknown key {key!r}{did_you_mean(key, known)} Known keys: {', '.join(known)}"


def add_to_project(project_root: Path, entry: DatasetEntry) -> None:
    """Append an entry to ``config/datasets.json``, creating the file if it is missing.

    Raises:
        DatasetError: The file cannot be read or written, or already has the id.
    """
    file = project_root / PROJECT_REGISTRY
    if entry.id in of_project(project_root):
        raise DatasetError(
            f"{file} already has a dataset {entry.id!r}. Choose another id, or remove that entry."
        )
    content = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {"datasets": []}
    content["datasets"].append(entry.model_dump(exclude_none=True, exclude_defaults=True))
    try:
        write_atomically(file, json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    except OSError as error:
        raise DatasetError(f"{file} {error.strerror}.") from error
