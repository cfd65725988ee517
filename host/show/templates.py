"""Templates: everything that comes from a board is text in them, and is seen as such."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from functools import cache
from typing import Any

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from host.show import assets
from host.show.chart import COLORS, DASHES, Chart
from host.show.duration import duration
from host.show.markup import html, visible


def payload(chart: Chart) -> Markup:
    """What charts.js draws, as JSON that may stand in a script element."""
    data = msgspec.json.encode(_seen(msgspec.to_builtins(chart.drawing))).decode()
    # Nothing in it ends the element or begins a comment (HTML standard, 4.12.1.3).
    return Markup(data.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def render(template: str, values: Mapping[str, object]) -> str:
    """The page that *template* makes of *values*."""
    return _environment().get_template(template).render(values)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("host.show", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(colors=COLORS, dashes=DASHES, asset=assets.address, payload=payload)
    environment.filters.update(utc=_utc, iso=_iso, duration=duration, key=_key)
    return environment


def _finalize(value: object) -> object:
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _seen(value: Any) -> Any:
    match value:
        case str():
            return visible(value)
        case dict():
            return {key: _seen(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_seen(inner) for inner in value]
    return value


def _utc(time: datetime) -> str:
    return time.astimezone(timezone.utc).strftime("%Y-%m-%d %H:%M:%S")


def _iso(time: datetime) -> str:
    return time.astimezone(timezone.utc).isoformat(timespec="milliseconds")


def _key(color: int) -> Markup:
    """A piece of the line that stands for a series."""
    return html('<span class="key c{} d{}"></span>', color % COLORS, color // COLORS % DASHES)
