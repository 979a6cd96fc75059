"""Streams that repeat themselves, and scenes in which only something does."""

from __future__ import annotations

from math import pi, sin
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest

from agent.core.frame import Frame
from agent.vision.loops import Loops
from agent.vision.tamper import Tamper
from tests.bench.edits import jpeg
from tests.builders import make_at, make_tamper_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]
    Draw = Callable[[Picture, float], None]

BEGIN_S = 36.0
SIZE = 160, 120
_rng = np.random.default_rng(5)
ROOM = cv2.GaussianBlur(_rng.integers(30, 220, SIZE[::-1]).astype(np.uint8), (0, 0), 2).astype(np.uint8)


def stream(
    *,
    loop_s: float = 0.0,
    fps: float = 10.0,
    seconds: float = BEGIN_S + 40,
    until_s: float | None = None,
    noise: float = 1.5,
    after: float = 0.0,
    again: int = 0,
    every: int = 1,
    jitter_s: float = 0.0,
    dropped: float = 0.0,
    draw: Draw | None = None,
) -> Iterator[Frame]:
    """A camera in a room, whose pictures of BEGIN_S come again and again from then on.

    Args:
        loop_s: how long what repeats is; 0: nothing does.
        fps: of the stream.
        seconds: how long it is.
        until_s: when it is live again.
        noise: sigma in grey levels, drawn anew for each picture that is not repeated.
        after: sigma of noise that comes after it was looped, as of a camera before a screen.
        again: quality of JPEG after it was looped.
        every: of so many pictures one is taken.
        jitter_s: the times of pictures are so much off.
        dropped: the share of pictures that never come.
        draw: what moves in the room.
    """
    rng, chance = np.random.default_rng(3), np.random.default_rng(4)
    kept: list[Picture] = []
    begin, length = round(BEGIN_S * fps), max(1, round(loop_s * fps))
    for index in range(round(seconds * fps)):
        time_s = index / fps
        if loop_s and BEGIN_S <= time_s < (until_s or seconds):
            picture = kept[begin - length + (index - begin) % length]
        else:
            picture = ROOM.copy()
            if draw:
                draw(picture, time_s)
            if noise:
                taken = picture + rng.normal(0, noise, picture.shape)
                picture = np.clip(np.rint(taken), 0, 255).astype(np.uint8)
        kept.append(picture)
        if after:
            taken = picture + rng.normal(0, after, picture.shape)
            picture = np.clip(np.rint(taken), 0, 255).astype(np.uint8)
        if again:
            picture = jpeg(picture, again)[..., 0]
        late_s = chance.uniform(-jitter_s, jitter_s)
        if index % every == 0 and chance.random() >= dropped:
            yield Frame(index, make_at(time_s + late_s), picture, picture)


def told(frames: Iterator[Frame]) -> list[tuple[float, str | None, float]]:
    """Each change of sight: when it was told, the cause, and since when."""
    tamper, changes = Tamper(make_tamper_settings()), list[tuple[float, str | None, float]]()
    for frame in frames:
        sight = tamper.update(frame, ())
        if sight.cause != (changes[-1][1] if changes else None):
            changes.append((frame.at.monotonic_s, sight.cause, sight.since.monotonic_s))
    return changes


def walker(picture: Picture, time_s: float) -> None:
    """Somebody who goes to and fro as they like."""
    x = round(80 + 40 * sin(time_s / 3) + 20 * sin(time_s / 1.7))
    picture[40:110, x : x + 16] = 60


def stroller(picture: Picture, time_s: float) -> None:
    """As the walker, with clothes that are as lively as the room."""
    x = round(80 + 40 * sin(time_s / 3) + 20 * sin(time_s / 1.7))
    picture[70:110, x : x + 12] = ROOM[30:70, 20:32] // 2


LOOPS = [
    pytest.param({"loop_s": 0.5}, id="half a second"),
    pytest.param({"loop_s": 2.0}, id="2 s"),
    pytest.param({"loop_s": 2.0, "draw": walker}, id="somebody walks"),
    pytest.param({"loop_s": 5.0}, id="5 s"),
    pytest.param({"loop_s": 10.0}, id="10 s"),
    pytest.param({"loop_s": 0.4, "fps": 5.0}, id="two pictures"),
    pytest.param({"loop_s": 2.0, "fps": 5.0}, id="2 s, 5 fps"),
    pytest.param({"loop_s": 10.0, "fps": 5.0}, id="10 s, 5 fps"),
    pytest.param({"loop_s": 0.2, "fps": 15.0}, id="three pictures"),
    pytest.param({"loop_s": 3.27, "fps": 15.0}, id="no whole seconds"),
    pytest.param({"loop_s": 2.0, "noise": 4.0, "draw": walker}, id="much noise"),
    pytest.param({"loop_s": 2.0, "again": 50}, id="compressed"),
    *(
        pytest.param({"loop_s": loop_s, "noise": 0.0, "draw": stroller}, id=f"without noise, {loop_s} s")
        for loop_s in (1.5, 2.0, 5.0, 10.0)
    ),
    pytest.param({"loop_s": 4.0, "noise": 0.0, "draw": stroller, "fps": 30.0}, id="without noise, 30 fps"),
    pytest.param({"loop_s": 2.0, "noise": 0.0, "after": 2.0, "draw": stroller}, id="noise of its own"),
    pytest.param(
        {"loop_s": 2.0, "noise": 0.0, "draw": stroller, "jitter_s": 0.03, "dropped": 0.1},
        id="without noise, jitter, drops",
    ),
    pytest.param({"loop_s": 2.0, "jitter_s": 0.03, "dropped": 0.1}, id="jitter, drops"),
    pytest.param({"loop_s": 5.0, "fps": 5.0, "jitter_s": 0.04, "dropped": 0.2}, id="more drops"),
    # Of 30 pictures a second every third is taken; 61 of them repeat.
    pytest.param({"loop_s": 61 / 30, "fps": 30.0, "every": 3}, id="one of three"),
]


@pytest.mark.parametrize("changes", LOOPS)
def test_loop_is_frozen(changes: dict[str, Any]) -> None:
    ((at_s, cause, since_s),) = told(stream(**changes))
    assert cause == "frozen"
    assert BEGIN_S < at_s < BEGIN_S + 40
    # The first repeated picture, give or take a look; one of three that repeats each third time comes later.
    late_s = changes.get("every", 1) * changes["loop_s"] - changes["loop_s"]
    assert BEGIN_S - 1.5 <= since_s <= BEGIN_S + late_s + 3.5


@pytest.mark.parametrize(
    "changes",
    [{"loop_s": loop_s} for loop_s in (0.5, 2.0, 10.0)]
    + [{"loop_s": loop_s, "noise": 0.0, "draw": stroller} for loop_s in (2.0, 5.0)],
    ids=["half a second", "2 s", "10 s", "without noise, 2 s", "without noise, 5 s"],
)
def test_live_again_is_restored_in_seconds(changes: dict[str, Any]) -> None:
    until_s = BEGIN_S + 30
    (_, frozen, _), (at_s, cause, since_s) = told(stream(until_s=until_s, seconds=BEGIN_S + 60, **changes))
    assert (frozen, cause) == ("frozen", None)
    assert until_s <= since_s <= at_s < until_s + 15


def test_loop_once_more() -> None:
    """What is usual is still known after a loop."""
    tamper, causes = Tamper(make_tamper_settings()), list[str | None]()
    for begin_s in (0.0, 100.0):
        for frame in stream(loop_s=2.0, until_s=BEGIN_S + 30, seconds=BEGIN_S + 60):
            at = make_at(begin_s + frame.at.monotonic_s)
            cause = tamper.update(Frame(frame.index, at, frame.image, frame.luma), ()).cause
            if cause != (causes[-1] if causes else None):
                causes.append(cause)
    assert causes == ["frozen", None, "frozen", None]


def fan(picture: Picture, time_s: float) -> None:
    """It turns by exactly a blade in a second."""
    for blade in range(3):
        angle = 2 * pi * (blade + time_s) / 3
        end = round(80 + 40 * np.cos(angle)), round(60 + 40 * np.sin(angle))
        cv2.line(picture, (80, 60), end, (230,), 9)


def flag(picture: Picture, time_s: float) -> None:
    y, x = np.mgrid[10:70, 20:130]
    picture[10:70, 20:130] = 120 + 80 * np.sin(x / 9 + y / 30 - 2 * pi * time_s)


def sign(picture: Picture, time_s: float) -> None:
    """It lights the whole room."""
    if time_s % 2 < 1:
        cv2.convertScaleAbs(picture, picture, 1.3, 10)
        picture[10:40, 40:120] = 250


def pulse(picture: Picture, time_s: float) -> None:
    cv2.convertScaleAbs(picture, picture, 0.8 + 0.2 * sin(2 * pi * time_s / 2))


def pendulum(picture: Picture, time_s: float) -> None:
    x = round(80 + 50 * sin(2 * pi * time_s / 2))
    cv2.line(picture, (80, 5), (x, 90), (20,), 3)
    cv2.circle(picture, (x, 90), 12, (240,), -1)


def rocks(picture: Picture, time_s: float) -> None:
    """Somebody close to the camera."""
    x = round(50 + 8 * sin(2 * pi * time_s / 1.6))
    picture[20:120, x : x + 60] = cv2.resize(ROOM, (60, 100)) // 2


def shakes(picture: Picture, time_s: float) -> None:
    """The fan shakes the camera."""
    matrix = np.array([[1, 0, 0.5 * sin(2 * pi * time_s)], [0, 1, 0.3 * sin(2 * pi * time_s)]])
    picture[:] = cv2.warpAffine(ROOM, matrix, SIZE, borderMode=cv2.BORDER_REFLECT)


def headlights(picture: Picture, time_s: float) -> None:
    """A car each 6 s, whose light is there at once and goes over the room for four of them."""
    if (into_s := time_s % 6) < 4:
        x = round(20 + 25 * into_s)
        picture[50:80, x : x + 40] = np.minimum(255, picture[50:80, x : x + 40] * 1.6 + 20)


MOVING = (fan, flag, sign, pulse, pendulum, rocks, shakes, headlights)


def from_half(draw: Draw) -> Draw:
    """It begins when the room has been known for half a minute."""

    def drawn(picture: Picture, time_s: float) -> None:
        if time_s >= BEGIN_S:
            draw(picture, time_s)

    return drawn


@pytest.mark.parametrize("draw", MOVING)
@pytest.mark.parametrize("begins", ["at once", "later"])
@pytest.mark.parametrize("changes", [{}, {"noise": 0.0}, {"noise": 2.5, "again": 40}, {"noise": 0.6}])
def test_periodic_things_are_no_loop(draw: Draw, begins: str, changes: dict[str, Any]) -> None:
    """Their periods are whole numbers of pictures, as those of real things never are for long."""
    drawn = draw if begins == "at once" else from_half(draw)
    frames = stream(draw=drawn, fps=5.0, seconds=90, **changes)
    assert [cause for _, cause, _ in told(frames) if cause == "frozen"] == []


@pytest.mark.parametrize("noise", [(3.0, 1.0), (1.0, 3.0), (1.5, 0.5)])
def test_less_noise_is_no_loop(noise: tuple[float, float]) -> None:
    """More light lets a camera turn its gain down, beside a lamp that blinks."""
    rng = np.random.default_rng(6)

    def draw(picture: Picture, time_s: float) -> None:
        sign(picture, time_s)
        taken = picture + rng.normal(0, noise[time_s >= BEGIN_S], picture.shape)
        picture[:] = np.clip(np.rint(taken), 0, 255)

    assert told(stream(noise=0.0, draw=draw, seconds=80)) == []


def test_pictures_sent_twice_are_no_loop() -> None:
    """A camera of 5 fps behind a stream of 10, and a second that comes twice."""
    loops = Loops(ROOM)
    for frame in stream(fps=5.0):
        for half in (0.0, 0.1):
            loops.see(Frame(0, make_at(frame.at.monotonic_s + half), frame.image, frame.luma))
            assert loops.since is None
    assert told(stream(loop_s=1.5, until_s=BEGIN_S + 1.5)) == []


def test_without_noise_and_movement_nothing_can_be_told() -> None:
    """All that is known then is a picture that stands still for minutes."""
    assert told(stream(loop_s=2.0, noise=0.0)) == []


def test_loop_from_the_start_is_not_known() -> None:
    """As of the rig's camera of software, which shows a few pictures in turn: nothing else was ever usual."""
    frames = stream(loop_s=2.0, draw=walker, seconds=BEGIN_S + 60)
    assert told(frame for frame in frames if frame.at.monotonic_s >= BEGIN_S - 2) == []


def kept_bytes(loops: Loops) -> int:
    parts = loops._noise, loops._moving
    return sum(
        value.nbytes for part in parts for value in vars(part).values() if isinstance(value, np.ndarray)
    )


def test_memory_is_bounded() -> None:
    loops = Loops(np.zeros((240, 320), np.uint8))
    before = kept_bytes(loops)
    for frame in stream(fps=30.0, seconds=30):
        loops.see(Frame(0, frame.at, frame.image, cv2.resize(frame.luma, (320, 240)).astype(np.uint8)))
    assert kept_bytes(loops) == before
    # Both keep 256 pictures of 1,200 px at the most.
    assert 500_000 < before < 700_000


@pytest.mark.parametrize("size", [(16, 24), (1, 2), (9, 7)])
def test_tiny(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(1)
    loops = Loops(np.zeros(size, np.uint8))
    for i in range(300):
        luma = rng.integers(0, 255, size).astype(np.uint8)
        loops.see(Frame(i, make_at(i / 5), luma, luma))
    assert loops.since is None
