from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import msgspec
import pytest
import sqlalchemy as sa

from device_runtime.errors import FatalError
from host.store import query
from host.store.database import connect
from host.store.received import of_body, received
from host.store.store import Store, open_store
from host.store.values import Search
from tests.items import a_report, came, encoded, event, events, health

HOUR = timedelta(hours=1)


def texts(store: Store, **search: object) -> list[str]:
    return [one.event.text for one in store.every_event(Search(**search))]  # type: ignore[arg-type]


def test_what_was_added_is_there(store: Store) -> None:
    passage, report, state = events("粤B12345")[0], a_report(), came("health", health())
    accepted = store.add("gate", [passage, report, state])
    assert accepted.stored == (str(passage.id), str(report.id), str(state.id))
    assert [one.event for one in store.events().rows] == [passage.body]
    assert [one.report for one in store.reports().rows] == [report.body]
    assert [one.health for one in store.health("gate")] == [state.body]
    assert [one.raw for one in store.events().rows] == [passage.raw]
    assert store.counts().stored == {"event": 1, "report": 1, "health": 1}


def test_what_comes_again_is_accepted_and_not_stored_again(store: Store) -> None:
    passage = events("粤B12345")[0]
    store.add("gate", [passage])
    again = store.add("gate", [passage, passage])
    assert again.stored == () and again.known == (str(passage.id),) * 2
    assert len(store.events().rows) == 1
    assert store.counts().known == {"event": 2}


def test_the_same_id_from_another_board_is_another_item(store: Store) -> None:
    passage = events("粤B12345")
    store.add("gate", passage)
    assert store.add("yard", passage).stored == (str(passage[0].id),)


def test_the_same_under_another_id_is_the_same(store: Store) -> None:
    passage, state = event("粤B12345"), health()
    store.add("gate", [came("event", passage), came("event", passage), came("health", state)])
    store.add("gate", [of_body("event", msgspec.json.encode(passage), "gate"), came("health", state)])
    assert len(store.events().rows) == len(store.health("gate")) == 1
    # The car has gone: another event of the passage.
    store.add("gate", [came("event", msgspec.structs.replace(passage, complete=True))])
    assert len(store.events().rows) == 2


def test_pages_have_every_event_once_newest_first_whatever_the_order_of_arrival(store: Store) -> None:
    begin = datetime(2026, 3, 1, tzinfo=timezone.utc)
    # Two of each time, so that a page ends between equals.
    seen = [begin + i // 2 * HOUR for i in range(25)]
    items = [came("event", event(f"B{i:04}", time), sequence=i + 1) for i, time in enumerate(seen)]
    random.Random(1).shuffle(items)
    store.add("gate", items[:12])
    store.add("gate", items[12:])
    found, before = [], None
    while True:
        page = store.events(before=before, limit=4)
        found += [one.at for one in page.rows]
        if (before := page.next) is None:
            break
    assert found == sorted(seen, reverse=True)
    assert texts(store, since=begin + 3 * HOUR, until=begin + 4 * HOUR, board="gate") != []
    assert {one.at for one in store.events(Search(since=begin + 3 * HOUR, until=begin + 5 * HOUR)).rows} == {
        begin + 3 * HOUR,
        begin + 4 * HOUR,
    }
    assert texts(store, board="yard") == []
    with pytest.raises(FatalError, match="is none that was given"):
        store.events(before="1.2; DROP TABLE events")


def test_new_events_come_in_the_order_of_commits(store: Store) -> None:
    assert store.last_event() == 0
    store.add("gate", events("A1111", "B2222"))
    last = store.last_event()
    assert [one.event.text for one in store.events_after(0)] == ["A1111", "B2222"]
    store.add("yard", events("C3333"))
    assert [one.event.text for one in store.events_after(last)] == ["C3333"]


def test_a_wrong_clock_is_seen_and_does_not_decide_the_order(store: Store) -> None:
    now = datetime.now(timezone.utc)
    unset = event("A1111", datetime(1970, 1, 1, 0, 5, tzinfo=timezone.utc), clock_synchronized=False)
    fast = event("B2222", now + 48 * HOUR)
    late = event("C3333", now - 48 * HOUR)
    store.add("gate", [came("event", unset, time=unset.first_seen)])
    store.add("gate", [came("event", fast, time=fast.first_seen)])
    store.add("gate", [came("event", late)])
    rows = store.events().rows
    assert [one.event.text for one in rows] == ["B2222", "A1111", "C3333"]
    assert rows[0].at == rows[0].received_at and rows[0].behind < -47 * HOUR
    assert rows[1].at == rows[1].received_at and rows[1].behind > 40 * 365 * 24 * HOUR
    assert rows[2].at == late.first_seen and abs(rows[2].behind) < HOUR


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", "A\0B\x1b[31m\r\n'\"; --", "\u202eB1\U0001f697", ""]
)
def test_texts_are_kept_as_they_are(store: Store, text: str) -> None:
    store.add("<b>&", [came("event", event(text, source=text))])
    (found,) = store.events().rows
    assert (found.event.text, found.event.source, found.board) == (text, text, "<b>&")


@pytest.mark.parametrize("name", ["", " gate", "a\nb", "a\0b", "x" * 65])
def test_names_that_cannot_be_shown_are_refused(store: Store, name: str) -> None:
    with pytest.raises(FatalError, match="is no name of a board"):
        store.add(name, events("A1111"))
    with pytest.raises(FatalError, match="is no name of a board"):
        store.add_token(name)


def test_what_a_newer_board_adds_is_kept(store: Store) -> None:
    body = msgspec.to_builtins(event("A1111")) | {"colour": "红"}
    store.add("gate", [came("event", body, signed_by="k1")])
    store.add("gate", [came("weather", {"rain": True}), came("event", body | {"event_version": 2})])
    told = msgspec.json.decode(store.events().rows[0].raw)
    assert (told["body"]["colour"], told["signed_by"]) == ("红", "k1")
    assert [one.kind for one in store.others().rows] == ["event", "weather"]


def test_a_plate_is_found_by_its_looks(store: Store) -> None:
    store.add("gate", events("粤B12345", "粤812345", "粤B12346", "粤B1234", "沪C99999"))
    found = {most: texts(store, plate=" 粤b-12345 ", distance=most) for most in (None, 0, 1, 1.5)}
    assert found[None] == ["粤B12345"]
    assert found[0] == ["粤812345", "粤B12345"]
    assert found[1] == found[1.5] == ["粤B1234", "粤B12346", "粤812345", "粤B12345"]
    assert texts(store, plate="粤b1*") == ["粤B1234", "粤B12346", "粤B12345"]
    assert texts(store, plate="*345") == ["粤812345", "粤B12345"]
    assert texts(store, plate="粤B12345", board="yard") == []


@pytest.mark.parametrize(
    ("few", "most", "gone_through", "many"),
    [
        (1000, 1000, 5000, 1000),
        (1, 1000, 5000, 1000),
        (1, 1000, 20, 1000),
        (1, 2, 5000, 1000),
        (1, 2, 20, 1000),
        (1, 2, 20, 3),
    ],
)
def test_plates_that_begin_or_end_so_are_found_in_every_way(
    filled: Store, monkeypatch: pytest.MonkeyPatch, few: int, most: int, gone_through: int, many: int
) -> None:
    """Whichever way is the soonest for so many plates."""
    for name, value in (
        ("FEW_PLATES", few), ("MOST_PLATES", most), ("GONE_THROUGH", gone_through), ("MANY_PLATES", many)
    ):  # fmt: skip
        monkeypatch.setattr(query, name, value)
    everything = list(filled.every_event())
    half = everything[len(everything) // 2].at
    for part in ("粤B1*", "粤B12*", "*7", "*Z", "粤B*"):
        at_end, text = part.startswith("*"), part.strip("*")
        for search in (Search(plate=part), Search(plate=part, board="yard"), Search(plate=part, until=half)):
            wanted = [
                one.id
                for one in everything
                if (one.event.text.endswith(text) if at_end else one.event.text.startswith(text))
                and search.board in (None, one.board)
                and (search.until is None or one.at < search.until)
            ]
            found: list[int] = []
            before = None
            while True:
                page = filled.events(search, before=before, limit=9)
                found += [one.id for one in page.rows]
                before = page.next
                if before is None:
                    break
            assert found == wanted, search


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def filled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store with 120 events of two boards, over two hours."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('filled')}/lpr.db"
    else:
        url = request.getfixturevalue("postgresql").new_database()
    draw = random.Random(1)
    now = datetime.now(timezone.utc)
    with open_store(url) as store:
        for board in ("gate", "yard"):
            made = [
                event(f"粤B{draw.choice('112')}{draw.randrange(100, 3000)}", now - timedelta(minutes=minute))
                for minute in draw.sample(range(120), 60)
            ]
            store.add(board, [came("event", one) for one in made])
        yield store


@pytest.mark.parametrize(
    ("search", "why"),
    [
        (Search(plate="--"), "no letter and no digit"),
        (Search(plate="*A*"), "at both ends"),
        (Search(plate="A*", distance=1), "goes with no distance"),
        (Search(plate="ABC", distance=2), "choose 0 to 1.5"),
        (Search(plate="ABC", distance=float("nan")), "choose 0 to 1.5"),
    ],
)
def test_a_search_that_makes_no_sense_is_one_line(store: Store, search: Search, why: str) -> None:
    with pytest.raises(FatalError, match=why):
        store.events(search)


def test_health_of_a_time_comes_oldest_first(store: Store) -> None:
    now = datetime.now(timezone.utc)
    store.add("gate", [came("health", health(now - i * HOUR)) for i in (1, 3, 2)])
    ages = [round((now - one.at) / HOUR) for one in store.health("gate")]
    assert ages == [3, 2, 1]
    assert len(store.health("gate", since=now - 2.5 * HOUR)) == 2
    assert [round((now - one.at) / HOUR) for one in store.health("gate", limit=1)] == [1]
    assert store.health("yard") == ()


def test_boards_say_how_they_are(store: Store) -> None:
    store.add_token("yard")
    store.add("gate", [came("health", health(frames=n), sequence=n) for n in (1, 2)])
    gate, yard = store.boards()
    assert gate.health is not None and gate.health.health.frames == 2
    assert (gate.name, gate.tokens, yard.name, yard.tokens) == ("gate", 0, "yard", 1)
    assert yard.last_received_at is None and yard.health is None
    assert gate.first_received_at == gate.last_received_at and gate.last_time is not None
    assert [one.name for one in store.boards("gate")] == ["yard"]
    assert [one.name for one in store.boards(limit=1)] == ["gate"]


def test_a_picture_of_the_plate_is_kept_beside_its_event(store: Store) -> None:
    jpeg = b"\xff\xd8\xff\xe0 plate"
    body = msgspec.to_builtins(event("A1111")) | {"crop": msgspec.to_builtins(jpeg)}
    store.add("gate", [received(encoded("event", body), "gate"), *events("B2222")])
    bare, pictured = store.events().rows
    assert (pictured.has_crop, store.crop(pictured.id)) == (True, jpeg)
    assert (bare.has_crop, store.crop(bare.id)) == (False, None)
    assert b"crop" not in pictured.raw


def test_a_token_is_its_boards_until_it_is_revoked(store: Store) -> None:
    first, second, other = store.add_token("gate"), store.add_token("gate"), store.add_token("yard")
    assert [store.board_of(text) for text in (first, second, other)] == ["gate", "gate", "yard"]
    for wrong in (
        "",
        first[:-1],
        first + "A",
        first.upper(),
        other[:18] + first[18:],
        "lpr1..",
        "ü.a.b",
        "\0",
    ):
        assert store.board_of(wrong) is None
    assert store.revoke("gate") == 2
    assert [store.board_of(text) for text in (first, second, other)] == [None, None, "yard"]
    with pytest.raises(FatalError, match="is unknown"):
        store.revoke("nowhere")


def test_a_secret_is_the_same_for_all_collectors(store: Store, url: str) -> None:
    with open_store(url) as another:
        assert store.secret("cookies") == another.secret("cookies") != another.secret("more")


@pytest.mark.parametrize("text", ["a\0b", "\ud800", "\x1b[2J", "9" * 40])
def test_questions_that_no_page_asks_have_an_answer(store: Store, text: str) -> None:
    assert (
        store.health(text) == ()
        and texts(store, board=text) == []
        and store.board_of(f"lpr1.{text}.x") is None
    )
    assert texts(store, plate=text + "B") == [] and texts(store, plate=text + "B", distance=1) == []
    for ask in (store.events, store.reports, store.others):
        with pytest.raises(FatalError, match="is none that was given"):
            ask(before=f"{text}.{text}")
    with pytest.raises(FatalError, match="is unknown"):
        store.revoke(text)
    assert store.board(text) is None
    assert store.crop(10**40) is None and store.events_after(10**40) == ()


def test_what_a_newer_collector_stored_is_left_out(
    store: Store, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    store.add("gate", events("A1111", "B2222", "C3333"))
    database = connect(url)
    with database.writing() as connection:
        newer = encoded("event", {"event_version": 2})
        connection.execute(
            sa.text("UPDATE events SET raw = :raw WHERE id = 2").bindparams(
                sa.bindparam("raw", newer, sa.LargeBinary)
            )
        )
    database.close()
    page = store.events(limit=2)
    assert [one.event.text for one in page.rows] == ["C3333"] and "update lpr-host" in caplog.text
    assert [one.event.text for one in store.events(before=page.next).rows] == ["A1111"]
