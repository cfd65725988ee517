from functools import partial
from pathlib import Path

import numpy as np

from host.cache import digest_of
from host.paths import REPOSITORY
from host.quantize import kept as module
from host.quantize.kept import kept


def test_computed_once_for_the_same_parts(tmp_path: Path) -> None:
    calls: list[str] = []

    def compute(name: str) -> dict[str, np.ndarray]:
        calls.append(name)
        return {name: np.arange(3)}

    for name in ("a", "b", "a", "b"):
        value = kept(partial(compute, name), name, folder=tmp_path / "new")
        assert list(value) == [name] and np.array_equal(value[name], [0, 1, 2])
    assert calls == ["a", "b"]
    kept(lambda: compute("a"), "a", folder=None)
    assert calls == ["a", "b", "a"]


def test_a_broken_file_is_made_anew(tmp_path: Path) -> None:
    assert kept(lambda: 1, "part", folder=tmp_path) == 1
    (file,) = tmp_path.iterdir()
    for content in (b"", b"no pickle", file.read_bytes()[:-2]):
        file.write_bytes(content)
        assert kept(lambda: 2, "part", folder=tmp_path) == 2
    assert kept(lambda: 3, "part", folder=tmp_path) == 2


def test_all_that_scenes_are_drawn_with_is_in_the_key(tmp_path: Path) -> None:
    """Countries' files and glyphs are data, and as decisive as code."""
    for path in ("device_runtime/countries/de.toml", "lprnet/plates/glyphs.npz", "lprnet/scenes/crops.py"):
        assert any((REPOSITORY / path).is_relative_to(room) for room in module.ROOMS)
        copy = tmp_path / Path(path).name
        copy.write_bytes((REPOSITORY / path).read_bytes())
        before = digest_of([tmp_path])
        copy.write_bytes(copy.read_bytes() + b" ")
        assert digest_of([tmp_path]) != before


def test_the_longest_unused_goes(tmp_path: Path) -> None:
    for number in range(module.MOST + 3):
        kept(partial(int, number), str(number), folder=tmp_path)
    assert len(list(tmp_path.iterdir())) == module.MOST


def test_where_it_cannot_be_kept_it_is_computed(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert kept(lambda: 1, "part", folder=tmp_path / "file" / "folder") == 1
