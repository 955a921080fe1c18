"""Metrics are found by name: built-in, registered by reference, or installed as plugins."""

from __future__ import annotations

import re
from importlib.metadata import EntryPoint

import pytest

from codecstudy import metrics, registry
from codecstudy.errors import MetricError
from codecstudy.metrics.base import Metric

ABSOLUTE = "support.fake_metrics:ABSOLUTE"


@pytest.fixture(autouse=True)
def unchanged_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics._registry, "_loaded", {})
    monkeypatch.setattr(metrics._registry, "_registered", {})


def plugins(monkeypatch: pytest.MonkeyPatch, **references: str) -> None:
    points = [EntryPoint(name, ref, metrics.ENTRY_POINT_GROUP) for name, ref in references.items()]
    monkeypatch.setattr(registry, "entry_points", lambda group: points)


def test_an_unknown_name_names_the_known_ones_and_the_nearest() -> None:
    with pytest.raises(
        MetricError, match="no metric is named 'ssimulacra'; did you mean ssimulacra2"
    ) as raised:
        metrics.get("ssimulacra")
    assert "ssimulacra2, butteraugli, psnr, ssim" in str(raised.value)
    assert isinstance(raised.value, ValueError)


def test_registering_adds_a_metric_and_remembers_where_it_is() -> None:
    metric = metrics.register(ABSOLUTE)
    assert metrics.get("absolute") is metric
    assert metrics.names() == (*metrics.BUILT_IN, "absolute")
    assert metrics.register(ABSOLUTE) is metric
    assert re.fullmatch(r"1 \(source [0-9a-f]{8}\)", metric.facts.version)
    assert metrics.registered() == (ABSOLUTE,)


@pytest.mark.parametrize(
    ("reference", "says"),
    [
        ("support.fake_metrics", "write it as package.module:ATTRIBUTE"),
        ("no_such_module:X", "No module named 'no_such_module'"),
        ("support.fake_metrics:NOTHING", "support.fake_metrics has no NOTHING"),
        ("support.fake_metrics:NOT_A_METRIC", "of type int, not codecstudy.metrics.base.Metric"),
        ("support.fake_metrics:BAD_NAME", "must consist of lower-case letters, digits and _"),
        ("support.fake_metrics:BAD_COLUMN", "must be named 'relative' or begin with 'relative_'"),
        ("support.fake_metrics:NO_COLUMN", r"its columns are \[\]"),
        ("support.fake_metrics:TAKEN_COLUMN", "records already have a column quality"),
        ("support.fake_metrics:DERIVED_COLUMN", "records already have a column level"),
        ("support.broken_plugin:METRIC", "RuntimeError: this plugin cannot be imported"),
        ("support.fake_metrics:BUILT_IN_NAME", "must be named 'psnr'"),
        ("codecstudy.metrics.ssim:METRIC", "already has the name 'ssim'"),
    ],
)
def test_what_is_not_a_metric_is_refused(reference: str, says: str) -> None:
    with pytest.raises(MetricError, match=says):
        metrics.register(reference)
    assert metrics.registered() == ()


def test_two_metrics_of_one_name_are_refused() -> None:
    metrics.register(ABSOLUTE)
    with pytest.raises(MetricError, match=r"support\.fake_metrics:ABSOLUTE already has the name 'absolute'"):
        metrics.register("support.fake_metrics:OTHER")


def test_plugins_are_listed_without_loading_them(monkeypatch: pytest.MonkeyPatch) -> None:
    plugins(monkeypatch, broken="no_such_module:METRIC")
    assert metrics.names() == (*metrics.BUILT_IN, "broken")
    with pytest.raises(MetricError, match="No module named 'no_such_module'"):
        metrics.get("broken")


def test_a_plugin_is_loaded_when_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    plugins(monkeypatch, absolute=ABSOLUTE, other=ABSOLUTE, psnr=ABSOLUTE)
    assert isinstance(metrics.get("absolute"), Metric)
    assert metrics.registered() == ()
    with pytest.raises(MetricError, match="it is called 'absolute'"):
        metrics.get("other")
    assert metrics.get("psnr").facts.title == "PSNR", "a plugin cannot replace a built-in metric"
