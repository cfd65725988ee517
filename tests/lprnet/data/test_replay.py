import numpy as np

from lprnet.data.mixture import Mixture
from lprnet.data.replay import Reservoir, replayed


def numbered(first: int, count: int) -> tuple[np.ndarray, tuple[str, ...]]:
    numbers = range(first, first + count)
    images = np.stack([np.full((24, 94, 3), n % 256, np.uint8) for n in numbers])
    return images, tuple(str(n) for n in numbers)


def test_reservoir_keeps_the_last_samples_and_prefers_the_latest() -> None:
    reservoir = Reservoir(20)
    for first in range(0, 48, 8):
        reservoir.add(numbered(first, 8))
    images, texts = reservoir.pick(np.random.default_rng(0), 4000)
    picked = np.array([int(text) for text in texts])
    assert set(picked) == set(range(28, 48))
    assert np.array_equal(images[:, 0, 0, 0], picked % 256)
    assert np.sum(picked >= 38) > 1.5 * np.sum(picked < 38)


def test_samples_come_again_while_others_are_drawn() -> None:
    mixture = Mixture(4)
    known = {mixture.sample(i)[1] for i in range(200, 800)}
    with replayed(mixture, 200, 4, 1, 60, seed=1) as source:
        texts = [text for _ in range(8) for text in next(source).texts]
    assert len(texts) == 32
    assert set(texts) <= known
