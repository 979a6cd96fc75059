"""The subscriber beside other versions of paho-mqtt than the locked one, which the package index has."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from typing import TYPE_CHECKING

import pytest

from agent.central.overview import overview
from agent.central.store import Store
from agent.eventlog.log import EventLog
from tests.conftest import ROOT, Mosquitto
from tests.deploy.test_subscriber import SCRIPT
from tests.mqtt.publishing import publishing, to
from tests.patience import PATIENCE_S
from tests.samples import SENDER, make_entered

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# As Home Assistant pins it, and as Debian 12 has it.
HASHES = {
    "2.1.0": "6db9ba9b34ed5bc6b6e3812718c7e06e2fd7444540df2455d2c51bd58808feee",
    "1.6.1": "2a8291c81623aec00372b5a85558a372c747cbca8e9934dfe218638b8eefc26f",
}


@pytest.fixture(scope="module")
def paho(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Get a version, for PYTHONPATH."""

    @cache
    def brought(version: str) -> Path:
        folder = tmp_path_factory.mktemp("paho")
        asked = folder / "asked.txt"
        asked.write_text(f"paho-mqtt=={version} --hash=sha256:{HASHES[version]}\n")
        words = ["install", "-qq", "--disable-pip-version-check", "--no-deps", "--require-hashes"]
        done = subprocess.run(
            [sys.executable, "-P", "-m", "pip", *words, "--target", folder / "lib", "-r", asked],
            capture_output=True, text=True, check=False, timeout=5 * PATIENCE_S,
        )  # fmt: skip
        if done.returncode:
            pytest.skip(f"paho-mqtt {version} can't be had: {done.stderr.splitlines()[-1]}")
        return folder / "lib"

    return brought


def path(*folders: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, folders))}


def test_subscriber_stores_with_the_paho_of_home_assistant(
    paho: Callable[[str], Path], mosquitto: Mosquitto, tmp_path: Path
) -> None:
    env = path(paho("2.1.0"), ROOT)
    code = "import paho.mqtt; print(paho.mqtt.__version__)"
    assert subprocess.check_output([sys.executable, "-c", code], env=env, text=True) == "2.1.0\n"
    db = tmp_path / "central.db"
    words: list[str | Path] = [
        "--broker",
        f"mqtt://127.0.0.1:{mosquitto.port}",
        "--db",
        db,
        "--settle-s",
        "0.5",
    ]
    with EventLog(SENDER, tmp_path / "events.db") as log:
        log.append([make_entered(number) for number in range(100)])
        with publishing(to(mosquitto.port), log) as publisher:
            # Nobody subscribed yet, so all of it must be asked for.
            assert publisher.wait_delivered(PATIENCE_S)
            done = subprocess.run(
                [sys.executable, SCRIPT, "run", *words, "--until-complete", log.log_id], env=env,
                capture_output=True, text=True, check=False, timeout=PATIENCE_S,
            )  # fmt: skip
        assert done.returncode == 0, done.stderr
        with Store(db, reading=True) as store:
            (seen,) = (one for agent in overview(store)["agents"] for one in agent["logs"])
    assert (seen["stored"], seen["missing"]) == (100, 0)


@pytest.mark.parametrize("words", [[], ["status"], ["--help"]])
def test_subscriber_tells_of_a_paho_that_is_too_old(
    paho: Callable[[str], Path], tmp_path: Path, words: list[str]
) -> None:
    done = subprocess.run(
        [sys.executable, SCRIPT, *words], env=path(paho("1.6.1"), ROOT), cwd=tmp_path,
        capture_output=True, text=True, check=False, timeout=PATIENCE_S,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr == (
        "This needs paho-mqtt 2.1 or newer, and finds an older one or none: pip install 'paho-mqtt>=2.1'.\n"
    )
    assert list(tmp_path.iterdir()) == []


def test_watch_tells_of_a_paho_that_is_too_old(paho: Callable[[str], Path], tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "agent", "watch"], env=path(paho("1.6.1"), ROOT), cwd=tmp_path,
        capture_output=True, text=True, check=False, timeout=PATIENCE_S,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert "paho-mqtt 2.1 or newer" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_subscriber_without_the_package(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-S", SCRIPT], cwd=tmp_path,
        capture_output=True, text=True, check=False, timeout=PATIENCE_S,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr == "This needs presence-agent: install it, or set PYTHONPATH to a checkout of it.\n"
