"""Pages as a browser shows them: nothing asked for elsewhere, nothing that a screen reader stumbles over."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from host.show import accuracy, cases
from host.show.file import Contents, render
from host.show.items import Items
from host.store.received import received
from host.store.store import Store
from tests import fleets

AXE = (Path(__file__).parent / "vendor/axe.min.js").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with everything in it."""
    score = accuracy.Score(name="int8", dataset="rendered", n=400, right=371, without_province=0.95)
    case = cases.Case(
        dataset="rendered",
        file=fleets.SAMPLES[0].name,
        fault="misread",
        truth="京A12345",
        read="京A12346",
        confidence=0.93,
        width=282,
        height=72,
        jpeg=fleets.picture(fleets.SAMPLES[0]),
    )
    items = Items(
        health={f"gate-{board}": list(fleets.health_of(board, every_s=1800)) for board in (1, 3)},
        events=list(fleets.events(20)),
    )
    contents = Contents(
        reports=fleets.benchmark_reports(),
        items=[items],
        scores=[score],
        cases=[cases.Cases(bundle="int8", cases=(case,))],
    )
    path = tmp_path_factory.mktemp("file") / "report.html"
    path.write_text(render(contents), encoding="utf-8")
    return path


def look(browser: Any, address: str, width: int = 1400, scheme: str = "light", script: bool = True) -> Any:
    """A page of *browser* at *address*, whose faults and requests are noted."""
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, java_script_enabled=script
    )
    # A machine that does much else is slow, not wrong.
    context.set_default_timeout(120_000)
    page = context.new_page()
    page.faults, page.asked = [], []
    page.on("pageerror", lambda error: page.faults.append(str(error)))
    page.on("console", lambda said: page.faults.append(said.text) if said.type == "error" else None)
    page.on("request", lambda request: page.asked.append(request.url))
    page.goto(address)
    return page


def violations(page: Any) -> list[str]:
    """What axe-core finds, by the rules of WCAG 2.2 AA and good practice."""
    page.evaluate(AXE)
    found = page.evaluate("axe.run().then(result => result.violations)")
    return [f"{one['id']}: {node['html'][:150]}" for one in found for node in one["nodes"]]


def is_drawn(page: Any) -> bool:
    """Whether each chart has a canvas with something on it."""
    return bool(
        page.evaluate(
            """[...document.querySelectorAll("figure.chart")].every((figure) => {
                const canvas = figure.querySelector("canvas");
                return canvas && canvas.getContext("2d")
                    .getImageData(0, 0, canvas.width, canvas.height).data.some((value) => value > 0);
            }) && document.querySelectorAll("figure.chart").length > 0"""
        )
    )


@pytest.mark.parametrize(("width", "scheme"), [(1400, "light"), (390, "dark")])
def test_the_file_asks_for_nothing_and_is_accessible(
    browser: Any, file: Path, width: int, scheme: str
) -> None:
    page = look(browser, file.as_uri(), width, scheme)
    assert is_drawn(page) and page.faults == []
    assert all(url.startswith(("file:", "data:")) for url in page.asked)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert violations(page) == []
    page.context.close()


def test_the_file_is_drawn_anew_for_paper(browser: Any, file: Path) -> None:
    page = look(browser, file.as_uri(), scheme="dark")
    ink = "getComputedStyle(document.documentElement).getPropertyValue('--ink').trim()"
    dark = page.evaluate(ink)
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate(ink) != dark and is_drawn(page)
    assert (
        page.evaluate("Math.max(...[...document.querySelectorAll('.uplot')].map((u) => u.clientWidth))")
        <= 660
    )
    assert page.evaluate("document.querySelectorAll('details.part:not([open])').length") == 0
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.evaluate(ink) == dark
    assert page.evaluate("document.querySelectorAll('details.part[open]').length") == 0
    assert page.pdf().startswith(b"%PDF") and page.faults == []
    page.context.close()


def test_tables_stay_without_a_script(browser: Any, site: str) -> None:
    page = look(browser, f"{site}/boards/gate-3", script=False)
    page.locator("#trend-throughput summary").click()
    assert page.locator("#trend-throughput table").is_visible()
    assert not page.locator("#trend-throughput .plot").is_visible()
    page.context.close()


@pytest.mark.parametrize(
    ("path", "width", "scheme"),
    [
        ("/", 1400, "light"),
        ("/?state=bad", 390, "dark"),
        (f"/boards/{quote(fleets.NASTY, safe='')}", 390, "dark"),
        ("/events?plate=%E4%BA%ACA41090&distance=1", 390, "light"),
        ("/events?plate=--", 1400, "dark"),
        ("/events/3", 1400, "dark"),
        ("/benchmarks", 390, "light"),
        ("/nothing", 390, "dark"),
        ("/login?next=/events", 390, "light"),
    ],
)
def test_live_pages_are_accessible(browser: Any, site: str, path: str, width: int, scheme: str) -> None:
    page = look(browser, site + path, width, scheme)
    faults = [fault for fault in page.faults if "the server responded with a status of 40" not in fault]
    assert faults == [] and all(url.startswith((site, "data:")) for url in page.asked)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert violations(page) == []
    page.context.close()


def test_a_live_page_puts_what_is_new_in_place(browser: Any, site: str) -> None:
    page = look(browser, f"{site}/boards/gate-3")
    page.locator("#trend-throughput summary").click()
    old = page.evaluate_handle("document.querySelector('#trends .charts')")
    # What the server says has changed a little since.
    change = "text => text.replaceAll('Frames read a second', 'Frames a second')"
    page.evaluate(
        f"""() => {{
            const real = window.fetch;
            window.fetch = async (...asked) => {{
                const answer = await real(...asked), text = ({change})(await answer.text());
                return {{ ok: true, redirected: false, text: async () => text }};
            }};
        }}"""
    )
    page.locator("#trend-throughput figcaption", has_text="Frames a second").wait_for()
    assert not page.evaluate("(old) => old.isConnected", old)
    assert is_drawn(page) and page.faults == []
    assert page.evaluate("document.querySelector('#trend-throughput details').open")
    page.context.close()


def test_the_keyboard_reaches_what_a_pointer_does(browser: Any, site: str) -> None:
    page = look(browser, f"{site}/events")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "To the content"
    reached = []
    for _ in range(12):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.textContent"))
    for name in ("Boards", "Log out", "pause", "plate", "distance", "board"):
        assert name in reached
    page.locator("#plate").fill("京A41090")
    page.keyboard.press("Enter")
    page.wait_for_url("**/events?plate=*")
    page.context.close()


def test_what_boards_send_comes_up_by_itself(browser: Any, growing: tuple[Store, str]) -> None:
    store, site = growing
    page = look(browser, site)
    first = "document.querySelector('#boards tbody a').textContent"
    assert page.evaluate(first) == "gate-0"
    page.locator("#boards tbody a", has_text="gate-0").focus()
    now = datetime.now(timezone.utc)
    away = list(fleets.health_of(4, hours=1, now=now))[-1]
    store.add("gate-1", [received(fleets.item("health", away, now, 100), "gate-1")])
    event = fleets.event_of(1, "<b>A1</b>", now)
    store.add("gate-1", [received(fleets.item("event", event, now, 1), "gate-1")])
    page.locator("#newest", has_text="<b>A1</b>").wait_for()
    page.locator("#boards", has_text="its camera is away").wait_for()
    assert page.evaluate(first) == "gate-1"
    assert "trouble 1" in page.locator("#choices").inner_text()
    # Who is at a board stays there.
    assert page.evaluate("document.activeElement.textContent") == "gate-0"
    page.locator("#pause").click()
    assert page.locator("#status").inner_text().startswith("Paused at")
    assert page.faults == []
    page.context.close()


def test_boards_are_found_by_keyboard(browser: Any, site: str) -> None:
    page = look(browser, site)
    page.locator("#name").focus()
    page.keyboard.type("gate-3")
    page.keyboard.press("Enter")
    page.wait_for_url("**/?name=gate-3")
    assert page.locator("#boards tbody tr").count() == 1
    # The table that is wider than a phone is scrolled by keys.
    region = page.locator("#boards .scroll")
    region.focus()
    assert page.evaluate("document.activeElement.getAttribute('role')") == "region"
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/boards/gate-3")
    summary = page.locator("#trend-throughput summary")
    summary.focus()
    page.keyboard.press("Enter")
    assert page.locator("#trend-throughput table").is_visible()
    page.context.close()


def test_paper_has_what_can_be_read_on_it(browser: Any, site: str) -> None:
    page = look(browser, site, 720)
    page.emulate_media(media="print")
    for path in ("/", "/boards/gate-3", "/events", "/benchmarks"):
        page.goto(site + path)
        for control in ("header.bar nav", "form", "#pause", ".pager", ".chart summary"):
            assert page.locator(f"{control}:visible").count() == 0, (path, control)
        # Wider than paper, and all of it would be printed smaller.
        assert page.evaluate("document.documentElement.scrollWidth") <= 720, path
    assert page.faults == []
    page.context.close()
