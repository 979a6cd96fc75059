"""A family that no module of the package names, from the manifest to tracks; and one that nobody knows."""

from __future__ import annotations

import json
import sys
from itertools import count
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from agent.app.build import stages
from agent.app.settings import settings_of
from agent.cli.main import main
from agent.config.load import load
from agent.device.frames import frame_of
from agent.errors import ModelError
from agent.install.manifest import load_manifest
from agent.networks.registry import FAMILIES
from agent.networks.yolox import YOLOX
from tests.builders import make_at
from tests.install.serving import weights
from tests.networks.toy import TOY, upstream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Typed = Callable[..., tuple[int, str, str]]

# A red square of 50 px among green, in a picture that fills half of the input.
PICTURE = np.zeros((100, 200, 3), np.uint8)
PICTURE[:50, 50:100, 2] = 255
PICTURE[50:, 100:, 1] = 255
RED = [50, 0, 100, 50]


@pytest.fixture
def toy() -> Iterator[None]:
    """Register the family, for this test only."""
    with FAMILIES.extended(TOY):
        yield


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of weights that has the toy's alone, fetched from a stick but not prepared."""
    folder = tmp_path / "models"
    folder.mkdir()
    entry = weights(content=upstream(), name="toy", network="toy") | {"shapes": [[64, 48], [64, 64]]}
    lines = [f"{key} = {json.dumps(value)}" for key, value in entry.items()]
    (folder / "manifest.toml").write_text("\n".join(["[[entry]]", *lines]))
    (folder / str(entry["file"])).write_bytes(upstream())
    monkeypatch.setenv("PRESENCE_AGENT_MODELS", str(folder))
    return folder


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration by which the toy finds persons; the scores of others would be far too high for it."""
    path = tmp_path / "agent.toml"
    path.write_text(
        '[device]\nsite = "test"\nname = "toy"\n[camera]\nsource = "picamera2"\n'
        '[detector]\nmodel = "toy"\nfaces = false\nconfidence = 0.2\n[attention]\nalways = true\n'
    )
    return path


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Typed:
    """Run the command in this process, which knows the toy."""

    def ran(*arguments: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["presence-agent", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        assert isinstance(ended.value.code, int)
        return ended.value.code, *capfd.readouterr()

    return ran


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "picture.png"
    cv2.imwrite(str(path), PICTURE)
    return path


@pytest.mark.usefixtures("toy", "models")
def test_toy_detects(typed: Typed, config: Path, picture: Path) -> None:
    code, out, err = typed("models", "fetch")
    assert code == 0, err
    assert out.endswith("toy: prepared.\n")
    assert typed("models", "verify")[0] == 0
    assert typed("check", "--config", config)[0] == 0
    code, out, err = typed("detect", picture, "--config", config)
    assert code == 0, err
    told = json.loads(out)
    ((*box, score),) = told["persons"]
    assert box == pytest.approx(RED, abs=0.01)
    assert score == pytest.approx(0.25, abs=0.001)
    assert told["faces"] == []


@pytest.mark.usefixtures("toy", "models")
def test_toy_is_followed_by_its_own_scores(typed: Typed, config: Path) -> None:
    typed("models", "fetch")
    ids = count(1)
    stage = stages(settings_of(load(config)), (200, 100), lambda: f"t{next(ids)}")
    frames = [frame_of(index, make_at(index / 10), PICTURE) for index in range(6)]
    followed = [[track.xyxy for track in step.tracks] for step in stage.steps(iter(frames))]
    # Two looks are enough of a sum, and clear; by YOLOX's scores it would take five, and never be clear.
    assert followed[0] == []
    assert followed[2:] == [[pytest.approx(RED, abs=0.5)]] * 4
    calibration = YOLOX.of_persons()
    assert calibration.clear > 0.25
    assert calibration.birth > 0.25 * 4


@pytest.mark.usefixtures("models")
@pytest.mark.parametrize(
    "words", [("detect",), ("models", "fetch"), ("models", "verify"), ("models", "list")]
)
def test_unknown_family_is_refused(typed: Typed, picture: Path, models: Path, words: tuple[str, ...]) -> None:
    code, out, err = typed(*words, *([picture] if words == ("detect",) else []))
    assert code == 2
    assert "prepared" not in out
    assert err == (
        f"{models}/manifest.toml can't be used, install presence-agent again: toy: the network family "
        '"toy" is not known to this presence-agent, which knows yolox, yunet.\n'
    )


@pytest.mark.usefixtures("toy")
def test_shapes_that_a_family_does_not_take_are_refused(models: Path) -> None:
    path = models / "manifest.toml"
    path.write_text(path.read_text().replace("[64, 48]", "[64, 40]"))
    with pytest.raises(ModelError, match=r"toy: shapes 64 × 40: sides must be multiples of 16 px\."):
        load_manifest(models)


@pytest.mark.usefixtures("toy", "models")
@pytest.mark.parametrize("words", ["check", "detect", "run"])
def test_model_that_the_manifest_does_not_have(typed: Typed, config: Path, picture: Path, words: str) -> None:
    config.write_text(config.read_text().replace('model = "toy"', 'model = "yolox_nano"'))
    code, out, err = typed(words, *([picture] if words == "detect" else []), "--config", config)
    assert (code, out) == (2, "")
    assert err == '[detector] model = "yolox_nano": give "toy".\n'
