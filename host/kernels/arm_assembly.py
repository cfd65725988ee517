"""What TIR does not say: functions in LLVM assembly that are inlined into the aarch64 kernels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256

REGISTER = 16
"""Bytes of one."""
LD1_REGISTERS = 4
"""Registers that ld1 fills at once."""


@dataclass(frozen=True, kw_only=True)
class Path:
    """How a register tile reads its source, distances in bytes.

    Attributes:
        pixel: from a pixel to its right neighbour.
        row: from a row of the kernel to the next; None where that is an operand.
        run: from a run to the next in a row (see `ConvShape.runs`).
        rows: how many rows.
        runs: how many runs in a row.
        loads: whole registers that are read of every pixel in a run.
        rest: products of an accumulator with a register after those, fewer than with a whole one.
        unroll: loads written out; divides their number.
    """

    pixel: int
    row: int | None
    run: int
    rows: int
    runs: int
    loads: int
    rest: int
    unroll: int


@dataclass(frozen=True)
class ByElement:
    """An instruction that multiplies by an element of a register.

    Attributes:
        text: with the fields `sum`, `weight`, `activation` (numbers of registers) and `q` (of the element).
        elements: in a register.
        sums: LLVM's type of a register of accumulators.
    """

    text: str
    elements: int
    sums: str


FMLA = ByElement("fmla v{sum}.4s, v{weight}.4s, v{activation}.s[{q}]", 4, "<4 x float>")
FMLA_HALF = ByElement("fmla v{sum}.8h, v{weight}.8h, v{activation}.h[{q}]", 8, "<8 x half>")
SDOT = ByElement("sdot v{sum}.4s, v{weight}.16b, v{activation}.4b[{q}]", 4, "<4 x i32>")


def fits(pixels: int, vectors: int, path: Path) -> bool:
    """Whether `tile` has the registers, one at least for weights, and its loads the reach."""
    last = (pixels - 1) * path.pixel
    return pixels * (vectors + 1) < 32 and last <= (4095 * REGISTER if path.pixel % REGISTER == 0 else 255)


def tile(instruction: ByElement, pixels: int, vectors: int, path: Path) -> tuple[str, str]:
    """A function, its name first, that computes the sums of a register tile.

    Arguments are pointers: to the source, the packed weights, the bias, and where each sum goes, by pixel and
    vector; then the distance from a row of the kernel to the next where `Path.row` is None. In assembly
    because LLVM loads two registers at a time where ld1 loads four, and schedules for the fewest stalls,
    which costs registers that a tile has not got. The 32 registers are

        pixels                 activations, a register of each pixel
        pixels · vectors       sums, by pixel and vector
        the rest               weights: one batch, or two in turns, of up to `LD1_REGISTERS`
    """
    count = pixels * vectors
    source, weights, bias = (f"${count + i}" for i in range(3))
    # After the pointers as they come out stand the same as they go in.
    operand = f"${count + 6}"
    first_weight = count + pixels
    batch = min(LD1_REGISTERS, 32 - first_weight)
    # Where there is room, weights arrive while those before are multiplied.
    buffers = min(2, (32 - first_weight) // batch)

    def load_bias() -> Iterable[str]:
        for v in range(0, vectors, LD1_REGISTERS):
            if v:
                yield f"add {bias}, {bias}, #{LD1_REGISTERS * REGISTER}"
            for p in range(pixels):
                yield f"ld1 {_registers(pixels + p * vectors + v, min(LD1_REGISTERS, vectors - v))}, [{bias}]"

    def load(elements: int) -> Iterable[str]:
        for p in range(1, pixels):
            opcode = "ldr" if path.pixel % REGISTER == 0 else "ldur"
            yield f"{opcode} q{p}, [{source}, #{p * path.pixel}]"
        yield f"ldr q0, [{source}], #{REGISTER}"
        total = elements * vectors
        starts = range(0, total, batch)

        def fetch(b: int) -> str:
            n = min(batch, total - starts[b])
            place = first_weight + b % buffers * batch
            return f"ld1 {_registers(place, n)}, [{weights}], #{n * REGISTER}"

        yield fetch(0)
        for b, start in enumerate(starts):
            if b + 1 < len(starts) and buffers == 2:
                yield fetch(b + 1)
            for i in range(start, min(start + batch, total)):
                weight = first_weight + b % buffers * batch + i - start
                q, v = divmod(i, vectors)
                for p in range(pixels):
                    place = pixels + p * vectors + v
                    yield instruction.text.format(sum=place, weight=weight, activation=p, q=q)
            if b + 1 < len(starts) and buffers == 1:
                yield fetch(b + 1)

    read = path.loads * REGISTER + (REGISTER if path.rest else 0)
    loads = [line for _ in range(path.unroll) for line in load(instruction.elements)]
    run = _loop("x9", path.loads // path.unroll, 1, loads) if path.loads else []
    run += load(path.rest) if path.rest else []
    row = _loop("x10", path.runs, 2, [*run, *_move(source, path.run - read)]) if path.runs > 1 else run
    past = path.runs * path.run if path.runs > 1 else read
    if path.row is None:
        step = [f"add {source}, {source}, {operand}", *_move(source, -past)]
    else:
        step = _move(source, path.row - past)
    rows = _loop("x11", path.rows, 3, [*row, *step]) if path.rows > 1 else row
    return _tile_function(instruction, pixels, vectors, [*load_bias(), *rows], operand=path.row is None)


def _registers(first: int, count: int) -> str:
    return "{" + ", ".join(f"v{first + i}.16b" for i in range(count)) + "}"


def _loop(counter: str, count: int, label: int, body: Sequence[str]) -> list[str]:
    if count == 1:
        return [*body]
    head = [f"mov {counter}, #{count}", f"{label}:"]
    return [*head, *body, f"subs {counter}, {counter}, #1", f"b.ne {label}b"]


def _move(pointer: str, distance: int) -> list[str]:
    """An immediate has 12 bits, shifted by as many or not."""
    opcode, size = ("add", distance) if distance > 0 else ("sub", -distance)
    parts = (f"#{size & 4095}" if size & 4095 else "", f"#{size >> 12}, lsl #12" if size >> 12 else "")
    return [f"{opcode} {pointer}, {pointer}, {part}" for part in parts if part]


def _tile_function(
    instruction: ByElement, pixels: int, vectors: int, lines: Sequence[str], *, operand: bool
) -> tuple[str, str]:
    count = pixels * vectors
    results = "{ " + ", ".join([instruction.sums] * count + ["ptr"] * 3) + " }"
    sums = range(pixels, pixels + count)
    outputs = [f"={{v{i}}}" for i in sums] + ["=&r"] * 3
    inputs = [str(count + i) for i in range(3)] + ["r"] * operand
    others = [f"v{i}" for i in range(32) if i not in sums]
    clobbers = [f"~{{{name}}}" for name in (*others, "x9", "x10", "x11", "cc", "memory")]
    text, constraints = "\\0A".join(lines), ",".join(outputs + inputs + clobbers)
    arguments = "ptr %a, ptr %w, ptr %b" + ", i64 %o" * operand
    body = [f'%r = call {results} asm sideeffect "{text}", "{constraints}"({arguments})']
    for i in range(count):
        body.append(f"%r{i} = extractvalue {results} %r, {i}")
        body.append(f"store {instruction.sums} %r{i}, ptr %s{i}, align 16")
    body.append("ret i32 0")
    name = "tile_" + sha256("".join(body).encode()).hexdigest()[:16]
    parameters = ["ptr %a", "ptr %w", "ptr %b", *(f"ptr %s{i}" for i in range(count))]
    parameters += ["i64 %o"] * operand
    return name, _define("i32", name, parameters, body)


def multiply_long(name: str, pixels: int, registers: int) -> str:
    """Function *name*: totals of *pixels* plus their products with one channel's weights.

    Arguments are the totals end to end, *registers* of activations for every pixel, and as many of weights.
    In assembly because LLVM, which schedules for the fewest stalls, begins with the first products of all
    channels and then has no registers for them. Pixels take turns, for cores that execute in order.
    """
    wide, total = f"<{4 * pixels} x i32>", "<4 x i32>"
    activations = [f"%a{p}_{i}" for p in range(pixels) for i in range(registers)]
    weights = [f"%w{i}" for i in range(registers)]
    # Operands: totals out, sums in 16 bits, activations, weights, totals in (tied to the first).
    lines = []
    for i in range(registers):
        w = 2 * pixels + pixels * registers + i
        for opcode, lanes in (("smull" if i == 0 else "smlal", "8b"), ("smlal2", "16b")):
            for p in range(pixels):
                a = 2 * pixels + p * registers + i
                lines.append(f"{opcode} ${pixels + p}.8h, ${a}.{lanes}, ${w}.{lanes}")
    lines += [f"sadalp ${p}.4s, ${pixels + p}.8h" for p in range(pixels)]
    inputs = ["w"] * len(activations + weights) + [str(p) for p in range(pixels)]
    constraints = ",".join(["=w"] * pixels + ["=&w"] * pixels + inputs)
    results = "{ " + ", ".join([total] * pixels + ["<8 x i16>"] * pixels) + " }"
    operands = [f"<16 x i8> {o}" for o in activations + weights]
    body = [
        f"%c{p} = shufflevector {wide} %c, {wide} poison, <4 x i32> {_mask(range(4 * p, 4 * p + 4))}"
        for p in range(pixels)
    ]
    arguments = ", ".join(operands + [f"{total} %c{p}" for p in range(pixels)])
    text = "\\0A".join(lines)
    body.append(f'%r = call {results} asm "{text}", "{constraints}"({arguments})')
    joined, all_lanes = "poison", range(4 * pixels)
    for p in range(pixels):
        spread = [lane % 4 if lane // 4 == p else 0 for lane in all_lanes]
        chosen = [lane + 4 * pixels if lane // 4 == p else lane for lane in all_lanes]
        mask = f"<{4 * pixels} x i32>"
        body += [
            f"%r{p} = extractvalue {results} %r, {p}",
            f"%s{p} = shufflevector {total} %r{p}, {total} poison, {mask} {_mask(spread)}",
            f"%j{p} = shufflevector {wide} {joined}, {wide} %s{p}, {mask} {_mask(chosen)}",
        ]
        joined = f"%j{p}"
    body.append(f"ret {wide} {joined}")
    return _define(wide, name, [f"{wide} %c", *operands], body)


def _define(result: str, name: str, parameters: Iterable[str], body: Iterable[str]) -> str:
    lines = "".join(f"  {line}\n" for line in body)
    return f"define {result} @{name}({', '.join(parameters)}) {{\n{lines}}}\n"


def _mask(lanes: Iterable[int]) -> str:
    return "<" + ", ".join(f"i32 {lane}" for lane in lanes) + ">"
