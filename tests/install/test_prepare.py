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
from agent.install.manifest import Weights, load_manifest, models_directory
from agent.install.prepare import RECIPE, prepare, prepared_model
from agent.install.verify import verify
from agent.networks.yolox import YOLOX
from agent.networks.yunet import YUNET
from agent.vision.letterbox import Letterbox
from tests.install.serving import manifest_of, weights

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from agent.networks.family import NetworkFamily

MODELS = models_directory()
SHIPPED = load_manifest(MODELS)
NETWORKS = ["yolox_nano", "yolox_tiny", "yunet"]
CLASSES = 80
# Of raw numbers: 1e-3 is at most 0.03 px of a box. Seen: 1.5e-4, and 1.5e-5 of scores.
TOLERANCE = 1e-3


def silent(_line: str) -> None:
    """Say nothing."""


def made(
    nodes: list[onnx.NodeProto], outputs: dict[str, list[int]], values: dict[str, NDArray[Any]]
) -> bytes:
    """A model for 64x64 with one input, `picture`."""
    tensor = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        nodes,
        "small",
        [tensor("picture", onnx.TensorProto.FLOAT, [1, 3, 64, 64])],
        [tensor(name, onnx.TensorProto.FLOAT, shape) for name, shape in outputs.items()],
        [onnx.numpy_helper.from_array(value, name) for name, value in values.items()],
        value_info=[tensor("box8", onnx.TensorProto.FLOAT, [1, 4, 8, 8])],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 11)], ir_version=6)
    return bytes(model.SerializeToString())


def heads(filters: dict[str, int]) -> tuple[list[onnx.NodeProto], dict[str, NDArray[Any]]]:
    """A convolution of the picture for each name and stride; what is a score goes through a sigmoid."""
    rng = np.random.default_rng(3)
    nodes, values = [], {}
    for name, count in filters.items():
        for stride in (8, 16, 32):
            head = f"{name}{stride}"
            kernel = rng.normal(scale=0.01 / stride, size=(count, 3, stride, stride))
            values[f"{head}w"] = kernel.astype(np.float32)
            values[f"{head}b"] = np.linspace(-1, 1, count, dtype=np.float32)
            inputs, strides = ["picture", f"{head}w", f"{head}b"], [stride, stride]
            nodes.append(onnx.helper.make_node("Conv", inputs, [head], strides=strides))
            if name in {"cls", "obj"}:
                nodes.append(onnx.helper.make_node("Sigmoid", [head], [f"{head}s"]))
    return nodes, values


def like_yolox() -> bytes:
    """What follows the backbone in a YOLOX: box, objectness and classes of three strides, as rows."""
    node = onnx.helper.make_node
    nodes, values = heads({"box": 4, "obj": 1, "cls": CLASSES})
    values["rows"] = np.array([1, 5 + CLASSES, -1])
    for stride in (8, 16, 32):
        parts = [f"box{stride}", f"obj{stride}s", f"cls{stride}s"]
        nodes.append(node("Concat", parts, [f"head{stride}"], axis=1))
        nodes.append(node("Reshape", [f"head{stride}", "rows"], [f"flat{stride}"]))
    nodes.append(node("Concat", ["flat8", "flat16", "flat32"], ["flat"], axis=2))
    nodes.append(node("Transpose", ["flat"], ["output"], perm=[0, 2, 1]))
    return made(nodes, {"output": [1, 84, 5 + CLASSES]}, values)


def like_yunet() -> bytes:
    """What a YuNet gives: factors of a score, box and landmarks, each of three strides, as rows."""
    node = onnx.helper.make_node
    sizes = {"cls": 1, "obj": 1, "bbox": 4, "kps": 10}
    nodes, values = heads(sizes)
    outputs = {}
    for name, count in sizes.items():
        values[f"{name}rows"] = np.array([1, -1, count])
        for stride in (8, 16, 32):
            end, output = "s" if count == 1 else "", f"{name}_{stride}"
            nodes.append(node("Transpose", [f"{name}{stride}{end}"], [f"{output}t"], perm=[0, 2, 3, 1]))
            nodes.append(node("Reshape", [f"{output}t", f"{name}rows"], [output]))
            outputs[output] = [1, (64 // stride) ** 2, count]
    return made(nodes, outputs, values)


SMALL = like_yolox()


@pytest.fixture
def tiny(tmp_path: Path) -> Weights:
    """Weights whose file is in the directory, to be prepared."""
    (tmp_path / "net.bin").write_bytes(SMALL)
    (entry,) = manifest_of(weights(content=SMALL, network="yolox")).weights
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


def read_of(upstream: dict[str, NDArray[np.float32]], family: NetworkFamily) -> list[NDArray[np.float32]]:
    """What the agent reads of the numbers that an upstream network gives."""
    if family is YOLOX:
        return [upstream["output"][:, :, :6]]
    cls, obj, bbox = (
        np.concatenate([upstream[f"{name}_{stride}"] for stride in (8, 16, 32)], axis=1)
        for name in ("cls", "obj", "bbox")
    )
    # As OpenCV's FaceDetectorYN works it out.
    return [np.sqrt(np.clip(cls, 0, 1) * np.clip(obj, 0, 1)), bbox]


def read_from(upstream: bytes, blob: NDArray[np.uint8], family: NetworkFamily) -> list[NDArray[np.float32]]:
    """The same from an upstream model, run in float32 as it is."""
    names = [output.name for output in onnx.load_model_from_string(upstream).graph.output]
    given = outputs(upstream, blob.astype(np.float32), names, plain=True)
    return read_of(dict(zip(names, given, strict=True)), family)


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
        assert rows.shape == (1, height * width * 21 // 1024, 6)
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
    manifest = manifest_of(weights(content=SMALL, network="yolox"))
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
    (tmp_path / "stick").mkdir()
    (tmp_path / "stick/n.onnx").write_bytes(SMALL)
    manifest = manifest_of(weights(content=SMALL, network="yolox"))
    fetch(manifest, tmp_path / "models", from_dir=tmp_path / "stick")
    assert {finding.status for finding in verify(manifest, tmp_path / "models")} == {"ok"}


def test_fetch_optional_weights_by_name_only(tmp_path: Path) -> None:
    stick, models = tmp_path / "stick", tmp_path / "models"
    stick.mkdir()
    (stick / "n.onnx").write_bytes(SMALL)
    manifest = manifest_of(
        weights(content=SMALL, network="yolox", name="must"),
        weights(content=SMALL, network="yolox", name="may", optional=True),
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


@pytest.mark.parametrize(("content", "family"), [(like_yolox(), YOLOX), (like_yunet(), YUNET)])
def test_prepared_content_is_deterministic(content: bytes, family: NetworkFamily) -> None:
    once, again = (optimised(derive(content, family)) for _ in range(2))
    assert once == again


@pytest.mark.parametrize(
    ("content", "family", "outputs_of"),
    [
        (like_yolox(), YOLOX, {"output": [1, "output_rows", 6]}),
        (like_yunet(), YUNET, {"score": [1, "score_rows", 1], "bbox": [1, "bbox_rows", 4]}),
    ],
)
def test_derive_declares_its_shapes(
    content: bytes, family: NetworkFamily, outputs_of: dict[str, list[Any]]
) -> None:
    def dims(tensor: onnx.ValueInfoProto) -> list[Any]:
        return [dim.dim_param or dim.dim_value for dim in tensor.type.tensor_type.shape.dim]

    graph = onnx.load_model_from_string(derive(content, family)).graph
    (taken,) = graph.input
    assert (taken.name, dims(taken)) == ("picture", [1, 3, "height", "width"])
    assert taken.type.tensor_type.elem_type == onnx.TensorProto.UINT8
    assert {output.name: dims(output) for output in graph.output} == outputs_of
    assert list(graph.value_info) == []


@pytest.mark.parametrize(("height", "width"), [(64, 64), (96, 32)])
def test_derive_yolox_scores_persons_only(height: int, width: int) -> None:
    model, blob = derive(like_yolox(), YOLOX), noise(height, width)
    (rows,) = outputs(model, blob)
    (expected,) = outputs(sized(like_yolox(), height, width), blob.astype(np.float32))
    assert rows.shape == (1, expected.shape[1], 6)
    np.testing.assert_allclose(rows, expected[:, :, :6], rtol=1e-5, atol=1e-4)
    # 80 classes are most of its filters.
    assert len(model) < len(like_yolox()) / 5


@pytest.mark.parametrize(("height", "width"), [(64, 64), (96, 32)])
def test_derive_yunet_joins_its_strides(height: int, width: int) -> None:
    model, blob = derive(like_yunet(), YUNET), noise(height, width)
    given = outputs(model, blob, ["score", "bbox"])
    upstream = sized(like_yunet(), height, width)
    for one, other in zip(given, read_from(upstream, blob, YUNET), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-4)
    names = [name for node in onnx.load_model_from_string(model).graph.node for name in node.output]
    assert not [name for name in names if name.startswith("kps")]


def test_derive_graph_of_another_make_keeps_all_it_gives() -> None:
    blob = noise(64, 64)
    given = outputs(derive(like_yunet(), YOLOX), blob)
    for one, other in zip(given, outputs(like_yunet(), blob.astype(np.float32)), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-4)


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
    for shape in entry.shapes:
        upstream = sized(content, *shape)
        for picture in (yard, read_picture(astronaut)):
            fitted = Letterbox(shape, entry.family.feeding.pad)
            fitted.fill(picture)
            given = outputs(prepared_model(MODELS, entry), fitted.pixels, entry.family.outputs)
            for one, other in zip(given, read_from(upstream, fitted.pixels, entry.family), strict=True):
                np.testing.assert_allclose(one, other, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("name", NETWORKS)
def test_prepared_weights_agree_with_opencv(name: str) -> None:
    # OpenCV's own engine reads the upstream file: an oracle that shares no code with onnxruntime.
    # The size is one that neither the agent nor upstream uses.
    entry, content = fetched(name)
    blob = noise(128, 224)
    upstream = sized(content, 128, 224)
    network = cv2.dnn.readNetFromONNX(np.frombuffer(upstream, np.uint8))
    network.setInput(blob.astype(np.float32))
    layers = [output.name for output in onnx.load_model_from_string(upstream).graph.output]
    expected = read_of(dict(zip(layers, network.forward(layers), strict=True)), entry.family)
    given = outputs(prepared_model(MODELS, entry), blob, entry.family.outputs)
    for one, other in zip(given, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=2e-3)
