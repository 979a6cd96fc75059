"""What is installed without the extra `device`: for those who read what agents publish."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from paho.mqtt.publish import multiple

from agent.cli.errors import DEVICE_MODULES
from tests import building
from tests.central.saying import AGENT, happened, make_state, make_status
from tests.conftest import ROOT, Mosquitto, Ran, wait_until
from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from agent.mqtt.connection import Message
    from tests.conftest import Listener

WIRE = (
    "wire.events",
    "wire.payloads",
    "wire.health",
    "wire.commands",
    "wire.home_assistant",
    "wire.asyncapi",
    "mqtt.subscriber",
)
# Whoever reads what agents publish writes such a program.
PROGRAM = """
from agent.wire.events import EVENTS, LineCrossedWire
from agent.wire.health import HealthWire
from agent.wire.payloads import StatusWire

status = StatusWire.model_validate_json(b"{}")
reveal_type(status.state)
reveal_type(status.first_seq)
crossed = EVENTS["line.crossed"].model_validate_json(b"{}")
reveal_type(LineCrossedWire.model_validate_json(b"{}").direction)
reveal_type(HealthWire.model_validate_json(b"{}").frame_age_s)
print(crossed.nothing)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The distribution as others get it."""
    return building.wheel(ROOT, tmp_path_factory.mktemp("wheel"))


def needed(names: Iterable[Requirement], found: dict[str, metadata.Distribution]) -> None:
    """Find the distributions of these requirements and of theirs, where these tests run."""
    for one in names:
        name = canonicalize_name(one.name)
        if name in found or (one.marker and not one.marker.evaluate({"extra": ""})):
            continue
        found[name] = metadata.distribution(name)
        needed(map(Requirement, found[name].requires or ()), found)


@pytest.fixture(scope="module")
def base(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh virtual environment with the wheel, and of other packages only what that asks for."""
    folder = tmp_path_factory.mktemp("base")
    subprocess.run([sys.executable, "-P", "-m", "venv", "--without-pip", folder], check=True)
    (there,) = (folder / "lib").glob("python*/site-packages")
    pip: list[str | Path] = [sys.executable, "-P", "-m", "pip", "-qq", "--python", folder / "bin" / "python"]
    subprocess.run([*pip, "install", "--no-index", "--no-deps", wheel], check=True, timeout=PATIENCE_S)
    ours = metadata.PathDistribution(next(there.glob("presence_agent-*.dist-info")))
    found: dict[str, metadata.Distribution] = {}
    needed(map(Requirement, ours.requires or ()), found)
    here = Path(sysconfig.get_path("purelib"))
    for package in found.values():
        for file in package.files or ():
            if not str(file).startswith(".."):
                (there / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(here / file, there / file)
    return folder


@pytest.fixture
def ran(base: Path, tmp_path: Path) -> Callable[..., Ran]:
    """Run a program of that environment to its end, in an empty folder."""

    def run(program: str, *words: str | Path) -> Ran:
        done = subprocess.run(
            [base / "bin" / program, *words],
            capture_output=True, text=True, check=False, cwd=tmp_path, timeout=PATIENCE_S,
        )  # fmt: skip
        return Ran(done.returncode, done.stdout, done.stderr)

    return run


def test_base_asks_for_little(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (path,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        found = metadata.PathDistribution(zipfile.Path(archive, path.removesuffix("METADATA")))
        asked = list(map(Requirement, found.requires or ()))
        assert "agent/py.typed" in archive.namelist()
    assert {one.name for one in asked if one.marker is None} == {"cyclopts", "paho-mqtt", "pydantic", "rich"}
    device = {one.name for one in asked if one.marker and one.marker.evaluate({"extra": "device"})}
    brought = metadata.packages_distributions()
    assert {canonicalize_name(brought[name][0]) for name in DEVICE_MODULES} == device - {
        one.name for one in asked if one.marker is None
    }


def test_base_is_without_what_a_device_needs(ran: Callable[..., Ran]) -> None:
    code = f"import importlib.util as u; print([m for m in {sorted(DEVICE_MODULES)!r} if u.find_spec(m)])"
    assert ran("python", "-c", code).out == "[]\n"


@pytest.mark.parametrize("where", ["base", "here"])
def test_wire_models_load_nothing_heavy(ran: Callable[..., Ran], where: str) -> None:
    imports = "; ".join(f"import agent.{name}" for name in WIRE)
    code = f"import sys; {imports}; print(sorted({set(DEVICE_MODULES)!r} & sys.modules.keys()))"
    if where == "base":
        told = ran("python", "-c", code)
        assert (told.out, told.err) == ("[]\n", "")
    else:
        # Also where all of it is installed.
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout == "[]\n"


def test_types_of_wire_models_reach_a_users_program(base: Path, tmp_path: Path) -> None:
    program = tmp_path / "mine.py"
    program.write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, "-P", "-m", "mypy", "--strict", "--python-executable", base / "bin" / "python",
         "--config-file", "", "--cache-dir", tmp_path / "cache", program],
        capture_output=True, text=True, check=False, cwd=tmp_path, timeout=PATIENCE_S,
    )  # fmt: skip
    assert re.findall(r'Revealed type is "(.*)"', done.stdout) == [
        "Literal['online'] | Literal['offline']",
        "int | None",
        "Literal['in'] | Literal['out']",
        "float | None",
    ], done.stdout
    errors = [line for line in done.stdout.splitlines() if ": error: " in line]
    assert len(errors) == 1, done.stdout
    assert '"EventWire" has no attribute "nothing"' in errors[0]


CONFIG = '[device]\nsite = "a"\nname = "b"\n[camera]\nsource = "x.avi"\n[calendar]\ncountry = "VN"\n'


@pytest.mark.parametrize(
    "words",
    [
        "run --config agent.toml",
        "check --config agent.toml",
        "doctor --config agent.toml",
        "accept-view --config agent.toml",
        "detect x.png",
        "replay x.avi --config agent.toml",
        "bench",
        "models list",
        "models fetch",
        "models verify",
        "log plot --config agent.toml --out x.png",
        "log tail --config agent.toml",
        "retire --site a --name b --config agent.toml",
    ],
)
def test_device_command_names_the_extra(ran: Callable[..., Ran], tmp_path: Path, words: str) -> None:
    (tmp_path / "agent.toml").write_text(CONFIG)
    told = ran("presence-agent", *words.split())
    assert (told.code, told.out) == (2, "")
    (line,) = told.err.splitlines()
    assert re.fullmatch(
        r"This needs what a device needs, and \w+ is not installed: pip install 'presence-agent\[device\]', "
        r"this package with its extra 'device', brings it\.",
        line,
    )


def test_traceback_with_debug_only(ran: Callable[..., Ran]) -> None:
    assert "Traceback" in ran("presence-agent", "bench", "--debug").err


def test_what_needs_no_device_works(ran: Callable[..., Ran], tmp_path: Path) -> None:
    assert ran("presence-agent", "schema", "--out", tmp_path / "schemas").code == 0
    assert (tmp_path / "schemas" / "asyncapi.json").is_file()
    assert "[camera]" in ran("presence-agent", "check", "--example", "gate").out
    for words in ("--help", "--version", "watch --help"):
        told = ran("presence-agent", *words.split())
        assert (told.code, told.err) == (0, "")


def say(broker: Mosquitto, *messages: Message) -> None:
    """What an agent would publish."""
    multiple(
        [{"topic": one.topic, "payload": one.payload, "qos": 1, "retain": one.retain} for one in messages],
        hostname="127.0.0.1",
        port=broker.port,
    )


def test_watch_works(base: Path, mosquitto: Mosquitto, tmp_path: Path) -> None:
    said = tmp_path / "watch.out"
    words: list[str | Path] = [
        base / "bin" / "presence-agent",
        "watch",
        "--broker",
        f"mqtt://127.0.0.1:{mosquitto.port}",
        "--json",
    ]
    with said.open("w") as out:
        watch = subprocess.Popen(words, stdout=out, stderr=subprocess.PIPE, text=True, cwd=tmp_path)
    try:
        assert watch.stderr is not None
        assert "connected" in watch.stderr.readline()
        say(mosquitto, *happened(1, 2))
        wait_until(lambda: len(said.read_text().splitlines()) == 2)
    finally:
        watch.terminate()
        watch.communicate(timeout=PATIENCE_S)
    assert [json.loads(line)["seq"] for line in said.read_text().splitlines()] == [1, 2]


def test_retire_works(ran: Callable[..., Ran], mosquitto: Mosquitto, listen: Callable[..., Listener]) -> None:
    say(mosquitto, make_status(2, state="offline", retain=True), make_state())
    site, name = AGENT.split("/")
    words = ["retire", "--broker", f"mqtt://127.0.0.1:{mosquitto.port}", "--site", site, "--name", name]
    told = ran("presence-agent", *words)
    assert (told.code, told.err) == (0, "")
    assert f"cleared presence/v1/{AGENT}/status" in told.out
    later = listen(mosquitto.port)

    def is_heard() -> bool:
        # It may not have subscribed yet.
        say(mosquitto, *happened(3))
        return later.heard() != []

    wait_until(is_heard)
    assert {message.retain for message in later.heard()} == {False}
