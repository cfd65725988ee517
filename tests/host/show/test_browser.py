"""Pages as a browser shows them: nothing asked for elsewhere, nothing that a screen reader stumbles over."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from host.show import accuracy, cases
from host.show.file import Contents, render
from host.show.items import Items
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
        (f"/boards/{quote(fleets.NASTY, safe='')}", 390, "dark"),
        ("/events?plate=%E4%BA%ACA41090&distance=1", 390, "light"),
        ("/events/3", 1400, "dark"),
    ],
)
def test_live_pages_are_accessible(browser: Any, site: str, path: str, width: int, scheme: str) -> None:
    page = look(browser, site + path, width, scheme)
    assert page.faults == [] and all(url.startswith((site, "data:")) for url in page.asked)
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
