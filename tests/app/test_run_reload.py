"""A reload of the running service, as its unit asks for it: taken, or refused with the sentence."""

from __future__ import annotations

import signal
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import command, wait_until, write_config
from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Agent, Listener, Mosquitto

pytestmark = pytest.mark.usefixtures("weights")
GONE = "/nowhere/at/all.avi"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The service's folder in memory, for the agent and for who asks it."""
    made = tmp_path / "run"
    made.mkdir()
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(made))
    return made


def reload(agent: Agent) -> tuple[int, str]:
    """What `systemctl reload` does: the exit code, and what is said."""
    ran = subprocess.run(
        command("reload", str(agent.process.pid)),
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    return ran.returncode, ran.stderr


def last_health(agent: Agent) -> str:
    return agent.said().rpartition("health verdict=")[2].partition("\n")[0]


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        pytest.param(("[camera]", "[camera]\nnonsense = 1"), "nonsense", id="wrong"),
        pytest.param(None, "there is no such file", id="no-file"),
        pytest.param(
            ("[camera]", "[detector]\nmodel = 'yunet'\n[camera]"), 'give "yolox_nano"', id="no-such-model"
        ),
        # The file is right, but nothing can be begun with it.
        pytest.param(("source =", f'source = "{GONE}" #'), GONE, id="no-recording"),
    ],
)
def test_refused_file_fails_the_reload_and_is_told(
    start_agent: Callable[[Path], Agent],
    vtest: Path,
    tmp_path: Path,
    edit: tuple[str, str] | None,
    words: str,
) -> None:
    config = write_config(tmp_path, vtest)
    good = config.read_text()
    agent = start_agent(config)
    wait_until(lambda: "health verdict=" in agent.said())
    if edit:
        config.write_text(good.replace(*edit))
    else:
        config.unlink()
    code, said = reload(agent)
    assert code == 2
    assert words in said
    assert len(said.splitlines()) == 1
    wait_until(lambda: "configuration_refused" in last_health(agent))
    # Once more says it again; the agent is the same process, and works.
    assert reload(agent) == (code, said)
    assert agent.process.poll() is None
    # What stops the next start is gone when the file is as before, also if nobody asks.
    config.write_text(good)
    wait_until(lambda: "configuration_refused" not in last_health(agent))
    config.write_text(good.replace("min_dwell_s = 0.5", "min_dwell_s = 1.5"))
    assert reload(agent) == (0, "")
    assert 'the configuration was read again; new: zone "yard"' in agent.said()
    assert agent.end(signal.SIGTERM) == 0


def test_refused_file_is_over_with_a_good_one(
    start_agent: Callable[[Path], Agent], vtest: Path, tmp_path: Path
) -> None:
    config = write_config(tmp_path, vtest)
    good = config.read_text()
    agent = start_agent(config)
    wait_until(lambda: "health verdict=" in agent.said())
    config.write_text(f"{good}[nonsense]\n")
    assert reload(agent)[0] == 2
    wait_until(lambda: "configuration_refused" in last_health(agent))
    # With another camera the pipeline restarts with the same health.
    config.write_text(good.replace("[camera]", "[camera]\nrotation = 180"))
    assert reload(agent) == (0, "")
    wait_until(lambda: "configuration_refused" not in last_health(agent))
    assert agent.end(signal.SIGTERM) == 0


def test_reload_of_nobody() -> None:
    with subprocess.Popen(["true"]) as other:
        other.wait(PATIENCE_S)
    ran = subprocess.run(
        command("reload", str(other.pid)), capture_output=True, text=True, check=False, timeout=PATIENCE_S
    )
    assert ran.returncode == 1
    assert "has ended" in ran.stderr


def test_what_rules_ask_for_is_in_info_at_once(
    start_agent: Callable[[Path], Agent],
    mosquitto: Mosquitto,
    listen: Callable[..., Listener],
    vtest: Path,
    tmp_path: Path,
) -> None:
    config = write_config(tmp_path, vtest, port=mosquitto.port)
    listener = listen(mosquitto.port)

    def rule(name: str) -> dict[str, Any]:
        infos: list[dict[str, Any]] = [
            message.json for message in listener.heard() if message.topic == "presence/v1/test/yard/info"
        ]
        rules = infos[-1]["rules"] if infos else ()
        return next((one for one in rules if one["rule"] == name), {})

    agent = start_agent(config)
    wait_until(lambda: bool(rule("gate")))
    assert rule("gate")["used_by"] == "everybody"
    # What is off is not there.
    assert rule("yard").keys() == {"kind", "rule", "polygon", "min_dwell_s"}
    text = config.read_text().replace("[[line]]", '[[line]]\nused_by = "staff"')
    config.write_text(text.replace("[[zone]]", "[[zone]]\noverstay_s = 600.0\ncrowd = 5"))
    agent.process.send_signal(signal.SIGHUP)
    wait_until(lambda: rule("gate").get("used_by") == "staff")
    asked = {name: rule("yard").get(name) for name in ("overstay_s", "crowd", "crowd_after_s")}
    assert asked == {"overstay_s": 600.0, "crowd": 5, "crowd_after_s": 60.0}
    assert agent.end(signal.SIGTERM) == 0
