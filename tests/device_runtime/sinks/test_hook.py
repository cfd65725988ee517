from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import msgspec
import pytest

from device_runtime.errors import FatalError
from device_runtime.follow.event import Event, Passage
from device_runtime.sinks.hook import MOST_WAITING, Hook
from tests.device_runtime.results import event

WRITE = "import sys, os, pathlib; p = pathlib.Path(sys.argv[1]); p.open('a').write(repr(sys.argv[2:]) + '|'"
WRITE += " + sys.stdin.read().strip() + '|' + str(sorted(k for k in os.environ if 'LPR' in k)) + chr(10))"


def passage(text: str, complete: bool = False) -> Passage:
    return Passage(event=event(text, complete=complete), frame=None, crop=None)


def test_a_program_is_started_for_each_new_passage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The plate is its last argument, whatever is in it; secrets are not handed on."""
    monkeypatch.setenv("LPR_TOKEN", "secret")
    hook = Hook([sys.executable, "-c", WRITE, str(tmp_path / "out")])
    for one in (passage("京A1"), passage("$(reboot); 'x"), passage(""), passage("京A1", complete=True)):
        hook.tell(one)
    hook.close()
    lines = [line.split("|") for line in (tmp_path / "out").read_text().splitlines()]
    assert [line[0] for line in lines] == ["['京A1']", repr(["$(reboot); 'x"]), "['']"]
    assert msgspec.convert(json.loads(lines[0][1]), Event) == event("京A1")
    assert {line[2] for line in lines} == {"[]"}


def test_failures_are_logged_and_the_next_one_is_started(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    hook = Hook(["sh", "-c", f'echo "$0" >> {tmp_path / "out"}; test "$0" = good || exit 3'])
    for text in ("bad", "good"):
        hook.tell(passage(text))
    hook.close()
    assert (tmp_path / "out").read_text() == "bad\ngood\n"
    assert [record.message for record in caplog.records] == ["on-plate: sh ends with status 3"]


def test_a_program_that_hangs_is_killed_with_its_children(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    hook = Hook(["sh", "-c", f"(sleep 1; touch {tmp_path / 'late'}) & sleep 60"], timeout_s=0.2)
    hook.tell(passage("京A1"))
    hook.close()
    assert [record.message for record in caplog.records] == [
        "on-plate: sh took longer than 0.2 s and is killed"
    ]
    time.sleep(1.2)
    assert not (tmp_path / "late").exists()


def test_closing_does_not_wait_for_ever(caplog: pytest.LogCaptureFixture) -> None:
    hook = Hook(["sh", "-c", "sleep 60"], timeout_s=60, closing_s=lambda: 0.2)
    for _ in range(MOST_WAITING + 3):
        hook.tell(passage("京A1"))
    hook.close()
    first, last = (caplog.records[0].message, caplog.records[-1].message)
    assert "others are left out" in first and last.startswith("on-plate: sh is not waited for")


@pytest.mark.parametrize("command", [[], ["no-such-program"], ["/etc/passwd"]])
def test_what_is_no_program_is_refused(command: list[str]) -> None:
    with pytest.raises(FatalError, match="is no program"):
        Hook(command)
