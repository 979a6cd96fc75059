"""The short form: the same rig as `python -m tests.faults.long`, a minute of it."""

from __future__ import annotations

import ctypes
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.faults import drain, latency, many
from tests.faults.naive_kit import NaiveKit
from tests.faults.network import BROKER_AT, CABLES, KINDS, Network, NoNetworkError
from tests.faults.processes import PORT, ROOT, mosquitto, wait_until
from tests.faults.receiving import RealKit
from tests.faults.rig import Plan, Rig, table
from tests.faults.runs import good
from tests.faults.schedule import Clockwork, Schedule
from tests.faults.storms import Storm
from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.faults.network import Cable, Fault, Machine
    from tests.faults.rig import Outcome

_CLONE_NEWNET = 0x40000000
# Of what must not come, it is known after this time that it did not; TCP's own patience is 0.2 s and more.
_NOTHING_S = 0.5
_COMES_S = PATIENCE_S


@pytest.fixture
def network() -> Iterator[Network]:
    try:
        with Network() as network:
            yield network
    except NoNetworkError as error:
        pytest.skip(str(error))


@pytest.fixture
def broker_is_here() -> None:
    if not mosquitto():
        pytest.skip("mosquitto is not installed (Debian: mosquitto, mosquitto-clients)")


def _socket_in(machine: Machine, make: Callable[[], socket.socket]) -> socket.socket:
    """A socket stays in the namespace of the thread that made it."""

    def made() -> socket.socket:
        descriptor = os.open(f"/run/netns/faults-{os.getpid()}-{machine}", os.O_RDONLY)
        try:
            assert ctypes.CDLL(None, use_errno=True).setns(descriptor, _CLONE_NEWNET) == 0
        finally:
            os.close(descriptor)
        return make()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(made).result()


@contextmanager
def _connected(cable: Cable) -> Iterator[tuple[socket.socket, socket.socket, Callable[[], socket.socket]]]:
    """A connection over a cable, its ends at the client and at the broker; and what makes another one."""
    address = BROKER_AT[cable], PORT

    def another() -> socket.socket:
        return _socket_in(cable, lambda: socket.create_connection(address, timeout=_NOTHING_S))

    with (
        closing(_socket_in("broker", lambda: socket.create_server(address))) as server,
        closing(another()) as client,
        closing(server.accept()[0]) as accepted,
    ):
        yield client, accepted, another


def _comes(sender: socket.socket, receiver: socket.socket, within_s: float) -> bool:
    receiver.settimeout(within_s)
    try:
        sender.sendall(b"x")
        return bool(receiver.recv(1))
    except TimeoutError:
        return False


@pytest.mark.parametrize(
    ("fault", "cable", "to_broker", "from_broker", "new"),
    [
        ("drop", "agent", False, False, False),
        ("deaf", "agent", False, True, False),
        ("mute", "receiver", True, False, False),
        # The way of a connection of before is gone, another one finds its way.
        ("forgotten", "receiver", False, False, True),
        ("slow", "agent", True, True, True),
    ],
)
def test_fault_of_a_cable(
    network: Network, fault: Fault, cable: Cable, to_broker: bool, from_broker: bool, new: bool
) -> None:
    with _connected(cable) as (client, accepted, another):
        network.begin(fault, cable)
        assert _comes(client, accepted, _COMES_S if to_broker else _NOTHING_S) == to_broker
        # What was sent is sent again until it is acknowledged: the other way is tried on its own.
        assert _comes(accepted, client, _COMES_S if from_broker else _NOTHING_S) == from_broker
        if new:
            another().close()
        else:
            with pytest.raises(TimeoutError):
                another()
        network.end(fault, cable)
        another().close()


@pytest.mark.parametrize("cable", CABLES)
def test_fault_reset(network: Network, cable: Cable) -> None:
    with _connected(cable) as (client, _, another):
        network.begin("reset", cable)
        client.sendall(b"x")
        client.settimeout(_COMES_S)
        with pytest.raises(ConnectionResetError):
            client.recv(1)
        with pytest.raises(ConnectionRefusedError):
            another()
        network.end("reset", cable)
        another().close()


def test_fault_loss(network: Network) -> None:
    with _connected("agent") as (client, accepted, _):
        network.begin("loss", "agent")
        # All of it comes, as TCP sends again what was lost.
        for _number in range(200):
            assert _comes(client, accepted, _COMES_S)
            if lost := _dropped(network):
                break
    assert lost > 0


def _dropped(network: Network) -> int:
    """Segments that the agent's machine had to send again."""
    text = subprocess.run(
        [*network.inside("agent"), "cat", "/proc/net/snmp"], check=True, capture_output=True, text=True
    ).stdout
    names, values = (line.split() for line in text.splitlines() if line.startswith("Tcp:"))
    return int(dict(zip(names, values, strict=True))["RetransSegs"])


def test_network_left_behind(network: Network) -> None:
    del network
    names = {f"faults-{os.getpid()}-{machine}" for machine in ("agent", "broker", "receiver")}
    assert names <= {path.name for path in Path("/run/netns").iterdir()}
    # Somebody with our number was killed; the next run begins by clearing it away.
    with Network():
        assert names <= {path.name for path in Path("/run/netns").iterdir()}
    assert not names & {path.name for path in Path("/run/netns").iterdir()}


def test_rig_that_is_killed_leaves_nothing_running(tmp_path: Path) -> None:
    if not shutil.which("setpriv"):
        pytest.skip("setpriv is not installed (Debian: util-linux)")
    rig = (
        "import pathlib, sys; from tests.faults.processes import Role;"
        f"role = Role('sleeper', ['sleep', '600'], pathlib.Path({str(tmp_path)!r}));"
        "role.start(); print(role.pid, flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", rig], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as killed:
        assert killed.stdout
        status = Path("/proc", killed.stdout.readline().decode().strip(), "status")
        wait_until(lambda: "Name:\tsleep" in status.read_text(), PATIENCE_S, "it runs")
        killed.kill()
    wait_until(lambda: not status.exists() or "State:\tZ" in status.read_text(), PATIENCE_S, "it is gone")


@pytest.mark.usefixtures("broker_is_here")
@pytest.mark.parametrize("persistence", [True, False], ids=["default persistence", "no persistence"])
def test_nothing_is_lost(network: Network, tmp_path: Path, persistence: bool) -> None:
    # Six kinds are counted, a slow cable comes beside them: one of each.
    plan = Plan(
        events=400,
        kills=5,
        partitions=6,
        seed=5,
        rate=100,
        within_s=100,
        persistence=persistence,
        lives=4,
        cuts=16,
    )
    kit = RealKit(tmp_path)
    outcome = Rig(kit, plan, tmp_path, network, print).run()
    print(table({"short form": outcome}))
    assert good(outcome), outcome
    assert outcome.tally.stored >= outcome.tally.appended >= plan.events
    assert min(outcome.kills.values()) >= plan.kills
    assert min(outcome.partitions.values()) >= 1

    # What the rig would say if one were lost, one double, one changed on its way.
    with closing(sqlite3.connect(tmp_path / "central.db", isolation_level=None)) as db:
        db.execute("DELETE FROM event WHERE seq = 100")
        db.execute("UPDATE event SET body = json_set(body, '$.count', 1000) WHERE seq = 101")
    tally = kit.tally()
    assert (tally.lost, tally.differing) == (1, 1)


def _stormed(storm: Storm, folder: Path, network: Network, *, persistence: bool) -> Outcome:
    plan = Plan(
        events=400,
        kills=3 if storm.small_log else 5,
        partitions=6,
        seed=5,
        # A small log must be full soon.
        rate=1500 if storm.small_log else 100,
        within_s=PATIENCE_S,
        persistence=persistence,
        lives=4,
        cuts=16,
        small_log=storm.small_log,
    )
    outcome = Rig(RealKit(folder, storm), plan, folder, network, print).run()
    print(table({str(storm): outcome}))
    return outcome


@pytest.mark.usefixtures("broker_is_here")
@pytest.mark.parametrize(
    ("storm", "persistence"),
    [(Storm(tls=True), True), (Storm(protocol=311), False)],
    ids=["TLS and logins", "MQTT 3.1.1"],
)
def test_nothing_is_lost_otherwise(network: Network, tmp_path: Path, storm: Storm, persistence: bool) -> None:
    outcome = _stormed(storm, tmp_path, network, persistence=persistence)
    assert good(outcome), outcome
    assert outcome.tally.stored >= outcome.tally.appended >= outcome.plan.events
    assert min(outcome.kills.values()) >= outcome.plan.kills
    said = (tmp_path / "agent.err").read_text()
    assert f":{8884 if storm.tls else PORT}" in said
    assert ("MQTT 3.1.1" in said) == (storm.protocol == 311)


@pytest.mark.usefixtures("broker_is_here")
def test_what_a_small_log_drops_is_told(network: Network, tmp_path: Path) -> None:
    outcome = _stormed(Storm(small_log=True), tmp_path, network, persistence=True)
    tally = outcome.tally
    assert good(outcome), outcome
    assert (tally.gaps, tally.gone, tally.lost) == (tally.dropped, 0, 0)
    assert tally.dropped > 0

    # What the rig would say if one of the events that tell had not come.
    with closing(sqlite3.connect(tmp_path / "central.db", isolation_level=None)) as db:
        told = db.execute("DELETE FROM event WHERE type = 'events.dropped'").rowcount
    untold = RealKit(tmp_path).tally()
    assert (untold.dropped, untold.gone + untold.lost) == (0, tally.dropped + told)
    assert untold.gone > 0


def test_naive_count(tmp_path: Path) -> None:
    (tmp_path / "naive.acknowledged").write_text("naive 1 3\nnaive 4 10\nnaive 11 ")
    with closing(sqlite3.connect(tmp_path / "naive.db", isolation_level=None)) as db:
        db.execute("CREATE TABLE event (seq INTEGER)")
        db.executemany("INSERT INTO event VALUES (?)", [(seq,) for seq in (1, 2, 2, 9)])
    tally = NaiveKit(tmp_path).tally()
    assert (tally.appended, tally.stored, tally.lost, tally.stored_twice) == (10, 3, 7, 1)


def test_schedule_is_of_its_seed() -> None:
    def drawn(seed: int) -> tuple[float, float, list[Fault]]:
        schedule = Schedule(seed)
        return schedule.life_s("agent"), schedule.cut_s(), [schedule.partition()[0] for _ in KINDS]

    assert drawn(7) == drawn(7) != drawn(8)
    assert set(drawn(7)[2]) == set(KINDS)


def test_schedule_is_fair() -> None:
    schedule = Schedule(5)
    lives_s = sorted(schedule.life_s("broker") for _ in range(20))
    # Two or three of twenty are long enough for a half-open connection to be found.
    assert 2 <= sum(life_s > 5 for life_s in lives_s) <= 3
    assert sum(lives_s) == pytest.approx(20 * 5.8, rel=0.25)
    cuts_s = [schedule.cut_s() for _ in range(20)]
    assert sum(cuts_s) == pytest.approx(20 * 14.7, rel=0.1)


def test_clockwork() -> None:
    clockwork = Clockwork()
    for at_s, what in ((3.0, "c"), (1.0, "a"), (2.0, "b")):
        clockwork.set(at_s, what)
    assert list(clockwork.due(2.0)) == ["a", "b"]
    assert clockwork.next_s == 3.0


@pytest.mark.usefixtures("broker_is_here")
def test_drain(tmp_path: Path) -> None:
    drained = drain.drain(tmp_path, 20_000)
    print(drained)
    # The figure of the long form, of the time that the publisher is given: the machine may do something else.
    assert drained.events / drained.publisher_cpu_s >= drain.LEAST_A_SECOND
    assert drained.growth_mb <= drain.MOST_GROWTH_MB


@pytest.mark.usefixtures("broker_is_here")
def test_latency(tmp_path: Path) -> None:
    measured = latency.measure(tmp_path, 3)
    print(measured)
    assert measured.missing == 0
    # On a busy machine its figure does not hold, but nothing waits for a turn that comes once a second.
    assert measured.p50_ms <= 10 * latency.MOST_P99_MS


@pytest.mark.usefixtures("broker_is_here")
def test_many_agents(tmp_path: Path) -> None:
    heard = many.measure(tmp_path, 40, 3)
    print(heard)
    assert (heard.lost, heard.events) == (0, 120)
