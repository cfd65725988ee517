"""The bundle's manifest: schema version 4, its file and its errors.

Version 4 has an optional `reader` and grey input, version 3 an optional `locator`; older ones are still read.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from device_runtime import schema
from device_runtime.errors import FatalError

SCHEMA_VERSION, OLDEST = 4, 2
MANIFEST_NAME = "manifest.json"

_INSIDE = re.compile(r"(?!.*(?:^|/)\.{0,2}(?:/|$))[^\\\x00-\x1f]+")
"""No absolute path, no empty, "." or ".." component, no back-slash, no control character."""

Sha256 = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Count = Annotated[int, msgspec.Meta(ge=0, le=1 << 53)]
Size = Annotated[int, msgspec.Meta(ge=1, le=1 << 16)]
Fraction = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
NotNegative = Annotated[float, msgspec.Meta(ge=0.0, le=1e9)]
Positive = Annotated[float, msgspec.Meta(gt=0.0, le=1e9)]
Finite = Annotated[float, msgspec.Meta(ge=-1e9, le=1e9)]


class TargetInfo(schema.Strict, frozen=True, kw_only=True):
    """What the module was compiled for; `cpu_features` are names as in /proc/cpuinfo."""

    name: Name
    display_name: Name
    arch: Literal["x86_64", "aarch64", "armv7l", "riscv64"]
    triple: Name
    cpu: str
    cpu_features: tuple[Name, ...]
    glibc: Annotated[str, msgspec.Meta(pattern=r"\A\d+\.\d+\Z")]


class InputInfo(schema.Strict, frozen=True):
    """The module's argument, `shape` = [1, 3, height, width]."""

    shape: tuple[Size, Size, Size, Size]
    dtype: Literal["float32"]
    layout: Literal["NCHW"]


class OutputInfo(schema.Strict, frozen=True):
    """The module's result, `shape` = [1, classes, steps]: logits before softmax."""

    shape: tuple[Size, Size, Size]
    dtype: Literal["float32"]
    layout: Literal["NCT"]


class PreprocessInfo(schema.Strict, frozen=True, kw_only=True):
    """Resize a BGR uint8 image to width × height, then (x − mean) × scale, then channels first.

    Attributes:
        color: the three channels: as they are, or all of them the grey value, of `cv2.COLOR_BGR2GRAY`.
    """

    width: Size
    height: Size
    color: Literal["BGR", "GRAY"]
    interpolation: Literal["linear"]
    mean: Finite
    scale: Positive


class ScheduleInfo(schema.Strict, frozen=True, kw_only=True):
    """How the kernels came about.

    Attributes:
        kind: hand-scheduled (`tuned`), by TVM's pipeline (`default`) or by its search (`metaschedule`).
        convolutions: how many the network has.
        tuned: how many of them have a register tile that was found by tuning.
        measurements: how many that search made.
    """

    kind: Literal["tuned", "default", "metaschedule"]
    convolutions: Count
    tuned: Count
    measurements: Count = 0

    def __post_init__(self) -> None:
        if self.tuned > self.convolutions:
            raise ValueError(f"tuned is {self.tuned} of only convolutions = {self.convolutions}")

    @property
    def text(self) -> str:
        """In words, as reports and tables have it."""
        if self.kind == "default":
            return "TVM's default pipeline, untuned"
        if self.kind == "metaschedule":
            return f"MetaSchedule's generic search, {self.measurements} measurements"
        return f"{self.tuned} of {self.convolutions} convolutions tuned"


class Versions(schema.Strict, frozen=True):
    """What built the bundle; `linker` is its name and version."""

    tvm: str
    tvm_ffi: str
    linker: str


class CheckpointInfo(schema.Strict, frozen=True):
    name: Name
    sha256: Sha256


class FileInfo(schema.Strict, frozen=True):
    sha256: Sha256
    bytes: Count


class AccuracyInfo(schema.Strict, frozen=True, kw_only=True):
    """Whole plates read right: `correct` of `n`; accuracies are fractions."""

    dataset: Name
    n: Count
    correct: Count
    accuracy: Fraction
    accuracy_without_province: Fraction

    def __post_init__(self) -> None:
        if self.correct > self.n:
            raise ValueError(f"correct is {self.correct} of only n = {self.n}")


class ConfidenceInfo(schema.Tolerant, frozen=True, kw_only=True):
    """How sure a reading is: a logistic of what `read.confidence.features` says of it.

    Fields that a later version adds are ignored.

    Attributes:
        offset: log odds where all features are 0.
        characters, gap, grammar, width, narrow: the features' weights; older bundles have none for `narrow`.
        doubt: how much less speaks for a narrow plate than for a wide one; nothing in older bundles.
        least: default of the confidence below which a text is no reading.
        with_grammar: whether the plate grammar had a say in the texts that it was fitted to, and so has by
            default; not in older bundles.
    """

    offset: Finite
    characters: Finite
    gap: Finite
    grammar: Finite
    width: Finite
    narrow: Finite = 0.0
    doubt: NotNegative = 0.0
    least: Fraction
    with_grammar: bool = False

    @property
    def weights(self) -> tuple[float, float, float, float, float]:
        """In the order of the features."""
        return self.characters, self.gap, self.grammar, self.width, self.narrow


class GoldenInfo(schema.Strict, frozen=True, kw_only=True):
    """Where the golden inputs and outputs lie in `file`, and how far logits may be off.

    `n` images uint8 [n, height, width, 3] (BGR, before preprocessing) at byte `images_offset`, then
    `n` logits float32 little-endian [n, classes, steps] at byte `logits_offset`.
    """

    file: Name
    n: Annotated[int, msgspec.Meta(ge=1, le=10_000)]
    images_offset: Count
    logits_offset: Count
    atol: Positive


class GoldenMapInfo(schema.Strict, frozen=True, kw_only=True):
    """A golden input and output of one of the locator's networks.

    Its image uint8 [height, width, 3] (BGR) lies at byte `offset`, and its map float32 little-endian
    [channels, height / stride, width / stride] right behind.
    """

    network: Literal["find", "refine"]
    height: Size
    width: Size
    offset: Count


class LocatorGoldenInfo(schema.Strict, frozen=True, kw_only=True):
    """The golden inputs and outputs in `file`, and how far a number of a map may be off."""

    file: Name
    atol: Positive
    maps: Annotated[tuple[GoldenMapInfo, ...], msgspec.Meta(min_length=1, max_length=100)]


class ImageNetworkInfo(schema.Strict, frozen=True, kw_only=True):
    """A network of the locator: uint8 [height, width, 3] BGR → float32 [channels, height / stride, …].

    Attributes:
        height, width: px of its input.
        area: px; None where there is no other size. Else sides may be any multiples of `grid`, not below
            `least_height` and `least_width`, of at most so many pixels.
        grid, least_height, least_width: px.
        channels: of its output.
        stride: px of the input a cell of the output.
        macs: multiply-accumulates for one input of that size.
        parameters: weights and biases.
    """

    height: Size
    width: Size
    area: Annotated[int, msgspec.Meta(ge=1, le=1 << 26)] | None
    grid: Size
    least_height: Size
    least_width: Size
    channels: Size
    stride: Size
    macs: Count
    parameters: Count

    def __post_init__(self) -> None:
        if self.height % self.stride or self.width % self.stride:
            raise ValueError(f"stride is {self.stride}, but the input is {self.height} × {self.width}")
        if not self.takes(self.height, self.width):
            raise ValueError(f"no input may be {self.height} × {self.width}")

    def takes(self, height: int, width: int) -> bool:
        """Whether an input may have that size."""
        if self.area is None:
            return (height, width) == (self.height, self.width)
        even = height % self.grid == 0 == width % self.grid
        large = height >= self.least_height and width >= self.least_width
        return even and large and height * width <= self.area


class ScoringInfo(schema.Tolerant, frozen=True, kw_only=True):
    """Weights of both networks' logits in a plate's score, see `locate.locator.Scoring`."""

    find: Finite
    refine: Finite
    offset: Finite


class SearchInfo(schema.Tolerant, frozen=True, kw_only=True):
    """Scores that decide what is looked at and what is a plate, see `locate.locator.Search`."""

    proposing: Fraction
    sure: Fraction
    clear: Fraction
    doubtful: Fraction
    threshold: Fraction
    again: Fraction = 1.0


class LocatorInfo(schema.Tolerant, frozen=True, kw_only=True):
    """What finds plates: a second module, with the functions `find`, `refine` and `letterbox`.

    Fields that a later version adds are ignored.

    Attributes:
        module: its file.
        precision, schedule, checkpoint: as the manifest's own, of this module.
        find: proposes plates in a frame.
        refine: looks at one of them.
        scoring: fitted when it was trained.
        search: likewise.
        golden: what a board must compute with it.
    """

    module: Name
    precision: Name
    schedule: ScheduleInfo
    checkpoint: CheckpointInfo
    find: ImageNetworkInfo
    refine: ImageNetworkInfo
    scoring: ScoringInfo
    search: SearchInfo
    golden: LocatorGoldenInfo


class Manifest(schema.Strict, frozen=True, kw_only=True):
    """Everything the board needs to know about a bundle, but nothing about itself.

    Attributes:
        reader: of the shipped weights, whose plates they read; None for other weights and in older bundles.
    """

    schema_version: Annotated[int, msgspec.Meta(ge=OLDEST, le=SCHEMA_VERSION)] = SCHEMA_VERSION
    created_by: Name
    target: TargetInfo
    alphabet: tuple[Name, ...]
    blank: Count
    input: InputInfo
    output: OutputInfo
    preprocess: PreprocessInfo
    precision: Name
    schedule: ScheduleInfo
    versions: Versions
    checkpoint: CheckpointInfo
    reader: Name | None = None
    macs: Count
    parameters: Count
    files: dict[str, FileInfo]
    accuracy: tuple[AccuracyInfo, ...] = ()
    confidence: ConfidenceInfo | None = None
    golden: GoldenInfo
    locator: LocatorInfo | None = None

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
        if self.locator:
            for key, name in (
                ("module", self.locator.module),
                ("golden.file", self.locator.golden.file),
            ):
                if name not in self.files:
                    raise ValueError(f"locator.{key} is {name!r}, which files does not list")
        for name in self.files:
            if not _INSIDE.fullmatch(name) or name == MANIFEST_NAME:
                raise ValueError(f"files lists {name!r}, which is not a file name inside the bundle")


def encode(manifest: Manifest) -> bytes:
    """Indented UTF-8 JSON with keys in the order of the schema and `files` sorted: same value, same bytes."""
    ordered = msgspec.structs.replace(manifest, files=dict(sorted(manifest.files.items())))
    return schema.encode(ordered)


def decode(data: bytes, source: str) -> Manifest:
    """Parse and check a manifest.

    Args:
        data: JSON text.
        source: what to name in an error, usually the file's path.

    Raises:
        FatalError: naming *source*, the key and the bad value.
    """
    return _FORMAT.decode(data, source)


def read_manifest(bundle: Path) -> Manifest:
    """The manifest of the bundle in folder *bundle*.

    Raises:
        FatalError: not a bundle, unreadable, or a manifest that `decode` refuses.
    """
    return decode(load_manifest(bundle), str(bundle / MANIFEST_NAME))


def load_manifest(bundle: Path) -> bytes:
    """The bytes of the manifest of the bundle in folder *bundle*.

    Raises:
        FatalError: not a bundle, or unreadable.
    """
    if not (bundle / MANIFEST_NAME).exists():
        why = f"holds no {MANIFEST_NAME}" if bundle.is_dir() else "is not a folder"
        raise FatalError(str(bundle), why, "name a bundle's folder")
    return _FORMAT.load(bundle / MANIFEST_NAME)


_FORMAT = schema.Format(
    schema=Manifest,
    what="a manifest",
    version=SCHEMA_VERSION,
    since=OLDEST,
    todo="copy or build the bundle again",
    outdated="run install.sh of this bundle, which brings the lpr-run that fits it",
    # A few KiB are usual; parsing much more would only use up the board's memory.
    max_bytes=4 << 20,
)
