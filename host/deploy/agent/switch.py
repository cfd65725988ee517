"""Which bundle `current` names: a switch is one rename, and can be taken back."""

from __future__ import annotations

from pathlib import Path

from host.deploy.agent.disk import read_json, sync


def current_of(root: Path) -> str | None:
    """The bundle that `current` names."""
    try:
        return (root / "current").readlink().name
    except OSError:
        return None


def point(link: Path, bundle: str) -> None:
    """Have *link* name *bundle*, at once and for good."""
    temporary = link.with_name(".current")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(Path("bundles") / bundle)
    temporary.replace(link)
    sync(link.parent)


def revert(root: Path) -> bool:
    """Take back a switch that was not confirmed; whether there is a bundle then."""
    pending = root / "pending.json"
    previous = (read_json(pending) or {}).get("previous")
    if previous and (root / "bundles" / previous).is_dir():
        point(root / "current", previous)
    else:
        (root / "current").unlink(missing_ok=True)
        previous = None
    pending.unlink(missing_ok=True)
    sync(root)
    return previous is not None
