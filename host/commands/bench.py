"""`lpr-host bench`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from device_runtime.errors import FatalError
from host.bench.isa import ISAS
from host.bench.runtimes import PEERS
from host.console import say
from host.paths import CACHE, REPOSITORY, SAMPLES
from host.precision import PRECISIONS

_FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command("bench")
@click.option("--peers", default=",".join(PEERS), show_default=True, help="Comma-separated, or `none`.")
@click.option("--precisions", default="fp32,int8", show_default=True, help=f"Of {', '.join(PRECISIONS)}.")
@click.option("--threads", default="1", show_default=True, help="Numbers of threads, comma-separated.")
@click.option("--weights", type=click.Path(path_type=Path), help="Checkpoint; the shipped one unless given.")
@click.option("--bundle", "bundles", multiple=True, type=_FOLDER, help="Bundle to measure; repeatable.")
@click.option("--target", help="Else build for this.  [default: native, x86-64-v3 with --isa avx2]")
@click.option("--isa", type=click.Choice(ISAS), default="native", show_default=True, help="Limits all.")
@click.option("--data", multiple=True, type=_FOLDER, help="Images named by plate, for accuracy; repeatable.")
@click.option("--calibration", type=_FOLDER, help="Images for int8; the samples unless given.")
@click.option("--rounds", type=click.IntRange(1), default=100, show_default=True, help="Turns for each.")
@click.option("--inferences", type=click.IntRange(1), default=10, show_default=True, help="Timed, per turn.")
@click.option("--arm", is_flag=True, help="Count instructions on emulated ARM boards instead of timing.")
@click.option("--python", type=click.Path(path_type=Path), help="Interpreter with the peers.")
@click.option("--output", type=_FOLDER, default=Path("build/bench"), show_default=True)
def bench_command(
    peers: str,
    precisions: str,
    threads: str,
    weights: Path | None,
    bundles: tuple[Path, ...],
    target: str | None,
    isa: str,
    data: tuple[Path, ...],
    calibration: Path | None,
    rounds: int,
    inferences: int,
    arm: bool,
    python: Path | None,
    output: Path,
) -> None:
    """Time bundles and other runtimes, interleaved and one at a time, and compare their accuracy.

    Every runtime has a process of its own, confined to the same CPUs. They take turns; ratios are taken
    turn by turn to ONNX Runtime fp32 with as many threads.
    """
    if arm:
        _count(peers, precisions, weights, calibration, python, output)
        return
    from device_runtime.files import write_atomic
    from host.bench import schema, table
    from host.bench.measure import Pace
    from host.bench.run import Request, run
    from lprnet.weights import DEFAULT

    request = Request(
        peers=_names("--peers", peers, PEERS) if peers != "none" else (),
        precisions=_names("--precisions", precisions, tuple(PRECISIONS)),
        threads=_counts("--threads", threads),
        weights=weights or DEFAULT,
        bundles=bundles,
        target=target or ("x86-64-v3" if isa == "avx2" else "native"),
        isa=isa,
        data=data,
        calibration=calibration or SAMPLES,
        pace=Pace(rounds, inferences),
        python=python or _bench_python(),
        cache=CACHE / "bench",
    )
    result = run(request, say)
    path = schema.write(output, result)
    plot = output / "bench.svg"
    write_atomic(plot, table.svg(result).encode())
    click.echo(table.markdown(result))
    say(f"written: {path}, {plot}")


def _count(
    peers: str,
    precisions: str,
    weights: Path | None,
    calibration: Path | None,
    python: Path | None,
    output: Path,
) -> None:
    from host.bench.instructions import run as arm
    from lprnet.weights import DEFAULT

    named = _names("--peers", peers, PEERS) if peers != "none" else ()
    request = arm.Request(
        peers=tuple(name for name in named if name in arm.PEERS),
        precisions=_names("--precisions", precisions, tuple(PRECISIONS)),
        weights=weights or DEFAULT,
        calibration=calibration or SAMPLES,
        python=python or _bench_python(),
        cache=CACHE / "bench",
    )
    result = arm.run(request, say)
    path = arm.write(output, result)
    click.echo(arm.markdown(result))
    say(f"written: {path}")


def _bench_python() -> Path:
    """`make bench` puts the peers into an environment of their own; without it, this one's are taken."""
    own = REPOSITORY / ".venv-bench/bin/python"
    return own if os.access(own, os.X_OK) else Path(sys.executable)


def _names(option: str, text: str, known: tuple[str, ...]) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    for name in names:
        if name not in known:
            raise FatalError(option, f"{name} is unknown", f"choose among {', '.join(known)}")
    if not names:
        raise FatalError(option, "names nothing", f"choose among {', '.join(known)}")
    return names


def _counts(option: str, text: str) -> tuple[int, ...]:
    numbers = tuple(dict.fromkeys(part.strip() for part in text.split(",")))
    if not all(number.isdecimal() and int(number) > 0 for number in numbers):
        raise FatalError(option, f"{text} is not a list of counts", "write e.g. 1,2")
    return tuple(map(int, numbers))
