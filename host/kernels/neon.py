"""What TIR does not say: functions in LLVM assembly that are inlined into the aarch64 kernels."""

from __future__ import annotations

from collections.abc import Iterable


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
