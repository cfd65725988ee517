"""The checkpoint shipped with the project; MODEL_CARD.md beside it says how it was made."""

from pathlib import Path

DEFAULT = Path(__file__).with_name("lprnet.safetensors")
