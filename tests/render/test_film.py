"""The film of a replay as written and decoded: nobody is recognisable, and the place is visible."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from agent.app.networks import blur_finder
from agent.core.detections import PERSON
from agent.core.regions import whole
from agent.device.frames import frame_of
from agent.device.recording import open_recording, read_picture
from tests.bench.blur import MOST_SHOWN, film, likeness, pictures
from tests.builders import make_at
from tests.conftest import command, write_config

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from tests.conftest import Ran

    Picture = NDArray[np.uint8]
    Box = tuple[float, float, float, float]

pytestmark = pytest.mark.usefixtures("weights")

# Every so many frames somebody looks at the source, and believes what is so sure.
_EVERY, _SURE, _NEAR_PX = 5, 0.5, 60
_FRAMES = 16
_COUNTER = """
[[zone]]
id = "road"
polygon = [[0.56, 0.33], [0.86, 0.33], [0.98, 0.82], [0.56, 0.64]]

[[counter]]
id = "post"
staff = "yard"
public = "road"
unattended_after_s = 3
"""


def images(path: Path) -> list[Picture]:
    with open_recording(path, 10) as recording:
        return [image for _, image in recording.frames()]


@pytest.fixture(scope="module")
def drawn(vtest: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Picture], list[Picture]]:
    """The first frames of vtest, and the film of them."""
    folder = tmp_path_factory.mktemp("film")
    source = folder / "source.avi"
    writer = cv2.VideoWriter(str(source), cv2.VideoWriter.fourcc(*"MJPG"), 10, (768, 576))
    capture = cv2.VideoCapture(str(vtest))
    for _ in range(_FRAMES):
        writer.write(capture.read()[1])
    writer.release()
    config = write_config(folder, source, more=_COUNTER)
    out = folder / "film.mp4"
    subprocess.run(
        command("replay", source, "--config", config, "--draw", out, "--events", folder / "events"),
        check=True,
        timeout=600,
    )
    return images(source), images(out)


def persons(index: int, image: Picture) -> list[Box]:
    """Who is surely there and not so far that a head is some few px, in px."""
    frame = frame_of(index, make_at(index / 10), image)
    seen = blur_finder().detect(frame, whole(frame)).of_class(PERSON)
    near = seen.xyxy[:, 3] - seen.xyxy[:, 1] >= _NEAR_PX
    return [tuple(box) for box in seen.where((seen.confidence >= _SURE) & near).xyxy.tolist()]


def test_film_shows_no_head(drawn: tuple[list[Picture], list[Picture]]) -> None:
    source, made = drawn
    assert len(source) == len(made) == _FRAMES
    left = []
    # In the first frame, too, when nobody has a track yet.
    for index in range(0, _FRAMES, _EVERY):
        found = persons(index, source[index])
        assert found
        for x1, y1, x2, y2 in found:
            head = slice(max(0, int(y1)), int(y1 + (y2 - y1) / 4)), slice(max(0, int(x1)), int(x2))
            left.append(likeness(made[index][head], source[index][head]))
    # Whatever boxes and labels are drawn over heads makes them no more alike.
    assert max(left) < 0.5
    assert np.mean(left) < 0.2


def test_film_shows_the_place(drawn: tuple[list[Picture], list[Picture]]) -> None:
    source, made = drawn
    # The lawn, where nobody walks.
    for index in range(0, _FRAMES, _EVERY):
        lawn = slice(430, 540), slice(150, 400)
        assert likeness(made[index][lawn], source[index][lawn]) > 0.7


@pytest.mark.parametrize("clip", ["classroom_seated.mp4", "headpose_two.mp4", "worker_zone.mp4"])
def test_heads_of_annotated_people(shared_data: Path, clip: str) -> None:
    shown = film(shared_data / "videos" / clip)
    assert shown.heads >= 4
    assert shown.ratio <= MOST_SHOWN
    assert shown.half == 0


def test_heads_in_annotated_pictures(shared_data: Path) -> None:
    shown = pictures(shared_data / "images" / "intel_frames")
    assert shown.heads > 10
    assert shown.ratio <= MOST_SHOWN


def test_film_of_pictures_is_the_same_each_time(
    presence_agent: Callable[..., Ran], clip: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for index, image in enumerate(images(clip)[:6]):
        cv2.imwrite(str(folder / f"{index}.png"), image)
    films = []
    for name in ("a.mp4", "b.mp4"):
        out, events = tmp_path / name, tmp_path / "events"
        config = write_config(tmp_path, clip)
        ran = presence_agent("replay", folder, "--config", config, "--draw", out, "--events", events)
        assert (ran.code, ran.out, ran.err) == (0, "", "")
        films.append(images(out))
    for one, other in zip(*films, strict=True):
        np.testing.assert_array_equal(one, other)


def test_detect_blurs_whom_it_does_not_tell(
    presence_agent: Callable[..., Ran], astronaut: Path, tmp_path: Path
) -> None:
    ran = presence_agent("detect", astronaut, "--min-score", "0.99", "--draw", tmp_path)
    row = json.loads(ran.out)
    assert (ran.code, row["persons"], row["faces"]) == (0, [], [])
    before, after = (read_picture(path) for path in (astronaut, tmp_path / "astronaut.annotated.png"))
    # Her face by eye, from the hair line to the chin.
    assert likeness(after[65:175, 180:270], before[65:175, 180:270]) < 0.3
    assert not np.array_equal(after[300:400, 150:250], before[300:400, 150:250])
