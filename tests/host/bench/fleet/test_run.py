"""Short versions of what `lpr-host load` measures; docs/fleet.md has the long ones."""

from __future__ import annotations

import signal
from pathlib import Path

from host.bench.fleet.run import Load, run
from tests.postgresql import Postgresql


def test_a_collector_that_is_killed_loses_nothing(tmp_path: Path) -> None:
    load = Load(db=f"sqlite:///{tmp_path}/lpr.db", boards=20, rate=5, seconds=3, kills=1)
    outcome = run(load)
    assert outcome.faultless and outcome.kills == 1
    assert outcome.put == outcome.acknowledged and 280 <= outcome.put <= 320
    assert outcome.failures > 0 and 0 < outcome.p50_ms <= outcome.p99_ms <= outcome.max_ms


def test_two_collectors_share_a_database_that_is_restarted(postgresql: Postgresql) -> None:
    """One of them is killed, and PostgreSQL is ended at once and started again."""

    def restart() -> None:
        postgresql.stop(signal.SIGQUIT)
        postgresql.start()

    load = Load(
        db=postgresql.new_database(), boards=20, rate=5, seconds=4, collectors=2, kills=1, during=restart
    )
    outcome = run(load)
    assert outcome.faultless and outcome.failures > 0
