from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import onnx
import onnxruntime as ort
import pytest

from agent.device.recording import open_recording, read_picture
from agent.errors import ModelError
from agent.install.fetch import fetch
from agent.install.graph import derive, optimised
from agent.install.models import Weights, load_manifest, models_directory, verify
from agent.install.prepare import RECIPE, prepare, prepared_model
from agent.vision.letterbox import Letterbox
from tests.install.serving import manifest_of, weights

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

MODELS = models_directory()
SHIPPED = load_manifest(MODELS)
NETWORKS = ["yolox_nano", "yolox_tiny", "yunet"]
PADS = {"yolox": 114, "yunet": 0}
CLASSES = 80
# Of raw numbers: 1e-3 is at most 0.03 px of a box. Seen: 1.5e-4, and 1.5e-5 of scores.
TOLERANCE = 1e-3


def silent(_line: str) -> None:
    """Say nothing."""


def made(
    nodes: list[onnx.NodeProto],
    outputs: dict[str, list[int]],
    values: dict[str, NDArray[Any]],
    dtype: int = onnx.TensorProto.FLOAT,
) -> bytes:
    """A model for 64x64 with one input, `picture`."""
    tensor = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        nodes,
        "small",
        [tensor("picture", dtype, [1, 3, 64, 64])],
        [tensor(name, onnx.TensorProto.FLOAT, shape) for name, shape in outputs.items()],
        [onnx.numpy_helper.from_array(value, name) for name, value in values.items()],
        value_info=[tensor("cells", onnx.TensorProto.FLOAT, [1, 5, 8, 8])],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 11)], ir_version=6)
    return bytes(model.SerializeToString())


def kernel(filters: int, channels: int, side: int) -> NDArray[np.float32]:
    shape = (filters, channels, side, side)
    return np.random.default_rng(filters).normal(scale=0.01, size=shape).astype(np.float32)


def tiny_network() -> bytes:
    """A convolution of stride 8, its cells as rows, with the input used twice, and landmarks."""
    node = onnx.helper.make_node
    nodes = [
        node("Add", ["picture", "picture"], ["twice"]),
        node("Conv", ["twice", "kernel"], ["cells"], strides=[8, 8]),
        node("Reshape", ["cells", "rows"], ["flat"]),
        node("Transpose", ["flat"], ["cls_8"], perm=[0, 2, 1]),
        node("Conv", ["cells", "points"], ["points_of"]),
        node("Reshape", ["points_of", "rows"], ["points_flat"]),
        node("Transpose", ["points_flat"], ["kps_8"], perm=[0, 2, 1]),
    ]
    values = {"kernel": kernel(5, 3, 8), "points": kernel(5, 5, 1), "rows": np.array([1, 5, -1])}
    return made(nodes, {"cls_8": [1, 64, 5], "kps_8": [1, 64, 5]}, values)


def three_headed_network() -> bytes:
    """What follows the backbone in a YOLOX: box, objectness and classes of three strides, as rows."""
    node = onnx.helper.make_node
    nodes, values = [], {"rows": np.array([1, 5 + CLASSES, -1])}
    for stride in (8, 16, 32):
        for name, filters in (("box", 4), ("obj", 1), ("cls", CLASSES)):
            values[f"{name}{stride}w"] = kernel(filters, 3, stride)
            values[f"{name}{stride}b"] = np.linspace(-1, 1, filters, dtype=np.float32)
            inputs = ["picture", f"{name}{stride}w", f"{name}{stride}b"]
            nodes.append(node("Conv", inputs, [f"{name}{stride}"], strides=[stride, stride]))
        nodes += [
            node("Sigmoid", [f"obj{stride}"], [f"obj{stride}s"]),
            node("Sigmoid", [f"cls{stride}"], [f"cls{stride}s"]),
            node("Concat", [f"box{stride}", f"obj{stride}s", f"cls{stride}s"], [f"head{stride}"], axis=1),
            node("Reshape", [f"head{stride}", "rows"], [f"flat{stride}"]),
        ]
    nodes += [
        node("Concat", ["flat8", "flat16", "flat32"], ["flat"], axis=2),
        node("Transpose", ["flat"], ["output"], perm=[0, 2, 1]),
    ]
    return made(nodes, {"output": [1, 84, 5 + CLASSES]}, values)


@pytest.fixture
def tiny(tmp_path: Path) -> Weights:
    """Weights whose file is in the directory, to be prepared."""
    content = tiny_network()
    (tmp_path / "net.bin").write_bytes(content)
    (entry,) = manifest_of(weights(content=content)).weights
    return entry


def outputs(
    model: bytes | Path, blob: NDArray[Any], names: Sequence[str] | None = None, *, plain: bool = False
) -> list[NDArray[np.float32]]:
    """What onnxruntime makes of it; plain: node by node, nothing optimised."""
    options = ort.SessionOptions()
    if plain:
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    (taken,) = session.get_inputs()
    return list(session.run(names, {taken.name: blob}))


def noise(height: int, width: int) -> NDArray[np.uint8]:
    return np.random.default_rng(height).integers(0, 256, (1, 3, height, width), dtype=np.uint8)


def sized(content: bytes, height: int, width: int) -> bytes:
    """An upstream model for another input size, else untouched."""
    model = onnx.load_model_from_string(content)
    dims = model.graph.input[0].type.tensor_type.shape.dim
    dims[2].dim_value, dims[3].dim_value = height, width
    for output in model.graph.output:
        output.type.tensor_type.shape.dim[1].dim_param = f"{output.name}_rows"
    del model.graph.value_info[:]
    return bytes(model.SerializeToString())


def fetched(name: str) -> tuple[Weights, bytes]:
    """Real weights."""
    entry = SHIPPED.named(name)
    assert isinstance(entry, Weights)
    path = MODELS / entry.file
    if not path.is_file():
        pytest.skip(f"{name} is not fetched: run `presence-agent models fetch {name}`")
    return entry, path.read_bytes()


def prepared_files(directory: Path) -> list[str]:
    return sorted(path.name for path in (directory / "prepared").iterdir())


def test_prepare(tmp_path: Path, tiny: Weights) -> None:
    said: list[str] = []
    prepare(tmp_path, tiny, said.append)
    assert said == ["net: prepared."]
    path = prepared_model(tmp_path, tiny)
    for height, width in [(64, 64), (32, 96)]:
        (rows,) = outputs(path, noise(height, width))
        assert rows.shape == (1, height * width // 64, 5)
    assert prepared_files(tmp_path) == [path.name]
    stem = f"net-{tiny.sha256[:12]}-r{RECIPE}-ort{ort.__version__}"
    assert path.name.rpartition("-")[0] == stem


def test_prepare_again_changes_nothing(tmp_path: Path, tiny: Weights) -> None:
    prepare(tmp_path, tiny, silent)
    before = {path: path.stat().st_ino for path in (tmp_path / "prepared").iterdir()}
    said: list[str] = []
    prepare(tmp_path, tiny, said.append)
    assert said == []
    assert {path: path.stat().st_ino for path in (tmp_path / "prepared").iterdir()} == before


def test_prepared_model_missing(tmp_path: Path, tiny: Weights) -> None:
    with pytest.raises(ModelError, match=r"net is missing in .*: run `presence-agent models fetch net`"):
        prepared_model(tmp_path, tiny)


@pytest.mark.parametrize("damage", ["cut off", "changed", "appended", "empty"])
def test_prepared_model_damaged(tmp_path: Path, tiny: Weights, damage: str) -> None:
    prepare(tmp_path, tiny, silent)
    path = prepared_model(tmp_path, tiny)
    content = path.read_bytes()
    changed = content.replace(b"picture", b"pictura")
    damaged = {"cut off": content[:-1], "changed": changed, "appended": content + b"x", "empty": b""}
    path.write_bytes(damaged[damage])
    with pytest.raises(ModelError, match=r"net is damaged in .*: run `presence-agent models fetch net`"):
        prepared_model(tmp_path, tiny)
    prepare(tmp_path, tiny, silent)
    assert prepared_model(tmp_path, tiny).read_bytes() == content
    assert len(prepared_files(tmp_path)) == 1


def test_prepared_model_of_another_onnxruntime(
    tmp_path: Path, tiny: Weights, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(tmp_path, tiny, silent)
    before = prepared_files(tmp_path)
    monkeypatch.setattr(ort, "__version__", "9.9.9")
    with pytest.raises(ModelError, match=r"another version of presence-agent or onnxruntime than is inst"):
        prepared_model(tmp_path, tiny)
    # Fetching needs no network then: the upstream file is there.
    manifest = manifest_of(weights(content=tiny_network()))
    fetch(manifest, tmp_path)
    (after,) = prepared_files(tmp_path)
    assert "-ort9.9.9-" in after
    assert after not in before
    assert prepared_model(tmp_path, tiny).name == after


@pytest.mark.parametrize(
    "old",
    # By another recipe, as version 0.1.0 did it, of another upstream file.
    ["net-{sha}-r0-ort{ort}-{digest}", "net-64x64-{sha}-r1-{digest}", "net-{other}-r2-ort{ort}-{digest}"],
)
def test_prepared_model_of_another_kind(tmp_path: Path, tiny: Weights, old: str) -> None:
    prepare(tmp_path, tiny, silent)
    path = prepared_model(tmp_path, tiny)
    name = old.format(
        sha=tiny.sha256[:12], ort=ort.__version__, digest=path.stem.rpartition("-")[2], other="1" * 12
    )
    path.rename(path.with_name(f"{name}.onnx"))
    with pytest.raises(ModelError, match="was made by another version of presence-agent or onnxruntime"):
        prepared_model(tmp_path, tiny)
    (tmp_path / "prepared/network-64x64-x.onnx").touch()
    prepare(tmp_path, tiny, silent)
    assert prepared_files(tmp_path) == [path.name, "network-64x64-x.onnx"]


def test_prepare_damaged_upstream_file(tmp_path: Path, tiny: Weights) -> None:
    (tmp_path / "net.bin").write_bytes(b"half")
    with pytest.raises(ModelError, match=r"net\.bin is damaged"):
        prepare(tmp_path, tiny, silent)


def test_prepare_missing_upstream_file(tmp_path: Path, tiny: Weights) -> None:
    (tmp_path / "net.bin").unlink()
    with pytest.raises(ModelError, match=r"net\.bin can't be read"):
        prepare(tmp_path, tiny, silent)


def test_fetch_prepares(tmp_path: Path) -> None:
    content = tiny_network()
    (tmp_path / "stick").mkdir()
    (tmp_path / "stick/n.onnx").write_bytes(content)
    manifest = manifest_of(weights(content=content))
    fetch(manifest, tmp_path / "models", from_dir=tmp_path / "stick")
    assert {finding.status for finding in verify(manifest, tmp_path / "models")} == {"ok"}


def test_fetch_optional_weights_by_name_only(tmp_path: Path) -> None:
    stick, models, content = tmp_path / "stick", tmp_path / "models", tiny_network()
    stick.mkdir()
    (stick / "n.onnx").write_bytes(content)
    manifest = manifest_of(
        weights(content=content, name="must"), weights(content=content, name="may", optional=True)
    )
    fetch(manifest, models, from_dir=stick)
    assert {finding.name: finding.status for finding in verify(manifest, models)} == {
        "must": "ok",
        "may": "missing",
    }
    fetch(manifest, models, ["may"], from_dir=stick)
    assert {finding.status for finding in verify(manifest, models)} == {"ok"}
    # From then on they are kept up to date with the others.
    for path in (models / "prepared").iterdir():
        path.unlink()
    fetch(manifest, models)
    assert {finding.status for finding in verify(manifest, models)} == {"ok"}


def test_derive_is_deterministic() -> None:
    assert derive(tiny_network(), "yunet") == derive(tiny_network(), "yunet")
    derived = derive(three_headed_network(), "yolox")
    assert optimised(derived) == optimised(derived)


def test_derive_keeps_the_numbers() -> None:
    blob = noise(64, 64)
    (rows,) = outputs(derive(tiny_network(), "yunet"), blob)
    (expected,) = outputs(tiny_network(), blob.astype(np.float32), ["cls_8"])
    np.testing.assert_array_equal(rows, expected)


def test_derive_declares_its_shapes() -> None:
    graph = onnx.load_model_from_string(derive(tiny_network(), "yunet")).graph
    (taken,), (given,) = graph.input, graph.output
    assert taken.name == "picture"
    assert taken.type.tensor_type.elem_type == onnx.TensorProto.UINT8
    dims = [dim.dim_param or dim.dim_value for dim in taken.type.tensor_type.shape.dim]
    assert dims == [1, 3, "height", "width"]
    assert [dim.dim_param or dim.dim_value for dim in given.type.tensor_type.shape.dim] == [
        1,
        "cls_8_rows",
        5,
    ]
    assert list(graph.value_info) == []


def test_derive_leaves_out_landmarks() -> None:
    graph = onnx.load_model_from_string(derive(tiny_network(), "yunet")).graph
    assert [output.name for output in graph.output] == ["cls_8"]
    assert [node.op_type for node in graph.node] == ["Cast", "Add", "Conv", "Reshape", "Transpose"]
    assert sorted(tensor.name for tensor in graph.initializer) == ["kernel", "rows"]


@pytest.mark.parametrize(("height", "width"), [(64, 64), (96, 32)])
def test_derive_leaves_out_all_classes_but_persons(height: int, width: int) -> None:
    model, blob = derive(three_headed_network(), "yolox"), noise(height, width)
    (rows,) = outputs(model, blob)
    (expected,) = outputs(sized(three_headed_network(), height, width), blob.astype(np.float32))
    assert rows.shape == (1, expected.shape[1], 6)
    np.testing.assert_allclose(rows, expected[:, :, :6], rtol=1e-5, atol=1e-5)
    assert len(model) < len(three_headed_network()) / 5


def test_derive_graph_of_another_make_keeps_all_it_gives() -> None:
    blob = noise(64, 64)
    given = outputs(derive(tiny_network(), "yolox"), blob)
    for one, other in zip(given, outputs(tiny_network(), blob.astype(np.float32)), strict=True):
        np.testing.assert_array_equal(one, other)


def test_optimised_no_model() -> None:
    with pytest.raises(ModelError, match="onnxruntime can't optimise a model"):
        optimised(b"no model")


@pytest.mark.parametrize("name", NETWORKS)
def test_prepared_weights_suit_every_processor(name: str) -> None:
    entry, _ = fetched(name)
    domains = {node.domain for node in onnx.load(prepared_model(MODELS, entry)).graph.node}
    # Not com.microsoft.nchwc: that would be for amd64, or one kind of it.
    assert domains == {"", "com.microsoft"}


@pytest.mark.parametrize("name", NETWORKS)
def test_prepared_weights_give_the_upstream_numbers(name: str, vtest: Path, astronaut: Path) -> None:
    entry, content = fetched(name)
    with open_recording(vtest, 10.0) as recording:
        _, yard = next(islice(recording.frames(), 160, None))
    names = [output.name for output in onnx.load(prepared_model(MODELS, entry)).graph.output]
    for shape in entry.shapes:
        upstream = sized(content, *shape)
        for picture in (yard, read_picture(astronaut)):
            fitted = Letterbox(shape, PADS[entry.network])
            fitted.fill(picture)
            given = outputs(prepared_model(MODELS, entry), fitted.pixels, names)
            wanted = outputs(upstream, fitted.pixels.astype(np.float32), names, plain=True)
            for one, other in zip(given, wanted, strict=True):
                np.testing.assert_allclose(one, other[:, :, : one.shape[2]], rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("name", NETWORKS)
def test_derived_weights_agree_with_opencv(name: str) -> None:
    # OpenCV's own engine reads the upstream file: an oracle that shares no code with onnxruntime.
    # The size is one that neither the agent nor upstream uses.
    entry, content = fetched(name)
    blob = noise(128, 224)
    upstream = sized(content, 128, 224)
    network = cv2.dnn.readNetFromONNX(np.frombuffer(upstream, np.uint8))
    network.setInput(blob.astype(np.float32))
    layers = [output.name for output in onnx.load_model_from_string(upstream).graph.output]
    expected = dict(zip(layers, network.forward(layers), strict=True))
    model = prepared_model(MODELS, entry)
    names = [output.name for output in onnx.load(model).graph.output]
    for layer, given in zip(names, outputs(model, blob), strict=True):
        np.testing.assert_allclose(given, expected[layer][:, :, : given.shape[2]], atol=2e-3)
