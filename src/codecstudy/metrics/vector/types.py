"""The vector types, and numba's operators on them."""

# The annotations of numba and llvmlite are incomplete.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import types
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
"""One truth value per lane: the result of a comparison and the first argument of :func:`select`."""


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


def in_kernels(function: Callable[..., Any]) -> Any:
    """Make ``function`` callable from kernels: numba's ``intrinsic``, with an untyped signature."""
    return intrinsic(function)


def shuffle(builder: Any, a: Any, b: Any, lanes: Any) -> Any:
    """The chosen ``lanes`` of ``a`` followed by ``b``."""
    indices = list(lanes)
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(ir.IntType(32), len(indices)), indices))


def _operator(
    function: Callable[..., Any], takes: tuple[Vector, ...], gives: Vector | None, emit: Any
) -> None:
    """Define ``function`` for numba on two vectors of a type in ``takes``, or on one and a scalar.

    ``gives`` is the type of the result (None: that of the operands), ``emit(builder, is_float, a, b)`` its code.
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
