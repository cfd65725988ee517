from __future__ import annotations

import asyncio
import gzip
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from host.collect.body import BodyLimits
from host.collect.incoming import id_of
from host.collect.items import Items, Limits
from host.collect.metrics import Metrics
from host.store.store import Store, open_store
from host.store.writer import Grouping
from tests.host.collect.collecting import batch, bearer, client
from tests.items import encoded, event, health


def asked(
    store: Store, ask: Callable[[httpx.AsyncClient], Awaitable[Any]], limits: Limits | None = None
) -> Any:
    """What *ask* gives, which is given a client of the application."""

    async def run() -> Any:
        async with client(Items(store, Metrics(), limits or Limits())) as asking:
            return await ask(asking)

    return asyncio.run(run())


def posted(
    store: Store, *bodies: bytes, limits: Limits | None = None, **headers: str
) -> list[httpx.Response]:
    """The answers to *bodies*, of the board "gate"."""
    known = bearer(store.add_token("gate")) | {name.replace("_", "-"): v for name, v in headers.items()}

    async def ask(asking: httpx.AsyncClient) -> list[httpx.Response]:
        return [await asking.post("/items", content=body, headers=known) for body in bodies]

    answers: list[httpx.Response] = asked(store, ask, limits)
    return answers


def test_what_is_good_is_stored_once_and_what_is_not_is_refused(store: Store) -> None:
    good, bad, newer = encoded("event", event()), b'{"id":"x"}', encoded("event", event(), item_version=2)
    for answer in posted(store, batch(good, bad, newer), batch(good, bad, newer)):
        told = answer.json()
        assert answer.status_code == 200 and told["accepted"] == [id_of(good)]
        assert [one["why"][:9] for one in told["refused"]] == ["items[1]:"]
        assert [one["id"] for one in told["later"]] == [id_of(newer)]
    assert [one.board for one in store.events().rows] == ["gate"]


def test_a_compressed_batch_is_as_good(store: Store) -> None:
    body = batch(*(encoded("event", event(f"粤B1234{n}")) for n in range(9)))
    (answer,) = posted(store, gzip.compress(body), content_encoding="gzip")
    assert len(answer.json()["accepted"]) == 9 == len(store.events().rows)


def test_nobody_sends_without_a_token_or_with_one_that_was_revoked(store: Store) -> None:
    token = store.add_token("gate")
    store.revoke("gate")

    async def ask(asking: httpx.AsyncClient) -> list[httpx.Response]:
        every = [{}, bearer(token), bearer("x"), {"Authorization": "Basic Z2F0ZTp4"}]
        return [await asking.post("/items", content=batch(), headers=headers) for headers in every]

    answers = asked(store, ask)
    assert [one.status_code for one in answers] == [401] * 4
    assert answers[0].headers["www-authenticate"].startswith("Bearer")
    assert "board's token" in answers[0].json()["error"]


def test_bodies_that_are_wrong_are_told_so(store: Store) -> None:
    limits = Limits(body=BodyLimits(most_bytes=1000))
    answers = posted(store, b"{", b"x" * 1001, limits=limits)
    assert [one.status_code for one in answers] == [422, 413]
    (bomb,) = posted(store, gzip.compress(bytes(50_000_000)), content_encoding="gzip")
    assert bomb.status_code == 413

    async def get(asking: httpx.AsyncClient) -> httpx.Response:
        return await asking.get("/items")

    assert asked(store, get).status_code == 405


def test_a_board_that_sends_too_much_is_told_when_to_come_back(store: Store) -> None:
    bodies = [batch(encoded("event", event()), encoded("event", event())) for _ in range(3)]
    answers = posted(store, *bodies, limits=Limits(items_s=0.1, burst=1))
    assert [one.status_code for one in answers] == [200, 429, 429]
    assert int(answers[1].headers["retry-after"]) == 20
    assert len(store.events().rows) == 2


def test_a_board_is_told_to_wait_where_the_store_is_full_or_away(store: Store, tmp_path: Path) -> None:
    with open_store(f"sqlite:///{tmp_path}/b.db", Grouping(gather_s=0.3, waiting=1)) as small:
        token = small.add_token("gate")

        async def ask(asking: httpx.AsyncClient) -> list[httpx.Response]:
            posts = [
                asking.post("/items", content=batch(encoded("event", event())), headers=bearer(token))
                for _ in range(3)
            ]
            return await asyncio.gather(*posts)

        statuses = sorted(one.status_code for one in asked(small, ask))
        assert statuses[0] == 200 and statuses[-1] == 503
    (away,) = posted_when_locked(store, tmp_path)
    assert away.status_code == 503 and int(away.headers["retry-after"]) >= 1
    assert "does not answer in time" in away.json()["error"]
    # It was only late: sent again it is known.
    assert len(store.events().rows) <= 1


def posted_when_locked(store: Store, folder: Path) -> list[httpx.Response]:
    """The answer while another program holds the database's lock."""
    token = store.add_token("gate")
    engine = sa.create_engine(f"sqlite:///{folder}/lpr.db", isolation_level="AUTOCOMMIT")

    async def ask(asking: httpx.AsyncClient) -> list[httpx.Response]:
        known, body = bearer(token), batch(encoded("event", event()))
        await asking.post("/items", content=batch(), headers=known)
        with engine.connect() as other:
            other.exec_driver_sql("BEGIN IMMEDIATE")
            answer = await asking.post("/items", content=body, headers=known)
            other.exec_driver_sql("ROLLBACK")
        return [answer]

    answers: list[httpx.Response] = asked(store, ask, Limits(commit_s=0.2))
    engine.dispose()
    return answers


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", "粤B\u0000\u001b[31m", "\u202eABC", "x" * 5000]
)
def test_texts_are_kept_as_they_are(store: Store, text: str) -> None:
    (answer,) = posted(store, batch(encoded("event", event(text)), encoded("health", health(lpr_run=text))))
    assert len(answer.json()["accepted"]) == 2
    assert store.events().rows[0].event.text == text
    assert store.health("gate")[0].health.lpr_run == text
