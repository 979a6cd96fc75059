"""What lines, zones, counters and sums cost a look: `python -m tests.bench.rules`.

Twenty persons walk at random, at ten looks a second, through ten zones and over five lines that three
counters use; far more happens than in any office.
"""

from __future__ import annotations

import random
import time
from datetime import timedelta
from statistics import median
from typing import TYPE_CHECKING

from agent.core.geometry import Line, Zone
from agent.core.track import Track
from agent.core.visibility import Visibility
from agent.presence.ledger import Ledger
from agent.presence.line import LineRule
from agent.presence.settings import CounterSettings, LineSettings, RuleSettings, ZoneSettings
from agent.presence.zone import ZoneRule
from tests.presence.office import OFFICE, right_clock, utc

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.core.frame import Instant

BATCH = 100
PERSONS, ZONES, LINES, LOOKS_PER_S = 20, 10, 5, 10
SIZE_PX = 1280, 720
HEIGHT_PX = 120.0


def office() -> tuple[list[LineRule | ZoneRule], Ledger]:
    """Zones side by side and over each other, lines between them."""
    width, height = SIZE_PX
    zones = [
        Zone(
            f"zone{i}",
            ((i * 100, 200), (i * 100 + 260, 200), (i * 100 + 260, height), (i * 100, height)),
            1.0,
        )
        for i in range(ZONES)
    ]
    lines = [
        Line(f"line{i}", (200 + 200 * i, 0), (200 + 200 * i, height), (width, 300)) for i in range(LINES)
    ]
    counters = [CounterSettings(f"desk{i}", f"zone{2 * i}", f"zone{2 * i + 1}", 60.0) for i in range(3)]
    gates = [LineSettings(line.line_id) for line in lines]
    terms = [ZoneSettings(zone.zone_id, zone.min_dwell_s, 2.0) for zone in zones]
    ledger = Ledger(RuleSettings([*gates, *terms, *counters], OFFICE, 420.0))
    return [*map(LineRule, lines), *map(ZoneRule, zones)], ledger


def cost_ms(minutes: float) -> tuple[float, float, int]:
    """Thread CPU of a look, the median and the most of batches; and how many events there were."""
    rules, ledger = office()
    chance = random.Random(4)  # noqa: S311 - the same walks every time
    feet = [[chance.uniform(0, SIZE_PX[0]), chance.uniform(250, SIZE_PX[1])] for _ in range(PERSONS)]
    speed = [[chance.uniform(-80, 80), chance.uniform(-20, 20)] for _ in range(PERSONS)]
    costs, events, now = [], 0, utc("08:00")
    batch: list[tuple[Instant, list[Track]]] = []
    for _ in range(int(minutes * 60 * LOOKS_PER_S)):
        at = right_clock(now)
        tracks = []
        for person, (place, way) in enumerate(zip(feet, speed, strict=True)):
            for axis in (0, 1):
                place[axis] += way[axis] / LOOKS_PER_S
                if not 0 <= place[axis] <= SIZE_PX[axis]:
                    way[axis] = -way[axis]
            x, y = place[0] + chance.gauss(0, 3), place[1] + chance.gauss(0, 3)
            box = (x - HEIGHT_PX / 5, y - HEIGHT_PX, x + HEIGHT_PX / 5, y)
            tracks.append(Track(f"t{person}", box, (x, y), 0.8, 0.0, at.monotonic_s))
        batch.append((at, tracks))
        now += timedelta(seconds=1 / LOOKS_PER_S)
        if len(batch) == BATCH:
            # Asking for the time costs as much as a look, so many are measured together.
            begin_s = time.thread_time()
            events += sum(look(rules, ledger, *seen) for seen in batch)
            costs.append((time.thread_time() - begin_s) * 1000 / BATCH)
            batch.clear()
    return median(costs), max(costs), events


def look(rules: Sequence[LineRule | ZoneRule], ledger: Ledger, at: Instant, tracks: Sequence[Track]) -> int:
    """What happens after the tracker at each frame."""
    told = [event for rule in rules for event in rule.update(tracks, at)]
    told = ledger.update(told, tracks, Visibility(None, at), at)
    list(ledger.states())
    return len(told)


def main() -> None:
    """Print the table."""
    print(f"{PERSONS} persons, {ZONES} zones, {LINES} lines, 3 counters; thread CPU of a look, ms")
    print(f"{'':24}{'median':>8}{'most':>8}{'events':>8}   of {BATCH} looks together")
    for name, minutes in (("ten minutes", 10.0), ("an hour", 60.0)):
        middle, most, events = cost_ms(minutes)
        print(f"{name:24}{middle:8.3f}{most:8.3f}{events:8}")


if __name__ == "__main__":
    main()
