from collections import Counter

import numpy as np
import pytest

from lprnet.scenes.frames import Frame
from lprnet.scenes.generator import Generator, scatter
from lprnet.scenes.scene import MOST_PLATES, Batch, Placed, Role, Scene, role_of, width_of
from lprnet.scenes.stock import Stock


def _frame(seed: int) -> Frame:
    """A grey street with a white plate of unmistakable stripes on it."""
    image = np.full((270, 480, 3), 90 + 10 * seed, np.uint8)
    image[150:166, 200:260] = 255
    image[150:166, 200:260:4] = 0
    return Frame(image, np.array([[200, 150, 260, 166]], np.float32))


@pytest.fixture(scope="module")
def generator() -> Generator:
    pictures = (np.full((200, 300, 3), 128, np.uint8),)
    return Generator(7, stock=Stock(7, 40), frames=(_frame(0), _frame(1)), pictures=pictures)


def test_the_same_number_gives_the_same_scene_in_any_order(generator: Generator) -> None:
    again = Generator(7, stock=Stock(7, 40), frames=generator.frames, pictures=generator.pictures)
    for number in (5, 0, 3, 1):
        first, second = generator.scene(number), again.scene(number)
        assert np.array_equal(first.image, second.image)
        assert len(first.plates) == len(second.plates)
        for a, b in zip(first.plates, second.plates, strict=True):
            assert np.array_equal(a.corners, b.corners)
            assert (a.rows, a.role, a.text, a.kind) == (b.rows, b.role, b.text, b.kind)
    assert not np.array_equal(generator.scene(0).image, generator.scene(1).image)
    assert not np.array_equal(Generator(8, stock=Stock(7, 40)).scene(0).image, generator.scene(0).image)


def test_scenes_without_any_folder(generator: Generator) -> None:
    plain = Generator(7, size=192, stock=generator.stock)
    scenes = [plain.scene(i) for i in range(20)]
    assert all(scene.image.shape == (192, 192, 3) and scene.image.dtype == np.uint8 for scene in scenes)
    assert 10 < sum(len(scene.plates) for scene in scenes) < 60
    assert {plate.role for scene in scenes for plate in scene.plates} <= {Role.CORNERS, Role.IGNORED}


def test_scenes_have_plates_of_all_sizes_and_kinds(generator: Generator) -> None:
    plates = [plate for i in range(120) for plate in generator.scene(i).plates]
    roles = Counter(plate.role for plate in plates)
    assert roles[Role.CORNERS] > 10 * roles[Role.IGNORED] > 0 and roles[Role.BOX] > 0
    exact = [plate for plate in plates if plate.role == Role.CORNERS]
    widths = np.array([width_of(plate.corners) for plate in exact])
    assert 11 <= widths.min() < 16 and widths.max() > 120
    assert 0.3 < np.mean(widths < 40) < 0.75
    assert {plate.rows for plate in exact} == {1, 2}
    assert all(plate.text and plate.kind for plate in exact)
    assert not any(plate.text for plate in plates if plate.role == Role.BOX)
    for plate in exact:
        assert plate.corners.min() > -12 and plate.corners.max() < 268


def test_doubtful_plates_are_neither_background_nor_found() -> None:
    frame = _frame(0)
    image = frame.image.copy()
    image[20:36, 60:120] = 255
    doubtful = Frame(image, frame.boxes, np.array([[60, 20, 120, 36]], np.float32))
    generator = Generator(7, stock=Stock(7, 10), frames=(doubtful,), framed=1)
    plates = [plate for i in range(80) for plate in generator.scene(i).plates]
    roles = Counter(plate.role for plate in plates if abs(width_of(plate.corners) / 60 - 1) < 3)
    assert roles[Role.BOX] > 0 and roles[Role.IGNORED] > 0


def test_mined_patches_are_put_into_scenes(generator: Generator) -> None:
    patch = np.full((144, 240, 3), (255, 0, 255), np.uint8)
    mined = Generator(7, stock=generator.stock, found=(patch,))

    def scenes_in_magenta(scenes: Generator) -> int:
        pictures = (scenes.scene(i).image.astype(int) for i in range(60))
        shares = (np.mean(v[:, :, [0, 2]].min(2) > 1.5 * v[:, :, 1] + 40) for v in pictures)
        return sum(share > 0.02 for share in shares)

    # Patches fade into the scene and are recoloured, so that most are magenta no longer.
    assert scenes_in_magenta(mined) >= scenes_in_magenta(Generator(7, stock=generator.stock)) + 3


def test_a_batch_is_its_scenes_side_by_side(generator: Generator) -> None:
    batch = generator.raw_batch(4, 3)
    assert batch.images.shape == (3, 256, 256, 3)
    scene = generator.scene(5)
    assert np.array_equal(batch.images[1], scene.image)
    for k, plate in enumerate(scene.plates):
        assert np.array_equal(batch.corners[1, k], plate.corners)
        assert batch.roles[1, k] == plate.role and batch.rows[1, k] == plate.rows
    assert not batch.roles[1, len(scene.plates) :].any()


def test_a_batch_has_room_for_some_plates_only() -> None:
    plate = Placed(np.zeros((4, 2), np.float32), 1)
    batch = Batch.of([Scene(np.zeros((8, 8, 3), np.uint8), (plate,) * (MOST_PLATES + 3))])
    assert batch.roles.shape == (1, MOST_PLATES) and batch.roles.all()


def test_plates_at_the_edge_and_tiny_ones_are_ignored() -> None:
    corners = np.array([[0, 0], [40, 0], [40, 12], [0, 12]], np.float32)
    assert role_of(corners + 10, 100, 100, 11) == Role.CORNERS
    assert role_of(corners - np.array([10, 0], np.float32), 100, 100, 11) == Role.IGNORED
    assert role_of(corners / np.float32(4) + 10, 100, 100, 11) == Role.IGNORED
    assert role_of(corners - 200, 100, 100, 11) is None


def test_distractors_leave_real_plates_alone() -> None:
    corners = np.array([[60, 100], [110, 100], [110, 116], [60, 116]], np.float32)
    drawn = 0
    for seed in range(60):
        canvas = np.full((256, 256, 3), 90, np.uint8)
        canvas[100:116, 60:110] = 255
        scatter(np.random.default_rng(seed), canvas, [corners], [], ())
        assert (canvas[100:116, 60:110] >= 250).mean() > 0.98
        drawn += bool((canvas != 90).mean() > 0.03)
    assert drawn > 30
