"""What came of a trial: the counts of the table, and the details of what should not have happened."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection
from dataclasses import dataclass, field

from trials.commands import Ended

_TRACEBACK = "Traceback (most recent call last)"


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that should not have happened.

    Attributes:
        case: Number of the case, with which it can be repeated.
        kind: The column of the table: ``tracebacks``, ``hangs``, ``lost`` or ``other faults``.
        detail: What happened.
    """

    case: int
    kind: str
    detail: str


@dataclass(slots=True)
class Tally:
    """The counts of one trial.

    Attributes:
        name: The trial.
        what: What was tried.
        tried: Number of inputs, commands or kills.
        measured: Those that ended with measurements or with an answer.
        refused: Those that ended with a reason.
        memory: The most memory that any command used, in bytes.
        seconds: Duration of the trial.
        faults: What should not have happened.
    """

    name: str
    what: str
    tried: int = 0
    measured: int = 0
    refused: int = 0
    memory: int = 0
    seconds: float = 0.0
    faults: list[Fault] = field(default_factory=list)

    def fault(self, case: int, kind: str, detail: str) -> None:
        self.faults.append(Fault(case, kind, detail))

    def count(self, kind: str) -> int:
        return sum(fault.kind == kind for fault in self.faults)

    def judge(self, case: int, what: str, ended: Ended, answers: Collection[int] = (0,)) -> bool:
        """Count one command.

        Args:
            case: Number of the case.
            what: The command, for the detail.
            ended: How it ended.
            answers: Exit codes of an answer. Any other must be 2, with a message.

        Returns:
            Whether it has answered.
        """
        self.tried += 1
        self.memory = max(self.memory, ended.peak)
        answered, found = examine(ended, answers)
        if found:
            kind, detail = found
            self.fault(case, kind, f"{what}: {detail}")
            return False
        self.measured += answered
        self.refused += not answered
        return answered


def examine(ended: Ended, answers: Collection[int]) -> tuple[bool, tuple[str, str] | None]:
    """Whether a command has answered, and the fault if there is one: its column, and what happened."""
    end = _end_of(ended.err)
    if ended.hung:
        return False, ("hangs", f"did not end; {end}")
    if _TRACEBACK in ended.err or _TRACEBACK in ended.out:
        return False, ("tracebacks", end)
    if bad := controls(ended.out + ended.err):
        return False, ("other faults", f"sends {bad} to the terminal")
    if ended.code in answers:
        return True, None
    if ended.code != 2:
        return False, ("other faults", f"exit code {ended.code}; {end}")
    if "error:" not in ended.err or len(ended.err) < 20:
        return False, ("other faults", f"exit code 2 without a reason; {end}")
    return False, None


def controls(text: str) -> str:
    """The characters of ``text`` that control a terminal or the direction of text, escaped."""
    found = {c for c in text if c != "\n" and (unicodedata.category(c) == "Cc" or c in _BIDI)}
    return ", ".join(sorted(c.encode("unicode_escape").decode() for c in found))


_BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def _end_of(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " | ".join(line[:300] for line in lines[-3:]) or "nothing was printed"
