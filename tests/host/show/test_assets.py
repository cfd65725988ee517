from __future__ import annotations

from pathlib import Path

import pytest

from host.show.assets import STATIC, VENDOR, integrity, packages

HERE = Path(__file__).parent


@pytest.mark.parametrize("listing", [STATIC / VENDOR, HERE / "vendor/npm.json"], ids=["page", "tests"])
def test_what_came_from_npm_is_as_it_was_published(listing: Path) -> None:
    listed = {listing.name}
    for package in packages(listing):
        assert package.integrity.startswith("sha512-") and len(package.integrity) == 95
        assert any("LICENSE" in name for name in package.files)
        for name, (_, hashed) in package.files.items():
            assert integrity((listing.parent / name).read_bytes(), "sha512") == hashed
            listed.add(name)
    assert {path.name for path in listing.parent.iterdir()} == listed
