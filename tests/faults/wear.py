"""What the event log writes to a card, an event: `python -m tests.faults.wear` as root, for ten minutes.

On an ext4 of its own, counted by its block device (so with the file system's journal) and by the kernel for
the process. How far delivery went is noted too, as the publisher does.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from agent.eventlog.failover import FailoverLog
from agent.eventlog.log import EventLog
from agent.eventlog.retention import Retention
from tests.builders import make_at
from tests.samples import SENDER, make_entered

_SECTOR = 512
LIMITS = {1: 13_000, 100: 1_000}


def _ran(*words: str | Path) -> str:
    done = subprocess.run(list(map(str, words)), check=True, capture_output=True, text=True)
    return done.stdout.strip()


def _of_process() -> int:
    lines = Path("/proc/self/io").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("write_bytes"))


def _of_device(device: str) -> int:
    os.sync()
    return int(Path(f"/sys/block/{Path(device).name}/stat").read_text().split()[6]) * _SECTOR


def measured(folder: Path, burst: int, times: int, pace_s: float, note_s: float) -> tuple[float, float]:
    """Bytes an event by the process and by the device; the log is made and opened before."""
    image, card = folder / "image", folder / "card"
    card.mkdir()
    image.touch()
    os.truncate(image, 64_000_000)
    _ran("mkfs.ext4", "-q", "-b", "4096", image)
    device = _ran("losetup", "--find", "--show", image)
    try:
        _ran("mount", device, card)
        retention = Retention(30, 200, delivers=True)
        with (
            EventLog(SENDER, card / "log" / "events.db") as log,
            FailoverLog(log, SENDER, retention) as failover,
        ):
            return _kept(failover, device, [burst] * times, pace_s, note_s)
    finally:
        subprocess.run(["umount", card], check=False)
        _ran("losetup", "--detach", device)


def _kept(
    failover: FailoverLog, device: str, bursts: list[int], pace_s: float, note_s: float
) -> tuple[float, float]:
    failover.append([make_entered()], make_at(0))
    before, noted_s = (_of_process(), _of_device(device)), 0.0
    for number, burst in enumerate(bursts):
        at = make_at(number)
        failover.append([make_entered(number, at)] * burst, at)
        if (number - noted_s) * max(pace_s, 1) >= note_s:
            failover.log.delivered, noted_s = failover.log.last_seq, number
        time.sleep(pace_s)
    after, events = (_of_process(), _of_device(device)), sum(bursts)
    return (after[0] - before[0]) / events, (after[1] - before[1]) / events


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=300, help="how often events are kept")
    parser.add_argument("--pace", type=float, default=1.0, help="seconds in between")
    parser.add_argument("--note", type=float, default=30.0, help="seconds between notes of what is delivered")
    parser.add_argument("--burst", type=int, choices=LIMITS, action="append", help="only so many at a time")
    given = parser.parse_args()
    if os.environ.get("TESTS_CARDS") is None:
        words = ["unshare", "-m", sys.executable, "-m", "tests.faults.wear", *sys.argv[1:]]
        sys.exit(subprocess.run(words, env=os.environ | {"TESTS_CARDS": "1"}, check=False).returncode)
    print(f"every {given.pace:g} s, {given.times} times; bytes written an event")
    print("| events at a time | by the process | by the disk, with its journal | reach |")
    print("| --- | --- | --- | --- |")
    worst = 0.0
    for burst in given.burst or LIMITS:
        limit = LIMITS[burst]
        with tempfile.TemporaryDirectory() as folder:
            process, device = measured(Path(folder), burst, given.times, given.pace, given.note)
        worst = max(worst, device / limit)
        print(f"| {burst} | {process:,.0f} | {device:,.0f} | {limit:,} |", flush=True)
    sys.exit(worst > 1)


if __name__ == "__main__":
    main()
