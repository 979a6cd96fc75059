from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import onnx
import onnxruntime as ort
import pytest

from agent.errors import ModelError
from agent.install.fetch import fetch
from agent.install.models import Weights, load_manifest, models_directory, verify
from agent.install.prepare import derive, prepare, prepared_model
from tests.install.serving import manifest_of, weights

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

MODELS = models_directory()
SHIPPED = load_manifest(MODELS)
# The size that the upstream file is made for, and one that neither the agent nor upstream uses.
UPSTREAM = {"yolox_nano": (416, 416), "yunet": (640, 640)}
OBLONG = (128, 224)


def silent(_line: str) -> None:
    """Say nothing."""


def tiny_network() -> bytes:
    """A convolution of stride 8 for 64x64, its cells as rows, with the input used twice."""
    kernel = np.random.default_rng(3).normal(size=(5, 3, 8, 8)).astype(np.float32)
    nodes = [
        onnx.helper.make_node("Add", ["picture", "picture"], ["twice"]),
        onnx.helper.make_node("Conv", ["twice", "kernel"], ["cells"], strides=[8, 8]),
        onnx.helper.make_node("Reshape", ["cells", "rows"], ["flat"]),
        onnx.helper.make_node("Transpose", ["flat"], ["out"], perm=[0, 2, 1]),
    ]
    tensor = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        nodes,
        "tiny",
        [tensor("picture", onnx.TensorProto.FLOAT, [1, 3, 64, 64])],
        [tensor("out", onnx.TensorProto.FLOAT, [1, 64, 5])],
        [
            onnx.numpy_helper.from_array(kernel, "kernel"),
            onnx.numpy_helper.from_array(np.array([1, 5, -1]), "rows"),
        ],
        value_info=[tensor("cells", onnx.TensorProto.FLOAT, [1, 5, 8, 8])],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 11)], ir_version=6)
    return bytes(model.SerializeToString())


@pytest.fixture
def tiny(tmp_path: Path) -> Weights:
    """Weights whose file is in the directory, to be prepared for two sizes."""
    content = tiny_network()
    (tmp_path / "net.bin").write_bytes(content)
    (entry,) = manifest_of(weights(content, (64, 64), (32, 96))).weights
    return entry


def outputs(model: bytes, blob: NDArray[Any]) -> list[NDArray[np.float32]]:
    session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
    (taken,) = session.get_inputs()
    return list(session.run(None, {taken.name: blob}))


def picture(height: int, width: int) -> NDArray[np.uint8]:
    return np.random.default_rng(height).integers(0, 256, (1, 3, height, width), dtype=np.uint8)


def fetched(name: str) -> tuple[Weights, bytes]:
    """Real weights."""
    entry = SHIPPED.named(name)
    assert isinstance(entry, Weights)
    path = MODELS / entry.file
    if not path.is_file():
        pytest.skip(f"{name} is not fetched: run `presence-agent models fetch`")
    return entry, path.read_bytes()


def prepared_files(directory: Path) -> list[str]:
    return sorted(path.name for path in (directory / "prepared").iterdir())


def test_prepare(tmp_path: Path, tiny: Weights) -> None:
    said: list[str] = []
    prepare(tmp_path, tiny, said.append)
    assert said == ["net: prepared for 64x64.", "net: prepared for 32x96."]
    for height, width in [(64, 64), (32, 96)]:
        (rows,) = outputs(prepared_model(tmp_path, tiny, height, width), picture(height, width))
        assert rows.shape == (1, height * width // 64, 5)
    assert [name.rpartition("-")[0] for name in prepared_files(tmp_path)] == [
        f"net-32x96-{tiny.sha256[:12]}-r1",
        f"net-64x64-{tiny.sha256[:12]}-r1",
    ]


def test_prepare_again_changes_nothing(tmp_path: Path, tiny: Weights) -> None:
    prepare(tmp_path, tiny, silent)
    before = {path: path.stat().st_ino for path in (tmp_path / "prepared").iterdir()}
    said: list[str] = []
    prepare(tmp_path, tiny, said.append)
    assert said == []
    assert {path: path.stat().st_ino for path in (tmp_path / "prepared").iterdir()} == before


def test_prepared_model_missing(tmp_path: Path, tiny: Weights) -> None:
    with pytest.raises(
        ModelError, match=r"net for 64x64 is missing in .*: run `presence-agent models fetch`"
    ):
        prepared_model(tmp_path, tiny, 64, 64)


@pytest.mark.parametrize("damage", ["cut off", "changed", "appended", "empty"])
def test_prepared_model_damaged(tmp_path: Path, tiny: Weights, damage: str) -> None:
    prepare(tmp_path, tiny, silent)
    (path,) = (tmp_path / "prepared").glob("net-64x64-*")
    content = path.read_bytes()
    changed = content.replace(b"picture", b"pictura")
    damaged = {"cut off": content[:-1], "changed": changed, "appended": content + b"x", "empty": b""}
    path.write_bytes(damaged[damage])
    with pytest.raises(
        ModelError, match=r"net for 64x64 is damaged in .*: run `presence-agent models fetch`"
    ):
        prepared_model(tmp_path, tiny, 64, 64)
    prepare(tmp_path, tiny, silent)
    assert prepared_model(tmp_path, tiny, 64, 64) == content
    assert len(prepared_files(tmp_path)) == 2


def test_prepare_removes_what_is_of_no_more_use(tmp_path: Path, tiny: Weights) -> None:
    folder = tmp_path / "prepared"
    folder.mkdir()
    old = [f"net-64x64-{tiny.sha256[:12]}-r0-{'0' * 16}.onnx", f"net-64x64-{'1' * 12}-r1-{'0' * 16}.onnx"]
    for name in [*old, "network-64x64-x.onnx"]:
        (folder / name).touch()
    prepare(tmp_path, tiny, silent)
    assert not set(old) & set(prepared_files(tmp_path))
    assert "network-64x64-x.onnx" in prepared_files(tmp_path)


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
    manifest = manifest_of(weights(content, (64, 64)))
    fetch(manifest, tmp_path / "models", from_dir=tmp_path / "stick")
    assert {finding.status for finding in verify(manifest, tmp_path / "models")} == {"ok"}


def test_derive_is_deterministic() -> None:
    assert derive(tiny_network(), 32, 96) == derive(tiny_network(), 32, 96)


def test_derive_keeps_the_numbers() -> None:
    blob = picture(64, 64)
    (rows,) = outputs(derive(tiny_network(), 64, 64), blob)
    (expected,) = outputs(tiny_network(), blob.astype(np.float32))
    np.testing.assert_array_equal(rows, expected)


def test_derive_declares_its_shapes() -> None:
    graph = onnx.load_model_from_string(derive(tiny_network(), 32, 96)).graph
    (taken,), (given,) = graph.input, graph.output
    assert taken.name == "picture"
    assert taken.type.tensor_type.elem_type == onnx.TensorProto.UINT8
    assert [dim.dim_value for dim in taken.type.tensor_type.shape.dim] == [1, 3, 32, 96]
    assert [dim.dim_param or dim.dim_value for dim in given.type.tensor_type.shape.dim] == [1, "out_rows", 5]
    assert list(graph.value_info) == []


@pytest.mark.parametrize("name", UPSTREAM)
def test_prepared_weights_give_the_upstream_numbers(name: str) -> None:
    entry, content = fetched(name)
    height, width = UPSTREAM[name]
    blob = picture(height, width)
    prepared = outputs(prepared_model(MODELS, entry, height, width), blob)
    for given, expected in zip(prepared, outputs(content, blob.astype(np.float32)), strict=True):
        np.testing.assert_allclose(given, expected, atol=1e-4)


@pytest.mark.parametrize("name", UPSTREAM)
def test_derived_weights_agree_with_opencv(name: str) -> None:
    # OpenCV's own engine reads the same file: an oracle that shares no code with onnxruntime.
    _, content = fetched(name)
    model, blob = derive(content, *OBLONG), picture(*OBLONG)
    network = cv2.dnn.readNetFromONNX(np.frombuffer(model, np.uint8))
    network.setInput(blob)
    layers = [output.name for output in onnx.load_model_from_string(model).graph.output]
    for given, expected in zip(outputs(model, blob), network.forward(layers), strict=True):
        np.testing.assert_allclose(given, expected, atol=2e-3)
