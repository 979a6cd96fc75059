"""YuNet (Wu et al., 2023), as OpenCV Zoo has it: finds faces, tells nobody apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from agent.networks.cells import STRIDES, cells, corners
from agent.networks.family import Calibration, Feeding, NetworkFamily
from agent.networks.nms import suppressed

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from onnx import GraphProto

    from agent.networks.family import Boxes


def _scores_and_boxes(graph: GraphProto) -> None:
    """Give it the outputs `score` = sqrt(cls * obj) and `bbox`, all strides in one; drop the other twelve.

    `cls` and `obj` come out of sigmoids. The key points are not computed.
    """
    from onnx import TensorProto, helper  # noqa: PLC0415 - half a second that only an installation pays

    for name in ("cls", "obj", "bbox"):
        strides = [f"{name}_{stride}" for stride in STRIDES]
        graph.node.append(helper.make_node("Concat", strides, [name], axis=1))
    graph.node.append(helper.make_node("Mul", ["cls", "obj"], ["both"]))
    graph.node.append(helper.make_node("Sqrt", ["both"], ["score"]))
    del graph.output[:]
    for name, columns in (("score", 1), ("bbox", 4)):
        graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, None, columns]))
    made_by = {name: node for node in graph.node for name in node.output}
    needed: set[str] = set()
    asked = [output.name for output in graph.output]
    while asked:
        name = asked.pop()
        if name not in needed:
            needed.add(name)
            asked += made_by[name].input if name in made_by else []
    nodes = [node for node in graph.node if needed.intersection(node.output)]
    tensors = [tensor for tensor in graph.initializer if tensor.name in needed]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    graph.initializer.extend(tensors)


def _faces(outputs: list[NDArray[np.float32]], height_px: int, width_px: int, min_score: float) -> Boxes:
    """Faces out of the raw outputs, before suppression; boxes as in the paper and FaceDetectorYN.

    Args:
        outputs: scores f32[1, N, 1] and boxes f32[1, N, 4] of an input of height_px × width_px.
        height_px: of the input.
        width_px: of the input.
        min_score: 0–1.
    """
    score, box = outputs[0][0, :, 0], outputs[1][0]
    found = np.flatnonzero(score >= min_score)
    return corners(box[found], cells(height_px, width_px)[found]), score[found]


def _suppressed(boxes: Boxes, max_iou: float) -> NDArray[np.int64]:
    """As OpenCV's FaceDetectorYN does it: on whole px."""
    xyxy, score = boxes
    corner, size = np.trunc(xyxy[:, :2]), np.trunc(xyxy[:, 2:] - xyxy[:, :2])
    return suppressed((np.concatenate([corner, corner + size], axis=1), score), max_iou)


YUNET = NetworkFamily(
    name="yunet",
    calibration=Calibration(possible=0.1, clear=0.7),
    feeding=Feeding(pad=0, centred=False, multiple_px=32),
    outputs=("score", "bbox"),
    max_iou=0.3,
    prepare=_scores_and_boxes,
    decode=_faces,
    suppress=_suppressed,
)
