"""The types that plates are lettered in, each in several cuts, so that a reader learns no cut by heart."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from lprnet.plates.letterforms import Design

CUTS = 24
"""Cuts of a face."""

FACES: dict[str, Design] = {
    # FE-Schrift (FZV, Anlage 4): letters 47.5 and digits 44.5 mm wide, 75 high; hard to forge, so that O is
    # rounder and wider than 0, and 0 has a cut at the upper right.
    "fe": Design(
        letter=63,
        digit=59,
        pen=13.5,
        corner=0.95,
        tall=1.1,
        exponent=2.3,
        zero=0.92,
        oh=1.04,
        oval=1.5,
        mark="notch",
        one="flag",
        three="flat",
        four="closed",
        six="stem",
        eye="slab",
        jay="bar",
        em=0.62,
        rounded=False,
    ),
    # DIN 1451, middle type: Austria, Switzerland, Czechia, Slovakia, Greece, Germany before 2000.
    "din": Design(
        letter=58, digit=55, pen=13, corner=1.0, tall=1.0, exponent=2.1, six="straight", one="flag"
    ),
    # Charles Wright 2001: 50 × 79 mm, strokes of 14.
    "charles-wright": Design(
        letter=63,
        digit=63,
        pen=17.5,
        corner=0.85,
        tall=1.1,
        exponent=2.3,
        one="plain",
        six="curled",
        em=0.55,
        rounded=False,
    ),
    # France, Belgium, Luxembourg: presses of several makers, narrow, with even strokes.
    "french": Design(
        letter=55, digit=52, pen=13, corner=1.0, tall=1.15, exponent=2.2, six="curled", em=0.7, peak=0.24
    ),
    "belgian": Design(
        letter=55, digit=55, pen=12, corner=0.8, tall=1.0, exponent=2.3, six="curled", em=1.0, peak=0.0
    ),
    "italian": Design(
        letter=57,
        digit=55,
        pen=12.5,
        corner=1.0,
        tall=1.0,
        exponent=2.2,
        six="curled",
        one="flag",
        em=0.8,
        peak=0.16,
    ),
    "spanish": Design(
        letter=58, digit=56, pen=12.5, corner=0.9, tall=1.1, exponent=2.4, six="curled", em=0.6
    ),
    "portuguese": Design(letter=58, digit=54, pen=12, corner=0.9, tall=1.0, exponent=2.3, six="straight"),
    # The Netherlands since 2002: like FE, with gaps; narrow zero.
    "dutch": Design(
        letter=58,
        digit=55,
        pen=13,
        corner=0.9,
        tall=1.1,
        exponent=2.3,
        zero=0.92,
        oval=1.3,
        mark="notch",
        three="flat",
        six="stem",
        em=0.6,
    ),
    "nordic": Design(letter=60, digit=57, pen=13, corner=0.95, tall=1.0, exponent=2.1, six="curled", em=0.55),
    "norwegian": Design(letter=57, digit=54, pen=13.5, corner=0.9, tall=1.0, exponent=2.2, six="straight"),
    "polish": Design(
        letter=56,
        digit=54,
        pen=11.5,
        corner=0.75,
        tall=1.1,
        exponent=2.2,
        zero=0.95,
        six="curled",
        three="flat",
        one="flag",
        em=0.5,
        rounded=False,
    ),
    "balkan": Design(
        letter=58, digit=55, pen=12.5, corner=0.95, tall=1.05, exponent=2.2, six="straight", em=0.8, peak=0.16
    ),
    "baltic": Design(
        letter=58, digit=55, pen=13, corner=0.9, tall=1.1, exponent=2.3, six="curled", three="flat"
    ),
    # GOST R 50577: letters three quarters of the digits' height, Cyrillic ones that look Latin.
    "russian": Design(letter=62, digit=58, pen=13, corner=0.95, tall=1.0, exponent=2.1, six="curled", em=0.6),
    # Embossed dies of North America: thin, square bends, often a slashed or narrow zero.
    "us": Design(letter=50, digit=50, pen=11.5, corner=0.75, tall=1.1, exponent=2.2, one="plain", six="stem"),
    # Brazil before 2018: Mandatory, 63 mm high.
    "mandatory": Design(
        letter=66,
        digit=62,
        pen=15,
        corner=0.8,
        tall=1.2,
        exponent=2.4,
        six="stem",
        one="flag",
        em=0.7,
        rounded=False,
    ),
    # India, Vietnam, Turkey: many makers.
    "plain": Design(
        letter=60, digit=56, pen=14, corner=0.95, tall=1.1, exponent=2.1, one="flag", six="curled"
    ),
    # GA 36-2018, new-energy plates: printed; narrow with nearly square bends, bars of D and B that stand out
    # to the left of their stems, and straight stems in 6 and 9.
    "new-energy": Design(
        letter=47,
        digit=43,
        pen=9,
        corner=0.85,
        tall=0.95,
        exponent=2.7,
        zero=0.9,
        spur=4.0,
        one="flag",
        six="curled",
        four="closed",
        seven="plain",
        em=0.7,
        waist=0.47,
    ),
}
"""By name; what is stated in each country's rules, or read off its plates' proportions."""

_CHOICES: dict[str, tuple[tuple[str, float], ...]] = {
    "mark": (("", 0.8), ("slash", 0.1), ("notch", 0.07), ("dot", 0.03)),
    "one": (("flag", 0.7), ("plain", 0.15), ("foot", 0.15)),
    "three": (("round", 0.6), ("flat", 0.4)),
    "four": (("closed", 0.6), ("open", 0.4)),
    "six": (("curled", 0.5), ("straight", 0.3), ("stem", 0.2)),
    "seven": (("plain", 0.6), ("bent", 0.3), ("serif", 0.1)),
    "eye": (("plain", 0.7), ("slab", 0.3)),
    "jay": (("hook", 0.6), ("bar", 0.4)),
    "leg": (("stem", 0.4), ("bowl", 0.35), ("upright", 0.25)),
    "tail": (("long", 0.3), ("short", 0.3), ("inner", 0.2), ("down", 0.2)),
    "arms": (("apart", 0.5), ("together", 0.5)),
    "chin": (("bar", 0.4), ("spur", 0.3), ("stub", 0.3)),
}
"""Forms that a cut may have instead of its face's."""
_FREE = ("leg", "tail", "arms", "chin")


@cache
def cut(face: str, number: int) -> Design:
    """Cut *number* of *face*: 0 is the face itself, the others vary weight, width, bends and forms.

    Raises:
        KeyError: there is no such face.
    """
    design = FACES[face]
    if number == 0:
        return design
    rng = np.random.default_rng([*face.encode(), number])
    width = rng.uniform(0.9, 1.1)
    design = replace(
        design,
        letter=design.letter * width,
        digit=design.digit * width * rng.uniform(0.96, 1.04),
        pen=design.pen * rng.uniform(0.75, 1.22),
        corner=float(np.clip(design.corner * rng.uniform(0.8, 1.15), 0.35, 1.0)),
        tall=design.tall * rng.uniform(0.85, 1.3),
        exponent=float(np.clip(design.exponent + rng.normal(0, 0.25), 1.9, 3.6)),
        zero=float(np.clip(design.zero * rng.uniform(0.9, 1.02), 0.75, 1.0)),
        oh=float(np.clip(design.oh * rng.uniform(0.98, 1.08), 0.95, 1.15)),
        waist=design.waist + rng.normal(0, 0.02),
        em=float(np.clip(design.em + rng.normal(0, 0.14), 0.35, 1.0)),
        peak=float(np.clip(design.peak + rng.normal(0, 0.13), 0.0, 0.6)),
        fork=float(rng.normal(0.52, 0.05)),
        tie=float(rng.normal(0.7, 0.04)),
        slant=float(rng.normal(0, 0.02)) if rng.random() < 0.2 else design.slant,
        rounded=bool(rng.random() < 0.5),
    )
    for form, choices in _CHOICES.items():
        # Most cuts keep most of their face's forms; those of these letters no country's rules state.
        if rng.random() < (0.6 if form in _FREE else 0.22):
            chosen: dict[str, Any] = {}
            names, shares = zip(*choices, strict=True)
            chosen[form] = str(rng.choice(names, p=shares))
            design = replace(design, **chosen)
    return design
