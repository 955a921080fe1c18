"""The byte claim: the stated saving of all files is that of the files on the disk."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PIL import Image

from codecstudy.analysis.points import collect
from codecstudy.analysis.recommend import recommend
from codecstudy.pipeline import PipelineRunner
from codecstudy.report.sections import answer
from conftest import picture
from support.pipeline_runs import study
from support.report_cases import context_of


def test_the_stated_total_saving_is_that_of_the_files(tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    folder.mkdir()
    for k, (width, height) in enumerate(((96, 64), (160, 120), (320, 200))):
        Image.fromarray(picture(width, height)).save(folder / f"{k}.png")
    (folder / "copy.png").write_bytes((folder / "2.png").read_bytes())
    config = study({"format": "jpeg", "quality": [92, 97]}, {"format": "webp", "quality": [60, 80, 95]})
    results = PipelineRunner(tmp_path).run(config, save_artifacts=True, num_workers=0, images=folder)
    checked = 0
    for target in (10, 30, 50, 60, 70, 80):
        found = recommend(collect(results), "ssimulacra2", target)
        webp = next(item for item in found.items if item.encoder == "webp")
        one = webp.one_number
        measured = {r.setting for r in results.measurements}
        if one is None or one.setting not in measured or one.baseline not in measured:
            continue  # an interpolated level has no files
        sums = {
            setting: sum(
                (tmp_path / str(r.encoded_path)).stat().st_size
                for r in results.measurements
                if r.setting == setting
            )
            for setting in (one.setting, one.baseline)
        }
        saving = 100 * (1 - sums[one.setting] / sums[one.baseline])
        assert one.total_ratio == pytest.approx(sums[one.setting] / sums[one.baseline], rel=1e-12)
        shown = next(a for a in answer.build(context_of(results, target=target)).answers if a.shown)
        text = next(line.text for card in shown.cards for line in card.lines if line.kind == "one-number")
        stated = re.search(r"all files together: ([\d.]+)\D+(smaller|larger)", text)
        assert stated is not None, text
        value = float(stated[1]) * (1 if stated[2] == "smaller" else -1)
        assert abs(value - saving) <= (0.05 if abs(saving) < 9.95 else 0.5)
        checked += 1
    assert checked
