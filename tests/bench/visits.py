"""Who is where and when in the clips, for what must not be missed."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from tests.bench.accuracy import DATA

VIDEOS = DATA / "videos"
Box = tuple[float, float, float, float]
# Where the persons of atrium.mp4 are in their first second, by eye: first and last frame, xyxy in px.
ATRIUM: dict[str, tuple[int, int, Box]] = {
    "A": (24, 54, (500, 130, 640, 290)),
    "B": (58, 88, (390, 90, 600, 185)),
    "C": (78, 96, (590, 150, 640, 290)),
    "C again": (127, 157, (530, 120, 640, 230)),
    "D": (129, 159, (120, 200, 260, 360)),
    "F": (224, 254, (120, 240, 300, 360)),
    "G": (270, 300, (240, 20, 350, 95)),
}


@dataclass(slots=True)
class Visit:
    """Somebody in view: where, in fractions, by number of frame in the clip."""

    name: str
    boxes: dict[int, Box]
    seen_after_s: dict[str, float] = field(default_factory=dict)


def annotated(name: str) -> list[Visit]:
    """Persons with boxes: of pets09 one visit a window, of worker_zone one a place with a box."""
    truth = json.loads((VIDEOS / f"{name}.truth.json").read_text())
    width, height = truth["size"]
    windows = truth.get("windows", [[0, truth["frame_count"]]])
    visits: dict[str, Visit] = {}
    for sample in truth["samples"]:
        window = next((first for first, last in windows if first <= sample["frame"] <= last), None)
        for person in sample.get("boxes", []):
            if person.get("ignore") or window is None:
                continue
            x, y, w, h = person["bbox"]
            box = (x / width, y / height, (x + w) / width, (y + h) / height)
            frames = [sample["frame"]]
            key = f"{person['id']} from frame {window}"
            if name == "worker_zone":
                # Few places are annotated: half a second around each.
                frames = list(range(sample["frame"] - 4, sample["frame"] + 5))
                key = f"at frame {sample['frame']}"
            visit = visits.setdefault(key, Visit(key, {}))
            visit.boxes.update(dict.fromkeys(frames, box))
    return list(visits.values())


def visits_of(name: str) -> list[Visit]:
    if name == "atrium":
        return [
            Visit(person, dict.fromkeys(range(first, last), (x1 / 640, y1 / 360, x2 / 640, y2 / 360)))
            for person, (first, last, (x1, y1, x2, y2)) in ATRIUM.items()
        ]
    if name == "room_exit":
        return [Visit("who goes out", dict.fromkeys(range(13), (0.0, 0.0, 1.0, 1.0)))]
    return annotated(name)
