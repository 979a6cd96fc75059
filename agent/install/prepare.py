"""Models of one input size that take bytes, made from the upstream files when these are fetched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.errors import ModelError
from agent.install.durable import digest, write_whole, writing

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from agent.install.models import Weights

# Raise it with every change of `derive` that changes the model: files of other recipes are not used.
RECIPE = 1


def prepared_model(directory: Path, entry: Weights, height: int, width: int) -> bytes:
    """The model for u8[1, 3, height, width] BGR input, for `onnxruntime.InferenceSession`.

    Raises:
        ModelError: it was not prepared, or its content is not what its file name certifies.
    """
    damaged = False
    try:
        for path in _candidates(directory, entry, height, width):
            content = path.read_bytes()
            if _certified(path) == digest(content)[:16]:
                return content
            damaged = True
    except OSError as error:
        raise ModelError(f"{error.filename} can't be read: {error.strerror}") from error
    how = "is damaged" if damaged else "is missing"
    raise ModelError(
        f"The model {entry.name} for {height}x{width} {how} in {directory / 'prepared'}: "
        "run `presence-agent models fetch`"
    )


def has_prepared(directory: Path, entry: Weights, height: int, width: int) -> bool:
    """Whether that model is there and whole."""
    try:
        return bool(prepared_model(directory, entry, height, width))
    except ModelError:
        return False


def prepare(directory: Path, entry: Weights, say: Callable[[str], None]) -> None:
    """Make what is missing of an entry's prepared models, and remove what is of no more use.

    Raises:
        ModelError: the upstream file is not there or not whole, or the disk refuses.
    """
    folder = directory / "prepared"
    with writing(directory):
        folder.mkdir(exist_ok=True)
    for shape in entry.shapes:
        height, width = shape.height, shape.width
        if has_prepared(directory, entry, height, width):
            continue
        for path in _candidates(directory, entry, height, width):
            _remove(path)
        content = derive(_upstream(directory, entry), height, width)
        stem = _stem(entry, height, width)
        write_whole(folder / f"{stem}-{digest(content)[:16]}.onnx", content)
        say(f"{entry.name}: prepared for {height}x{width}.")
    current = tuple(f"{_stem(entry, shape.height, shape.width)}-" for shape in entry.shapes)
    for path in folder.glob(f"{entry.name}-*.onnx"):
        if not path.name.startswith(current):
            _remove(path)


def derive(content: bytes, height: int, width: int) -> bytes:
    """Rewrite an ONNX model for uint8 NCHW input of one size; the numbers stay the same.

    The input keeps its name and a Cast to float is put behind it. Dim 1 of the outputs, which
    depends on the size, becomes symbolic (cv2.dnn refuses outputs without it). Shapes noted
    inside the graph are for the old size and dropped.
    """
    import onnx  # noqa: PLC0415 - half a second and 30 MB that only an installation pays

    model = onnx.load_model_from_string(content)
    graph = model.graph
    (taken,) = graph.input
    tensor = taken.type.tensor_type
    tensor.elem_type = onnx.TensorProto.UINT8
    for dim, size in zip(tensor.shape.dim, (1, 3, height, width), strict=True):
        dim.dim_value = size
    as_float = f"{taken.name}_float"
    for node in graph.node:
        for index, name in enumerate(node.input):
            if name == taken.name:
                node.input[index] = as_float
    cast = onnx.helper.make_node("Cast", [taken.name], [as_float], "cast_input", to=onnx.TensorProto.FLOAT)
    graph.node.insert(0, cast)
    for output in graph.output:
        output.type.tensor_type.shape.dim[1].dim_param = f"{output.name}_rows"
    del graph.value_info[:]
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


def _stem(entry: Weights, height: int, width: int) -> str:
    return f"{entry.name}-{height}x{width}-{entry.sha256[:12]}-r{RECIPE}"


def _candidates(directory: Path, entry: Weights, height: int, width: int) -> list[Path]:
    return sorted((directory / "prepared").glob(f"{_stem(entry, height, width)}-*.onnx"))


def _certified(path: Path) -> str:
    return path.stem.rpartition("-")[2]


def _upstream(directory: Path, entry: Weights) -> bytes:
    path = directory / entry.file
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path} can't be read: {error.strerror}") from error
    if not entry.is_content(content):
        raise ModelError(f"{path} is damaged: run `presence-agent models fetch`")
    return content


def _remove(path: Path) -> None:
    with writing(path.parent):
        path.unlink(missing_ok=True)
