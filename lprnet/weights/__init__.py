"""The checkpoints shipped with the project; MODEL_CARD.md beside them says how they were made.

A reader is a family of networks, and its networks are files: `latin.safetensors`, `latin-light.safetensors`
and `latin-tiny.safetensors`, or some of these. Those of `cn` are older and have names of their own.
"""

from pathlib import Path

from device_runtime.errors import FatalError

_FOLDER = Path(__file__).parent
LOCATOR = _FOLDER / "locator.safetensors"
"""Of the network that finds plates in photographs; LOCATOR.md says how it was made."""

READER = "cn"
"""The reader of Chinese plates, which is used where nobody chooses one."""
PRUNINGS = ("none", "light", "tiny")
"""Networks of a reader as a target's `recipe.pruning` calls them, the largest first."""
_OWN_NAMES = {"none": "lprnet", "light": "light", "tiny": "tiny"}

DEFAULT = _FOLDER / f"{_OWN_NAMES['none']}.safetensors"


def readers(folder: Path = _FOLDER) -> tuple[str, ...]:
    """The readers in *folder*, of which it has any network, `READER` first."""
    others = {*_OWN_NAMES.values(), LOCATOR.stem}
    found = {path.stem for path in folder.glob("*.safetensors")} - others
    for pruning in PRUNINGS[1:]:
        found = {name.removesuffix(f"-{pruning}") for name in found}
    return (READER, *sorted(found))


def networks(reader: str = READER, folder: Path = _FOLDER) -> dict[str, Path]:
    """What there is of *reader*, by what `PRUNINGS` calls it.

    Raises:
        FatalError: there is no such reader.
    """
    if reader not in readers(folder):
        raise FatalError(
            f"reader {reader}", "no such weights are shipped", f"choose {' or '.join(readers(folder))}"
        )
    found = {pruning: folder / f"{_file(reader, pruning)}.safetensors" for pruning in PRUNINGS}
    return {pruning: path for pruning, path in found.items() if path.exists()}


def pruned(reader: str = READER) -> dict[str, Path]:
    """The pruned networks of *reader*, the largest first."""
    return {pruning: path for pruning, path in networks(reader).items() if pruning != "none"}


def of_recipe(pruning: str, reader: str = READER, folder: Path = _FOLDER) -> Path:
    """The checkpoint of *reader* for `none`, `light` or `tiny`.

    Raises:
        FatalError: there is no such reader, or it has no such network.
    """
    found = networks(reader, folder)
    if pruning not in found:
        todo = f"choose --pruning {' or '.join(found)}"
        lacking = "has no unpruned network" if pruning == "none" else f"has no network pruned to {pruning}"
        raise FatalError(f"reader {reader}", lacking, todo)
    return found[pruning]


def reader_of(path: Path) -> str | None:
    """The reader that the file *path* is a network of; None where it is not shipped here."""
    path = path.resolve()
    return next((reader for reader in readers() if path in networks(reader).values()), None)


def shipped() -> tuple[Path, ...]:
    """Every network of every reader."""
    return tuple(path for reader in readers() for path in networks(reader).values())


def _file(reader: str, pruning: str) -> str:
    if reader == READER:
        return _OWN_NAMES[pruning]
    return reader if pruning == "none" else f"{reader}-{pruning}"
