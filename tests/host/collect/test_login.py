from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from host.collect.app import AppSettings, create_app
from host.collect.login import ATTEMPTS
from host.collect.metrics import Metrics
from host.store.store import Store
from tests.host.collect.collecting import HASHED, PASSWORD

HTML = {"Accept": "text/html"}
Ask = Callable[[httpx.AsyncClient], Awaitable[Any]]


async def page(request: Request) -> PlainTextResponse:
    return PlainTextResponse(f"{request.method} {len(request.app.state.store.events().rows)} events")


def asked(store: Store, ask: Ask, base_url: str = "http://host") -> Any:
    """What *ask* gives, which is given a client of a collector with one page."""

    async def run() -> Any:
        app = create_app(
            store,
            AppSettings(password=HASHED),
            Metrics(),
            [Route("/", page, methods=["GET", "POST"]), Route("/events", page)],
        )
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=base_url) as asking:
            return await ask(asking)

    return asyncio.run(run())


def log_in(asking: httpx.AsyncClient, password: str = PASSWORD, **more: Any) -> Awaitable[httpx.Response]:
    return asking.post("/login", data={"password": password, "next": "/events?plate=京A"}, **more)


def test_pages_are_behind_a_login(store: Store) -> None:
    async def ask(asking: httpx.AsyncClient) -> None:
        sent = await asking.get("/events?plate=%3Cx", headers=HTML)
        assert (sent.status_code, sent.headers["location"]) == (303, "/login?next=%2Fevents%3Fplate%3D%253Cx")
        assert (await asking.get("/events")).status_code == 401
        assert (await asking.get("/nowhere")).status_code == 401
        form = await asking.get(sent.headers["location"])
        assert 'value="/events?plate=%3Cx"' in form.text and "frame-ancestors 'none'" in str(form.headers)
        wrong = await log_in(asking, "wrong")
        assert wrong.status_code == 401 and "not the password" in wrong.text and not wrong.cookies
        right = await log_in(asking)
        assert (right.status_code, right.headers["location"][:14]) == (303, "/events?plate=")
        cookie = right.headers["set-cookie"]
        assert all(word in cookie for word in ("lpr=", "HttpOnly", "SameSite=strict", "Path=/", "Max-Age="))
        assert "Secure" not in cookie
        shown = await asking.get("/", headers=HTML)
        assert shown.text == "GET 0 events" and shown.headers["x-frame-options"] == "DENY"
        assert (await asking.get("/nowhere")).status_code == 404
        assert (await asking.get("/login")).status_code == 303
        await asking.post("/logout")
        assert (await asking.get("/")).status_code == 401

    asked(store, ask)


def test_over_tls_the_cookie_is_for_that_alone(store: Store) -> None:
    async def ask(asking: httpx.AsyncClient) -> str:
        await log_in(asking)
        assert (await asking.get("/")).status_code == 200
        return (await log_in(asking)).headers["set-cookie"]

    cookie = asked(store, ask, "https://host")
    assert cookie.startswith("__Host-lpr=") and "Secure" in cookie


def test_another_site_cannot_use_a_session(store: Store) -> None:
    async def ask(asking: httpx.AsyncClient) -> list[int]:
        foreign = [{"Origin": "http://evil"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}]
        logins = [(await log_in(asking, headers=headers)).status_code for headers in foreign]
        await log_in(asking)
        posts = [(await asking.post("/", headers=headers)).status_code for headers in foreign]
        outs = [(await asking.post("/logout", headers=headers)).status_code for headers in foreign]
        own = [{}, {"Origin": "http://host"}, {"Sec-Fetch-Site": "same-origin"}]
        assert [(await asking.post("/", headers=headers)).text for headers in own] == ["POST 0 events"] * 3
        return logins + posts + outs

    assert asked(store, ask) == [403] * 6 + [303] * 3


def test_attempts_are_limited_and_a_flood_of_them_too(store: Store) -> None:
    async def ask(asking: httpx.AsyncClient) -> list[int]:
        answers = await asyncio.gather(*(log_in(asking, f"guess {n}") for n in range(ATTEMPTS + 3)))
        answers.append(await log_in(asking))
        assert int(answers[-1].headers["retry-after"]) > 1
        return [one.status_code for one in answers]

    assert sorted(asked(store, ask)) == [401] * ATTEMPTS + [429] * 4


def test_where_to_go_afterwards_is_a_path_of_this_host(store: Store) -> None:
    async def ask(asking: httpx.AsyncClient) -> list[str]:
        wanted = ["//evil", "https://evil", "/\\evil", "javascript:x", "/\r\nX: y", '/"><script>', ""]
        found = []
        for path in wanted:
            form = await asking.get("/login", params={"next": path})
            assert "<script>" not in form.text
            answer = await asking.post("/login", data={"password": PASSWORD, "next": path})
            found.append(answer.headers["location"])
            asking.cookies.clear()
        return found

    assert asked(store, ask) == ["/"] * 5 + ["/%22%3E%3Cscript%3E", "/"]


def test_forms_that_are_none_are_answered(store: Store) -> None:
    async def ask(asking: httpx.AsyncClient) -> list[int]:
        bodies = [b"", b"\xff=\xff", b"x" * 9000, b"a=&" * 100, b"password=%FF%FE"]
        return [(await asking.post("/login", content=body)).status_code for body in bodies]

    assert asked(store, ask) == [401, 401, 413, 401, 401]


def test_metrics_are_for_this_machine_or_by_a_token(store: Store) -> None:
    async def run(host: str, token: str | None, **headers: str) -> int:
        app = create_app(store, AppSettings(password=HASHED, metrics_token=token), Metrics())
        transport = httpx.ASGITransport(app=app, client=(host, 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://host") as asking:
            return (await asking.get("/metrics", headers=headers)).status_code

    assert asyncio.run(run("127.0.0.1", None)) == 200
    assert asyncio.run(run("192.0.2.1", None)) == 401
    assert asyncio.run(run("192.0.2.1", "secret", Authorization="Bearer secret")) == 200
    assert asyncio.run(run("127.0.0.1", "secret", Authorization="Bearer secrets")) == 401


def test_health_is_that_of_the_database(store: Store) -> None:
    async def ask(asking: httpx.AsyncClient) -> httpx.Response:
        return await asking.get("/healthz")

    assert asked(store, ask).text == "ok\n"
