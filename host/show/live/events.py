"""The search of events: by plate and how it looks, by board and days, a page at a time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response

from device_runtime.errors import FatalError
from host.show.live.frame import query, respond, sentence_of, store_of
from host.show.live.rows import event_table
from host.store.faults import Unavailable
from host.store.values import Search, StoredEvent

EVENTS = 50
"""A page."""
DISTANCES = (
    ("", "exactly"),
    ("0", "or a look-alike"),
    ("0.5", "within ½"),
    ("1", "within 1"),
    ("1.5", "within 1½"),
)
ORDERS = (("", "newest first"), ("unsure", "least sure first"))
MOST = 500
"""Events, the newest, that the least sure are chosen of."""
FIELDS = ("plate", "distance", "board", "since", "until", "order")


def events(request: Request) -> Response:
    """`/events`, with `FIELDS`, and `before` of the pages behind the first."""
    store, asked = store_of(request), request.query_params
    fields = {key: asked.get(key, "").strip() for key in FIELDS}
    before = asked.get("before")
    wrong = ""
    rows: tuple[StoredEvent, ...] = ()
    next_page = None
    try:
        if fields["order"] == "unsure":
            rows = _unsure(store.events(_search(fields), limit=MOST).rows)
        else:
            page = store.events(_search(fields), before=before, limit=EVENTS)
            rows, next_page = page.rows, page.next
    except Unavailable:
        raise
    except FatalError as error:
        wrong = sentence_of(error)
    except ValueError as error:
        wrong = str(error)
    return respond(
        request,
        "events.html",
        status=HTTPStatus.BAD_REQUEST if wrong else HTTPStatus.OK,
        title="Events",
        fields=fields,
        distances=DISTANCES,
        orders=ORDERS,
        most=MOST,
        wrong=wrong,
        asked=any(fields.values()),
        table=event_table(
            rows, fields["plate"].strip("* "), dict(ORDERS).get(fields["order"], "newest first")
        )
        if rows
        else None,
        older=query("/events", **fields, before=next_page) if next_page else None,
        newer=query("/events", **fields) if before else None,
        live=not before and not wrong,
    )


def _unsure(rows: Sequence[StoredEvent]) -> tuple[StoredEvent, ...]:
    """Those of *rows* whose texts are least sure: what was read wrong is among them."""
    return tuple(
        sorted((one for one in rows if one.event.text), key=lambda one: one.event.confidence)[:EVENTS]
    )


def _search(fields: dict[str, str]) -> Search:
    return Search(
        plate=fields["plate"] or None,
        distance=_number(fields["distance"]) if fields["plate"] and fields["distance"] else None,
        board=fields["board"] or None,
        since=_day(fields["since"]),
        until=_day(fields["until"], timedelta(days=1)),
    )


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError("The distance is no number.") from None


def _day(text: str, later: timedelta = timedelta()) -> datetime | None:
    if not text:
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=timezone.utc) + later
    except (ValueError, OverflowError):
        raise ValueError("A day is written as 2026-01-31.") from None
