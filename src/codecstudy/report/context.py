"""The data that all sections of a report share: points, resamples and curves, each computed once."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from codecstudy.analysis.answer import Answer, answers
from codecstudy.analysis.baseline import baselines
from codecstudy.analysis.bootstrap import Resamples
from codecstudy.analysis.curves import CurveSet, fit
from codecstudy.analysis.encoders import Encoders
from codecstudy.analysis.matched import Matched, match
from codecstudy.analysis.options import EncoderOptions
from codecstudy.analysis.points import Points, collect
from codecstudy.analysis.recommend import Recommendations, recommend
from codecstudy.analysis.variants import Scope, Variant
from codecstudy.errors import ResultsError
from codecstudy.report import text
from codecstudy.report.options import Inspector, Options
from codecstudy.report.styles import Style, styles
from codecstudy.results import QualityResults
from codecstudy.types import EncoderFacts, MetricColumn


@dataclass(slots=True, eq=False)
class Context:
    """One study with one set of options."""

    results: QualityResults
    options: Options
    points: Points
    metrics: tuple[str, ...]
    """Columns of the metrics in the results; the one that the answer is based on comes first."""
    draw: Resamples
    styles: dict[str, Style]
    """Style of each encoder, by its id."""
    bases: dict[Scope, int | None]
    """Index of each scope's baseline; None if it was not measured there."""
    targets: tuple[float, ...]
    """Scores that the tables show, worst first."""
    target: float
    """Score that the answer is based on."""
    root: Path
    """Workspace that the results' paths are relative to."""
    inspector: Inspector | None
    """Opens saved files; None if there are to be no pictures."""
    in_effect: EncoderOptions
    """The options that each encoder was used with."""
    _curves: dict[str, CurveSet] = field(default_factory=dict)
    _matched: dict[str, Matched] = field(default_factory=dict)
    _answers: dict[float, Recommendations] = field(default_factory=dict)
    _sentences: dict[float, tuple[Answer, ...]] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        results: QualityResults,
        options: Options,
        root: Path = Path(),
        inspector: Inspector | None = None,
    ) -> Context:
        """Collect the points of ``results`` and check ``options``.

        Raises:
            ResultsError: If nothing was measured, or if an option is out of range.
        """
        points = collect(results, options.cluster)
        scale = points.require(options.metric)
        points = points.scored(scale.name)
        target = float(scale.usual_target if options.target is None else options.target)
        if not np.isfinite(target):
            raise ResultsError(f"target must be a finite score, not {target}")
        return cls(
            results=results,
            options=options,
            points=points,
            metrics=(scale.name, *(m for m in points.columns if m != scale.name)),
            draw=Resamples.draw(points.sample, seed=options.seed, resamples=options.resamples),
            styles=styles(
                points.encoders.facts(name) for name in dict.fromkeys(v.encoder for v in points.variants)
            ),
            bases=baselines(points, options.baseline),
            targets=tuple(sorted({*scale.targets, target}, key=scale.goodness)),
            target=target,
            root=root,
            inspector=inspector,
            in_effect=EncoderOptions.of(results),
        )

    @property
    def columns(self) -> dict[str, MetricColumn]:
        """The columns of :attr:`metrics`, by name."""
        return self.points.columns

    @property
    def metric(self) -> str:
        """Column of the metric that the answer is based on."""
        return self.metrics[0]

    @property
    def scale(self) -> MetricColumn:
        """The column of :attr:`metric`."""
        return self.columns[self.metric]

    @property
    def variants(self) -> tuple[Variant, ...]:
        """All variants, by :attr:`Variant.order`."""
        return self.points.variants

    @property
    def scopes(self) -> tuple[Scope, ...]:
        """All scopes: the original first."""
        return self.points.scopes

    @property
    def encoders(self) -> Encoders:
        """The encoders of the results."""
        return self.points.encoders

    def facts_of(self, variant: Variant) -> EncoderFacts:
        """Facts of the variant's encoder."""
        return self.encoders.facts(variant.encoder)

    @property
    def several_encoders(self) -> bool:
        """Whether a format was made by several encoders."""
        return len({v.encoder for v in self.variants}) > len({v.format for v in self.variants})

    def curves(self, metric: str) -> CurveSet:
        """The curves of ``metric``."""
        if metric not in self._curves:
            self._curves[metric] = fit(self.points, metric)
        return self._curves[metric]

    def matched(self, metric: str) -> Matched:
        """Every image at the scores that tables show: :attr:`targets`, or another metric's usual targets."""
        if metric not in self._matched:
            targets = self.targets if metric == self.metric else self.columns[metric].targets
            self._matched[metric] = match(self.curves(metric), targets)
        return self._matched[metric]

    def answers(self, target: float) -> Recommendations:
        """The recommendations at ``target``."""
        if target not in self._answers:
            self._answers[target] = recommend(
                self.points,
                self.metric,
                target,
                self.options.max_encode_time,
                self.options.coverage,
                self.options.baseline,
                self.options.assurance,
                curves=self.curves(self.metric),
            )
        return self._answers[target]

    def sentences(self, target: float) -> tuple[Answer, ...]:
        """The answer at ``target`` in sentences, for every scope."""
        if target not in self._sentences:
            self._sentences[target] = answers(
                self.points, self.answers(target), {name: self.curves(name) for name in self.metrics}
            )
        return self._sentences[target]

    @property
    def offered(self) -> tuple[float, ...]:
        """The targets that the reader can choose: those that any format reaches, and :attr:`target`."""
        return tuple(
            target
            for target in self.targets
            if target == self.target or any(i.setting is not None for i in self.answers(target).items)
        )

    def baseline_title(self) -> str:
        """Title of the baseline's encoder."""
        return self.facts_of(self.variants[self._baseline()]).title

    def baseline_name(self) -> str:
        """Name of the baseline among the variants of its encoder, e.g. ``JPEG 4:2:0``."""
        return self.name(self.variants[self._baseline()])

    def _baseline(self) -> int:
        # The baseline is one of the variants, so at least one scope has it.
        return next(b for b in self.bases.values() if b is not None)

    def name(self, variant: Variant) -> str:
        """Title of the encoder, and what distinguishes ``variant`` from others of its encoder and scope."""
        same = [v for v in self.variants if v.encoder == variant.encoder and v.scope == variant.scope]
        shared = set.intersection(*(set(text.parts(v.setting, self.encoders)) for v in same))
        own = [part for part in text.parts(variant.setting, self.encoders) if part not in shared]
        axis = variant.axis.name if len({v.axis.name for v in same}) > 1 else ""
        return " ".join([self.facts_of(variant).title, ", ".join(own), f"by {axis}" if axis else ""]).strip()

    def picks(self) -> frozenset[str]:
        """Keys of the variants that are recommended at the chosen target."""
        items = self.answers(self.target).items
        return frozenset(self.encoders.split(i.setting)[0].key for i in items if i.setting is not None)

    def best_of_formats(self) -> frozenset[str]:
        """Keys of those of :meth:`picks` that have the smallest files of their format, in each scope."""
        smallest: dict[tuple[Scope, str], str] = {}
        for item in self.answers(self.target).items:
            if item.setting is not None:
                smallest.setdefault((item.scope, item.format), self.encoders.split(item.setting)[0].key)
        return frozenset(smallest.values())
