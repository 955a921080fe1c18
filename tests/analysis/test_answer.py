"""When each sentence of the answer is printed, and what it says then."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import get_args

import numpy as np

from codecstudy.analysis.answer import Answer, Kind, answers
from codecstudy.analysis.points import Points, collect
from codecstudy.analysis.recommend import recommend
from codecstudy.results import DatasetInfo, QualityResults
from support.synthetic import Formula, exponential_size, failed, name_of, records_of, results_of

JPEG = Formula("jpeg")


def varied(format: str, factor: float, spread: float = 0.05, **setting: object) -> Formula:
    return Formula(
        format,
        size=lambda s, i: exponential_size(s, i) * factor * math.exp(spread * (i // 3 % 3 - 1)),
        setting=setting,
    )


def results(formulas: list[Formula], images: int, population: int | None = None) -> QualityResults:
    dataset = DatasetInfo("formulas", "data/datasets/formulas", population or images)
    return results_of(records_of(formulas, images), dataset=dataset)


def answer(measured: QualityResults | Points, target: float = 70, **options: object) -> Answer:
    points = measured if isinstance(measured, Points) else collect(measured)
    (found,) = answers(points, recommend(points, target=target, **options))  # type: ignore[arg-type]
    return found


def sentences(found: Answer) -> dict[str, str]:
    return {sentence.kind: sentence.text for sentence in found.sentences}


def test_the_saving_at_the_same_score_has_its_interval_and_the_total_stands_beside() -> None:
    found = sentences(answer(results([JPEG, varied("avif", 0.7)], 30, 1000)))
    assert found["same-score"] == (
        "At the same SSIMULACRA2 70 on each image, AVIF is 30 % smaller than JPEG (95 % interval for other images "
        "like these: 29 to 31 % smaller)."
    )
    assert found["total-bytes"].startswith("All files together are 30 % smaller than JPEG (")
    assert "undecided" not in found


def test_an_interval_that_includes_both_is_undecided() -> None:
    found = sentences(answer(results([JPEG, varied("avif", 0.99)], 9, 1000)))
    assert found["undecided"] == "The interval includes both: these images do not show which is smaller."


def test_one_image_says_nothing_about_others() -> None:
    found = sentences(answer(results([JPEG, varied("avif", 0.7, 0)], 1, 1000)))
    assert found["same-score"] == (
        "At the same SSIMULACRA2 70 on each image, AVIF is 30 % smaller than JPEG (one image says nothing about "
        "others)."
    )
    assert "out-of-sample" not in found


def test_a_folder_measured_completely_has_no_sampling_error() -> None:
    whole = sentences(answer(results([JPEG, varied("avif", 0.7)], 30)))
    assert whole["this-folder"] == (
        "For this folder, whose 30 images were all measured, the difference has no sampling error."
    )
    part = sentences(answer(results([JPEG, varied("avif", 0.7)], 30, 60)))
    assert part["this-folder"].startswith("For this folder, of whose 60 images 30 are compared: ")


def test_images_that_one_side_does_not_reach_are_named_and_bounded() -> None:
    weak = dataclasses.replace(JPEG, score=lambda q, i: q - 40 if i == 3 else q)
    found = sentences(answer(results([weak, varied("avif", 0.5, 0)], 20)))
    # JPEG's largest file of image 3 scores 50.
    bound = math.exp((20 * math.log(0.5) + 20 / 25) / 20)
    assert found["left-out"] == (
        "1 of 20 images left out: 1 that only AVIF reaches it on. With them, AVIF is at least "
        f"{100 * (1 - bound):.0f} % smaller than JPEG."
    )
    assert found["baseline-misses"].startswith(
        f"JPEG quality 70, with which most images reach SSIMULACRA2 70, misses it on 1 image: {name_of(3)}. "
        "With them, AVIF is at"
    )
    assert ", on the 19 images that both reach it on, " in found["one-number"]


def test_below_nine_tenths_there_is_no_estimate() -> None:
    weak = dataclasses.replace(JPEG, score=lambda q, i: q - 40 if i < 3 else q)
    found = sentences(answer(results([weak, varied("avif", 0.5, 0)], 20)))
    assert found["same-score"] == (
        "At the same SSIMULACRA2 70 on each image, there is no estimate of AVIF's size: only 17 of 20 images reach "
        "SSIMULACRA2 70 with both, less than 90%."
    )
    assert "interpolation" not in found
    assert "3 that only AVIF reaches it on" in found["left-out"]


def test_failures_are_said_per_comparison() -> None:
    avif = varied("avif", 0.7, 0)
    kept = [r for r in records_of([JPEG, avif], 20) if (r.format, r.source_image) != ("avif", name_of(2))]
    broken = [failed(avif, 2, q) for q in avif.qualities]
    found = sentences(answer(results_of([*kept, *broken]), coverage=0.8))
    assert "(1 of them not measured at all on one side)" in found["left-out"]


def test_interpolation_is_bounded_and_levels_to_add_are_named() -> None:
    # 60 lies between 50 and 70, where sizes differ by exp(20 / 25).
    found = sentences(answer(results([JPEG, varied("avif", 0.7)], 12), target=60))
    assert found["interpolation"] == (
        "Interpolation between measured levels adds at most 32 %; to reduce it, measure AVIF at quality 60 and "
        "JPEG at quality 60."
    )
    assert "interpolation" not in sentences(answer(results([JPEG, varied("avif", 0.7)], 12), target=70))
    dense = range(60, 81)
    close = [dataclasses.replace(f, qualities=dense) for f in (JPEG, varied("avif", 0.7))]
    assert sentences(answer(results(close, 12), target=70.5))["interpolation"] == (
        "Interpolation between measured levels adds at most 1.6 %."
    )


def test_one_number_names_both_numbers_and_both_median_scores() -> None:
    # JPEG's scores vary by image: it needs 80 for the worst image, and most images are better then.
    uneven = dataclasses.replace(JPEG, score=lambda q, i: q - 10 * (i == 5))
    found = sentences(answer(results([uneven, varied("avif", 0.7, 0)], 12)))
    assert found["one-number"] == (
        "With one number for all images, AVIF quality 70 is 51 % smaller than JPEG quality 80 (all files together: "
        "52 % smaller); their median scores are 70.0 and 80.0."
    )
    assert found["one-number-interval"] == (
        "It has no interval: the choice of the numbers needs at least 60 images to be repeated."
    )


def test_the_whole_procedure_has_an_interval_from_60_images_and_below_a_share_of_all() -> None:
    random = np.random.default_rng(0)
    needs = random.normal(0, 5, 80)
    uneven = dataclasses.replace(JPEG, score=lambda q, i: q - needs[i])
    measured = results([uneven, varied("avif", 0.7, 0)], 80)
    found = answer(measured, target=60)
    assert sentences(found)["one-number-interval"].startswith(
        "95 % interval with the choice of both numbers repeated on other images: "
    )
    assert found.best is not None
    assert found.best.one_number is not None
    assert found.best.one_number.interval is not None
    low, high = found.best.one_number.interval
    assert low < found.best.one_number.ratio < high
    every = sentences(answer(measured, target=60, coverage=1.0))
    assert "the single most demanding image" in every["one-number-interval"]


def test_shares_of_images_carry_their_bound_and_what_would_be_needed() -> None:
    few = sentences(answer(results([JPEG, varied("avif", 0.7)], 6)))
    assert few["reached"] == (
        "6 of 6 images reach SSIMULACRA2 70. Of other images like these, 86 % can be expected to, and with 95 % "
        "certainty at least 61 %."
    )
    assert few["too-few-images"] == "At least 19 images are needed to expect that 95 % of images reach it."
    certain = sentences(answer(results([JPEG, varied("avif", 0.7)], 20), assurance="95%"))
    assert certain["too-few-images"] == (
        "At least 59 images are needed to be 95 % certain that 95 % of images reach it."
    )
    assert "too-few-images" not in sentences(answer(results([JPEG, varied("avif", 0.7)], 20)))
    low = sentences(answer(results([JPEG, varied("avif", 0.7)], 6), coverage=0.5))
    assert low["too-few-images"] == "This is based on 6 images only."


def test_the_choice_is_checked_on_images_that_it_was_not_made_from() -> None:
    found = sentences(answer(results([JPEG, varied("avif", 0.7, 0)], 10)))
    assert found["out-of-sample"] == (
        "Chosen on some of the images and checked on the others (20 times in 5 parts), 100 % of the others reach "
        "it, and the files are 30 % smaller than JPEG."
    )


def test_a_setting_between_measured_levels_is_said_not_to_be_measured() -> None:
    found = sentences(answer(results([JPEG, varied("avif", 0.7)], 10), target=65))
    assert found["not-measured"] == (
        "AVIF quality 65 is between measured levels on 10 images: its scores there are interpolated. "
        "'codecstudy run --verify' encodes it on every image."
    )
    assert "not-measured" not in sentences(answer(results([JPEG, varied("avif", 0.7)], 10)))


def test_metrics_that_put_formats_in_different_orders_are_named() -> None:
    # By Butteraugli, WebP looks better than AVIF at the same SSIMULACRA2; JPEG is last by both.
    webp = dataclasses.replace(varied("webp", 0.8, 0), butteraugli=lambda s, i: (100 - s) / 20)
    both = [JPEG, varied("avif", 0.7, 0), webp]
    found = answer(results(both, 12))
    assert sentences(found)["metrics-disagree"] == (
        "The order depends on the metric: SSIMULACRA2, Butteraugli 3-norm and Butteraugli put avif and webp in "
        "different orders of size."
    )
    assert found.headline == "AVIF quality 70, by SSIMULACRA2."
    assert found.agreement is not None
    assert [round(o.target, 6) for o in found.agreement.opinions] == [70, 1.5, 3]
    agreeing = answer(results([JPEG, varied("avif", 0.7, 0), varied("webp", 0.8, 0)], 12))
    assert "metrics-disagree" not in sentences(agreeing)
    assert agreeing.headline == "Use AVIF quality 70."
    assert agreeing.agreement is not None
    assert len(agreeing.agreement.opinions) == 3


def test_the_headline_is_a_format_that_every_current_browser_shows() -> None:
    found = answer(results([JPEG, varied("jxl", 0.5, 0), varied("avif", 0.7, 0)], 12))
    assert found.best is not None
    assert found.best.encoder == "avif"
    assert [item.encoder for item in found.chain] == ["jxl", "avif", "jpeg"]
    said = sentences(found)
    assert said["browsers"].startswith(
        "JPEG XL quality 70 is 50 % smaller than JPEG at the same score, and has smaller files still, for browsers"
    )
    assert said["fallback"] == (
        "Offer them in this order, the first that a browser shows is used: JPEG XL quality 70, AVIF quality 70, "
        "JPEG quality 70."
    )


def test_without_a_format_for_all_browsers_this_is_said() -> None:
    found = answer(results([varied("jxl", 0.5, 0)], 12))
    assert found.best is not None
    assert found.best.encoder == "jxl"
    assert sentences(found)["browsers"].startswith(
        "No format that all current browsers show reaches the target."
    )


def test_the_baseline_may_have_the_smallest_files() -> None:
    found = sentences(answer(results([JPEG, varied("avif", 1.3, 0)], 12)))
    assert found["baseline-smallest"] == (
        "No other measured format that all current browsers show makes smaller files than JPEG at this target."
    )
    assert "same-score" not in found


def test_a_target_that_nothing_reaches() -> None:
    found = answer(results([JPEG, varied("avif", 0.7)], 12), target=99)
    assert (found.best, found.chain, found.headline) == (None, (), "No setting is good enough.")
    assert sentences(found) == {
        "nothing": "No measured setting of any format reaches SSIMULACRA2 99 on all images. Choose a less "
        "demanding target, or measure finer settings."
    }


def test_copies_and_nearly_equal_images_are_said_to_count_once() -> None:
    points = collect(results([JPEG, varied("avif", 0.7, 0)], 12))
    sample = dataclasses.replace(
        points.sample,
        duplicates={name_of(0): ("copy.png",)},
        near_duplicates=((name_of(1), name_of(4)),),
        clusters=np.array([0, 1, 1, *range(2, 11)]),
    )
    found = answer(dataclasses.replace(points, sample=sample))
    texts = [s.text for s in found.sentences if s.kind == "copies"]
    assert texts == [
        "1 file is a copy: each content counts once, with the number of its files as weight in means and totals.",
        "2 images are nearly equal to others (1 group): each group counts as one image for intervals and shares.",
    ]
    assert sentences(found)["reached"].startswith("11 of 11 images")


def test_every_kind_of_sentence_has_a_test() -> None:
    tests = (Path(__file__), Path(__file__).with_name("test_several_encoders.py"))
    text = "".join(path.read_text(encoding="utf-8") for path in tests)
    assert [kind for kind in get_args(Kind) if f'"{kind}"' not in text] == []
