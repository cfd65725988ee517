"""The one error that users see."""

from __future__ import annotations


class FatalError(Exception):
    """The user, the board or a file is at fault, and the program cannot go on.

    As text it is one line, whatever file names and values in it hold.

    Attributes:
        what: the thing that is wrong, e.g. a path, an option or a device.
        why: what is wrong with it.
        todo: what the user can do next.
    """

    def __init__(self, what: str, why: str, todo: str) -> None:
        super().__init__(" ".join(f"{what}: {why} – {todo}".split()))
        self.what, self.why, self.todo = what, why, todo
