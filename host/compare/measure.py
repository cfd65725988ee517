"""Two bundles run in turns, each run in a process of its own, with the lpr-run that the bundle brings."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from device_runtime.errors import FatalError
from device_runtime.report.report import REPORT, Report
from host.compare.side import Side
from lprnet.console import track

LOG = logging.getLogger(__name__)


def measure(
    sides: tuple[Side, Side],
    work: Path,
    *,
    data: Sequence[Path],
    scenes: Path | None,
    rounds: int,
    frames: int,
    threads: int,
) -> tuple[Side, Side]:
    """Both with reports of *rounds* runs each, and with what they read of *data*.

    The order changes from round to round, A B B A, so that what gets slower with time slows both.

    Args:
        work: folder for what they write.
        data: folders of plates named by their text; frames, too, without *scenes*.
        scenes: photographs on which plates are looked for.
        frames: of a run.

    Raises:
        FatalError: one of them fails.
    """
    programs = [_Program(side, work / f"program-{i}") for i, side in enumerate(sides)]
    # --crop: what a plate fills.
    looked_at = ["--images", str(scenes)] if scenes else ["--crop", "--images", *map(str, data)]
    options = [*looked_at, "--benchmark", str(frames), "--threads", str(threads)]
    reports: tuple[list[Report], list[Report]] = ([], [])
    for number in track(range(rounds), "rounds", logger=LOG):
        for i in (0, 1) if number % 2 == 0 else (1, 0):
            path = work / f"report-{i}-{number}.json"
            programs[i].run([*options, "--report", f"file:{path}"])
            reports[i].append(REPORT.read(path))
    a, b = (
        replace(side, reports=tuple(of_side), plates=_plates(program, data))
        for side, of_side, program in zip(sides, reports, programs, strict=True)
    )
    return a, b


class _Program:
    """A bundle and the lpr-run in it."""

    def __init__(self, side: Side, folder: Path) -> None:
        assert side.bundle is not None
        self.name, self._bundle, self._folder = side.name, side.bundle.absolute(), folder
        wheels = sorted(side.bundle.glob("lpr_device_runtime-*.whl"))
        if not wheels:
            raise FatalError(str(side.bundle), "brings no lpr-run", "build the bundle again")
        with zipfile.ZipFile(wheels[-1]) as wheel:
            wheel.extractall(folder)

    def run(self, options: Sequence[str]) -> str:
        """What it prints."""
        command = [sys.executable, "-m", "device_runtime.cli", "--bundle", str(self._bundle), *options]
        done = subprocess.run(
            command,
            cwd=self._folder,
            env={**os.environ, "PYTHONPATH": str(self._folder)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["nothing was said"])[-1]
            raise FatalError(self.name, f"its lpr-run fails: {last}", "try the bundle by itself")
        return done.stdout


def _plates(program: _Program, data: Sequence[Path]) -> dict[str, bool]:
    """Whether each plate was read right, by its file."""
    said = program.run(["--crop", "--images", *map(str, data), "--labels", "name", "--json"])
    objects = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    return {found["source"]: bool(found["correct"]) for found in objects if "correct" in found}
