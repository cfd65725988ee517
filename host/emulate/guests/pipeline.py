"""From a frame to its texts on an emulated board, and the parts of that; golden maps are checked before."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from device_runtime.board.cpu import Cpu, detect
from device_runtime.bundle.manifest import read_manifest
from device_runtime.bundle.verify import verify
from device_runtime.locate.geometry import fit
from device_runtime.locate.rectify import rectify
from device_runtime.model.abi import Model
from device_runtime.read.engine import Engine
from device_runtime.reader import Reader

PARTS = ("letterbox", "find", "views", "reader")
"""The frame scaled; the first network; the candidates' views, the second network and what it says; the surest
plate's crop, the reader and the text."""
WHOLE = "whole"
"""`Reader.read`: the parts, and what is between them."""


def load(folder: str, path: str) -> dict[str, Callable[[], object]]:
    """`PARTS` and `WHOLE` of the bundle in *folder*, on a frame with a plate, the `.npy` file *path*."""
    cv2.setNumThreads(1)
    info, frame = read_manifest(Path(folder)), np.load(path)
    # An emulated processor may name its features otherwise.
    cpu = Cpu(detect().arch, "emulated", frozenset(info.target.cpu_features))
    bundle = verify(Path(folder), cpu)
    model = Model(bundle.module, bundle.path, input_shape=info.input.shape, output_shape=info.output.shape)
    reader = Reader.of(Engine(bundle, model))
    locator = reader.locator
    assert locator is not None
    to = fit(frame.shape[1], frame.shape[0], locator.search.area)
    image = locator.letterbox(frame, to)
    candidates = locator.propose(frame)
    corners = locator.verify(frame, candidates, locator.search.threshold).corners[0]
    return {
        "letterbox": lambda: locator.letterbox(frame, to),
        "find": lambda: locator.find(image),
        "views": lambda: locator.verify(frame, candidates, locator.search.threshold),
        "reader": lambda: reader.engine.read(rectify(frame, corners, warp=locator.warp), 94),
        WHOLE: lambda: reader.read(frame),
    }
