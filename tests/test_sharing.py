from __future__ import annotations

from tests.sharing import shares


def test_each_part_begins_with_slow_files_of_which_none_is_divided() -> None:
    files = [(0, "ab"), (1, "cd"), (3, "ef"), (0, "ghi"), (2, "jk"), (0, "l"), (1, "m")]
    assert "".join(shares(files, 2)) == "efmabgjkcdhil"
    for workers in range(1, 20):
        assert sorted(shares(files, workers)) == sorted("abcdefghijklm")


def test_without_slow_files_the_order_stays() -> None:
    assert shares([(0, "ab"), (0, "c")], 3) == ["a", "b", "c"]
    assert shares([], 2) == []
