"""Events as rows of a table and as pictures, with what live pages link them to."""

from __future__ import annotations

from collections.abc import Sequence

from device_runtime.follow.look_alike import distance
from host.show.live.frame import board_address
from host.show.markup import html
from host.show.pictures import Picture
from host.show.section import Section
from host.show.seen import direction_of, others_of, plate_of, sentence, sure_of
from host.show.table import Table
from host.store.values import StoredEvent


def event_table(rows: Sequence[StoredEvent], plate: str, order: str = "newest first") -> Table:
    """Events with their pictures, and where *plate* is given, how far each one's looks are from it."""
    headings = ("plate", "picture", *(("distance",) if plate else ()), "confidence", "seen, UTC", "board")
    return Table(
        caption=f"Events, {order}" + (f", and how far they look from {plate}" if plate else ""),
        headings=(*headings, "direction", "readings", "also read"),
        rows=[
            (
                html('<a class="plate" href="/events/{}">{}</a>', one.id, plate_of(one.event)),
                html('<img class="crop" src="/crops/{}.jpg" alt="" loading="lazy">', one.id)
                if one.has_crop
                else "–",
                *((f"{distance(plate, one.event.text):g}",) if plate else ()),
                sure_of(one.event),
                html('<span class="time">{}</span>', f"{one.at:%Y-%m-%d %H:%M:%S}"),
                html('<a href="{}">{}</a>', board_address(one.board), one.board),
                direction_of(one.event.direction),
                f"{one.event.readings}",
                others_of(one.event),
            )
            for one in rows
        ],
        words=frozenset({1, 4, 5, 6, 8} if plate else {1, 3, 4, 5, 7}),
    )


def newest_events(latest: Sequence[StoredEvent]) -> Section:
    """The *latest* events: pictures of those that have one, then the others."""
    without = [one for one in latest if not one.has_crop]
    return Section(
        name="newest",
        title="Newest events",
        words="" if latest else "None yet.",
        pictures=[picture_of(one) for one in latest if one.has_crop],
        small=True,
        tables=[event_table(without, "")] if without else (),
    )


def picture_of(one: StoredEvent, large: bool = False) -> Picture:
    """The picture of an event's plate; a *large* one stands on the event's own page."""
    # The picture's own size is not known here; style.css gives it a box.
    sure = f"{sure_of(one.event)} sure, " if one.event.text else ""
    return Picture(
        address=f"/crops/{one.id}.jpg",
        width=320 if large else 190,
        height=160 if large else 92,
        alt=f"Plate {plate_of(one.event)}",
        title="" if large else plate_of(one.event),
        caption=sentence(one.event) if large else f"{sure}{one.at:%H:%M:%S} UTC, {one.board}",
        link=None if large else f"/events/{one.id}",
    )
