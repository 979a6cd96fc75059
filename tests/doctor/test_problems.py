"""What other parts, the system and libraries say is Vietnamese in a Vietnamese report; causes are real."""

from __future__ import annotations

import ast
import errno
import os
import re
import shutil
import socket
from functools import cache
from typing import TYPE_CHECKING

import pytest

from agent.core.log_messages import FAILS
from agent.doctor.report import Finding
from agent.install.manifest import models_directory
from agent.locale.causes import CAUSES, CAUSES_OF
from agent.locale.command_problems import USAGE
from agent.locale.problems import SENTENCES, translated
from tests.conftest import ROOT, free_port
from tests.doctor.conftest import connect
from tests.doctor.test_report import fields
from tests.locale.languages import ENGLISH_LEFT, VIETNAMESE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from agent.doctor import Report
    from tests.broker import Account, CentralBroker
    from tests.doctor.place import Place

# Libraries' words are in no string of the agent.
OWN = sorted({*SENTENCES} - {*CAUSES_OF, *USAGE})
# A part of a sentence that is shorter may be found anywhere; these hold parts together.
TELLING = 8
GLUE = (": ", "; ", " ", " s")


def in_vietnamese(problem: str) -> str:
    return translated(problem, VIETNAMESE)


def said(report: Report) -> dict[str, str]:
    """What a report finds, in Vietnamese, by code."""
    return {item.code: item.found(VIETNAMESE) for item in report.findings if "problem" in item.values}


@cache
def in_code() -> tuple[str, ...]:
    """All strings of the agent but those to be translated; of one with values in it each part."""
    found = set()
    for path in ROOT.glob("agent/**/*.py"):
        if path.parent.name != "locale":
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found |= {node.value, f"{node.value[:1].lower()}{node.value[1:]}"}
    return tuple(sorted(found))


def is_said(part: str) -> bool:
    """Whether the agent says this, in one string or in several one behind the other."""
    ends = range(TELLING, len(part))
    return any(part in text for text in in_code()) or any(
        _goes_on(part[end:]) for end in (0, *ends) if end == 0 or _ends_one(part[:end])
    )


def _ends_one(part: str) -> bool:
    return any(text.endswith(part) for text in in_code())


def _goes_on(rest: str) -> bool:
    whole = (text for text in in_code() if len(text) >= TELLING or text in GLUE)
    return any(
        text.startswith(rest) or (rest.startswith(text) and _goes_on(rest[len(text) :])) for text in whole
    )


@pytest.mark.parametrize("english", OWN)
def test_sentence_is_one_that_the_agent_says(english: str) -> None:
    for part in re.split(r"\{\w+\}", english.removesuffix(".")):
        assert len(part) < TELLING or is_said(part), part


def test_each_is_translated_whatever_it_is_about() -> None:
    for english in SENTENCES:
        values = dict.fromkeys(fields(english), "EADDRINUSE")
        vietnamese = in_vietnamese(english.format(**values))
        assert not ENGLISH_LEFT.search(vietnamese.replace("“EADDRINUSE”", "")), english
        # What is put in as a problem stays whatever a translation leaves out.
        nested = any(name.startswith("problem") for name in fields(english))
        assert nested == ("“EADDRINUSE”" in vietnamese), english
    assert not any(ENGLISH_LEFT.search(in_vietnamese(cause)) for cause in CAUSES)
    assert len({in_vietnamese(cause) for cause in CAUSES} & CAUSES) == 0


@pytest.mark.parametrize(
    "number",
    [
        errno.ECONNREFUSED, errno.ECONNRESET, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ETIMEDOUT,
        errno.EACCES, errno.EPERM, errno.ENOENT, errno.EISDIR, errno.ENOTDIR, errno.ENOSPC, errno.EROFS,
        errno.EIO, errno.EBUSY, errno.ENODEV, errno.ENXIO, errno.ENAMETOOLONG, errno.ELOOP, errno.ENOMEM,
    ],
)  # fmt: skip
def test_frequent_errors_of_the_system(number: int) -> None:
    assert not ENGLISH_LEFT.search(in_vietnamese(os.strerror(number)))


def test_names_that_are_not_known() -> None:
    with pytest.raises(socket.gaierror) as refused:
        socket.getaddrinfo("broker.invalid", 1883)
    assert not ENGLISH_LEFT.search(in_vietnamese(str(refused.value.strerror)))


def test_rare_problem_stays_english_in_quotation_marks() -> None:
    problem = "the password_file /run/password can't be read (Bad message)"
    assert in_vietnamese(problem) == "password_file /run/password: “Bad message”"
    finding = Finding("log.unknown", {"path": "Connection refused"})
    assert "Connection refused" in finding.found(VIETNAMESE)


def test_last_line_of_the_service() -> None:
    line = FAILS % "/var/lib/gate.mp4: there is no such file or folder; check the path."
    assert in_vietnamese(line) == (
        "phần mềm dừng vì: không có tệp hoặc thư mục /var/lib/gate.mp4; hãy kiểm tra đường dẫn"
    )


def camera_missing(place: Place) -> None:
    place.camera["source"] = "/dev/v4l/by-id/nothing"


def camera_no_device(place: Place) -> None:
    place.camera["source"] = "/dev/null/video"


def camera_port_closed(place: Place) -> None:
    place.camera["source"] = f"rtsp://127.0.0.1:{free_port()}/stream"


def camera_name_wrong(place: Place) -> None:
    place.camera["source"] = "rtsp://camera.invalid/stream"


def camera_without_its_password(place: Place) -> None:
    place.camera |= {"source": "rtsp://127.0.0.1/s", "username": "u", "password_file": place.folder / "none"}


def recording_missing(place: Place) -> None:
    place.camera["source"] = place.folder / "nothing.mp4"


def recording_cut_off(place: Place) -> None:
    path = place.folder / "cut.mp4"
    path.write_bytes(b"nothing of a film")
    place.camera["source"] = path


def value_wrong(place: Place) -> None:
    place.mqtt = {"host": "broker.example", "port": 0}


def key_unknown(place: Place) -> None:
    place.camera["soruce"] = "picamera2"


def syntax_wrong(place: Place) -> None:
    place.more += "\n[mqtt\n"


def table_twice(place: Place) -> None:
    place.more += '\n[device]\nsite = "a"\n'


def zone_unknown(place: Place) -> None:
    place.more += '\n[[counter]]\nid = "desk"\nstaff = "nowhere"\n'


def hours_wrong(place: Place) -> None:
    place.more += '\n[[hours]]\ndays = ["mon"]\nperiods = [["7h30", "11:30"]]\n'


def certificate_missing(place: Place) -> None:
    files = {name: place.folder / name for name in ("certificate_file", "key_file")}
    place.mqtt = {"host": "127.0.0.1", "port": free_port(), **files}


def name_is_another(place: Place) -> None:
    secret = place.folder / "password"
    secret.write_text("x\n")
    place.mqtt = {"host": "127.0.0.1", "port": free_port(), "username": "a/b", "password_file": secret}


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (camera_missing, "camera.not_opened"),
        (camera_no_device, "camera.not_opened"),
        (camera_port_closed, "camera.not_reached"),
        (camera_name_wrong, "camera.not_reached"),
        (camera_without_its_password, "camera.not_reached"),
        (recording_missing, "camera.unreadable"),
        (recording_missing, "configuration.notice"),
        (recording_cut_off, "camera.unreadable"),
        (value_wrong, "configuration.wrong"),
        (key_unknown, "configuration.wrong"),
        (syntax_wrong, "configuration.wrong"),
        (table_twice, "configuration.wrong"),
        (zone_unknown, "configuration.wrong"),
        (hours_wrong, "configuration.wrong"),
        (certificate_missing, "certificate.unread"),
        (certificate_missing, "configuration.notice"),
        (name_is_another, "configuration.notice"),
    ],
)  # fmt: skip
def test_fault_of_the_device(place: Place, wrong: Callable[[Place], None], code: str) -> None:
    wrong(place)
    found = said(place.examined())
    assert code in found
    assert not [text for text in found.values() if ENGLISH_LEFT.search(text)]


@pytest.mark.parametrize("left", ["nothing", "cut off", "upstream file", "prepared damaged"])
def test_weights(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left: str) -> None:
    there, folder = models_directory(), tmp_path / "models"
    (folder / "prepared").mkdir(parents=True)
    for path in there.glob("*.onnx") if left != "nothing" else ():
        shutil.copy(path, folder)
        if left == "cut off":
            os.truncate(folder / path.name, 1000)
    for path in (there / "prepared").iterdir() if left == "prepared damaged" else ():
        (folder / "prepared" / path.name).write_bytes(path.read_bytes()[:-1] + b"?")
    monkeypatch.setenv("PRESENCE_AGENT_MODELS", str(folder))
    found = said(place.examined())
    assert "weights.wrong" in found
    assert not [text for text in found.values() if ENGLISH_LEFT.search(text)]


def other_authority(place: Place, central: CentralBroker) -> None:
    place.mqtt["ca_file"] = central.new_authority(place.folder / "other.pem", "another")


def no_authority(place: Place, _central: CentralBroker) -> None:
    place.mqtt["ca_file"] = place.folder / "nothing.pem"


def authority_is_none(place: Place, _central: CentralBroker) -> None:
    path = place.folder / "empty.pem"
    path.write_text("nothing\n")
    place.mqtt["ca_file"] = path


def no_password(place: Place, _central: CentralBroker) -> None:
    place.mqtt["password_file"] = place.folder / "nothing"


def empty_password(place: Place, _central: CentralBroker) -> None:
    path = place.folder / "empty"
    path.write_text("\n")
    place.mqtt["password_file"] = path


def other_login(place: Place, central: CentralBroker) -> None:
    account = central.add("device", "que-phong", "problems")
    place.mqtt |= {"username": account.login, "password_file": account.password_file}


def tls_off_at_its_port(place: Place, _central: CentralBroker) -> None:
    place.mqtt["tls"] = False
    del place.mqtt["ca_file"]


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (other_authority, "broker_tls.untrusted"),
        (no_authority, "broker_tls.file"),
        (authority_is_none, "broker_tls.file"),
        (no_password, "broker_login.no_secret"),
        (empty_password, "broker_login.no_secret"),
        (other_login, "broker_rights.no_write"),
        (tls_off_at_its_port, "broker_login.failed"),
    ],
)
def test_fault_of_the_broker(
    at_broker: Place,
    whole_broker: tuple[CentralBroker, Account],
    wrong: Callable[[Place, CentralBroker], None],
    code: str,
) -> None:
    wrong(at_broker, whole_broker[0])
    found = said(at_broker.examined())
    assert code in found
    assert not [text for text in found.values() if ENGLISH_LEFT.search(text)]


def test_certificates(place: Place, start_central: Callable[[], CentralBroker]) -> None:
    central = start_central()
    connect(place, central, central.add("device", "que-phong", "one-stop"))
    names = "extendedKeyUsage=serverAuth\nsubjectAltName=IP:127.0.0.1"
    central.sign_in_the_past("broker", central.folder / "server.key", central.folder / "server.pem", names)
    central.reload()
    found = {item.code: item.found(VIETNAMESE) for item in place.examined().findings}
    assert found["broker_tls.expired"] == "chứng thư số của máy chủ MQTT đã hết hạn"
    account = central.add_certified("que-phong", "two-stop")
    central.certificates("server", "127.0.0.1")
    central.certificates("revoke", "que-phong", "two-stop")
    central.reload()
    place.mqtt = {
        "host": "127.0.0.1", "port": central.certificate_port, "ca_file": central.ca_file,
        "certificate_file": account.certificate_file, "key_file": account.key_file,
    }  # fmt: skip
    found = said(place.examined())
    assert "chứng thư số của thiết bị đã bị thu hồi" in found["broker_tls.refused"]
    assert not [text for text in found.values() if ENGLISH_LEFT.search(text)]
