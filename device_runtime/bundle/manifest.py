"""The bundle's manifest: schema version 1, its file and its errors."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from device_runtime.errors import FatalError

SCHEMA_VERSION = 1
MANIFEST_NAME = "manifest.json"

# A manifest is a few KiB; more is not a manifest, and parsing it would only use up the board's memory.
_MAX_BYTES = 4 << 20

# No absolute path, no empty, "." or ".." component, no back-slash, no control character.
_INSIDE = re.compile(r"(?!.*(?:^|/)\.{0,2}(?:/|$))[^\\\x00-\x1f]+")

Sha256 = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Count = Annotated[int, msgspec.Meta(ge=0, le=1 << 53)]
Size = Annotated[int, msgspec.Meta(ge=1, le=1 << 16)]
Fraction = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
Positive = Annotated[float, msgspec.Meta(gt=0.0, le=1e9)]
Finite = Annotated[float, msgspec.Meta(ge=-1e9, le=1e9)]


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of every part of the manifest: immutable, and no key is ignored."""


class TargetInfo(Record, frozen=True):
    """What the module was compiled for; `cpu_features` are names as in /proc/cpuinfo."""

    name: Name
    display_name: Name
    arch: Literal["x86_64", "aarch64", "armv7l", "riscv64"]
    triple: Name
    cpu: str
    cpu_features: tuple[Name, ...]
    glibc: Annotated[str, msgspec.Meta(pattern=r"\A\d+\.\d+\Z")]


class InputInfo(Record, frozen=True):
    """The module's argument, `shape` = [1, 3, height, width]."""

    shape: tuple[Size, Size, Size, Size]
    dtype: Literal["float32"]
    layout: Literal["NCHW"]


class OutputInfo(Record, frozen=True):
    """The module's result, `shape` = [1, classes, steps]: logits before softmax."""

    shape: tuple[Size, Size, Size]
    dtype: Literal["float32"]
    layout: Literal["NCT"]


class PreprocessInfo(Record, frozen=True):
    """Resize a BGR uint8 image to width × height, then (x − mean) × scale, then channels first."""

    width: Size
    height: Size
    color: Literal["BGR"]
    interpolation: Literal["linear"]
    mean: Finite
    scale: Positive


class Versions(Record, frozen=True):
    """What built the bundle; `linker` is its name and version."""

    tvm: str
    tvm_ffi: str
    linker: str


class CheckpointInfo(Record, frozen=True):
    name: Name
    sha256: Sha256


class FileInfo(Record, frozen=True):
    sha256: Sha256
    bytes: Count


class AccuracyInfo(Record, frozen=True):
    """Whole plates read right: `correct` of `n`; accuracies are fractions."""

    dataset: Name
    n: Count
    correct: Count
    accuracy: Fraction
    accuracy_without_province: Fraction

    def __post_init__(self) -> None:
        if self.correct > self.n:
            raise ValueError(f"correct is {self.correct} of only n = {self.n}")


class GoldenInfo(Record, frozen=True):
    """Where the golden inputs and outputs lie in `file`, and how far logits may be off.

    `n` images uint8 [n, height, width, 3] (BGR, before preprocessing) at byte `images_offset`, then
    `n` logits float32 little-endian [n, classes, steps] at byte `logits_offset`.
    """

    file: Name
    n: Annotated[int, msgspec.Meta(ge=1, le=10_000)]
    images_offset: Count
    logits_offset: Count
    atol: Positive


class Manifest(Record, frozen=True, kw_only=True):
    """Everything the board needs to know about a bundle, but nothing about itself."""

    schema_version: Annotated[int, msgspec.Meta(ge=SCHEMA_VERSION, le=SCHEMA_VERSION)] = SCHEMA_VERSION
    created_by: Name
    target: TargetInfo
    alphabet: tuple[Name, ...]
    blank: Count
    input: InputInfo
    output: OutputInfo
    preprocess: PreprocessInfo
    precision: Name
    schedule: str
    versions: Versions
    checkpoint: CheckpointInfo
    macs: Count
    parameters: Count
    files: dict[str, FileInfo]
    accuracy: tuple[AccuracyInfo, ...] = ()
    golden: GoldenInfo

    def __post_init__(self) -> None:
        classes = len(self.alphabet)
        if len(set(self.alphabet)) != classes:
            raise ValueError("alphabet names a character twice")
        if not self.blank < classes:
            raise ValueError(f"blank is {self.blank}, but the alphabet has {classes} classes")
        if self.output.shape[:2] != (1, classes):
            raise ValueError(
                f"output.shape is {list(self.output.shape)}, but the alphabet has {classes} classes"
            )
        expected = (1, 3, self.preprocess.height, self.preprocess.width)
        if self.input.shape != expected:
            raise ValueError(
                f"input.shape is {list(self.input.shape)}, but preprocess makes {list(expected)}"
            )
        if self.golden.file not in self.files:
            raise ValueError(f"golden.file is {self.golden.file!r}, which files does not list")
        for name in self.files:
            if not _INSIDE.fullmatch(name) or name == MANIFEST_NAME:
                raise ValueError(f"files lists {name!r}, which is not a file name inside the bundle")


def encode(manifest: Manifest) -> bytes:
    """Indented UTF-8 JSON with keys in the order of the schema and `files` sorted: same value, same bytes."""
    ordered = msgspec.structs.replace(manifest, files=dict(sorted(manifest.files.items())))
    return msgspec.json.format(msgspec.json.encode(ordered), indent=2) + b"\n"


def decode(data: bytes, source: str) -> Manifest:
    """Parse and check a manifest.

    Args:
        data: JSON text.
        source: what to name in an error, usually the file's path.

    Raises:
        FatalError: naming *source*, the key and the bad value.
    """
    try:
        raw = msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise FatalError(source, f"is not JSON ({error})", "copy or build the bundle again") from None
    version = raw.get("schema_version", SCHEMA_VERSION) if isinstance(raw, dict) else SCHEMA_VERSION
    if isinstance(version, int) and version != SCHEMA_VERSION:
        raise FatalError(
            source,
            f"schema_version is {_short(version)}, and this lpr-run reads version {SCHEMA_VERSION}",
            "run install.sh of this bundle, which brings the lpr-run that fits it",
        )
    try:
        return msgspec.convert(raw, Manifest)
    except msgspec.ValidationError as error:
        raise FatalError(source, _explain(str(error), raw), "build the bundle again") from None


def read_manifest(bundle: Path) -> Manifest:
    """The manifest of the bundle in folder *bundle*.

    Raises:
        FatalError: not a bundle, unreadable, or a manifest that `decode` refuses.
    """
    path = bundle / MANIFEST_NAME
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except FileNotFoundError:
        why = f"holds no {MANIFEST_NAME}" if bundle.is_dir() else "is not a folder"
        raise FatalError(str(bundle), why, "name a bundle folder with --bundle") from None
    except OSError as error:
        raise FatalError(
            str(path), f"cannot be read ({error.strerror})", "check the file's permissions"
        ) from None
    if len(data) > _MAX_BYTES:
        raise FatalError(str(path), f"is larger than {_MAX_BYTES >> 20} MiB", "build the bundle again")
    return decode(data, str(path))


def _explain(message: str, raw: object) -> str:
    """msgspec's message with the key first and the bad value last."""
    found = re.fullmatch(r"(?s)(.*?)(?: - at `(key in )?\$([^`]*)`)?", message)
    if found is None or found[3] is None:
        return message
    key = found[3].lstrip(".") or "manifest"
    if "unknown field" in found[1] or found[2]:
        return f"{key}: {found[1]}"
    values = _at(raw, found[3])
    return f"{key}: {found[1]}" + (
        f", value {_short(values[0] if len(values) == 1 else values)}" if values else ""
    )


def _at(raw: Any, path: str) -> list[Any]:
    """Every value of *raw* that msgspec's *path* can mean; `[...]` stands for each item."""
    values = [raw]
    for index, each, key in re.findall(r"\[(\d+)\]|(\[\.\.\.\])|\.([^.\[]+)", path):
        if each:
            values = [item for v in values for item in (v.values() if isinstance(v, dict) else v or ())]
        elif index:
            values = [v[int(index)] for v in values if isinstance(v, list) and int(index) < len(v)]
        else:
            values = [v[key] for v in values if isinstance(v, dict) and key in v]
    # A missing key or a cross-check of a whole object has no single bad value to show.
    return [] if any(isinstance(v, dict) for v in values) else values


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "…"
