"""Lines and zones over footage whose truth is known: python -m tests.bench.clips.

Each clip is replayed as an installer would do it; a figure that is missed ends it with 1.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.bench.accuracy import DATA, crossings

if TYPE_CHECKING:
    from collections.abc import Callable

    Events = list[dict[str, Any]]

VIDEOS = DATA / "videos"
BEGIN = datetime.fromisoformat("2026-01-05T00:00:00Z")
VIEW = """
[device]
site = "bench"
name = "clips"
[camera]
source = "replay"
[[zone]]
id = "view"
polygon = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]
"""
# Of who walks through the whole picture some are in sight for little more than a second.
BRIEF = VIEW + "min_dwell_s = 0.3\n"


@dataclass(frozen=True)
class Row:
    """One figure: what was found, what is true, and whether that will do."""

    clip: str
    what: str
    found: str
    truth: str
    good: bool


def replayed(clip: str, configuration: str) -> Events:
    """The events of a clip in VIDEOS, each with its times in seconds of the recording."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "clip.toml"
        config.write_text(configuration)
        command = [sys.executable, "-m", "agent", "replay", str(VIDEOS / clip), "--config", str(config)]
        lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    events = [json.loads(line) for line in lines]
    for event in events:
        for key in ("ts", "since"):
            if key in event:
                event[key] = (datetime.fromisoformat(event[key]) - BEGIN).total_seconds()
    return events


def of_type(events: Events, name: str) -> Events:
    return [event for event in events if event["type"] == name]


def room_exit() -> list[Row]:
    """One person, who goes out at 1.0 s."""
    events = replayed("room_exit.mp4", BRIEF)
    entered, left = of_type(events, "zone.entered"), of_type(events, "zone.left")
    ends_s = [event["since"] + event["dwell_s"] for event in left]
    told = f"{len(entered)} and {len(left)}"
    return [
        Row("room_exit", "entered and left", told, "1 and 1", (len(entered), len(left)) == (1, 1)),
        Row("room_exit", "left at, s", ", ".join(f"{s:.2f}" for s in ends_s) or "-", "1.0 +-0.4",
            len(ends_s) == 1 and abs(ends_s[0] - 1.0) <= 0.4),
    ]  # fmt: skip


def atrium() -> list[Row]:
    """Six come and four go."""
    truth = json.loads((VIDEOS / "atrium.truth.json").read_text())
    kinds = [event["kind"] for event in truth["events"]]
    # F and G go behind the tree and come out again: whether that is a visit or two is neutral.
    again = max(len(e["id"].split(",")) for e in truth["events"] if e["kind"] == "visible_again")
    events = replayed("atrium.mp4", BRIEF)
    entered = of_type(events, "zone.entered")
    # Who is still in sight at the end has not gone.
    left = [event for event in of_type(events, "zone.left") if event["why"] != "stopped"]
    rows = []
    for what, found, true in (
        ("entered", len(entered), kinds.count("enter")),
        ("left", len(left), kinds.count("exit")),
    ):
        good = true - 1 <= found <= true + 1 + again
        rows.append(Row("atrium", what, str(found), f"{true} +-1 (and {again} seen again)", good))
    return rows


def pets09() -> list[Row]:
    """A line across a campus, inside the annotated windows."""
    counts = crossings(VIDEOS / "pets09_s2l1_dev.avi")
    told = f"{counts['in']} and {counts['out']}"
    return [Row("pets09_s2l1_dev", "in and out", told, "3 and 4", counts == {"in": 3, "out": 4})]


def occupied(name: str) -> Callable[[], list[Row]]:
    """Somebody is there throughout."""

    def rows() -> list[Row]:
        events = replayed(f"{name}.mp4", VIEW)
        begun, ended = of_type(events, "zone.occupied"), of_type(events, "zone.vacated")
        why = ", ".join(event["why"] for event in ended)
        good = len(begun) == 1 and [event["why"] for event in ended] == ["stopped"]
        return [Row(name, "occupied, vacated by", f"{len(begun)}, {why}", "1, stopped", good)]

    return rows


def main() -> int:
    """Print the table; 1 when a figure is missed."""
    print(f"{'clip':<17} {'what':<22} {'found':>12}  truth")
    good = True
    for clip in (room_exit, atrium, pets09, occupied("worker_zone"), occupied("classroom_seated")):
        for row in clip():
            missed = "" if row.good else "  MISSED"
            print(f"{row.clip:<17} {row.what:<22} {row.found:>12}  {row.truth}{missed}", flush=True)
            good = good and row.good
    return 0 if good else 1


if __name__ == "__main__":
    if not DATA.is_dir():
        print("../shared/data is not beside this checkout: nothing to measure on")
        sys.exit(0)
    sys.exit(main())
