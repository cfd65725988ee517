import numpy as np

from device_runtime.locate.decode import CHANNELS, VIEW_CHANNELS
from lprnet.locator.locate import in_torch, locator_of
from lprnet.locator.network import LocatorNet


def test_either_network_in_pytorch_gives_a_map() -> None:
    both = LocatorNet().eval()
    assert in_torch(both.find)(np.zeros((64, 96, 3), np.uint8)).shape == (CHANNELS, 8, 12)
    assert in_torch(both.refine)(np.zeros((64, 128, 3), np.uint8)).shape == (VIEW_CHANNELS, 16, 32)


def test_both_look_at_a_frame() -> None:
    frame = np.random.default_rng(1).integers(0, 256, (90, 200, 3), np.uint8)
    found = locator_of(LocatorNet().eval()).locate(frame, 0.0)
    assert found.corners.shape == (len(found), 4, 2)
