import numpy as np

from device_runtime.read.preprocess import prepare
from lprnet.data.mixture import Mixture, to_input
from lprnet.plates import render
from lprnet.plates.kinds import characters_of
from tests.lprnet.helpers import real_crops


def test_mixture_respects_its_shares() -> None:
    real = (*real_crops(3), (render(8, 5, 0.0, "blue").image, "藏A00000"))
    texts = [Mixture(4, real=real, real_fraction=0.5).sample(i)[1] for i in range(200)]
    assert 60 < sum(t in {t for _, t in real} for t in texts) < 140
    assert Mixture(4, ramp=100).strength(0) < Mixture(4, ramp=100).strength(50) < 1.0
    assert Mixture(4, ramp=100).strength(100) == Mixture(4).strength(0) == 1.0


def test_frequent_provinces_are_drawn_less_than_they_occur() -> None:
    image = render(8, 0).image
    real = (*((image, "皖A0000" + str(i)) for i in range(9)), (image, "苏A00000"))
    firsts = [Mixture(4, real=real, real_fraction=1.0).sample(i)[1][0] for i in range(400)]
    assert 60 < firsts.count("苏") < 140  # one quarter, not one tenth


def test_input_is_what_the_board_computes() -> None:
    images = np.stack([render(1, i).image for i in range(3)])
    expected = np.empty((1, 3, 24, 94), np.float32)
    for image, tensor in zip(images, to_input(images), strict=True):
        prepare(image, expected)
        assert np.array_equal(tensor, expected[0])


def test_mixture_renders_the_kind_it_is_told_to() -> None:
    texts = [Mixture(2, kind="eu").sample(i)[1] for i in range(20)]
    assert set("".join(texts)) <= characters_of("eu")


def test_boxed_plates_say_the_same_and_are_cut_otherwise() -> None:
    plain, boxed = Mixture(3), Mixture(3, boxed=1.0)
    pairs = [(plain.sample(i), boxed.sample(i)) for i in range(20)]
    assert all(a[1] == b[1] and not np.array_equal(a[0], b[0]) for a, b in pairs)
    some = [Mixture(3, boxed=0.5).sample(i)[0] for i in range(40)]
    assert 8 < sum(np.array_equal(image, plain.sample(i)[0]) for i, image in enumerate(some)) < 32
