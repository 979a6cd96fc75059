"""`presence-central simulate`, as it is typed."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.conftest import ROOT
from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    from pathlib import Path

ENGLISH = {**os.environ, "LC_ALL": "C.UTF-8", "PYTHONPATH": str(ROOT)}


def central(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from agent.cli.centre import main; main()", *words],
        capture_output=True, text=True, timeout=PATIENCE_S, check=False, env=ENGLISH,
    )  # fmt: skip


def test_a_database_is_filled_once(tmp_path: Path) -> None:
    words = ["simulate", "--days", "2", "--seed", "4", "--until", "2026-09-08", "--db"]
    address = f"sqlite:///{tmp_path / 'store.db'}"
    done = central(*words, address)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[0]) > 14_000
    with closing(sqlite3.connect(tmp_path / "store.db")) as db:
        dates = {date for (date,) in db.execute("SELECT date FROM day")}
        agents = [agent for (agent,) in db.execute("SELECT agent FROM agent ORDER BY agent")]
    assert dates == {"2026-09-07"}, "the last day is not over"
    assert len(agents) == 5
    again = central(*words, address)
    assert (again.returncode, again.stdout) == (2, "")
    assert "this store has agents already" in again.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "give --db or --broker"),
        (["--db", "sqlite:///x.db", "--broker", "mqtt://127.0.0.1"], "give --db or --broker"),
        (["--db", "sqlite:///x.db", "--sites", "0"], "--sites 0: give a number from 1 to 500."),
        (["--db", "sqlite:///x.db", "--days", "900"], "--days 900: give a number from 1 to 800."),
        (["--db", "oracle://x/y"], "[store] url"),
        (["--db", "sqlite:///x.db", "--until", "yesterday"], "--until yesterday: give a date"),
        (["--broker", "http://127.0.0.1"], "--broker: give mqtt://"),
    ],
)
def test_what_can_not_be_is_a_sentence(words: list[str], said: str) -> None:
    done = central("simulate", *words)
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
