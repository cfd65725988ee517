#!/usr/bin/env python3
"""Takes files out of packages of npm, as they are, and notes where they came from.

    scripts/vendor_npm.py FOLDER/npm.json              all that it lists, again: nothing changes
    scripts/vendor_npm.py FOLDER/npm.json uplot@1.6.33 a new version of one of them

The archive has to have the hash that the registry names; a version that is listed already, the very hash that
stands in the list.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import sys
import tarfile
import urllib.request
from pathlib import Path

REGISTRY = "https://registry.npmjs.org"


def main() -> None:
    listing, wanted = Path(sys.argv[1]), dict(name.rsplit("@", 1) for name in sys.argv[2:])
    packages = json.loads(listing.read_text())
    for package in packages:
        name, version = package["package"], wanted.get(package["package"], package["version"])
        about = json.loads(fetch(f"{REGISTRY}/{name}/{version}"))
        archive = fetch(about["dist"]["tarball"])
        expected = about["dist"]["integrity"] if version != package["version"] else package["integrity"]
        if integrity(archive) != expected:
            sys.exit(f"{name} {version}: the archive is not the one that was published")
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            for file, (path, _) in package["files"].items():
                member = tar.extractfile(path)
                assert member is not None, path
                data = member.read()
                (listing.parent / file).write_bytes(data)
                package["files"][file] = [path, integrity(data)]
        package.update(version=version, license=about["license"], integrity=expected)
    listing.write_text(json.dumps(packages, indent=2) + "\n")


def fetch(address: str) -> bytes:
    with urllib.request.urlopen(address, timeout=60) as answer:
        return answer.read()


def integrity(data: bytes) -> str:
    return f"sha512-{base64.b64encode(hashlib.sha512(data).digest()).decode()}"


main()
