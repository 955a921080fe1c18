"""Malta: errors count for more where they line up.

The difference of two bands is scaled, then summed along 16 lines of 9 pixels through each pixel (like the arms of a
Maltese cross); the energy is the sum of the squared line sums. The lines are point-symmetric, so one half of each
describes it. Ultra-high frequencies use every pixel of a line, the other bands every second pixel.

Source: MaltaDiffMapT and MaltaUnit in libjxl's lib/jxl/butteraugli/butteraugli.cc (commit aea3a06e).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import sqrt
from typing import Any, NamedTuple

from numba.core import types
from numba.extending import intrinsic

from codecstudy.metrics.butteraugli.strips import Lanes, Plane
from codecstudy.metrics.butteraugli.unrolled import Writer, is_plane
from codecstudy.metrics.kernels import routine, stage
from codecstudy.metrics.vector import LANES, absolute, f32x16, load, maximum, select, store

REACH = 4
"""Number of pixels that a line extends to either side."""

Line = tuple[tuple[int, int], ...]
"""The (dy, dx) of one half of a line, innermost first."""


def _maltese(axes: Sequence[Line], slanted: Sequence[Line]) -> list[Line]:
    """All lines: the two axes, and the slanted ones with their mirror images."""
    return [*axes, *slanted, *(tuple((dy, -dx) for dy, dx in line) for line in slanted)]


LINES_FULL = _maltese(
    [((0, 1), (0, 2), (0, 3), (0, 4)), ((1, 0), (2, 0), (3, 0), (4, 0))],
    [
        ((1, 1), (2, 2), (3, 3)),
        ((1, 1), (2, 1), (3, 2)),
        ((1, 1), (1, 2), (2, 3)),
        ((1, 0), (2, 1), (3, 1), (4, 1)),
        ((1, 0), (2, 1), (3, 1), (4, 1)),  # counts twice
        ((0, 1), (1, 2), (1, 3), (1, 4)),
        ((0, 1), (1, 2), (1, 3), (1, 4)),  # counts twice
    ],
)
LINES_SPARSE = _maltese(
    [((0, 2), (0, 4)), ((2, 0), (4, 0))],
    [
        ((2, 2), (3, 3)),
        ((2, 1), (4, 1)),
        ((2, 1), (3, 2)),
        ((2, 1), (4, 2)),
        ((1, 2), (1, 4)),
        ((1, 2), (2, 3)),
        ((1, 2), (2, 4)),
    ],
)


class Scaling(NamedTuple):
    """How a band's difference is scaled before its lines are summed."""

    symmetric: float
    """Weight of the difference itself."""
    one_sided: float
    """Weight of the part below 0.55, or above 1.05, of the reference's magnitude."""
    norm: float
    """Magnitude at which a difference counts half."""


def _scaling(weight: float, norm: float, multiplier: float) -> Scaling:
    line_length = 2 * 3.75 + 1
    return Scaling(
        multiplier * sqrt(0.5 * weight) / line_length * norm,
        multiplier * sqrt(0.33 * weight) / line_length * norm,
        norm,
    )


_FULL, _SPARSE = 0.39905817637, 0.611612573796
UHF_X = _scaling(173.5, 5.0, _FULL)
UHF_Y = _scaling(1.10039032555, 71.7800275169, _FULL)
HF_X = _scaling(6923.99476109, 8051.15833247, _SPARSE)
HF_Y = _scaling(18.7237414387, 4498534.45232, _SPARSE)
MF_X = _scaling(8246.75321353, 1009002.70582, _SPARSE)
MF_Y = _scaling(37.0819870399, 130262059.556, _SPARSE)


@stage
def scaled_difference(reference: Lanes, distorted: Lanes, scaling: Scaling) -> Lanes:
    """Scaled difference of 16 values of a band; positive where the reference is larger."""
    negative = reference < 0.0
    size = absolute(reference)
    along = select(
        negative, -distorted, distorted
    )  # the distorted value with the sign of the reference removed
    lost = maximum(size * 0.55 - along, 0.0)
    gained = maximum(along - size * 1.05, 0.0)
    weighted = (size - along) * scaling.symmetric + (lost - gained) * scaling.one_sided
    scaled = weighted / ((size + absolute(distorted)) * 0.5 + scaling.norm)
    return select(negative, -scaled, scaled)


def _line_energy(lines: Sequence[Line]) -> Any:
    """The sum of the squared line sums; LLVM merges common beginnings of lines."""

    def energy(typing: Any, plane: Any, at: Any, pitch: Any) -> Any:
        """Energy along the lines through the 16 pixels at flat index ``at`` of rows ``pitch`` floats apart."""
        if not is_plane(plane):
            return None

        def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            write = Writer(context, builder)
            array, centre, pitch = args

            def pixel(dy: int, dx: int) -> Any:
                return write.load(plane, array, write.offset(write.along(centre, pitch, dy), LANES * dx))

            energies: dict[int, Any] = {}  # by the number of times that a line occurs
            for line, times in Counter(lines).items():
                total = pixel(0, 0)
                for dy, dx in line:
                    total = write.add(total, write.add(pixel(dy, dx), pixel(-dy, -dx)))
                energies[times] = write.fma(total, total, energies.get(times, write.constant(0.0)))
            sum_of_all = write.constant(0.0)
            for times, part in energies.items():
                sum_of_all = write.fma(write.constant(times), part, sum_of_all)
            return sum_of_all

        return f32x16(plane, types.intp, types.intp), code

    return intrinsic(energy)


_full_energy = _line_energy(LINES_FULL)
_sparse_energy = _line_energy(LINES_SPARSE)


@routine
def add_full_lines(malta: Plane, first: int, end: int, energy: Plane, to: int, size: int) -> None:
    """Add the energy along the full lines through rows ``first`` to ``end`` to those rows of ``energy``.

    ``malta`` has rows with a halo of 4, the rows themselves between a margin of 4 above and below; ``energy``
    has them from its row ``to`` on, ``size`` floats each. All rows of a column are processed before the next
    column: the shared part of their neighbourhoods then stays in the first-level cache.
    """
    pitch = malta.shape[1]
    for i in range(0, size, LANES):
        for k in range(first, end):
            at = (to + k) * energy.shape[1] + i
            centre = (REACH + k) * pitch + REACH * LANES + i
            store(energy, at, load(energy, at) + _full_energy(malta, centre, pitch))


@routine
def add_sparse_lines(malta: Plane, first: int, end: int, energy: Plane, to: int, size: int) -> None:
    """Add the energy along every second pixel of the lines, as :func:`add_full_lines` does."""
    pitch = malta.shape[1]
    for i in range(0, size, LANES):
        for k in range(first, end):
            at = (to + k) * energy.shape[1] + i
            centre = (REACH + k) * pitch + REACH * LANES + i
            store(energy, at, load(energy, at) + _sparse_energy(malta, centre, pitch))
