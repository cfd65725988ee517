import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from device_runtime.sources.files import label_of
from lprnet.data.dataset import from_folder
from lprnet.evaluation.evaluate import (
    accuracy,
    read_all,
)
from lprnet.network.checkpoint import load_checkpoint
from lprnet.network.model import CONTAINER, LAYERS, ChannelStridePool, LPRNet, Widths
from lprnet.training import fast_cpu
from tests.checkpoints import NARROW

PARAMETERS = json.loads(Path(__file__).with_name("public_parameters.json").read_text())


def test_parameters_are_the_public_checkpoints() -> None:
    state = LPRNet(68).state_dict()
    assert {name: list(t.shape) for name, t in state.items()} == PARAMETERS
    assert list(state) == list(PARAMETERS)


def test_table_of_layers_says_what_the_network_is() -> None:
    model = LPRNet(68, widths=NARROW)
    convs = {name for name, module in model.named_modules() if isinstance(module, nn.Conv2d)}
    assert convs == {*(layer.conv for layer in LAYERS), CONTAINER}
    norms = {name for name, module in model.named_modules() if isinstance(module, nn.BatchNorm2d)}
    assert norms == {layer.norm for layer in LAYERS if layer.norm}
    pools = {}
    for layer in LAYERS:
        conv = model.get_submodule(layer.conv)
        assert isinstance(conv, nn.Conv2d) and conv.padding == layer.padding, layer.name
        if layer.norm:
            assert isinstance(model.backbone[layer.output], nn.ReLU), layer.name
        if layer.pool_stride:
            pool = pools[layer.name] = model.backbone[layer.output + 1]
            assert isinstance(pool, ChannelStridePool) and pool.width_stride == layer.pool_stride
    assert {name: pool.kept for name, pool in pools.items()} == Widths.of(model.state_dict()).pooled
    assert len(pools) == sum(isinstance(module, ChannelStridePool) for module in model.backbone)


@pytest.mark.parametrize("classes", [2, 37, 73])
def test_any_class_count(classes: int) -> None:
    model = LPRNet(classes).eval()
    assert model(torch.zeros(2, 3, 24, 94)).shape == (2, classes, 18)


def test_pool_is_the_published_one() -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 64, 9, 21)
    for s, t in ((1, 1), (2, 2), (4, 2)):
        published = nn.MaxPool3d((1, 3, 3), (s, 1, t))(x)
        assert torch.equal(ChannelStridePool(64 // s, t)(x), published)


def test_output_does_not_depend_on_batch_mates() -> None:
    torch.manual_seed(0)
    model = LPRNet(68).eval()
    x = torch.randn(4, 3, 24, 94)
    together = model(x)
    alone = torch.cat([model(x[i : i + 1]) for i in range(4)])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-4)


def test_kernels_do_not_suit_odd_widths() -> None:
    assert not fast_cpu.suits(LPRNet(73, widths=replace(NARROW, block2=(48, 36, 64, 160))))
    assert not fast_cpu.suits(LPRNet(73, widths=replace(NARROW, pool2=40)))


def test_widths_are_read_off_a_state() -> None:
    assert Widths.of(LPRNet(73, widths=NARROW).state_dict()) == NARROW
    assert Widths.of(LPRNet(68).state_dict()) == Widths(tall=68)


def test_pool_kernel_matches_torch_exactly() -> None:
    if not fast_cpu.available():
        pytest.skip("no g++, or this torch has no headers")
    torch.manual_seed(0)
    for (c, h, w), (s, t), average in (
        ((64, 22, 92), (1, 1), (5, 5, 5, 5)),
        ((128, 20, 90), (2, 2), (5, 5, 5, 5)),
        ((256, 18, 44), (4, 2), (4, 10, 4, 2)),
        ((112, 20, 90), (2, 2), (5, 5, 5, 5)),
    ):
        y = torch.rand(2, c, h, w).bfloat16().contiguous(memory_format=torch.channels_last)
        kept = c // s // 16 * 16
        a = y.clone().requires_grad_()
        b = y.float().requires_grad_()
        pooled, mean = fast_cpu._PoolAndAverage.apply(a, (kept, s, t, *average))
        kh, kw, sh, sw = average
        expected, expected_mean = ChannelStridePool(kept, t)(b), F.avg_pool2d(b, (kh, kw), (sh, sw))
        assert torch.equal(pooled.float(), expected)
        torch.testing.assert_close(mean, expected_mean, rtol=1e-4, atol=1e-5)
        g, gm = torch.randn_like(expected).bfloat16(), torch.randn_like(expected_mean)
        torch.autograd.backward([pooled, mean], [g, gm])
        torch.autograd.backward([expected, expected_mean], [g.float(), gm])
        # Equal maxima (frequent in bfloat16) may pass their gradient to either.
        assert a.grad is not None and b.grad is not None
        close = torch.isclose(a.grad.float(), b.grad, rtol=2e-2, atol=2e-2).float().mean()
        assert close > 0.99
        torch.testing.assert_close(a.grad.float().sum(), b.grad.sum(), rtol=2e-2, atol=2.0)


def test_public_checkpoint_reads_247_of_281(shared: Path) -> None:
    checkpoint = load_checkpoint(shared / "weights" / "Final_LPRNet_model.pth")
    items = from_folder(shared / "data" / "ccpd_val")
    assert items[0].text == label_of(items[0].path)
    result = accuracy(read_all(checkpoint, ((item.read(), item.text) for item in items)))
    # One more or less by rounding, on other CPUs.
    assert result.n == 281 and abs(result.correct - 247) <= 1
