"""Waits, crowds and long stays in seeded scenes of tracks: `python -m tests.bench.waits [SCENES]`.

Each scene is played to the rules and the ledger, and what they tell is compared with a reckoning of another
kind, from the sightings of each person at once. One figure that differs ends it with 1.
"""

from __future__ import annotations

import sys
from dataclasses import fields

from tests.presence.reckoning import Reckoned, told_of, true_of
from tests.presence.scenes import play, scene_of

SCENES = 1000


def main(arguments: list[str]) -> int:
    """Compare, and print how much there was; the seeds that differ."""
    count = int(arguments[0]) if arguments else SCENES
    waits = days = crowds = long_stays = 0
    wrong: list[str] = []
    for seed in range(count):
        scene = scene_of(seed)
        told, true = told_of(scene, play(scene)), true_of(scene)
        wrong += [
            f"seed {seed}: told {name} {getattr(told, name)}, true are {getattr(true, name)}"
            for name in (field.name for field in fields(Reckoned))
            if getattr(told, name) != getattr(true, name)
        ]
        waits += sum(figures.visits for figures in true.days.values())
        days += len(true.days)
        crowds += len(true.crowds)
        long_stays += len(true.long_stays)
    print(*wrong, sep="\n", end="\n" if wrong else "")
    print(
        f"{count} scenes: {waits} waits in {days} days, {crowds} crowds, {long_stays} long stays; "
        f"{len(wrong)} figures differ"
    )
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
