"""What seeing costs, in process CPU: python -m tests.bench.cost.

Everything between a decoded picture in memory and events in a log in memory: an idle scene, a minute with
people a tenth of the time, and the service itself on a folder of pictures (memory, start).
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from agent.app.build import stages
from agent.app.placement import view
from agent.app.settings import settings_of
from agent.config.models import Config
from agent.device.frames import frame_of
from agent.eventlog.log import EventLog
from agent.install.manifest import load_manifest, models_directory
from agent.install.prepare import prepared_model
from agent.networks.yolox import YOLOX
from agent.vision.onnx_detector import Network
from tests.bench.motion import LEAVES, OTHER_LANE, RAIL, ROAD
from tests.bench.stillness import clip
from tests.bench.visits import VIDEOS
from tests.builders import make_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from agent.core.frame import Frame

    Picture = NDArray[np.uint8]

WHOLE = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]
MIB = 1024


def configured(**tables: object) -> Config:
    """A configuration with one zone, and these tables."""
    base: dict[str, object] = {
        "device": {"site": "bench", "name": "cost"},
        "camera": {"source": "x"},
        "zone": [{"id": "all", "polygon": WHOLE}],
    }
    return Config.model_validate({**base, **tables})


def spent(
    config: Config, pictures: Callable[[int], Picture], fps: float, seconds: float
) -> tuple[float, int, int]:
    """CPU seconds of the whole pipeline without making the pictures, looks, and persons told of."""
    number = count(1)
    hang = view(config)
    first = pictures(0)
    stage = stages(settings_of(config), (first.shape[1], first.shape[0]), lambda: f"t{next(number)}")
    looks, cpu_s = 0, 0.0
    detect = stage.detector.detect

    def counted(*args: object) -> object:
        nonlocal looks
        looks += 1
        return detect(*args)  # type: ignore[arg-type]

    stage.detector.detect = counted  # type: ignore[method-assign, assignment]
    with EventLog(settings_of(config).sender, None) as log:
        made: list[float] = [0.0]

        def frames() -> Iterator[Frame]:
            for index in range(int(seconds * fps)):
                begin_s = time.process_time()
                picture = pictures(index)
                made[0] += time.process_time() - begin_s
                yield frame_of(index, make_at(index / fps), hang.of(picture))

        begin_s = time.process_time()
        for step in stage.steps(frames()):
            log.append(step.events)
        cpu_s = time.process_time() - begin_s - made[0]
    return cpu_s, looks, next(number) - 1


def noisy(pictures: list[Picture], sigma: float = 2.5, variants: int = 25) -> Callable[[int], Picture]:
    """Each picture with the noise of a sensor, drawn beforehand."""
    rng = np.random.default_rng(3)
    shape = pictures[0].shape
    noise = [rng.normal(0, sigma, shape).astype(np.int8) for _ in range(variants)]

    def at(index: int) -> Picture:
        picture = pictures[index % len(pictures)]
        return cv2.add(picture, noise[(index * 7) % variants], dtype=cv2.CV_8U).astype(np.uint8, copy=False)

    return at


def idle() -> Iterator[tuple[str, float]]:
    """Percent of a core at 5 fps."""
    atrium, road = clip("atrium.mp4"), clip("road_cars_empty.avi")[::12]
    large = cv2.resize(atrium[0], (1280, 720)).astype(np.uint8, copy=False)
    masks = [ROAD, OTHER_LANE, LEAVES, RAIL]
    camera = {"source": "x", "masks": [[list(corner) for corner in mask] for mask in masks]}
    scenes = (
        ("still with noise, 1280x720", noisy([large]), configured()),
        ("still with noise, 640x360", noisy([atrium[0]]), configured()),
        ("road, masked to its still part", lambda index: road[index % len(road)], configured(camera=camera)),
    )
    for name, pictures, config in scenes:
        seconds = 120.0
        cpu_s, _, _ = spent(config, pictures, 5.0, seconds)
        yield name, 100 * cpu_s / seconds


def minute() -> tuple[float, int, int]:
    """CPU of a minute with people for 6 s of it, against looking at every frame; persons told of in both."""
    atrium = clip("atrium.mp4")[::3]
    empty, people = noisy(atrium[:8]), atrium[8:68]

    def at(index: int) -> Picture:
        return empty(index) if index < 540 else people[index - 540]

    ours_s, _, ours = spent(configured(), at, 10.0, 60.0)
    all_s, _, everyone = spent(configured(attention={"always": True}), at, 10.0, 60.0)
    return ours_s / all_s, ours, everyone


def service(pictures: int = 60) -> tuple[float, float]:
    """Peak memory in MiB of `run` on a folder of pictures, and seconds from its start to its first event."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "pictures").mkdir()
        for index, image in enumerate(clip("atrium.mp4")[60 : 60 + pictures]):
            large = cv2.resize(image, (1280, 720))
            cv2.imwrite(str(folder / "pictures" / f"{index:03}.jpg"), large)
        config = folder / "agent.toml"
        config.write_text(
            f'[device]\nsite = "bench"\nname = "cost"\n[camera]\nsource = "{folder / "pictures"}"\n'
            f'[[zone]]\nid = "all"\npolygon = {WHOLE}\n[log]\npath = "{folder / "events.db"}"\n'
        )
        begin_s = time.monotonic()
        command = [sys.executable, "-m", "agent", "run", "--config", str(config)]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as agent:
            assert agent.stderr
            for line in agent.stderr:
                if " watches " in line:
                    break
            start_s = time.monotonic() - begin_s
            peak_kb = 0
            while agent.poll() is None and time.monotonic() - begin_s < 60:
                status = Path(f"/proc/{agent.pid}/status").read_text()
                fields = dict(row.split(":", 1) for row in status.splitlines() if ":" in row)
                peak_kb = max(peak_kb, int(fields.get("VmHWM", "0").split()[0]))
                time.sleep(0.2)
            if agent.poll() is None:
                os.kill(agent.pid, signal.SIGTERM)
    return peak_kb / MIB, start_s


def counted() -> tuple[float, float]:
    """Mean absolute error of the count in atrium.mp4, and CPU ÷ 416x416 on every frame, decoding left out."""
    pictures = clip("atrium.mp4")
    truth = json.loads((VIDEOS / "atrium.truth.json").read_text())["samples"]
    config = configured(camera={"source": "x", "fps": 30})
    number = count(1)
    stage = stages(settings_of(config), (640, 360), lambda: f"t{next(number)}")
    frames = (frame_of(index, make_at(index / 30), picture) for index, picture in enumerate(pictures))
    begin_s = time.process_time()
    persons = [len(step.tracks) for step in stage.steps(frames)]
    ours_s = time.process_time() - begin_s
    errors = [
        max(
            sample["persons_min"] - persons[sample["frame"]],
            persons[sample["frame"]] - sample["persons_max"],
            0,
        )
        for sample in truth
    ]
    directory = models_directory()
    entry = next(entry for entry in load_manifest(directory).weights if entry.name == "yolox_nano")
    plain = Network(YOLOX, prepared_model(directory, entry), [(416, 416)])
    begin_s = time.process_time()
    for picture in pictures:
        plain.boxes(picture, 0.35)
    return sum(errors) / len(errors), ours_s / (time.process_time() - begin_s)


def main() -> int:
    """Print the table; 1 when a figure is not reached."""
    rows = [
        (f"idle: {name}, % of a core", f"{percent:.2f}", "<= 1.5", percent <= 1.5) for name, percent in idle()
    ]
    ratio, ours, everyone = minute()
    rows += [
        ("a minute, people a tenth of it: CPU ÷ every frame's", f"{ratio:.3f}", "<= 0.20", ratio <= 0.2),
        (
            "the same: persons, and when every frame is looked at",
            f"{ours}/{everyone}",
            "equal",
            ours == everyone,
        ),
    ]
    error, ratio = counted()
    rows += [
        ("atrium: mean absolute error of the count", f"{error:.3f}", "<= 0.50", error <= 0.5),
        ("the same: CPU ÷ 416x416 on every frame", f"{ratio:.2f}", "<= 1", ratio <= 1),
    ]
    peak_mib, start_s = service()
    rows += [
        ("`run` on pictures of 1280x720: peak MiB", f"{peak_mib:.0f}", "<= 130", peak_mib <= 130),
        ("from its start until it watches, s", f"{start_s:.2f}", "<= 2", start_s <= 2),
    ]
    for what, found, reach, good in rows:
        print(f"{what:<56} {found:>8} {reach:>8}{'' if good else '  NOT REACHED'}")
    return 0 if all(good for *_, good in rows) else 1


if __name__ == "__main__":
    if not VIDEOS.is_dir():
        sys.exit("../shared/data is not beside this checkout: nothing to measure on")
    sys.exit(main())
