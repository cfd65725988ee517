"""The addresses of the collector's pages."""

from __future__ import annotations

from starlette.routing import BaseRoute, Route

from host.show.live.benchmarks import benchmarks
from host.show.live.board import board
from host.show.live.event import event
from host.show.live.events import events
from host.show.live.files import crop, static
from host.show.live.frame import Page, answering, missing
from host.show.live.overview import Overview
from host.show.live.updates import Updates


def routes() -> list[BaseRoute]:
    """All pages, for `host.collect.app.create_app`; they read the store at `request.app.state.store`."""
    overview = Overview()
    pages: dict[str, Page] = {
        "/": overview.show,
        "/boards/{name:path}": board,
        "/events": events,
        "/events/{row:int}": event,
        "/benchmarks": benchmarks,
        "/crops/{row:int}.jpg": crop,
        "/static/{version}/{name:path}": static,
    }
    return [
        Route("/updates", Updates().tell, methods=["GET"]),
        *(Route(path, answering(page), methods=["GET"]) for path, page in pages.items()),
        Route("/{rest:path}", answering(missing)),
    ]
