"""Any colour space to sRGB, with LittleCMS.

Colours that a file describes by numbers (PNG gAMA and cHRM, CICP code points) are first written as an ICC
profile, so that there is a single conversion: relative colorimetric with black point compensation, without
LittleCMS' optimizations, of which the 16-bit one is wrong by several 8-bit steps. A profile that changes no
colour by more than one 8-bit step is treated as sRGB: the pixels are left unchanged.
"""

from __future__ import annotations

import functools
import hashlib
import io
import itertools
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from imagecodecs import CMS, CmsError, cms_profile, cms_transform
from numpy.typing import NDArray
from PIL import ImageCms

from codecstudy.errors import ImageError

Samples = NDArray[np.unsignedinteger[Any]]
"""uint8 or uint16, height x width x channels."""
Space = Literal["GRAY", "RGB", "CMYK"]

SRGB_WHITE = _D65 = (0.3127, 0.3290)
SRGB_PRIMARIES = _SRGB = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06)

PRIMARIES: dict[int, tuple[str, tuple[float, ...], tuple[float, float]]] = {
    1: ("sRGB", _SRGB, _D65),
    4: ("BT.470 M", (0.67, 0.33, 0.21, 0.71, 0.14, 0.08), (0.310, 0.316)),
    5: ("BT.601 625", (0.64, 0.33, 0.29, 0.60, 0.15, 0.06), _D65),
    6: ("BT.601 525", (0.630, 0.340, 0.310, 0.595, 0.155, 0.070), _D65),
    7: ("SMPTE 240M", (0.630, 0.340, 0.310, 0.595, 0.155, 0.070), _D65),
    9: ("BT.2020", (0.708, 0.292, 0.170, 0.797, 0.131, 0.046), _D65),
    11: ("DCI-P3", (0.680, 0.320, 0.265, 0.690, 0.150, 0.060), (0.314, 0.351)),
    12: ("Display P3", (0.680, 0.320, 0.265, 0.690, 0.150, 0.060), _D65),
}
"""ITU-T H.273 colour primaries: name, xy of red, green and blue, xy of white."""

_GAMMA = {4: 2.2, 5: 2.8, 8: 1.0, 17: 2.6}
"""H.273 transfer characteristics that are pure power functions: decoding exponent."""

_LIKE_SRGB = (1, 2, 6, 13, 14, 15)
"""sRGB, unspecified, and the camera curves of BT.709 and similar, which viewers display like sRGB."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """RGB or grey by numbers: chromaticities and a decoding exponent (None: the sRGB curve)."""

    name: str
    primaries: tuple[float, ...] = _SRGB
    white: tuple[float, float] = _D65
    gamma: float | None = None


def from_cicp(primaries: int, transfer: int) -> tuple[Encoding | None, str | None]:
    """The encoding given by two H.273 code points.

    Args:
        primaries: Colour primaries.
        transfer: Transfer characteristics.

    Returns:
        The encoding (None: sRGB), and a note if it had to be guessed.

    Raises:
        ImageError: PQ or HLG: there is no unique rendering of high dynamic range in sRGB.
    """
    if transfer in (16, 18):
        raise ImageError(
            f"is a high dynamic range image ({'PQ' if transfer == 16 else 'HLG'}); render it to sRGB first"
        )
    unknown = []
    if primaries not in PRIMARIES and primaries != 2:
        unknown.append(f"colour primaries {primaries}")
    if transfer not in _GAMMA and transfer not in _LIKE_SRGB:
        unknown.append(f"transfer characteristics {transfer}")
    note = f"unknown {' and '.join(unknown)} taken as sRGB" if unknown else None
    name, xy, white = PRIMARIES.get(primaries, PRIMARIES[1])
    gamma = _GAMMA.get(transfer)
    if xy == _SRGB and gamma is None:
        return None, note
    return Encoding(name if gamma is None else f"{name}, gamma {gamma:g}", xy, white, gamma), note


def to_srgb(
    samples: Samples, space: Space, icc: bytes | None, encoding: Encoding | None
) -> tuple[Samples, str | None]:
    """Convert samples to sRGB.

    A profile that is broken or made for another colour space is not applied, as in browsers.

    Args:
        samples: uint8 or uint16, height x width x channels of ``space``.
        space: The colour space of ``samples``.
        icc: ICC profile of the file, if any; it takes precedence over ``encoding``.
        encoding: Colour given by numbers, if any.

    Returns:
        The samples, RGB with three channels and grey that needs no conversion with one; and a note if they were
        converted or if the profile was ignored.
    """
    if icc:
        if space == "GRAY" and icc[16:20] == b"RGB ":
            samples, space = np.repeat(samples, 3, axis=2), "RGB"
        try:
            return _convert(samples, space, icc, f"ICC profile converted: {_description(icc)}")
        except (CmsError, ValueError) as error:
            problem = f"ICC profile not usable ({error}), "
    else:
        problem = ""
    if space == "CMYK":
        return _plain_cmyk(samples), f"{problem}CMYK converted without a profile"
    if problem:
        return samples, f"{problem}colours taken as sRGB"
    if encoding is None:
        return samples, None
    return _convert(samples, space, _profile(encoding, space), f"colours converted: {encoding.name}")


def _convert(samples: Samples, space: Space, icc: bytes, note: str) -> tuple[Samples, str | None]:
    if space != "CMYK" and _is_srgb(icc, space):
        return samples, None
    return _transform(samples, space, icc), note + (", CMYK" if space == "CMYK" else "")


def _transform(samples: Samples, space: Space, icc: bytes) -> Samples:
    converted = cms_transform(
        np.ascontiguousarray(samples),
        icc,
        _srgb_profile(),
        colorspace=space,
        outcolorspace="RGB",
        intent=CMS.INTENT.RELATIVE_COLORIMETRIC,
        flags=CMS.FLAGS.BLACKPOINTCOMPENSATION | CMS.FLAGS.NOOPTIMIZE,
    )
    # Grey is returned with one axis too many.
    return np.asarray(converted).reshape(*samples.shape[:2], 3)


_known_profiles: dict[tuple[bytes, Space], bool] = {}
"""Whether profiles are like sRGB, by the hash of their content: the profiles themselves may be large."""


def _is_srgb(icc: bytes, space: Space) -> bool:
    key = hashlib.sha256(icc).digest(), space
    if key not in _known_profiles:
        _known_profiles[key] = _changes_nothing(icc, space)
    return _known_profiles[key]


def _changes_nothing(icc: bytes, space: Space) -> bool:
    """Whether no colour on a grid over the whole cube changes by more than one 8-bit step."""
    steps = np.linspace(0, 65535, 18 if space == "RGB" else 256).astype(np.uint16)
    if space == "RGB":
        grid = np.array(list(itertools.product(steps, repeat=3)), dtype=np.uint16)[:, np.newaxis, :]
    else:
        grid = steps[:, np.newaxis, np.newaxis]
    moved = _transform(grid, space, icc).astype(np.int32) - grid
    return int(np.abs(moved).max()) <= 257


def _profile(encoding: Encoding, space: Space) -> bytes:
    codes = np.linspace(0, 1, 4096)
    if encoding.gamma is None:
        linear = np.where(codes <= 0.04045, codes / 12.92, ((codes + 0.055) / 1.055) ** 2.4)
    else:
        linear = codes**encoding.gamma
    curve = linear.astype(np.float32)
    if space == "GRAY":
        return bytes(cms_profile("gray", whitepoint=(0.3457, 0.3585), transferfunction=curve))
    return bytes(
        cms_profile("rgb", whitepoint=encoding.white, primaries=encoding.primaries, transferfunction=curve)
    )


@functools.cache
def _srgb_profile() -> bytes:
    return bytes(cms_profile("srgb"))


def _plain_cmyk(samples: Samples) -> Samples:
    """Ink to light by (1 - ink)(1 - black), which needs no profile."""
    full = int(np.iinfo(samples.dtype).max)
    light = full - samples.astype(np.uint32)
    return ((light[:, :, :3] * light[:, :, 3:] + full // 2) // full).astype(samples.dtype)


def _description(icc: bytes) -> str:
    try:
        text = ImageCms.ImageCmsProfile(io.BytesIO(icc)).profile.profile_description
    except (OSError, ImageCms.PyCMSError):
        text = None
    text = " ".join((text or "").split())
    return text[:80] or "unnamed"
