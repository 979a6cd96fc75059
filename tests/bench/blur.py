"""How much of people's heads the film of a replay shows: python -m tests.bench.blur [--film] [--nobody].

Each clip of ../shared/data is replayed with --draw; a head is the upper quarter of an annotated person, or
an annotated face, also of whom nobody detects. Told is what of the heads' area is not blurred, how many
heads are shown by more than half, and how much of the picture is blurred. --film adds how like their source
the heads are in the film as it is written, --nobody does without networks: by what moves alone. Pictures go
through `detect --draw`. More than 2 % shown ends it with 1.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import cv2
import numpy as np

from agent.app import replay as replaying
from agent.app.replay import ReplayOptions, detect, replay
from agent.config.load import load
from agent.core.detections import Detections
from agent.render.blur_grid import Grid
from agent.render.film_survey import FilmBlur
from tests.bench.accuracy import DATA
from tests.bench.clips import VIDEOS, VIEW

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from agent.core.frame import Frame
    from agent.core.regions import Regions
    from agent.render.blur_grid import Levels

    Picture = NDArray[np.uint8]
    Flags = NDArray[np.bool_]
    Box = tuple[float, float, float, float]

MOST_SHOWN = 0.02
_HALF = 0.5
_PERSON = 1
_FOLDERS = "coco_val2017_persons", "intel_frames", "dlib_voc_faces"


@dataclass
class Shown:
    """What is shown of heads."""

    name: str
    area: int = 0
    shown: int = 0
    heads: int = 0
    half: int = 0
    blurred: list[float] = field(default_factory=list)
    likenesses: list[float] = field(default_factory=list)

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
        self._blurred = Grid.blurred

    def __call__(self, grid: Grid, image: Picture, levels: Levels) -> Picture:
        cells = np.repeat(np.repeat(levels > 0, grid.cell_px, 0), grid.cell_px, 1)
        self.masks.append(cells[: image.shape[0], : image.shape[1]])
        return self._blurred(grid, image, levels)

    @staticmethod
    def in_use() -> Any:  # noqa: ANN401 - a patch has no public type
        """Note what is drawn within."""
        watched = Watched()

        def blurred(grid: Grid, image: Picture, levels: Levels) -> Picture:
            return watched(grid, image, levels)

        return mock.patch.object(Grid, "blurred", blurred), watched


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


class _Nobody:
    """What finds nobody, as networks do in a view from above."""

    def detect(self, _frame: Frame, _look: Regions) -> Detections:
        return Detections.empty()


@contextmanager
def _unwritten(*_arguments: object) -> Iterator[Callable[[Picture], None]]:
    yield lambda _image: None


def film(clip: Path, *, decoded: bool = False, nobody: bool = False) -> Shown:
    """Replay a clip with --draw and judge its film."""
    shown = Shown(clip.stem)
    heads = heads_of(clip)
    patch, watched = Watched.in_use()
    with tempfile.TemporaryDirectory() as folder, patch, ExitStack() as more:
        if not decoded:
            more.enter_context(mock.patch.object(replaying, "video_writer", _unwritten))
        if nobody:
            more.enter_context(mock.patch.object(replaying, "blur_finder", _Nobody))
            more.enter_context(mock.patch.object(FilmBlur, "levels", _without_tracks))
            more.enter_context(mock.patch.object(Grid, "cover_persons", return_value=None))
        config = Path(folder) / "clip.toml"
        config.write_text(VIEW)
        out = Path(folder) / "drawn.mp4"
        options = ReplayOptions(datetime(2026, 1, 5, tzinfo=UTC), events=Path(folder) / "events", draw=out)
        replay(load(config), clip, options, lambda _done, _all: None)
        for index, mask in enumerate(watched.masks):
            shown.add(mask, heads.get(index, []))
        if decoded:
            shown.likenesses = list(_likenesses(clip, out, heads))
    return shown


_levels = FilmBlur.levels


def _without_tracks(blur: FilmBlur, index: int, _boxes: object) -> Levels:
    return _levels(blur, index, [])


def _likenesses(clip: Path, drawn: Path, heads: dict[int, list[Box]]) -> Iterator[float]:
    """How like its source each head is in the film as it is decoded."""
    before, after = cv2.VideoCapture(str(clip)), cv2.VideoCapture(str(drawn))
    index = 0
    while True:
        (good, source), (also, film_) = before.read(), after.read()
        if not (good and also):
            return
        for left, top, right, bottom in heads.get(index, []):
            where = slice(max(0, int(top)), int(bottom)), slice(max(0, int(left)), int(right))
            if source[where].size:
                yield likeness(film_[where], source[where])
        index += 1


def likeness(one: NDArray[Any], other: NDArray[Any]) -> float:
    """Correlation of what is fine in two pictures of the same place: 1 for the same, about 0 for a blur."""
    fine = [_fine(picture) for picture in (one, other)]
    norm = float(np.sqrt((fine[0] ** 2).sum() * (fine[1] ** 2).sum()))
    return float((fine[0] * fine[1]).sum() / norm) if norm else 0.0


def _fine(picture: NDArray[Any]) -> NDArray[np.float32]:
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY).astype(np.float32)
    fine: NDArray[np.float32] = grey - cv2.GaussianBlur(grey, (0, 0), 2.0)
    return fine


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
    decoded, nobody = "--film" in arguments, "--nobody" in arguments
    titles = ("what", "heads", "shown", "> half", "blurred: mean, least, most", "CPU s")
    print("{:<24} {:>6} {:>7} {:>7} {:>27} {:>7}".format(*titles))
    clips = sorted([*VIDEOS.glob("*.mp4"), *VIDEOS.glob("*.avi")], key=lambda path: path.stat().st_size)
    rows = [_told(partial(film, clip, decoded=decoded, nobody=nobody)) for clip in clips]
    if not nobody:
        folders = [DATA / "images" / name for name in _FOLDERS]
        rows += [_told(partial(pictures, folder)) for folder in folders]
    area, part = sum(row.area for row in rows), sum(row.shown for row in rows)
    print(f"{'all':<24} {sum(row.heads for row in rows):>6} {part / area:>7.2%}")
    return int(part > MOST_SHOWN * area or any(row.ratio > MOST_SHOWN for row in rows))


def _told(judge: Callable[[], Shown]) -> Shown:
    begin_s = time.process_time()
    row = judge()
    took_s = time.process_time() - begin_s
    told = ", ".join(f"{figure(row.blurred):.0%}" for figure in (np.mean, min, max))
    print(
        f"{row.name:<24} {row.heads:>6} {row.ratio:>7.2%} {row.half:>7} {told:>27} {took_s:>7.1f}", flush=True
    )
    if row.likenesses:
        print(f"{'':<24} likeness of heads in the film (1: not blurred): mean "
              f"{np.mean(row.likenesses):.2f}, most {max(row.likenesses):.2f}")  # fmt: skip
    return row


if __name__ == "__main__":
    if not DATA.is_dir():
        sys.exit("../shared/data is not beside this checkout: nothing to measure on")
    sys.exit(main(sys.argv[1:]))
