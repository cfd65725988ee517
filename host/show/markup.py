"""Text from boards in HTML: escaped, and no character unseen."""

from __future__ import annotations

import unicodedata

from markupsafe import Markup

_INVISIBLE = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
"""Unicode's categories of control and format characters, half pairs, and those that nobody has defined."""


def visible(text: str) -> str:
    """*text* with a picture or the number for each character that nobody would see, or that turns others.

    Line feeds and tabs stay.
    """
    if text.isprintable():
        return text
    return "".join(
        _picture(c) if unicodedata.category(c) in _INVISIBLE and c not in "\n\t" else c for c in text
    )


def html(template: str, *values: object) -> Markup:
    """*template*, which is HTML, with *values* in place of its `{}`: text as text, unless it is `Markup`."""
    return Markup(template).format(
        *(visible(v) if isinstance(v, str) and not isinstance(v, Markup) else v for v in values)
    )


def _picture(character: str) -> str:
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    return "␡" if code == 0x7F else f"‹U+{code:04X}›"
