from __future__ import annotations

import asyncio

import pytest

from host.collect.answers import Refused
from host.collect.tokens import Tokens


def test_a_token_is_asked_about_once_in_a_while() -> None:
    now, asked, valid = [0.0], list[str](), {"good": "gate"}

    async def ask(token: str) -> str | None:
        asked.append(token)
        return valid.get(token)

    async def run() -> None:
        tokens = Tokens(ask, good_s=5, wrong_a_minute=3, now=lambda: now[0])
        assert [await tokens.board(b"Bearer good", "a") for _ in range(3)] == ["gate"] * 3
        assert asked == ["good"]
        valid.clear()
        now[0] = 5.1
        with pytest.raises(Refused, match="bring the board's token"):
            await tokens.board(b"bearer good", "a")

    asyncio.run(run())


def test_an_address_may_be_wrong_a_few_times_and_the_right_one_goes_on() -> None:
    asked = list[str]()

    async def ask(token: str) -> str | None:
        asked.append(token)
        return "gate" if token == "good" else None

    async def run() -> list[int]:
        tokens = Tokens(ask, wrong_a_minute=3)
        await tokens.board(b"Bearer good", "a")
        statuses = []
        for header in (b"Bearer x", b"", b"Basic good", b"Bearer y", b"Bearer " + b"z" * 600):
            with pytest.raises(Refused) as error:
                await tokens.board(header, "a")
            statuses.append(int(error.value.status))
        assert await tokens.board(b"Bearer good", "a") == "gate"
        return statuses

    assert asyncio.run(run()) == [401, 401, 401, 429, 429]
    assert asked == ["good", "x"]
