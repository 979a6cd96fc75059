"""Trial of a new version, and the way back: small versions under a small service manager."""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from deploy.debian import trial
from deploy.debian.trial import Places, ask, run
from tests.conftest import ROOT
from tests.deploy.trial_init import AGENT, Init

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

OLD, NEW = "1.0.0~deb13", "1.1.0~deb13"
GOOD_S = 2.0
GOOD: dict[str, Any] = {"faults": []}


class Machine:
    """A machine with two versions, of which the old one runs."""

    def __init__(self, folder: Path, old: dict[str, Any], new: dict[str, Any]) -> None:
        (folder / "run").mkdir()
        self.places = Places(folder / "versions", folder / "run", folder / "agent.toml", folder / "switch")
        for name, behaves in ((OLD, old), (NEW, new)):
            program = self.places.versions / name / "bin/presence-agent"
            program.parent.mkdir(parents=True)
            program.write_text(f"#!/usr/bin/env python3\n{AGENT}")
            program.chmod(0o755)
            (program.parents[1] / "behaviour").write_text(json.dumps(behaves))
        (self.places.versions / "current").symlink_to(OLD)
        # The real one, on this folder.
        text = (ROOT / "deploy/debian/versions").read_text()
        self.places.switch.write_text(text.replace("/var/lib/presence-agent-versions", "/versions"))
        self.places.switch.chmod(0o755)
        self.init = Init(folder)
        self.init.reboot()
        if old.get("ready", True):
            while trial.health(self.places, trial.shown().get("MainPID", "")) is None:
                pass

    @property
    def in_force(self) -> str:
        return trial.in_force(self.places)

    @property
    def told(self) -> tuple[str, str, str] | None:
        if not self.places.failed.exists():
            return None
        body = json.loads(self.places.failed.read_text())
        return body["from_version"], body["to_version"], body["cause"]


@pytest.fixture
def machine_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[dict[str, Any], dict[str, Any]], Machine]]:
    path = os.environ["PATH"]
    monkeypatch.setattr(trial, "_LOOK_EVERY_S", 0.1)
    made: list[Machine] = []

    def machine(old: dict[str, Any], new: dict[str, Any], folder: Path = tmp_path) -> Machine:
        folder.mkdir(exist_ok=True)
        monkeypatch.setenv("PATH", f"{folder / 'bin'}:{path}")
        monkeypatch.setenv("DPKG_ROOT", str(folder))
        made.append(Machine(folder, old, new))
        return made[-1]

    yield machine
    for one in made:
        one.init.close()


@pytest.mark.parametrize(
    ("old", "new", "cause"),
    [
        (GOOD, GOOD, ""),
        # It does not even say whether it would run.
        (GOOD, {}, "ended"),
        (GOOD, {"faults": ["configuration"]}, "configuration"),
        (GOOD, {"faults": ["log"]}, "log"),
        (GOOD, {**GOOD, "ready": False}, "not_ready"),
        (GOOD, {**GOOD, "lives_s": 0}, "ended"),
        (GOOD, {**GOOD, "lives_s": 0, "code": 2}, "configuration"),
        # After it was ready.
        (GOOD, {**GOOD, "lives_s": 1}, "ended"),
        (GOOD, {**GOOD, "reasons": ["too_slow"]}, "unhealthy"),
        (GOOD, {**GOOD, "reasons": ["camera_lost"]}, "unhealthy"),
        # The light went out, and so did the network's time.
        (GOOD, {**GOOD, "reasons": ["camera_dark", "clock_unsynced"]}, ""),
        # As it was before.
        ({**GOOD, "reasons": ["broker_lost"]}, {**GOOD, "reasons": ["broker_lost"]}, ""),
        ({**GOOD, "reasons": ["broker_lost"]}, {**GOOD, "reasons": ["broker_lost", "too_slow"]}, "unhealthy"),
        ({**GOOD, "ready": False}, {**GOOD, "ready": False}, ""),
        # It was ready once; without its camera none is.
        ({**GOOD, "reasons": ["camera_lost"]}, {**GOOD, "ready": False}, ""),
        ({**GOOD, "reasons": ["camera_lost"]}, {**GOOD, "ready": False, "lives_s": 1}, "ended"),
        ({**GOOD, "ready": False}, {**GOOD, "ready": False, "lives_s": 1}, "ended"),
    ],
)
def test_trial(
    machine_of: Callable[..., Machine], old: dict[str, Any], new: dict[str, Any], cause: str
) -> None:
    machine = machine_of(old, new)
    ask(machine.places, NEW)
    assert machine.in_force == OLD
    assert run(machine.places, GOOD_S) == cause
    wanted = OLD if cause else NEW
    assert (machine.in_force, machine.init.runs) == (wanted, wanted)
    assert machine.told == ((OLD, NEW, cause) if cause else None)
    assert trial.noted(machine.places) is None
    # Nothing is left to be done.
    assert run(machine.places, GOOD_S) == ""


def test_a_good_one_ends_what_was_told(machine_of: Callable[..., Machine]) -> None:
    machine = machine_of(GOOD, GOOD)
    machine.places.failed.write_text("{}")
    ask(machine.places, NEW)
    assert run(machine.places, GOOD_S) == ""
    assert machine.told is None
    assert not machine.places.failed.exists()


def test_a_refused_one_is_never_started(machine_of: Callable[..., Machine]) -> None:
    machine = machine_of(GOOD, {"faults": ["weights"]})
    before = trial.shown()["MainPID"]
    ask(machine.places, NEW)
    run(machine.places, GOOD_S)
    assert trial.shown()["MainPID"] == before


def test_asked_again_meanwhile_the_way_back_is_to_what_proved_itself(
    machine_of: Callable[..., Machine], monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = machine_of(GOOD, {**GOOD, "ready": False})
    ask(machine.places, NEW)
    with monkeypatch.context() as patch:
        patch.setattr(trial, "judged", down)
        with pytest.raises(KilledError):
            run(machine.places, GOOD_S)
    assert machine.init.runs == NEW
    third = machine.places.versions / "1.2.0~deb13"
    shutil.copytree(machine.places.versions / NEW, third, symlinks=True)
    ask(machine.places, third.name)
    assert run(machine.places, GOOD_S) == "not_ready"
    assert machine.in_force == OLD


class KilledError(BaseException):
    """Nothing catches it."""


class Killer:
    """Ends the trial at its nth moment: before or after something that it does to the card or the service."""

    def __init__(self, patch: pytest.MonkeyPatch, left: int) -> None:
        self._left = left
        for name in ("write", "remove", "ran"):
            patch.setattr(trial, name, self._counted(getattr(trial, name)))

    def _counted(self, does: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*words: Any, **more: Any) -> Any:  # noqa: ANN401 - of any function
            if words[:2] == ("systemctl", "show"):
                return does(*words, **more)
            self._moment()
            answer = does(*words, **more)
            self._moment()
            return answer

        return counted

    def _moment(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise KilledError


@pytest.mark.parametrize("boots", [True, False], ids=["power cut", "only it"])
@pytest.mark.parametrize(
    ("new", "cause"),
    [(GOOD, ""), ({**GOOD, "ready": False}, "not_ready"), ({"faults": ["log"]}, "log")],
    ids=["good", "bad", "refused"],
)
def test_killed_at_each_moment(
    tmp_path: Path,
    machine_of: Callable[..., Machine],
    monkeypatch: pytest.MonkeyPatch,
    new: dict[str, Any],
    cause: str,
    boots: bool,
) -> None:
    good_s, number, is_over = 0.5, 0, False
    while not is_over:
        machine = machine_of(GOOD, new, tmp_path / str(number))
        ask(machine.places, NEW)
        with monkeypatch.context() as patch:
            Killer(patch, number)
            try:
                run(machine.places, good_s)
                is_over = True
            except KilledError:
                # One always runs, whenever the power goes.
                assert machine.in_force in {OLD, NEW}
        if boots:
            machine.init.reboot()
        run(machine.places, good_s)
        wanted = OLD if cause else NEW
        assert (machine.in_force, machine.init.runs) == (wanted, wanted), number
        assert machine.told == ((OLD, NEW, cause) if cause else None), number
        assert trial.noted(machine.places) is None
        machine.init.close()
        number += 1
    assert number > {"": 20, "not_ready": 30, "log": 10}[cause]


def down(*_: object) -> str:
    raise KilledError


def test_a_version_that_brings_the_machine_down(machine_of: Callable[..., Machine]) -> None:
    machine = machine_of(GOOD, GOOD)
    ask(machine.places, NEW)
    for _ in range(3):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(trial, "judged", down)
            with pytest.raises(KilledError):
                run(machine.places, GOOD_S)
        machine.init.reboot()
    assert run(machine.places, GOOD_S) == "ended"
    assert (machine.in_force, machine.told) == (OLD, (OLD, NEW, "ended"))
