"""An explicit vector type for kernels: 16 lanes that stay in registers.

LLVM's own vectorizer works well on one simple loop, but not on recursions and on chains of small stages.
Kernels that need more use this type explicitly, and still read like the scalar formula::

    x = load(plane, i)                # 16 floats of a C-contiguous array, from flat element index i
    y = fma(x, 0.5, offset)           # rounds once; x * 0.5 + offset rounds twice: nothing is contracted
    store(plane, i, select(x > y, x, y))

* ``f32x16``, ``i32x16`` and ``mask16`` are numba types (float32, int32, boolean lanes). Their values live
  inside kernels only: they cannot cross into Python.
* Operators: ``+ - * /``, unary ``-`` and comparisons on floats; ``+ - * & |``, ``>>`` (arithmetic) and
  comparisons on integers; ``& |`` on masks. A scalar operand is converted to the lanes' element type and used for
  every lane.
* Every operation rounds as IEEE 754 says, on every machine: LLVM splits the lanes to the available width.
* Loads and stores are unaligned and **unchecked**. Callers pad their arrays to whole vectors.
"""

from codecstudy.metrics.vector.arithmetic import (
    absolute,
    bits,
    even,
    fma,
    from_bits,
    lane_index,
    largest,
    maximum,
    minimum,
    odd,
    select,
    splat,
    sqrt,
    to_float,
    to_int,
    total,
)
from codecstudy.metrics.vector.memory import load, load_bytes, load_rgb, prefetch, store, transpose
from codecstudy.metrics.vector.types import LANES, Vector, f32x16, i32x16, mask16

__all__ = [
    "LANES",
    "Vector",
    "absolute",
    "bits",
    "even",
    "f32x16",
    "fma",
    "from_bits",
    "i32x16",
    "lane_index",
    "largest",
    "load",
    "load_bytes",
    "load_rgb",
    "mask16",
    "maximum",
    "minimum",
    "odd",
    "prefetch",
    "select",
    "splat",
    "sqrt",
    "store",
    "to_float",
    "to_int",
    "total",
    "transpose",
]
