"""Checkpoints on disk: weights, class list and where they came from."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field, replace
from pathlib import Path

import msgspec
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as dump_safetensors
from torch import Tensor

from device_runtime.bundle.manifest import ConfidenceInfo, PreprocessInfo
from device_runtime.errors import FatalError
from device_runtime.files import write_atomic
from device_runtime.read.preprocess import DEFAULT
from lprnet.network.alphabet import PUBLIC, Alphabet, ClassList, known_with
from lprnet.network.archive import Archive, kind_of, read_pickle, read_safetensors
from lprnet.network.fold import Color, fold_input
from lprnet.network.layout import find_lprnet
from lprnet.network.model import CONTAINER, LAYERS, LPRNet, Widths
from lprnet.network.onnx_graph import OnnxGraph, check_same, read_onnx

LOG = logging.getLogger(__name__)
ALPHABET, BLANK_CLASS, COLOR = "alphabet", "blank", "color"
"""Keys of the header: the classes as a JSON list, the blank's number where it is not the last, and `GRAY`
where the network was trained with grey images."""
CONFIDENCE = "confidence"
"""Key of the header that holds a `ConfidenceInfo` as JSON."""
_LINEAGE = "pruned from", "budget", "widened from", "widened to", "imported from"


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

    @property
    def preprocess(self) -> PreprocessInfo:
        """How its input is made.

        Its weights also read colours: grey is then made in the first convolution, but not rounded to integers
        as images are. So it can be trained on, with colours, as it is.
        """
        if self.metadata.get(COLOR) != "GRAY":
            return DEFAULT
        return msgspec.structs.replace(DEFAULT, color="GRAY")

    def model(self) -> LPRNet:
        """The network with these weights, in evaluation mode."""
        model = LPRNet(len(self.alphabet), widths=Widths.of(self.state))
        model.load_state_dict(self.state)
        return model.eval()


@dataclass(frozen=True, kw_only=True)
class Source:
    """What a foreign checkpoint does not say about itself.

    Attributes:
        classes: its class list; the `PUBLIC` one where it has as many and nobody says.
        blank: which class is the blank, as `ClassList.alphabet` takes it.
        color: of its input; BGR by default, and GRAY where it reads one channel.
        mean, scale: of (x − mean) · scale, x of 0…255; one number, or one for every channel in the order of
            *color*; LPRNet's own by default.
    """

    classes: ClassList | None = None
    blank: str | None = None
    color: Color | None = None
    mean: tuple[float, ...] | None = None
    scale: tuple[float, ...] | None = None


UNSAID = Source()


def load_checkpoint(path: Path | str, source: Source = UNSAID) -> Checkpoint:
    """Read a checkpoint of this project, or import LPRNet of anybody; runs no code from it.

    What it holds decides, not its suffix: safetensors, what `torch.save` wrote, or ONNX. A checkpoint of this
    project carries its alphabet, and any other is described by *source*.

    Raises:
        FatalError: the file is missing, truncated or of another format, holds pickled code, or a network that
            is not LPRNet, or has a class count that its alphabet does not match; *source* contradicts it.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise FatalError(str(path), "no such file", "check the path of the checkpoint") from None
    except OSError as error:
        raise FatalError(str(path), error.strerror or str(error), "give a readable checkpoint file") from None
    sha256 = hashlib.sha256(data).hexdigest()
    kind = kind_of(path, data)
    if kind == "pickle":
        return _imported(path, read_pickle(path, data), source, sha256)
    if kind == "ONNX":
        graph = read_onnx(path)
        sha256 = hashlib.sha256(data + graph.external).hexdigest()
        return _imported(path, graph.archive, source, sha256, graph)
    archive = read_safetensors(path, data)
    if ALPHABET not in archive.metadata:
        return _imported(path, archive, source, sha256)
    return _own(path, archive, source, sha256)


def load_to_train(path: Path, source: Source = UNSAID) -> tuple[Checkpoint, Alphabet]:
    """A checkpoint to start from, and the classes that are to be trained.

    Classes of *source* are what a foreign checkpoint has, where their number fits; else new ones.

    Raises:
        FatalError: as `load_checkpoint`.
    """
    if source.classes is None:
        start = load_checkpoint(path, source)
        return start, start.alphabet
    known = replace(source, classes=None, blank=None)
    if not _says_alphabet(path):
        try:
            start = load_checkpoint(path, source)
        except FatalError as error:
            try:
                start = load_checkpoint(path, known)
            except FatalError:
                raise error from None
        else:
            return start, start.alphabet
    else:
        start = load_checkpoint(path, known)
    return start, source.classes.alphabet(source.blank)


def _says_alphabet(path: Path) -> bool:
    try:
        with safe_open(path, "pt") as file:
            return ALPHABET in (file.metadata() or {})
    except (OSError, SafetensorError):
        return False


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
    header = {**(metadata or {}), ALPHABET: alphabet.to_json()}
    if alphabet.blank != len(alphabet) - 1:
        header[BLANK_CLASS] = str(alphabet.blank)
    write_atomic(path, dump_safetensors(tensors, header))


def _own(path: Path, archive: Archive, source: Source, sha256: str) -> Checkpoint:
    """A checkpoint that `save_checkpoint` wrote."""
    metadata = dict(archive.metadata)
    text, blank = metadata.pop(ALPHABET), metadata.pop(BLANK_CLASS, "-1")
    try:
        alphabet = Alphabet.from_json(text, int(blank))
    except ValueError:
        todo = "write it with save_checkpoint"
        raise FatalError(str(path), f"{BLANK_CLASS} in its header is {blank}, no number", todo) from None
    except FatalError as error:
        raise FatalError(f"{path}: {error.what}", error.why, error.todo) from None
    state = archive.tables.get((), {})
    for option in ("color", "mean", "scale"):
        if getattr(source, option) is not None:
            raise FatalError(f"--{option}", f"{path} says itself what it reads", "leave it out")
    if source.classes or source.blank:
        listed = source.classes or ClassList("of the file", alphabet.characters)
        alphabet = listed.alphabet(source.blank, len(alphabet))
    _check_state(path, state, alphabet)
    return Checkpoint(state, alphabet, sha256=sha256, metadata=metadata)


def _imported(
    path: Path, archive: Archive, source: Source, sha256: str, graph: OnnxGraph | None = None
) -> Checkpoint:
    """LPRNet of anybody in the layout, the names and the input of this project's."""
    found = find_lprnet(str(path), archive)
    if graph is not None:
        check_same(graph, _plain_model(found.state))
    channels = found.state[f"{LAYERS[0].conv}.weight"].shape[1]
    color: Color = source.color or ("GRAY" if channels == 1 else "BGR")
    plain = color == "BGR" and source.mean is None and source.scale is None
    state = found.state
    if not plain:
        default = (DEFAULT.mean,), (DEFAULT.scale,)
        state = fold_input(state, color, source.mean or default[0], source.scale or default[1])
    alphabet = _alphabet(path, len(state[f"{CONTAINER}.bias"]), source)
    _check_state(path, state, alphabet)
    notes = [*found.notes, *([] if plain else [f"{color} input put into the first convolution"])]
    blank = f"the blank is {alphabet.characters[alphabet.blank]} (class {alphabet.blank})"
    LOG.info("  %s: %s", path.name, ", ".join([*notes, f"{len(alphabet)} classes", blank]))
    metadata = {"source": path.name, **({COLOR: color} if color == "GRAY" else {})}
    return Checkpoint(state, alphabet, sha256=sha256, metadata=metadata)


def _plain_model(state: Mapping[str, Tensor]) -> LPRNet:
    """The network of *state* with its own input; grey images are given to it three times."""
    if state[f"{LAYERS[0].conv}.weight"].shape[1] == 1:
        state = fold_input(state, "GRAY")
    model = LPRNet(len(state[f"{CONTAINER}.bias"]), widths=Widths.of(state))
    model.load_state_dict(state)
    return model.eval()


def _alphabet(path: Path, classes: int, source: Source) -> Alphabet:
    if source.classes:
        return source.classes.alphabet(source.blank, classes)
    if classes != len(PUBLIC):
        known = known_with(classes)
        lists = f"known lists with {classes}: {', '.join(known)}" if known else f"no known list has {classes}"
        raise FatalError(
            str(path), f"{classes} classes and no alphabet", f"list them with --alphabet; {lists}"
        )
    return ClassList("cn-public", PUBLIC.characters).alphabet(source.blank, classes)


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
