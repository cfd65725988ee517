from __future__ import annotations

import re
from html.parser import HTMLParser

from device_runtime.board.describe import Board
from host.report.page import render
from tests.reports import BARE, made


class Page(HTMLParser):
    """Tags must nest, and the texts and addresses are kept."""

    VOID = frozenset(("meta", "br", "link", "img"))

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: list[str] = []
        self.addresses: list[str] = []
        self.feed(page)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [value or "" for key, value in attrs if key in ("src", "href", "xlink:href")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_the_page_is_self_contained() -> None:
    text = render([made(), made("Slow", 30.0), BARE])
    page = Page(text)
    assert page.addresses == []
    assert not re.search(r"https?://|url\(|@import", text)
    assert "prefers-color-scheme: dark" in text
    for word in ("Raspberry Pi 5 · rpi5 fp32 ×1", "3 reports, the latest of 2026-01-02T03:04:05+00:00"):
        assert any(word in shown for shown in page.texts)


def test_names_in_reports_are_text_not_html() -> None:
    text = render([made("<script>alert('&')</script>")])
    Page(text)
    assert "<script" not in text


def test_the_cores_that_read_are_named() -> None:
    board = Board(model="Rock 5B", cores=8, cores_used=(4, 5, 6, 7))
    assert "4, 5, 6, 7" in Page(render([made(board=board)])).texts


def test_what_makes_a_timing_doubtful_is_said() -> None:
    board = Board(model="Pi", throttling="under-voltage", governor="ondemand")
    text = render([made(n=50, board=board)])
    assert "throttling: under-voltage; governor ondemand; only 50 frames" in text
    assert 'class="doubt"' not in render([made()])
