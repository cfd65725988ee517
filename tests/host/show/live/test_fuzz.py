"""Addresses that no page links to: none ends in an error of ours."""

from __future__ import annotations

import random
from urllib.parse import quote, urlencode

import httpx

PATHS = (
    "/",
    "/events",
    "/events/{}",
    "/boards/{}",
    "/benchmarks",
    "/crops/{}.jpg",
    "/static/{}/style.css",
    "/updates/{}",
    "/{}",
)
FIELDS = (
    "plate",
    "distance",
    "board",
    "since",
    "until",
    "before",
    "after",
    "name",
    "state",
    "range",
    "page",
    "x",
)
WORDS = (
    "", "0", "1", "-1", "1.5", "nan", "inf", "1e999", "9" * 30, str(1 << 63), "粤B*", "*B", "*", "**",
    "A" * 300, "2026-01-31", "0001-01-01", "9999-12-31", "2026-02-30", "1.2", "9" * 19 + "." + "9" * 19,
    "\0", "\x1b[2J", "\ud7ff", "\U0010ffff", "<b>", "'\"--", "%", "../../etc/passwd", "24h", "7d", "lost",
    "gate 1", "\u202e",
)  # fmt: skip


def test_addresses_that_are_made_up_get_no_server_error(site: str) -> None:
    draw = random.Random(6)
    statuses = set[int]()
    with httpx.Client(base_url=site, timeout=60) as client:
        for _ in range(400):
            path = draw.choice(PATHS).format(quote(draw.choice(WORDS), safe=""))
            fields = {draw.choice(FIELDS): draw.choice(WORDS) for _ in range(draw.randrange(4))}
            answer = client.get(f"{path}?{urlencode(fields)}")
            assert answer.status_code < 500, (path, fields)
            statuses.add(answer.status_code)
    assert statuses >= {200, 400, 404}
