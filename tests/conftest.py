"""Shared fixtures: the real command, a real broker, real footage."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import pytest
from hypothesis import HealthCheck, settings

from agent.install.manifest import load_manifest, models_directory
from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytest_plugins = ["tests.skips"]
# How long an example takes says how busy the machine is, and nothing of the code.
settings.register_profile("desk", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("desk")
# tests/run.sh asks for it: a change that is good stays good.
settings.register_profile("steady", settings.get_profile("desk"), derandomize=True)

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared"


def pytest_configure(config: pytest.Config) -> None:
    """Compile the translations: the installation that the tests use has those of the day it was made."""
    if not hasattr(config, "workerinput"):
        subprocess.run([sys.executable, "-P", ROOT / "deploy" / "build_translations.py"], check=True)


@pytest.fixture(scope="session")
def weights() -> Path:
    """The folder of weights; they are there after `presence-agent models fetch`."""
    directory = models_directory()
    missing = [
        entry.file for entry in load_manifest(directory).weights if not (directory / entry.file).exists()
    ]
    if missing:
        pytest.skip(f"weights are not fetched: {missing}")
    return directory


def _sample(name: str) -> Path:
    directory = models_directory()
    path = directory / load_manifest(directory).named(name).file
    if not path.exists():
        pytest.skip(f"{path.name} is not fetched: presence-agent models fetch --samples")
    return path


@pytest.fixture(scope="session")
def vtest() -> Path:
    """Footage of people on a campus, 768x576, 10 frames a second."""
    return _sample("vtest")


@pytest.fixture(scope="session")
def astronaut() -> Path:
    """A portrait, 512x512."""
    return _sample("astronaut")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Footage with ground truth, where this project is built."""
    data = SHARED / "data"
    if not data.is_dir():
        pytest.skip("no ../shared/data beside this checkout")
    return data


@dataclass(frozen=True)
class Ran:
    """Result of a command."""

    code: int
    out: str
    err: str


def command(*arguments: str | Path) -> list[str]:
    """Command line prefix that starts presence-agent in this environment."""
    return [sys.executable, "-m", "agent", *map(str, arguments)]


@pytest.fixture
def presence_agent() -> Callable[..., Ran]:
    """Run `presence-agent` with these arguments to its end."""

    def ran(*arguments: str | Path, timeout_s: float = PATIENCE_S) -> Ran:
        done = subprocess.run(
            command(*arguments), capture_output=True, text=True, timeout=timeout_s, check=False, cwd=ROOT
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    return ran


class Agent:
    """A running `presence-agent run`; it sees every frame of a recording, however busy the machine is."""

    def __init__(self, config: Path, err: Path) -> None:
        self._err = err
        words = [sys.executable, "-m", "tests.every_frame", "run", "--config", str(config)]
        with err.open("a") as file:
            self.process = subprocess.Popen(words, stderr=file, cwd=ROOT)

    def said(self) -> str:
        return self._err.read_text()

    def end(self, number: signal.Signals, within_s: float = PATIENCE_S) -> int:
        self.process.send_signal(number)
        return self.process.wait(within_s)


@pytest.fixture
def start_agent(tmp_path: Path) -> Iterator[Callable[[Path], Agent]]:
    """Start agents; those that still run after the test are killed."""
    started = []

    def start(config: Path) -> Agent:
        agent = Agent(config, tmp_path / "agent.err")
        started.append(agent)
        return agent

    yield start
    for agent in started:
        if agent.process.poll() is None:
            agent.process.kill()
            agent.process.wait(PATIENCE_S)


def logged(folder: Path) -> dict[int, dict[str, object]]:
    """Events in the log, by number; the agent must not run."""
    with closing(sqlite3.connect(folder / "log" / "events.db")) as database:
        rows = database.execute("SELECT seq, body FROM event ORDER BY seq").fetchall()
    return {seq: json.loads(body) for seq, body in rows}


def free_port() -> int:
    """A free port on loopback, outside of the kernel's ephemeral range, that is given once.

    Some seconds pass before a broker takes it. Until this process ends a name without a file keeps it
    (unix(7): abstract), which is known to all suites on this network, also to those in roots of their own.
    """
    first_given = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    ports = range(10_000, max(first_given, 20_000))
    while True:
        port = random.SystemRandom().choice(ports)
        name = socket.socket(socket.AF_UNIX)
        with socket.socket() as sock, suppress(OSError):
            name.bind(f"\0presence-agent-tests-{port}")
            sock.bind(("127.0.0.1", port))
            name.detach()
            return port
        name.close()


def wait_until(holds: Callable[[], bool], within_s: float = PATIENCE_S) -> None:
    """Poll until a condition holds."""
    give_up_s = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < give_up_s, f"still not so after {within_s} s"
        time.sleep(0.02)


def _listens(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


class Mosquitto:
    """A mosquitto of the test's own on loopback."""

    def __init__(self, folder: Path, settings: str = "allow_anonymous true") -> None:
        self.port = free_port()
        self._config = folder / f"mosquitto-{self.port}.conf"
        # As root mosquitto would change to a user that can't read the test's files.
        user = "user root\n" if os.geteuid() == 0 else ""
        # By default messages beyond 1000 for a slow reader are dropped silently.
        common = f"{user}persistence false\nmax_queued_messages 100000000\nlistener {self.port} 127.0.0.1\n"
        self._config.write_text(f"{common}{settings}\n")
        self._log = folder / f"mosquitto-{self.port}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen([_mosquitto(), "-c", self._config], stdout=log, stderr=log)
        wait_until(lambda: _listens(self.port))

    def reload(self) -> None:
        """Have accounts and rights read again; they apply to new connections."""
        before = self._log.read_text().count("Reloading config")
        self.send(signal.SIGHUP)
        wait_until(lambda: self._log.read_text().count("Reloading config") > before)

    def said(self) -> str:
        return self._log.read_text()

    def send(self, number: signal.Signals) -> None:
        assert self._process
        self._process.send_signal(number)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        if self._process:
            self._process.send_signal(number)
            self._process.wait(PATIENCE_S)
            self._process = None


def _mosquitto() -> str:
    found = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if not found or not shutil.which("mosquitto_sub"):
        pytest.skip("mosquitto and mosquitto_sub are not installed (Debian: mosquitto, mosquitto-clients)")
    return found


@pytest.fixture
def start_mosquitto(tmp_path: Path) -> Iterator[Callable[..., Mosquitto]]:
    """Start brokers with these further settings; they are stopped after the test."""
    started = []

    def start(settings: str = "allow_anonymous true") -> Mosquitto:
        broker = Mosquitto(tmp_path, settings)
        started.append(broker)
        broker.start()
        return broker

    yield start
    for broker in started:
        # It has nothing to keep, and would take its time.
        broker.stop(signal.SIGKILL)


@pytest.fixture
def mosquitto(start_mosquitto: Callable[..., Mosquitto]) -> Mosquitto:
    """A broker without logins."""
    return start_mosquitto()


@dataclass(frozen=True)
class Heard:
    """One message as mosquitto_sub saw it."""

    topic: str
    payload: str
    retain: bool

    @property
    def json(self) -> dict[str, object]:
        content = json.loads(self.payload)
        assert isinstance(content, dict)
        return content


class Listener:
    """A plain mosquitto_sub on all of presence/#."""

    def __init__(self, port: int, folder: Path, *arguments: str) -> None:
        self._path = folder / f"heard-{port}-{time.monotonic_ns()}.txt"
        self._file = self._path.open("w")
        self._process = subprocess.Popen(
            ["mosquitto_sub", "-h", "127.0.0.1", "-p", str(port), "-V", "5", "-q", "1", "-t", "presence/#",
             "-F", r"%r\t%t\t%p", *arguments],
            stdout=self._file,
        )  # fmt: skip

    def heard(self) -> list[Heard]:
        # Behind the last line's end there may be the begin of one that is being written.
        whole = self._path.read_text().rpartition("\n")[0]
        rows = [line.split("\t", 2) for line in whole.splitlines() if line.count("\t") >= 2]
        return [Heard(topic, payload, retain == "1") for retain, topic, payload in rows]

    def events(self) -> list[dict[str, object]]:
        """In the order in which they came: what happens after the connection before what happened earlier."""
        return [message.json for message in self.heard() if "/event/" in message.topic]

    def numbered(self) -> list[dict[str, object]]:
        """The events of one log in the order in which they happened."""
        return sorted(self.events(), key=lambda event: str(event["seq"]).zfill(9))

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def close(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            # One that was told while it connects goes on for ever.
            self._process.kill()
            self._process.wait(PATIENCE_S)
        self._file.close()


@pytest.fixture
def listen(tmp_path: Path) -> Iterator[Callable[..., Listener]]:
    """Start a mosquitto_sub on a port; it is ended after the test."""
    started = []

    def start(port: int, *arguments: str) -> Listener:
        listener = Listener(port, tmp_path, *arguments)
        started.append(listener)
        return listener

    yield start
    for listener in started:
        listener.close()


GATE = """
[[line]]
id = "gate"
start = [0.651, 0.0]
end = [0.651, 1.0]
inside = [0.9, 0.5]

[[zone]]
id = "yard"
polygon = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]
min_dwell_s = 0.5
"""


def write_config(folder: Path, source: Path | str, *, port: int | None = None, more: str = "") -> Path:
    """A configuration for footage of vtest, its log and its broker in the test's own places."""
    mqtt = f'[mqtt]\nhost = "127.0.0.1"\nport = {port}\ntls = false\n' if port else ""
    path = folder / "agent.toml"
    path.write_text(
        f'[device]\nsite = "test"\nname = "yard"\nplace = "Sân"\n[camera]\nsource = "{source}"\n{GATE}'
        f'{mqtt}{more}\n[log]\npath = "{folder / "log" / "events.db"}"\n'
    )
    return path


@pytest.fixture(scope="session")
def clip(vtest: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first 6 s of vtest: people come and cross the gate."""
    return _beginning(vtest, tmp_path_factory.mktemp("clip") / "clip.avi", 60)


@pytest.fixture(scope="session")
def long_clip(vtest: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first 20 s of it: somebody crosses the gate that an agent sees which gets little of the machine."""
    return _beginning(vtest, tmp_path_factory.mktemp("clip") / "long.avi", 200)


def _beginning(footage: Path, path: Path, frames: int) -> Path:
    capture = cv2.VideoCapture(str(footage))
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (768, 576))
    for _ in range(frames):
        writer.write(capture.read()[1])
    writer.release()
    capture.release()
    return path
