"""Requests that cannot be met."""

from __future__ import annotations

from typing import Any


class Refused(Exception):
    """A request that cannot be met: what is wrong, why, what to do, and what the host has to know of it."""

    def __init__(self, what: str, why: str, todo: str, **more: Any) -> None:
        super().__init__(f"{what}: {why} – {todo}")
        self.answer = {"what": what, "why": why, "todo": todo, **more}
