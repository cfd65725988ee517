"""Boards under QEMU: their Debian, and what is counted and computed there."""
