"""How much of people's heads the film of a replay shows: python -m tests.bench.blur [--film].

Each clip of ../shared/data is replayed with --draw; a head is the upper quarter of an annotated person, or
an annotated face, also of whom nobody detects. Told is what of the heads' area is not blurred, how many
heads are shown by more than half, and how much of the picture is blurred; --film adds how much of the detail
of the heads is left in the written film. Pictures go through `detect --draw`. More than 2 % shown ends it with 1.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import cv2
import numpy as np

from agent import drawing
from agent.config import load
from agent.replay import ReplayWishes, detect, replay
from tests.bench.accuracy import DATA
from tests.bench.clips import VIDEOS, VIEW

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from agent.blurring import Grid, Levels

    Picture = NDArray[np.uint8]
    Flags = NDArray[np.bool_]
    Box = tuple[float, float, float, float]

MOST_SHOWN = 0.02
_HALF = 0.5
_PERSON = 1


@dataclass
class Shown:
    """What is shown of heads."""

    name: str
    area: int = 0
    shown: int = 0
    heads: int = 0
    half: int = 0
    blurred: list[float] = field(default_factory=list)
    detail: list[float] = field(default_factory=list)

    def add(self, blurred: Flags, heads: list[Box]) -> None:
        """Count the heads (left, top, right, bottom in px) of one picture."""
        self.blurred.append(float(blurred.mean()))
        for left, top, right, bottom in heads:
            part = blurred[max(0, int(top)) : int(np.ceil(bottom)), max(0, int(left)) : int(np.ceil(right))]
            if part.size:
                self.area += part.size
                self.shown += int((~part).sum())
                self.heads += 1
                self.half += bool((~part).mean() > _HALF)

    @property
    def ratio(self) -> float:
        """Part of the heads' area that is shown."""
        return self.shown / max(self.area, 1)


class Watched:
    """Notes what is blurred whenever a picture is drawn."""

    def __init__(self) -> None:
        self.masks: list[Flags] = []
        self._blurred = drawing.Grid.blurred

    def __call__(self, grid: Grid, image: Picture, levels: Levels) -> Picture:
        cells = np.repeat(np.repeat(levels > 0, grid.cell_px, 0), grid.cell_px, 1)
        self.masks.append(cells[: image.shape[0], : image.shape[1]])
        return self._blurred(grid, image, levels)

    @staticmethod
    def in_use() -> Any:  # noqa: ANN401 - a patch has no public type
        """Note what is drawn within."""
        watched = Watched()
        return mock.patch.object(
            drawing.Grid, "blurred", lambda grid, image, levels: watched(grid, image, levels)
        ), watched


def heads_of(clip: Path) -> dict[int, list[Box]]:
    """The annotated heads of a clip, by frame."""
    truth = json.loads(clip.with_name(f"{clip.stem}.truth.json").read_text())
    found: dict[int, list[Box]] = {}
    for sample in truth["samples"]:
        persons = [row["bbox"] for row in sample.get("boxes", [])]
        faces = [row["bbox"] for row in sample.get("face_boxes", [])]
        found[sample["frame"]] = [
            *((x, y, x + wide, y + high / 4) for x, y, wide, high in persons),
            *((x, y, x + wide, y + high) for x, y, wide, high in faces),
        ]
    return found


def film(clip: Path, *, decoded: bool = False) -> Shown:
    """Replay a clip with --draw and judge its film."""
    shown = Shown(clip.stem)
    heads = heads_of(clip)
    patch, watched = Watched.in_use()
    with tempfile.TemporaryDirectory() as folder, patch:
        config = Path(folder) / "clip.toml"
        config.write_text(VIEW)
        out = Path(folder) / "drawn.mp4"
        wishes = ReplayWishes(datetime(2026, 1, 5, tzinfo=UTC), events=Path(folder) / "events", draw=out)
        replay(load(config), clip, wishes, lambda _done, _all: None)
        for index, mask in enumerate(watched.masks):
            shown.add(mask, heads.get(index, []))
        if decoded:
            shown.detail = list(_details(clip, out, heads))
    return shown


def _details(clip: Path, drawn: Path, heads: dict[int, list[Box]]) -> Iterator[float]:
    """What part of each head's detail is left in the film as it is decoded."""
    before, after = cv2.VideoCapture(str(clip)), cv2.VideoCapture(str(drawn))
    index = 0
    while True:
        (good, source), (also, film_) = before.read(), after.read()
        if not (good and also):
            return
        for left, top, right, bottom in heads.get(index, []):
            where = slice(max(0, int(top)), int(bottom)), slice(max(0, int(left)), int(right))
            if source[where].size:
                yield detail(film_[where]) / max(detail(source[where]), 1.0)
        index += 1


def detail(image: NDArray[Any]) -> float:
    """How much neighbouring px differ, in most places."""
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY).astype(float)
    return float(np.percentile(np.abs(np.diff(grey, axis=0)), 80)) if len(grey) > 1 else 0.0


def pictures(folder: Path) -> Shown:
    """Draw a folder of annotated pictures and judge them."""
    shown = Shown(folder.name)
    truth = json.loads((folder / "annotations.json").read_text())
    patch, watched = Watched.in_use()
    images = truth["images"]
    with tempfile.TemporaryDirectory() as out, patch:
        for _ in detect([folder / image["file_name"] for image in images], None, None, Path(out)):
            pass
    for image, mask in zip(images, watched.masks, strict=True):
        boxes = [
            (row["bbox"], row["category_id"])
            for row in truth["annotations"]
            if row["image_id"] == image["id"] and not row.get("iscrowd")
        ]
        shown.add(
            mask,
            [
                (x, y, x + wide, y + (high / 4 if kind == _PERSON else high))
                for (x, y, wide, high), kind in boxes
            ],
        )
    return shown


def main(arguments: list[str]) -> int:
    """Print the table; 1 when too much is shown."""
    print(f"{'what':<24} {'heads':>6} {'shown':>7} {'> half':>7} {'blurred: mean, least, most':>27} {'CPU s':>7}")
    rows = []
    for clip in sorted([*VIDEOS.glob("*.mp4"), *VIDEOS.glob("*.avi")]):
        rows.append(_told(lambda clip=clip: film(clip, decoded="--film" in arguments)))
    for folder in ("coco_val2017_persons", "intel_frames", "dlib_voc_faces"):
        rows.append(_told(lambda folder=folder: pictures(DATA / "images" / folder)))
    area, part = sum(row.area for row in rows), sum(row.shown for row in rows)
    print(f"{'all':<24} {sum(row.heads for row in rows):>6} {part / area:>7.2%}")
    return int(part > MOST_SHOWN * area or any(row.ratio > MOST_SHOWN for row in rows))


def _told(judge: Any) -> Shown:  # noqa: ANN401
    begin_s = time.process_time()
    row: Shown = judge()
    took_s = time.process_time() - begin_s
    told = ", ".join(f"{figure(row.blurred):.0%}" for figure in (np.mean, min, max))
    print(f"{row.name:<24} {row.heads:>6} {row.ratio:>7.2%} {row.half:>7} {told:>27} {took_s:>7.1f}", flush=True)
    if row.detail:
        print(f"{'':<24} detail left of heads in the film: median {np.median(row.detail):.0%}, "
              f"nine of ten below {np.percentile(row.detail, 90):.0%}")  # fmt: skip
    return row


if __name__ == "__main__":
    if not DATA.is_dir():
        sys.exit("../shared/data is not beside this checkout: nothing to measure on")
    sys.exit(main(sys.argv[1:]))
