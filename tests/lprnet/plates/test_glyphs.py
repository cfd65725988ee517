from __future__ import annotations

import numpy as np

from device_runtime.read.grammar import DIGITS, LETTERS, PROVINCES
from lprnet.network.alphabet import KOREAN, MARKS
from lprnet.plates.glyphs import CHINESE_STYLES, HANGUL_STYLES, LATIN_STYLES, glyph, is_hangul


def test_glyphs_differ_from_each_other() -> None:
    hangul = "".join(c for c in KOREAN.readable if is_hangul(c))
    assert len(hangul) == 65
    # A syllable may differ from the next one by a short stroke.
    for characters, styles, least in (
        (DIGITS + LETTERS, LATIN_STYLES, 8),
        (PROVINCES + MARKS, CHINESE_STYLES, 8),
        (hangul, HANGUL_STYLES, 4),
    ):
        for style in range(styles):
            masks = [glyph(c, style, 22, 45).astype(int) for c in characters]
            for i, a in enumerate(masks):
                assert a.max() > 150 and 0.05 < a.mean() / 255 < 0.85
                for b in masks[:i]:
                    assert np.abs(a - b).mean() > least
