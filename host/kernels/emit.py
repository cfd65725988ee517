"""A small builder for TIR functions made of flat buffers, counted loops and vector expressions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import tvm
from tvm import tirx

Expr = Any
"""A TIR expression; TVM's Python classes carry no useful static types."""


WORTH_SHARING = 4096
"""Vectors read beyond which simple kernels are shared among threads: waking those takes some microseconds."""


class Emitter:
    """Collects the statements of one `PrimFunc`.

    Buffers are one-dimensional; layouts are index arithmetic in the generators, so that padding and blocking
    cost nothing at run time.
    """

    def __init__(self) -> None:
        self._params: list[Expr] = []
        self._scopes: list[list[Expr]] = [[]]
        self._names = 0
        self._imports: dict[str, None] = {}

    def param(self, name: str, shape: int | Sequence[int], dtype: str) -> Expr:
        """Declare the next parameter: a tensor of *shape* and *dtype*, 64-byte aligned."""
        buffer = tirx.decl_buffer((shape,) if isinstance(shape, int) else tuple(shape), dtype, name)
        self._params.append(buffer)
        return buffer

    def numbers(self, variables: Sequence[Expr]) -> None:
        """Declare the next parameters: numbers that shapes depend on."""
        self._params.extend(variables)

    def local(self, name: str, size: int, dtype: str) -> Expr:
        """Allocate *size* elements on the stack; LLVM makes registers of what has constant indices.

        At most 1023 bytes: TVM takes more from its heap, and any amount that is not of scope `global`; then
        LLVM has to guess what may live in registers.
        """
        buffer = tirx.decl_buffer((size,), dtype, name, scope="global")
        self._add(tirx.AllocBuffer(buffer))
        return buffer

    def scratch(self, name: str, size: Expr, dtype: str) -> Expr:
        """Allocate *size* elements, a number that only a call decides, from TVM's pool of memory."""
        buffer = tirx.decl_buffer((size,), dtype, name, scope="global")
        self._add(tirx.AllocBuffer(buffer))
        return buffer

    def let(self, name: str, value: Expr) -> Expr:
        """Bind *value* to a fresh variable and return it."""
        self._names += 1
        variable = tirx.Var(f"{name}{self._names}", value.ty)
        self._add(tirx.Bind(variable, value))
        return variable

    def store(self, buffer: Expr, value: Expr, *index: Expr) -> None:
        """Store a scalar at *index*."""
        self._add(tirx.BufferStore(buffer, value, list(index)))

    def store_at(self, buffer: Expr, value: Expr, index: Sequence[Expr]) -> None:
        """Store at *index*, the last of which may be a `span`."""
        self._add(tirx.BufferStore(buffer, value, list(index)))

    def store_vector(self, buffer: Expr, value: Expr, start: Expr, lanes: int) -> None:
        """Store *lanes* consecutive elements beginning at *start*."""
        self._add(tirx.BufferStore(buffer, value, [span(start, lanes)]))

    @contextmanager
    def loop(self, extent: Expr, name: str = "i", parallel: bool = False, start: Expr = 0) -> Iterator[Expr]:
        """Open a loop over `range(start, start + extent)`; a single iteration yields *start* and no loop."""
        if isinstance(extent, int) and extent == 1:
            yield _int(start)
            return
        self._names += 1
        variable = tirx.Var(f"{name}{self._names}", "int32")
        self._scopes.append([])
        yield variable
        body = tirx.stmt_seq(*self._scopes.pop())
        kind = tirx.ForKind.PARALLEL if parallel else tirx.ForKind.SERIAL
        self._add(tirx.For(variable, _int(start), _int(extent), kind, body))

    def include(self, llvm: str) -> None:
        """Let the function call what the LLVM assembly *llvm* defines; it is inlined."""
        self._imports[llvm] = None

    def call(self, name: str, *operands: Expr) -> None:
        """Call the function *name*, which returns an i32 that nobody needs."""
        self._add(tirx.Evaluate(tirx.call_extern("int32", name, *operands)))

    def func(self, symbol: str) -> tirx.PrimFunc:
        """Close the function under the global name *symbol*."""
        body = tirx.stmt_seq(*self._scopes[0])
        for text in self._imports:
            nothing = tirx.IntImm("int32", 0)
            body = tirx.AttrStmt(nothing, "pragma_import_llvm", tvm.ir.StringImm(text), body)
        # Relax may not overlap an output with an input: kernels write borders before they finish reading.
        attrs = {"global_symbol": symbol, "tirx.noalias": True, "s_tir": True}
        return tirx.PrimFunc(self._params, body).with_attr(attrs)

    def _add(self, statement: Expr) -> None:
        self._scopes[-1].append(statement)


def span(start: Expr, lanes: int) -> Expr:
    """Index expression of *lanes* consecutive elements."""
    return start if lanes == 1 else tirx.Ramp(_int(start), tirx.IntImm("int32", 1), lanes)


def load(buffer: Expr, start: Expr, lanes: int = 1) -> Expr:
    """Load *lanes* consecutive elements of a flat buffer."""
    return tirx.BufferLoad(buffer, [span(start, lanes)])


def address(buffer: Expr, start: Expr = 0) -> Expr:
    """Pointer to an element of a flat buffer."""
    return tirx.address_of(load(buffer, start))


def splat(value: Expr, lanes: int) -> Expr:
    """Repeat a scalar in every lane."""
    return value if lanes == 1 else tirx.Broadcast(value, lanes)


def const(value: float, dtype: str, lanes: int = 1) -> Expr:
    """A constant in every lane."""
    return splat(tvm.tirx.const(value, dtype), lanes)


def reinterpret(dtype: str, value: Expr, lanes: int = 1) -> Expr:
    """The bits of *value* as *lanes* elements of *dtype*."""
    return tirx.reinterpret(dtype if lanes == 1 else f"{dtype}x{lanes}", value)


def cast(dtype: str, value: Expr, lanes: int = 1) -> Expr:
    """*lanes* numbers as *dtype*."""
    return tirx.Cast(dtype if lanes == 1 else f"{dtype}x{lanes}", value)


def shuffle(vectors: Sequence[Expr], lanes: Sequence[int]) -> Expr:
    """The given lanes of all *vectors* end to end."""
    return tirx.Shuffle(list(vectors), [tirx.IntImm("int32", lane) for lane in lanes])


def concat(vectors: Sequence[Expr], lanes: int) -> Expr:
    """Values of *lanes* lanes each, end to end."""
    return vectors[0] if len(vectors) == 1 else shuffle(vectors, range(lanes * len(vectors)))


def lanes_of(value: Expr) -> int:
    """How many lanes a value has; 1 for a scalar."""
    return int(tvm.DataType(value.ty.dtype).lanes)


def intrinsic(dtype: str, name: str, *operands: Expr) -> Expr:
    """Call the LLVM intrinsic *name*, one without side effects."""
    return tirx.call_llvm_pure_intrin(dtype, name, *operands)


def _int(value: Expr) -> Expr:
    return tirx.IntImm("int32", value) if isinstance(value, int) else value


def tensors(function: tirx.PrimFunc) -> list[tuple[tuple[int, ...], str]]:
    """Shapes and dtypes of a kernel's parameters, all of them tensors; the last one is what it writes."""
    return [(tuple(int(d) for d in p.ty.shape), str(p.ty.dtype)) for p in function.params]
