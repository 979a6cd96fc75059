"""Upstream networks rewritten for the agent: u8 input, pictures of any shape."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from agent.errors import ModelError

if TYPE_CHECKING:
    from agent.networks.family import NetworkFamily


def derive(content: bytes, family: NetworkFamily) -> bytes:
    """Rewrite an ONNX model for u8[1, 3, H, W] input, H and W any multiples of the family's.

    The input keeps its name and a Cast to float is put behind it. Only the outputs that the family reads are
    computed, each [1, rows, …]. The numbers stay the same. Shapes noted inside the graph are for one size
    and dropped.
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
    del graph.value_info[:]
    family.prepare(graph)
    for output in graph.output:
        output.type.tensor_type.shape.dim[1].dim_param = f"{output.name}_rows"
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
