from __future__ import annotations

from host.show.text import HEADINGS, rows
from tests.reports import BARE, made


def test_the_table_is_sorted_by_speed() -> None:
    shown = rows([made("Slow board", 30.0), made("Fast board", 2.0), BARE])
    assert [row[0] for row in shown] == ["unknown board", "Fast board", "Slow board"]
    assert {len(row) for row in shown} == {len(HEADINGS)}
    assert "0.500" in shown[1]
    assert shown[0][-1] == "–"


def test_names_cannot_steer_a_terminal() -> None:
    (row,) = rows([made("\x1b[2J\u202eevil")])
    assert row[0] == "␛[2J‹U+202E›evil"
