"""`lpr-host test-device`: does a bundle compute on its board what the network computes here?"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import click

from device_runtime.errors import FatalError
from host.commands import options
from host.paths import SAMPLES
from host.targets.profile import Target


@click.command("test-device")
@options.target
@options.bundle
@options.weights()
@click.option(
    "--images", type=options.FOLDER, default=SAMPLES, help="Plates to read; the samples by default."
)
def test_device_command(target: Target, bundle: Path | None, weights: Path | None, images: Path) -> None:
    """Run a target's bundle and compare plates and logits with those of a bundle built for this machine.

    The bundle is built first if it is missing. It runs on the target's emulated CPU; if the target is not
    emulated, on this machine.

    Exit status: 0 if they agree, 1 if not, 2 on an error.
    """
    from device_runtime.bundle.manifest import MANIFEST_NAME, read_manifest
    from host.build import Request, build
    from host.check.parity import compare, on_board, on_host
    from host.precision import computed_here
    from host.targets.read import load_target
    from lprnet.weights import of_recipe

    checkpoint = weights or of_recipe(target.recipe.pruning)
    bundle = bundle or Path("build") / target.name
    if not (bundle / MANIFEST_NAME).is_file():
        build(Request(target=target, output=bundle, checkpoint=checkpoint))
    manifest = read_manifest(bundle)
    with tempfile.TemporaryDirectory(prefix="native-") as scratch:
        native = Path(scratch) / "native"
        machine = load_target("native")
        precision = computed_here(manifest.precision, machine.arch, machine.cpu_features)
        build(Request(target=machine, output=native, checkpoint=checkpoint, precision=precision))
        if read_manifest(native).checkpoint.sha256 != manifest.checkpoint.sha256:
            raise FatalError(
                str(bundle),
                f"was built from {manifest.checkpoint.name}, not from {checkpoint}",
                "name its checkpoint with --weights, or remove the bundle",
            )
        host = on_host(native, images)
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
