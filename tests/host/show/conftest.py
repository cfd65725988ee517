"""A fleet in a store, its pages in an application, and a browser that looks at them."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette

from host.collect.login import Login
from host.collect.metrics import Metrics
from host.collect.password import Sessions
from host.show.live.routes import routes
from host.store.received import received
from host.store.store import Store, open_store
from tests import fleets
from tests.host.collect.collecting import HASHED

CHROMIUM = Path("/usr/bin/chromium")


@pytest.fixture(scope="session")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Boards with a day of health reports, 120 events and some benchmarks; nobody adds to it."""
    now = datetime.now(timezone.utc)
    with open_store(f"sqlite:///{tmp_path_factory.mktemp('fleet')}/lpr.db") as store:
        for board, name in enumerate(("gate-0", fleets.NASTY, "gate-2", "gate-3", "gate-4")):
            reports = fleets.health_of(board, every_s=900.0, now=now, last=board == 2)
            bodies = [fleets.item("health", h, h.created_at, board * 1000 + i) for i, h in enumerate(reports)]
            store.add(name, [received(body, name) for body in bodies])
        store.add_token("gate-new")
        passages = [*fleets.events(120, now), (fleets.event_of(120, "<i>A1</i>\u202e\x07", now), None)]
        for i, (event, crop) in enumerate(passages):
            store.add("gate-0", [received(fleets.item("event", event, event.first_seen, i, crop), "gate-0")])
        for i, report in enumerate(fleets.benchmark_reports()):
            store.add("gate-0", [received(fleets.item("report", report, now, i), "gate-0")])
        yield store


@contextmanager
def serving(store: Store) -> Iterator[str]:
    """The address of a server with the pages of *store*, and the one that asks for a password."""
    login = Login(HASHED, Sessions(store.secret("sessions"), HASHED), Metrics())
    app = Starlette(routes=[*login.routes(), *routes()])
    app.state.store = store
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_config=None, lifespan="off", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    thread.join(10)


@pytest.fixture(scope="session")
def site(fleet: Store) -> Iterator[str]:
    """The address of a server with the pages of *fleet*."""
    with serving(fleet) as address:
        yield address


@pytest.fixture
def growing(tmp_path: Path) -> Iterator[tuple[Store, str]]:
    """A store with two boards that are well, to add to, and the address of its pages."""
    now = datetime.now(timezone.utc)
    with open_store(f"sqlite:///{tmp_path}/lpr.db") as store:
        for board, name in enumerate(("gate-0", "gate-1")):
            health = list(fleets.health_of(board, hours=1, now=now))
            store.add(
                name,
                [
                    received(fleets.item("health", one, one.created_at, i), name)
                    for i, one in enumerate(health)
                ],
            )
        with serving(store) as address:
            yield store, address


# Not for longer than a file's tests: an event loop runs in this thread while Playwright is open, and
# what is tested next in the same worker may want one of its own.
@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Debian's Chromium, without a window."""
    if not CHROMIUM.exists():
        pytest.skip("there is no /usr/bin/chromium; make test installs it")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # The sandbox needs what containers do not give; only pages of these tests are opened.
        opened = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield opened
        opened.close()
