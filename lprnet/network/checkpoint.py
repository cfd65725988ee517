"""Checkpoints on disk: weights, class list and where they came from."""

from __future__ import annotations

import hashlib
import json
import pickle
import struct
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from io import BytesIO
from pathlib import Path
from zipfile import is_zipfile

import msgspec
import torch
from safetensors import SafetensorError
from safetensors.torch import load as parse_safetensors
from safetensors.torch import save as dump_safetensors
from torch import Tensor

from device_runtime.bundle.manifest import ConfidenceInfo
from device_runtime.errors import FatalError
from device_runtime.files import write_atomic
from lprnet.network.alphabet import PUBLIC, Alphabet
from lprnet.network.model import CONTAINER, LPRNet, Widths

SUFFIXES = (".safetensors", ".pth")
CONFIDENCE = "confidence"
"""Key of the header that holds a `ConfidenceInfo` as JSON."""
_LINEAGE = "pruned from", "budget", "widened from", "widened to"


@dataclass(frozen=True)
class Checkpoint:
    """Weights of an `LPRNet` and what their classes mean.

    Attributes:
        state: float32 tensors, BatchNorm counters int64; their shapes say how wide the layers are.
        alphabet: the classes.
        sha256: of the file's bytes; empty where there is no file.
        metadata: where the weights came from.
    """

    state: dict[str, Tensor]
    alphabet: Alphabet
    _: KW_ONLY
    sha256: str = ""
    metadata: dict[str, str] = field(default_factory=dict)

    @property
    def lineage(self) -> dict[str, str]:
        """What of the metadata stays true when the weights are trained on."""
        return {key: value for key, value in self.metadata.items() if key in _LINEAGE}

    @property
    def confidence(self) -> ConfidenceInfo | None:
        """What its readings' confidence is made of, where `lprnet calibrate` has fitted that.

        Raises:
            FatalError: the header holds something else there.
        """
        text = self.metadata.get(CONFIDENCE)
        try:
            return msgspec.json.decode(text, type=ConfidenceInfo) if text else None
        except msgspec.DecodeError as error:
            todo = "run lprnet calibrate again"
            raise FatalError("checkpoint", f"{CONFIDENCE} in its header: {error}", todo) from None

    def model(self) -> LPRNet:
        """The network with these weights, in evaluation mode."""
        model = LPRNet(len(self.alphabet), widths=Widths.of(self.state))
        model.load_state_dict(self.state)
        return model.eval()


def load_checkpoint(path: Path | str) -> Checkpoint:
    """Read a `.safetensors` checkpoint of this project or the public `.pth` one; runs no code from it.

    A `.safetensors` file carries its alphabet; a `.pth` file is taken to have the `PUBLIC` one.

    Raises:
        FatalError: the file is missing, truncated or of another format, holds pickled code, names other
            parameters than LPRNet has, or has a class count that its alphabet does not match.
    """
    path = Path(path)
    if path.suffix not in SUFFIXES:
        raise FatalError(
            str(path), "unknown checkpoint format", f"give a file ending in {' or '.join(SUFFIXES)}"
        )
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise FatalError(str(path), "no such file", "check the path of the checkpoint") from None
    except OSError as error:
        raise FatalError(str(path), error.strerror or str(error), "give a readable checkpoint file") from None
    if path.suffix == ".pth":
        state, alphabet, metadata = _parse_pth(path, data), PUBLIC, {"source": path.name}
    else:
        state, alphabet, metadata = _parse_safetensors(path, data)
    _check_state(path, state, alphabet)
    return Checkpoint(state, alphabet, sha256=hashlib.sha256(data).hexdigest(), metadata=metadata)


def save_checkpoint(
    path: Path | str,
    state: Mapping[str, Tensor],
    alphabet: Alphabet,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write *state* as safetensors, *alphabet* and *metadata* in the header; whole or not at all.

    Raises:
        FatalError: *state* is not an LPRNet with this many classes, or the file cannot be written.
    """
    path = Path(path)
    tensors = {
        name: (t.detach().to("cpu", torch.float32 if t.is_floating_point() else t.dtype)).contiguous()
        for name, t in state.items()
    }
    _check_state(path, tensors, alphabet)
    header = {**(metadata or {}), "alphabet": alphabet.to_json()}
    write_atomic(path, dump_safetensors(tensors, header))


def _parse_pth(path: Path, data: bytes) -> dict[str, Tensor]:
    if not is_zipfile(BytesIO(data)) and data[:1] != b"\x80":
        raise FatalError(str(path), "truncated or not a PyTorch checkpoint", "fetch the file again")
    try:
        state = torch.load(BytesIO(data), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise FatalError(
            str(path), "holds pickled code, or is damaged", "use a checkpoint that holds tensors only"
        ) from None
    # torch.load reports damage in whatever way its zip and pickle readers trip over it.
    except Exception:
        raise FatalError(str(path), "truncated or not a PyTorch checkpoint", "fetch the file again") from None
    if not isinstance(state, dict) or not all(
        isinstance(k, str) and isinstance(v, Tensor) for k, v in state.items()
    ):
        raise FatalError(str(path), "not a table of named tensors", "save the model's state_dict()")
    return {k: v.float() if v.is_floating_point() else v for k, v in state.items()}


def _parse_safetensors(path: Path, data: bytes) -> tuple[dict[str, Tensor], Alphabet, dict[str, str]]:
    damaged = FatalError(str(path), "truncated or not a safetensors file", "fetch the file again")
    try:
        tensors = parse_safetensors(data)
        (length,) = struct.unpack_from("<Q", data)
        metadata = json.loads(data[8 : 8 + length]).get("__metadata__", {})
    except (SafetensorError, struct.error, ValueError):
        raise damaged from None
    text = metadata.pop("alphabet", None)
    if text is None:
        raise FatalError(
            str(path), "no alphabet in the header", "write it with lprnet.network.checkpoint.save_checkpoint"
        )
    try:
        alphabet = Alphabet.from_json(text)
    except FatalError as error:
        raise FatalError(f"{path}: {error.what}", error.why, error.todo) from None
    return {k: v.float() if v.is_floating_point() else v for k, v in tensors.items()}, alphabet, metadata


def _check_state(path: Path, state: Mapping[str, Tensor], alphabet: Alphabet) -> None:
    with torch.device("meta"):
        names = LPRNet(len(alphabet)).state_dict().keys()
    missing, odd = names - state.keys(), state.keys() - names
    todo = "use a checkpoint of LPRNet, as published or pruned"
    if missing:
        raise FatalError(str(path), f"lacks {len(missing)} parameters, first {min(missing)}", todo)
    if odd:
        raise FatalError(str(path), f"has {len(odd)} parameters too many, first {min(odd)}", todo)
    classes = len(state[f"{CONTAINER}.bias"])
    if classes != len(alphabet):
        raise FatalError(
            str(path),
            f"{classes} classes, but its alphabet has {len(alphabet)}",
            "give the alphabet that the checkpoint was trained with",
        )
    expected = _expected(state, len(alphabet))
    if expected is None:
        raise FatalError(str(path), "its parameters have impossible shapes", todo)
    for name, tensor in expected.items():
        if state[name].shape != tensor.shape:
            raise FatalError(
                str(path), f"{name} is {tuple(state[name].shape)}, not {tuple(tensor.shape)}", todo
            )
        if state[name].is_floating_point() and not torch.isfinite(state[name]).all():
            raise FatalError(str(path), f"{name} is not finite", "train again or fetch the file again")


def _expected(state: Mapping[str, Tensor], classes: int) -> dict[str, Tensor] | None:
    """What a network as wide as *state* has; None where there is no such network."""
    try:
        widths = Widths.of(state)
        if widths.pool2 > widths.block1[3] or widths.pool3 > widths.block3[3]:
            return None
        with torch.device("meta"):
            return LPRNet(classes, widths=widths).state_dict()
    except (IndexError, RuntimeError, ZeroDivisionError):
        return None
