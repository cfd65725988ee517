"""Style, scripts and the chart library in static/; what came from npm is as it was published there."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path

import msgspec

STATIC = Path(__file__).with_name("static")
VENDOR = "vendor/npm.json"
"""Which files came from which package of npm, with the hash of each and the registry's of the package."""

STYLES = ("vendor/uPlot.min.css", "style.css")
SCRIPTS = ("vendor/uPlot.iife.min.js", "charts.js")
"""In the order in which a page needs them."""
LIVE_SCRIPTS = ("live.js", *SCRIPTS)
"""The first one looks at the page before the others change it."""

CONTENT_TYPES = {".css": "text/css", ".js": "text/javascript"}


class Package(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A package that was vendored by scripts/vendor_npm.py.

    Attributes:
        license: as an SPDX identifier.
        integrity: of the package's archive, as the registry says and package-lock.json files have it.
        files: name beside this file → (path in the archive, integrity).
    """

    package: str
    version: str
    license: str
    integrity: str
    files: dict[str, tuple[str, str]]


def packages(file: Path) -> list[Package]:
    """What *file*, a `VENDOR`, says."""
    return msgspec.json.decode(file.read_bytes(), type=list[Package])


@cache
def text(name: str) -> str:
    """A style or script, ready to stand in a page."""
    return (STATIC / name).read_text(encoding="utf-8").strip() + "\n"


def integrity(data: bytes, algorithm: str = "sha256") -> str:
    """As in a Content-Security-Policy and the attribute `integrity` (W3C, Subresource Integrity)."""
    return f"{algorithm}-{base64.b64encode(hashlib.new(algorithm, data).digest()).decode()}"


@cache
def version(name: str) -> str:
    """Changes with the file's content, so that browsers may keep it for ever."""
    return hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]


def address(name: str) -> str:
    """Where the live pages serve the file."""
    return f"/static/{version(name)}/{name}"
