"""The table at the end of a run, and the failures grouped by reason."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl
from rich.table import Table

from codecstudy.analysis.percentiles import MIN_PERCENTILES, spread_names
from codecstudy.cli.app import cell
from codecstudy.results import QualityResults, setting_columns, setting_of
from codecstudy.types import MetricColumn, score_to_json

if TYPE_CHECKING:
    from codecstudy.verify import Verification


@dataclass(frozen=True, slots=True)
class SummaryRow:
    """One setting over all images measured with it."""

    setting: str
    images: int
    bits_per_pixel: float
    """Geometric mean over images."""
    score: float
    """Mean over images."""
    score_low: float
    """Lowest and highest score: 5th and 95th percentile from :data:`MIN_PERCENTILES` images on."""
    score_high: float
    encode_cpu_seconds: float
    """Mean over images."""

    def to_dict(self, metric: str) -> dict[str, Any]:
        """The row as JSON values; the names of the scores begin with ``metric``."""
        low, high = spread_names(self.images)
        scores = {metric: self.score, f"{metric}_{low}": self.score_low, f"{metric}_{high}": self.score_high}
        return {
            "setting": self.setting,
            "images": self.images,
            "bits_per_pixel": self.bits_per_pixel,
            **{name: score_to_json(value) for name, value in scores.items()},
            "encode_cpu_seconds": self.encode_cpu_seconds,
        }


def summary_rows(results: QualityResults) -> list[SummaryRow]:
    """One row per setting, in the study's order; settings without any measurement are left out."""
    column, names = results.usual_column, list(setting_columns(results.measurements))
    score = (
        column.name if column.name in results.columns() else pl.lit(None, dtype=pl.Float64).alias(column.name)
    )
    measured = results.select(
        *names, "status", "file_size", "width", "height", "encoding_cpu_time", score
    ).filter(pl.col("status") == "measured")
    scores = pl.col(column.name)
    few = pl.len() < MIN_PERCENTILES
    groups = measured.group_by(names, maintain_order=True).agg(
        images=pl.len(),
        bits_per_pixel=(8 * pl.col("file_size") / (pl.col("width") * pl.col("height"))).log().mean().exp(),
        score=scores.mean(),
        score_low=pl.when(few).then(scores.min()).otherwise(scores.quantile(0.05, "linear")),
        score_high=pl.when(few).then(scores.max()).otherwise(scores.quantile(0.95, "linear")),
        encode_cpu_seconds=pl.col("encoding_cpu_time").fill_null(0.0).mean(),
    )
    return [
        SummaryRow(
            setting=setting_of(row, names).label(),
            images=row["images"],
            bits_per_pixel=row["bits_per_pixel"],
            score=math.nan if row["score"] is None else row["score"],
            score_low=row["score_low"] or 0.0,
            score_high=row["score_high"] or 0.0,
            encode_cpu_seconds=row["encode_cpu_seconds"],
        )
        for row in groups.iter_rows(named=True)
    ]


def summary_table(results: QualityResults) -> Table:
    """The rows as a table for the terminal: means over images, encode times as CPU time of one thread.

    Bits per pixel are a geometric mean, as in all answers.
    """
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("setting", overflow="fold", min_width=8)
    column = results.usual_column
    rows = summary_rows(results)
    low, high = spread_names(min((row.images for row in rows), default=0))
    for name in ("bits/px", f"{cell(column.title)} ({low} to {high})", "encode", "images"):
        table.add_column(name, justify="right", no_wrap=True)
    previous = None
    for row in rows:
        fmt = row.setting.split()[0]
        if previous is not None and fmt != previous:
            table.add_section()
        previous = fmt
        table.add_row(
            cell(row.setting),
            f"{row.bits_per_pixel:.3f}",
            "{} ({} to {})".format(
                *(_rounded(score, column) for score in (row.score, row.score_low, row.score_high))
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
    columns = ("status", "failure", "measurement_error", "source_image")
    for *reason, image in results.select(*columns).filter(pl.col("status") != "measured").iter_rows():
        groups.setdefault((reason[0], reason[1], reason[2]), []).append(image)
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
    statuses = results.statuses()
    return {
        "results": path,
        "study_id": results.study_id,
        "complete": results.complete,
        "stop_reason": results.stop_reason,
        "incomplete_reason": results.incomplete_reason,
        "images": results.run.images_measured,
        "shard": None if results.run.shard is None else dataclasses.asdict(results.run.shard),
        "passed_over": list(results.run.passed_over),
        "measured": statuses["measured"],
        "skipped": statuses["skipped"],
        "failed": statuses["failed"],
        "failures": failure_lines(results),
        "settings": [row.to_dict(results.usual_column.name) for row in summary_rows(results)],
    }
