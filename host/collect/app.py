"""The web application: what boards, Prometheus, a load balancer and people ask for.

POST /items       boards, by their tokens
GET  /metrics     Prometheus, by a token of its own, or from this machine
GET  /healthz     anybody
/login /logout    people; and behind it everything else: the pages
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from device_runtime.errors import FatalError
from host.collect.items import Items, Limits
from host.collect.login import Login
from host.collect.metrics import CONTENT_TYPE, Metrics
from host.collect.password import Password, Sessions
from host.store.store import Store

ITEMS = "/items"
"""Where boards send to."""

METRICS_TOKEN = "LPR_METRICS_TOKEN"
"""Environment variable of the token for `/metrics`, see `read_secret`."""


@dataclass(frozen=True, kw_only=True)
class AppSettings:
    """What the application needs to know.

    Attributes:
        password: for the pages.
        metrics_token: for `/metrics`; without one this machine alone may ask.
        limits: of each board.
    """

    password: Password
    metrics_token: str | None = None
    limits: Limits = field(default_factory=Limits)


def create_app(
    store: Store, settings: AppSettings, metrics: Metrics, pages: Sequence[BaseRoute] = ()
) -> ASGIApp:
    """The ASGI application.

    Args:
        store: where items go and come from.
        settings: as above.
        metrics: counts.
        pages: routes behind the log-in; their requests have the store in `request.app.state.store`.
    """
    sessions = Sessions(store.secret("sessions"), settings.password)
    login = Login(settings.password, sessions, metrics)

    async def tell_metrics(request: Request) -> Response:
        if not _may_ask(request, settings.metrics_token):
            return JSONResponse({"error": "bring the token for metrics"}, HTTPStatus.UNAUTHORIZED)
        return Response(await run_in_threadpool(metrics.text), media_type=CONTENT_TYPE)

    async def tell_health(request: Request) -> Response:
        try:
            await run_in_threadpool(store.check)
        except FatalError as error:
            return PlainTextResponse(f"{error.why}\n", HTTPStatus.SERVICE_UNAVAILABLE)
        return PlainTextResponse("ok\n")

    app = Starlette(
        routes=[
            Route("/metrics", tell_metrics, methods=["GET"]),
            Route("/healthz", tell_health, methods=["GET"]),
            *login.routes(),
            Mount("/", login.guard(Router(list(pages)))),
        ]
    )
    app.state.store = store
    items = Items(store, metrics, settings.limits)

    async def first(scope: Scope, receive: Receive, send: Send) -> None:
        # What boards ask for passes by the framework.
        if scope["type"] == "http" and scope["path"] == ITEMS:
            await items(scope, receive, send)
        else:
            await app(scope, receive, send)

    return first


def _may_ask(request: Request, token: str | None) -> bool:
    if token is None:
        try:
            return request.client is not None and ipaddress.ip_address(request.client.host).is_loopback
        except ValueError:
            return False
    kind, _, given = request.headers.get("authorization", "").partition(" ")
    return kind.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), token.encode())
