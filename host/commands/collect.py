"""`lpr-host collect`: takes what boards send, and shows it."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

import click

from device_runtime.errors import FatalError
from device_runtime.service.address import Address, parse_address
from host.commands import options
from lprnet.commands.options import Number

LOG = logging.getLogger(__name__)

_CLOSE_S = 0.5

_DAYS = Number(0.01, 36_525)
"""Up to a century."""


class _AddressType(click.ParamType):
    name = "address"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Address:
        """[HOST:]PORT; ":PORT" is every address of this machine."""
        if isinstance(value, Address):
            return value
        text = str(value)
        try:
            return parse_address(f"0.0.0.0{text}" if text.startswith(":") else text)
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.command("collect")
@click.option(
    "--http",
    type=_AddressType(),
    metavar="[HOST:]PORT",
    help="Listen here for boards and people; :PORT on all addresses.",
)
@click.option("--tls-cert", type=options.FILE, help="Encrypt with this certificate and its chain, PEM.")
@click.option("--tls-key", type=options.FILE, help="The certificate's private key, PEM.")
@click.option(
    "--serial",
    multiple=True,
    metavar="[BOARD=]PORT[@BAUD]",
    help="Serial line of a board, which has the port's name by default; repeatable.",
)
@click.option(
    "--mqtt",
    metavar="mqtt[s]://[USER@]HOST[:PORT][/PREFIX]",
    help="MQTT 5 broker that boards publish to; the password comes from LPR_MQTT_PASSWORD or a file.",
)
@options.db
@click.option(
    "--password-file",
    type=options.FILE,
    help="Keeps the hash of the password for the pages. If missing it is made, and the password shown once.",
)
@click.option(
    "--rate",
    type=Number(0.1, 1e6),
    default=100.0,
    show_default=True,
    help="Items a second that a board may send in the long run.",
)
@click.option(
    "--keep-days",
    type=_DAYS,
    default=30.0,
    show_default=True,
    help="Delete events and their pictures after so many days.",
)
@click.option("--keep-crops-days", type=_DAYS, help="The pictures sooner than that.")
@click.option(
    "--keep-health-days",
    type=_DAYS,
    default=90.0,
    show_default=True,
    help="Delete health reports after so many days.",
)
def collect_command(
    http: Address | None,
    tls_cert: Path | None,
    tls_key: Path | None,
    serial: tuple[str, ...],
    mqtt: str | None,
    db: str,
    password_file: Path | None,
    rate: float,
    keep_days: float,
    keep_crops_days: float | None,
    keep_health_days: float,
) -> None:
    """Take reports, health and events from many boards at once, and show them.

    What is acknowledged is on disk. Boards need tokens for HTTP: see `lpr-host boards add`. SIGTERM and
    Ctrl-C end it in order within 2 s. docs/fleet.md says how to run it.
    """
    if http is None and not serial and mqtt is None:
        raise FatalError("collect", "has nothing to listen to", "give --http, --serial or --mqtt")
    if (tls_cert is None) != (tls_key is None):
        raise FatalError("--tls-cert, --tls-key", "belong together", "give both, or none")
    from device_runtime.secret import read_token
    from host.collect.app import ITEMS, METRICS_TOKEN, AppSettings
    from host.collect.collector import CollectorSettings, collect
    from host.collect.items import Limits
    from host.collect.mqtt_source import parse_mqtt
    from host.collect.password import open_password
    from host.collect.serial_input import parse_serial
    from host.collect.server import Tls
    from host.show.live.routes import routes
    from host.store.store import open_store
    from host.store.values import Retention

    tls = Tls(tls_cert, tls_key) if tls_cert and tls_key else None
    if tls:
        tls.check()
    sources, broker = tuple(map(parse_serial, serial)), parse_mqtt(mqtt) if mqtt else None
    password, made = open_password(password_file)
    settings = CollectorSettings(
        http=http,
        tls=tls,
        serial=sources,
        mqtt=broker,
        app=AppSettings(
            password=password, metrics_token=read_token(name=METRICS_TOKEN), limits=Limits(items_s=rate)
        ),
        retention=Retention(
            events=keep_days, crops=min(keep_crops_days or keep_days, keep_days), health=keep_health_days
        ),
        pages=routes(),
    )
    scheme = "https" if tls else "http"

    def ready(address: Address | None) -> None:
        if address is not None:
            LOG.info(
                "boards send to %s://%s%s; pages are at %s://%s/", scheme, address, ITEMS, scheme, address
            )

    store = open_store(db)
    try:
        LOG.info("stores in %s", store.name)
        if made and http:
            click.echo(f"password for the pages: {made}")
        if http and not tls and not http.is_loopback:
            LOG.warning("--http %s: tokens and the password can be read on the way; use --tls-cert", http)
        collect(settings, store, ready=ready)
    finally:
        # A database that does not answer must not keep it from ending.
        closing = threading.Thread(target=store.close, daemon=True)
        closing.start()
        closing.join(_CLOSE_S)
