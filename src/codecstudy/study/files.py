"""Study files, JSON or TOML, as keys and values."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

from codecstudy.errors import StudyError
from codecstudy.study.messages import ProblemsError, fail, report, show


def read_study_file(path: Path) -> object:
    """Keys and values of a study file.

    Args:
        path: The file, in JSON or TOML according to its suffix.

    Raises:
        StudyError: There is no such file, or it is not UTF-8 text, not JSON or TOML, or has a key twice. Messages
            about syntax errors contain line and column.
    """
    suffix = path.suffix.lower()
    if suffix not in (".json", ".toml"):
        raise StudyError(f"{path}: the name of a study file must end in .json or .toml")
    try:
        text = path.read_bytes().decode("utf-8-sig")
        if suffix == ".toml":
            return tomllib.loads(text)
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except FileNotFoundError:
        raise StudyError(
            f"{path}: no such study file. 'codecstudy studies list' shows the built-in studies"
        ) from None
    except OSError as error:
        raise StudyError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise StudyError(f"{path}: is not UTF-8 text (byte {error.start}); save it as UTF-8") from None
    except json.JSONDecodeError as error:
        raise StudyError(
            f"{path}: line {error.lineno}, column {error.colno}: not valid JSON: {error.msg}"
        ) from None
    except ProblemsError as error:
        raise StudyError(report(str(path), error.problems)) from None
    except (ValueError, RecursionError) as error:
        # The messages of tomllib contain line and column themselves.
        what = "it is nested too deeply" if isinstance(error, RecursionError) else error
        raise StudyError(f"{path}: not valid {suffix[1:].upper()}: {what}") from None


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """A JSON object. A duplicate key would silently lose the first value (TOML already forbids it)."""
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise fail(f"the key {show(twice)} occurs twice in one object; remove one of them")
    return found


def _no_constant(name: str) -> object:
    raise fail(f"{name} is not a valid JSON value")
