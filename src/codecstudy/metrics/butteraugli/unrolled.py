"""Kernel steps written by Python loops: straight-line code on vectors, which numba's own loops would not become.

A step is described once, as data (the taps of a filter, the lines of a Malta unit); its code is generated when a
kernel that uses it is compiled. The writer below has the instructions that such descriptions need.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types

from codecstudy.metrics.vector import LANES, f32x16


class Writer:
    """Emits LLVM instructions on vectors of 16 floats into the kernel being compiled."""

    def __init__(self, context: Any, builder: Any) -> None:
        self._context = context
        self._builder = builder

    def constant(self, value: float) -> Any:
        """``value`` in every lane."""
        return ir.Constant(f32x16.llvm, [value] * LANES)

    def add(self, a: Any, b: Any) -> Any:
        """Sum of two vectors."""
        return self._builder.fadd(a, b)

    def fma(self, a: Any, b: Any, c: Any) -> Any:
        """Product of a and b, plus c, rounded once."""
        vector = f32x16.llvm
        function_type = ir.FunctionType(vector, [vector] * 3)
        name = f"llvm.fma.v{LANES}f32"
        function = cgutils.get_or_insert_function(self._builder.module, function_type, name)
        return self._builder.call(function, [a, b, c])

    def along(self, index: Any, stride: Any, steps: int) -> Any:
        """Flat index, ``steps`` strides further."""
        return self._builder.add(index, self._builder.mul(stride, stride.type(steps)))

    def offset(self, index: Any, floats: int) -> Any:
        """Flat index, ``floats`` further."""
        return self._builder.add(index, index.type(floats))

    def load(self, array_type: Any, array: Any, index: Any) -> Any:
        """16 floats from flat ``index``."""
        return self._builder.load(self._address(array_type, array, index), align=4)

    def store(self, array_type: Any, array: Any, index: Any, value: Any) -> None:
        """Write 16 floats to flat ``index``."""
        self._builder.store(value, self._address(array_type, array, index), align=4)

    def _address(self, array_type: Any, array: Any, index: Any) -> Any:
        data = self._context.make_array(array_type)(self._context, self._builder, array).data
        return self._builder.bitcast(self._builder.gep(data, [index]), f32x16.llvm.as_pointer())


def is_plane(array_type: Any) -> bool:
    """Whether a numba type is that of a C-contiguous float32 array."""
    return (
        isinstance(array_type, types.Array) and array_type.layout == "C" and array_type.dtype is types.float32
    )
