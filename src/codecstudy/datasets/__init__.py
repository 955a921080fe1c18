"""Source images: a local folder, the bundled sample, or a registry's dataset, downloaded and verified."""

from __future__ import annotations

from codecstudy.datasets.archive import UnpackLimits
from codecstudy.datasets.catalog import DatasetStatus, add_folder, list_datasets, open_dataset
from codecstudy.datasets.download import DownloadPolicy
from codecstudy.datasets.fetch import fetch
from codecstudy.datasets.folder import Dataset, open_folder
from codecstudy.datasets.sample import SAMPLE_IMAGES, open_sample

__all__ = [
    "SAMPLE_IMAGES",
    "Dataset",
    "DatasetStatus",
    "DownloadPolicy",
    "UnpackLimits",
    "add_folder",
    "fetch",
    "list_datasets",
    "open_dataset",
    "open_folder",
    "open_sample",
]
