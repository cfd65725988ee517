"""`lprnet`: look at rendered plates, train, fine-tune, evaluate."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import cv2
import msgspec
import numpy as np

from device_runtime.console import one_line_errors
from device_runtime.errors import FatalError
from lprnet.commands.options import POSITIVE, Number


@click.group()
def main() -> None:
    """Train LPRNet on rendered license plates."""


_FILE = click.Path(path_type=Path, dir_okay=False)
_DIR = click.Path(path_type=Path, file_okay=False)
_RECOMBINED = click.option(
    "--recombined",
    type=Number(0, 1),
    default=0.5,
    show_default=True,
    help="Share of the real samples put together from characters of several.",
)
UNSEEN = 1 << 20
"""Seed of rendered plates for measuring and showing; a training run's seed stays below it."""


@main.command()
@click.option("--output", type=_DIR, required=True, help="Folder of the run; an interrupted run goes on.")
@click.option("--hours", type=POSITIVE, help="Time from the run's first start.")
@click.option("--until", help="Local time HH:MM at which to be finished.")
@click.option("--samples", type=click.IntRange(min=1), help="Number of samples.")
@click.option("--real", type=_DIR, multiple=True, help="Folder of real crops named by their text.")
@click.option("--real-fraction", type=Number(0, 1), default=0.2, show_default=True)
@_RECOMBINED
@click.option(
    "--ramp",
    type=click.IntRange(min=0),
    default=60000,
    show_default=True,
    help="Samples until full distortion.",
)
@click.option("--kind", help="Kind or mix of plates, e.g. eu; Chinese ones by default.")
@click.option("--alphabet", help="Characters to read, e.g. 0-9A-Z, if others than the shipped checkpoint's.")
@click.option("--seed", type=click.IntRange(0, 2**20), default=1, show_default=True)
@click.option("--batch", type=click.IntRange(min=2), default=32, show_default=True)
@click.option("--rate", type=POSITIVE, default=2e-3, show_default=True, help="Highest learning rate.")
@click.option("--ema", type=Number(0, 1), default=0.999, show_default=True)
@click.option("--dropout", type=Number(0, 1, max_open=True), default=0.0, show_default=True)
@click.option(
    "--report", "reports", type=_DIR, multiple=True, help="Labelled folder to measure, never trained on."
)
@click.option("--report-minutes", type=POSITIVE, default=15.0, show_default=True)
@click.option("--workers", type=click.IntRange(min=0), default=1, show_default=True)
@click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True)
@click.option("--device", default="cpu", show_default=True)
@one_line_errors
def train(
    output: Path,
    hours: float | None,
    until: str | None,
    samples: int | None,
    real: tuple[Path, ...],
    real_fraction: float,
    recombined: float,
    ramp: int,
    kind: str | None,
    alphabet: str | None,
    seed: int,
    batch: int,
    rate: float,
    ema: float,
    dropout: float,
    reports: tuple[Path, ...],
    report_minutes: float,
    workers: int,
    threads: int,
    device: str,
) -> None:
    """Train from scratch on rendered plates, with real crops mixed in."""
    from lprnet.data.dataset import check_labels, from_folder
    from lprnet.data.mixture import Mixture
    from lprnet.network.alphabet import OWN, parse_alphabet
    from lprnet.plates import render
    from lprnet.training.finetune import can_render
    from lprnet.training.train import Settings, limit_threads
    from lprnet.training.train import train as run

    limit_threads(threads)
    budget = _budget(output, hours, until, samples)
    _check_kind(kind)
    classes = parse_alphabet(alphabet) if alphabet else OWN
    if not can_render(classes, kind):
        raise _unwritable(f"--kind {kind or 'chinese'}")
    items = [item for folder in real for item in from_folder(folder)]
    check_labels(items, classes)
    crops = tuple((item.read(), item.text) for item in items)
    sets: dict[str, Any] = {
        folder.name: [(item.read(), item.text) for item in from_folder(folder)] for folder in reports
    }
    sets["rendered"] = [(c.image, c.text) for c in (render(UNSEEN, i, kind=kind) for i in range(300))]

    settings = Settings(
        batch=batch,
        learning_rate=rate,
        ema=ema,
        dropout=dropout,
        workers=workers,
        device=device,
        report_seconds=report_minutes * 60,
    )
    mixture = Mixture(seed, crops, real_fraction, ramp, kind, _stock(crops, recombined), recombined)
    run(output, classes, mixture, budget, settings, report=_report(sets))


def _stock(crops: tuple[Any, ...], share: float) -> Any:
    """What recombined samples are made from; None if there are to be none, or too few crops for any."""
    from lprnet.plates.recombine import stock

    if not crops or not share:
        return None
    found = stock(crops)
    click.echo(f"characters to recombine: found on {len(found.donors)} of {len(crops)} real crops", err=True)
    return found if len(found.donors) > 1 else None


def _unwritable(what: str) -> FatalError:
    return FatalError(
        what,
        "the alphabet lacks characters of rendered plates",
        "choose another --kind, or add the characters",
    )


def _budget(output: Path, hours: float | None, until: str | None, samples: int | None) -> Any:
    from lprnet.training.train import Budget

    if sum(value is not None for value in (hours, until, samples)) != 1:
        raise FatalError("training length", "not given once", "give one of --hours, --until, --samples")
    if samples is not None:
        return Budget(samples=samples)
    if hours is not None:
        return Budget(deadline=_first_start(output) + hours * 3600)
    assert until is not None
    try:
        clock = time.strptime(until, "%H:%M")
    except ValueError:
        raise FatalError(f"--until {until}", "not a time", "write it as HH:MM") from None
    now = time.localtime()
    deadline = time.mktime((*now[:3], clock.tm_hour, clock.tm_min, 0, 0, 0, -1))
    return Budget(deadline=deadline if deadline > time.time() else deadline + 86400)


def _first_start(output: Path) -> float:
    """When the run in *output* began, so that a resumed one keeps its end; now for a new one."""
    import torch

    from lprnet.training.train import STATE

    try:
        return float(torch.load(output / STATE, map_location="cpu", weights_only=True)["started"])
    except (OSError, RuntimeError, KeyError, ValueError, EOFError):
        return time.time()


def _report(sets: dict[str, list[tuple[Any, str]]]) -> Callable[[Any], dict[str, Any]]:
    """A report function for training that measures each of *sets*."""
    from lprnet.evaluation.evaluate import accuracy, read_all

    def report(checkpoint: Any) -> dict[str, Any]:
        values = {}
        for name, data in sets.items():
            result = accuracy(read_all(checkpoint, data))
            values[name] = round(result.accuracy, 4)
            values[f"{name} without province"] = round(result.accuracy_without_province, 4)
        click.echo(str(values), err=True)
        return values

    return report


@main.command()
@click.option("--data", type=_DIR, required=True, help="Folder of crops; the file name is the label.")
@click.option("--labels", type=_FILE, help="CSV with rows file,label instead of file names.")
@click.option("--weights", type=_FILE, help="Checkpoint to start from; the shipped one by default.")
@click.option("--teacher", type=_FILE, help="Checkpoint with the same classes to distil from.")
@click.option(
    "--distillation",
    type=POSITIVE,
    help="Weight of the teacher's classes beside the labels' 1; 1 by default.",
)
@click.option("--alphabet", help="Characters to read, e.g. 0-9A-Z, if others than the checkpoint's.")
@click.option("--kind", help="Kind or mix of rendered plates, e.g. eu; Chinese ones by default.")
@click.option("--output", type=_DIR, required=True, help="Folder of the run; an interrupted run goes on.")
@click.option("--hours", type=POSITIVE, help="Time from the run's first start.")
@click.option("--until", help="Local time HH:MM at which to be finished.")
@click.option("--samples", type=click.IntRange(min=1), help="Number of samples.")
@click.option("--held-out", type=Number(0, 0.9), default=0.1, show_default=True)
@click.option("--rendered-fraction", type=Number(0, 1), help="Rendered samples; 0.5 where they fit.")
@_RECOMBINED
@click.option("--ramp", type=click.IntRange(min=0), default=0, help="Samples until full distortion.")
@click.option("--rate", type=POSITIVE, default=3e-4, show_default=True, help="Highest learning rate.")
@click.option("--batch", type=click.IntRange(min=2), default=32, show_default=True)
@click.option("--seed", type=click.IntRange(0, 2**20), default=2, show_default=True)
@click.option(
    "--pool", type=click.IntRange(0), default=0, help="Draw so many samples once and go through them again."
)
@click.option("--workers", type=click.IntRange(min=0), default=1, show_default=True)
@click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True)
@click.option("--device", default="cpu", show_default=True)
@one_line_errors
def finetune(
    data: Path,
    labels: Path | None,
    weights: Path | None,
    teacher: Path | None,
    distillation: float | None,
    alphabet: str | None,
    kind: str | None,
    output: Path,
    hours: float | None,
    until: str | None,
    samples: int | None,
    held_out: float,
    rendered_fraction: float | None,
    recombined: float,
    ramp: int,
    rate: float,
    batch: int,
    seed: int,
    pool: int,
    workers: int,
    threads: int,
    device: str,
) -> None:
    """Train on from a checkpoint with your own plates."""
    from lprnet.data.dataset import check_labels, from_csv, from_folder
    from lprnet.data.mixture import Mixture
    from lprnet.data.split import split
    from lprnet.network.alphabet import parse_alphabet
    from lprnet.network.checkpoint import load_checkpoint
    from lprnet.network.with_alphabet import with_alphabet
    from lprnet.training.finetune import can_render
    from lprnet.training.train import Settings, limit_threads
    from lprnet.training.train import train as run
    from lprnet.weights import DEFAULT

    _check_kind(kind)
    if distillation is not None and teacher is None:
        raise FatalError("--distillation", "there is no teacher to weigh", "give a --teacher or leave it out")
    limit_threads(threads)
    budget = _budget(output, hours, until, samples)
    start = load_checkpoint(weights or DEFAULT)
    classes = parse_alphabet(alphabet) if alphabet else start.alphabet
    items = from_csv(labels, data) if labels else from_folder(data)
    check_labels(items, classes)
    if not can_render(classes, kind):
        if rendered_fraction or kind:
            raise _unwritable(f"--kind {kind}" if kind else f"--rendered-fraction {rendered_fraction}")
        rendered_fraction = 0.0
    elif rendered_fraction is None:
        rendered_fraction = 0.5
    parts = split(items, held_out)
    crops = tuple((item.read(), item.text) for item in parts.train)
    sets = {"held out": [(item.read(), item.text) for item in parts.held_out]} if parts.held_out else {}
    settings = Settings(
        batch=batch,
        learning_rate=rate,
        ema=0.995,
        distillation=1.0 if distillation is None else distillation,
        workers=workers,
        device=device,
        pool=pool,
    )
    donors = _stock(crops, recombined)
    mixture = Mixture(seed, crops, 1 - rendered_fraction, ramp, kind, donors, recombined)
    metadata = start.lineage | {"started from": start.sha256}
    taught_by = load_checkpoint(teacher) if teacher else None
    if taught_by:
        metadata["distilled from"] = taught_by.sha256
    initial = with_alphabet(start, classes, seed)
    run(output, classes, mixture, budget, settings, initial, _report(sets), metadata, taught_by)


@main.command()
@click.argument("files", nargs=-1, required=True, type=_FILE)
@click.option("--output", type=_FILE, required=True, help="Checkpoint to write.")
@one_line_errors
def average(files: tuple[Path, ...], output: Path) -> None:
    """Average the weights of FILES, runs that went on from the same start."""
    from lprnet.network.average import average as mean
    from lprnet.network.checkpoint import load_checkpoint, save_checkpoint

    averaged = mean([load_checkpoint(file) for file in files], [str(file) for file in files])
    save_checkpoint(output, averaged.state, averaged.alphabet, averaged.metadata)


@main.command()
@click.option("--weights", type=_FILE, help="Checkpoint to start from; the shipped one by default.")
@click.option(
    "--to", multiple=True, required=True, help="LAYER=CHANNELS, e.g. block2.vertical=32 or wide=96."
)
@click.option("--seed", type=click.IntRange(0, 2**20), default=2, show_default=True)
@click.option("--output", type=_FILE, required=True, help="Checkpoint to write.")
@one_line_errors
def widen(weights: Path | None, to: tuple[str, ...], seed: int, output: Path) -> None:
    """Add channels to a network, which computes the same until it is trained on."""
    from lprnet.network.checkpoint import load_checkpoint, save_checkpoint
    from lprnet.network.widen import widen as wider
    from lprnet.weights import DEFAULT

    start = load_checkpoint(weights or DEFAULT)
    metadata = start.lineage | {"widened from": start.sha256, "widened to": " ".join(to)}
    save_checkpoint(output, wider(start, list(to), seed), start.alphabet, metadata)


@main.command("eval")
@click.option("--weights", type=_FILE, help="Checkpoint; the shipped one by default.")
@click.option("--data", type=_DIR, multiple=True, help="Labelled folder.")
@click.option(
    "--rendered", type=click.IntRange(min=1), help="Also this many rendered plates of unseen seeds."
)
@click.option("--kind", help="Their kind or mix; Chinese ones by default.")
@click.option("--strength", type=Number(0, 2), default=1.0, show_default=True, help="Their distortion.")
@click.option("--worst", type=_FILE, help="PNG of misread plates, the most confident first.")
@click.option("--reliability", "plot", type=_FILE, help="SVG of the share read right by confidence.")
@click.option("--json", "as_json", is_flag=True, help="One object a line instead of tables.")
@one_line_errors
def evaluate(
    weights: Path | None,
    data: tuple[Path, ...],
    rendered: int | None,
    kind: str | None,
    strength: float,
    worst: Path | None,
    plot: Path | None,
    as_json: bool,
) -> None:
    """Measure a checkpoint at batch 1, and say what it gets wrong."""
    from device_runtime.files import write_atomic
    from lprnet.data.dataset import from_folder
    from lprnet.evaluation.evaluate import read_all, reliability
    from lprnet.evaluation.reliability import draw
    from lprnet.evaluation.sheet import worst as worst_sheet
    from lprnet.network.checkpoint import load_checkpoint
    from lprnet.plates import render
    from lprnet.training.train import limit_threads
    from lprnet.weights import DEFAULT

    if not data and rendered is None:
        raise FatalError("plates to read", "none given", "give --data or --rendered")
    _check_kind(kind)
    limit_threads(1)
    checkpoint = load_checkpoint(weights or DEFAULT)
    sets: dict[str, list[tuple[Any, str]]] = {
        folder.resolve().name: [(item.read(), item.text) for item in from_folder(folder)] for folder in data
    }
    if rendered is not None:
        crops = (render(UNSEEN, i, strength, kind) for i in range(rendered))
        sets[f"rendered {kind or 'mix'}"] = [(crop.image, crop.text) for crop in crops]
    outcomes = {name: read_all(checkpoint, samples) for name, samples in sets.items()}
    for name, results in outcomes.items():
        click.echo(_as_json(name, results) if as_json else _as_table(name, results))
    if worst is not None:
        picture = worst_sheet([o for results in outcomes.values() for o in results], 120)
        write_atomic(worst, cv2.imencode(".png", picture)[1].tobytes())
    if plot is not None:
        panels = {name: reliability(results) for name, results in outcomes.items()}
        write_atomic(plot, draw(panels).encode())


def _as_json(name: str, outcomes: list[Any]) -> str:
    from lprnet.evaluation.evaluate import accuracy, by_province, calibration_error, confusions, reliability

    bins = reliability(outcomes)
    return json.dumps(
        {
            "dataset": name,
            **msgspec.to_builtins(accuracy(outcomes)),
            "provinces": msgspec.to_builtins(by_province(outcomes)),
            "confusions": [[a, b, n] for (a, b), n in confusions(outcomes).most_common()],
            "reliability": bins,
            "calibration_error": calibration_error(bins),
        },
        ensure_ascii=False,
    )


def _as_table(name: str, outcomes: list[Any]) -> str:
    from lprnet.evaluation.evaluate import accuracy, by_province, calibration_error, confusions, reliability

    result = accuracy(outcomes)
    lines = [
        f"{name}: n {result.n}, accuracy {result.accuracy:.4f} ({result.correct}),"
        f" without province {result.accuracy_without_province:.4f}"
    ]
    provinces = by_province(outcomes).items()
    lines.append("  by first character: " + ", ".join(f"{p} {a.correct}/{a.n}" for p, a in provinces))
    common = confusions(outcomes).most_common(20)
    lines.append("  read as another: " + ", ".join(f"{a}→{b} {n}" for (a, b), n in common))
    bins = reliability(outcomes)
    lines.append("  confidence → share right (n): " + ", ".join(f"{c:.2f}→{r:.2f} ({n})" for c, r, n in bins))
    lines.append(f"  expected calibration error: {calibration_error(bins):.3f}")
    return "\n".join(lines)


def _check_kind(kind: str | None) -> None:
    from lprnet.plates.kinds import KINDS, MIXES

    if kind is not None and kind not in KINDS.keys() | MIXES.keys():
        names = ", ".join([*MIXES, *KINDS])
        raise FatalError(f"--kind {kind}", "no such kind of plate", f"choose one of {names}")


@main.command()
@click.option("--out", type=_FILE, required=True, help="PNG to write.")
@click.option("--count", type=click.IntRange(1, 2000), default=96, show_default=True)
@click.option("--seed", type=click.IntRange(min=0), default=UNSEEN, show_default=True)
@click.option("--strength", type=Number(0, 2), default=1.0, show_default=True)
@click.option("--kind", help="Kind or mix; Chinese ones by default.")
@click.option("--real", type=_DIR, multiple=True, help="Show real crops of this folder below.")
@one_line_errors
def sheet(
    out: Path, count: int, seed: int, strength: float, kind: str | None, real: tuple[Path, ...]
) -> None:
    """Draw rendered plates, beside real ones, as one picture to look at, and compare them in numbers."""
    from device_runtime.files import write_atomic
    from lprnet.data.dataset import from_folder
    from lprnet.evaluation.appearance import table
    from lprnet.evaluation.sheet import beside, tile
    from lprnet.plates import render

    _check_kind(kind)
    rendered = [render(seed, i, strength, kind).image for i in range(count)]
    picture, groups = tile(rendered), [(f"rendered {kind or ''}".strip(), rendered)]
    for folder in real:
        crops = [item.read() for item in from_folder(folder)]
        chosen = np.random.default_rng(seed).permutation(len(crops))[: max(count // 2, 8)]
        picture = beside(picture, tile([crops[i] for i in sorted(chosen)]))
        groups.append((folder.resolve().name, crops))
    click.echo(table(groups))
    write_atomic(out, cv2.imencode(".png", picture)[1].tobytes())


@main.command()
@click.option("--out", type=_DIR, required=True, help="Folder for TEXT.png files.")
@click.option("--count", type=click.IntRange(1, 5000), default=60, show_default=True)
@click.option("--seed", type=click.IntRange(min=0), default=UNSEEN + 1, show_default=True)
@click.option("--kind", help="Kind or mix; every Chinese kind by default.")
@one_line_errors
def samples(out: Path, count: int, seed: int, kind: str | None) -> None:
    """Write sample plates, named by their text."""
    from lprnet.plates.samples import sample_plates, write_samples

    _check_kind(kind)
    write_samples(out, sample_plates(seed, count, kind))


if __name__ == "__main__":
    main()
