"""The answer in sentences: which format to serve, and exactly what the measurements say about it.

Every sentence has a kind, and a condition under which it is printed; ``tests/analysis/test_answer.py`` has a test
for each. The terminal, the JSON output and the report print the same sentences.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from codecstudy.analysis.agreement import Agreement, agreement
from codecstudy.analysis.attainment import Assurance
from codecstudy.analysis.curves import CurveSet, fit
from codecstudy.analysis.encoders import Encoders
from codecstudy.analysis.estimates import FEW_IMAGES
from codecstudy.analysis.matched import SizeRatio, match, size_ratio
from codecstudy.analysis.options import threaded
from codecstudy.analysis.points import Points
from codecstudy.analysis.recommend import Recommendation, Recommendations
from codecstudy.analysis.variants import Scope
from codecstudy.analysis.wording import change, change_between, change_range, compared, count, listed, percent
from codecstudy.types import MetricColumn, Setting

Kind = Literal[
    "same-score",
    "total-bytes",
    "left-out",
    "undecided",
    "this-folder",
    "interpolation",
    "one-number",
    "one-number-interval",
    "baseline-misses",
    "reached",
    "too-few-images",
    "out-of-sample",
    "not-measured",
    "metrics-disagree",
    "encoders",
    "threads",
    "browsers",
    "fallback",
    "nothing",
    "baseline-smallest",
    "copies",
]

MUCH_INTERPOLATION = 0.01
"""Bound on the interpolation error of a size, as a share, above which levels to add are named."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of an answer."""

    kind: Kind
    text: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What to serve in one scope, and what is known about it."""

    scope: Scope
    headline: str
    """``Use AVIF quality 72.``; ``AVIF quality 72, by SSIMULACRA2.`` if other metrics put it in another order."""
    disputed: bool
    """Whether another metric puts :attr:`best` and another format in the opposite order of sizes."""
    best: Recommendation | None
    """The smallest setting of a format that all current browsers show; if there is none, the smallest of all. None
    if no format reaches the target on enough images."""
    chain: tuple[Recommendation, ...]
    """What to offer to browsers, in this order: formats of limited support with smaller files, the best one, and
    the baseline's format for those that show neither. Of each format, its encoder with the smallest files."""
    agreement: Agreement | None
    """The same comparison under other metrics; None without a comparison."""
    sentences: tuple[Sentence, ...]


def answers(
    points: Points, found: Recommendations, curves: dict[str, CurveSet] | None = None
) -> tuple[Answer, ...]:
    """The answer in every scope.

    Args:
        points: The points that ``found`` is based on.
        found: The recommendations.
        curves: Curves by metric, if they are already known.
    """
    known = dict(curves or {})
    return tuple(_Scope(points, found, scope, known).answer() for scope in points.scopes)


def full_name(setting: Setting, encoders: Encoders) -> str:
    """``AVIF quality 72``: the title of the encoder, and the rate parameter."""
    variant, level = encoders.split(setting)
    title = encoders.facts(setting.encoder).title
    return title if level is None else f"{title} {variant.axis.name} {variant.axis.plain(level)}"


class _Scope:
    def __init__(
        self, points: Points, found: Recommendations, scope: Scope, curves: dict[str, CurveSet]
    ) -> None:
        self.points, self.found, self.scope, self.curves = points, found, scope, curves
        self.encoders: Encoders = points.encoders
        self.scale: MetricColumn = points.columns[found.metric]
        self.items = tuple(item for item in found.items if item.scope == scope)
        self.usable = tuple(item for item in self.items if item.setting is not None)
        self.base = found.baselines[scope]

    def answer(self) -> Answer:
        """The sentences in the order in which they are read."""
        everywhere = [item for item in self.usable if self._everywhere(item)]
        best = next(iter(everywhere), None) or next(iter(self.usable), None)
        if best is None:
            return Answer(
                self.scope, "No setting is good enough.", False, None, (), None, tuple(self._nothing())
            )
        compared_under, chain = self._agreement(), self._chain(best)
        sentences = [
            *self._metrics_disagree(compared_under),
            *self._same_score(best),
            *self._one_number(best),
            *self._reached(best),
            *self._encoders(),
            *self._browsers(best, chain),
            *self._threads(),
            *self._copies(),
        ]
        assert best.setting is not None
        name, label = full_name(best.setting, self.encoders), self.encoders.split(best.setting)[0].label
        disputed = compared_under is not None and any(label in pair for pair in compared_under.disputed)
        headline = f"{name}, by {self.scale.title}." if disputed else f"Use {name}."
        return Answer(self.scope, headline, disputed, best, chain, compared_under, tuple(sentences))

    def _everywhere(self, item: Recommendation) -> bool:
        return self.encoders.facts(item.encoder).all_browsers

    def _title(self, item: Recommendation) -> str:
        return self.encoders.facts(item.encoder).title

    @property
    def _baseline_title(self) -> str:
        return "" if self.base is None else self.encoders.facts(self.base.encoder).title

    @property
    def _target(self) -> str:
        return f"{self.scale.title} {self.found.target:g}"

    def _nothing(self) -> Iterable[Sentence]:
        limit = "" if self.found.max_encode_time is None else " within the limit on encode time"
        yield Sentence(
            "nothing",
            f"No measured setting of any format reaches {self._target} on {self._wanted_images()}{limit}. Choose "
            "a less demanding target, or measure finer settings.",
        )

    def _wanted_images(self) -> str:
        if self.found.required == self.found.images:
            return "all images" if self.found.images > 1 else "the image"
        return f"{self.found.required} of {count(self.found.images, 'image')}"

    def _same_score(self, best: Recommendation) -> Iterable[Sentence]:
        same = best.same_score
        if same is None:
            if self.base is not None and len(self.usable) > 1 and best.setting == self.base:
                several = len(self.usable) > len({item.format for item in self.usable})
                others = "encoder of a format" if several else "format"
                yield Sentence(
                    "baseline-smallest",
                    f"No other measured {others} that all current browsers show makes smaller files than "
                    f"{self._baseline_title} at this target.",
                )
            return
        other, title = self._baseline_title, self._title(best)
        where = f"At the same {self._target} on each image"
        if same.ratio is None:
            yield Sentence("same-score", f"{where}, there is no estimate of {title}'s size: {same.reason}.")
            yield from self._left_out(same, title)
            return
        interval = change_range(same.ratio)
        certainty = (
            "one image says nothing about others"
            if interval is None
            else f"95 % interval for other images like these: {interval}"
        )
        yield Sentence(
            "same-score", f"{where}, {title} is {compared(same.ratio.value, other)} ({certainty})."
        )
        if same.total_ratio is not None:
            total = change_range(same.total_ratio)
            yield Sentence(
                "total-bytes",
                f"All files together are {compared(same.total_ratio.value, other)}"
                + (f" ({total})." if total else "."),
            )
        if (
            same.ratio.low is not None
            and same.ratio.high is not None
            and same.ratio.low <= 1 <= same.ratio.high
        ):
            yield Sentence(
                "undecided", "The interval includes both: these images do not show which is smaller."
            )
        yield from self._folder(same)
        yield from self._left_out(same, title)
        yield from self._interpolation(same, title)

    def _folder(self, same: SizeRatio) -> Iterable[Sentence]:
        assert same.ratio is not None
        sample, ends = self.points.sample, same.ratio.folder
        if same.ratio.complete:
            yield Sentence(
                "this-folder",
                f"For this folder, whose {count(sample.population, 'image')} were all measured, the difference "
                "has no sampling error.",
            )
        elif ends is not None and sample.population > same.ratio.images:
            yield Sentence(
                "this-folder",
                f"For this folder, of whose {count(sample.population, 'image')} {same.ratio.images} are compared: "
                f"{change_between(*ends)}.",
            )

    def _left_out(self, same: SizeRatio, title: str) -> Iterable[Sentence]:
        out = same.only_variant + same.only_baseline + same.neither
        if not out:
            return
        parts = [
            f"{number} that {who}"
            for number, who in (
                (same.only_variant, f"only {title} reaches it on"),
                (same.only_baseline, f"only {self._baseline_title} reaches it on"),
                (same.neither, "neither reaches it on"),
            )
            if number
        ]
        text = f"{out} of {count(same.all_images, 'image')} left out: {listed(tuple(parts))}"
        if same.unmeasured:
            text += f" ({same.unmeasured} of them not measured at all on one side)"
        one_sided = " and ".join(
            f"{bound} {compared(ratio, self._baseline_title)}" for bound, ratio in self._bounds(same)
        )
        if one_sided and (same.only_variant or same.only_baseline):
            text += f". With them, {title} is {one_sided}"
        yield Sentence("left-out", text + ".")

    def _bounds(self, same: SizeRatio) -> Iterable[tuple[str, float]]:
        """A lower bound of a ratio below 1 is the largest possible saving."""
        if same.at_most is not None:
            yield ("at least" if same.at_most <= 1 else "at most"), same.at_most
        if same.at_least is not None:
            yield ("at most" if same.at_least <= 1 else "at least"), same.at_least

    def _interpolation(self, same: SizeRatio, title: str) -> Iterable[Sentence]:
        assert same.ratio is not None
        if same.ratio.interpolation <= 0:
            return
        text = f"Interpolation between measured levels adds at most {percent(same.ratio.interpolation)}"
        if same.ratio.interpolation > MUCH_INTERPOLATION:
            sides = [
                f"{name} at {axis} {listed(tuple(str(level) for level in levels))}"
                for name, axis, levels in (
                    (title, same.variant.axis.name, same.levels_to_add),
                    (
                        self._baseline_title,
                        "" if same.baseline is None else same.baseline.axis.name,
                        same.baseline_levels_to_add,
                    ),
                )
                if levels
            ]
            if sides:
                text += f"; to reduce it, measure {' and '.join(sides)}"
        yield Sentence("interpolation", text + ".")

    def _one_number(self, best: Recommendation) -> Iterable[Sentence]:
        one = best.one_number
        if one is None:
            return
        digits = self.scale.digits if self.scale.digits < 2 else 1
        mine, theirs = full_name(one.setting, self.encoders), full_name(one.baseline, self.encoders)
        medians = f"{one.median_score:.{digits}f} and {one.baseline_median_score:.{digits}f}"
        where = "" if one.baseline_enough else f", on the {count(one.images, 'image')} that both reach it on"
        yield Sentence(
            "one-number",
            f"With one number for all images{where}, {mine} is {compared(one.ratio, theirs)} (all files together: "
            f"{change(one.total_ratio)}); their median scores are {medians}.",
        )
        if one.interval is not None:
            yield Sentence(
                "one-number-interval",
                f"95 % interval with the choice of both numbers repeated on other images: "
                f"{change_between(*one.interval)}.",
            )
        elif one.no_interval is not None and one.baseline_enough:
            yield Sentence("one-number-interval", f"It has no interval: {one.no_interval}.")
        if not one.baseline_enough:
            text = (
                f"{theirs}, with which most images reach {self._target}, misses it on "
                f"{count(len(one.baseline_not_reached), 'image')}: "
                f"{listed(one.baseline_not_reached)}"
            )
            if one.at_most is not None:
                bound = "at least" if one.at_most <= 1 else "at most"
                text += f". With them, {self._title(best)} is {bound} {compared(one.at_most, self._baseline_title)}"
            yield Sentence("baseline-misses", text + ".")

    def _reached(self, best: Recommendation) -> Iterable[Sentence]:
        reached = best.reached.attainment
        yield Sentence(
            "reached",
            f"{reached.reached} of {count(reached.images, 'image')} reach {self._target}. Of other images like "
            f"these, {percent(reached.expected)} can be expected to, and with 95 % certainty at least "
            f"{percent(reached.bound)}.",
        )
        if not self.found.assured:
            wish = f"that {percent(self.found.coverage)} of images reach it"
            verb = "to expect" if self.found.assurance is Assurance.EXPECTED else "to be 95 % certain"
            needed = self.found.images_needed
            text = (
                f"No number of images is enough {verb} {wish}."
                if needed is None
                else f"At least {needed} images are needed {verb} {wish}."
            )
            yield Sentence("too-few-images", text)
        elif reached.images < FEW_IMAGES:
            yield Sentence("too-few-images", f"This is based on {count(reached.images, 'image')} only.")
        if best.out_of_sample is not None:
            out = best.out_of_sample
            text = (
                f"Chosen on some of the images and checked on the others ({out.repeats} times in {out.folds} "
                f"parts), {percent(out.attainment)} of the others reach it"
            )
            if out.size_ratio is not None and best.one_number is not None:
                text += f", and the files are {compared(out.size_ratio, self._baseline_title)}"
            yield Sentence("out-of-sample", text + ".")
        if not best.measured:
            assert best.setting is not None
            yield Sentence(
                "not-measured",
                f"{full_name(best.setting, self.encoders)} is between measured levels on "
                f"{count(best.reached.interpolated, 'image')}: its scores there are interpolated. "
                "'codecstudy run --verify' encodes it on every image.",
            )

    def _agreement(self) -> Agreement | None:
        if self.base is None:
            return None
        variants = self.points.variants
        base = variants.index(self.encoders.split(self.base)[0])
        others = [
            variants.index(self.encoders.split(item.setting)[0])
            for item in self.usable
            if item.setting is not None and item.encoder != self.base.encoder
        ]
        if not others:
            return None
        return agreement(self.points, self.found.metric, self.found.target, others, base, self.curves)

    def _encoders(self) -> Iterable[Sentence]:
        """Which encoder of a format makes the smallest files, for each format that several encoders make."""
        by_format: dict[str, list[Recommendation]] = {}
        for item in self.usable:
            by_format.setdefault(item.format, []).append(item)
        for format, items in by_format.items():
            if len(items) > 1:
                yield Sentence("encoders", self._smallest(format, items))

    def _smallest(self, format: str, items: list[Recommendation]) -> str:
        variants, metric = self.points.variants, self.found.metric
        blocks = {
            variants.index(self.encoders.split(item.setting)[0]): self._title(item)
            for item in items
            if item.setting is not None
        }
        if metric not in self.curves:
            self.curves[metric] = fit(self.points, metric)
        matched = match(self.curves[metric], [self.found.target], tuple(blocks))
        reached = {v: int((~np.isnan(matched.log_size[v])).sum()) for v in blocks}
        first = max(blocks, key=lambda v: reached[v])
        to_first = {v: size_ratio(matched, v, first, 0).ratio for v in blocks}
        known = {v: ratio.value for v, ratio in to_first.items() if ratio is not None}
        of, where = f"Of the {len(items)} encoders of {format}", f"at the same {self._target} on each image"
        if len(known) < 2:
            return f"{of}, it is not known which makes the smallest files {where}: too few images reach it."
        best = min(known, key=lambda v: known[v])
        compared_with, undecided = [], []
        for v in sorted(known.keys() - {best}, key=lambda v: known[v]):
            ratio = size_ratio(matched, best, v, 0).ratio
            if ratio is None:
                continue
            interval = change_range(ratio)
            compared_with.append(
                f"{compared(ratio.value, blocks[v])}" + (f" (95 % interval: {interval})" if interval else "")
            )
            if ratio.high is not None and ratio.high >= 1:
                undecided.append(blocks[v])
        text = f"{of}, {blocks[best]} makes the smallest files {where}"
        if compared_with:
            text += f": {listed(tuple(compared_with), most=len(compared_with))}"
        if undecided:
            text += f"; for other images, the order of it and {listed(tuple(undecided))} is undecided"
        if left := [title for v, title in blocks.items() if v not in known]:
            text += f". Not compared: {listed(tuple(left))}"
        return text + "."

    def _threads(self) -> Iterable[Sentence]:
        """Encoders that used several threads: their wall-clock times would be compared unfairly."""
        for encoder, threads in threaded(self.points, [i.encoder for i in self.items], self.scope).items():
            yield Sentence(
                "threads",
                f"{self.encoders.facts(encoder).title} encoded on {threads:.1f} threads on average (CPU time over "
                "wall-clock time). Encode times here are CPU times of all threads; do not compare its wall-clock "
                "times with those of encoders on one thread.",
            )

    def _metrics_disagree(self, found: Agreement | None) -> Iterable[Sentence]:
        if found is None or not found.disputed:
            return
        titles = [opinion.title for opinion in found.opinions]
        pairs = [f"{one} and {other}" for one, other in found.disputed]
        yield Sentence(
            "metrics-disagree",
            f"The order depends on the metric: {listed(tuple(titles))} put {listed(tuple(pairs), most=3)} in "
            "different orders of size.",
        )

    def _browsers(self, best: Recommendation, chain: tuple[Recommendation, ...]) -> Iterable[Sentence]:
        if not self._everywhere(best):
            facts = self.encoders.facts(best.encoder)
            yield Sentence(
                "browsers",
                f"No format that all current browsers show reaches the target. {facts.title}: {facts.browsers}.",
            )
        for item in chain[: chain.index(best)]:
            assert item.setting is not None
            same = item.same_score
            saving = (
                ""
                if same is None or same.ratio is None
                else f" is {compared(same.ratio.value, self._baseline_title)} at the same score, and"
            )
            yield Sentence(
                "browsers",
                f"{full_name(item.setting, self.encoders)}{saving} has smaller files still, for browsers that show "
                f"it: {self.encoders.facts(item.encoder).browsers}.",
            )
        names = [full_name(item.setting, self.encoders) for item in chain if item.setting is not None]
        if len(names) > 1:
            yield Sentence(
                "fallback",
                f"Offer them in this order, the first that a browser shows is used: {', '.join(names)}.",
            )

    def _chain(self, best: Recommendation) -> tuple[Recommendation, ...]:
        place = self.usable.index(best)
        # Browsers choose between formats: of each, the encoder with the smallest files.
        first = list({item.format: item for item in reversed(self.usable[:place])}.values())[::-1]
        last = [
            item
            for item in self.usable
            if self.base is not None and item.format == self.base.format != best.format
        ][:1]
        return (*first, best, *last)

    def _copies(self) -> Iterable[Sentence]:
        sample = self.points.sample
        copies = sum(len(names) for names in sample.duplicates.values())
        near = sum(len(names) for names in sample.near_duplicates)
        if copies:
            are = count(copies, "file is a copy", "files are copies")
            yield Sentence(
                "copies",
                f"{are}: each content counts once, with the number of its files as weight in means and totals.",
            )
        if near:
            groups = count(len(sample.near_duplicates), "group")
            yield Sentence(
                "copies",
                f"{near} images are nearly equal to others ({groups}): each group counts as one image for "
                "intervals and shares.",
            )
