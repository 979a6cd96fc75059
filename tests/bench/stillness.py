"""Who keeps still and what keeps still, on the clock of the scene: python -m tests.bench.stillness.

Scenes are made of ../shared/data/videos with sensor noise and drifting light; breathing is a warp of half
a px at the person's border. Seconds in which a seated person has no track, and a thing has one.
"""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from agent.app.build import stages
from agent.app.settings import settings_of
from agent.config.models import Config
from agent.device.frames import frame_of
from tests.builders import make_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]
    Box = tuple[float, float, float, float]

VIDEOS = Path(__file__).parents[3] / "shared" / "data" / "videos"
FPS = 5.0
# Somebody may be found within this time, and a thing be taken for somebody.
SETTLED_S = 3.0
THING_S = 30.0
# Somebody who walks past a thing is not the thing.
PASSED_S = 3.0
BOARD = (26, 108, 52, 142)


class Scene(NamedTuple):
    """A picture for each time in seconds, and where somebody sits or something stands in it."""

    name: str
    at: Callable[[float], Picture]
    persons: tuple[Box, ...]
    things: tuple[Box, ...]


def clip(name: str) -> list[Picture]:
    """All pictures of a clip."""
    capture = cv2.VideoCapture(str(VIDEOS / name))
    pictures = []
    while capture.grab():
        pictures.append(capture.retrieve()[1].astype(np.uint8, copy=False))
    return pictures


def persons_of(name: str) -> tuple[Box, ...]:
    """The annotated persons of the first frame that has boxes."""
    samples = json.loads((VIDEOS / name).with_suffix(".truth.json").read_text())["samples"]
    boxes = next(sample["boxes"] for sample in samples if sample.get("boxes"))
    return tuple((x, y, x + w, y + h) for x, y, w, h in (box["bbox"] for box in boxes))


def looped(pictures: list[Picture], fps: float) -> Callable[[float], Picture]:
    """A clip over and over."""
    return lambda time_s: pictures[int(time_s * fps) % len(pictures)]


def breathing(picture: Picture, persons: tuple[Box, ...]) -> Callable[[float], Picture]:
    """A still in which only chests move: 0.5 px at the border of each person, every four seconds."""
    rows, columns = np.mgrid[: picture.shape[0], : picture.shape[1]].astype(np.float32)

    def at(time_s: float) -> Picture:
        image = picture.copy()
        swell = 0.5 * np.sin(2 * np.pi * 0.25 * time_s)
        for left, top, right, bottom in persons:
            box = slice(int(top), int(bottom)), slice(int(left), int(right))
            x = columns[box] + swell * (2 * columns[box] - left - right) / (right - left)
            y = rows[box] + swell * (2 * rows[box] - top - bottom) / (bottom - top)
            image[box] = cv2.remap(
                picture,
                x.astype(np.float32),
                y.astype(np.float32),
                cv2.INTER_LINEAR,
                borderMode=cv2.BORDER_REFLECT,
            )
        return image

    return at


def pasted(at: Callable[[float], Picture], thing: Picture, left: int, top: int) -> Callable[[float], Picture]:
    """The same thing in the same place of every picture."""

    def with_thing(time_s: float) -> Picture:
        image = at(time_s).copy()
        image[top : top + thing.shape[0], left : left + thing.shape[1]] = thing
        return image

    return with_thing


def seen(scene: Scene, minutes: float, *, restart_s: float | None = None) -> tuple[float, float, int]:
    """Seconds in which a person was absent, in which a thing was one after 30 s, and the looks.

    Args:
        scene: what the camera shows.
        minutes: of the scene's time.
        restart_s: when the agent is started anew, in the same scene.
    """
    rng = np.random.default_rng(7)
    size_px = scene.at(0).shape[1::-1]
    config = Config.model_validate({"device": {"site": "bench", "name": "still"}, "camera": {"source": "x"}})
    number = count(1)
    stage = stages(settings_of(config), size_px, lambda: f"t{next(number)}")
    absent = visited = 0.0
    looks, begin_s, restarted = 0, 0.0, False
    since: dict[str, float] = {}
    for index in range(int(minutes * 60 * FPS)):
        time_s = index / FPS
        if restart_s is not None and time_s >= restart_s and not restarted:
            stage, restarted, begin_s = (
                stages(settings_of(config), size_px, lambda: f"t{next(number)}"),
                True,
                time_s,
            )
        light = 1 + 0.08 * np.sin(2 * np.pi * time_s / 97)
        noisy = scene.at(time_s) * light + rng.normal(0, 2.5, (size_px[1], size_px[0], 3)).astype(np.float32)
        frame = frame_of(index, make_at(time_s), np.clip(np.rint(noisy), 0, 255).astype(np.uint8))
        look = stage.attention.plan(frame, stage.tracker.watched)
        found = stage.detector.detect(frame, look) if look else None
        tracks = stage.tracker.update(frame, look, found)
        looks += look is not None
        boxes = [track.xyxy for track in tracks]
        if time_s - begin_s >= SETTLED_S:
            absent += sum(not any(_overlap(person, box) for box in boxes) for person in scene.persons) / FPS
        on_things = {
            track.track_id for track in tracks for thing in scene.things if _overlap(thing, track.xyxy)
        }
        since = {name: since.get(name, time_s) for name in on_things}
        if time_s - begin_s >= THING_S:
            visited += any(time_s - first_s >= PASSED_S for first_s in since.values()) / FPS
    return absent, visited, looks


def _overlap(a: Box, b: Box) -> bool:
    """IoU of at least .3."""
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return False
    both = width * height
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both) >= 0.3


def scenes() -> Iterator[Scene]:
    """All scenes of the table."""
    room, people = clip("classroom_seated.mp4"), persons_of("classroom_seated.mp4")
    yard = clip("pets09_s2l1_dev.avi")
    left, top, right, bottom = 10, 92, 72, 158
    board = yard[0][top:bottom, left:right]
    still = breathing(room[0], people)
    yield Scene("seated, looped", looped(room, 15), people, ())
    yield Scene("seated, breathing only", still, people, ())
    yield Scene("board of pets09", looped(yard, 10), (), (BOARD,))
    x, y = 168, 110
    place = x + BOARD[0] - left, y + BOARD[1] - top, x + BOARD[2] - left, y + BOARD[3] - top
    yield Scene("board beside the seated", pasted(still, board, x, y), people, (place,))


def main() -> int:
    """Print the table; 1 when anybody is absent, or a thing a visitor."""
    parser = ArgumentParser()
    parser.add_argument("--minutes", type=float, default=30.0)
    minutes = parser.parse_args().minutes
    good = True
    print(f"{'scene':<34} {'absent s':>9} {'thing s':>8} {'looks a minute':>15}")
    for scene in scenes():
        for restart_s in (None, minutes * 30) if scene.persons else (None,):
            absent, visited, looks = seen(scene, minutes, restart_s=restart_s)
            name = scene.name + (", restart" if restart_s else "")
            print(f"{name:<34} {absent:>9.1f} {visited:>8.1f} {looks / minutes:>15.1f}", flush=True)
            good = good and not absent and not visited
    return 0 if good else 1


if __name__ == "__main__":
    if not VIDEOS.is_dir():
        sys.exit("../shared/data is not beside this checkout: nothing to measure on")
    sys.exit(main())
