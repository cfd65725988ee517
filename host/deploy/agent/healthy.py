"""When a service is healthy, from the health report that it wrote."""

from __future__ import annotations

from typing import Any

LOST = "found no camera"
"""Why a service may be unhealthy through no fault of its bundle."""


class Unhealthy(Exception):
    """A new bundle's service does not do what it should; `at_fault` where that may be the bundle's."""

    def __init__(self, why: str, at_fault: bool = True) -> None:
        super().__init__(why)
        self.at_fault = at_fault


def lacking(report: dict[str, Any], was_lost: bool) -> str | None:
    """What a service that wrote the health report *report* has not shown yet; None where it is healthy.

    It is where it has read a frame, or has none to read because it only answers, or because its camera is
    away and was so before.
    """
    source = report.get("source")
    if source is None:
        return None
    if source.get("lost"):
        return None if was_lost else LOST
    return None if report.get("frames") else "read no frame"
