from __future__ import annotations

import numpy as np

from device_runtime.sources.files import image_files
from host.bench import schema
from host.bench.data import accuracy, load_images
from host.paths import SAMPLES
from lprnet.network.alphabet import PUBLIC


def test_accuracy_counts_whole_plates() -> None:
    logits = np.zeros((2, len(PUBLIC), 18), np.float32)
    logits[:, PUBLIC.blank] = 1
    for step, character in enumerate("京A1"):
        logits[:, PUBLIC.encode(character)[0], 2 * step] = 2
    assert accuracy(logits, ("京A1", "京A2"), PUBLIC) == 0.5


def test_a_limit_keeps_both_ends_of_a_folder() -> None:
    found = load_images([SAMPLES], 4)
    assert found.sources == (schema.DataSet("samples", 4),)
    names = [path.stem for path in image_files([SAMPLES])]
    assert (found.labels[0], found.labels[-1]) == (names[0], names[-1])
