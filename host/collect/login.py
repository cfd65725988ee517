"""The log-in before the pages: a password, a cookie that says who has given it, and nothing kept here.

Other sites cannot use the cookie: it is `SameSite=Strict`, and a request that changes something has to come
from these pages themselves. Attempts are limited for each address, and worked on one at a time.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from http import HTTPStatus
from importlib import resources
from urllib.parse import parse_qs, quote, urlsplit

import jinja2
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from host.collect.answers import Refused
from host.collect.body import BodyLimits, BodyReader, Gone
from host.collect.metrics import Metrics
from host.collect.password import SESSION_S, Password, Sessions
from host.collect.rates import Rates

ATTEMPTS = 5
"""Wrong passwords that an address may give at once; another one comes back each minute."""

_FORM = BodyLimits(most_bytes=8 << 10, silent_s=10, whole_s=20)
_SAFE = ("GET", "HEAD")

HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""Of every page; one that a page sets itself stands."""

LOGIN_HTML = resources.files("host.collect").joinpath("pages/login.html").read_text(encoding="utf-8")
"""Template of the page that asks: `wrong` says what was wrong, `next` where to go afterwards."""


def cookie_name(secure: bool) -> str:
    """The cookie's name; browsers take `__Host-` over TLS alone, for this host and every path."""
    return "__Host-lpr" if secure else "lpr"


class Login:
    """Pages behind a password.

    Args:
        password: that lets somebody in.
        sessions: of those who have given it.
        metrics: counts attempts.
        template: as `LOGIN_HTML`.
        now: seconds since 1970.
    """

    def __init__(
        self,
        password: Password,
        sessions: Sessions,
        metrics: Metrics,
        template: str = LOGIN_HTML,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._password, self._sessions = password, sessions
        self._metrics, self._now = metrics, now
        self._page = jinja2.Environment(autoescape=True).from_string(template)
        self._wrong = Rates(1 / 60, ATTEMPTS)
        self._one = asyncio.Lock()
        self._bodies = BodyReader(_FORM)

    def routes(self) -> list[Route]:
        """`/login` and `/logout`."""
        return [
            Route("/login", self._ask, methods=["GET"]),
            Route("/login", self._answer, methods=["POST"]),
            Route("/logout", self._leave, methods=["POST"]),
        ]

    def knows(self, scope: Scope) -> bool:
        """Whether whoever sends this request is logged in."""
        cookie = Request(scope).cookies.get(cookie_name(scope["scheme"] == "https"), "")
        return self._sessions.knows(cookie, self._now())

    def guard(self, app: ASGIApp) -> ASGIApp:
        """*app* for those alone who are logged in; others are sent to `/login`."""

        async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                return
            headers = Headers(scope=scope)
            answer: ASGIApp
            if not self.knows(scope):
                answer = _to_login(scope, headers)
            elif scope["method"] not in _SAFE and not from_here(headers):
                answer = JSONResponse({"error": "asked by another site"}, HTTPStatus.FORBIDDEN)
            else:
                answer = app
            await answer(scope, receive, _with_headers(send))

        return guarded

    async def _ask(self, request: Request) -> Response:
        if self.knows(request.scope):
            return RedirectResponse(_path(request.query_params.get("next", "")), HTTPStatus.SEE_OTHER)
        return self._show("", request.query_params.get("next", ""), HTTPStatus.OK)

    async def _answer(self, request: Request) -> Response:
        address = request.client.host if request.client else ""
        if not from_here(request.headers):
            return self._show("Another site asked for this.", "", HTTPStatus.FORBIDDEN)
        try:
            form = await self._bodies.read(dict(request.scope["headers"]), request.receive)
        except Refused as refused:
            return self._show(refused.why, "", refused.status)
        except Gone:
            return Response()
        try:
            fields = parse_qs(form.decode("ascii"), max_num_fields=8, errors="replace")
        except ValueError:
            fields = {}
        password, wanted = fields.get("password", [""])[0], fields.get("next", [""])[0]
        # Taken before it is known to be wrong, so that many at once count, too.
        if wait_s := self._wrong.take(address):
            self._metrics.count("lpr_logins_total", outcome="throttled")
            page = self._show(
                "Too many wrong passwords. Try again in a minute.", wanted, HTTPStatus.TOO_MANY_REQUESTS
            )
            page.headers["Retry-After"] = str(int(wait_s) + 1)
            return page
        async with self._one:
            right = await run_in_threadpool(self._password.matches, password)
        if not right:
            self._metrics.count("lpr_logins_total", outcome="wrong")
            return self._show("This is not the password.", wanted, HTTPStatus.UNAUTHORIZED)
        self._wrong.take(address, -1)
        self._metrics.count("lpr_logins_total", outcome="right")
        secure = request.url.scheme == "https"
        answer = RedirectResponse(_path(wanted), HTTPStatus.SEE_OTHER, headers=HEADERS)
        answer.set_cookie(
            cookie_name(secure),
            self._sessions.new(self._now()),
            max_age=SESSION_S,
            path="/",
            secure=secure,
            httponly=True,
            samesite="strict",
        )
        return answer

    async def _leave(self, request: Request) -> Response:
        answer = RedirectResponse("/login", HTTPStatus.SEE_OTHER, headers=HEADERS)
        if from_here(request.headers):
            secure = request.url.scheme == "https"
            answer.delete_cookie(
                cookie_name(secure), path="/", secure=secure, httponly=True, samesite="strict"
            )
        return answer

    def _show(self, wrong: str, wanted: str, status: HTTPStatus) -> HTMLResponse:
        text = self._page.render(wrong=wrong, next=_path(wanted))
        return HTMLResponse(text, status, headers=HEADERS)


def from_here(headers: Headers) -> bool:
    """Whether a request came from a page of this very host, as far as browsers tell.

    Programs that are no browsers send neither header, and have no cookie that another site could use.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc == headers.get("host", "")


def _path(wanted: str) -> str:
    """Where to go after the log-in: a path of this host, and of no other."""
    if not wanted.startswith("/") or wanted[:2] in ("//", "/\\") or not wanted.isprintable():
        return "/"
    return quote(wanted, safe="/?&=%:,+~;@!$'()*")


def _to_login(scope: Scope, headers: Headers) -> Response:
    # What a page's script asks for is no place to go to.
    if scope["method"] == "GET" and "text/html" in headers.get("accept", ""):
        path = scope["path"]
        if query := scope.get("query_string", b"").decode("latin-1"):
            path += "?" + query
        return RedirectResponse(f"/login?next={quote(path, safe='')}", HTTPStatus.SEE_OTHER)
    return JSONResponse({"error": "log in first"}, HTTPStatus.UNAUTHORIZED)


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return sending
