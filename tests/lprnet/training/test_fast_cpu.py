import pytest
import torch
from torch.nn import functional as F

from lprnet.network.model import LPRNet, Widths
from lprnet.training import fast_cpu
from tests.checkpoints import NARROW, random_checkpoint


def _gradients(model: LPRNet, logits: torch.Tensor) -> tuple[float, dict[str, torch.Tensor]]:
    targets = torch.arange(7 * logits.shape[0]).remainder(72).reshape(-1, 7)
    n = logits.shape[0]
    lengths = torch.full((n,), 18), torch.full((n,), 7)
    loss = F.ctc_loss(logits.permute(2, 0, 1).log_softmax(2), targets, *lengths, blank=72)
    model.zero_grad()
    loss.backward()
    return loss.item(), {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("widths", [None, NARROW])
def test_training_kernels_agree_with_torch(widths: Widths | None) -> None:
    if not fast_cpu.available():
        pytest.skip("no g++, or this torch has no headers")
    torch.manual_seed(0)
    model = LPRNet(73, 0, widths).train()
    assert fast_cpu.suits(model)
    x = torch.randn(4, 3, 24, 94)
    before = {name: t.clone() for name, t in model.state_dict().items()}
    loss, exact = _gradients(model, model(x))
    statistics = {name: t.clone() for name, t in model.state_dict().items() if "running" in name}
    model.load_state_dict(before)
    fast_loss, fast = _gradients(model, fast_cpu.forward(model, x))
    assert fast_loss == pytest.approx(loss, rel=5e-3)
    for name, tensor in statistics.items():
        torch.testing.assert_close(model.state_dict()[name], tensor, rtol=0.02, atol=2e-3)
    # Bfloat16 moves many maxima and ReLU edges of a random network, so compare directions. Biases in front
    # of a BatchNorm have no gradient but rounding.
    dead = {"backbone.0.bias", "backbone.16.bias", "backbone.20.bias"}
    dead |= {f"backbone.{i}.block.6.bias" for i in (4, 8, 11)}
    for name in exact.keys() - dead:
        assert torch.cosine_similarity(exact[name].flatten(), fast[name].flatten(), 0) > 0.7, name


def test_kernels_agree_with_torch_in_evaluation_mode() -> None:
    if not fast_cpu.available():
        pytest.skip("no g++, or this torch has no headers")
    model = random_checkpoint(widths=NARROW).model()
    x = torch.rand(4, 3, 24, 94) * 2 - 1
    before = {name: t.clone() for name, t in model.state_dict().items()}
    with torch.inference_mode():
        exact, fast = model(x), fast_cpu.forward(model, x)
    assert torch.cosine_similarity(exact.flatten(), fast.flatten(), 0) > 0.999
    assert all(torch.equal(t, before[name]) for name, t in model.state_dict().items())
