"""What a user can adjust about a service, every key checked: the tables of the TOML file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import msgspec

from device_runtime.board.cores import BIG, parse_cores
from device_runtime.schema import Strict
from device_runtime.service.address import parse_address

HEALTH_FILE = "health.json"
"""Name of the file that the newest health report is kept in."""


class ServiceSettings(Strict, frozen=True, kw_only=True):
    """`[service]`.

    Attributes:
        cores: that read plates: "big", "all", or a list such as "4-7".

    Raises:
        ValueError: the list is none.
    """

    cores: str = BIG

    def __post_init__(self) -> None:
        parse_cores(self.cores)


class HealthSettings(Strict, frozen=True, kw_only=True):
    """`[health]`.

    Attributes:
        interval: seconds between health reports.
        file: the newest is kept there; where None in the folder that systemd makes for the service, if any.
    """

    interval: Annotated[float, msgspec.Meta(ge=1.0, le=86400.0)] = 60.0
    file: Path | None = None

    def path(self, environment: Mapping[str, str] = os.environ) -> Path | None:
        """Where the newest health report is kept; nowhere where None."""
        # Several are separated by colons, see systemd.exec(5).
        folder = environment.get("RUNTIME_DIRECTORY", "").partition(":")[0]
        return self.file or (Path(folder) / HEALTH_FILE if folder else None)


class ViewSettings(Strict, frozen=True, kw_only=True):
    """`[view]`.

    Attributes:
        address: where to listen, as of --view; nowhere where None.
        fps: pictures a second, at most.
        longest: px: larger frames are shrunk to this width or height.
        quality: of JPEG.
        clients: that look at a time.

    Raises:
        ValueError: the address is none.
    """

    address: str | None = None
    fps: Annotated[float, msgspec.Meta(gt=0.0, le=30.0)] = 5.0
    longest: Annotated[int, msgspec.Meta(ge=160, le=3840)] = 960
    quality: Annotated[int, msgspec.Meta(ge=10, le=100)] = 75
    clients: Annotated[int, msgspec.Meta(ge=1, le=32)] = 3

    def __post_init__(self) -> None:
        if self.address is not None:
            parse_address(self.address)


class ServeSettings(Strict, frozen=True, kw_only=True):
    """`[serve]`.

    Attributes:
        address: where to listen, as of --serve; nowhere where None.
        image_mb: MiB: a longer image is refused.
        waiting: images that may wait for their turn.
        timeout: seconds that one may wait.

    Raises:
        ValueError: the address is none.
    """

    address: str | None = None
    image_mb: Annotated[int, msgspec.Meta(ge=1, le=256)] = 16
    waiting: Annotated[int, msgspec.Meta(ge=1, le=32)] = 4
    timeout: Annotated[float, msgspec.Meta(gt=0.0, le=60.0)] = 10.0

    def __post_init__(self) -> None:
        if self.address is not None:
            parse_address(self.address)
