"""Functions of vectors."""

# The annotations of numba and llvmlite are incomplete.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types

from codecstudy.metrics.vector.types import LANES, f32x16, i32x16, in_kernels, mask16, shuffle


def _llvm(name: str) -> Callable[..., Any]:
    """Code generator that calls an LLVM intrinsic on float vectors."""

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        function_type = ir.FunctionType(f32x16.llvm, [f32x16.llvm] * len(args))
        overload = f"llvm.{name}.v{LANES}f32"
        return builder.call(cgutils.get_or_insert_function(builder.module, function_type, overload), args)

    return code


def _floats(*operands: Any) -> bool:
    """Whether the operands are float vectors or scalars, at least one of them a vector."""
    return f32x16 in operands and all(o is f32x16 or isinstance(o, types.Number) for o in operands)


@in_kernels
def fma(typing_context: Any, a: Any, b: Any, c: Any) -> Any:
    """``fma(a, b, c)``: a * b + c rounded once."""
    if not _floats(a, b, c):
        return None
    return f32x16(f32x16, f32x16, f32x16), _llvm("fma")


@in_kernels
def absolute(typing_context: Any, a: Any) -> Any:
    """``absolute(a)``: the magnitude of every lane."""
    return (f32x16(f32x16), _llvm("fabs")) if a is f32x16 else None


@in_kernels
def sqrt(typing_context: Any, a: Any) -> Any:
    """``sqrt(a)``: correctly rounded square root."""
    return (f32x16(f32x16), _llvm("sqrt")) if a is f32x16 else None


@in_kernels
def maximum(typing_context: Any, a: Any, b: Any) -> Any:
    """``maximum(a, b)``: the larger of each lane; b where either is NaN (one machine instruction)."""
    if not _floats(a, b):
        return None

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.select(builder.fcmp_ordered(">", *args), *args)

    return f32x16(f32x16, f32x16), code


@in_kernels
def minimum(typing_context: Any, a: Any, b: Any) -> Any:
    """``minimum(a, b)``: the smaller of each lane; b where either is NaN (one machine instruction)."""
    if not _floats(a, b):
        return None

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.select(builder.fcmp_ordered("<", *args), *args)

    return f32x16(f32x16, f32x16), code


@in_kernels
def select(typing_context: Any, mask: Any, a: Any, b: Any) -> Any:
    """``select(mask, a, b)``: a where the mask is true, else b; floats, or integers if both are vectors."""
    vector = i32x16 if i32x16 in (a, b) else f32x16
    if mask is not mask16 or not all(o is vector or isinstance(o, types.Number) for o in (a, b)):
        return None

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.select(*args)

    return vector(mask16, vector, vector), code


@in_kernels
def splat(typing_context: Any, scalar: Any) -> Any:
    """``splat(scalar) -> f32x16``: the scalar, rounded to float32, in every lane."""
    if not isinstance(scalar, types.Number):
        return None
    return f32x16(f32x16), lambda context, builder, sig, args: args[0]


@in_kernels
def to_float(typing_context: Any, a: Any) -> Any:
    """``to_float(a)``: i32x16 to f32x16, rounded to nearest."""
    if a is not i32x16:
        return None
    return f32x16(i32x16), lambda context, builder, sig, args: builder.sitofp(args[0], f32x16.llvm)


@in_kernels
def to_int(typing_context: Any, a: Any) -> Any:
    """``to_int(a)``: f32x16 to i32x16, rounded toward zero; the values must fit."""
    if a is not f32x16:
        return None
    return i32x16(f32x16), lambda context, builder, sig, args: builder.fptosi(args[0], i32x16.llvm)


@in_kernels
def bits(typing_context: Any, a: Any) -> Any:
    """``bits(a)``: the IEEE 754 representation of f32x16 as i32x16."""
    if a is not f32x16:
        return None
    return i32x16(f32x16), lambda context, builder, sig, args: builder.bitcast(args[0], i32x16.llvm)


@in_kernels
def from_bits(typing_context: Any, a: Any) -> Any:
    """``from_bits(a)``: the f32x16 that i32x16 ``a`` represents."""
    if a is not i32x16:
        return None
    return f32x16(i32x16), lambda context, builder, sig, args: builder.bitcast(args[0], f32x16.llvm)


@in_kernels
def lane_index(typing_context: Any) -> Any:
    """``lane_index() -> i32x16``: 0, 1, ... 15."""
    return i32x16(), lambda context, builder, sig, args: ir.Constant(i32x16.llvm, list(range(LANES)))


@in_kernels
def total(typing_context: Any, a: Any) -> Any:
    """``total(a)``: the sum of the lanes, in lane order: float64 of floats, int64 of integers."""
    if a is not f32x16 and a is not i32x16:
        return None

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        wide = context.get_value_type(sig.return_type)
        widen, add = (builder.fpext, builder.fadd) if a is f32x16 else (builder.sext, builder.add)
        lanes = [widen(builder.extract_element(args[0], ir.IntType(32)(k)), wide) for k in range(LANES)]
        return functools.reduce(add, lanes)

    return (types.float64 if a is f32x16 else types.int64)(a), code


@in_kernels
def largest(typing_context: Any, a: Any) -> Any:
    """``largest(a) -> float32``: the largest lane; the lanes must not be NaN."""
    if a is not f32x16:
        return None

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        result = builder.extract_element(args[0], ir.IntType(32)(0))
        for k in range(1, LANES):
            lane = builder.extract_element(args[0], ir.IntType(32)(k))
            result = builder.select(builder.fcmp_ordered(">", lane, result), lane, result)
        return result

    return types.float32(f32x16), code


def _every_other(first: int) -> Callable[..., Any]:
    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return shuffle(builder, args[0], args[1], range(first, 2 * LANES, 2))

    return code


@in_kernels
def even(typing_context: Any, a: Any, b: Any) -> Any:
    """``even(a, b)``: lanes 0, 2, ... of a followed by those of b."""
    return (f32x16(f32x16, f32x16), _every_other(0)) if a is b is f32x16 else None


@in_kernels
def odd(typing_context: Any, a: Any, b: Any) -> Any:
    """``odd(a, b)``: lanes 1, 3, ... of a followed by those of b."""
    return (f32x16(f32x16, f32x16), _every_other(1)) if a is b is f32x16 else None
