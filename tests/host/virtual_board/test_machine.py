from __future__ import annotations

import subprocess
from pathlib import Path

from host.virtual_board.machine import ssh_configuration


def test_ssh_finds_a_board_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "ssh.conf"
    path.write_text(ssh_configuration("board", 2222, tmp_path / "key"))
    done = subprocess.run(["ssh", "-F", path, "-G", "board"], capture_output=True, text=True, check=True)
    said = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    assert (said["hostname"], said["port"], said["user"]) == ("127.0.0.1", "2222", "root")
    assert said["identityfile"] == str(tmp_path / "key") and said["userknownhostsfile"] == "/dev/null"
