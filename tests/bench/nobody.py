"""Footage without anybody: python -m tests.bench.nobody. How many persons the whole pipeline tells of."""

from __future__ import annotations

import json
import sys
from itertools import count
from typing import TYPE_CHECKING

import cv2
import numpy as np

from agent.app.build import stages
from agent.app.settings import settings_of
from agent.config.models import Config
from agent.device.frames import frame_of
from tests.bench.accuracy import DATA
from tests.bench.stillness import clip
from tests.builders import make_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]

FPS = 5.0
STILL_S = 30.0
SWITCHED_S = 5.0


def told(pictures: Iterable[Picture], fps: float) -> int:
    """Persons that the pipeline tells of."""
    config = Config.model_validate({"device": {"site": "bench", "name": "nobody"}, "camera": {"source": "x"}})
    number, stage = count(1), None
    for index, picture in enumerate(pictures):
        if stage is None:
            size_px = picture.shape[1], picture.shape[0]
            stage = stages(settings_of(config), size_px, lambda: f"t{next(number)}")
        frame = frame_of(index, make_at(index / fps), picture)
        for _ in stage.steps([frame]):
            pass
    return next(number) - 1


def still(picture: Picture, light: Callable[[float], float]) -> Iterator[Picture]:
    """A camera that shows the same for half a minute, with noise, under changing light."""
    rng = np.random.default_rng(11)
    for index in range(int(STILL_S * FPS)):
        lit = picture * light(index / FPS) + rng.normal(0, 2.5, picture.shape).astype(np.float32)
        yield np.clip(np.rint(lit), 0, 255).astype(np.uint8)


def steady(time_s: float) -> float:
    return 1 + 0.05 * float(np.sin(time_s / 4))


def switched(time_s: float) -> float:
    return 1.0 if int(time_s / SWITCHED_S) % 2 == 0 else 0.45


def scenes() -> Iterator[tuple[str, int, int]]:
    """Name, persons told of, seconds of footage."""
    road = clip("road_cars_empty.avi")[::6]
    yield "road_cars_empty, 10 fps", told(road, 10.0), len(road) // 10
    coco = DATA / "images" / "coco_val2017_persons"
    images = json.loads((coco / "annotations.json").read_text())["images"]
    negatives = [cv2.imread(str(coco / image["file_name"])) for image in images if image.get("negative")]
    empty = [clip("atrium.mp4")[0], clip("room_exit.mp4")[16]]
    for name, light in (("as they are", steady), ("lights switched every 5 s", switched)):
        for what, pictures in (("pictures without persons", negatives), ("empty rooms", empty)):
            found = [told(still(picture.astype(np.uint8), light), FPS) for picture in pictures]  # type: ignore[union-attr]
            yield f"{len(pictures)} {what}, {name}", sum(found), int(STILL_S * len(pictures))


def main() -> int:
    """Print the table; 1 when anybody was told of."""
    good = True
    print(f"{'footage':<54} {'seconds':>8} {'persons':>8} {'reach':>6}")
    for name, persons, seconds in scenes():
        print(
            f"{name:<54} {seconds:>8} {persons:>8} {'0':>6}{'  NOT REACHED' if persons else ''}", flush=True
        )
        good = good and not persons
    return 0 if good else 1


if __name__ == "__main__":
    if not DATA.is_dir():
        sys.exit("../shared/data is not beside this checkout: nothing to measure on")
    sys.exit(main())
