import logging
import os
import pty
import subprocess
import sys

import pytest

from lprnet.console import changing_line, configure, plain_table, table, timed, track

LOG = logging.getLogger("host.some.module")


def on_terminal(code: str) -> str:
    """What a terminal of 60 columns shows of Python *code*, both streams together."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "COLUMNS": "60", "TERM": "xterm"}
    code = f"import logging\nfrom lprnet.console import *\nconfigure()\n{code}"
    subprocess.run(
        [sys.executable, "-c", code], stdout=theirs, stderr=theirs, env=environment, check=True, timeout=60
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # Linux's end of a terminal
            part = b""
        if not part:
            break
        shown += part
    os.close(ours)
    return shown.decode()


def test_log_lines_are_plain_and_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    configure()
    LOG.info("reading %s [bold]", "plates.csv")
    LOG.debug("not shown")
    captured = capsys.readouterr()
    assert captured.err == "reading plates.csv [bold]\n"
    assert captured.out == ""


def test_configured_twice_a_line_is_shown_once(capsys: pytest.CaptureFixture[str]) -> None:
    configure()
    configure()
    LOG.info("once")
    assert capsys.readouterr().err == "once\n"


def test_verbosity_chooses_what_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    configure(verbosity=-1)
    LOG.info("progress")
    LOG.warning("the disk is nearly full")
    assert capsys.readouterr().err == "warning: the disk is nearly full\n"
    configure(verbosity=1)
    LOG.debug("details")
    assert capsys.readouterr().err == "details\n"


def test_other_packages_are_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    configure(verbosity=1)
    logging.getLogger("matplotlib.font_manager").info("generated new fontManager")
    assert capsys.readouterr().err == ""


def test_timed_logs_what_and_its_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    configure()
    with timed("quantize", LOG):
        pass
    assert capsys.readouterr().err == "  quantize                              0.0 s\n"


def test_timed_logs_nothing_of_what_failed(capsys: pytest.CaptureFixture[str]) -> None:
    configure()
    with pytest.raises(ValueError), timed("quantize", LOG):
        raise ValueError
    assert capsys.readouterr().err == ""


def test_track_gives_the_items_and_is_silent_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    configure()
    assert list(track(iter("abc"), "reading", total=3)) == ["a", "b", "c"]
    assert capsys.readouterr().err == ""


def test_track_draws_a_bar_on_a_terminal() -> None:
    assert "reading" in on_terminal("for _ in track(range(3), 'reading'): pass")
    assert "3/3" in on_terminal("for _ in track(iter(range(3)), 'reading', total=3): pass")


def test_quiet_hides_the_bar() -> None:
    assert on_terminal("configure(-1)\nfor _ in track(range(3), 'reading'): pass") == ""


def test_of_a_changing_line_the_last_is_logged(capsys: pytest.CaptureFixture[str]) -> None:
    configure()
    with changing_line("[1/2] conv1", LOG) as show:
        show("3 tiles")
        show("4 tiles")
    assert capsys.readouterr().err == "[1/2] conv1 4 tiles\n"


def test_a_terminal_sees_a_line_change() -> None:
    shown = on_terminal("with changing_line('conv1') as show:\n show('3 tiles')\n show('4 tiles')")
    assert "conv1 3 tiles" in shown
    assert shown.rstrip().endswith("conv1 4 tiles")


def test_table_is_stable_text_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    long = "x" * 200
    table(("data set", "n", "what"), [("ccpd", "409", ""), ("a", "7", long)], right={"n"})
    assert capsys.readouterr().out == f"data set    n  what\nccpd      409\na           7  {long}\n"


def test_chinese_characters_are_two_cells_wide() -> None:
    assert plain_table(("plate", "n"), [("京A12345", "1"), ("x", "2")]) == (
        "plate     n\n京A12345  1\nx         2"
    )


def test_table_without_rows_is_its_headings() -> None:
    assert plain_table(("data set", "n"), []) == "data set  n"


def test_table_fits_a_terminal() -> None:
    shown = on_terminal("table(('a', 'b'), [('x [red]y', 'word ' * 30)])")
    assert "x [red]y" in shown
    assert shown.count("\n") > 3


def test_importing_it_needs_no_torch() -> None:
    code = "import sys, lprnet.console; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
