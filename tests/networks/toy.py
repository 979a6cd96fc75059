"""A network family that the package does not know, as somebody who adds one writes it: finds red squares.

Its model wants what none of the agent's does: red, green, blue from 0 to 1, the picture in the middle of the
input, sides of multiples of 16 px; and its scores are low, at most 0.25.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from agent.networks.family import Feeding, NetworkFamily, PersonCalibration
from agent.networks.nms import suppressed

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from onnx import GraphProto

    from agent.networks.family import Boxes

CELL_PX = 16


def upstream() -> bytes:
    """Upstream's file, for 64x64: of each cell of 16 px how red it is, and how green, as logits."""
    # Red less green and blue, the mean over a cell; from -12 to 12 for 0 to 1.
    kernel = np.full((2, 3, CELL_PX, CELL_PX), -24 / CELL_PX**2, np.float32)
    kernel[0, 0] = kernel[1, 1] = 24 / CELL_PX**2
    values = {"kernel": kernel, "bias": np.full(2, -12, np.float32)}
    conv = helper.make_node("Conv", ["rgb", "kernel", "bias"], ["logits"], strides=[CELL_PX, CELL_PX])
    tensor = helper.make_tensor_value_info
    graph = helper.make_graph(
        [conv],
        "toy",
        [tensor("rgb", TensorProto.FLOAT, [1, 3, 64, 64])],
        [tensor("logits", TensorProto.FLOAT, [1, 2, 4, 4])],
        [numpy_helper.from_array(value, name) for name, value in values.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=6)
    return bytes(model.SerializeToString())


def _prepare(graph: GraphProto) -> None:
    """Put blue, green, red from 0 to 255 in front, and rows of scores, the red first, behind."""
    values = {
        "order": np.array([2, 1, 0]),
        "most": np.array(255, np.float32),
        "best": np.array(0.25, np.float32),
        "rows": np.array([1, 2, -1]),
    }
    graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in values.items())
    cast, conv = graph.node
    (floats,) = cast.output
    conv.input[0] = "as_trained"
    node = helper.make_node
    graph.node.insert(1, node("Gather", [floats, "order"], ["turned"], axis=1))
    graph.node.insert(2, node("Div", ["turned", "most"], ["as_trained"]))
    graph.node.append(node("Sigmoid", ["logits"], ["sure"]))
    graph.node.append(node("Mul", ["sure", "best"], ["low"]))
    graph.node.append(node("Reshape", ["low", "rows"], ["columns"]))
    graph.node.append(node("Transpose", ["columns"], ["scores"], perm=[0, 2, 1]))
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info("scores", onnx.TensorProto.FLOAT, [1, None, 2]))


def _decode(outputs: list[NDArray[np.float32]], _height_px: int, width_px: int, min_score: float) -> Boxes:
    """A box a cell that is red."""
    score = outputs[0][0, :, 0]
    found = np.flatnonzero(score >= min_score)
    row, column = np.divmod(found, width_px // CELL_PX)
    corner = np.stack([column, row], axis=1) * CELL_PX
    return np.concatenate([corner, corner + CELL_PX], axis=1).astype(np.float32), score[found]


TOY = NetworkFamily(
    name="toy",
    calibration=PersonCalibration(
        possible=0.05, clear=0.2, birth=0.3, unsure_ratio=0.5, unsure_miss_ratio=0.5
    ),
    feeding=Feeding(pad=0, centred=True, multiple_px=CELL_PX),
    outputs=("scores",),
    max_iou=0.5,
    prepare=_prepare,
    decode=_decode,
    suppress=suppressed,
)
