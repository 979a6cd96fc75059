"""Whether int8 would be good enough and quicker: python -m tests.bench.int8.

Kinds of quantisation of YOLOX-Nano against what the agent uses. Good enough: AP50 of the persons in
65 COCO pictures falls by a point at most, and no person at .35 is lost on the pictures of Intel's clips.
"""

from __future__ import annotations

import sys
import tempfile
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_dynamic,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

from agent.device.recording import open_recording, read_picture
from agent.install.graph import derive
from agent.networks.yolox import YOLOX
from agent.vision.letterbox import Letterbox, best_shape
from agent.vision.onnx_detector import Network
from tests.bench.accuracy import DATA, PERSON, precision
from tests.bench.models import MODELS, SHIPPED, race, runner, upstream, weights
from tests.vision.opencv import overlap

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]

ENTRY = weights("yolox_nano")
SURE, SAME_IOU = 0.35, 0.5
MOST_LOST_AP50 = 0.01


class Frames(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime has no types
    """Frames of vtest as inputs of the network."""

    def __init__(self, count: int) -> None:
        with open_recording(MODELS / SHIPPED.named("vtest").file, 10.0) as recording:
            pictures = [image for _, image in islice(recording.frames(), 0, 10 * count, 10)]
        self._inputs = iter([{"images": letterboxed(picture)} for picture in pictures])

    def get_next(self) -> dict[str, Picture] | None:
        """The next input."""
        return next(self._inputs, None)


def letterboxed(picture: Picture) -> Picture:
    """A picture as the network's input."""
    fitted = Letterbox(best_shape(ENTRY.shapes, picture.shape[1], picture.shape[0]), YOLOX.feeding.pad)
    fitted.fill(picture)
    return fitted.pixels


def head(model: onnx.ModelProto) -> list[str]:
    """The last convolutions: what they give is a box's size in logarithms, and scores."""
    made_by = {name: node for node in model.graph.node for name in node.output}
    concat = next(node for node in reversed(model.graph.node) if node.op_type == "Concat")
    named: list[str] = []
    asked = list(concat.input)
    while asked:
        node = made_by[asked.pop()]
        if node.op_type == "Conv":
            named.append(node.name)
        else:
            asked += [name for name in node.input if name in made_by]
    return named


def spatial(model: onnx.ModelProto) -> list[str]:
    """Convolutions that look at more than one px: their channels differ most in range."""
    sides = {tensor.name: tensor.dims[-1] for tensor in model.graph.initializer if len(tensor.dims) > 1}
    return [node.name for node in model.graph.node if node.op_type == "Conv" and sides[node.input[1]] > 1]


def made(folder: Path) -> Iterator[tuple[str, Path]]:
    """Each kind of quantisation, and its file."""
    whole = folder / "whole.onnx"
    model = onnx.load_model_from_string(derive(upstream(ENTRY), ENTRY.family))
    # Scales a channel need opset 13.
    onnx.save(onnx.version_converter.convert_version(model, 13), folder / "opset13.onnx")
    quant_pre_process(str(folder / "opset13.onnx"), str(whole), skip_symbolic_shape=True)
    yield "float", whole
    last = head(onnx.load(whole))
    ways: dict[str, dict[str, Any]] = {
        "static": {},
        "static, head in float": {"nodes_to_exclude": last},
        "static, u8 by 7 bits, head in float": {
            "nodes_to_exclude": last,
            "activation_type": QuantType.QUInt8,
            "reduce_range": True,
        },
        "static, 1x1 of the backbone, u8 by 7 bits": {
            "nodes_to_exclude": [*last, *spatial(onnx.load(whole))],
            "op_types_to_quantize": ["Conv"],
            "activation_type": QuantType.QUInt8,
            "reduce_range": True,
        },
    }
    for name, settings in ways.items():
        path = folder / f"{name}.onnx"
        common = {"quant_format": QuantFormat.QDQ, "per_channel": True, "weight_type": QuantType.QInt8}
        quantize_static(str(whole), str(path), Frames(16), **{**common, **settings})
        yield name, path
    path = folder / "dynamic.onnx"
    quantize_dynamic(str(whole), str(path), per_channel=True, weight_type=QuantType.QUInt8)
    yield "dynamic", path


def judged(network: Network) -> tuple[float, float]:
    """AP and AP50 on the COCO pictures."""
    folder, found = DATA / "images/coco_val2017_persons", {}
    for path in sorted(folder.glob("*.jpg")):
        xyxy, score = network.boxes(read_picture(path), 0.01)
        found[path.name] = {"persons": np.column_stack([xyxy, score]).tolist()}
    return precision(folder, PERSON, found)


def sure_boxes(network: Network) -> list[list[list[float]]]:
    """Boxes of at least SURE, for each picture of Intel's clips."""
    pictures = [read_picture(path) for path in sorted((DATA / "images/intel_frames").glob("*.jpg"))]
    return [network.boxes(picture, SURE)[0].tolist() for picture in pictures]


def lost(before: list[list[list[float]]], after: list[list[list[float]]]) -> int:
    """How many boxes have no like any more."""
    pairs = zip(before, after, strict=True)
    return sum(
        all(overlap(box, other) < SAME_IOU for other in boxes) for wanted, boxes in pairs for box in wanted
    )


def main() -> None:
    """Print the table."""
    blob = letterboxed(read_picture(MODELS / SHIPPED.named("astronaut").file))
    print(f"{'kind':<42} {'MB':>6} {'CPU':>6} {'AP':>6} {'AP50':>6} {'lost':>5}  good enough")
    with tempfile.TemporaryDirectory() as folder:
        files = dict(made(Path(folder)))
        spent = race({name: runner(path, blob) for name, path in files.items()}, 20)
        networks = {name: Network(YOLOX, path, ENTRY.shapes, threads=1) for name, path in files.items()}
        boxes = sure_boxes(networks["float"])
        _, least = judged(networks["float"])
        for name, network in networks.items():
            ap, ap50 = judged(network)
            gone = lost(boxes, sure_boxes(network))
            good = "yes" if ap50 >= least - MOST_LOST_AP50 and not gone else "no"
            size, cpu = files[name].stat().st_size / 1e6, spent[name] / spent["float"]
            total = sum(map(len, boxes))
            print(f"{name:<42} {size:>6.2f} {cpu:>6.2f} {ap:>6.3f} {ap50:>6.3f} {gone:>2}/{total}  {good}")


if __name__ == "__main__":
    if not DATA.is_dir():
        sys.exit("../shared/data is not beside this checkout: nothing to measure on")
    main()
