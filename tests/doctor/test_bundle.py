"""A bundle has what its list says and no secret of the set-up, in no form; it is there whole or not at all.

The journal and systemd are programs of the test that say what it wants; tests/systemd/acceptance.sh makes a
bundle where both are real.
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import os
import shutil
import stat
import subprocess
import tarfile
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

import pytest

from agent.core.log_messages import HEALTH
from agent.doctor import System, examine, write_bundle
from agent.doctor.bundle.archive import FOLDER, MEMBERS
from agent.doctor.bundle.configuration import configuration, written
from agent.doctor.bundle.redaction import HIDDEN, Redactor
from agent.doctor.bundle.units import safe_directives
from agent.errors import AgentError, CameraError
from agent.eventlog.log import EventLog
from tests.conftest import ROOT, command
from tests.doctor.place import SERVICE, Place
from tests.doctor.test_faults import Shown
from tests.locale.languages import ENGLISH, VIETNAMESE
from tests.patience import PATIENCE_S
from tests.samples import SENDER, make_entered, make_started

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.conftest import Ran

# As it is written for installers and for those who help: a new member is a decision.
LISTED = [
    "README.txt", "doctor.txt", "doctor.json", "versions.json", "configuration.json", "health.json",
    "events.json", "machine.json", "kernel.txt", "units.txt", "journal.txt",
]  # fmt: skip
KEY = b"".join(
    [
        b"-----BEGIN PRIVATE KEY-----\n",
        b"MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgVcB/UNPxalR9zDYA\n",
        b"jQIfjojUDiQuGnSJrFEEzZPT/92hRANCAASC7UJtgnF/abqWM60T3XNJEzBv5ez9\n",
        b"-----END PRIVATE KEY-----\n",
    ]
).decode()
# Where each is, and what it is: letters that programs escape are in them on purpose.
SECRETS = {
    "broker's password file": 'hunter2 & "Quotes"/Slash+Plus=%é',
    "camera's password file": "p@ss:wörd/42?x",
    "camera's user": "cam-user-zeppelin",
    "path of the camera's address": "s3cr3tPathToken",
    "query of the camera's address": "query-tulip-9",
    "a credential of systemd": "credential-in-memory-5",
    "another file beside it": "sandwich-token-88",
    "a credential written out": "set-credential-mango",
    "a variable of the unit": "unit-variable-quince",
    "login in a variable's address": "proxy-pa55-kiwi",
    "a variable of doctor's": "environment-papaya-3",
    "key": KEY.splitlines()[1],
}
UNIT = f"""# /usr/lib/systemd/system/presence-agent.service
# a remark: {SECRETS["a variable of the unit"]}
[Service]
Type=notify
ExecStart=/usr/bin/presence-agent run --config /etc/presence-agent/agent.toml
ExecStartPre=/bin/sh -c 'echo {SECRETS["a variable of the unit"]}'
LoadCredential=mqtt-password:/etc/presence-agent/mqtt-password
SetCredential=mqtt-key:{SECRETS["a credential written out"]}
Environment="API_TOKEN={SECRETS["a variable of the unit"]}" LANG=vi_VN.UTF-8
Environment=PROXY=http://somebody:{SECRETS["login in a variable's address"]}@proxy.example:3128/
ProtectHome=yes
"""


def shapes(secret: str) -> Iterator[bytes]:
    """In which it is looked for; made here a second time, by other hands than the code's."""
    raw = secret.encode()
    texts = [secret, quote(secret, safe=""), quote(secret), quote_plus(secret), json.dumps(secret)[1:-1]]
    yield from (text.encode() for text in texts)
    yield from (
        quote(secret, safe="").replace(quote(x), quote(x).lower()).encode() for x in secret if x in "@:/&"
    )
    for user in (b"", b"u:", b"admin:", b"cam-user-zeppelin:"):
        yield base64.b64encode(user + raw)
        yield base64.urlsafe_b64encode(user + raw)
    yield raw.hex().encode()


def lines_with(secrets: dict[str, str]) -> list[str]:
    """What a journal might say, each secret in each shape."""
    return [
        f"2026-11-30T10:00:00+0700 pi presence-agent[7]: {name}: {shape.decode(errors='replace')} was refused"
        for name, secret in secrets.items()
        for shape in shapes(secret)
    ]


@pytest.fixture
def set_up(place: Place, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A device with a secret of every kind, each in a line of the journal and in an error, too."""
    secret = SECRETS
    for name, content in {
        "mqtt": secret["broker's password file"],
        "camera": secret["camera's password file"],
    }.items():
        (place.folder / f"{name}-password").write_text(f"{content}\n")
    place.write("etc/presence-agent/api-token", secret["another file beside it"])
    place.write("etc/presence-agent/mqtt-key", KEY)
    place.write("run/credentials/presence-agent.service/camera-password", secret["a credential of systemd"])
    monkeypatch.setenv("CENTRAL_PASSWORD", secret["a variable of doctor's"])
    place.camera = {
        "source": (
            "rtsp://127.0.0.1:1/{path of the camera's address}?k={query of the camera's address}".format(
                **secret
            )
        ),
        "username": secret["camera's user"],
        "password_file": place.folder / "camera-password",
    }
    place.mqtt = {
        "host": "127.0.0.1", "port": 1, "tls": False, "username": "que-phong/one-stop",
        "password_file": place.folder / "mqtt-password",
    }  # fmt: skip
    refused = "401 for rtsp://{}:{}@cam/x".format(secret["camera's user"], secret["camera's password file"])
    place.camera_of = lambda _camera, _now: Shown(None, CameraError(refused))
    programs(place, lines_with(secret))
    with EventLog(SENDER, place.folder / "log" / "events.db") as log:
        log.append([make_started(), *(make_entered(number) for number in range(31_400, 31_407))])
    numbers = {"v": 1, "ts": "2026-11-30T03:00:00Z", "camera": "ok", "fps": 9.5, "said": "Somebody came by."}
    (place.folder / "run" / "sight.json").write_text(json.dumps(numbers))
    return place


def programs(place: Place, lines: list[str]) -> None:
    """Programs of systemd that say all that a bundle asks of them."""
    told = "\n".join(lines)
    kernel = f"mmc0: error -110 whilst initialising SD card {lines[0] if lines else ''}"
    for name, text in {"lines": told, "kernel": kernel, "unit": UNIT, "status": told}.items():
        (place.folder / f"{name}.said").write_text(f"{text}\n")
    entries = "".join(f"{json.dumps({'MESSAGE': line})}\n" for line in lines)
    (place.folder / "entries.said").write_text(entries)
    shown = "".join(f"{name}={value}\n" for name, value in (SERVICE | {"ActiveState": "failed"}).items())
    (place.folder / "show.said").write_text(f"{shown}StatusText={lines[0] if lines else 'sees'}\n")
    folder = place.folder
    script = {
        "journalctl": f"""case "$*" in
            *_TRANSPORT=kernel*) cat '{folder}/kernel.said' ;;
            *--output-fields=*) cat '{folder}/entries.said' ;;
            *MESSAGE_ID={HEALTH.message_id}*) tail -n 1 '{folder}/lines.said' ;;
            *presence-agent-check.service*) cat '{folder}/lines.said' ;;
            esac""",
        "systemctl": f"""case "$1" in
            show) cat '{folder}/show.said' ;;
            cat) cat '{folder}/unit.said' ;;
            status) cat '{folder}/status.said'; exit 3 ;;
            esac""",
    }
    for name, text in script.items():
        path = folder / "bin" / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)


def bundled(place: Place, to: Path | None = None) -> dict[str, str]:
    """The members of a bundle of what is there now."""
    machine = System(place.root, place.folder / "run", lambda: place.synced)
    path = to or place.folder / "bundle.tar.gz"
    write_bundle(path, place.examined(), place.config, ENGLISH, machine)
    return unpacked(path.read_bytes())


def unpacked(content: bytes) -> dict[str, str]:
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        members = archive.getmembers()
        assert all(member.isfile() and member.mode == 0o600 for member in members)
        assert {(member.uid, member.gid, member.uname, member.gname) for member in members} == {
            (0, 0, "", "")
        }
        read = {member.name: archive.extractfile(member) for member in members}
    texts = {}
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        for name in read:
            file = archive.extractfile(name)
            assert file is not None
            texts[name.removeprefix(f"{FOLDER}/")] = file.read().decode()
    return texts


def found_in(content: bytes, secrets: dict[str, str]) -> list[tuple[str, bytes]]:
    """Each secret with the shape in which it is somewhere in the bytes."""
    return [
        (name, shape)
        for name, secret in secrets.items()
        for shape in shapes(secret)
        # Of base64 the last letters change with what follows.
        if (shape.rstrip(b"=")[:-1] if len(shape) > len(secret) else shape) in content
    ]


def test_no_secret_in_any_byte(set_up: Place) -> None:
    path = set_up.folder / "bundle.tar.gz"
    members = bundled(set_up, path)
    # The search is one that finds them where they are.
    everywhere = "\n".join(lines_with(SECRETS)).encode()
    assert {name for name, _ in found_in(everywhere, SECRETS)} == set(SECRETS)
    # Names of members, their heads and what is between them are searched, too.
    assert found_in(gzip.decompress(path.read_bytes()), SECRETS) == []
    assert found_in(path.read_bytes(), SECRETS) == []
    # Nothing was left out for it: what is around a secret is there.
    assert members["README.txt"].endswith("All of it could be had.\n")
    assert f"broker's password file: {HIDDEN} was refused" in members["journal.txt"]
    assert "camera.not_reached" in members["doctor.json"]
    assert f"rtsp://{HIDDEN}@" in members["doctor.json"]
    assert "mmc0: error -110" in members["kernel.txt"]
    assert "StatusText=2026-11-30T10:00:00+0700 pi presence-agent[7]: broker's" in members["units.txt"]


def test_closed_list_of_members(set_up: Place) -> None:
    members = bundled(set_up)
    assert list(members) == LISTED == list(MEMBERS)
    for name, text in members.items():
        assert text.endswith("\n"), name
        if name.endswith(".json"):
            json.loads(text)
    assert all(name in members["README.txt"] for name in LISTED)


def test_configuration_is_what_is_on_the_list(set_up: Place) -> None:
    body = json.loads(bundled(set_up)["configuration.json"])
    assert (body["valid"], len(body["digest"])) == (True, 16)
    assert body["written"]["camera"] == {
        "source": f"rtsp://127.0.0.1:1/{HIDDEN}",
        "username": HIDDEN,
        "password_file": str(set_up.folder / "camera-password"),
    }
    assert body["written"]["mqtt"]["username"] == HIDDEN
    assert body["written"]["mqtt"]["password_file"] == str(set_up.folder / "mqtt-password")
    assert body["written"]["device"] == {"site": "que-phong", "name": "one-stop"}
    assert body["written"]["zone"] or body["written"]["line"]


def test_list_holds_without_the_redactor(set_up: Place) -> None:
    path = set_up.write_config()
    text = json.dumps(configuration(path, written(path)[0]))
    assert found_in(text.encode(), SECRETS) == []
    # What is not on the list is hidden however harmless it looks.
    raw = {"camera": {"source": "picamera2", "new": "x"}, "unheard": {"of": 1}, "odd name": {}, "mqtt": 3}
    assert configuration(path, raw)["written"] == {
        "camera": {"source": "picamera2", "new": HIDDEN},
        "unheard": {"of": HIDDEN},
        "mqtt": HIDDEN,
    }


INVALID: list[tuple[str, str]] = [
    # What somebody wrote into the file, and the secret in it.
    ('[mqtt]\nhost = "b"\npassword = "typed-right-in-7"\n', "typed-right-in-7"),
    ("[mqtt]\nhost = 'b'\npassword = 7355608123\n", "7355608123"),
    ('[camera]\nsource = "rtsp://admin:in-the-address-5@10.0.0.9/live"\n', "in-the-address-5"),
    ('[camera]\nsource = "rtsp://10.0.0.9/user=admin&password=in-the-path-5&channel=1"\n', "in-the-path-5"),
    ('[mqtt]\nhost = "user:in-the-host-8@broker"\n', "in-the-host-8"),
    ('[evidence]\nrecipient_secret = "new-table-77"\n', "new-table-77"),
    ('[[zone]]\nid = "z"\npin = ["inner-list-77"]\n', "inner-list-77"),
    ('[mqtt\nhost = "b"\npassword = "no-toml-at-all-6"\n', "no-toml-at-all-6"),
    ("[camera]\nsource = rtsp://admin:bare-word-66@10.0.0.9/live\n", "bare-word-66"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "secret"), INVALID)
def test_secret_in_a_wrong_configuration(place: Place, text: str, secret: str) -> None:
    device = '[device]\nsite = "que-phong"\nname = "one-stop"\n'
    programs(place, [f"2026-11-30 presence-agent: not taken: {secret} is wrong"])
    place.examined()
    place.config.write_text(device + text)
    machine = System(place.root, place.folder / "run", lambda: True)
    path = place.folder / "bundle.tar.gz"
    report = examine(place.config, machine, limit_s=PATIENCE_S)
    assert report.exit_code == 2
    write_bundle(path, report, place.config, ENGLISH, machine)
    assert found_in(gzip.decompress(path.read_bytes()), {"": secret}) == []
    members = unpacked(path.read_bytes())
    assert f"not taken: {HIDDEN} is wrong" in members["journal.txt"]
    assert json.loads(members["configuration.json"])["valid"] is False
    # What is good is there all the same, where it is TOML.
    written = json.loads(members["configuration.json"])["written"]
    assert written is None or written["device"]["site"] == "que-phong"


def test_events_are_counted_and_not_told(set_up: Place) -> None:
    members = bundled(set_up)
    body = json.loads(members["events.json"])
    assert body["counts"] == {"agent.started": 1, "zone.entered": 7}
    assert set(body) == {"log", "first_seq", "last_seq", "counts"}
    whole = "".join(members.values())
    assert "t31400" not in whole
    assert "31403" not in whole


def test_numbers_are_numbers(set_up: Place) -> None:
    numbers = json.loads(bundled(set_up)["health.json"])["numbers"]
    assert numbers == {"v": 1, "ts": "2026-11-30T03:00:00Z", "camera": "ok", "fps": 9.5, "said": HIDDEN}


def test_units_by_a_list() -> None:
    said = list(
        safe_directives([*UNIT.splitlines(), "NewDirective=x \\", "  its rest", "Nice=5", "; remark"])
    )
    assert said == [
        "# /usr/lib/systemd/system/presence-agent.service",
        "[Service]",
        "Type=notify",
        "ExecStart=/usr/bin/presence-agent run --config /etc/presence-agent/agent.toml",
        f"ExecStartPre={HIDDEN}",
        "LoadCredential=mqtt-password:/etc/presence-agent/mqtt-password",
        f"SetCredential={HIDDEN}",
        f"Environment={HIDDEN}",
        f"Environment={HIDDEN}",
        "ProtectHome=yes",
        f"NewDirective={HIDDEN}",
        "Nice=5",
    ]


def test_own_unit_is_told_whole_but_for_credentials() -> None:
    lines = (ROOT / "systemd" / "presence-agent.service").read_text().splitlines()
    hidden = [line.partition("=")[0] for line in safe_directives(lines) if HIDDEN in line]
    assert set(hidden) == {"SetCredential", "ExecStartPre"}


def test_broken_machine_is_told_part_by_part(place: Place, tmp_path: Path) -> None:
    """Nothing is there that a bundle asks; each part says so and nothing else goes wrong."""
    for name in ("journalctl", "systemctl"):
        (tmp_path / "bin" / name).write_text("#!/bin/sh\nexit 1\n")
    shutil.rmtree(place.root)
    place.root.mkdir()
    place.log["path"] = tmp_path / "none" / "events.db"
    members = bundled(place)
    told = members["README.txt"].partition("What could not be had:\n")[2].splitlines()
    assert [line.split(":")[0].removeprefix("- ") for line in told] == [
        "events.json", "kernel.txt", "units.txt", "journal.txt",
    ]  # fmt: skip
    assert "could not be made" not in members["README.txt"]
    assert "not_had" in json.loads(members["events.json"])
    assert "not_had" in json.loads(members["health.json"])["numbers"]


def test_secret_that_can_not_be_read(place: Place) -> None:
    """What others wrote can't be searched for it then: it is left out, with what to do."""
    folder = place.root / "etc/presence-agent/mqtt-password"
    # A folder in the place of a file can't be read by root either.
    folder.mkdir(parents=True)
    place.mqtt = {"host": "127.0.0.1", "port": 1, "tls": False, "password_file": folder}
    programs(place, ["2026-11-30 presence-agent: fine"])
    members = bundled(place)
    for name in ("units.txt", "journal.txt"):
        assert "can't be read" in members[name]
        assert "sudo" in members[name]
    assert "fine" not in members["units.txt"] + members["journal.txt"] + members["health.json"]


def test_configuration_that_can_not_be_read(place: Place) -> None:
    """It may name secrets that nobody knows then. A folder in its place can't be read by root either."""
    programs(place, ["2026-11-30 presence-agent: fine"])
    place.config.mkdir()
    machine = System(place.root, place.folder / "run", lambda: True)
    path = place.folder / "bundle.tar.gz"
    write_bundle(path, examine(place.config, machine, limit_s=PATIENCE_S), place.config, ENGLISH, machine)
    members = unpacked(path.read_bytes())
    for name in ("units.txt", "journal.txt"):
        assert members[name].startswith(f"{place.config} can't be read")
    assert "fine" not in members["journal.txt"] + members["units.txt"] + members["health.json"]


# --- where it is written --------------------------------------------------------------------------------


def test_folder_such_as_a_stick(set_up: Place, tmp_path: Path) -> None:
    stick = tmp_path / "stick"
    stick.mkdir()
    machine = System(set_up.root, set_up.folder / "run", lambda: True)
    said = write_bundle(stick, set_up.examined(), set_up.config, ENGLISH, machine)
    (path,) = stick.iterdir()
    assert path.name.startswith("presence-agent-que-phong-one-stop-2")
    assert path.name.endswith("Z.tar.gz")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert str(path) in said
    assert "no picture" in said
    listing = said.partition("look into it: ")[2]
    shown = subprocess.run(["sh", "-c", listing], capture_output=True, text=True, check=True)
    assert shown.stdout.startswith("A bundle of presence-agent's doctor")


def test_vietnamese(set_up: Place) -> None:
    machine = System(set_up.root, set_up.folder / "run", lambda: True)
    path = set_up.folder / "b.tar.gz"
    said = write_bundle(path, set_up.examined(), set_up.config, VIETNAMESE, machine)
    assert "không có hình, " in said
    members = unpacked(path.read_bytes())
    assert "LỖI" in members["doctor.txt"]
    assert "FAULT" not in members["doctor.txt"]


@pytest.mark.parametrize("bad", ["no/such/folder.tar.gz", "/dev/null", "/proc/bundle.tar.gz"])
def test_place_that_takes_no_file(set_up: Place, tmp_path: Path, bad: str) -> None:
    machine = System(set_up.root, set_up.folder / "run", lambda: True)
    with pytest.raises(AgentError, match="can't be written") as raised:
        write_bundle(tmp_path / bad, set_up.examined(), set_up.config, ENGLISH, machine)
    assert raised.value.exit_code == 1
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)  # noqa: PTH116
    assert not list(tmp_path.glob("**/*.new"))


def strace(*inject: str) -> list[str]:
    if (
        shutil.which("strace") is None
        or subprocess.run(["strace", "true"], capture_output=True, check=False).returncode
    ):
        pytest.skip("strace is not here, or may not trace")
    return [
        "strace",
        "-f",
        "-qq",
        "-o",
        "/dev/null",
        *(word for one in inject for word in ("-e", f"inject={one}")),
    ]


def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"LC_ALL": "C.UTF-8"}
    return subprocess.run(
        [str(word) for word in words],
        capture_output=True,
        text=True,
        check=False,
        env=env,
        timeout=PATIENCE_S,
    )


@pytest.mark.parametrize("call", ["fsync:error=ENOSPC", "rename,renameat,renameat2:error=EIO"])
def test_disk_that_gives_up(tmp_path: Path, call: str) -> None:
    """What was there is as it was, and nothing else is."""
    path = tmp_path / "bundle.tar.gz"
    path.write_text("of before")
    ran = run(*strace(call), *command("doctor", "--config", tmp_path / "none.toml", "--bundle", path))
    assert ran.returncode == 1, ran.stderr
    assert ran.stderr.startswith(f"The bundle can't be written to {path}")
    assert ran.stderr.count("\n") == 1
    assert "FAULT" in ran.stdout
    assert path.read_text() == "of before"
    assert [file.name for file in tmp_path.iterdir()] == ["bundle.tar.gz"]


def test_stick_without_modes(tmp_path: Path) -> None:
    """FAT refuses a change of modes; here the calls are made to fail as they do there."""
    path = tmp_path / "bundle.tar.gz"
    refused = "chmod,fchmod,fchmodat:error=EPERM"
    ran = run(*strace(refused), *command("doctor", "--config", tmp_path / "none.toml", "--bundle", path))
    assert ran.returncode == 2, ran.stderr
    assert list(unpacked(path.read_bytes())) == LISTED
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_command(presence_agent: Callable[..., Ran], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    ran = presence_agent("doctor", "--config", tmp_path / "none.toml", "--bundle", tmp_path)
    assert (ran.code, ran.err) == (2, "")
    (path,) = tmp_path.glob("*.tar.gz")
    assert path.name.startswith("presence-agent-unknown-")
    assert ran.out.splitlines()[-1].startswith(f"{path} (")
    # A program gets one line of JSON, and the sentence beside it.
    ran = presence_agent("doctor", "--json", "--config", tmp_path / "none.toml", "--bundle", path)
    assert json.loads(ran.out)["exit_code"] == 2
    assert str(path) in ran.err
    assert list(unpacked(path.read_bytes())) == LISTED


# --- hiding ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        (
            "open rtsp://admin:pw@10.0.0.9:554/live failed",
            f"open rtsp://{HIDDEN}@10.0.0.9:554/{HIDDEN} failed",
        ),
        ("rtsp://10.0.0.9/user=a&password=b: 401", f"rtsp://10.0.0.9/{HIDDEN} 401"),
        ("https://x.example/a?key=b c", f"https://x.example/a?{HIDDEN} c"),
        ("see https://x.example/a.", "see https://x.example/a."),
        ("password: abc def", f"password: {HIDDEN} def"),
        ("password_file = /run/x", "password_file = /run/x"),
        ("Authorization: Basic QTpC", f"Authorization: {HIDDEN}"),
    ],
)
def test_what_looks_like_a_secret(text: str, hidden: str) -> None:
    assert Redactor([]).text(text) == hidden


def test_short_secrets_are_words() -> None:
    redactor = Redactor(["a1", "", " "])
    assert redactor.text("a1 said a1b: 'a1'") == f"{HIDDEN} said a1b: '{HIDDEN}'"


def test_tree_keeps_its_shape() -> None:
    body: dict[str, Any] = {"a": ["hunter22", 1, None, True, {"hunter22": "x"}]}
    assert Redactor(["hunter22"]).tree(body) == {"a": [HIDDEN, 1, None, True, {HIDDEN: "x"}]}
