"""What a broker of three nodes does when one of them is killed, measured over MQTT 3.1.1.

`python -m tests.bench.clusters` starts deploy/broker/nats.sh --trial and prints a line a question.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from tests.deploy.cluster import HOSTS, NAME, Client, Nats, Reader, publisher_by_name

if TYPE_CHECKING:
    from collections.abc import Callable

DEVICE = "trial/camera"
ROOT = f"presence/v1/{DEVICE}"
EVENTS = "presence/v1/+/+/event/#"


class Cluster(Protocol):
    """Three nodes, numbered from 1, at HOSTS."""

    folder: Path
    port: int
    ca: Path | None

    def start(self) -> None: ...
    def stop(self) -> None: ...
    def kill(self, node: int) -> None: ...
    def restart(self, node: int) -> None: ...
    def pid(self, node: int) -> int: ...
    def password(self, user: str) -> str: ...
    def password_file(self, user: str) -> Path: ...


def client(
    cluster: Cluster, node: int, user: str, client_id: str, *topics: str, clean: bool = True,
    will: tuple[str, str] | None = None,
) -> Client:  # fmt: skip
    return Client(
        HOSTS[node - 1],
        cluster.port,
        user,
        cluster.password(user),
        cluster.ca,
        client_id,
        clean,
        topics,
        will,
    )


def opened(
    cluster: Cluster, node: int, user: str, client_id: str, *topics: str, clean: bool = True,
    will: tuple[str, str] | None = None, within_s: float = 60.0, qos: int = 1,
) -> Client:  # fmt: skip
    """A client that is connected, however often it has to try."""
    give_up_s = time.monotonic() + within_s
    while time.monotonic() < give_up_s:
        made = client(cluster, node, user, client_id, *topics, clean=clean, will=will)
        made.qos = qos
        if made.open():
            return made
        made.close()
        time.sleep(0.1)
    raise TimeoutError(f"node {node} lets nobody in within {within_s} s")


def until(holds: Callable[[], bool], within_s: float) -> float | None:
    """How long it took, in seconds; None: longer than that."""
    begin_s = time.monotonic()
    while time.monotonic() - begin_s < within_s:
        if holds():
            return round(time.monotonic() - begin_s, 2)
        time.sleep(0.01)
    return None


def retained(cluster: Cluster, node: int, topic: str) -> str | None:
    reader = opened(cluster, node, "central", f"retained-{node}-{time.monotonic_ns()}", topic, qos=0)
    until(lambda: bool(reader.heard), 3)
    reader.close()
    return reader.heard[0][1] if reader.heard else None


def revive(cluster: Cluster, node: int) -> float:
    """How long it takes to come back, in seconds, until a client is let in."""
    begin_s = time.monotonic()
    cluster.restart(node)
    opened(cluster, node, "central", f"revive-{time.monotonic_ns()}").close()
    return round(time.monotonic() - begin_s, 2)


def rss_mb(cluster: Cluster) -> list[int]:
    def of(node: int) -> int:
        status = Path(f"/proc/{cluster.pid(node)}/status").read_text()
        return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))) // 1024

    return [of(node) for node in (1, 2, 3)]


def tell(what: str, figure: object) -> None:
    print(f"{what:58} {figure}", flush=True)


def measure_retained(cluster: Cluster) -> None:
    device = opened(cluster, 1, DEVICE, "retained-device")
    device.publish(f"{ROOT}/status", "one", retain=True)
    tell("retained at node 1, read at 1, 2, 3", [retained(cluster, n, f"{ROOT}/status") for n in (1, 2, 3)])
    device.close()
    cluster.kill(3)
    device = opened(cluster, 1, DEVICE, "retained-device")
    device.publish(f"{ROOT}/status", "two", retain=True)
    tell(
        "… changed while node 3 was down, read at 1, 2",
        [retained(cluster, n, f"{ROOT}/status") for n in (1, 2)],
    )
    took_s = until(lambda: retained(cluster, 2, f"{ROOT}/status") == "two", 30)
    tell("… s until node 2 says so too", took_s)
    took = []
    for number in range(4):
        begin_s = time.monotonic()
        opened(cluster, 1 + number % 2, "central", f"new-{number}", f"{ROOT}/health").close()
        took.append(round(time.monotonic() - begin_s, 1))
    tell("… one node down: s until a new QoS 1 subscription stands", took)
    tell("node 3 back, seconds until it lets a client in", revive(cluster, 3))
    tell("… the same, read at node 3", retained(cluster, 3, f"{ROOT}/status"))
    device.close()
    cluster.kill(1)
    tell(
        "… node 1 (that took it) killed, read at 2, 3",
        [retained(cluster, n, f"{ROOT}/status") for n in (2, 3)],
    )
    revive(cluster, 1)
    tell("… node 1 back, read at 1, 2, 3", [retained(cluster, n, f"{ROOT}/status") for n in (1, 2, 3)])


def measure_sessions(cluster: Cluster) -> None:
    one = opened(cluster, 1, DEVICE, "twin")
    two = opened(cluster, 2, DEVICE, "twin")
    tell("same client id at node 2: node 1 hangs up after s", until(one.gone.is_set, 5))
    two.close()
    one.close()
    reader = opened(cluster, 3, "central", "will-reader", f"{ROOT}/status")
    device = opened(cluster, 1, DEVICE, "will-device", will=(f"{ROOT}/status", "lost"))
    device.vanish()
    tell(
        "device vanished at node 1: will at node 3 after s",
        until(lambda: reader.heard[-1:] != [] and reader.heard[-1][1] == "lost", 5),
    )
    device = opened(cluster, 1, DEVICE, "will-device", will=(f"{ROOT}/status", "lost2"))
    cluster.kill(1)
    tell(
        "node of the device killed: will at node 3 after s",
        until(lambda: reader.heard[-1:] != [] and reader.heard[-1][1] == "lost2", 15),
    )
    device.close()
    revive(cluster, 1)
    tell(
        "… and when it is back, within 10 s",
        until(lambda: reader.heard[-1:] != [] and reader.heard[-1][1] == "lost2", 10),
    )
    reader.close()
    away = opened(cluster, 2, "central", "away", EVENTS, clean=False)
    away.close()
    device = opened(cluster, 1, DEVICE, "away-device")
    sent = sum(device.publish(f"{ROOT}/event/gate/x", f'{{"seq":{n}}}') for n in range(200))
    cluster.kill(2)
    back = opened(cluster, 3, "central", "away", clean=False)
    until(lambda: len(set(back.seqs())) >= sent, 15)
    tell("200 for an absent session, its node killed: acked, had at 3", (sent, len(set(back.seqs()))))
    back.close()
    revive(cluster, 2)
    device.close()
    device = opened(cluster, 1, DEVICE, "away-device")
    sent = sum(device.publish(f"{ROOT}/event/gate/x", f'{{"seq":{n}}}') for n in range(200, 400))
    device.close()
    for node in (1, 2, 3):
        cluster.kill(node)
    for node in (1, 2, 3):
        cluster.restart(node)
    back = opened(cluster, 1, "central", "away", clean=False)
    until(lambda: len(set(back.seqs())) >= sent, 20)
    tell("200 for an absent session, all three killed: acked, had", (sent, len(set(back.seqs()))))
    back.close()


def measure_rights(cluster: Cluster) -> None:
    def tried(user: str, topic: str, retain: bool = False) -> str:
        reader = opened(cluster, 2, "central", "rights-reader", "presence/#")
        until(lambda: False, 0.3)
        before = len(reader.heard)
        writer = opened(cluster, 1, user, f"rights-{time.monotonic_ns()}")
        acked = writer.publish(topic, "forged", retain=retain, within_s=2)
        until(lambda: False, 0.5)
        came = any(text == "forged" for _, text, _, _ in reader.heard[before:])
        gone = writer.gone.is_set()
        writer.close()
        reader.close()
        words = ["passed on" if came else "not passed on", "acked" if acked else "no ack"]
        return ", ".join([*words, "hung up"] if gone else words)

    def asked(user: str, topic: str) -> str:
        reader = client(cluster, 1, user, f"rights-{time.monotonic_ns()}", topic)
        reader.open(5)
        answer = (
            f"{'granted' if any(reader.granted) else 'refused'}{', hung up' if reader.gone.is_set() else ''}"
        )
        reader.close()
        return answer

    tell("device writes its own event", tried(DEVICE, f"{ROOT}/event/gate/x"))
    tell("device writes another's event", tried(DEVICE, "presence/v1/trial/other/event/gate/x"))
    tell(
        "device writes another's status, retained",
        tried(DEVICE, "presence/v1/trial/other/status", retain=True),
    )
    tell("device writes its own cmd", tried(DEVICE, f"{ROOT}/cmd/replay"))
    tell("central writes cmd", tried("central", f"{ROOT}/cmd/replay"))
    tell("central writes a status", tried("central", f"{ROOT}/status", retain=True))
    tell("device reads its own cmd/#", asked(DEVICE, f"{ROOT}/cmd/#"))
    tell("device reads another's events", asked(DEVICE, "presence/v1/trial/other/event/#"))
    tell("device reads presence/#", asked(DEVICE, "presence/#"))
    tell("device reads #", asked(DEVICE, "#"))
    wrong = client(cluster, 1, DEVICE, "wrong")
    wrong._client.username_pw_set(DEVICE, "wrong")
    wrong.open(5)
    tell("device with a wrong password", wrong.refused or "hung up")
    wrong.close()


def measure_quorum(cluster: Cluster) -> None:
    device = opened(cluster, 1, DEVICE, "quorum")
    reader = opened(cluster, 1, "central", "quorum-reader", EVENTS, clean=False)
    cluster.kill(2)
    cluster.kill(3)
    tell(
        "two of three down: an event is acknowledged",
        device.publish(f"{ROOT}/event/gate/x", '{"seq":9}', within_s=12),
    )
    cluster.restart(2)
    cluster.restart(3)
    took = until(lambda: _takes(cluster), 60)
    tell("both back: events are taken again after s", took)
    device.close()
    reader.close()


def _takes(cluster: Cluster) -> bool:
    made = client(cluster, 1, DEVICE, "takes")
    good = made.open(5) and made.publish(f"{ROOT}/event/gate/x", '{"seq":10}', within_s=5)
    made.close()
    return good


def measure_elections(cluster: Cluster) -> None:
    took = []
    for node in (1, 2, 3):
        other = node % 3 + 1
        watcher = opened(cluster, other, "central", f"elect-{node}", EVENTS, clean=False)
        device = opened(cluster, other, DEVICE, f"elect-device-{node}")
        cluster.kill(node)
        begin_s = time.monotonic()
        while time.monotonic() - begin_s < 60:
            if device.gone.is_set():
                device.close()
                device = opened(cluster, other, DEVICE, f"elect-device-{node}")
            text = f'{{"seq":{time.monotonic_ns()}}}'
            if device.publish(f"{ROOT}/event/gate/x", text, within_s=6) and _heard(watcher, text):
                break
        took.append(round(time.monotonic() - begin_s, 2))
        device.close()
        watcher.close()
        revive(cluster, node)
        time.sleep(2)
    tell("node killed, a client at another: s until an event passes", took)


def _heard(watcher: Client, text: str) -> bool:
    return until(lambda: any(heard[1] == text for heard in list(watcher.heard)), 2) is not None


def measure_publishing(cluster: Cluster, folder: Path, count: int = 3001) -> None:
    keys = {"port": cluster.port, "user": "central", "password": cluster.password("central"),
            "ca": cluster.ca, "client_id": "store", "clean": False, "topics": (EVENTS,)}  # fmt: skip
    reader = Reader((HOSTS[1], HOSTS[2]), keys)
    assert reader.ready.wait(30)
    killed_s = 0.0
    with publisher_by_name(
        folder,
        NAME,
        cluster.port,
        count,
        ca=cluster.ca,
        user=DEVICE,
        password_file=cluster.password_file(DEVICE),
    ) as process:
        assert process.stdout
        for line in process.stdout:
            if line.strip() == "1001":
                cluster.kill(1)
                killed_s = time.monotonic()
            if line.startswith(("delivered", "not")):
                tell("agent's publisher, 200/s, its node killed: it says", line.strip())
                break
        until(lambda: len(set(reader.seqs())) >= count, 30)
        seqs = reader.seqs()
        times = [at for topic, _, _, at in reader.heard if "/event/" in topic]
        silence = max((b - a for a, b in pairwise(times) if b > killed_s), default=0.0)
        tell(
            "… events, lost, double, longest silence s",
            (count, count - len(set(seqs)), len(seqs) - len(set(seqs)), round(silence, 1)),
        )
    reader.close()
    revive(cluster, 1)


def measure_speed(cluster: Cluster) -> None:
    reader = opened(cluster, 2, "central", "speed", EVENTS)
    device = opened(cluster, 1, DEVICE, "speed-device")
    took = []
    for number in range(300):
        begin_s = time.monotonic()
        device.publish(f"{ROOT}/event/gate/x", f'{{"seq":{number}}}')
        took.append((time.monotonic() - begin_s) * 1000)
    tell(
        "ms from publish to acknowledgement, median, p99",
        (round(statistics.median(took), 1), round(sorted(took)[-3], 1)),
    )
    device.close()
    reader.close()
    tell("memory of each node, MB", rss_mb(cluster))
    many = [
        opened(
            cluster, n % 3 + 1, DEVICE, f"many-{n}", f"{ROOT}/cmd/replay", f"{ROOT}/status", f"{ROOT}/health"
        )
        for n in range(50)
    ]
    tell("… with 50 agents' connections and subscriptions, MB", rss_mb(cluster))
    for made in many:
        made.close()


def run(cluster: Cluster, folder: Path) -> None:
    measure_speed(cluster)
    measure_rights(cluster)
    measure_retained(cluster)
    measure_publishing(cluster, folder)
    measure_elections(cluster)
    measure_sessions(cluster)
    measure_quorum(cluster)


def main() -> None:
    reason = Nats.missing()
    if reason:
        sys.exit(reason)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "cluster").mkdir()
        cluster = Nats(folder / "cluster")
        begin_s = time.monotonic()
        cluster.start()
        tell("three nodes stand after s", round(time.monotonic() - begin_s, 1))
        try:
            run(cluster, folder)
        finally:
            cluster.stop()


if __name__ == "__main__":
    main()
