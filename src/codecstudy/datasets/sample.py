"""The dataset ``sample``: photographs and screen-like images that come inside scikit-image's wheel.

Nothing is copied and nothing is downloaded: the dataset points at the files where pip put them.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from codecstudy.datasets.folder import Dataset
from codecstudy.errors import DatasetMissingError

SAMPLE_ID = "sample"
_INSTALL = "pip install 'codecstudy[sample]'"


@dataclass(frozen=True, slots=True)
class SampleImage:
    """One image of the sample: its file, what it shows, and what scikit-image says of its rights."""

    file: str
    shows: str
    license: str
    source: str


# Facts from the docstrings of skimage/data/_fetchers.py, scikit-image 0.26. PNG files only: what was a JPEG
# once has its losses already.
SAMPLE_IMAGES = (
    SampleImage(
        "astronaut.png",
        "portrait of Eileen Collins, 512 x 512",
        "public domain, no known copyright restrictions",
        "NASA Great Images database, https://flic.kr/p/r9qvLn",
    ),
    SampleImage("chelsea.png", "a cat's face, 451 x 300", "CC0", "photograph by Stefan van der Walt"),
    SampleImage("coffee.png", "cup on a wooden table, 600 x 400", "CC0", "photograph by Rachel Michetti"),
    SampleImage(
        "motorcycle_left.png",
        "motorcycle in a garage, 741 x 500",
        "not stated; distributed with scikit-image",
        "Middlebury 2014 stereo benchmark, reduced to a quarter",
    ),
    SampleImage(
        "page.png",
        "scanned page of printed text, grey, 384 x 191",
        "not stated; distributed with scikit-image",
        "scikit-image",
    ),
    SampleImage(
        "text.png",
        "written text, grey, 448 x 172",
        "public domain, no known copyright restrictions",
        "https://en.wikipedia.org/wiki/File:Corner.png",
    ),
)


def sample_folder() -> Path | None:
    """Where scikit-image keeps its images, or ``None`` where it is not installed.

    scikit-image itself is not imported: that takes a second, and only its files are wanted.
    """
    spec = importlib.util.find_spec("skimage")
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations))) / "data"


def open_sample() -> Dataset:
    """The dataset ``sample``.

    Raises:
        DatasetMissingError: scikit-image is not installed, or its wheel lacks one of the images.
    """
    folder = sample_folder()
    if folder is None:
        raise DatasetMissingError(
            f"The dataset 'sample' needs the photographs that come with scikit-image. Run: {_INSTALL}"
        )
    missing = [image.file for image in SAMPLE_IMAGES if not (folder / image.file).is_file()]
    if missing:
        raise DatasetMissingError(
            f"The dataset 'sample' needs {', '.join(missing)} in {folder}, which this scikit-image lacks. "
            f"Run: {_INSTALL} --force-reinstall"
        )
    images = tuple(sorted(image.file for image in SAMPLE_IMAGES))
    return Dataset(SAMPLE_ID, "Sample photographs", folder, images, origin="inside the package scikit-image")
