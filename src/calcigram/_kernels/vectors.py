"""Explicit vectors of sixteen float32, held in registers.

Only the scoring of trees uses them (`calcigram.model.scoring`): it keeps the flags of sixteen rows in
registers, which the compiler does not do by itself: with the flags in an array the same algorithm takes nine times
as long (``benchmarks/model_inference.py``). They mean the same on every processor: where
registers are narrower the compiler splits them.
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


_operator(operator.lt, floats, mask, lambda b, x, y: b.fcmp_ordered("<", x, y))


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
def splat(typing_context, value):
    """Return a vector with `value` in every lane."""

    def emit(context, builder, sig, args):
        return _splat(builder, args[0])

    return floats(types.float32), emit


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
