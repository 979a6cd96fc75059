"""Our motion gate beside Frigate's approach, as tables: python -m tests.bench.motion.

Both get the same luma
plane. Ours compares with what was last looked at, so that here each motion brings a look at the whole
picture, and without any there is one every HEARTBEAT_S, as in the agent.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from datetime import UTC, datetime
from itertools import product
from typing import TYPE_CHECKING, Protocol

import cv2
import numpy as np

from agent.core.frame import LUMA_WIDTH_PX, Instant
from agent.device.frames import View, frame_of
from agent.vision.motion import MotionGate
from tests.bench.accuracy import DATA
from tests.bench.running_average import RunningAverage
from tests.bench.visits import VIDEOS, Visit, visits_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]
    Box = tuple[float, float, float, float]

RATES_FPS = (5.0, 10.0)
HEARTBEAT_S = 10.0
# Before a clip begins its first picture stands still for so long, with noise: both know the place then.
SETTLE_S = 60.0
EARLY_S = 1.0
NOISE = 3.0
STILL_S = 60.0
AT = Instant(0.0, datetime(2026, 1, 1, tzinfo=UTC))
# The road and the lane at the right; and what also moves, the leaves and the rail that shadows pass.
ROAD = ((0.56, 0.0), (0.87, 0.0), (0.8, 0.5), (0.77, 1.0), (0.0, 1.0), (0.0, 0.68))
OTHER_LANE = ((0.86, 0.0), (1.0, 0.0), (1.0, 0.5))
LEAVES = ((0.0, 0.0), (0.6, 0.0), (0.0, 0.72))
RAIL = ((0.8, 0.0), (0.92, 0.0), (0.92, 1.0), (0.7, 1.0))


class Gate(Protocol):
    """Tells where a picture moves."""

    def update(self, luma: Picture, at_s: float) -> None:
        """Take the next plane: this is what is timed."""

    def boxes(self) -> list[Box]:
        """What moves in it, xyxy in fractions."""


class Ours:
    """The agent's gate, and the looks that its attention would take."""

    def __init__(self, *, shrinks: bool = True) -> None:
        """Take whether planes come in full size and are to be made small first."""
        self._gate = MotionGate()
        self._shrinks = shrinks
        self._looked_s = -HEARTBEAT_S
        self._found: list[Box] = []

    def update(self, luma: Picture, at_s: float) -> None:
        motion = self._gate.update(small_luma(luma) if self._shrinks else luma)
        moves = bool(motion.changed.any())
        if moves or at_s - self._looked_s >= HEARTBEAT_S:
            self._looked_s = at_s
            self._gate.looked(0.0, 0.0, 1.0, 1.0)
        self._changed, (self._cell_height, self._cell_width) = motion.changed, motion.cell_ratio

    def boxes(self) -> list[Box]:
        height, width = self._cell_height, self._cell_width
        return [
            (column * width, row * height, (column + 1) * width, (row + 1) * height)
            for row, column in np.argwhere(self._changed).tolist()
        ]


GATES: dict[str, Callable[[], Gate]] = {
    "Frigate's approach": lambda: RunningAverage(contrast=True),
    "the same without contrast": lambda: RunningAverage(contrast=False),
    "ours": Ours,
}


def small_luma(luma: Picture) -> Picture:
    """The small plane, px for px what frame_of makes of the picture in colour."""
    height, width = luma.shape
    small = min(width, LUMA_WIDTH_PX)
    size = small, max(1, round(height * small / width))
    return cv2.resize(luma, size, interpolation=cv2.INTER_NEAREST).astype(np.uint8, copy=False)


def grey(picture: Picture) -> Picture:
    return cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY).astype(np.uint8, copy=False)


def pictures(path: Path, fps: float, view: View | None = None) -> Iterator[tuple[int, Picture]]:
    """Frames of a clip at a lower rate, with their number in the clip."""
    capture = cv2.VideoCapture(str(path))
    step = capture.get(cv2.CAP_PROP_FPS) / fps
    index, taken = 0, 0
    while capture.grab():
        if index >= taken * step - 1e-6:
            picture = capture.retrieve()[1].astype(np.uint8, copy=False)
            yield index, view.of(picture) if view else picture
            taken += 1
        index += 1
    capture.release()


class Noise:
    """Gaussian noise of a sensor, from a few fields that are shifted at random."""

    def __init__(self, deviation: float, shape: tuple[int, int]) -> None:
        self._random = np.random.default_rng(1)
        self._fields = [self._random.normal(0, deviation, shape).astype(np.int16) for _ in range(8)]

    def on(self, luma: Picture) -> Picture:
        chosen = self._fields[self._random.integers(len(self._fields))]
        shift = self._random.integers(0, luma.shape)
        noise = np.roll(chosen, (int(shift[0]), int(shift[1])), (0, 1))
        noisy: Picture = np.clip(luma + noise, 0, 255).astype(np.uint8)
        return noisy


def touch(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def watch(name: str, fps: float) -> list[Visit]:
    """Let each gate see a clip; fill in after how many seconds in view it found each person."""
    frames = [(index, grey(picture)) for index, picture in pictures(VIDEOS / f"{name}.mp4", fps)] or [
        (index, grey(picture)) for index, picture in pictures(VIDEOS / f"{name}.avi", fps)
    ]
    clip_fps = json.loads((VIDEOS / f"{name}.truth.json").read_text())["fps"]
    visits = visits_of(name)
    settle = round(SETTLE_S * fps)
    for gate_name, make in GATES.items():
        gate, noise = make(), Noise(NOISE, frames[0][1].shape)
        for n in range(settle):
            gate.update(noise.on(frames[0][1]), n / fps)
        for n, (index, luma) in enumerate(frames):
            gate.update(luma, (settle + n) / fps)
            moving = gate.boxes()
            for visit in visits:
                box = visit.boxes.get(index)
                if box and gate_name not in visit.seen_after_s and any(touch(box, other) for other in moving):
                    visit.seen_after_s[gate_name] = (index - min(visit.boxes)) / clip_fps
    return visits


def firing(lumas: list[Picture], fps: float) -> dict[str, float]:
    """Frames a minute in which each gate sees motion, in the second half."""
    gates = {name: make() for name, make in GATES.items()}
    counts, half = dict.fromkeys(gates, 0), len(lumas) // 2
    for n, luma in enumerate(lumas):
        for name, gate in gates.items():
            gate.update(luma, n / fps)
            counts[name] += n >= half and bool(gate.boxes())
    return {name: count * 60 * fps / (len(lumas) - half) for name, count in counts.items()}


def costs(seen: list[Picture]) -> dict[str, tuple[float, float, float]]:
    """Thread-CPU ms of each gate, median: alone, from the full luma plane, and from a picture in BGR."""
    gates = {name: make() for name, make in GATES.items()}
    alone = Ours(shrinks=False)
    spent: dict[tuple[str, str], list[float]] = {}

    def timed(name: str, what: str, work: Callable[[], object]) -> None:
        begin_ns = time.thread_time_ns()
        work()
        spent.setdefault((name, what), []).append((time.thread_time_ns() - begin_ns) / 1e6)

    for n, picture in enumerate(seen):
        at_s, luma = n / 10, grey(picture)
        small = frame_of(n, AT, picture).luma
        timed("", "full", lambda picture=picture: grey(picture))  # type: ignore[misc]
        timed("", "small", lambda picture=picture: frame_of(0, AT, picture))  # type: ignore[misc]
        for name, gate in gates.items():
            timed(name, "luma", lambda gate=gate, luma=luma, at_s=at_s: gate.update(luma, at_s))  # type: ignore[misc]
        timed("ours", "alone", lambda small=small, at_s=at_s: alone.update(small, at_s))  # type: ignore[misc]
    median = {key: statistics.median(values[10:]) for key, values in spent.items()}
    table = {}
    for name in gates:
        luma_ms = median[name, "luma"]
        alone_ms = median.get((name, "alone"), luma_ms)
        picture_ms = alone_ms + median["", "small"] if name == "ours" else luma_ms + median["", "full"]
        table[name] = (alone_ms, luma_ms, picture_ms)
    return table


def print_costs() -> None:
    print("thread-CPU ms a frame, median (and how many times ours)")
    print(f"{'':<42} {'alone':>14} {'from luma':>14} {'from BGR':>14}")
    clips: dict[str, list[Picture]] = {}
    for path in (VIDEOS / "atrium.mp4", VIDEOS / "pets09_s2l1_dev.avi"):
        seen = [picture for _, picture in pictures(path, 10.0)][:140]
        clips[f"{path.stem} {seen[0].shape[1]}x{seen[0].shape[0]}"] = seen
    enlarged = [picture for _, picture in pictures(VIDEOS / "atrium.mp4", 10.0)][:140]
    still = enlarged[0]
    clips["atrium enlarged to 1280x720"] = [
        cv2.resize(picture, (1280, 720)).astype(np.uint8, copy=False) for picture in enlarged
    ]
    noise = Noise(NOISE, still.shape[:2])
    # The same noise in all three colours: what matters here is the luma.
    clips["atrium, first frame with noise"] = [
        cv2.cvtColor(noise.on(grey(still)), cv2.COLOR_GRAY2BGR).astype(np.uint8, copy=False)
        for _ in range(140)
    ]
    for what, seen in clips.items():
        table = costs(seen)
        for name, figures in table.items():
            cells = " ".join(
                f"{ms:6.3f} ({ms / ours:4.1f}x)" for ms, ours in zip(figures, table["ours"], strict=True)
            )
            print(f"{what + ', ' + name:<62.62} {cells}")


def print_misses() -> None:
    print(f"\npersons found never / not within {EARLY_S:.0f} s of coming into view (of how many)")
    for name, fps in product(("pets09_s2l1_dev", "atrium", "worker_zone", "room_exit"), RATES_FPS):
        visits = watch(name, fps)
        cells = []
        for gate in GATES:
            never = sum(gate not in visit.seen_after_s for visit in visits)
            late = sum(visit.seen_after_s.get(gate, np.inf) > EARLY_S for visit in visits)
            delay_s = np.mean([visit.seen_after_s[gate] for visit in visits if gate in visit.seen_after_s])
            cells.append(f"{gate}: {never}/{late}, after {delay_s:.2f} s on average;")
        print(f"{name} at {fps:.0f} fps ({len(visits)}): ", *cells)
        for visit in visits:
            if "ours" not in visit.seen_after_s:
                who_did = ", ".join(visit.seen_after_s) or "nobody"
                print(f"    ours missed {visit.name}; found by {who_did}")


def print_false_starts() -> None:
    print("\nframes a minute with motion where there is none to speak of")
    print(f"{'':<52}", *(f"{gate:>26}" for gate in GATES))
    views = {
        "road masked, leaves seen": View(masks=(ROAD, OTHER_LANE)),
        "still part only": View(masks=(ROAD, OTHER_LANE, LEAVES, RAIL)),
    }
    for (what, view), fps in product(views.items(), RATES_FPS):
        lumas = [grey(picture) for _, picture in pictures(VIDEOS / "road_cars_empty.avi", fps, view)]
        print_firing(f"road_cars_empty, {what}, {fps:.0f} fps", firing([*lumas, *reversed(lumas)], fps))
    stills = ("classroom_seated.mp4", "atrium.mp4", "room_exit.mp4")
    for clip, deviation in product(stills, (3.0, 6.0, 10.0)):
        still = grey(next(picture for _, picture in pictures(VIDEOS / clip, 1.0)))
        noise = Noise(deviation, still.shape)
        fps = RATES_FPS[0]
        lumas = [noise.on(still) for _ in range(round(2 * STILL_S * fps))]
        print_firing(f"{clip}, frame 0, noise {deviation:.0f}, {fps:.0f} fps", firing(lumas, fps))


def print_firing(what: str, counts: dict[str, float]) -> None:
    print(f"{what:<52}", *(f"{count:>26.1f}" for count in counts.values()))


def main() -> None:
    cv2.setNumThreads(1)
    print_costs()
    print_misses()
    print_false_starts()


if __name__ == "__main__":
    if not DATA.is_dir():
        sys.exit("../shared/data is not beside this checkout: nothing to measure on")
    main()
