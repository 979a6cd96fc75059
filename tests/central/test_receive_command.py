"""`presence-central receive` as it is run: killed, with its database away or full, on a real broker."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from agent.eventlog.log import EventLog
from agent.mqtt.connection import Connection, Message
from tests.broker import CentralBroker
from tests.central.postgres import Postgres, need
from tests.conftest import wait_until
from tests.mqtt.publishing import publishing
from tests.patience import PATIENCE_S
from tests.samples import SENDER, make_entered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.broker import Account


class Command:
    """`presence-central` with a configuration of the test's own."""

    def __init__(self, folder: Path, url: str, broker: CentralBroker) -> None:
        self.account = broker.add("central", "hub")
        self.config = folder / "central.toml"
        self.config.write_text(
            f'[store]\nurl = "{url}"\n[mqtt]\nhost = "localhost"\nport = {broker.port}\nusername = "hub"\n'
            f'password_file = "{self.account.password_file}"\nca_file = "{broker.ca_file}"\n'
        )
        self._said = folder / "said"
        self.process: subprocess.Popen[bytes] | None = None

    def words(self, *words: str) -> list[str]:
        program = "from agent.cli.centre import main; main()"
        return [sys.executable, "-P", "-c", program, *words, "--config", str(self.config)]

    def start(self) -> None:
        before = self.said().count("connected to")
        with self._said.open("ab") as file:
            self.process = subprocess.Popen(self.words("receive"), stderr=file)
        wait_until(lambda: self.said().count("connected to") > before or self.process.poll() is not None)  # type: ignore[union-attr]
        assert self.process.poll() is None, self.said()

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        assert self.process
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)

    def said(self) -> str:
        return self._said.read_text() if self._said.exists() else ""

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.words(*words), capture_output=True, text=True, check=False, timeout=PATIENCE_S,
            env={**os.environ, "LC_ALL": "C.UTF-8", "LANGUAGE": ""},
        )  # fmt: skip

    def log(self, log: str) -> dict[str, Any]:
        """What `status` says of a log; nothing while the database is away."""
        done = self.run("status", "--json")
        if done.returncode:
            return {}
        agents = json.loads(done.stdout)["agents"]
        return next((of for agent in agents for of in agent["logs"] if of["log"] == log), {})


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[CentralBroker]:
    made = CentralBroker(tmp_path)
    made.start()
    yield made
    made.stop(signal.SIGKILL)


@pytest.fixture
def device(broker: CentralBroker) -> Account:
    return broker.add("device", SENDER.site, SENDER.device)


@pytest.fixture
def command_on(tmp_path: Path, broker: CentralBroker) -> Iterator[Callable[[str], Command]]:
    made: list[Command] = []

    def make(url: str) -> Command:
        made.append(Command(tmp_path, url, broker))
        return made[-1]

    yield make
    for command in made:
        if command.process and command.process.poll() is None:
            command.end(signal.SIGKILL)


def append(log: EventLog, count: int) -> None:
    log.append([make_entered(number) for number in range(count)])


def test_killed_again_and_again(
    tmp_path: Path,
    broker: CentralBroker,
    device: Account,
    command_on: Callable[[str], Command],
    database_url: str,
) -> None:
    command = command_on(database_url)
    with EventLog(SENDER, tmp_path / "events.db") as log, publishing(broker.as_seen_by(device), log):
        for round_ in range(1, 5):
            command.start()
            append(log, 500)
            if round_ < 4:
                command.end(signal.SIGKILL)
        wait_until(lambda: command.log(log.log_id).get("stored") == 2000)
        seen = command.log(log.log_id)
    assert (seen["stored"], seen["dropped"], seen["gone"], seen["missing"]) == (2000, 0, 0, 0)
    assert command.end() == 0
    # For people.
    assert command.run("status").stdout.splitlines()[1].split()[4:] == ["2000", "0", "0", "0"]


def test_postgres_killed(
    tmp_path: Path,
    broker: CentralBroker,
    device: Account,
    command_on: Callable[[str], Command],
    own_postgres: Postgres,
) -> None:
    command = command_on(own_postgres.new_database())
    with EventLog(SENDER, tmp_path / "events.db") as log, publishing(broker.as_seen_by(device), log):
        command.start()
        for _ in range(3):
            append(log, 300)
            own_postgres.stop(signal.SIGKILL)
            append(log, 300)
            wait_until(lambda: command.log(log.log_id) == {})
            own_postgres.start()
        wait_until(lambda: command.log(log.log_id).get("stored") == 1800)
        seen = command.log(log.log_id)
    assert (seen["stored"], seen["missing"]) == (1800, 0)
    assert "can't be used" in command.said()
    assert command.end() == 0


def test_full_disk(
    tmp_path: Path, broker: CentralBroker, device: Account, command_on: Callable[[str], Command]
) -> None:
    """What can't be stored is not acknowledged: it stays with the broker until there is room."""
    path = tmp_path / "centre.db"
    command = command_on(f"sqlite:///{path}")
    with EventLog(SENDER, tmp_path / "events.db") as log, publishing(broker.as_seen_by(device), log):
        command.start()
        append(log, 100)
        wait_until(lambda: command.log(log.log_id).get("stored") == 100)
        assert command.process
        limit = ["prlimit", "--pid", str(command.process.pid)]
        size = max(one.stat().st_size for one in tmp_path.glob("centre.db*"))
        subprocess.run([*limit, f"--fsize={size}:unlimited"], check=True)
        append(log, 900)
        wait_until(lambda: "can't be used" in command.said())
        assert command.log(log.log_id)["stored"] < 1000
        subprocess.run([*limit, "--fsize=unlimited"], check=True)
        wait_until(lambda: command.log(log.log_id).get("stored") == 1000)
    assert command.end() == 0


def test_device_that_floods(
    tmp_path: Path,
    broker: CentralBroker,
    device: Account,
    command_on: Callable[[str], Command],
    database_url: str,
) -> None:
    """5,000 topics of one device, as fast as it can; another is stored all the same."""
    command = command_on(database_url)
    command.start()
    flood = Connection(broker.as_seen_by(broker.add("device", "hostile", "flood")), "flood")
    flood.open()
    start_s, waiting = time.monotonic(), 0
    for number in range(5000):
        state = {"kind": "zone", "rule": f"r{number}", "valid": True, "log": "0" * 8, "session": "0" * 8}
        state |= {"ts": "2026-11-22T00:31:05.120Z", "count": "<script>"}
        flood.publish(Message(f"presence/v1/hostile/flood/state/r{number}", json.dumps(state)))
        waiting += 1
        while waiting >= (200 if number < 4999 else 1):
            waiting -= len(flood.pump(1))
    took_s = time.monotonic() - start_s
    with EventLog(SENDER, tmp_path / "events.db") as log, publishing(broker.as_seen_by(device), log):
        append(log, 100)
        wait_until(lambda: command.log(log.log_id).get("complete") is True)
    flood.close()

    def refused() -> int:
        rows = json.loads(command.run("status", "--json").stdout or '{"refused": []}')["refused"]
        assert {(row["agent"], row["why"]) for row in rows} <= {("hostile/flood", "too many")}
        return sum(row["times"] for row in rows)

    # All come; one that the broker sends again counts again.
    wait_until(lambda: refused() >= 4500)
    seen = json.loads(command.run("status", "--json").stdout)
    (states,) = (len(agent["states"]) for agent in seen["agents"] if agent["agent"] == "hostile/flood")
    assert states == 500
    assert "not taken: hostile/flood too many " in command.run("status").stdout
    assert took_s < PATIENCE_S
    assert command.end() == 0


@pytest.fixture
def small_postgres() -> Iterator[Postgres]:
    """One on a disk of its own, of which a few MB are free."""
    need()
    folder = Path(tempfile.mkdtemp(prefix="presence-postgres-"))
    words: list[str | Path] = ["mount", "-t", "tmpfs", "-o", "size=160m,mode=755", "tmpfs", folder]
    mounted = subprocess.run(words, check=False, capture_output=True)
    if mounted.returncode:
        folder.rmdir()
        pytest.skip("nothing may be mounted here")
    try:
        with Postgres(folder) as server:
            yield server
    finally:
        subprocess.run(["umount", folder], check=True)
        folder.rmdir()


def test_full_disk_of_postgres(
    tmp_path: Path,
    broker: CentralBroker,
    device: Account,
    command_on: Callable[[str], Command],
    small_postgres: Postgres,
) -> None:
    command = command_on(small_postgres.new_database())
    ballast = small_postgres.folder / "ballast"
    with EventLog(SENDER, tmp_path / "events.db") as log, publishing(broker.as_seen_by(device), log):
        command.start()
        append(log, 100)
        wait_until(lambda: command.log(log.log_id).get("stored") == 100)
        with ballast.open("wb", buffering=0) as file, suppress(OSError):
            while file.write(b"x" * 4096):
                pass
        # More than the pages that it has already can hold.
        append(log, 3000)
        wait_until(lambda: "can't be used" in command.said())
        ballast.unlink()
        wait_until(lambda: command.log(log.log_id).get("stored") == 3100)
        seen = command.log(log.log_id)
    assert (seen["missing"], seen["gone"], seen["dropped"]) == (0, 0, 0)
    assert "o space left on device" in command.said()
    assert command.end() == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "[mqtt] is missing: add this table, with host in it; `receive` needs the broker."),
        ('[store]\nurl = "nothing"\n[mqtt]\nhost = "x"\n', "[store] url: give "),
        (
            "[store]\nkeep_events_days = -1\n",
            "[store] keep_events_days = -1: give a number of days; 0 ",
        ),
        ("[store]\nkeep = 1\n", "[store] keep is unknown here"),
        ('[store]\nurl = "sqlite:////proc/no/store.db"\n[mqtt]\nhost = "x"\n', "can't be opened"),
    ],
)
def test_wrong_configuration(tmp_path: Path, broker: CentralBroker, text: str, said: str) -> None:
    command = Command(tmp_path, "sqlite:///x", broker)
    command.config.write_text(text)
    done = command.run("receive")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.returncode == (1 if "opened" in said else 2)


def test_second_receiver(command_on: Callable[[str], Command], tmp_path: Path) -> None:
    command = command_on(f"sqlite:///{tmp_path / 'centre.db'}")
    command.start()
    done = command.run("receive")
    assert done.returncode == 2
    assert "another receiver already stores to this database" in done.stderr


def test_nothing_of_it_is_loaded_by_a_device() -> None:
    code = (
        "import sys; import agent.cli.main, agent.app.run, agent.app.publishing; "
        "names = ('sqlalchemy', 'alembic', 'fastapi', 'psycopg', 'agent.central'); "
        "print([name for name in names if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
