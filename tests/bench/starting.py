"""What a start on a full event log takes: memory beside a start on an empty one, and time.

`python -m tests.bench.starting [--per-day 50000] [--events 104000] [--most-mib 10]`

Each start is a process of its own that opens the log, takes up where it ends, and judges its first frame;
1 if the peak of its memory (VmHWM) is more than --most-mib above that of a start on an empty log.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from agent.app.publishing import resume_from_log
from agent.core.event import (
    CounterAttended,
    CounterUnattended,
    LineCrossed,
    ZoneEntered,
    ZoneLeft,
    ZoneOccupied,
    ZoneVacated,
)
from agent.core.frame import Instant
from agent.core.visibility import Visibility
from agent.device import clock
from agent.eventlog.log import EventLog
from agent.presence.hours import WorkingTime
from agent.presence.ledger import Ledger
from agent.presence.settings import CounterSettings, LineSettings, RuleSettings, ZoneSettings
from agent.wire.payloads import Sender

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.core.event import Event

_SENDER = Sender("bench", "start", "0000b001")
_DAY_S = 86_400.0
_AT_ONCE = 5_000


def happened(number: int, per_day: float, end: Instant) -> Iterator[Event]:
    """So many events up to a moment: visits to two zones, a desk, and a line."""
    step_s = _DAY_S / per_day
    told = 0
    while told < number:
        at = [end.shifted((told + n - number) * step_s) for n in range(10)]
        track = f"t0000-{told}"
        yield LineCrossed(rule="gate", at=at[0], direction="in", track=track, confidence=0.9)
        yield ZoneEntered(rule="hall", at=at[1], since=at[0], count=1, track=track)
        yield ZoneOccupied(rule="hall", at=at[2], since=at[0])
        yield CounterAttended(rule="desk", at=at[3], since=at[0], waiting=0)
        yield ZoneEntered(rule="yard", at=at[4], since=at[3], count=1, track=track)
        dwell_s = 2.5 * step_s
        yield ZoneLeft(rule="hall", at=at[5], since=at[0], count=0, track=track, dwell_s=dwell_s, why="seen")
        yield ZoneVacated(rule="hall", at=at[6], since=at[0], occupied_s=dwell_s, why="seen")
        yield CounterUnattended(rule="desk", at=at[7], since=at[6], waiting=0)
        yield ZoneLeft(rule="yard", at=at[8], since=at[3], count=0, track=track, dwell_s=dwell_s, why="lost")
        yield LineCrossed(rule="gate", at=at[9], direction="out", track=track, confidence=0.9)
        told += 10


def ledger() -> Ledger:
    """A line, two zones and a desk that is always open."""
    zones = [ZoneSettings(name, 1.0, 2.0) for name in ("hall", "yard")]
    desk = CounterSettings("desk", "hall", "yard", 60.0)
    return Ledger(RuleSettings([LineSettings("gate"), *zones, desk], WorkingTime(UTC, {}), 120.0))


def fill(path: Path, number: int, per_day: float) -> None:
    """Write the log."""
    with EventLog(_SENDER, path, reserve=False) as log:
        some: list[Event] = []
        # Of an earlier boot, a long one.
        for event in happened(number, per_day, Instant(1e7, clock.now().utc)):
            some.append(event)
            if len(some) == _AT_ONCE:
                log.append(some)
                some = []
        log.append(some)


def memory_kib(name: str) -> int:
    """A figure of this process's memory."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(f"{name}:")).split()[1])


def start(path: Path) -> None:
    """Start on a log as `run` does, and print what it took."""
    now, known = replace(clock.now(), synced=True), ledger()
    before_kib = memory_kib("VmRSS")
    with EventLog(Sender("bench", "start", clock.boot_id()), path, reserve=False) as log:
        begin_s = time.thread_time()
        resume_from_log(log, known, now, clock.boot_id())
        took_s = time.thread_time() - begin_s
        known.update((), (), Visibility(None, now), now)
    figures = {
        "took_s": took_s,
        "peak_kib": memory_kib("VmHWM"),
        "kept_kib": memory_kib("VmRSS"),
        "before_kib": before_kib,
    }
    print(json.dumps(figures))


def started(path: Path) -> dict[str, float]:
    """Start in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", __spec__.name, "--start", path], check=True, capture_output=True, text=True
    )
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--per-day", type=float, default=50_000)
    parser.add_argument("--events", type=int, default=104_000)
    parser.add_argument("--most-mib", type=float, default=10.0)
    parser.add_argument("--start", type=Path)
    options = parser.parse_args()
    if options.start:
        start(options.start)
        return 0
    with TemporaryDirectory() as folder:
        empty, full = Path(folder) / "empty.db", Path(folder) / "full.db"
        fill(empty, 0, 1)
        fill(full, options.events, options.per_day)
        one, other = started(empty), started(full)
    peak_mib, kept_mib = ((other[name] - one[name]) / 1024 for name in ("peak_kib", "kept_kib"))
    print(
        f"{options.events} events, {options.per_day:.0f} a day: peak {peak_mib:+.1f} MiB and kept "
        f"{kept_mib:+.1f} MiB against an empty log ({one['peak_kib'] / 1024:.0f} MiB), "
        f"{other['took_s']:.2f} s of CPU"
    )
    return int(peak_mib > options.most_mib)


if __name__ == "__main__":
    sys.exit(main())
