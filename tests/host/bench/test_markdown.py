from __future__ import annotations

from host.bench.markdown import integer, markdown_table, number


def test_a_table_sets_names_to_the_left_and_numbers_to_the_right() -> None:
    assert markdown_table(("name", "ms"), [("a", "1.0"), ("b", "–")]) == [
        "| name | ms |",
        "| --- | ---: |",
        "| a | 1.0 |",
        "| b | – |",
    ]


def test_what_is_not_known_is_a_dash() -> None:
    assert (number(1.2345, 2), number(None, 2)) == ("1.23", "–")
    assert (integer(1_234_567), integer(None)) == ("1,234,567", "–")
