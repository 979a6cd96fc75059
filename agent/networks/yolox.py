"""YOLOX (Ge et al., 2021), as Megvii trained it on COCO: finds persons."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from agent.networks.cells import cells, corners
from agent.networks.family import Feeding, NetworkFamily, PersonCalibration
from agent.networks.nms import suppressed

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from onnx import GraphProto

    from agent.networks.family import Boxes

# COCO's classes, of which a person is the first; a row is x, y, w, h, objectness and the classes.
_CLASSES = 80
_BEFORE_CLASSES = 5
_ROW_SHAPE = [1, _BEFORE_CLASSES + _CLASSES, -1]


def _without_other_classes(graph: GraphProto) -> None:
    """Cut the filters of all classes but the first off the three heads: [1, N, 6] in place of [1, N, 85].

    ::

        Conv 4 (box) ────────────┐
        Conv 1 ─▶ Sigmoid (obj) ─┼─▶ Concat ─▶ Reshape 85 x N ─▶ …
        Conv 80 ─▶ Sigmoid (cls) ┘

    In a graph of another make, where they are not found, all classes stay.
    """
    from onnx import numpy_helper  # noqa: PLC0415 - half a second and 30 MB that only an installation pays

    values = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    classes = [
        node
        for node in graph.node
        if node.op_type == "Conv" and values.get(node.input[1], np.empty(0)).shape[0] == _CLASSES
    ]
    rows = [
        node.input[1]
        for node in graph.node
        if node.op_type == "Reshape" and values.get(node.input[1], np.empty(0)).tolist() == _ROW_SHAPE
    ]
    if len(classes) != len(rows):
        return
    changed = {name: values[name][:1] for node in classes for name in node.input[1:]}
    changed |= {name: values[name].clip(max=_BEFORE_CLASSES + 1) for name in rows}
    for tensor in graph.initializer:
        if tensor.name in changed:
            tensor.CopyFrom(numpy_helper.from_array(changed[tensor.name].copy(), tensor.name))
    if rows:
        graph.output[0].type.tensor_type.shape.dim[2].dim_value = _BEFORE_CLASSES + 1


def _persons(outputs: list[NDArray[np.float32]], height_px: int, width_px: int, min_score: float) -> Boxes:
    """Persons out of the raw output, before suppression.

    Each row is x, y, w, h, objectness and the class scores, persons first, both already through a
    sigmoid (decoding of the upstream release 0.1.1rc0). A score is never above its objectness, so rows
    below `min_score` there need no further work.

    Args:
        outputs: one f32[1, N, 6 or more] of an input of height_px × width_px.
        height_px: of the input.
        width_px: of the input.
        min_score: 0–1.
    """
    rows = outputs[0][0]
    maybe = np.flatnonzero(rows[:, 4] >= min_score)
    score = rows[maybe, 4] * rows[maybe, 5]
    sure = score >= min_score
    found = maybe[sure]
    return corners(rows[found], cells(height_px, width_px)[found]), score[sure]


YOLOX = NetworkFamily(
    name="yolox",
    calibration=PersonCalibration(
        possible=0.1, clear=0.6, birth=1.2, unsure_ratio=0.4, unsure_miss_ratio=0.3
    ),
    feeding=Feeding(pad=114, centred=False, multiple_px=32),
    outputs=("output",),
    max_iou=0.45,
    prepare=_without_other_classes,
    decode=_persons,
    suppress=suppressed,
)
