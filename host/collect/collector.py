"""A collector: its inputs, its web server, and its end.

boards ── HTTP ────▶ ┐
       ── serial ──▶ ├──▶ store ──▶ database
       ── MQTT ────▶ ┘      ▲
people ── pages ────────────┘
"""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import signal
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from starlette.routing import BaseRoute

from device_runtime.service.address import Address
from device_runtime.service.notify import Notifier
from host.collect.app import AppSettings, create_app
from host.collect.metrics import Measured, Metrics
from host.collect.mqtt_input import MqttInput
from host.collect.mqtt_source import MqttSource
from host.collect.retire import Retiring
from host.collect.serial_input import SerialInput, SerialSource
from host.collect.server import HEAD_S, Tls, WebServer, listen
from host.store.store import Store
from host.store.values import Retention

LOG = logging.getLogger(__name__)

INPUT_END_S = 0.5
"""How long inputs may take to end: a service that is told to end has 2 s for everything."""

_TELL_S = 5.0


@dataclass(frozen=True, kw_only=True)
class CollectorSettings:
    """What is to be collected from where.

    Attributes:
        http: where to listen; nowhere where None.
        tls: to encrypt with.
        serial: lines.
        mqtt: a broker.
        app: for the web application.
        retention: how long what is stored is kept.
        pages: routes behind the log-in.
        head_s: how long the head of a request may take to arrive.
    """

    http: Address | None
    tls: Tls | None = None
    serial: Sequence[SerialSource] = ()
    mqtt: MqttSource | None = None
    app: AppSettings
    retention: Retention
    pages: Sequence[BaseRoute] = ()
    head_s: float = HEAD_S


def collect(
    settings: CollectorSettings,
    store: Store,
    *,
    stopping: asyncio.Event | None = None,
    ready: Callable[[Address | None], None] = lambda address: None,
) -> None:
    """Collect until SIGTERM or Ctrl-C, or until *stopping* is set.

    Args:
        settings: from where.
        store: where to; whoever opened it closes it.
        stopping: to be set in the loop that this function runs.
        ready: is told, in that loop, where the web server listens.

    Raises:
        FatalError: an input cannot be opened.
    """
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_Collector(settings, store).run(stopping, ready))


class _Collector:
    def __init__(self, settings: CollectorSettings, store: Store) -> None:
        self._settings, self._store = settings, store
        self._metrics = Metrics()
        self._serial: list[SerialInput] = []
        self._mqtt: MqttInput | None = None
        self._web: WebServer | None = None

    async def run(self, stopping: asyncio.Event | None, ready: Callable[[Address | None], None]) -> None:
        settings, stopping = self._settings, stopping or asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            try:
                loop.add_signal_handler(number, stopping.set)
            except (RuntimeError, ValueError):
                # Not the main thread: whoever started it ends it.
                break
        notifier = Notifier()
        with ExitStack() as stack:
            stack.callback(self._close_inputs)
            self._open_inputs()
            stack.callback(Retiring(self._store, settings.retention).close)
            self._measure()
            tasks: list[Coroutine[Any, Any, None]] = []
            address = None
            if settings.http is not None:
                listening = stack.enter_context(listen(settings.http))
                address = Address(settings.http.host, listening.getsockname()[1])
                app = create_app(self._store, settings.app, self._metrics, settings.pages)
                self._web = WebServer(app, settings.tls, settings.head_s)
                tasks.append(self._web.serve(listening))
            running = [asyncio.create_task(task) for task in (self._tell(notifier), *tasks)]
            ended = asyncio.create_task(stopping.wait())
            while self._web is not None and not self._web.started and not running[-1].done():
                await asyncio.sleep(0.01)
            notifier.send(READY=1)
            ready(address)
            await asyncio.wait([ended, *running], return_when=asyncio.FIRST_COMPLETED)
            notifier.send(STOPPING=1)
            await self._end(running)

    async def _end(self, running: Sequence[asyncio.Task[None]]) -> None:
        closing = asyncio.create_task(asyncio.to_thread(self._close_inputs))
        if self._web is not None:
            self._web.stop()
            await running[-1]
        await closing
        for task in running:
            task.cancel()
        for outcome in await asyncio.gather(*running, return_exceptions=True):
            if isinstance(outcome, Exception):
                raise outcome

    def _open_inputs(self) -> None:
        settings = self._settings
        for source in settings.serial:
            self._serial.append(SerialInput(source, self._store, self._metrics))
            LOG.info("%s: takes what %s sends", source.port, source.board)
        if settings.mqtt is not None:
            self._mqtt = MqttInput(settings.mqtt, self._store, self._metrics)
            LOG.info("%s: takes what boards publish", settings.mqtt)

    def _close_inputs(self) -> None:
        end = time.monotonic() + INPUT_END_S
        inputs: list[SerialInput | MqttInput] = [*self._serial, *([self._mqtt] if self._mqtt else [])]
        for one in inputs:
            one.close(max(end - time.monotonic(), 0.05))
        self._serial, self._mqtt = [], None

    def _measure(self) -> None:
        def measure() -> Measured:
            counts = self._store.counts()
            yield "lpr_waiting_items", {}, counts.waiting
            yield "lpr_transactions_total", {}, counts.groups
            yield "lpr_store_failed_items_total", {}, counts.failed
            yield "lpr_store_busy_items_total", {}, counts.busy
            for kind, n in sorted(counts.stored.items()):
                yield "lpr_stored_items_total", {"kind": kind}, n
            for table, n in sorted(counts.retired.items()):
                yield "lpr_expired_rows_total", {"table": table}, n
            yield "lpr_http_connections", {}, self._web.connections if self._web else 0
            yield "lpr_serial_ports_open", {}, sum(one.is_open for one in self._serial)
            yield "lpr_mqtt_connected", {}, self._mqtt is not None and self._mqtt.is_connected

        self._metrics.measure(measure)

    async def _tell(self, notifier: Notifier) -> None:
        """Signs of life for systemd, from the loop that answers: where it hangs they end."""
        every_s = min(_TELL_S, notifier.watchdog_s / 2) if notifier.watchdog_s else _TELL_S
        while True:
            counts = self._store.counts()
            stored = sum(counts.stored.values())
            notifier.send(WATCHDOG=1, STATUS=f"{stored} items stored, {counts.waiting} waiting")
            await asyncio.sleep(every_s)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's where it is installed."""
    if importlib.util.find_spec("uvloop") is None:
        return None
    made: Callable[[], asyncio.AbstractEventLoop] = importlib.import_module("uvloop").new_event_loop
    return made
