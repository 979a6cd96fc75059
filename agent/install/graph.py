"""Upstream networks rewritten for the agent: u8 input, pictures of any shape."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from agent.errors import ModelError

if TYPE_CHECKING:
    from onnx import GraphProto

    from agent.install.manifest import Family

# COCO's classes, of which a person is the first; a row is x, y, w, h, objectness and the classes.
_CLASSES = 80
_BEFORE_CLASSES = 5
_STRIDES = (8, 16, 32)
_ROW_SHAPE = [1, _BEFORE_CLASSES + _CLASSES, -1]


def derive(content: bytes, family: Family) -> bytes:
    """Rewrite an ONNX model for u8[1, 3, H, W] input, H and W any multiples of 32.

    The input keeps its name and a Cast to float is put behind it. Unused outputs are not computed:
    a YOLOX gives [1, N, 6] in place of [1, N, 85]; a YuNet `score` [1, N, 1] and `bbox`
    [1, N, 4], N over all strides, in place of twelve outputs. The numbers stay the same. Shapes
    noted inside the graph are for one size and dropped.
    """
    import onnx  # noqa: PLC0415 - half a second and 30 MB that only an installation pays

    model = onnx.load_model_from_string(content)
    graph = model.graph
    (taken,) = graph.input
    tensor = taken.type.tensor_type
    tensor.elem_type = onnx.TensorProto.UINT8
    for dim, name in zip(tensor.shape.dim[2:], ("height", "width"), strict=True):
        dim.dim_param = name
    as_float = f"{taken.name}_float"
    for node in graph.node:
        for index, name in enumerate(node.input):
            if name == taken.name:
                node.input[index] = as_float
    cast = onnx.helper.make_node("Cast", [taken.name], [as_float], "cast_input", to=onnx.TensorProto.FLOAT)
    graph.node.insert(0, cast)
    if family == "yolox":
        _without_other_classes(graph)
    else:
        _scores_and_boxes(graph)
    for output in graph.output:
        output.type.tensor_type.shape.dim[1].dim_param = f"{output.name}_rows"
    del graph.value_info[:]
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


def optimised(model: bytes) -> bytes:
    """Fuse what onnxruntime fuses for every processor; what suits one kind it does when it loads.

    One version of onnxruntime makes the same bytes on amd64 and aarch64.

    Raises:
        ModelError: onnxruntime can't take the model, or can't write to the temporary directory.
    """
    import onnxruntime as ort  # noqa: PLC0415 - not needed to list what is there

    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    with TemporaryDirectory() as folder:
        path = Path(folder) / "optimised.onnx"
        options.optimized_model_filepath = str(path)
        try:
            ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
            return path.read_bytes()
        except Exception as error:  # onnxruntime's errors have no common root but this
            raise ModelError(f"onnxruntime can't optimise a model: {error}") from error


def _without_other_classes(graph: GraphProto) -> None:
    """Cut the filters of all classes but the first off a YOLOX's three heads.

    ::

        Conv 4 (box) ────────────┐
        Conv 1 ─▶ Sigmoid (obj) ─┼─▶ Concat ─▶ Reshape 85 x N ─▶ …
        Conv 80 ─▶ Sigmoid (cls) ┘

    In a graph of another make, where they are not found, all classes stay.
    """
    from onnx import numpy_helper  # noqa: PLC0415 - as above

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


def _scores_and_boxes(graph: GraphProto) -> None:
    """Give a YuNet the outputs `score` = sqrt(cls * obj) and `bbox`, all strides in one; drop the rest.

    Wu et al., YuNet, 2023; `cls` and `obj` come out of sigmoids.
    """
    from onnx import TensorProto, helper  # noqa: PLC0415 - as above

    for name in ("cls", "obj", "bbox"):
        strides = [f"{name}_{stride}" for stride in _STRIDES]
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
