"""Runs studies: plan the work, skip what is known, schedule and measure the rest, save."""

from codecstudy.pipeline.options import RunOptions
from codecstudy.pipeline.runner import PipelineRunner
from codecstudy.study.time_budget import parse_time_budget

__all__ = ["PipelineRunner", "RunOptions", "parse_time_budget"]
