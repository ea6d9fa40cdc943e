"""Explicit vectors of sixteen float32 for compiled kernels: `Lanes`, held in registers.

The compiler vectorises simple loops by itself; it does not keep a list of nearest distances,
a place of the least, or a row of knots in registers. These few operations let a kernel say
so. They mean the same on every processor: where registers are narrower the compiler splits them,
and no sum's order is left to it. The kernels decide which loops use them.
"""

from __future__ import annotations

import operator
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]  # comes with numba
from numba import types
from numba.core import cgutils
from numba.core.imputils import lower_builtin
from numba.core.typing import signature
from numba.core.typing.templates import AbstractTemplate, infer_global
from numba.extending import intrinsic as numba_intrinsic
from numba.extending import models, register_model

LANES = 16
"""Floats in a vector."""

intrinsic: Any = numba_intrinsic
"""Not typed: the compiler gives the first argument itself."""

_FLAGS = ("contract", "nsz")
_FLOATS = ir.VectorType(ir.FloatType(), LANES)
_INTS = ir.VectorType(ir.IntType(32), LANES)
_BITS = ir.VectorType(ir.IntType(1), LANES)


class _Vector(types.Type):
    """A vector type; its name tells what the lanes hold."""


floats = _Vector("float32x16")
mask = _Vector("boolx16")
words = _Vector("int32x16")  # thirty-two flags a lane
_REGISTERS = {floats.name: _FLOATS, mask.name: _BITS, words.name: _INTS}


@register_model(_Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, dmm: Any, fe_type: Any) -> None:
        super().__init__(dmm, fe_type, _REGISTERS[fe_type.name])


def _operator(function: Any, operand: Any, result: Any, emit: Any) -> None:
    """Teach the compiler `function` of two vectors."""

    class Template(AbstractTemplate):
        def generic(self, args: Any, kws: Any) -> Any:
            if args == (operand, operand):
                return signature(result, operand, operand)
            return None

    infer_global(function)(Template)
    lower_builtin(function, operand, operand)(
        lambda context, builder, sig, args: emit(builder, *args)
    )


_operator(operator.add, floats, floats, lambda b, x, y: b.fadd(x, y, flags=_FLAGS))
_operator(operator.sub, floats, floats, lambda b, x, y: b.fsub(x, y, flags=_FLAGS))
_operator(operator.mul, floats, floats, lambda b, x, y: b.fmul(x, y, flags=_FLAGS))
_operator(operator.truediv, floats, floats, lambda b, x, y: b.fdiv(x, y, flags=_FLAGS))
_operator(operator.lt, floats, mask, lambda b, x, y: b.fcmp_ordered("<", x, y))
_operator(operator.le, floats, mask, lambda b, x, y: b.fcmp_ordered("<=", x, y))
_operator(operator.eq, floats, mask, lambda b, x, y: b.fcmp_ordered("==", x, y))
_operator(operator.and_, mask, mask, lambda b, x, y: b.and_(x, y))
_operator(operator.or_, mask, mask, lambda b, x, y: b.or_(x, y))


def _place(context: Any, builder: Any, array_type: Any, array: Any, index: Any) -> Any:
    """Return a pointer to the vector that begins at an index of a float32 array."""
    made = context.make_array(array_type)(context, builder, array)
    place = builder.gep(made.data, [index])
    return builder.bitcast(place, _FLOATS.as_pointer())


def _splat(builder: Any, value: Any, register: ir.VectorType = _FLOATS) -> Any:
    nothing = ir.Constant(register, ir.Undefined)
    first = builder.insert_element(nothing, value, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(first, nothing, ir.Constant(_INTS, [0] * LANES))


@intrinsic
def load(typing_context, array, index):
    """Return the sixteen elements of a contiguous float32 array from `index` on."""

    def emit(context, builder, sig, args):
        return builder.load(_place(context, builder, sig.args[0], *args), align=4)

    return floats(array, types.intp), emit


@intrinsic
def store(typing_context, array, index, value):
    """Write a vector to a contiguous float32 array from `index` on."""

    def emit(context, builder, sig, args):
        builder.store(args[2], _place(context, builder, sig.args[0], *args[:2]), align=4)
        return context.get_dummy_value()

    return types.void(array, types.intp, floats), emit


@intrinsic
def splat(typing_context, value):
    """Return a vector with `value` in every lane."""

    def emit(context, builder, sig, args):
        return _splat(builder, args[0])

    return floats(types.float32), emit


@intrinsic
def lane_numbers(typing_context):
    """Return 0, 1, ..., 15."""

    def emit(context, builder, sig, args):
        return ir.Constant(_FLOATS, [float(k) for k in range(LANES)])

    return floats(), emit


@intrinsic
def where(typing_context, condition, yes, no):
    """Return `yes` in the lanes where the mask holds, `no` in the others."""

    def emit(context, builder, sig, args):
        return builder.select(*args)

    return floats(mask, floats, floats), emit


@intrinsic
def smaller(typing_context, one, other):
    """Return the lesser of each pair of lanes, `other` where one is NaN."""

    def emit(context, builder, sig, args):
        return builder.select(builder.fcmp_ordered("<", *args), *args)

    return floats(floats, floats), emit


@intrinsic
def larger(typing_context, one, other):
    """Return the greater of each pair of lanes, `other` where one is NaN."""

    def emit(context, builder, sig, args):
        return builder.select(builder.fcmp_ordered(">", *args), *args)

    return floats(floats, floats), emit


@intrinsic
def root(typing_context, value):
    """Return the square roots."""

    def emit(context, builder, sig, args):
        function = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(_FLOATS, [_FLOATS]), "llvm.sqrt.v16f32"
        )
        return builder.call(function, args)

    return floats(floats), emit


def _fold(builder: Any, vector: Any, combine: Any) -> Any:
    """Halve the vector by `combine` until one lane is left; always in the same order."""
    half = LANES // 2
    while half:
        turned = ir.Constant(_INTS, [(half + k) % LANES for k in range(LANES)])
        moved = builder.shuffle_vector(vector, ir.Constant(_FLOATS, ir.Undefined), turned)
        vector = combine(vector, moved)
        half //= 2
    return builder.extract_element(vector, ir.Constant(ir.IntType(32), 0))


def _extreme(builder: Any, vector: Any, comparison: str) -> Any:
    """Fold to the lane of which `comparison` with every other holds."""

    def chosen(x, y):
        return builder.select(builder.fcmp_ordered(comparison, x, y), x, y)

    return _fold(builder, vector, chosen)


@intrinsic
def total(typing_context, value):
    """Return the sum of the lanes."""

    def emit(context, builder, sig, args):
        return _fold(builder, args[0], builder.fadd)

    return types.float32(floats), emit


@intrinsic
def least(typing_context, value):
    """Return the least lane; none may be NaN."""

    def emit(context, builder, sig, args):
        return _extreme(builder, args[0], "<")

    return types.float32(floats), emit


@intrinsic
def greatest(typing_context, value):
    """Return the greatest lane; none may be NaN."""

    def emit(context, builder, sig, args):
        return _extreme(builder, args[0], ">")

    return types.float32(floats), emit


@intrinsic
def any_lane(typing_context, condition):
    """Say whether the mask holds in any lane."""

    def emit(context, builder, sig, args):
        bits = builder.bitcast(args[0], ir.IntType(LANES))
        return builder.icmp_unsigned("!=", bits, ir.Constant(ir.IntType(LANES), 0))

    return types.boolean(mask), emit


@intrinsic
def above_or_missing(typing_context, one, other):
    """Say in which lanes `one` is greater than `other`, or either is NaN."""

    def emit(context, builder, sig, args):
        return builder.fcmp_unordered(">", *args)

    return mask(floats, floats), emit


@intrinsic
def all_flags(typing_context):
    """Return words with every flag set."""

    def emit(context, builder, sig, args):
        return ir.Constant(_INTS, [-1] * LANES)

    return words(), emit


@intrinsic
def keep_flags(typing_context, condition, flags, kept):
    """Return the words, in the lanes where the mask holds only with the flags that an int32 has."""

    def emit(context, builder, sig, args):
        fewer = builder.and_(args[1], _splat(builder, args[2], _INTS))
        return builder.select(args[0], fewer, args[1])

    return words(mask, words, types.int32), emit


@intrinsic
def add_at_lowest_flag(typing_context, sums, index, table, first, flags):
    """Add to sixteen float64 from `index` on what a float32 table holds at each word's lowest flag.

    That is ``table[first + k]``, where flag k is the lowest that is set; one must be.
    """

    def emit(context, builder, sig, args):
        count = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(_INTS, [_INTS, ir.IntType(1)]), "llvm.cttz.v16i32"
        )
        lowest = builder.call(count, [args[4], ir.Constant(ir.IntType(1), 1)])
        entries = context.make_array(sig.args[2])(context, builder, args[2]).data
        start = builder.gep(entries, [args[3]])
        found = ir.Constant(_FLOATS, ir.Undefined)
        for k in range(LANES):
            lane = ir.Constant(ir.IntType(32), k)
            at = builder.zext(builder.extract_element(lowest, lane), ir.IntType(64))
            found = builder.insert_element(found, builder.load(builder.gep(start, [at])), lane)
        made = context.make_array(sig.args[0])(context, builder, args[0])
        doubles = ir.VectorType(ir.DoubleType(), LANES)
        place = builder.bitcast(builder.gep(made.data, [args[1]]), doubles.as_pointer())
        added = builder.fadd(builder.load(place, align=8), builder.fpext(found, doubles))
        builder.store(added, place, align=8)
        return context.get_dummy_value()

    return types.void(sums, types.intp, table, types.intp, words), emit


@intrinsic
def first_lane(typing_context, condition):
    """Return the number of the first lane in which the mask holds; it must in one."""

    def emit(context, builder, sig, args):
        bits = builder.bitcast(args[0], ir.IntType(LANES))
        number = builder.cttz(bits, ir.Constant(ir.IntType(1), 1))
        return builder.zext(number, ir.IntType(64))

    return types.intp(mask), emit


@intrinsic
def lane(typing_context, value, number):
    """Return one lane."""

    def emit(context, builder, sig, args):
        return builder.extract_element(args[0], args[1])

    return types.float32(floats, types.intp), emit
