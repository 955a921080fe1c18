"""The errors that codecstudy raises on purpose.

Each message says what went wrong, where, and what to do next. The command line prints these without a
traceback; anything else that escapes is a bug.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class CodecstudyError(Exception):
    """Base of every error that codecstudy raises on purpose."""


class StudyError(CodecstudyError, ValueError):
    """A study file, or a part of one, cannot be used."""


class DatasetError(CodecstudyError, ValueError):
    """A dataset is not configured, not valid, or could not be fetched."""


class DatasetMissingError(DatasetError, FileNotFoundError):
    """A dataset is configured but not downloaded, or its folder contains no images."""

    def __str__(self) -> str:
        # FileNotFoundError would print its errno fields; users need only the message.
        return str(self.args[0]) if self.args else ""


class ImageError(CodecstudyError, ValueError):
    """A file cannot be turned into a canonical image."""


class ImageMemoryError(ImageError):
    """An image needs more memory than this process may use."""


class CodecError(CodecstudyError):
    """A codec could not encode, or could not decode what it encoded."""


class NotApplicableError(CodecError):
    """A setting does not apply to a source: the task is skipped, not failed."""


class MetricError(CodecstudyError, ValueError):
    """A metric is not known, or cannot be loaded."""


class ResultsError(CodecstudyError, ValueError):
    """A results file cannot be read, or lacks what a command needs."""


class StoreError(CodecstudyError):
    """The measurement store cannot be used."""


class MissingExtraError(CodecstudyError, ImportError):
    """A feature needs a package that only an extra of codecstudy installs."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The end of a sentence about an unknown name: a hint at the most similar known name, or a full stop.

    Args:
        name: The unknown name, as the user wrote it.
        known: The names that exist. Case is ignored.

    Returns:
        ``"; did you mean avif?"``, or ``"."`` if no known name is similar.
    """
    by_folded = {candidate.casefold(): candidate for candidate in known}
    found = difflib.get_close_matches(name.casefold(), by_folded, n=1)
    return f"; did you mean {by_folded[found[0]]}?" if found else "."
