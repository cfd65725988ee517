from __future__ import annotations

import asyncio
from collections.abc import Sequence
from http import HTTPStatus

import pytest

from host.collect.answers import Refused
from host.collect.tokens import Tokens


class Database:
    """Tokens and their boards, in memory.

    Attributes:
        asked: the tokens of each question.
        checks: how often it was asked how many are revoked.
        away: whether it does not answer.
        held: answers wait until it is set.
    """

    def __init__(self, **valid: str) -> None:
        self.valid, self.revoked, self.away = valid, 0, False
        self.asked, self.checks = list[list[str]](), 0
        self.held = asyncio.Event()
        self.held.set()

    def revoke(self, token: str) -> None:
        del self.valid[token]
        self.revoked += 1

    async def boards_of(self, tokens: Sequence[str]) -> list[str | None]:
        self.asked.append(sorted(tokens))
        found = [self.valid.get(token) for token in tokens]
        await self.held.wait()
        self._fail()
        return found

    async def count(self) -> int:
        self.checks += 1
        await self.held.wait()
        self._fail()
        return self.revoked

    def _fail(self) -> None:
        if self.away:
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, "is away", 5.0)


def test_a_token_is_asked_about_once_and_is_not_good_for_longer_than_it_may_be() -> None:
    async def run() -> None:
        now, database = [0.0], Database(good="gate", other="yard")
        tokens = Tokens(database.boards_of, database.count, good_s=5, now=lambda: now[0])
        for at in (0.0, 0.0, 2.4, 6.0, 60.0):
            now[0] = at
            assert await tokens.board(b"Bearer good", "a") == "gate"
        assert (database.asked, database.checks) == ([["good"]], 3)
        database.revoke("other")
        now[0] = 66.0
        assert await tokens.board(b"Bearer good", "a") == "gate"
        database.revoke("good")
        now[0] = 71.1
        with pytest.raises(Refused, match="bring the board's token"):
            await tokens.board(b"bearer good", "a")

    asyncio.run(run())


def test_a_token_that_is_revoked_while_it_is_asked_about_is_not_remembered() -> None:
    async def run() -> None:
        now, database = [0.0], Database(good="gate", other="yard")
        tokens = Tokens(database.boards_of, database.count, good_s=5, now=lambda: now[0])
        await tokens.board(b"Bearer other", "a")
        database.held.clear()
        asking = asyncio.create_task(tokens.board(b"Bearer good", "a"))
        while len(database.asked) < 2:
            await asyncio.sleep(0)
        # Its answer is under way when it is revoked, and when that is noticed.
        database.revoke("good")
        now[0] = 3.0
        assert await tokens.board(b"Bearer other", "a") == "yard"
        database.held.set()
        assert await asking == "gate"
        now[0] = 3.1
        with pytest.raises(Refused, match="bring the board's token"):
            await tokens.board(b"Bearer good", "a")

    asyncio.run(run())


def test_what_comes_together_is_one_question() -> None:
    async def run() -> None:
        names = {f"token{n}": f"board{n}" for n in range(50)}
        database = Database(**names)
        tokens = Tokens(database.boards_of, database.count)
        every = [tokens.board(f"Bearer {token}".encode(), "a") for token in [*names, *names]]
        assert await asyncio.gather(*every) == [*names.values()] * 2
        assert len(database.asked) <= 2 and database.checks == 1

    asyncio.run(run())


def test_a_database_that_is_away_stops_boards_only_when_nothing_is_known_for_sure() -> None:
    async def run() -> None:
        now, database = [0.0], Database(good="gate")
        tokens = Tokens(database.boards_of, database.count, good_s=5, now=lambda: now[0])
        await tokens.board(b"Bearer good", "a")
        database.away = True
        now[0] = 4.0
        assert await tokens.board(b"Bearer good", "a") == "gate"
        await asyncio.sleep(0.01)
        for header in (b"Bearer good", b"Bearer unknown"):
            now[0] += 2.0
            with pytest.raises(Refused, match="is away"):
                await tokens.board(header, "a")
        database.away = False
        assert await tokens.board(b"Bearer good", "a") == "gate"

    asyncio.run(run())


def test_an_address_may_be_wrong_a_few_times_and_the_right_one_goes_on() -> None:
    async def run() -> list[int]:
        database = Database(good="gate")
        tokens = Tokens(database.boards_of, database.count, wrong_a_minute=3)
        await tokens.board(b"Bearer good", "a")
        statuses = []
        for header in (b"Bearer x", b"", b"Basic good", b"Bearer y", b"Bearer " + b"z" * 600):
            with pytest.raises(Refused) as error:
                await tokens.board(header, "a")
            statuses.append(int(error.value.status))
        assert await tokens.board(b"Bearer good", "a") == "gate"
        assert database.asked == [["good"], ["x"]]
        return statuses

    assert asyncio.run(run()) == [401, 401, 401, 429, 429]
