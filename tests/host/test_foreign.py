"""A network of somebody else, from its file to a bundle that reads as its own code does."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from device_runtime.bundle.manifest import read_manifest
from device_runtime.read.decode import greedy
from device_runtime.read.engine import Engine
from device_runtime.sinks.glyphs import of_bundle
from device_runtime.sources.files import image_files
from device_runtime.sources.image import read_image
from host.build import Request, build
from host.check.accuracy import evaluate
from host.paths import LATIN_SAMPLES
from host.targets.read import load_target
from lprnet.network.alphabet import read_class_list
from lprnet.network.checkpoint import Source
from tests.published import Published, flat, one_by_one, trained

LISTED = "0-9A-Z-ЖÄ"


@pytest.fixture(scope="module")
def model() -> Published:
    """Grey input, logits of some hundreds."""
    model = trained(Published(40, channels=1, gammas=True))
    assert model.gammas is not None
    for gamma in model.gammas:
        gamma.data *= 300.0
    return model


@pytest.fixture(scope="module")
def bundle(model: Published, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("foreign")
    torch.save({"model": {f"module.{k}": v for k, v in flat(model).items()}}, folder / "grey.ckpt")
    request = Request(
        target=load_target("native"),
        output=folder / "bundle",
        checkpoint=folder / "grey.ckpt",
        source=Source(classes=read_class_list(LISTED), blank="first"),
        precision="fp32",
        locator=None,
    )
    return build(request)


def test_it_reads_as_its_own_code_does(bundle: Path, model: Published) -> None:
    engine = Engine.open(bundle)
    alphabet, blank = engine.manifest.alphabet, engine.manifest.blank
    for path in image_files([LATIN_SAMPLES])[:4]:
        image = read_image(path)
        grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)[None, None].astype(np.float32)
        expected = one_by_one(model, torch.from_numpy((grey - 127.5) / 128))[0].numpy()
        logits = engine.logits(image)[0]
        assert np.abs(logits - expected).max() <= 3e-6 * np.abs(expected).max()
        assert engine.decode(logits).text == greedy(expected, alphabet, blank).text


def test_its_manifest_says_all_that_is_different(bundle: Path) -> None:
    manifest = read_manifest(bundle)
    assert manifest.alphabet == ("_", *read_class_list(LISTED).characters) and manifest.blank == 0
    assert (manifest.preprocess.color, manifest.reader, manifest.confidence) == ("GRAY", None, None)
    assert manifest.golden.atol > 2e-3


def test_its_characters_are_drawn_and_are_labels(bundle: Path, tmp_path: Path) -> None:
    glyphs = of_bundle(bundle, read_manifest(bundle).alphabet)
    assert all(c in glyphs for c in "ЖÄ-Z")
    cv2.imwrite(str(tmp_path / "Ж-12Ä_3.png"), np.zeros((24, 94, 3), np.uint8))
    assert evaluate(bundle, tmp_path).labels == ("Ж-12Ä",)
