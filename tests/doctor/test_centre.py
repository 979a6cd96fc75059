"""What doctor says of what the centre gives: working hours, and the device's certificate."""

from __future__ import annotations

import shutil
import ssl
from typing import TYPE_CHECKING

import pytest

from agent.app.central_calendar import CalendarKeeper, kept_at
from agent.app.settings import settings_of
from agent.config.load import load
from agent.doctor.checks_centre import certificate_check, hours_check
from agent.doctor.system import System
from agent.mqtt.certificates import certificate_ends
from tests.builders import make_at
from tests.conftest import write_config
from tests.locale.languages import ENGLISH, VIETNAMESE
from tests.mqtt.test_certificates import made

if TYPE_CHECKING:
    from pathlib import Path

    from agent.doctor.report import Finding

HOURS = """
[[hours]]
days = ["mon"]
periods = [["08:00", "12:00"]]
"""


def hours_of(config: Path) -> Finding:
    found: list[Finding] = []
    hours_check(load(config), found.append)
    (finding,) = found
    return finding


def test_hours(tmp_path: Path) -> None:
    config = write_config(tmp_path, "x.avi")
    assert hours_of(config).code == "hours.always"
    config = write_config(tmp_path, "x.avi", more=HOURS)
    assert hours_of(config).code == "hours.file"
    kept = kept_at(load(config).log.path)
    kept.parent.mkdir()
    keeper = CalendarKeeper(load(config))
    keeper.receive('{"v":1,"hours":[]}')
    keeper.apply_received(make_at(0))
    finding = hours_of(config)
    assert finding.found(ENGLISH) == (
        "from the centre since 2026-01-05T00:00:00.000Z (98fc822be732f1a2), not those of the configuration"
    )
    kept.write_bytes(kept.read_bytes()[:-7])
    assert hours_of(config).code == "hours.damaged"
    assert str(kept) in str(hours_of(config).remedy(VIETNAMESE))
    kept.unlink()
    kept.mkdir()
    assert hours_of(config).code == "hours.unread"


@pytest.mark.parametrize(
    ("days", "code"),
    [(90, "ok"), (31, "ok"), (30, "ends_soon"), (2, "ends_soon"), (None, "ended")],
)
def test_certificate(tmp_path: Path, days: int | None, code: str) -> None:
    if days is None:
        path = made(tmp_path, "-days", "1")
        # Of its signature nothing is asked here.
        last = f"{certificate_ends(path):%y%m%d%H%M%SZ}".encode()
        der = ssl.PEM_cert_to_DER_cert(path.read_text()).replace(last, b"210101000000Z")
        path.write_text(ssl.DER_cert_to_PEM_cert(der))
    else:
        path = made(tmp_path, "-days", str(days))
    found = certificate_of(tmp_path, path)
    assert found.code == f"certificate.{code}"
    if code != "ok":
        assert "certificates.sh device test yard" in str(found.remedy(ENGLISH))
    shutil.copy("/dev/null", path)
    assert certificate_of(tmp_path, path).code == "certificate.unread"


def certificate_of(folder: Path, certificate: Path) -> Finding:
    config = write_config(folder, "x.avi", port=8883)
    files = f'certificate_file = "{certificate}"\nkey_file = "{folder / "device.key"}"'
    config.write_text(config.read_text().replace("tls = false", files))
    found: list[Finding] = []
    certificate_check(settings_of(load(config)), System(), found.append)
    (finding,) = found
    return finding


@pytest.mark.parametrize("port", [None, 8883])
def test_no_certificate(tmp_path: Path, port: int | None) -> None:
    found: list[Finding] = []
    certificate_check(settings_of(load(write_config(tmp_path, "x.avi", port=port))), System(), found.append)
    assert found == []
