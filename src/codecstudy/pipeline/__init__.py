"""Runs studies: plan, subtract what is known, schedule, measure, store, save results."""

from codecstudy.pipeline.runner import PipelineRunner
from codecstudy.study.time_budget import parse_time_budget

__all__ = ["PipelineRunner", "parse_time_budget"]
