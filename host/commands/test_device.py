"""`lpr-host test-device`: does a bundle compute on its board what the network computes here?"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import click

from device_runtime.bundle.manifest import MANIFEST_NAME, read_manifest
from device_runtime.console import one_line_errors
from device_runtime.errors import FatalError
from host.paths import SAMPLES
from host.targets.read import load_target


@click.command("test-device")
@click.option("--target", "name", default="rpi4", show_default=True, help="Profile name or .toml file.")
@click.option(
    "--bundle", type=click.Path(path_type=Path), help="Built first if missing.  [default: build/TARGET]"
)
@click.option(
    "--weights", type=click.Path(path_type=Path), help="The bundle's checkpoint, if not the shipped one."
)
@click.option("--images", type=click.Path(path_type=Path), default=SAMPLES, help="[default: lprnet/samples]")
@one_line_errors
def test_device_command(name: str, bundle: Path | None, weights: Path | None, images: Path) -> None:
    """Run a target's bundle under emulation and compare plates and logits with this machine's.

    Exit status: 0 if they agree, 1 if not, 2 on an error.
    """
    target = load_target(name)
    from host.build import Request, build
    from host.check.parity import compare, on_board, on_host
    from lprnet.weights import DEFAULT

    checkpoint = weights or DEFAULT
    bundle = bundle or Path("build") / target.name
    if not (bundle / MANIFEST_NAME).is_file():
        build(Request(target, bundle, checkpoint))
    manifest = read_manifest(bundle)
    with tempfile.TemporaryDirectory(prefix="native-") as scratch:
        native = Path(scratch) / "native"
        # Machines without half arithmetic compute in fp32 what others round to fp16.
        precision = "fp32" if manifest.precision == "fp16" else manifest.precision
        build(Request(load_target("native"), native, checkpoint, precision), log=lambda _: None)
        if read_manifest(native).checkpoint.sha256 != manifest.checkpoint.sha256:
            raise FatalError(
                str(bundle),
                f"was built from {manifest.checkpoint.name}, not from {checkpoint}",
                "name its checkpoint with --weights, or remove the bundle",
            )
        host = on_host(native, images)
    start = time.monotonic()
    click.echo(f"running {bundle} as {target.emulate_cpu}", err=True)
    board = on_board(bundle, images, target)
    result = compare(board, host, images, manifest.precision, manifest.golden.atol)
    for line in result.different:
        click.echo(line)
    click.echo(
        f"{target.name} under emulation ({target.emulate_cpu}, {time.monotonic() - start:.0f} s): "
        f"{result.images - len(result.different)} of {result.images} plates equal the host's, "
        f"logits differ by {result.max_difference:.2g} at most (allowed {result.tolerance:g})"
    )
    sys.exit(0 if result.agree else 1)
