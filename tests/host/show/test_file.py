from __future__ import annotations

import re
from html.parser import HTMLParser

import msgspec

from device_runtime.board.describe import Board
from host.show.file import Contents, render
from tests.reports import BARE, made


class Page(HTMLParser):
    """Tags must nest, and the texts and addresses are kept."""

    VOID = frozenset(("meta", "br", "link", "img", "input"))

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: list[str] = []
        self.addresses: list[str] = []
        self.ids: list[str] = []
        self.feed(page)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [value or "" for key, value in attrs if key in ("src", "href", "xlink:href")]
        self.ids += [value or "" for key, value in attrs if key == "id"]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data.strip())


def test_the_page_is_self_contained() -> None:
    text = render(Contents(reports=[made(), made("Slow", 30.0), BARE]))
    page = Page(text)
    assert all(address.startswith(("#", "data:")) for address in page.addresses)
    assert len(set(page.ids)) == len(page.ids)
    assert {address[1:] for address in page.addresses if address.startswith("#")} <= set(page.ids)
    # The address in the chart library's notice of copyright is not one that is asked for.
    without_scripts = re.sub(r"<script>.*?</script>", "", text, flags=re.DOTALL)
    assert not re.search(r"https?://|url\(|@import", without_scripts)
    for word in ("Raspberry Pi 5 · rpi5 fp32 ×1", "3 reports, the latest of 2026-01-02T03:04:05+00:00"):
        assert any(word in shown for shown in page.texts)


def test_names_in_reports_are_text_not_html() -> None:
    text = render(Contents(reports=[made("<script>alert('&')</script>\u202e\x1b"), made("</script><b>")]))
    Page(text)
    assert text.count("<script") == text.count("</script>")
    assert "<script>alert" not in text and "<b>" not in text
    # Characters that nobody sees, or that turn others round, are shown as such.
    assert "\u202e" not in text and "\x1b" not in text
    assert "‹U+202E›␛" in text


def test_what_is_drawn_stands_in_tables_too() -> None:
    text = render(Contents(reports=[made(), made("Slow", 30.0)]))
    drawings = re.findall(r'<script type="application/json" class="drawing">(.*?)</script>', text, re.S)
    assert len(drawings) == text.count('<figure class="chart') > 3
    for drawing in drawings:
        assert msgspec.json.decode(drawing)["type"] in ("lines", "boxes", "points")
    assert text.count("<table") == text.count("<caption>") > len(drawings)


def test_the_cores_that_read_are_named() -> None:
    board = Board(model="Rock 5B", cores=8, cores_used=(4, 5, 6, 7))
    assert "4, 5, 6, 7" in Page(render(Contents(reports=[made(board=board)]))).texts


def test_what_makes_a_timing_doubtful_is_said() -> None:
    board = Board(model="Pi", throttling="under-voltage", governor="ondemand")
    text = render(Contents(reports=[made(n=50, board=board)]))
    assert "throttling: under-voltage; governor ondemand; only 50 frames" in text
    assert 'class="doubt"' not in render(Contents(reports=[made()]))
