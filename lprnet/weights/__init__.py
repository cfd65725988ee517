"""The checkpoints shipped with the project; MODEL_CARD.md beside them says how they were made."""

from pathlib import Path

DEFAULT = Path(__file__).with_name("lprnet.safetensors")
LOCATOR = Path(__file__).with_name("locator.safetensors")
"""Of the network that finds plates in photographs; LOCATOR.md says how it was made."""


def pruned() -> dict[str, Path]:
    """Pruned networks by the name that a target's `recipe.pruning` calls them, the largest first."""
    found = {name: DEFAULT.with_name(f"{name}.safetensors") for name in ("light", "tiny")}
    return {name: path for name, path in found.items() if path.exists()}


def of_recipe(pruning: str) -> Path:
    """The checkpoint for `none`, `light` or `tiny`."""
    return DEFAULT if pruning == "none" else DEFAULT.with_name(f"{pruning}.safetensors")
