from pathlib import Path

import pytest
import torch

from device_runtime.errors import FatalError
from lprnet.locator.checkpoint import load_weights, save_weights
from lprnet.locator.decode import CHANNELS
from lprnet.locator.geometry import AREA, VIEW_HEIGHT, VIEW_WIDTH
from lprnet.locator.network import LAYERS, LocatorNet, Look, input_of, layers_of, multiply_accumulates

SECOND_LOOKS = 3


def test_it_keeps_to_its_budget() -> None:
    total = multiply_accumulates("find", 320, AREA // 320)
    total += SECOND_LOOKS * multiply_accumulates("look", VIEW_HEIGHT, VIEW_WIDTH)
    assert total <= 125e6
    assert sum(p.numel() for p in LocatorNet().parameters()) <= 350_000


def test_the_table_says_what_pytorch_computes() -> None:
    """Counted by hooks: every convolution's output times its weights."""
    model, counted = LocatorNet().eval(), 0

    def count(module: torch.nn.Module, _: object, output: torch.Tensor) -> None:
        nonlocal counted
        assert isinstance(module, torch.nn.Conv2d)
        counted += output[0, 0].numel() * module.weight.numel()

    for module in model.modules():
        if isinstance(module, torch.nn.Conv2d):
            module.register_forward_hook(count)
    cases: list[tuple[Look, int, int]] = [("find", 256, 320), ("look", 96, 160)]
    for look, height, width in cases:
        counted = 0
        output = model(torch.zeros(1, 3, height, width), look)
        assert output.shape == (1, CHANNELS, height // 8, width // 8)
        assert counted == multiply_accumulates(look, height, width)


def test_both_looks_share_the_trunk() -> None:
    first, second = ({layer.name for layer in layers} for layers in (layers_of("find"), layers_of("look")))
    assert first ^ second == {"p3", "find", "q3", "look"}
    assert first | second == {layer.name for layer in LAYERS}


def test_input() -> None:
    x = input_of(torch.tensor([[[[0, 128, 255]]]], dtype=torch.uint8))
    assert x.shape == (1, 3, 1, 1)
    assert x.flatten().tolist() == pytest.approx([-127.5 / 64, 0.5 / 64, 127.5 / 64])


def test_weights_come_back(tmp_path: Path) -> None:
    model = LocatorNet()
    save_weights(tmp_path / "a.safetensors", model.state_dict(), {"samples": "1"})
    again = load_weights(tmp_path / "a.safetensors")
    assert not again.training
    for name, tensor in model.state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor)


def test_wrong_weights_are_refused(tmp_path: Path) -> None:
    path, state = tmp_path / "a.safetensors", LocatorNet().state_dict()
    with pytest.raises(FatalError, match="No such file"):
        load_weights(path)
    path.write_bytes(b"nothing of the sort")
    with pytest.raises(FatalError, match="not a safetensors"):
        load_weights(path)
    name = "layers.c1.conv.weight"
    with pytest.raises(FatalError, match="missing"):
        save_weights(path, {k: v for k, v in state.items() if k != name}, {})
    with pytest.raises(FatalError, match="no parameter"):
        save_weights(path, state | {"extra": torch.zeros(1)}, {})
    with pytest.raises(FatalError, match="not finite"):
        save_weights(path, state | {name: torch.full_like(state[name], torch.nan)}, {})
