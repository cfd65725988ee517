from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest

from device_runtime.bundle.manifest import Manifest, read_manifest
from device_runtime.errors import FatalError
from device_runtime.read.decode import greedy
from device_runtime.read.engine import Engine
from device_runtime.read.looks import LOOKS, seen

Seal = Callable[[Path, Manifest], Manifest]


def test_reads_what_the_golden_outputs_say(pristine_bundle: Path) -> None:
    engine = Engine.open(pristine_bundle)
    golden = engine.golden()
    plates = set()
    for image, logits in zip(golden.images, golden.logits, strict=True):
        reading, shown = engine.read(image), engine.decode(engine.logits(image)[0])
        expected = greedy(logits, engine.manifest.alphabet, engine.manifest.blank)
        assert shown.text == expected.text
        assert shown.confidence == pytest.approx(expected.confidence, rel=1e-3)
        assert shown.character_confidences == pytest.approx(expected.character_confidences, rel=1e-3)
        # Other looks have a say where this one is unsure, as a network of random weights always is.
        looks = [engine.decode(engine.logits(seen(image, look))[0]).text for look in LOOKS]
        assert reading.plate in (shown.text, *looks)
        assert list(reading.timings_ms) == ["preprocess", "infer", "decode"]
        assert all(ms > 0 for ms in reading.timings_ms.values())
        plates.add(shown.text)
    assert len(plates) == len(golden.images)
    assert engine.golden_difference <= engine.manifest.golden.atol


def test_infers_tensors(pristine_bundle: Path) -> None:
    engine = Engine.open(pristine_bundle)
    image = engine.golden().images[0]
    from_image = engine.logits(image).copy()
    assert np.array_equal(engine.infer(engine.input.copy()), from_image)
    assert from_image.shape == (1, 68, 18)


def test_grammar_is_taken_from_the_alphabet(bundle: Path, seal: Seal) -> None:
    assert Engine.open(bundle, use_grammar=True).uses_grammar
    manifest = read_manifest(bundle)
    strange = (*(chr(0x3041 + index) for index in range(67)), "-")
    seal(bundle, msgspec.structs.replace(manifest, alphabet=strange))
    assert not Engine.open(bundle).uses_grammar
    with pytest.raises(FatalError, match="alphabet"):
        Engine.open(bundle, use_grammar=True)


@pytest.mark.parametrize("wrong", [0.5, float("nan"), float("inf")])
def test_refuses_outputs_that_differ(bundle: Path, seal: Seal, wrong: float) -> None:
    manifest = read_manifest(bundle)
    path = bundle / manifest.golden.file
    data = bytearray(path.read_bytes())
    logits = np.frombuffer(data, "<f4", offset=manifest.golden.logits_offset)
    logits[-1] += wrong
    path.write_bytes(data)
    seal(bundle, manifest)
    with pytest.raises(FatalError, match="golden outputs are off"):
        Engine.open(bundle)


def test_refuses_golden_outputs_that_are_not_there(bundle: Path, seal: Seal) -> None:
    manifest = read_manifest(bundle)
    (bundle / manifest.golden.file).write_bytes(b"short")
    seal(bundle, manifest)
    with pytest.raises(FatalError, match=r"golden\.bin"):
        Engine.open(bundle)
