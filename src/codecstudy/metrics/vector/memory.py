"""Loads and stores of vectors, and the transposition of tiles."""

# The annotations of numba and llvmlite are incomplete.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types

from codecstudy.metrics.vector.types import LANES, f32x16, i32x16, in_kernels, shuffle


def _address(
    context: Any, builder: Any, array_type: Any, array: Any, index: Any, llvm: Any = f32x16.llvm
) -> Any:
    """Pointer, as one to the vector type ``llvm``, to flat element ``index`` of ``array``."""
    data = context.make_array(array_type)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [index]), llvm.as_pointer())


def _is_flat(array: Any, *dtypes: Any) -> bool:
    return isinstance(array, types.Array) and array.layout == "C" and array.dtype in dtypes


@in_kernels
def load(typing_context: Any, array: Any, index: Any) -> Any:
    """``load(array, index) -> f32x16``: 16 elements of a C-contiguous float32 array from flat ``index``."""
    if not _is_flat(array, types.float32):
        return None

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.load(_address(context, builder, sig.args[0], args[0], args[1]), align=4)

    return f32x16(array, types.intp), code


@in_kernels
def store(typing_context: Any, array: Any, index: Any, value: Any) -> Any:
    """``store(array, index, value)``: write an f32x16 (or a scalar, 16 times) to flat ``index``."""
    if not _is_flat(array, types.float32):
        return None

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        builder.store(args[2], _address(context, builder, sig.args[0], args[0], args[1]), align=4)
        return context.get_dummy_value()

    return types.void(array, types.intp, f32x16), code


@in_kernels
def load_bytes(typing_context: Any, array: Any, index: Any) -> Any:
    """``load_bytes(array, index) -> i32x16``: 16 uint8 from flat ``index``, widened (0 to 255)."""
    if not _is_flat(array, types.uint8):
        return None

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        narrow = ir.VectorType(ir.IntType(8), LANES)
        octets = builder.load(_address(context, builder, sig.args[0], args[0], args[1], narrow), align=1)
        return builder.zext(octets, i32x16.llvm)

    return i32x16(array, types.intp), code


@in_kernels
def load_rgb(typing_context: Any, array: Any, index: Any) -> Any:
    """``load_rgb(array, index) -> (r, g, b)``: 16 interleaved uint8 triples from flat ``index``.

    Reads 48 bytes; each channel is an i32x16 of values 0 to 255.
    """
    if not _is_flat(array, types.uint8):
        return None
    triple = types.UniTuple(i32x16, 3)

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        narrow = ir.VectorType(ir.IntType(8), 3 * LANES)
        octets = builder.load(_address(context, builder, sig.args[0], args[0], args[1], narrow), align=1)
        channels = [
            builder.zext(shuffle(builder, octets, octets, range(c, 3 * LANES, 3)), i32x16.llvm)
            for c in range(3)
        ]
        return context.make_tuple(builder, triple, channels)

    return triple(array, types.intp), code


@in_kernels
def prefetch(typing_context: Any, array: Any, index: Any) -> Any:
    """``prefetch(array, index)``: begin to load the cache line of flat element ``index``.

    The index may lie outside the array. Useful if reads jump: hardware prefetches single streams by itself.
    """
    if not _is_flat(array, types.float32, types.uint8):
        return None

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        octet, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        function_type = ir.FunctionType(ir.VoidType(), [octet, number, number, number])
        function = cgutils.get_or_insert_function(builder.module, function_type, "llvm.prefetch.p0")
        address = _address(context, builder, sig.args[0], args[0], args[1], ir.IntType(8))
        to_read, keep_near, data = number(0), number(3), number(1)
        builder.call(function, [address, to_read, keep_near, data])
        return context.get_dummy_value()

    return types.void(array, types.intp), code


def _interleave_pairs(builder: Any, a: Any, b: Any) -> tuple[Any, Any]:
    """Inside each 128-bit lane, alternating floats of ``a`` and ``b``: the lower two, the upper two."""
    low = [q + k for q in range(0, LANES, 4) for k in (0, LANES, 1, LANES + 1)]
    return shuffle(builder, a, b, low), shuffle(builder, a, b, [lane + 2 for lane in low])


def _join_halves(builder: Any, a: Any, b: Any) -> tuple[Any, Any]:
    """Inside each 128-bit lane, the lower halves of ``a`` and ``b``, and the upper ones."""
    low = [q + k for q in range(0, LANES, 4) for k in (0, 1, LANES, LANES + 1)]
    return shuffle(builder, a, b, low), shuffle(builder, a, b, [lane + 2 for lane in low])


def _split_quarters(builder: Any, a: Any, b: Any) -> tuple[Any, Any]:
    """The even and the odd 128-bit lanes of ``a`` and ``b``."""
    even = [q + k for q in range(0, 2 * LANES, 8) for k in range(4)]
    return shuffle(builder, a, b, even), shuffle(builder, a, b, [lane + 4 for lane in even])


@in_kernels
def transpose(
    typing_context: Any,
    source: Any,
    start: Any,
    stride: Any,
    target: Any,
    target_start: Any,
    target_stride: Any,
) -> Any:
    """``transpose(source, start, stride, target, target_start, target_stride)``: turn a 16 x 16 tile.

    Row k of the tile is the 16 floats of ``source`` at flat ``start + k * stride``; it becomes column k of
    the tile in ``target``. All rows are read before any is written: both tiles may be the same one.
    """
    if not _is_flat(source, types.float32) or not _is_flat(target, types.float32):
        return None

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        def addresses(array_type: Any, array: Any, first: Any, step: Any) -> list[Any]:
            offsets = [builder.add(first, builder.mul(step, step.type(k))) for k in range(LANES)]
            return [_address(context, builder, array_type, array, o) for o in offsets]

        rows = [builder.load(p, align=4) for p in addresses(sig.args[0], *args[:3])]
        for p, column in zip(addresses(sig.args[3], *args[3:]), _transposed(builder, rows), strict=True):
            builder.store(column, p, align=4)
        return context.get_dummy_value()

    index = types.intp
    return types.void(source, index, index, target, index, index), code


def _transposed(builder: Any, rows: list[Any]) -> list[Any]:
    """Four steps of 16 two-source shuffles: 4 x 4 floats inside the 128-bit lanes, then 4 x 4 such lanes."""
    for distance, combine in (
        (1, _interleave_pairs),
        (2, _join_halves),
        (4, _split_quarters),
        (8, _split_quarters),
    ):
        stepped = list(rows)
        for k in range(LANES):
            if not k & distance:
                stepped[k], stepped[k + distance] = combine(builder, rows[k], rows[k + distance])
        rows = stepped
    # The first step puts columns 0 and 1 of each four low, 2 and 3 high, so the two in the middle are swapped.
    return [rows[group + k] for group in range(0, LANES, 4) for k in (0, 2, 1, 3)]
