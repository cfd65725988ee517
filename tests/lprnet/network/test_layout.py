"""Networks of other people, in the shapes in which they are saved, read as their own code reads."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from device_runtime.errors import FatalError
from lprnet.data.mixture import to_input
from lprnet.network.alphabet import read_class_list
from lprnet.network.checkpoint import Checkpoint, Source, load_checkpoint
from tests.published import Published, flat, one_by_one, trained

RELATIVE = 2e-6
"""How far logits may be off, by the largest of them: sums in fp32 in another order."""
CLASSES = 37
ALNUM = Source(classes=read_class_list("0-9A-Z"))
State = dict[str, Tensor]


@pytest.fixture(scope="module")
def images() -> Tensor:
    rng = np.random.default_rng(3)
    return torch.from_numpy((rng.integers(0, 256, (2, 3, 24, 94)) - 127.5).astype(np.float32) / 128)


@pytest.fixture(scope="module")
def model() -> Published:
    return trained(Published(CLASSES))


def agree(checkpoint: Checkpoint, model: Published, images: Tensor, own: Tensor | None = None) -> bool:
    """Whether *checkpoint* makes of *images* what *model* makes of its *own* input, the same by default."""
    expected = one_by_one(model, images if own is None else own)
    found = one_by_one(checkpoint.model(), images)
    return bool((found - expected).abs().max() <= RELATIVE * expected.abs().max())


def saved(path: Path, content: Any, source: Source = ALNUM) -> Checkpoint:
    torch.save(content, path)
    return load_checkpoint(path, source)


def _without(state: State, part: str) -> State:
    return {k: v for k, v in state.items() if part not in k}


def _renamed(state: State) -> State:
    """Other names for every layer, in the order of the network."""
    modules = list(dict.fromkeys(name.rpartition(".")[0] for name in state))
    return {
        f"layer_{modules.index(n.rpartition('.')[0])}.{n.rpartition('.')[2]}": t for n, t in state.items()
    }


def _without_dropout(state: State) -> State:
    """As without the dropout layers: what follows them moves up."""
    places = {"16": "15", "17": "16", "20": "18", "21": "19"}

    def moved(name: str) -> str:
        first, number, *rest = name.split(".")
        return ".".join([first, places.get(number, number), *rest])

    return {moved(name): tensor for name, tensor in state.items()}


SHAPES: dict[str, Callable[[State], Any]] = {
    "as it is": lambda s: s,
    "module": lambda s: {f"module.{k}": v for k, v in s.items()},
    "compiled": lambda s: {f"_orig_mod.module.{k}": v for k, v in s.items()},
    "net": lambda s: {"net": s, "acc": np.float64(0.9), "epoch": 3},
    "model_state_dict": lambda s: {
        "epoch": 3,
        "model_state_dict": {f"module.{k}": v for k, v in s.items()},
        "optimizer_state_dict": {"state": {0: {"exp_avg": torch.ones(64, 3, 3, 3)}}, "param_groups": []},
    },
    "lightning": lambda s: {"state_dict": {f"lprnet.{k}": v for k, v in s.items()}, "global_step": 7},
    "model and its average": lambda s: {"ema": {k: v + 1 for k, v in s.items()}, "model": s},
    "an average in the same table": lambda s: {
        **{f"net.{k}": v for k, v in s.items()},
        **{f"ema.{k}": v + 1 for k, v in s.items()},
    },
    "options": lambda s: {"state_dict": s, "args": Namespace(out=Path("runs"), lr=0.1)},
    "a table for each part": lambda s: {
        part: {k.removeprefix(f"{part}."): v for k, v in s.items() if k.startswith(part)}
        for part in ("backbone", "container")
    },
    "no counters": lambda s: _without(s, "num_batches_tracked"),
    "bare container": lambda s: {k.replace("container.0", "container"): v for k, v in s.items()},
    "doubles": lambda s: {k: v.double() if v.is_floating_point() else v for k, v in s.items()},
    "parameters": lambda s: {k: torch.nn.Parameter(v, False) for k, v in s.items()},
    "no dropout": _without_dropout,
    "sorted by name": lambda s: dict(sorted(s.items())),
    "other names": _renamed,
}


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_of_a_state_dict(shape: str, model: Published, images: Tensor, tmp_path: Path) -> None:
    checkpoint = saved(tmp_path / "weights.pt", SHAPES[shape](flat(model)))
    assert agree(checkpoint, model, images)
    assert len(checkpoint.alphabet) == CLASSES


def test_any_suffix_and_kind_of_file(model: Published, images: Tensor, tmp_path: Path) -> None:
    for name in ("a.pth.tar", "b.ckpt", "c", "d.safetensors"):
        torch.save(flat(model), tmp_path / name, _use_new_zipfile_serialization=name != "c")
        assert agree(load_checkpoint(tmp_path / name, ALNUM), model, images)
    save_file({f"module.{k}": v.contiguous() for k, v in flat(model).items()}, tmp_path / "e.pth")
    assert agree(load_checkpoint(tmp_path / "e.pth", ALNUM), model, images)


def test_a_bias_or_a_norm_that_is_not_there(images: Tensor, tmp_path: Path) -> None:
    model = trained(Published(CLASSES))
    for name, value in flat(model).items():
        if name == "backbone.4.block.2.bias" or (name.startswith("backbone.17.") and "weight" not in name):
            value.zero_()
        if name in ("backbone.17.weight", "backbone.17.running_var"):
            value.fill_(1.0 - 1e-5 if "var" in name else 1.0)
    state = _without(_without(flat(model), "backbone.4.block.2.bias"), "backbone.17.")
    assert agree(saved(tmp_path / "x.pth", state), model, images)


def test_learnt_context_scales(images: Tensor, tmp_path: Path) -> None:
    model = trained(Published(CLASSES, gammas=True))
    assert agree(saved(tmp_path / "gammas.pth", flat(model)), model, images)
    assert model.gammas is not None
    for gamma, value in zip(model.gammas, (0.5, 2.0, -1.5, 0.25), strict=True):
        gamma.data.fill_(value)
    rest = _without(flat(model), "gammas")
    shapes: list[State] = [
        {f"scale{i}.weight": torch.tensor([v]) for i, v in enumerate((0.5, 2.0, -1.5, 0.25))},
        {"alpha": torch.tensor([0.5, 2.0, -1.5, 0.25])},
        {"alpha": torch.cat([g.data for g in model.gammas])},
    ]
    for more in shapes:
        assert agree(saved(tmp_path / "scales.pth", rest | more), model, images)


@pytest.mark.parametrize("widths", [(48, 96, 192, 128), (32, 60, 100, 76), (40, 66, 64, 104)])
def test_other_widths(widths: tuple[int, int, int, int], images: Tensor, tmp_path: Path) -> None:
    """Also where the channels that a pool keeps are not those that it keeps here: 66 / 2 and 76 / 4 fit."""
    model = trained(Published(CLASSES, widths=widths))
    assert agree(saved(tmp_path / "narrow.pth", flat(model)), model, images)


@pytest.mark.parametrize("first", [65, 63])
def test_channels_that_are_no_multiple_of_a_pools_stride(first: int, images: Tensor, tmp_path: Path) -> None:
    model = trained(Published(CLASSES, widths=(48, first, 100, 70)))
    assert agree(saved(tmp_path / "odd.pth", flat(model)), model, images)


def test_grey_rgb_and_other_means_and_scales(tmp_path: Path) -> None:
    pixels = np.random.default_rng(5).integers(0, 256, (2, 24, 94, 3), np.uint8)
    ours = torch.from_numpy(to_input(pixels))
    model = trained(Published(CLASSES))
    torch.save(flat(model), tmp_path / "rgb.pth")
    mean, std = np.array((123.675, 116.28, 103.53)), np.array((58.395, 57.12, 57.375))
    rgb = (pixels[..., ::-1] - mean) / std
    theirs = torch.from_numpy(rgb.transpose(0, 3, 1, 2).astype(np.float32))
    source = Source(classes=ALNUM.classes, color="RGB", mean=tuple(mean), scale=tuple(1 / std))
    assert agree(load_checkpoint(tmp_path / "rgb.pth", source), model, ours, theirs)

    model = trained(Published(CLASSES, channels=1))
    grey = np.stack([cv2.cvtColor(image, cv2.COLOR_BGR2GRAY) for image in pixels])
    theirs = torch.from_numpy((grey[:, None] / 255).astype(np.float32))
    source = Source(classes=ALNUM.classes, mean=(0.0,), scale=(1 / 255,))
    checkpoint = saved(tmp_path / "grey.pth", flat(model), source)
    assert checkpoint.preprocess.color == "GRAY"
    prepared = torch.from_numpy(to_input(pixels, checkpoint.preprocess))
    assert agree(checkpoint, model, prepared, theirs)


DIFFERENT: dict[str, tuple[Callable[[State], Any], str]] = {
    "a transformer": (
        lambda s: {"stn": {"localization.0.weight": torch.ones(8, 3, 7, 7)}, "lprnet": s},
        r"spatial transformer \(STN\) in front of LPRNet: 1 layers, first stn\.localization",
    ),
    "another layer beside": (
        lambda s: {"decoder.weight": torch.ones(3, 3), **{f"lpr.{k}": v for k, v in s.items()}},
        r"1 tensors beside LPRNet's, first decoder\.weight",
    ),
    "a norm in a block": (
        lambda s: {
            **s,
            "backbone.4.block.1.weight": torch.ones(32),
            "backbone.4.block.1.running_mean": torch.ones(32),
        },
        r"has a BatchNorm \(backbone\.4\.block\.1\) behind block1\.reduce",
    ),
    "another kernel": (
        lambda s: {**s, "backbone.4.block.2.weight": torch.ones(32, 32, 3, 3)},
        r"backbone\.4\.block\.2 is 3×3 where block1\.vertical is 3×1",
    ),
    "another input size": (
        lambda s: {**s, "backbone.20.weight": torch.ones(CLASSES, 256, 21, 1)},
        "for images 32 px high; the kernels here take 94×24",
    ),
    "five channels": (
        lambda s: {**s, "backbone.0.weight": torch.ones(64, 5, 3, 3)},
        r"backbone\.0 reads 5 channels, not 3 or 1",
    ),
    "no contexts": (
        lambda s: {**s, "container.0.weight": torch.ones(CLASSES, CLASSES, 1, 1)},
        r"its container reads 37 channels, not its contexts' 485 \(64 \+ 128 \+ 256 \+ 37\)",
    ),
    "a depthwise convolution": (
        lambda s: {**s, "backbone.4.block.2.weight": torch.ones(32, 1, 3, 1)},
        r"block1\.vertical\) reads 1 channels of 32",
    ),
    "a layer more": (
        lambda s: {**s, "fc.weight": torch.ones(3, CLASSES), "fc.bias": torch.ones(3)},
        r"a layer with weights \[3, 37\] \(fc\) behind container",
    ),
    "a parameter more": (
        lambda s: {**s, "temperature": torch.ones(2)},
        r"a parameter .* first temperature \[2\]",
    ),
    "factors of weights": (
        lambda s: {**s, "backbone.0.weight_g": torch.ones(64, 1, 1, 1)},
        r"has a parameter that LPRNet has not, backbone\.0\.weight_g",
    ),
    "another network": (lambda s: {"conv.weight": torch.ones(3, 3, 1, 1)}, "has 1 convolutions, not 16"),
    "half of it": (lambda s: {k: v for k, v in s.items() if "container" not in k}, "without container"),
    "two of them": (lambda s: {"teacher": s, "student": s}, "several networks: teacher and student"),
    "not finite": (lambda s: {**s, "backbone.0.bias": torch.full((64,), torch.nan)}, "not finite"),
}


@pytest.mark.parametrize("difference", DIFFERENT)
def test_a_difference_is_named(difference: str, model: Published, tmp_path: Path) -> None:
    change, message = DIFFERENT[difference]
    with pytest.raises(FatalError, match=message):
        saved(tmp_path / "other.pth", change(flat(model)))


def test_who_lists_no_classes_is_told_the_lists_that_fit(model: Published, tmp_path: Path) -> None:
    torch.save(flat(model), tmp_path / "x.pth")
    with pytest.raises(
        FatalError, match=r"37 classes and no alphabet – .*--alphabet; .* alnum \(0-9 A-Z -\), alnum-io"
    ):
        load_checkpoint(tmp_path / "x.pth")
    with pytest.raises(FatalError, match=r"11 classes with its blank -, but the network has 37 – .*alnum"):
        load_checkpoint(tmp_path / "x.pth", Source(classes=read_class_list("0-9")))


LISTS = {
    "vietnam-37": ("0-9 A-H J-N P-Z I O -", {}),
    "russia-22": ("0-9 A B C E H K M O P T X Y", {}),
    "poland-bare-container": ("0-9 A-Z -", {"bare": True}),
    "brazil-gammas": ("0-9 A-H J-N P-Z I O -", {"gammas": True}),
    "india-grey": ("0-9 A-Z", {"channels": 1}),
    "china-stn": ("cn-public", {}),
}


@pytest.mark.parametrize("name", LISTS)
def test_checkpoints_of_other_people(name: str, shared: Path, images: Tensor) -> None:
    path = shared / "weights" / "foreign" / f"{name}.pth"
    if not path.exists():
        pytest.skip(f"no {path}")
    listed, layers = LISTS[name]
    checkpoint = load_checkpoint(path, Source(classes=read_class_list(listed)))
    model = Published(len(checkpoint.alphabet), **layers)  # type: ignore[arg-type]
    model.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    grey = "grey" in name
    inputs = images[:, :1].expand(-1, 3, -1, -1) if grey else images
    assert agree(checkpoint, model.eval(), inputs, inputs[:, :1] if grey else None)
    assert checkpoint.alphabet.blank == len(checkpoint.alphabet) - 1
