"""Doctor as the service: with the unit's own settings, and what comes out of there into the report."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from agent.doctor import Finding, examine
from agent.doctor.sandbox import SandboxAnswer, _read, as_json, ask_sandbox, program, properties, settings
from tests.conftest import ROOT, write_config
from tests.locale.languages import ENGLISH
from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    from pathlib import Path

    from agent.doctor import Report
    from tests.doctor.place import Place

UNIT = (ROOT / "systemd" / "presence-agent.service").read_text("utf-8")
# What settles no rights, or would change something: by hand, so that nothing that is new is left out unseen.
LEFT_OUT = {
    "Type", "NotifyAccess", "ExecStart", "ExecStartPre", "ExecReload", "Restart", "RestartSec",
    "RestartPreventExitStatus", "WatchdogSec", "TimeoutStartSec", "TimeoutStopSec", "TimeoutAbortSec",
    "StateDirectory", "StateDirectoryMode", "RuntimeDirectory", "RuntimeDirectoryMode",
    "RuntimeDirectoryPreserve",
    "MemoryHigh", "MemoryMax", "TasksMax", "CPUWeight", "Nice", "OOMScoreAdjust", "RemoveIPC",
}  # fmt: skip


def test_all_that_settles_rights_is_taken_over() -> None:
    keys = [key for key, _ in settings(UNIT)]
    taken = [setting.partition("=")[0] for setting in properties(UNIT)]
    assert [key for key in keys if key not in LEFT_OUT] == [key for key in taken if key != "ReadWritePaths"]
    assert set(keys) >= LEFT_OUT
    assert set(properties(UNIT)) >= {"User=presence-agent", "ProtectHome=yes", "CapabilityBoundingSet="}
    folders = [setting for setting in properties(UNIT) if setting.startswith("ReadWritePaths")]
    assert folders == ["ReadWritePaths=-/var/lib/presence-agent", "ReadWritePaths=-/run/presence-agent"]


def test_drop_ins_and_long_lines_are_read() -> None:
    text = UNIT + '\n# /etc/x.conf\n[Service]\nEnvironment="A=1" \\\n  "B=100%%"\n; x\n[Install]\nUser=root\n'
    assert properties(text)[-1] == 'Environment="A=1"    "B=100%"'
    assert program(text) == "/usr/bin/presence-agent"
    assert program("[Service]\nExecStart=\nExecStart=-/bin/x run\n") == "/bin/x"


def test_findings_come_out_as_they_are() -> None:
    sandbox = "/run/credentials/presence-agent-doctor-7.service/"
    problem = f"the password_file {sandbox}mqtt-password is empty"
    found = _read(as_json([Finding("broker_login.no_secret", {"problem": problem, "n": 3})]), sandbox)
    assert found == (
        Finding(
            "broker_login.no_secret",
            {"problem": "the password_file /etc/presence-agent/mqtt-password is empty", "n": 3},
        ),
    )


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "[3]", '[{"code": "no.such", "values": {}}]', '[{"code": "camera.ok"}]']
)
def test_what_makes_no_sense_is_no_answer(text: str) -> None:
    assert _read(text, "/x/") is None


def asked(place: Place) -> Report:
    return examine(place.write_config(), ask_sandbox=ask_sandbox)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine that is busy with other things Python itself takes ten seconds to start."""
    monkeypatch.setattr("agent.doctor.sandbox._WAIT_S", PATIENCE_S)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may look as another user")
@pytest.mark.usefixtures("patient")
def test_root_looks_as_the_service(place: Place) -> None:
    place.installed()
    place.camera["source"] = "/nowhere/at/all.avi"
    report = asked(place)
    codes = {finding.check: finding.code for finding in report.findings}
    assert codes["whose"] == "whose.service"
    assert codes["camera"] == "camera.unreadable"
    assert report.exit_code == 2
    words = (place.folder / "asked").read_text()
    assert "--property=User=somebody" in words
    assert f"doctor --inside --config {place.config}" in words


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may look as another user")
def test_where_there_is_no_sandbox_the_caller_looks(place: Place) -> None:
    place.installed(says="echo 'Failed at step CREDENTIALS' >&2; exit 243")
    place.camera["source"] = "/nowhere/at/all.avi"
    report = asked(place)
    (whose,) = [finding for finding in report.findings if finding.check == "whose"]
    assert whose.code == "whose.not_inside"
    assert "CREDENTIALS (exit code 243)" in whose.found(ENGLISH)
    assert "camera.unreadable" in [finding.code for finding in report.findings]


def test_without_a_service_it_is_said_for_whom_it_holds(tmp_path: Path, place: Place) -> None:
    place.service(LoadState="not-found")
    assert ask_sandbox(write_config(tmp_path, "x.avi")).whose.code == "whose.no_service"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_who_is_not_root_is_told_so(place: Place) -> None:
    place.installed()
    place.folder.chmod(0o755)
    answer: SandboxAnswer | None = None
    path = place.write_config()
    os.seteuid(65534)
    try:
        answer = ask_sandbox(path)
    finally:
        os.seteuid(0)
    # Nobody does not even find systemctl in there, unless the way is open.
    assert answer.whose.code in {"whose.caller", "whose.no_service"}
    assert answer.findings is None
