"""Trial of a new version, and the way back: small versions under a small service manager."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from deploy.debian import trial
from deploy.debian.trial import ask, run
from tests.deploy.trial_machine import GOOD, GOOD_S, NEW, OLD, THIRD, Machine
from tests.faults.recording import LINK, Disk, record

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def machine_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Machine]:
    def machine(old: dict[str, Any], new: dict[str, Any], folder: Path = tmp_path) -> Machine:
        return Machine(folder, old, new, monkeypatch)

    return machine


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
        (GOOD, {**GOOD, "lives_s": 15}, "ended"),
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
        ({**GOOD, "reasons": ["camera_lost"]}, {**GOOD, "ready": False, "lives_s": 15}, "ended"),
        ({**GOOD, "ready": False}, {**GOOD, "ready": False, "lives_s": 15}, "ended"),
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


@pytest.mark.parametrize(
    ("form", "cause"),
    [("1 3", ""), ("2 3", ""), ("3 3", "log"), ("", "log"), (None, "log")],
    ids=["the same", "one that is read", "one that is not", "none said", "no file"],
)
def test_log_goes_forward_only_where_the_way_back_can_read_it(
    machine_of: Callable[..., Machine], form: str | None, cause: str
) -> None:
    machine = machine_of(GOOD, GOOD)
    path = machine.places.versions / NEW / "log-form"
    path.unlink() if form is None else path.write_text(form)
    ask(machine.places, NEW)
    assert run(machine.places, GOOD_S) == cause
    assert machine.in_force == (OLD if cause else NEW)


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
    shutil.copytree(machine.places.versions / NEW, machine.places.versions / THIRD)
    ask(machine.places, THIRD)
    assert run(machine.places, GOOD_S) == "not_ready"
    assert machine.in_force == OLD


def test_asked_again_before_the_way_back_a_good_one_is_no_failure(
    machine_of: Callable[..., Machine],
) -> None:
    machine = machine_of(GOOD, {**GOOD, "ready": False})
    # A kill when the way back was decided, and not yet gone.
    trial.switch(machine.places, NEW)
    failed = trial.Trial(OLD, NEW, "failed", cause="not_ready", ts="2026-12-01T03:00:00Z", switched=True)
    trial.note(machine.places, failed)
    shutil.copytree(machine.places.versions / NEW, machine.places.versions / THIRD)
    machine.init.behaves[THIRD] = GOOD
    ask(machine.places, THIRD)
    # What failed before it is said until one succeeds.
    assert machine.told == (OLD, NEW, "not_ready")
    assert run(machine.places, GOOD_S) == ""
    assert machine.in_force == THIRD
    assert not machine.places.failed.exists()


def test_tidy_keeps_the_way_back_of_a_trial(machine_of: Callable[..., Machine]) -> None:
    machine = machine_of(GOOD, GOOD)
    for name in (THIRD, "1.0.0"):
        shutil.copytree(machine.places.versions / NEW, machine.places.versions / name)
    # The one before is of a trial that was replaced: neither in force nor the one before that.
    trial.note(machine.places, trial.Trial(OLD, NEW, "tried", switched=True))
    for name in (NEW, THIRD, NEW):
        trial.switch(machine.places, name)
    machine.init.ran(machine.places.switch, "tidy")
    left = {
        path.name for path in machine.places.versions.iterdir() if path.is_dir() and not path.is_symlink()
    }
    assert left == {OLD, NEW, THIRD}


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
    number, is_over = 0, False
    while not is_over:
        machine = machine_of(GOOD, new, tmp_path / str(number))
        ask(machine.places, NEW)
        with monkeypatch.context() as patch:
            Killer(patch, number)
            try:
                run(machine.places, GOOD_S)
                is_over = True
            except KilledError:
                # One always runs, whenever the power goes.
                assert machine.in_force in {OLD, NEW}
        if boots:
            machine.init.reboot()
        run(machine.places, GOOD_S)
        wanted = OLD if cause else NEW
        assert (machine.in_force, machine.init.runs) == (wanted, wanted), number
        assert machine.told == ((OLD, NEW, cause) if cause else None), number
        assert trial.noted(machine.places) is None
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


@pytest.mark.parametrize(
    ("new", "cause"), [(GOOD, ""), ({**GOOD, "ready": False}, "not_ready")], ids=["good", "bad"]
)
def test_power_cut_between_any_two_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, new: dict[str, Any], cause: str
) -> None:
    tried = ["strace", "-o", "/dev/null", "true"]
    if not shutil.which("strace") or subprocess.run(tried, check=False, capture_output=True).returncode:
        pytest.skip("strace is not here, or may not trace")
    versions = f"{tmp_path / 'recorded/versions'}/"
    calls = record(tmp_path / "trace", versions, "tests.deploy.trial_writer", json.dumps(new))
    chance, disk, asked = random.Random(1), Disk(), False  # noqa: S311
    found: set[frozenset[tuple[str, bytes]]] = set()
    for call in calls:
        asked = asked or call.call == "said"
        # What is in the versions themselves was there before.
        if "/" not in call.name:
            disk.do(call)
        if asked:
            found |= {frozenset(disk.after_cut(chance).items()) for _ in range(20)}
    wanted = OLD if cause else NEW
    for number, files in enumerate(found):
        machine = Machine(tmp_path / str(number), GOOD, new, monkeypatch)
        for name, content in files:
            path = machine.places.versions / name
            path.unlink(missing_ok=True)
            if content.startswith(LINK):
                path.symlink_to(content.removeprefix(LINK).decode())
            else:
                path.write_bytes(content)
        assert machine.in_force in {OLD, NEW}
        machine.init.reboot()
        run(machine.places, GOOD_S)
        assert (machine.in_force, machine.init.runs) == (wanted, wanted), files
        assert machine.told == ((OLD, NEW, cause) if cause else None), files
        assert trial.noted(machine.places) is None
    assert len(found) >= {"": 12, "not_ready": 20}[cause]
