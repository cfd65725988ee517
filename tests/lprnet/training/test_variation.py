import torch

from lprnet.data.mixture import Mixture
from lprnet.training.variation import varied


def test_varied_samples_stay_alike() -> None:
    images = torch.from_numpy(Mixture(2).batch(0, 16).images)
    torch.manual_seed(0)
    changed = varied(images)
    assert changed.shape == images.shape
    assert torch.isfinite(changed).all() and changed.abs().max() <= 1.0
    off = (changed - images).abs().mean((1, 2, 3))
    assert float(off.min()) > 0 and float(off.mean()) < 0.15
