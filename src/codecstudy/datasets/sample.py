"""The dataset ``sample``: photographs and screen-like images that are included in scikit-image's wheel.

Nothing is copied or downloaded: the dataset refers to the files where pip installed them.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

from codecstudy.datasets.folder import Dataset
from codecstudy.errors import DatasetMissingError

SAMPLE_ID = "sample"
_INSTALL = "pip install 'codecstudy[sample]'"

# Facts from the docstrings of skimage/data/_fetchers.py, scikit-image 0.26. PNG files only: an image that was
# once a JPEG has already lost detail.
SAMPLE_IMAGES = (
    # Portrait of Eileen Collins, 512 x 512. No known copyright restrictions, released into the public domain;
    # NASA Great Images database, https://flic.kr/p/r9qvLn
    "astronaut.png",
    # A cat's face, 451 x 300. CC0, photograph by Stefan van der Walt.
    "chelsea.png",
    # Cup on a wooden table, 600 x 400. CC0, photograph by Rachel Michetti.
    "coffee.png",
    # Motorcycle in a garage, 741 x 500. Licence not stated; Middlebury 2014 stereo benchmark, reduced to a quarter.
    "motorcycle_left.png",
    # Scanned page of printed text, grey, 384 x 191. Licence not stated.
    "page.png",
    # Written text, grey, 448 x 172. No known copyright restrictions, released into the public domain;
    # https://en.wikipedia.org/wiki/File:Corner.png
    "text.png",
)


def sample_folder() -> Path | None:
    """The folder of scikit-image's images, or ``None`` if it is not installed.

    scikit-image itself is not imported, because that takes a second and only its files are needed.
    """
    spec = importlib.util.find_spec("skimage")
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations))) / "data"


def open_sample() -> Dataset:
    """The dataset ``sample``.

    Raises:
        DatasetMissingError: scikit-image is not installed, or lacks one of the images.
    """
    folder = sample_folder()
    if folder is None:
        raise DatasetMissingError(
            f"The dataset 'sample' needs the photographs included in scikit-image. Run: {_INSTALL}"
        )
    missing = [image for image in SAMPLE_IMAGES if not (folder / image).is_file()]
    if missing:
        raise DatasetMissingError(
            f"The dataset 'sample' needs {', '.join(missing)} in {folder}, which this version of "
            f"scikit-image lacks. Run: {_INSTALL} --force-reinstall"
        )
    return Dataset(SAMPLE_ID, "Sample photographs", folder, SAMPLE_IMAGES)
