from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import pytest

from device_runtime.read.grammar import DIGITS, LETTERS, PROVINCES
from lprnet.network.alphabet import EVERY_CHINESE, LATIN, OWN, PUBLIC
from lprnet.plates import stream
from lprnet.plates.kinds import CHINESE, KINDS, MIX, MIXES, can_write, characters_of, random_text
from lprnet.plates.layout import Kind

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
    "old-consulate": r"[P][L][D]{4}领",
    "police-2018": r"[P][L][LD]{4}警",
    "aviation": r"民航[L][D]{4}",
    "armed-police": r"WJ[P][D]{4}[LD]",
    "military": r"[VKBSLNHGCZJ][A-HJ-NPR-VXY][D]{5}",
    "old-military": r"[军空海北沈兰济南广成][A-HJ-NPR-VXY][D]{5}",
    "motorcycle": r"[P][L][LD]{5}",
    "tractor": r"[P][D]{7}",
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
    assert MIXES["chinese"] is MIX and MIX.keys() <= MIXES["cn"].keys() <= CHINESE.keys()


@pytest.mark.parametrize("kind", CHINESE)
def test_texts_follow_the_standard(kind: str) -> None:
    rng = np.random.default_rng(0)
    pattern = _pattern(kind)
    for _ in range(300):
        text = random_text(rng, kind)
        assert pattern.fullmatch(text), text
        assert len(text) == len(CHINESE[kind].cells)
        assert kind not in MIX or not OWN.unknown(text)
        assert set(text) <= characters_of(kind)


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


@pytest.mark.parametrize("kind", [k for k in CHINESE.values() if k.rows == 1], ids=lambda k: k.name)
def test_characters_are_centred_and_apart(kind: Kind) -> None:
    cells = kind.cells
    assert cells[0].left == kind.width - (cells[-1].left + cells[-1].width) == 15.5
    for a, b in pairwise(cells):
        assert b.left - (a.left + a.width) >= 9
    assert all((cell.top, cell.height) == (25, 90) for cell in cells)


def test_which_alphabets_can_be_rendered() -> None:
    assert can_write(OWN)
    assert can_write(EVERY_CHINESE, "cn")
    assert not can_write(PUBLIC)  # no 警
    assert can_write(PUBLIC, "blue") and can_write(PUBLIC, "fr")
    assert can_write(LATIN, "eu") and can_write(LATIN, "latin") and not can_write(PUBLIC, "eu")
    assert not can_write(OWN, "eu")  # no I, no O
