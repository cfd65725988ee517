"""What live pages have in common: the frame around them, headers, and pages that say what is wrong."""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import datetime, timezone
from http import HTTPStatus
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import Response

from device_runtime.errors import FatalError
from host.show import assets
from host.show.duration import duration
from host.show.templates import render
from host.store.faults import Unavailable
from host.store.store import Store

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
"""Nothing on a page runs or is fetched but what the collector serves, and no browser keeps one."""

Page = Callable[[Request], Response]


class Missing(Exception):
    """There is nothing at this address; says so in a sentence."""


class Wrong(Exception):
    """The address asks for what cannot be; says why in a sentence."""


def store_of(request: Request) -> Store:
    """Where everything is read from."""
    store: Store = request.app.state.store
    return store


def utc_now() -> datetime:
    """By the collector's clock."""
    return datetime.now(timezone.utc)


def respond(
    request: Request, template: str, *, status: HTTPStatus = HTTPStatus.OK, **values: object
) -> Response:
    """The page that *template* makes of *values*; those that most pages lack may be left out."""
    defaults: dict[str, object] = {
        "path": request.url.path,
        "now": utc_now(),
        "styles": assets.STYLES,
        "scripts": assets.LIVE_SCRIPTS,
        "subtitle": "",
        "condition": None,
        "troubles": "",
        "tiles": (),
        "choices": (),
        "sections": (),
        "newer": None,
        "older": None,
        "more": None,
    }
    text = render(template, defaults | values)
    return Response(text, status, media_type="text/html", headers=HEADERS)


def answering(page: Page) -> Page:
    """*page*, with a page that says what is wrong where it raises."""

    @functools.wraps(page)
    def answer(request: Request) -> Response:
        try:
            return page(request)
        except Missing as missing:
            return _sorry(request, HTTPStatus.NOT_FOUND, "Nothing here", str(missing))
        except Unavailable as error:
            return _sorry(request, HTTPStatus.SERVICE_UNAVAILABLE, "Not now", sentence_of(error))
        except FatalError as error:
            return _sorry(request, HTTPStatus.BAD_REQUEST, "Not like this", sentence_of(error))
        except Wrong as wrong:
            return _sorry(request, HTTPStatus.BAD_REQUEST, "Not like this", str(wrong))

    return answer


def missing(request: Request) -> Response:
    """Of addresses that no other page has."""
    raise Missing("There is no such page.")


def sentence_of(error: FatalError) -> str:
    """What is wrong, why, and what to do."""
    return f"{error.what} {error.why} – {error.todo}."


def board_address(name: str) -> str:
    """The page of a board."""
    return f"/boards/{quote(name, safe='')}"


def query(path: str, **values: object) -> str:
    """*path* with the *values* that are not empty."""
    given = {key: value for key, value in values.items() if value not in ("", None)}
    return f"{path}?{urlencode(given)}" if given else path


def ago(time: datetime | None, now: datetime) -> str:
    """How long ago *time* was, in words."""
    return "never" if time is None else f"{duration((now - time).total_seconds())} ago"


def _sorry(request: Request, status: HTTPStatus, title: str, words: str) -> Response:
    return respond(request, "live.html", status=status, title=title, subtitle=words, live=False)
