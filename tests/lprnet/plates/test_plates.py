import re
from itertools import pairwise

import cv2
import numpy as np
import pytest

from device_runtime.read.grammar import DIGITS, LETTERS, PROVINCES
from lprnet.network.alphabet import MARKS, OWN
from lprnet.plates import camera, render, stream
from lprnet.plates.camera import photograph, rephotograph
from lprnet.plates.europe import BAND
from lprnet.plates.glyphs import CHINESE_STYLES, LATIN_STYLES, glyph
from lprnet.plates.kinds import CHINESE, KINDS, MIX, MIXES, characters_of, random_text
from lprnet.plates.layout import Kind
from lprnet.plates.plate import SCALE, random_plate
from lprnet.plates.samples import sample_plates
from lprnet.plates.strokes import STROKES, draw

PATTERNS = {
    "blue": r"[P][L][LD]{5}",
    "yellow": r"[P][L][LD]{5}",
    "black": r"[P][L][LD]{5}",
    "yellow-double": r"[P][L][LD]{5}",
    "green-small": r"[P][L][A-HJK][LD][D]{4}",
    "green-large": r"[P][L][D]{5}[A-HJK]",
    "police": r"[P][L][LD]{4}警",
    "school": r"[P][L][LD]{4}学",
    "trailer": r"[P][L][LD]{4}挂",
    "trailer-double": r"[P][L][LD]{4}挂",
    "hongkong-macao": r"粤Z[LD]{4}[港澳]",
    "embassy": r"[D]{6}使",
    "old-embassy": r"使[D]{6}",
    "consulate": r"[P][L][D]{4}领",
}


def _pattern(kind: str) -> re.Pattern[str]:
    text = PATTERNS[kind]
    return re.compile(
        text.replace("[P]", f"[{PROVINCES}]")
        .replace("[L]", f"[{LETTERS}]")
        .replace("[D]", f"[{DIGITS}]")
        .replace("[LD]", f"[{LETTERS}{DIGITS}]")
    )


def test_every_kind_has_a_pattern() -> None:
    assert PATTERNS.keys() == CHINESE.keys()
    for mix in MIXES.values():
        assert all(KINDS[kind].rows == 1 for kind in mix)
    assert MIXES["chinese"] is MIX and MIX.keys() <= CHINESE.keys()


@pytest.mark.parametrize("kind", CHINESE)
def test_texts_follow_the_standard(kind: str) -> None:
    rng = np.random.default_rng(0)
    pattern = _pattern(kind)
    for _ in range(300):
        text = random_text(rng, kind)
        assert pattern.fullmatch(text), text
        assert len(text) == len(KINDS[kind].cells)
        assert not OWN.unknown(text)
        assert set(text) <= characters_of(kind)


@pytest.mark.parametrize(
    ("kind", "pattern"),
    [
        ("d-a-aa-0000", r"[A-Z]{3}[1-9][0-9]{3}"),
        ("d-aaa-a-00", r"[A-Z]{4}[1-9][0-9]"),
        ("nl-00-aaa-0", r"[0-9]{2}[BDFGHJKLNPRSTVXZ]{3}[0-9]"),
        ("nl-a-000-aa", r"[BDFGHJKLNPRSTVXZ][0-9]{3}[BDFGHJKLNPRSTVXZ]{2}"),
    ],
)
def test_european_texts(kind: str, pattern: str) -> None:
    rng = np.random.default_rng(0)
    texts = [random_text(rng, kind) for _ in range(200)]
    assert all(re.fullmatch(pattern, text) for text in texts)
    assert len(set(texts)) > 150


def test_provinces_are_balanced() -> None:
    rng = np.random.default_rng(0)
    firsts = [random_text(rng, "blue")[0] for _ in range(31 * 200)]
    counts = np.array([firsts.count(p) for p in PROVINCES])
    assert counts.min() > 140 and counts.max() < 265


def test_mix_shows_every_class() -> None:
    seen = set()
    for crop, _ in zip(stream(3), range(1500), strict=False):
        seen |= set(crop.text)
    assert seen == set(OWN.characters[:-1]) == characters_of()


def test_european_mix_shows_letters_and_digits_only() -> None:
    crops = [crop for crop, _ in zip(stream(3, kind="eu"), range(300), strict=False)]
    assert set("".join(crop.text for crop in crops)) == characters_of("eu") == set(DIGITS + LETTERS + "IO")
    assert {crop.kind for crop in crops} == MIXES["eu"].keys()
    assert all(np.array_equal(crop.image, render(3, i, kind="eu").image) for i, crop in enumerate(crops[:20]))


def test_same_arguments_give_the_same_crop() -> None:
    for index in range(20):
        a, b = render(5, index), render(5, index)
        assert (a.text, a.kind) == (b.text, b.kind)
        assert np.array_equal(a.image, b.image)
    assert not np.array_equal(render(5, 0).image, render(5, 1).image)
    assert not np.array_equal(render(5, 0).image, render(6, 0).image)


def test_order_does_not_matter() -> None:
    forward = [crop.image for crop, _ in zip(stream(9, 2), range(3), strict=False)]
    backward = [render(9, i).image for i in (4, 3, 2)]
    assert all(np.array_equal(a, b) for a, b in zip(forward, backward[::-1], strict=True))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("strength", [0.0, 0.5, 1.0, 1.5])
def test_crop_format(kind: str, strength: float) -> None:
    for index in range(8):
        crop = render(11, index, strength, kind)
        assert crop.image.shape == (24, 94, 3)
        assert crop.image.dtype == np.uint8
        assert crop.kind == kind


def test_chosen_text_is_drawn() -> None:
    assert render(1, 1, text="京A12345", kind="blue").text == "京A12345"
    with pytest.raises(ValueError):
        render(1, 1, text="京A1234", kind="blue")
    with pytest.raises(KeyError):
        render(1, 1, text="京A1234é", kind="blue")
    with pytest.raises(KeyError):
        render(1, 1, kind="purple")


@pytest.mark.parametrize(
    ("kind", "size"),
    [
        ("blue", (440, 140)),
        ("green-small", (480, 140)),
        ("yellow-double", (440, 220)),
        ("d-a-aa-000", (520, 110)),
    ],
)
def test_plate_has_the_standards_size(kind: str, size: tuple[int, int]) -> None:
    plate = random_plate(np.random.default_rng(0), kind)
    assert plate.image.shape == (round(size[1] * SCALE), round(size[0] * SCALE), 3)


@pytest.mark.parametrize("kind", [k for k in CHINESE.values() if k.rows == 1], ids=lambda k: k.name)
def test_characters_are_centred_and_apart(kind: Kind) -> None:
    cells = kind.cells
    assert cells[0].left == kind.width - (cells[-1].left + cells[-1].width) == 15.5
    for a, b in pairwise(cells):
        assert b.left - (a.left + a.width) >= 9
    assert all((cell.top, cell.height) == (25, 90) for cell in cells)


@pytest.mark.parametrize("kind", [KINDS[name] for name in MIXES["eu"]], ids=lambda k: k.name)
def test_european_characters_fit_beside_the_band(kind: Kind) -> None:
    """Seals and dashes are in the gaps, and nothing runs into another or out of the plate."""
    ends = [cell.left + cell.width for cell in kind.cells]
    assert kind.cells[0].left > BAND and ends[-1] < kind.width
    gaps = list(zip(ends[:-1], [cell.left for cell in kind.cells[1:]], strict=True))
    assert all(right - left >= 8.9 for left, right in gaps)
    for middle in (*kind.seals, *kind.dashes):
        assert any(left + 15 < middle < right - 15 for left, right in gaps)
    assert len(kind.seals) == (kind.country == "D") and len(kind.dashes) == 2 * (kind.country == "NL")


def test_colours() -> None:
    rng = np.random.default_rng(0)

    def ground(kind: str) -> np.ndarray:
        return np.median(
            np.concatenate([random_plate(rng, kind).image.reshape(-1, 3) for _ in range(5)]), axis=0
        )

    blue, green, red = ground("blue")
    assert blue > 2 * red
    blue, green, red = ground("yellow")
    assert red > 2 * blue
    blue, green, red = ground("green-small")
    assert green > red and green > blue
    assert ground("police").min() > 180
    assert ground("black").max() < 70
    blue, green, red = ground("nl-00-aaa-0")
    assert red > 2 * blue
    plate = random_plate(rng, "d-a-aa-0000").image
    blue, green, red = np.median(plate[:, 4 : round(BAND * SCALE) - 4].reshape(-1, 3), axis=0)
    assert blue > 100 > red and np.median(plate) > 180


def test_text_changes_the_picture_only_where_it_is() -> None:
    a = render(2, 7, 0.0, "blue", "京A12345").image.astype(int)
    b = render(2, 7, 0.0, "blue", "京A12348").image.astype(int)
    difference = np.abs(a - b).max(axis=(0, 2))
    assert difference[80:].max() > 60
    assert difference[:70].max() < 10


def test_glyphs_differ_from_each_other() -> None:
    for characters, styles in ((DIGITS + LETTERS, LATIN_STYLES), (PROVINCES + MARKS, CHINESE_STYLES)):
        for style in range(styles):
            masks = [glyph(c, style, 22, 45).astype(int) for c in characters]
            for i, a in enumerate(masks):
                assert a.max() > 150 and 0.05 < a.mean() / 255 < 0.85
                for b in masks[:i]:
                    assert np.abs(a - b).mean() > 8


def test_pen_strokes_fill_the_box() -> None:
    for character in STROKES:
        rows, columns = np.nonzero(draw(character, 9.5) > 100)
        assert rows.min() <= 2 and rows.max() >= 87
        if character not in "1IJ":
            assert columns.min() <= 3 and columns.max() >= 41


def test_only_strong_distortions_leave_a_lot_of_car_around_the_plate() -> None:
    """Both sides together a fifth of the crop or more."""
    rng = np.random.default_rng(4)
    loose = {
        strength: sum(np.ptp(camera._corners(rng, strength)[:, 0]) < 0.8 for _ in range(1000))
        for strength in (0.5, 1.0)
    }
    assert loose[0.5] == 0
    assert 20 < loose[1.0] < 80


def test_rephotograph_keeps_the_picture() -> None:
    rng = np.random.default_rng(0)
    crop = render(4, 0, 0.0, "blue").image
    for size in ((94, 24), (136, 36), (40, 12)):
        again = rephotograph(rng, np.asarray(cv2.resize(crop, size), np.uint8))
        assert again.shape == (24, 94, 3) and again.dtype == np.uint8
    weak = rephotograph(rng, crop, 0.0).astype(int)
    assert np.abs(weak - crop).mean() < 12


def test_rephotograph_sets_some_crops_into_more_of_a_car() -> None:
    """Of a red crop the corners are red, except where surroundings were added."""
    red = np.zeros((24, 94, 3), np.uint8)
    red[:] = 20, 20, 200

    def share(strength: float) -> float:
        rng = np.random.default_rng(2)
        rest = 0
        for _ in range(300):
            crop = rephotograph(rng, red, strength).astype(int)
            colors = np.stack([crop[2:22, 8:86].mean((0, 1)), crop[-1, -1], crop[0, 0]])
            colors = colors / colors.sum(1, keepdims=True).clip(1)
            rest += bool(np.abs(colors[1:] - colors[0]).max() > 0.25)
        return rest / 300

    assert share(0.0) == 0
    assert 0.08 < share(1.0) < 0.3


def test_strength_adds_distortion() -> None:
    plate = random_plate(np.random.default_rng(0), "blue", "京A12345").image
    clean = photograph(np.random.default_rng(1), plate, 0.0).astype(int)

    def distance(strength: float) -> float:
        return float(
            np.mean(
                [
                    np.abs(photograph(np.random.default_rng(i), plate, strength).astype(int) - clean).mean()
                    for i in range(40)
                ]
            )
        )

    assert distance(0.0) < distance(0.4) < distance(1.0)


def test_samples_are_of_every_kind_and_text_is_unique() -> None:
    crops = sample_plates(1, 60)
    assert len({crop.text for crop in crops}) == 60
    assert {crop.kind for crop in crops} == MIX.keys()
    assert {crop.kind for crop in sample_plates(1, 200, "eu")} == MIXES["eu"].keys()
