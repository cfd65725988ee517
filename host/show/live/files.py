"""What pages are made with: styles, scripts, and pictures of plates."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from host.show import assets
from host.show.live.frame import HEADERS, Missing, store_of


def crop(request: Request) -> Response:
    """`/crops/ID.jpg`, the picture of an event's plate."""
    row = request.path_params["row"]
    jpeg = store_of(request).crop(row) if row < 1 << 62 else None
    if jpeg is None:
        raise Missing("There is no such picture; perhaps it was kept as long as it may be.")
    return Response(jpeg, media_type="image/jpeg", headers=HEADERS)


def static(request: Request) -> Response:
    """`/static/VERSION/NAME`; what has another content has another address."""
    name = request.path_params["name"]
    if name not in (*assets.STYLES, *assets.LIVE_SCRIPTS):
        raise Missing("There is no such file.")
    kind = assets.CONTENT_TYPES[name[name.rindex(".") :]]
    kept = {"Cache-Control": "private, max-age=31536000, immutable"}
    return Response(assets.text(name), media_type=kind, headers=HEADERS | kept)
