from __future__ import annotations

import re
from html.parser import HTMLParser
from urllib.parse import quote

import httpx
import pytest

from host.show.assets import LIVE_SCRIPTS, STYLES, address
from host.store.store import Store
from tests import fleets
from tests.host.show.test_file import Page


@pytest.fixture(scope="module")
def client(site: str) -> httpx.Client:
    return httpx.Client(base_url=site, timeout=30)


def links(text: str, pattern: str) -> list[str]:
    found: list[str] = []

    class Links(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.extend(value or "" for key, value in attrs if key in ("href", "src"))

    Links().feed(text)
    return [link for link in found if re.fullmatch(pattern, link)]


def test_every_page_leads_to_pages_that_are_there(client: httpx.Client) -> None:
    seen, waiting = set(), ["/"]
    kinds = (
        r"/\?state=\w+",
        r"/boards/[^?]+",
        r"/boards/.+\?range=7d",
        r"/events(/\d+)?",
        r"/benchmarks",
        r"/crops/.+",
        r"/static/.+",
    )
    while waiting:
        path = waiting.pop()
        kind = next((pattern for pattern in kinds if re.fullmatch(pattern, path)), path)
        if kind in seen:
            continue
        seen.add(kind)
        answer = client.get(path)
        assert answer.status_code == 200, path
        if answer.headers["content-type"].startswith("text/html"):
            page = Page(answer.text)
            assert len(set(page.ids)) == len(page.ids)
            waiting += [link for link in page.addresses if link.startswith("/")]
    assert seen >= set(kinds)


@pytest.mark.parametrize(
    "path", ["/", "/events", "/benchmarks", "/nothing", f"/boards/{quote(fleets.NASTY)}"]
)
def test_nothing_in_a_page_runs(client: httpx.Client, path: str) -> None:
    answer = client.get(path)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert answer.headers["cache-control"] == "no-store"
    for script in re.findall(r"<script([^>]*)>", answer.text):
        assert "src=" in script or 'type="application/json"' in script
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", answer.text)


def test_names_and_plates_are_text(client: httpx.Client) -> None:
    board = client.get(f"/boards/{quote(fleets.NASTY, safe='')}").text
    assert "<h1>&lt;b&gt;gate&lt;/b&gt; &amp; &#34;it&#39;s&#34;" in board
    found = client.get("/events", params={"plate": "iA1i"}).text
    assert "&lt;i&gt;A1&lt;/i&gt;‹U+202E›␇" in found
    for text in (board, found, client.get("/").text):
        assert "<b>gate" not in text and "<i>A1" not in text and "\u202e" not in text and "\x07" not in text
    asked = client.get("/events", params={"plate": '"><script>', "board": "</title>\x00"})
    assert "<script>" not in asked.text and "\x00" not in asked.text


def test_boards_in_trouble_come_first(client: httpx.Client) -> None:
    text = client.get("/").text
    found = links(text, r"/boards/.*")
    nasty = f"/boards/{quote(fleets.NASTY, safe='')}"
    # gate-4's camera is away, gate-3 is held back, one never sent anything, gate-2's run ended.
    assert found[:6] == [
        "/boards/gate-4", "/boards/gate-3", "/boards/gate-new", "/boards/gate-2", nasty, "/boards/gate-0",
    ]  # fmt: skip
    assert "its camera is away<small>began more than " in text and "check its power and cable" in text
    assert re.search(r">good 2</a>", text) and re.search(r">all 6</a>", text)


def test_boards_are_chosen_by_state_and_name(client: httpx.Client) -> None:
    def found(**asked: str) -> list[str]:
        return list(dict.fromkeys(links(client.get("/", params=asked).text, r"/boards/gate-.*")))

    assert found(state="bad")[:1] == ["/boards/gate-4"]
    rows = client.get("/", params={"name": "GATE-3"}).text
    assert "/boards/gate-3" in rows and "/boards/gate-2" not in rows.partition('id="newest"')[0]
    assert "No board is like that." in client.get("/", params={"name": "nowhere"}).text
    assert "No board is like that." in client.get("/", params={"page": "2"}).text
    assert client.get("/", params={"after": "gate-4"}).text.count('class="state') == 1


def test_events_come_page_by_page(client: httpx.Client) -> None:
    path, rows = "/events", []
    for _ in range(3):
        text = client.get(path).text
        rows += links(text, r"/events/\d+")
        older = links(text, r"/events\?before=.*")
        path = older[0] if older else ""
    assert not path and len(rows) == len(set(rows)) == 121


def test_the_least_sure_come_first_where_asked(client: httpx.Client) -> None:
    text = client.get("/events", params={"order": "unsure"}).text
    shown = [float(one) for one in re.findall(r">(\d+\.\d)%</td>", text)]
    assert len(shown) == 50 and shown == sorted(shown)
    assert "Events, least sure first" in text and 'rel="next"' not in text


def test_plates_that_look_alike_are_found_with_their_distance(client: httpx.Client) -> None:
    def found(**asked: str) -> str:
        return client.get("/events", params=asked).text

    exact = links(found(plate="京A4l090"), r"/events/\d+")
    alike = found(plate="京A4I09O", distance="0")
    assert exact == [] and len(links(alike, r"/events/\d+")) == 2
    assert '<td class="number">0</td>' in alike
    near = found(plate="京A41O9", distance="1")
    assert len(links(near, r"/events/\d+")) == 2 and '<td class="number">1</td>' in near
    assert len(links(found(board="gate-0", since="2020-01-01"), r"/events/\d+")) == 50
    assert "No event fits" in found(until="2020-01-01")


@pytest.mark.parametrize(
    "path",
    [
        "/events?plate=--",
        "/events?plate=A1&distance=far",
        "/events?plate=A1&distance=nan",
        "/events?plate=A1&distance=9",
        "/events?before=no",
        "/events?since=yesterday",
        "/events?until=9999-12-31",
        "/benchmarks?before=no",
        "/boards/gate-0?range=1y",
        "/?state=well",
        "/?page=0",
        "/?after=%00",
    ],
)
def test_what_cannot_be_asked_is_said(client: httpx.Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 400
    Page(answer.text)


@pytest.mark.parametrize(
    "path",
    [
        "/boards/none",
        "/events/0",
        "/events/99999",
        f"/events/{10**30}",
        "/crops/9999.jpg",
        "/static/1/../web.py",
    ],
)
def test_what_is_not_there_is_said(client: httpx.Client, path: str) -> None:
    assert client.get(path).status_code == 404


def test_files_may_be_kept(client: httpx.Client) -> None:
    for name in (*STYLES, *LIVE_SCRIPTS):
        assert "immutable" in client.get(address(name)).headers["cache-control"]


def test_a_page_is_told_of_news(site: str, fleet: Store) -> None:
    with httpx.stream("GET", f"{site}/updates", timeout=30) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = answer.iter_lines()
        assert next(lines) == "retry: 3000"
