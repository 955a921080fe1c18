"""What two results cannot be compared on: records that are missing or failed, other contents, unreached targets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from codecstudy.analysis.alignment import Records, Side, VariantPair
from codecstudy.results import QualityRecord

Where = Literal["base", "head", "both"]
ProblemKind = Literal["missing", "failed", "source-changed", "not-reached", "not-lossless", "not-compared"]

MAX_EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that could not be compared: an error, never skipped silently."""

    kind: ProblemKind
    side: Where
    """The side on which the record is missing or failed, or the target is not reached."""
    image: str
    """Empty if it concerns all images."""
    setting: str
    """Label of the setting or of the variant; empty if it concerns all settings."""
    detail: str


@dataclass(frozen=True, slots=True)
class ProblemGroup:
    """Problems that differ only in image and setting."""

    kind: ProblemKind
    side: Where
    detail: str
    count: int
    examples: tuple[str, ...]
    """Image and setting of the first ones."""


def grouped(problems: Iterable[Problem]) -> tuple[ProblemGroup, ...]:
    """``problems`` by kind, side and reason, the largest group first."""
    groups: dict[tuple[ProblemKind, Where, str], list[Problem]] = {}
    for problem in problems:
        groups.setdefault((problem.kind, problem.side, problem.detail), []).append(problem)
    found = [
        ProblemGroup(kind, side, detail, len(members), tuple(map(_place, members[:MAX_EXAMPLES])))
        for (kind, side, detail), members in groups.items()
    ]
    return tuple(sorted(found, key=lambda group: -group.count))


def _place(problem: Problem) -> str:
    return ", ".join(part for part in (problem.image, problem.setting) if part)


def variant_problems(base: Side, head: Side) -> list[Problem]:
    """Variants that only one side has."""
    missing: tuple[tuple[Where, Records, Records], ...] = (
        ("head", base.records, head.records),
        ("base", head.records, base.records),
    )
    return [
        Problem("missing", side, "", variant.label, "no record of this variant")
        for side, there, here in missing
        for variant in there
        if variant not in here
    ]


def source_problems(base: Side, head: Side) -> list[Problem]:
    """Images that only one side has, or whose content differs."""
    ours, theirs = _contents(base.records), _contents(head.records)
    problems = []
    for image in sorted({*ours, *theirs}):
        if image not in theirs:
            problems.append(Problem("missing", "head", image, "", "no record of this image"))
        elif image not in ours:
            problems.append(Problem("missing", "base", image, "", "no record of this image"))
        elif ours[image] and theirs[image] and ours[image] != theirs[image]:
            problems.append(Problem("source-changed", "both", image, "", "the file's content differs"))
    return problems


def _contents(records: Records) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for record in (r for group in records.values() for r in group):
        found.setdefault(record.source_image, set()).update(filter(None, [record.source_sha256]))
    return found


def record_problems(base: Side, head: Side, pair: VariantPair, *, every_setting: bool) -> list[Problem]:
    """Tasks of ``pair`` that failed, or that only one side has a record of.

    Tasks that both sides skipped (an image smaller than the resolution) are none, and :func:`source_problems`
    reports the images that only one side has.

    Args:
        base: The results to compare with.
        head: The results to judge.
        pair: The variants. Unless they are the same, settings do not correspond, and none can be missing.
        every_setting: Whether a setting that only one side has is a problem.
    """
    ours, theirs = _by_task(base.records[pair.base]), _by_task(head.records[pair.head])
    images = _contents(base.records).keys() & _contents(head.records).keys()
    shared = {setting for _, setting in ours} & {setting for _, setting in theirs} if pair.same else set()
    problems: dict[Problem, None] = {}
    for image, setting in sorted({*ours, *theirs}):
        one, other = ours.get((image, setting)), theirs.get((image, setting))
        expected = image in images and setting in shared
        if expected and one and other and one.status == other.status == "skipped":
            continue
        for side, record, counterpart in (("base", one, other), ("head", other, one)):
            problem = _problem(side, record, counterpart, expected)  # type: ignore[arg-type]
            if problem is None and every_setting and record is None and setting not in shared and counterpart:
                label = counterpart.setting.label()
                problem = Problem("missing", side, "", label, "no record of this setting")  # type: ignore[arg-type]
            if problem is not None:
                problems[problem] = None
    return list(problems)


def _problem(
    side: Where, record: QualityRecord | None, counterpart: QualityRecord | None, expected: bool
) -> Problem | None:
    """The problem of one side of a task; a record is ``expected`` if both sides have image and setting."""
    if record is None:
        if counterpart is None or not expected:
            return None
        return Problem("missing", side, counterpart.source_image, counterpart.setting.label(), "no record")
    if record.status == "failed" or (record.status == "skipped" and expected):
        why = record.measurement_error or record.failure or record.status
        return Problem("failed", side, record.source_image, record.setting.label(), why)
    return None


def _by_task(records: Iterable[QualityRecord]) -> dict[tuple[str, str], QualityRecord]:
    return {(r.source_image, r.setting.canonical()): r for r in records}
