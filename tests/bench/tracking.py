"""Our tracker beside two others on the same detections, as tables: python -m tests.bench.tracking.

The clip is pets09_s2l1_dev, the detections YOLOX-Nano's at 416x416 in every frame. The others, and
motmetrics that scores all, do not go together with our dependencies nor with each other: each has
an environment of its own, which the first run makes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from agent.core.detections import PERSON, Detections
from agent.core.regions import whole
from agent.device.frames import View, recorded_frames
from agent.device.recording import open_recording
from agent.install.manifest import load_manifest, models_directory
from agent.install.prepare import prepared_model
from agent.networks.yolox import YOLOX
from agent.vision.onnx_detector import Network
from agent.vision.static_objects import StaticObjectFilter
from agent.vision.tracker import PersonTracker
from tests.bench.accuracy import DATA, GATE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from agent.core.frame import Frame
    from agent.core.track import Track

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
VIDEO = DATA / "videos" / "pets09_s2l1_dev.avi"
TRUTH = VIDEO.with_suffix(".truth.json")
FPS = 10.0
INPUT_PX = 416
SURE, UNSURE = 0.35, 0.14
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
# motmetrics calls what numpy 2 no longer has; the two trackers want different versions of one package.
ENVIRONMENTS = {
    "supervision": ["supervision==0.28.0", "numpy==2.4.6", "scipy==1.17.1"],
    "trackers": ["trackers==2.6.1", "supervision==0.31.2", "numpy==2.4.6", "scipy==1.17.1"],
    "motmetrics": ["motmetrics==1.4.0", "numpy==1.26.4", "pandas==2.3.3", "scipy==1.17.1"],
}
# Name of the row, its environment, and what foreign_trackers.py calls it.
OTHERS = (
    ("supervision 0.28.0 ByteTrack", "supervision", "supervision"),
    ("trackers 2.6.1 ByteTrackTracker", "trackers", "ByteTrackTracker"),
    ("trackers 2.6.1 SORTTracker", "trackers", "SORTTracker"),
)
# The first is what is to be reached; the figures that KNOWHOW names were counted in the last way.
WAYS = (
    ("fresh", "a fresh accumulator a window, what matches truth marked `ignore` neutral"),
    ("fresh, ignored truth left out", "fresh; what matches such truth is a false positive"),
    ("one accumulator", "one accumulator for all windows, neutral"),
    ("one accumulator, ignored truth left out", "one for all, a false positive"),
)

Seen = list[list[list[float]]]
"""For each frame its [left, top, right, bottom, score]."""
Followed = list[list[list[float]]]
"""For each frame its [id, left, top, right, bottom]."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: what was followed, and thread-CPU ms an update in each pass."""

    name: str
    tracks: Followed
    ms: list[float]


def environment(name: str) -> Path:
    """The interpreter of an environment with these packages; made when there is none."""
    folder = ROOT / f".venv-bench-{name}"
    wanted, made = "\n".join(ENVIRONMENTS[name]), folder / "bench-requirements.txt"
    python = folder / "bin" / "python"
    if not made.is_file() or made.read_text() != wanted:
        print(f"making {folder.name} …", file=sys.stderr)
        venv.create(folder, clear=True, with_pip=True)
        command = [str(python), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
        subprocess.run([*command, *ENVIRONMENTS[name]], check=True)
        made.write_text(wanted)
    return python


def clip() -> list[Frame]:
    """The frames up to the last one that is judged."""
    last = json.loads(TRUTH.read_text())["windows"][-1][1]
    with open_recording(VIDEO, FPS) as recording:
        return list(islice(recorded_frames(recording, View, EPOCH), last + 1))


def detections(frames: list[Frame], *, linear: bool) -> Seen:
    """Persons of at least UNSURE in each frame, kept beside the system's other temporary files.

    Args:
        frames: of the clip.
        linear: shrink by INTER_LINEAR, as was done for the figures in KNOWHOW, and not as the agent does.
    """
    directory = models_directory()
    entry = next(entry for entry in load_manifest(directory).weights if entry.name == "yolox_nano")
    key = hashlib.sha256(f"{entry.sha256} {VIDEO.name} {INPUT_PX} {UNSURE} {linear} {len(frames)}".encode())
    kept = Path(tempfile.gettempdir()) / f"bench-detections-{key.hexdigest()[:16]}.json"
    if kept.is_file():
        return json.loads(kept.read_text())  # type: ignore[no-any-return]
    network = Network(YOLOX, prepared_model(directory, entry), [(INPUT_PX, INPUT_PX)])
    seen = []
    for frame in frames:
        picture, scale = frame.image, 1.0
        if linear:
            scale = INPUT_PX / max(frame.size_px)
            size = int(frame.size_px[0] * scale), int(frame.size_px[1] * scale)
            picture = cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR).astype(np.uint8, copy=False)
        xyxy, score = network.boxes(picture, UNSURE)
        seen.append(np.column_stack([xyxy / np.float32(scale), score]).tolist())
    kept.write_text(json.dumps(seen))
    return seen


def updated(tracker: PersonTracker, frame: Frame, seen: Detections) -> tuple[Track, ...]:
    return tracker.update(frame, whole(frame), seen)


def ours(
    frames: list[Frame], seen: Seen, static_objects: StaticObjectFilter | None
) -> tuple[Followed, float]:
    """What our tracker follows, and its thread-CPU ms an update."""
    arrays = [np.array(boxes, np.float32).reshape(-1, 5) for boxes in seen]
    given = [Detections(a[:, :4], a[:, 4], np.full(len(a), PERSON, np.int64)) for a in arrays]
    numbers = count(1)
    tracker = PersonTracker(SURE, YOLOX.of_persons(), lambda: str(next(numbers)), static_objects)
    followed, spent_ns = [], 0
    for frame, boxes in zip(frames, given, strict=True):
        begin_ns = time.thread_time_ns()
        tracks = updated(tracker, frame, boxes)
        spent_ns += time.thread_time_ns() - begin_ns
        # As the others do: whom they did not find in a frame they do not report in it.
        now_s = frame.at.monotonic_s
        found = [track for track in tracks if track.last_seen_s == now_s]
        followed.append([[float(track.track_id), *track.xyxy] for track in found])
    return followed, spent_ns / 1e6 / len(given)


def replayed(frame_count: int) -> Followed:
    """The tracks of the whole pipeline, as `replay --mot` writes them."""
    with tempfile.TemporaryDirectory() as folder:
        config, mot = Path(folder) / "gate.toml", Path(folder) / "tracks.txt"
        config.write_text(GATE)
        command = [sys.executable, "-m", "agent", "replay", str(VIDEO), "--config", str(config)]
        subprocess.run([*command, "--mot", str(mot)], check=True, capture_output=True, cwd=ROOT)
        lines = [[float(v) for v in line.split(",")] for line in mot.read_text().splitlines()]
    followed: Followed = [[] for _ in range(frame_count)]
    for frame, number, left, top, width, height, *_ in lines:
        if frame <= frame_count:
            followed[int(frame) - 1].append([number, left, top, left + width, top + height])
    return followed


def rows(frames: list[Frame], seen: Seen, passes: int, *, pipeline: bool) -> Iterator[Row]:
    """Follow with everyone; the passes of all are taken in turn, so that none has the better minute."""
    sure = [[box for box in boxes if box[4] >= SURE] for boxes in seen]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        file = folder / "detections.json"
        file.write_text(json.dumps(sure))
        contenders: dict[str, Callable[[], tuple[Followed, float]]] = {
            "ours, tracker alone": lambda: ours(frames, sure, None),
            "ours, with Stillness": lambda: ours(frames, sure, StaticObjectFilter()),
            f"ours, tracker alone, given >= {UNSURE} too": lambda: ours(frames, seen, None),
            f"ours, with Stillness, given >= {UNSURE} too": lambda: ours(frames, seen, StaticObjectFilter()),
        }
        for name, home, kind in OTHERS:
            worker = subprocess.Popen(
                [environment(home), HERE / "foreign_trackers.py", kind, file, str(FPS)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
            )
            stack.callback(worker.wait)
            stack.callback(worker.stdin.close)  # type: ignore[union-attr]
            contenders[name] = lambda worker=worker: answer(worker)  # type: ignore[misc]
        tracks: dict[str, Followed] = {}
        ms: dict[str, list[float]] = {name: [] for name in contenders}
        for _ in range(passes):
            for name, run in contenders.items():
                tracks[name], spent_ms = run()
                ms[name].append(spent_ms)
    for name in contenders:
        yield Row(name, tracks[name], ms[name])
    if pipeline:
        yield Row("ours, whole pipeline (--mot)", replayed(len(frames)), [])


def answer(worker: subprocess.Popen[str]) -> tuple[Followed, float]:
    assert worker.stdin
    assert worker.stdout
    print("go", file=worker.stdin, flush=True)
    answered = json.loads(worker.stdout.readline())
    return answered["tracks"], answered["ms"]


def scores(table: list[Row]) -> dict[str, Any]:
    """By row and by way of counting: see mot_scores.py."""
    command = list(map(str, (environment("motmetrics"), "-W", "ignore", HERE / "mot_scores.py", TRUTH)))
    asked = json.dumps({row.name: row.tracks for row in table})
    done = subprocess.run(command, input=asked, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def figures(score: dict[str, float]) -> str:
    return (
        f"{score['mota']:>6.3f} {score['idf1']:>6.3f} {score['num_switches']:>6.0f}"
        f" {score['num_false_positives']:>6.0f} {score['num_misses']:>6.0f}"
    )


def print_errors(score: dict[str, Any]) -> None:
    """Where the errors of one row are."""
    for window, part in score["windows"].items():
        print(f"    {'frames ' + window:<38} {figures(part)}")
    errors = score["errors"]
    places = Counter(
        (round(error["box"][0] / 40) * 40, round(error["box"][3] / 40) * 40)
        for error in errors
        if error["what"] == "FP"
    )
    missed = Counter(error["person"] for error in errors if error["what"] == "MISS")
    print("    false positives by left, bottom:", *(f"{x},{y}: {n};" for (x, y), n in places.most_common()))
    print("    misses by person:", *(f"{person}: {n};" for person, n in missed.most_common()))
    for error in sorted(errors, key=lambda error: error["what"] != "SWITCH"):
        person, track = f"person {error['person']}", f"track {error['track']}"
        box = [round(v) for v in error["box"] or ()]
        told = {
            "SWITCH": f"{person} is now {track}",
            "MISS": f"{person} missed",
            "FP": f"{track} is nobody, {box}",
        }
        print(f"    frame {error['frame']}: {told[error['what']]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--passes", type=int, default=5, help="how often each follows the clip")
    parser.add_argument(
        "--no-pipeline", action="store_true", help="leave out the replay of the whole pipeline"
    )
    parser.add_argument("--linear", action="store_true", help="shrink as for the figures in KNOWHOW")
    parser.add_argument("--errors", action="store_true", help="also say where our errors are")
    options = parser.parse_args()
    frames = clip()
    seen = detections(frames, linear=options.linear)
    table = list(rows(frames, seen, options.passes, pipeline=not options.no_pipeline))
    judged = scores(table)
    for way, what in WAYS:
        print(f"\n{what}")
        print(f"{'':<42} {'MOTA':>6} {'IDF1':>6} {'switch':>6} {'false':>6} {'missed':>6} {'ms':>6}")
        for row in table:
            ms = f"{statistics.median(row.ms):6.3f}" if row.ms else f"{'-':>6}"
            print(f"{row.name:<42} {figures(judged[row.name][way]['overall'])} {ms}")
    if options.errors:
        for row in table:
            if not row.name.startswith("ours"):
                continue
            print(f"\n{row.name}")
            print_errors(judged[row.name][WAYS[0][0]])


if __name__ == "__main__":
    if not DATA.is_dir():
        sys.exit("../shared/data is not beside this checkout: nothing to measure on")
    main()
