"""Results that say nothing of their encoders, as files of older versions do."""

from __future__ import annotations

import dataclasses

from codecstudy import codecs
from codecstudy.analysis.encoders import Encoders
from codecstudy.analysis.recommend import recommend
from codecstudy.results import QualityResults
from codecstudy.types import Setting
from support.report_cases import four_formats
from support.synthetic import Formula, study


def silent(results: QualityResults) -> QualityResults:
    return dataclasses.replace(results, encoders=(), commands=())


def test_what_is_installed_stands_in() -> None:
    results = four_formats(images=2)
    assert results.encoders
    assert results.commands
    assert codecs.describe(silent(results)) == results
    assert codecs.describe(results) is results


def test_what_results_say_of_their_encoders_is_kept() -> None:
    results = four_formats(images=2)
    renamed = dataclasses.replace(results.encoders[0], title="As it was called then")
    older = dataclasses.replace(results, encoders=(renamed,), commands=())
    described = codecs.describe(older)
    assert described.encoders[0] == renamed
    assert [facts.id for facts in described.encoders] == ["jpeg", "webp", "avif", "jxl"]
    assert {template.setting.encoder for template in described.commands} == {"webp", "avif", "jxl"}


def test_versions_are_those_of_the_measurements() -> None:
    versions = {facts.id: facts.version for facts in four_formats(images=1).encoders}
    assert versions == {"jpeg": "libjpeg-turbo 3.1", "avif": "libaom 3.13", "webp": "", "jxl": ""}


def test_an_encoder_that_nobody_knows_is_called_by_its_id() -> None:
    results = study([Formula("jpeg"), Formula("zzz")], 2)
    assert [facts.id for facts in results.encoders] == ["jpeg"]
    assert Encoders.of(results).facts("zzz").title == "zzz"
    found = {item.encoder: item for item in recommend(results, target=50).items}
    assert found["zzz"].setting == Setting.of("zzz", quality=50)
    assert found["zzz"].commands == ()
