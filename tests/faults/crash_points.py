"""Power cuts at any moment: what was acknowledged is there, and every log opens.

`python -m tests.faults.crash_points --points 1000`: the table, with SQLite's synchronous=OFF beside it.
"""

from __future__ import annotations

import argparse
import json
import logging
import random
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from agent.errors import LogError
from agent.eventlog.log import EventLog
from tests.faults.recording import Disk, record
from tests.samples import SENDER, make_entered

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.faults.recording import Call

LOG_ID = "5f3a9c21"


@dataclass(slots=True)
class Outcome:
    """What was found at so many points.

    Attributes:
        lost: points at which an acknowledged event is missing, or differs.
        unopened: points at which the log does not open, or is found damaged and set aside.
        undelivered: points at which it is not known any more what a broker had taken.
    """

    points: int = 0
    acknowledged: int = 0
    lost: int = 0
    unopened: int = 0
    undelivered: int = 0


@dataclass(slots=True)
class _Said:
    ack: int = 0
    delivered: int = 0
    deleting: int = 0


def outcome(calls: Sequence[Call], points: int, folder: Path, seed: int = 1) -> Outcome:
    """Cut the power at so many points of a recording, and look at what is left."""
    chance = random.Random(seed)  # noqa: S311
    when = sorted(chance.choices(range(len(calls)), k=points))
    disk, said, found = Disk(), _Said(), Outcome()
    for number, call in enumerate(calls):
        if call.call == "said":
            word, _, value = call.data.decode().partition(" ")
            setattr(said, word, max(int(value), getattr(said, word)))
        else:
            disk.do(call)
        while when and when[0] == number:
            when.pop(0)
            _look(disk.after_cut(chance), said, found, folder / f"{len(when)}")
    return found


def _look(files: dict[str, bytes], said: _Said, found: Outcome, folder: Path) -> None:
    found.points += 1
    found.acknowledged += said.ack
    folder.mkdir()
    path = folder / "events.db"
    for name, content in files.items():
        path.with_name(path.name + name).write_bytes(content)
    try:
        with EventLog(SENDER, path, board="b", reserve=False) as log:
            if list(folder.glob("*.damaged-*")):
                found.unopened += 1
            rows = log.read(0, 1_000_000)
            good = [row.seq for row in rows if _is_as_kept(row.body, row.seq)]
            first = rows[0].seq if rows else 1
            whole = good == list(range(first, log.last_seq + 1))
            if said.ack and not (whole and first <= said.deleting + 1 and log.last_seq >= said.ack):
                found.lost += 1
            if log.delivered < said.delivered:
                found.undelivered += 1
            # And it goes on.
            log.append([make_entered()])
    except LogError:
        found.unopened += 1
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()


def _is_as_kept(body: str, seq: int) -> bool:
    try:
        return bool(json.loads(body)["id"] == f"{LOG_ID}/{seq}")
    except (ValueError, KeyError):
        return False


def recorded(folder: Path, commits: int, how: str) -> list[Call]:
    """What the writer writes, with or without synchronising."""
    (folder / how).mkdir()
    log = folder / how / "events.db"
    return record(folder / f"{how}.strace", log, "tests.faults.crash_writer", str(commits), how)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=1000)
    parser.add_argument("--commits", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    logging.disable(logging.CRITICAL)
    print("| synchronous | writes | syncs | crash points | lose events | don't open | forget delivered |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    memory = Path("/dev/shm")  # noqa: S108 - only where it is there, to spare the disk
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        for how in ("full", "off"):
            calls = recorded(Path(name), given.commits, how)
            found = outcome(calls, given.points, Path(name), given.seed)
            kinds = [call.call for call in calls]
            print(
                f"| {how.upper()} | {kinds.count('write')} | {kinds.count('sync')} | {found.points} | "
                f"{found.lost} | {found.unopened} | {found.undelivered} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
