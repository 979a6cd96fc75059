from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from agent.errors import ModelError
from agent.install.manifest import Weights, load_manifest, models_directory
from agent.install.verify import listing, verify
from tests.install.serving import CONTENT, OTHER, manifest_of, sample, weights

CHECKOUT = Path(__file__).parents[2] / "models"

SHIPPED = load_manifest(CHECKOUT)


def test_shipped_manifest_names() -> None:
    names = [entry.name for entry in SHIPPED.entries]
    assert names == ["yolox_nano", "yolox_tiny", "yunet", "vtest", "astronaut"]
    assert [entry.name for entry in SHIPPED.weights] == ["yolox_nano", "yunet"]
    assert [entry.name for entry in SHIPPED.optional_weights] == ["yolox_tiny"]
    assert [entry.name for entry in SHIPPED.samples] == ["vtest", "astronaut"]


@pytest.mark.parametrize("entry", SHIPPED.entries, ids=lambda entry: entry.name)
def test_shipped_entry_has_its_licence(entry: Weights) -> None:
    text = (CHECKOUT / entry.licence_text).read_text(encoding="utf-8")
    assert len(text) > 200


@pytest.mark.parametrize("entry", SHIPPED.entries, ids=lambda entry: entry.name)
def test_shipped_entry_is_asked_upstream_first(entry: Weights) -> None:
    kinds = [source.kind for source in entry.sources]
    assert kinds[0] == "url"
    # Of what nobody needs, no second source is known.
    assert len(kinds) > 1 or entry in SHIPPED.optional_weights


def test_shipped_shapes_cost_the_same_for_persons() -> None:
    # A model that some pictures make slower than others would upset every time that is kept.
    for name in ("yolox_nano", "yolox_tiny"):
        entry = SHIPPED.named(name)
        assert isinstance(entry, Weights)
        for height, width in entry.shapes:
            assert height * width == pytest.approx(416 * 416, rel=0.03)


def test_models_directory_of_a_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PRESENCE_AGENT_MODELS", raising=False)
    assert models_directory() == CHECKOUT


def test_models_directory_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PRESENCE_AGENT_MODELS", str(tmp_path))
    assert models_directory() == tmp_path


@pytest.mark.parametrize("under", ["lib", "prefix"])
def test_models_directory_installed(tmp_path: Path, under: str) -> None:
    # pip install --target LIB puts `share` into LIB, an ordinary installation into the prefix.
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib/agent").symlink_to(CHECKOUT.parent / "agent")
    share = tmp_path / under / "share/presence-agent/models"
    share.mkdir(parents=True)
    (share / "manifest.toml").touch()
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); sys.prefix = sys.argv[2]\n"
        "from agent.install.manifest import models_directory; print(models_directory())"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "lib"), str(tmp_path / "prefix")]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=tmp_path, env={})
    assert done.stdout.strip() == str(share)


def test_load_manifest_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "manifest.toml").write_text("entry = []", encoding="ascii")
    assert load_manifest(tmp_path).entries == []


def test_load_manifest_shipped(tmp_path: Path) -> None:
    assert load_manifest(tmp_path) == SHIPPED


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("entry = ", "Invalid value"),
        ("", "entry Field required"),
        ("entry = []\nmore = 1", "more Extra inputs are not permitted"),
        ("[[entry]]\nkind = 'sample'\nfile = '../up'", "entry.0.sample.file String should match pattern"),
        ("[[entry]]\nkind = 'song'", "does not match any of the expected tags"),
    ],
)
def test_load_manifest_wrong(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "manifest.toml").write_text(text, encoding="ascii")
    with pytest.raises(ModelError, match=told):
        load_manifest(tmp_path)


@pytest.mark.parametrize(
    ("content", "status", "told"),
    [
        (CONTENT, "ok", "is whole, sha256 "),
        (None, "missing", "is not there: get it with `presence-agent models fetch thing`"),
        (CONTENT[:-1], "wrong", "has 299,999 bytes instead of 300,000"),
        (CONTENT + b"x" * 66, "wrong", "has 300,066 bytes instead of 300,000"),
        (OTHER, "wrong", "has another sha256 than it should"),
    ],
)
def test_verify(tmp_path: Path, content: bytes | None, status: str, told: str) -> None:
    if content is not None:
        (tmp_path / "thing.bin").write_bytes(content)
    (finding,) = verify(manifest_of(sample()), tmp_path)
    assert (finding.name, finding.status, finding.needed) == ("thing", status, False)
    assert told in finding.line


def test_verify_directory_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "thing.bin").mkdir()
    (finding,) = verify(manifest_of(sample()), tmp_path)
    assert finding.status == "wrong"


def test_verify_weights_not_prepared(tmp_path: Path) -> None:
    (tmp_path / "net.bin").write_bytes(CONTENT)
    whole, prepared = verify(manifest_of(weights()), tmp_path)
    assert (whole.status, whole.needed) == ("ok", True)
    assert (prepared.status, prepared.needed) == ("missing", True)
    told = f"The prepared model net is missing in {tmp_path}/prepared: run `presence-agent models fetch net`"
    assert prepared.line == told


def test_verify_optional_weights_absent(tmp_path: Path) -> None:
    (finding,) = verify(manifest_of(weights(optional=True)), tmp_path)
    assert (finding.status, finding.needed) == ("missing", False)
    assert "is not there, and is optional: get it with `presence-agent models fetch net`" in finding.line


def test_verify_optional_weights_not_prepared(tmp_path: Path) -> None:
    # They are there, so somebody wants to use them.
    (tmp_path / "net.bin").write_bytes(CONTENT)
    whole, prepared = verify(manifest_of(weights(optional=True)), tmp_path)
    assert whole.status == "ok"
    assert (prepared.status, prepared.needed) == ("missing", True)


@pytest.mark.parametrize(("content", "state"), [(CONTENT, "there"), (None, "missing"), (b"half", "wrong")])
def test_listing(tmp_path: Path, content: bytes | None, state: str) -> None:
    if content is not None:
        (tmp_path / "thing.bin").write_bytes(content)
    (row,) = listing(manifest_of(sample()), tmp_path)
    assert (row.name, row.kind, row.size_bytes, row.state) == ("thing", "sample", 300_000, state)


def test_listing_tells_what_is_optional(tmp_path: Path) -> None:
    manifest = manifest_of(weights(name="must"), weights(name="may", optional=True))
    assert [(row.name, row.kind) for row in listing(manifest, tmp_path)] == [
        ("must", "weights"),
        ("may", "optional"),
    ]


def test_start_up_loads_no_installing() -> None:
    code = (
        "import sys, agent.install.manifest, agent.install.prepare\n"
        "heavy = {'onnx', 'onnxruntime', 'urllib.request', 'subprocess', 'cv2'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
        "import agent.app.run\n"
        "assert 'onnx' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
