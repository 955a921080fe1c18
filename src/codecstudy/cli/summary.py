"""The table at the end of a run, and the failures grouped by reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl
from rich.markup import escape
from rich.table import Table

from codecstudy.results import QualityRecord, QualityResults
from codecstudy.types import MetricColumn, score_to_json

if TYPE_CHECKING:
    from codecstudy.verify import Verification


@dataclass(frozen=True, slots=True)
class SummaryRow:
    """One setting over all images measured with it."""

    setting: str
    images: int
    bits_per_pixel: float
    """Mean over images."""
    score: float
    """Mean over images."""
    score_p5: float
    score_p95: float
    encode_cpu_seconds: float
    """Mean over images."""

    def to_dict(self, metric: str) -> dict[str, Any]:
        """The row as JSON values; the names of the scores begin with ``metric``."""
        scores = {metric: self.score, f"{metric}_p5": self.score_p5, f"{metric}_p95": self.score_p95}
        return {
            "setting": self.setting,
            "images": self.images,
            "bits_per_pixel": self.bits_per_pixel,
            **{name: score_to_json(value) for name, value in scores.items()},
            "encode_cpu_seconds": self.encode_cpu_seconds,
        }


def summary_rows(results: QualityResults) -> list[SummaryRow]:
    """One row per setting, in the study's order; settings without any measurement are left out."""
    column = results.usual_column
    order: dict[str, list[QualityRecord]] = {}
    for record in results.measurements:
        if record.status == "measured":
            order.setdefault(record.setting.canonical(), []).append(record)
    rows = []
    for records in order.values():
        scores = pl.Series([record.score(column.name) for record in records], dtype=pl.Float64)
        rows.append(
            SummaryRow(
                setting=records[0].setting.label(),
                images=len(records),
                bits_per_pixel=_mean([_bits_per_pixel(record) for record in records]),
                score=_mean(list(scores)),
                score_p5=float(scores.quantile(0.05, "linear") or 0.0),
                score_p95=float(scores.quantile(0.95, "linear") or 0.0),
                encode_cpu_seconds=_mean([r.encoding_cpu_time or 0.0 for r in records]),
            )
        )
    return rows


def _bits_per_pixel(record: QualityRecord) -> float:
    # Every measured record has all three.
    assert record.file_size is not None
    assert record.width is not None
    assert record.height is not None
    return 8 * record.file_size / (record.width * record.height)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else float("nan")


def summary_table(results: QualityResults) -> Table:
    """The rows as a table for the terminal: means over images, encode times as CPU time of one thread."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("setting", overflow="fold", min_width=8)
    column = results.usual_column
    for name in ("bits/px", f"{column.title} (p5 to p95)", "encode", "images"):
        table.add_column(name, justify="right", no_wrap=True)
    previous = None
    for row in summary_rows(results):
        fmt = row.setting.split()[0]
        if previous is not None and fmt != previous:
            table.add_section()
        previous = fmt
        table.add_row(
            escape(row.setting),
            f"{row.bits_per_pixel:.3f}",
            "{} ({} to {})".format(
                *(_rounded(score, column) for score in (row.score, row.score_p5, row.score_p95))
            ),
            f"{1000 * row.encode_cpu_seconds:.0f} ms",
            str(row.images),
        )
    return table


def _rounded(value: float, column: MetricColumn) -> str:
    # Adding zero turns a rounded -0.0 into 0.0.
    return f"{round(value, column.digits) + 0.0:.{column.digits}f}"


def failure_lines(results: QualityResults) -> list[str]:
    """Failures and skips grouped by reason, most frequent first, with the affected images."""
    groups: dict[tuple[str, str | None, str | None], list[str]] = {}
    for record in results.measurements:
        if record.status != "measured":
            reason = (record.status, record.failure, record.measurement_error)
            groups.setdefault(reason, []).append(record.source_image)
    lines = []
    # The status sorts failures before skips.
    for (status, kind, why), images in sorted(groups.items(), key=lambda g: (g[0][0], -len(g[1]))):
        names = list(dict.fromkeys(images))
        shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        label = f"{kind}: " if kind else ""
        lines.append(f"{len(images):,} {status}: {label}{why} ({shown})")
    return lines


def passed_over(results: QualityResults) -> str:
    """The images that were passed over, and what follows for the sample."""
    names = results.run.passed_over
    shown = ", ".join(names[:3]) + (f" and {len(names) - 3:,} more" if len(names) > 3 else "")
    return (
        f"{len(names):,} of the images that come before the last measured one ({shown}), so that the measured "
        "images are not quite a random sample; --strict-order passes over none"
    )


def verification_lines(verification: Verification) -> list[str]:
    """What was verified, what was not and why, and which levels were measured for it."""
    lines = []
    for word, settings in (("verified", verification.verified), ("not verified", verification.unverified)):
        if settings:
            lines.append(f"{word}: {', '.join(setting.label() for setting in settings)}")
            if word == "not verified":
                lines[-1] += f" ({verification.reason})"
    if not lines:
        lines.append(f"verified: nothing ({verification.reason or 'no setting reaches the target'})")
    if verification.added:
        added = ", ".join(setting.label() for setting in verification.added)
        lines.append(f"measured for that, in addition to the study: {added}")
    return lines


def verification_json(verification: Verification) -> dict[str, Any]:
    """The verification as JSON values, part of what ``codecstudy run --verify --json`` prints."""
    return {
        "metric": verification.metric,
        "target": verification.target,
        "coverage": verification.coverage,
        "verified": [setting.label() for setting in verification.verified],
        "unverified": [setting.label() for setting in verification.unverified],
        "added": [setting.label() for setting in verification.added],
        "reason": verification.reason,
    }


def summary_json(results: QualityResults, path: str) -> dict[str, Any]:
    """The summary as JSON values, as ``codecstudy run --json`` prints it."""
    statuses = Counter(record.status for record in results.measurements)
    return {
        "results": path,
        "study_id": results.study_id,
        "complete": results.complete,
        "stop_reason": results.stop_reason,
        "incomplete_reason": results.incomplete_reason,
        "images": results.run.images_measured,
        "passed_over": list(results.run.passed_over),
        "measured": statuses["measured"],
        "skipped": statuses["skipped"],
        "failed": statuses["failed"],
        "failures": failure_lines(results),
        "settings": [row.to_dict(results.usual_column.name) for row in summary_rows(results)],
    }
