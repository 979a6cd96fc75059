"""What preparing the networks saves, as tables: python -m tests.bench.models.

CPU of one thread, medians of runs that take turns; memory of a process of its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import onnx
import onnxruntime as ort

from agent.core.regions import whole
from agent.device.frames import frame_of
from agent.device.recording import open_recording, read_picture
from agent.install.graph import derive, optimised
from agent.install.manifest import Weights, load_manifest, models_directory
from agent.install.prepare import prepared_model
from agent.networks.yolox import YOLOX
from agent.networks.yunet import YUNET
from agent.vision.letterbox import Letterbox, best_shape, fitting_scale
from agent.vision.onnx_detector import Network, PersonFaceDetector
from tests.bench.accuracy import DATA, PERSON, precision
from tests.builders import make_at

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from agent.networks.family import NetworkFamily
    from agent.vision.letterbox import Shape

MODELS = models_directory()
SHIPPED = load_manifest(MODELS)
MIN_SCORE = 0.01
# One process that loads both networks and looks a few times, as the agent would or as it would not.
CHILD = """
import json, re, sys, time
import numpy as np, onnxruntime as ort
paths, arena, pattern, shared, shapes = json.loads(sys.argv[1])
def mib(what):
    return int(re.search(what + r":\\s+(\\d+)", open("/proc/self/status").read())[1]) / 1024
def session(path):
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena, options.enable_mem_pattern = arena, pattern
    if shared:
        options.add_session_config_entry("session.use_env_allocators", "1")
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
if shared:
    kinds = ort.OrtAllocatorType, ort.OrtMemType
    memory = ort.OrtMemoryInfo("Cpu", kinds[0].ORT_ARENA_ALLOCATOR, 0, kinds[1].DEFAULT)
    ort.create_and_register_allocator(memory, ort.OrtArenaCfg({}))
before, begin = mib("VmRSS"), time.process_time()
sessions = [session(path) for path in paths]
load = time.process_time() - begin
begin = time.process_time()
for _ in range(8):
    for one, sizes in zip(sessions, shapes):
        for height, width in sizes:
            one.run(None, {one.get_inputs()[0].name: np.zeros((1, 3, height, width), np.uint8)})
print(json.dumps([load * 1e3, mib("VmHWM") - before, (time.process_time() - begin) / 8 * 1e3]))
"""


def race(runs: Mapping[str, Callable[[], object]], rounds: int = 40) -> dict[str, float]:
    """Median thread CPU of each in ms; they take turns, so that all have the same neighbours."""
    spent: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds + 2):
        for name, run in runs.items():
            begin = time.thread_time_ns()
            run()
            spent[name].append((time.thread_time_ns() - begin) / 1e6)
    return {name: median(times[2:]) for name, times in spent.items()}


def session(model: bytes | Path, saved_as: Path | None = None) -> ort.InferenceSession:
    """A session on one thread, with everything optimised that suits this processor."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.enable_mem_pattern = False
    options.log_severity_level = 3
    if saved_as:
        options.optimized_model_filepath = str(saved_as)
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def runner(model: bytes | Path, blob: NDArray[Any]) -> Callable[[], Any]:
    """Runs a model on this input."""
    loaded = session(model)
    (taken,) = loaded.get_inputs()
    return lambda: loaded.run(None, {taken.name: blob})


def weights(name: str) -> Weights:
    """An entry of the manifest."""
    entry = SHIPPED.named(name)
    assert isinstance(entry, Weights)
    return entry


def upstream(entry: Weights) -> bytes:
    """The file as it was fetched."""
    return (MODELS / entry.file).read_bytes()


def sized(content: bytes, shape: Shape) -> bytes:
    """A model for one input size only."""
    model = onnx.load_model_from_string(content)
    for dim, size in zip(model.graph.input[0].type.tensor_type.shape.dim[2:], shape, strict=True):
        dim.dim_value = size
    for output in model.graph.output:
        output.type.tensor_type.shape.dim[1].dim_param = f"{output.name}_rows"
    del model.graph.value_info[:]
    return bytes(model.SerializeToString())


def preparation(name: str, shape: Shape) -> None:
    """Upstream's graph, ours, and ours saved after optimisation."""
    entry = weights(name)
    blob = np.random.default_rng(1).integers(0, 256, (1, 3, *shape), dtype=np.uint8)
    ours = derive(upstream(entry), entry.family)
    with tempfile.TemporaryDirectory() as folder:
        bound = Path(folder) / "bound.onnx"
        session(ours, saved_as=bound)
        models = {
            "upstream's graph, this size": sized(upstream(entry), shape),
            "ours, this size": sized(ours, shape),
            "ours, any size": ours,
            "the same, saved optimised": optimised(ours),
            "saved for this processor": bound.read_bytes(),
        }
    floats = blob.astype(np.float32)
    runs = {
        what: runner(model, floats if what.startswith("upstream") else blob) for what, model in models.items()
    }
    ran = race(runs)
    loaded = race({what: lambda model=model: session(model) for what, model in models.items()}, 10)  # type: ignore[misc]
    first = next(iter(ran.values()))
    for what, model in models.items():
        print(
            f"{f'{name} {shape[0]}x{shape[1]}, {what}':<54} {len(model) / 1e6:>6.2f} {loaded[what]:>8.1f} "
            f"{ran[what]:>8.2f} {ran[what] / first:>7.3f}"
        )


def memory() -> None:
    """What both networks take, by how their sessions are set up."""
    old = [[[416, 416]], [[640, 640], [160, 160]]]
    new = [[[320, 544]], [[384, 640], [160, 160]]]
    ways = (
        ("416x416, 640x640; arena, plan of memory", True, True, False, old),
        ("shapes for 16:9; arena, plan of memory", True, True, False, new),
        ("shapes for 16:9; arena", True, False, False, new),
        ("shapes for 16:9; no arena", False, False, False, new),
        ("shapes for 16:9; one arena for both", True, False, True, new),
    )
    paths = [str(prepared_model(MODELS, weights(name))) for name in ("yolox_nano", "yunet")]
    told: dict[str, list[list[float]]] = {}
    for what, *how in ways * 5:
        command = [sys.executable, "-c", CHILD, json.dumps([paths, *how])]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        told.setdefault(what, []).append(json.loads(done.stdout))
    for what, rows in told.items():
        load, peak, run = (median(values) for values in zip(*rows, strict=True))
        print(f"{what:<54} {load:>8.1f} {peak:>8.1f} {run:>8.1f}")


def network(family: NetworkFamily, name: str) -> Network:
    """A network as the agent has it, on one thread."""
    entry = weights(name)
    return Network(family, prepared_model(MODELS, entry), entry.shapes, threads=1)


def shapes() -> None:
    """Average precision and work by the shape in which pictures are looked at."""
    folder = DATA / "images/coco_val2017_persons"
    pictures = {path.name: read_picture(path) for path in sorted(folder.glob("*.jpg"))}
    persons, listed = network(YOLOX, "yolox_nano"), weights("yolox_nano").shapes
    for what, choice in (
        ("416x416 for all", [(416, 416)]),
        ("384x640 for all", [(384, 640)]),
        ("the best of the manifest's", listed),
    ):
        found, px, filled = {}, 0, 0.0
        for name, picture in pictures.items():
            height, width = picture.shape[:2]
            shape = best_shape(choice, width, height)
            xyxy, score = persons.boxes(picture, MIN_SCORE, shape)
            found[name] = {"persons": np.column_stack([xyxy, score]).tolist()}
            px += shape[0] * shape[1]
            filled += width * height * fitting_scale(shape, width, height) ** 2
        ap, ap50 = precision(folder, PERSON, found)
        work = px / len(pictures) / 416**2
        print(f"{what:<54} {ap:>8.3f} {ap50:>8.3f} {work:>8.2f} {1 - filled / px:>8.1%}")


def around(size: tuple[int, int], pictures: Sequence[NDArray[np.uint8]]) -> None:
    """What a look costs beside the inferences, in us."""
    families = {"yolox_nano": YOLOX, "yunet": YUNET}
    networks = {name: network(family, name) for name, family in families.items()}
    detector = PersonFaceDetector(*networks.values(), person_score=0.14, face_score=0.6)
    spent: dict[str, list[float]] = {}

    def timed(what: str, call: Callable[..., Any], *arguments: object) -> Any:  # noqa: ANN401 - whatever it gives
        begin = time.thread_time_ns()
        try:
            return call(*arguments)
        finally:
            spent.setdefault(what, []).append((time.thread_time_ns() - begin) / 1e3)

    for turn, picture in enumerate(pictures):
        frame = frame_of(turn, make_at(turn), cv2.resize(picture, size).astype(np.uint8, copy=False))
        timed("look", detector.detect, frame, whole(frame))
        for name, family in families.items():
            shape = best_shape(weights(name).shapes, *size)
            fitted = Letterbox(shape, family.feeding.pad)
            fitted.fill(frame.image)
            timed(f"{name} letterbox", fitted.fill, frame.image)
            raw = timed(f"{name} inference", networks[name].infer, fitted.pixels)
            boxes = timed(f"{name} decode", family.decode, raw, *shape, 0.14 if family is YOLOX else 0.6)
            timed(f"{name} suppress", family.suppress, boxes, family.max_iou)
    parts = [
        sum(median(spent[f"{name} {part}"][2:]) for name in families)
        for part in ("letterbox", "inference", "decode", "suppress")
    ]
    inferences = sum(sum(spent[f"{name} inference"][2:]) for name in families)
    ratio = sum(spent["look"][2:]) / inferences
    numbers = "".join(f"{value:>11.0f}" for value in (*parts, median(spent["look"][2:])))
    print(f"{f'{size[0]}x{size[1]}':<12}{numbers}{ratio:>8.3f}")


def main() -> None:
    """Print the tables."""
    cv2.setNumThreads(1)
    print(f"{'preparation':<54} {'MB':>6} {'load ms':>8} {'run ms':>8} {'ratio':>7}")
    preparation("yolox_nano", (416, 416))
    preparation("yolox_nano", (320, 544))
    preparation("yunet", (384, 640))
    print(f"\n{'both networks, beyond what was imported':<54} {'load ms':>8} {'MiB':>8} {'run ms':>8}")
    memory()
    if DATA.is_dir():
        print(f"\n{'COCO persons by shape':<54} {'AP':>8} {'AP50':>8} {'work':>8} {'padding':>8}")
        shapes()
    columns = ("letterbox", "inference", "decode", "suppress", "whole look")
    print(f"\n{'a look, us':<12}{''.join(f'{column:>11}' for column in columns)}{'ratio':>8}")
    with open_recording(MODELS / SHIPPED.named("vtest").file, 10.0) as recording:
        pictures = [image for _, image in islice(recording.frames(), 0, 640, 16)]
    for size in ((1280, 720), (768, 576), (640, 360)):
        around(size, pictures)


if __name__ == "__main__":
    main()
