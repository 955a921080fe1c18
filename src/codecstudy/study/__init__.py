"""Studies: a question written as a file, and the settings that it spells out."""

from codecstudy.study.config import DatasetConfig, Preprocessing, StudyConfig
from codecstudy.study.encoders import EncoderConfig
from codecstudy.study.schema import json_schema
from codecstudy.study.sweeps import QualityRange

__all__ = ["DatasetConfig", "EncoderConfig", "Preprocessing", "QualityRange", "StudyConfig", "json_schema"]
