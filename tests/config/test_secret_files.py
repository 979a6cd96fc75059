"""Reports of passwords and keys that others may read, with the command that fixes it."""

from __future__ import annotations

import grp
import os
import pwd
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from agent.config.load import load
from agent.config.secret_files import secret_files
from agent.core.credentials import HANDED
from agent.device.stream import StreamCamera
from agent.doctor import System
from agent.doctor.checks_centre import secrets_check
from agent.errors import CameraError, DeliveryError
from agent.mqtt.password import password_in
from agent.mqtt.tls import tls_context
from tests.conftest import wait_until, write_config
from tests.locale.languages import ENGLISH

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from agent.config.models import Config
    from agent.doctor.report import Finding
    from tests.conftest import Agent, Mosquitto, Ran

IS_ROOT = os.geteuid() == 0


def with_password(folder: Path, path: Path, source: str | Path = "x.avi", port: int = 8883) -> Path:
    file = write_config(folder, source, port=port)
    lines = f'tls = false\nusername = "test/yard"\npassword_file = "{path}"'
    file.write_text(file.read_text().replace("tls = false", lines))
    return file


def secret(path: Path, mode: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("of-the-device\n")
    path.chmod(mode)
    return path


@pytest.fixture
def handed(tmp_path: Path) -> Config:
    """A configuration whose password systemd hands on."""
    return load(with_password(tmp_path, HANDED / "mqtt-password"))


MODES = [
    (0o600, False), (0o400, False), (0o640, True), (0o604, True), (0o644, True), (0o660, True), (0o620, True),
]  # fmt: skip


@pytest.mark.parametrize(("mode", "is_open"), MODES)
@pytest.mark.parametrize("name", ["mqtt-password", "mqtt-key", "camera-password"])
def test_source_of_a_credential(tmp_path: Path, handed: Config, name: str, mode: int, is_open: bool) -> None:
    """Also one that the configuration does not name: systemd hands it on all the same."""
    path = secret(tmp_path / "etc/presence-agent" / name, mode)
    (found,) = secret_files(handed, "nobody", tmp_path)
    assert (found.path, found.mode, found.is_open) == (path, f"{mode:04o}", is_open)
    assert found.remedy == f"sudo chown root: {path} && sudo chmod 600 {path}"


def test_certificate_is_no_secret(tmp_path: Path, handed: Config) -> None:
    secret(tmp_path / "etc/presence-agent/mqtt-certificate", 0o644)
    assert list(secret_files(handed, "nobody", tmp_path)) == []


@pytest.mark.parametrize(("mode", "is_open"), [(0o600, False), (0o644, True), (0o640, True)])
def test_file_that_the_service_reads_itself(tmp_path: Path, mode: int, is_open: bool) -> None:
    path = secret(tmp_path / "password", mode)
    config = load(with_password(tmp_path, path))
    (found,) = secret_files(config, None, tmp_path)
    assert (found.is_open, found.remedy) == (is_open, f"sudo chmod 600 {path}")
    (found,) = secret_files(config, "nobody", tmp_path)
    assert found.remedy == f"sudo chown nobody: {path} && sudo chmod 600 {path}"


@pytest.mark.skipif(not IS_ROOT, reason="only root gives files away")
def test_group_of_the_service_may_read(tmp_path: Path) -> None:
    path = secret(tmp_path / "password", 0o640)
    config = load(with_password(tmp_path, path))
    for group, is_open in ((pwd.getpwnam("nobody").pw_gid, False), (grp.getgrnam("mail").gr_gid, True)):
        os.chown(path, 0, group)
        (found,) = secret_files(config, "nobody", tmp_path)
        assert found.is_open is is_open


@pytest.mark.skipif(not IS_ROOT, reason="only root gives files away")
def test_doctor_names_the_remedy_and_it_is_one(tmp_path: Path, handed: Config) -> None:
    path = secret(tmp_path / "etc/presence-agent/mqtt-password", 0o644)

    def found() -> list[Finding]:
        told: list[Finding] = []
        secrets_check(handed, System(tmp_path), "nobody", told.append)
        return told

    (finding,) = found()
    assert (finding.code, finding.status) == ("secrets.open", "warning")
    assert finding.found(ENGLISH) == f"{path} can be read by others than the service (mode 0644)"
    commands = str(finding.remedy(ENGLISH)).split("'")[1].replace("sudo ", "")
    subprocess.run(["sh", "-c", commands], check=True)
    assert [finding.code for finding in found()] == ["secrets.ok"]
    path.unlink()
    assert found() == []


@pytest.mark.parametrize(("mode", "is_told"), [(0o600, False), (0o644, True)])
def test_check(tmp_path: Path, presence_agent: Callable[..., Ran], mode: int, is_told: bool) -> None:
    path = secret(tmp_path / "password", mode)
    ran = presence_agent("check", "--config", with_password(tmp_path, path))
    assert ran.code == 0
    assert (f"{path}: others than the service can read it (mode 0644); run 'sudo ch" in ran.out) == is_told
    assert "of-the-device" not in ran.out


@pytest.mark.usefixtures("weights")
@pytest.mark.parametrize(("mode", "times"), [(0o600, 0), (0o644, 1)])
def test_journal_is_told_at_the_start(
    tmp_path: Path,
    vtest: Path,
    mosquitto: Mosquitto,
    start_agent: Callable[[Path], Agent],
    mode: int,
    times: int,
) -> None:
    path = secret(tmp_path / "password", mode)
    agent = start_agent(with_password(tmp_path, path, vtest, mosquitto.port))
    wait_until(lambda: "ready" in agent.said())
    line = f"{path} can be read by others than the service (mode 0644): run 'sudo ch"
    assert agent.said().count(line) == times
    assert "of-the-device" not in agent.said()
    assert agent.end(signal.SIGTERM) == 0


# --- what is missing is named where it can be put -----------------------------------------------------


@pytest.fixture
def handed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where systemd puts credentials; of files that are not there it makes empty ones."""
    monkeypatch.setattr("agent.core.credentials.HANDED", tmp_path)
    for name in ("mqtt-password", "mqtt-certificate", "mqtt-key", "camera-password"):
        (tmp_path / name).write_text("\n")
    return tmp_path


def test_missing_password_is_named_where_the_installer_puts_it(handed_on: Path) -> None:
    with pytest.raises(DeliveryError) as told:
        password_in(handed_on / "mqtt-password")
    assert "the password_file /etc/presence-agent/mqtt-password is not there, or" in str(told.value)
    assert str(handed_on) not in str(told.value)


def test_missing_certificate_is_named_where_the_installer_puts_it(handed_on: Path) -> None:
    with pytest.raises(DeliveryError) as told:
        tls_context(None, handed_on / "mqtt-certificate", handed_on / "mqtt-key")
    pair = "/etc/presence-agent/mqtt-certificate and the key_file /etc/presence-agent/mqtt-key"
    assert pair in str(told.value)
    assert str(handed_on) not in str(told.value)


def test_missing_camera_password_is_named_where_the_installer_puts_it(handed_on: Path) -> None:
    file = handed_on / "camera-password"
    camera = StreamCamera("rtsp://127.0.0.1:1/x", (640, 480), 5, "viewer", file)
    with pytest.raises(CameraError) as told:
        camera.open()
    assert "[camera] password_file /etc/presence-agent/camera-password: is not there, or" in str(told.value)
