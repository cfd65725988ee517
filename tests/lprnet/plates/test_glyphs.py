from __future__ import annotations

import numpy as np

from device_runtime.read.grammar import DIGITS, LETTERS, PROVINCES
from lprnet.network.alphabet import MARKS
from lprnet.plates.glyphs import CHINESE_STYLES, LATIN_STYLES, glyph


def test_glyphs_differ_from_each_other() -> None:
    for characters, styles in ((DIGITS + LETTERS, LATIN_STYLES), (PROVINCES + MARKS, CHINESE_STYLES)):
        for style in range(styles):
            masks = [glyph(c, style, 22, 45).astype(int) for c in characters]
            for i, a in enumerate(masks):
                assert a.max() > 150 and 0.05 < a.mean() / 255 < 0.85
                for b in masks[:i]:
                    assert np.abs(a - b).mean() > 8
