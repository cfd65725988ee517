"""`lpr-host test-device`: does a bundle compute on its board what the network computes here?"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from host.commands import options
from host.targets.profile import Target
from lprnet.commands.options import foreign

if TYPE_CHECKING:
    from lprnet.network.checkpoint import Source


@click.command("test-device")
@options.target
@options.bundle
@options.weights("the shipped one that the bundle was built from")
@foreign()
@options.calibration
@click.option("--observer", help="The one that the bundle was built with, if not mse.")
@click.option(
    "--images", type=options.FOLDER, help="Plates to read; by default the samples that it can read."
)
def test_device_command(
    target: Target,
    bundle: Path | None,
    weights: Path | None,
    source: Source,
    calibration: Path | None,
    observer: str | None,
    images: Path | None,
) -> None:
    """Run a target's bundle and compare plates and logits with what its network computes in PyTorch.

    The bundle is built first if it is missing. It runs on the target's emulated CPU; if the target is not
    emulated, on this machine.

    Exit status: 0 if they agree, 1 if not, 2 on an error.
    """
    from device_runtime.bundle.manifest import MANIFEST_NAME, read_manifest
    from host.build import Request, build
    from host.check.parity import compare, expected, on_board, on_host
    from host.quantize import Options
    from host.quantize.calibration import samples_for
    from lprnet.network.alphabet import Alphabet

    request = Request(
        target=target,
        output=bundle or Path("build") / target.name,
        checkpoint=weights,
        source=source,
        calibration=calibration,
        quantization=Options(observer) if observer else Options(),
    )
    bundle = request.output
    if not (bundle / MANIFEST_NAME).is_file():
        build(request)
    manifest = read_manifest(bundle)
    images = images or samples_for(Alphabet(manifest.alphabet, manifest.blank))
    host = expected(request, images)
    where = f"emulated {target.emulate_cpu}" if target.emulate_cpu else "this machine"
    click.echo(f"running {bundle} on {where}", err=True)
    start = time.monotonic()
    board = on_board(bundle, images, target) if target.emulate_cpu else on_host(bundle, images)
    result = compare(board, host, images, manifest.precision, manifest.golden.atol)
    for line in result.different:
        click.echo(line)
    click.echo(
        f"{target.name} on {where} ({time.monotonic() - start:.0f} s): "
        f"{result.images - len(result.different)} of {result.images} plates equal the host's, "
        f"logits differ by {result.max_difference:.2g} at most (allowed {result.tolerance:g})"
    )
    sys.exit(0 if result.agree else 1)
