"""An explicit vector type for kernels: 16 lanes that stay in registers.

LLVM's own vectorizer does well on one simple loop, but not on recursions and on chains of small stages.
Kernels that need more say so with this type, and still read like the scalar formula::

    x = load(plane, i)                # 16 floats of a C-contiguous array, from flat element index i
    y = fma(x, 0.5, offset)           # rounds once; x * 0.5 + offset rounds twice: nothing is contracted
    store(plane, i, select(x > y, x, y))

* ``f32x16``, ``i32x16`` and ``mask16`` are numba types (float32, int32, boolean lanes). Their values live
  inside kernels only: they cannot cross into Python.
* Operators: ``+ - * /``, unary ``-`` and comparisons on floats; ``+ - * & |``, ``>>`` (arithmetic) and
  comparisons on integers; ``& |`` on masks. A scalar operand is converted to the lanes' element type and
  stands for every lane.
* Every operation rounds as IEEE 754 says, whatever the machine: LLVM splits the lanes to the width it has.
* Loads and stores are unaligned and **unchecked**. Callers pad their arrays to whole vectors.
"""

# numba and llvmlite have no complete annotations.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, lower_cast, models, register_model

LANES = 16
"""Lanes of every vector."""


class Vector(types.Type):
    """The numba type of 16 lanes of one element type."""

    def __init__(self, element: Any, llvm_element: Any) -> None:
        super().__init__(name=f"{element}x{LANES}")
        self.element = element
        self.llvm = ir.VectorType(llvm_element, LANES)


f32x16 = Vector(types.float32, ir.FloatType())
i32x16 = Vector(types.int32, ir.IntType(32))
mask16 = Vector(types.boolean, ir.IntType(1))
"""One truth value per lane: what a comparison gives and :func:`select` takes."""


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):
    """An LLVM vector value: kept in registers, and passed in them where a call is not inlined."""

    def __init__(self, manager: Any, vector: Vector) -> None:
        super().__init__(manager, vector, vector.llvm)


def _broadcast(builder: Any, scalar: Any, vector: Vector) -> Any:
    first = builder.insert_element(ir.Constant(vector.llvm, ir.Undefined), scalar, ir.IntType(32)(0))
    every = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
    return builder.shuffle_vector(first, ir.Constant(vector.llvm, ir.Undefined), every)


@lower_cast(types.Number, Vector)
def _scalar_to_vector(context: Any, builder: Any, from_type: Any, to_type: Vector, value: Any) -> Any:
    return _broadcast(builder, context.cast(builder, value, from_type, to_type.element), to_type)


def _in_kernels(function: Callable[..., Any]) -> Any:
    """Make ``function`` callable from kernels, without its typing context: numba's ``intrinsic``, untyped."""
    return intrinsic(function)


# --- operators -------------------------------------------------------------------------------------------


def _operator(
    function: Callable[..., Any], takes: tuple[Vector, ...], gives: Vector | None, emit: Any
) -> None:
    """Teach numba ``function`` on two vectors of a type in ``takes``, or on one and a scalar.

    ``gives`` is the result's type (None: that of the operands), ``emit(builder, is_float, a, b)`` its code.
    """

    class Template(AbstractTemplate):
        def generic(self, args: Any, kws: Any) -> Any:
            vectors = {a for a in args if isinstance(a, Vector)}
            scalars = [a for a in args if isinstance(a, types.Number)]
            if len(args) != 2 or len(vectors) != 1 or len(scalars) + sum(a in vectors for a in args) != 2:
                return None
            (vector,) = vectors
            return signature(gives or vector, vector, vector) if vector in takes else None

    infer_global(function)(Template)

    @lower_builtin(function, Vector, Vector)
    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return emit(builder, sig.args[0].element is types.float32, *args)


def _either(on_floats: str, on_integers: str) -> Callable[..., Any]:
    """Emit one builder instruction for floats, another for integers."""
    return lambda builder, is_float, a, b: getattr(builder, on_floats if is_float else on_integers)(a, b)


def _compare(symbol: str) -> Callable[..., Any]:
    def emit(builder: Any, is_float: bool, a: Any, b: Any) -> Any:
        # Ordered: a comparison with NaN is false, as in C; only "not equal" is true then.
        compare = builder.icmp_signed if not is_float else builder.fcmp_ordered
        return builder.fcmp_unordered("!=", a, b) if is_float and symbol == "!=" else compare(symbol, a, b)

    return emit


for _function, _name in (
    (operator.add, "add"),
    (operator.iadd, "add"),
    (operator.sub, "sub"),
    (operator.isub, "sub"),
    (operator.mul, "mul"),
    (operator.imul, "mul"),
):
    _operator(_function, (f32x16, i32x16), None, _either("f" + _name, _name))
_operator(operator.truediv, (f32x16,), None, _either("fdiv", ""))
_operator(operator.rshift, (i32x16,), None, _either("", "ashr"))
_operator(operator.and_, (i32x16, mask16), None, _either("", "and_"))
_operator(operator.or_, (i32x16, mask16), None, _either("", "or_"))
_operator(operator.lt, (f32x16, i32x16), mask16, _compare("<"))
_operator(operator.le, (f32x16, i32x16), mask16, _compare("<="))
_operator(operator.gt, (f32x16, i32x16), mask16, _compare(">"))
_operator(operator.ge, (f32x16, i32x16), mask16, _compare(">="))
_operator(operator.eq, (f32x16, i32x16), mask16, _compare("=="))
_operator(operator.ne, (f32x16, i32x16), mask16, _compare("!="))


@infer_global(operator.neg)
class _Negate(AbstractTemplate):
    def generic(self, args: Any, kws: Any) -> Any:
        return signature(f32x16, f32x16) if args == (f32x16,) else None


@lower_builtin(operator.neg, Vector)
def _lower_negate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    return builder.fneg(args[0])


# --- memory ----------------------------------------------------------------------------------------------


def _address(
    context: Any, builder: Any, array_type: Any, array: Any, index: Any, llvm: Any = f32x16.llvm
) -> Any:
    """Pointer, as one to the vector type ``llvm``, to flat element ``index`` of ``array``."""
    data = context.make_array(array_type)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [index]), llvm.as_pointer())


def _is_flat(array: Any, *dtypes: Any) -> bool:
    return isinstance(array, types.Array) and array.layout == "C" and array.dtype in dtypes


@_in_kernels
def load(typing_context: Any, array: Any, index: Any) -> Any:
    """``load(array, index) -> f32x16``: 16 elements of a C-contiguous float32 array from flat ``index``."""
    if not _is_flat(array, types.float32):
        return None

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.load(_address(context, builder, sig.args[0], args[0], args[1]), align=4)

    return f32x16(array, types.intp), code


@_in_kernels
def store(typing_context: Any, array: Any, index: Any, value: Any) -> Any:
    """``store(array, index, value)``: write a f32x16 (or a scalar, 16 times) to flat ``index``."""
    if not _is_flat(array, types.float32):
        return None

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        builder.store(args[2], _address(context, builder, sig.args[0], args[0], args[1]), align=4)
        return context.get_dummy_value()

    return types.void(array, types.intp, f32x16), code


@_in_kernels
def load_bytes(typing_context: Any, array: Any, index: Any) -> Any:
    """``load_bytes(array, index) -> i32x16``: 16 uint8 from flat ``index``, widened (0 to 255)."""
    if not _is_flat(array, types.uint8):
        return None

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        narrow = ir.VectorType(ir.IntType(8), LANES)
        octets = builder.load(_address(context, builder, sig.args[0], args[0], args[1], narrow), align=1)
        return builder.zext(octets, i32x16.llvm)

    return i32x16(array, types.intp), code


@_in_kernels
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
            builder.zext(_shuffle(builder, octets, octets, range(c, 3 * LANES, 3)), i32x16.llvm)
            for c in range(3)
        ]
        return context.make_tuple(builder, triple, channels)

    return triple(array, types.intp), code


@_in_kernels
def prefetch(typing_context: Any, array: Any, index: Any) -> Any:
    """``prefetch(array, index)``: begin to bring the cache line of flat element ``index`` near.

    The index may lie outside the array. Worth it where reads jump: hardware follows single streams by itself.
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


def _shuffle(builder: Any, a: Any, b: Any, lanes: Any) -> Any:
    """The chosen ``lanes`` of ``a`` followed by ``b``."""
    indices = list(lanes)
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(ir.IntType(32), len(indices)), indices))


def _interleave_pairs(builder: Any, a: Any, b: Any) -> tuple[Any, Any]:
    """Inside each 128-bit lane, single floats of ``a`` and ``b`` in turn: the lower two, the upper two."""
    low = [q + k for q in range(0, LANES, 4) for k in (0, LANES, 1, LANES + 1)]
    return _shuffle(builder, a, b, low), _shuffle(builder, a, b, [lane + 2 for lane in low])


def _join_halves(builder: Any, a: Any, b: Any) -> tuple[Any, Any]:
    """Inside each 128-bit lane, the lower halves of ``a`` and ``b``, and the upper ones."""
    low = [q + k for q in range(0, LANES, 4) for k in (0, 1, LANES, LANES + 1)]
    return _shuffle(builder, a, b, low), _shuffle(builder, a, b, [lane + 2 for lane in low])


def _split_quarters(builder: Any, a: Any, b: Any) -> tuple[Any, Any]:
    """The even and the odd 128-bit lanes of ``a`` and ``b``."""
    even = [q + k for q in range(0, 2 * LANES, 8) for k in range(4)]
    return _shuffle(builder, a, b, even), _shuffle(builder, a, b, [lane + 4 for lane in even])


def _every_other(first: int) -> Callable[..., Any]:
    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return _shuffle(builder, args[0], args[1], range(first, 2 * LANES, 2))

    return code


@_in_kernels
def even(typing_context: Any, a: Any, b: Any) -> Any:
    """``even(a, b)``: lanes 0, 2, ... of a followed by those of b."""
    return (f32x16(f32x16, f32x16), _every_other(0)) if a is b is f32x16 else None


@_in_kernels
def odd(typing_context: Any, a: Any, b: Any) -> Any:
    """``odd(a, b)``: lanes 1, 3, ... of a followed by those of b."""
    return (f32x16(f32x16, f32x16), _every_other(1)) if a is b is f32x16 else None


@_in_kernels
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
    # The first step puts columns 0 and 1 of each four low, 2 and 3 high: the two in the middle come out swapped.
    return [rows[group + k] for group in range(0, LANES, 4) for k in (0, 2, 1, 3)]


# --- functions -------------------------------------------------------------------------------------------


def _llvm(name: str) -> Callable[..., Any]:
    """Code that calls an LLVM intrinsic on float vectors."""

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        function_type = ir.FunctionType(f32x16.llvm, [f32x16.llvm] * len(args))
        overload = f"llvm.{name}.v{LANES}f32"
        return builder.call(cgutils.get_or_insert_function(builder.module, function_type, overload), args)

    return code


def _floats(*operands: Any) -> bool:
    """Whether the operands are float vectors or scalars, at least one of them a vector."""
    return f32x16 in operands and all(o is f32x16 or isinstance(o, types.Number) for o in operands)


@_in_kernels
def fma(typing_context: Any, a: Any, b: Any, c: Any) -> Any:
    """``fma(a, b, c)``: a * b + c rounded once."""
    if not _floats(a, b, c):
        return None
    return f32x16(f32x16, f32x16, f32x16), _llvm("fma")


@_in_kernels
def absolute(typing_context: Any, a: Any) -> Any:
    """``absolute(a)``: the magnitude of every lane."""
    return (f32x16(f32x16), _llvm("fabs")) if a is f32x16 else None


@_in_kernels
def sqrt(typing_context: Any, a: Any) -> Any:
    """``sqrt(a)``: correctly rounded square root."""
    return (f32x16(f32x16), _llvm("sqrt")) if a is f32x16 else None


@_in_kernels
def maximum(typing_context: Any, a: Any, b: Any) -> Any:
    """``maximum(a, b)``: the larger of each lane; b where either is NaN (one machine instruction)."""
    if not _floats(a, b):
        return None

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.select(builder.fcmp_ordered(">", *args), *args)

    return f32x16(f32x16, f32x16), code


@_in_kernels
def minimum(typing_context: Any, a: Any, b: Any) -> Any:
    """``minimum(a, b)``: the smaller of each lane; b where either is NaN (one machine instruction)."""
    if not _floats(a, b):
        return None

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.select(builder.fcmp_ordered("<", *args), *args)

    return f32x16(f32x16, f32x16), code


@_in_kernels
def select(typing_context: Any, mask: Any, a: Any, b: Any) -> Any:
    """``select(mask, a, b)``: a where the mask is true, else b; floats, or integers if both are vectors."""
    vector = i32x16 if i32x16 in (a, b) else f32x16
    if mask is not mask16 or not all(o is vector or isinstance(o, types.Number) for o in (a, b)):
        return None

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.select(*args)

    return vector(mask16, vector, vector), code


@_in_kernels
def splat(typing_context: Any, scalar: Any) -> Any:
    """``splat(scalar) -> f32x16``: the scalar, rounded to float32, in every lane."""
    if not isinstance(scalar, types.Number):
        return None
    return f32x16(f32x16), lambda context, builder, sig, args: args[0]


@_in_kernels
def to_float(typing_context: Any, a: Any) -> Any:
    """``to_float(a)``: i32x16 to f32x16, rounded to nearest."""
    if a is not i32x16:
        return None
    return f32x16(i32x16), lambda context, builder, sig, args: builder.sitofp(args[0], f32x16.llvm)


@_in_kernels
def to_int(typing_context: Any, a: Any) -> Any:
    """``to_int(a)``: f32x16 to i32x16, rounded toward zero; the values must fit."""
    if a is not f32x16:
        return None
    return i32x16(f32x16), lambda context, builder, sig, args: builder.fptosi(args[0], i32x16.llvm)


@_in_kernels
def bits(typing_context: Any, a: Any) -> Any:
    """``bits(a)``: the IEEE 754 representation of f32x16 as i32x16."""
    if a is not f32x16:
        return None
    return i32x16(f32x16), lambda context, builder, sig, args: builder.bitcast(args[0], i32x16.llvm)


@_in_kernels
def from_bits(typing_context: Any, a: Any) -> Any:
    """``from_bits(a)``: the f32x16 that i32x16 ``a`` represents."""
    if a is not i32x16:
        return None
    return f32x16(i32x16), lambda context, builder, sig, args: builder.bitcast(args[0], f32x16.llvm)


@_in_kernels
def lane_index(typing_context: Any) -> Any:
    """``lane_index() -> i32x16``: 0, 1, ... 15."""
    return i32x16(), lambda context, builder, sig, args: ir.Constant(i32x16.llvm, list(range(LANES)))


@_in_kernels
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


@_in_kernels
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
