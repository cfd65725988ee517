"""A pool of samples drawn once, with a teacher's answers, for training that is faster than drawing them."""

from __future__ import annotations

import hashlib
import logging
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from device_runtime.errors import FatalError
from device_runtime.files import write_atomic
from lprnet.data.loader import raw_batches
from lprnet.data.mixture import Batch, Mixture, RawBatch, to_input
from lprnet.plates.pixels import Floats, Image

LOG = logging.getLogger(__name__)

CHUNK, BATCH = 4096, 32
"""Samples in a file, and drawn at a time."""
PACKAGES = Path(__file__).resolve().parents[2]
"""The folder of the packages."""
ROOMS = (
    "lprnet/data",
    "lprnet/plates",
    "lprnet/scenes",
    "lprnet/network",
    "device_runtime/countries",
    "device_runtime/locate",
    "device_runtime/read",
)
"""Whose files decide what a sample is. Whole rooms, so that none of their files is forgotten."""

Logits = NDArray[np.float16]
Teach = Callable[[Floats], Logits]
"""float32[N,3,24,94] → a teacher's logits float16[N,num_classes,18]."""


@dataclass(frozen=True)
class Pool:
    """Samples to be gone through again and again.

    Attributes:
        seed: of the order, another one each time round.
        images: uint8[N,24,94,3] BGR.
        texts: N labels.
        taught: a teacher's logits float16[N,num_classes,18], where there is a teacher.
    """

    seed: int
    images: Image
    texts: tuple[str, ...]
    taught: Logits | None

    def batches(self, start: int, size: int, stride: int | None = None) -> Iterator[Batch]:
        """Batches of *size* samples from numbers *start*, *start* + *stride*, … on, without end.

        They follow one another if *stride* is None.
        """
        count = len(self.texts)
        turn, order = -1, np.empty(0, int)
        while True:
            chosen = []
            for number in range(start, start + size):
                if number // count != turn:
                    turn = number // count
                    order = np.random.default_rng((self.seed, turn)).permutation(count)
                chosen.append(int(order[number % count]))
            taught = self.taught[chosen] if self.taught is not None else None
            yield Batch(to_input(self.images[chosen]), tuple(self.texts[i] for i in chosen), taught)
            start += size if stride is None else stride


def fill(
    folder: Path, mixture: Mixture, count: int, workers: int, teach: Teach | None = None, teacher: str = ""
) -> Pool:
    """The first *count* samples of *mixture*, rounded up to whole files of `CHUNK`.

    Files are named by the content of what they are made from; those that *folder* has are not made again.

    Args:
        folder: for the files, 38 MB each with a teacher.
        mixture: where the samples come from.
        count: how many.
        workers: rendering processes.
        teach: the teacher, asked once for each sample.
        teacher: SHA-256 of the teacher's checkpoint.

    Raises:
        FatalError: a file cannot be written, or is damaged.
    """
    key = pool_key(mixture, teacher)
    paths = [folder / f"{key}-{i:05d}.npz" for i in range(-(-count // CHUNK))]
    missing = [i for i, path in enumerate(paths) if not path.exists()]
    if missing:
        with raw_batches(mixture, missing[0] * CHUNK, BATCH, workers) as source:
            for i in range(missing[0], len(paths)):
                write_atomic(paths[i], _chunk(source, teach))
                LOG.info("samples drawn: %d of %d", (i + 1) * CHUNK, len(paths) * CHUNK)
    return _join(mixture.seed, [_read(path) for path in paths])


def pool_key(mixture: Mixture, teacher: str = "", packages: Path = PACKAGES) -> str:
    """A digest of all that samples depend on, the code that draws them included.

    Args:
        mixture: where the samples come from.
        teacher: SHA-256 of the teacher's checkpoint, if there is a teacher.
        packages: folder of the code, `ROOMS` of it.
    """
    digest = hashlib.sha256()
    for path in sorted(path for room in ROOMS for path in (packages / room).glob("*.*")):
        digest.update(path.read_bytes())
    for image, text in mixture.real:
        digest.update(f"{text}{image.shape}".encode() + image.tobytes())
    donors = len(mixture.stock.donors) if mixture.stock else 0
    shares = mixture.seed, mixture.real_fraction, mixture.ramp, mixture.kind, donors, mixture.recombined
    digest.update(repr((shares, mixture.shrunk, mixture.boxed, teacher)).encode())
    if mixture.kind is not None and mixture.kind.endswith(".toml"):
        digest.update(Path(mixture.kind).read_bytes())
    if mixture.located is not None:
        digest.update(f"{mixture.located_fraction} {mixture.located.digest()}".encode())
    return digest.hexdigest()[:16]


def _chunk(source: Iterator[RawBatch], teach: Teach | None) -> bytes:
    images, texts, taught = [], list[str](), []
    for _ in range(CHUNK // BATCH):
        crops, labels = next(source)
        images.append(crops)
        texts += labels
        if teach is not None:
            taught.append(teach(to_input(crops)))
    arrays: dict[str, Any] = {"images": np.concatenate(images), "texts": np.array(texts)}
    if taught:
        arrays["taught"] = np.concatenate(taught)
    file = BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def _read(path: Path) -> dict[str, Any]:
    try:
        with np.load(path) as content:
            return dict(content)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        raise FatalError(str(path), "damaged", "remove the file; it is made again") from None


def _join(seed: int, chunks: list[dict[str, Any]]) -> Pool:
    whole = {name: np.concatenate([chunk.pop(name) for chunk in chunks]) for name in list(chunks[0])}
    return Pool(seed, whole["images"], tuple(whole["texts"].tolist()), whole.get("taught"))
