"""Studies: a question written as a file, and the settings that it describes."""

from codecstudy.study.encoder_models import EncoderConfig
from codecstudy.study.further import with_settings
from codecstudy.study.models import DatasetConfig, Preprocessing, StudyConfig
from codecstudy.study.schema import json_schema
from codecstudy.study.sweeps import RateRange

__all__ = [
    "DatasetConfig",
    "EncoderConfig",
    "Preprocessing",
    "RateRange",
    "StudyConfig",
    "json_schema",
    "with_settings",
]
