"""`lpr-host sign`: a bundle → the same bundle, signed."""

from __future__ import annotations

from pathlib import Path

import click

from host.commands import options


@click.command("sign")
@click.argument("bundle", type=options.FOLDER)
@options.signing_key("--key", required=True)
def sign_command(bundle: Path, key: Path) -> None:
    """Sign the bundle in folder BUNDLE, as `lpr-run --require-signature` demands."""
    from device_runtime.bundle.signature import SIGNATURE_NAME
    from host.bundle.sign import load_key, sign

    public = sign(bundle, load_key(key))
    click.echo(f"{bundle / SIGNATURE_NAME}: by key {public.identity.hex()}")
