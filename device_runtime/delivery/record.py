"""Lines that know whether they are whole: what the spool's files consist of.

    CRC-32 of the text, 8 hexadecimal digits · space · text without a line feed · line feed

A power cut tears the last line; a bad sector damages some. Both are told by the checksum, and the next line
feed begins anew.
"""

from __future__ import annotations

from zlib import crc32


def seal(text: bytes) -> bytes:
    """A line that holds *text*, which has no line feed."""
    return b"%08x %b\n" % (crc32(text), text)


def unseal(data: bytes) -> tuple[list[bytes], int, int]:
    """The texts of all whole lines of *data*.

    Returns:
        texts: in order.
        damaged: lines that are not whole, a torn last one included.
        torn: bytes at the end after the last line feed.
    """
    *lines, rest = data.split(b"\n")
    texts = [line[9:] for line in lines if line[:9] == b"%08x " % crc32(line[9:])]
    return texts, len(lines) - len(texts) + bool(rest), len(rest)
