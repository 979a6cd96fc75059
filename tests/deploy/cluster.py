"""Three real broker nodes on this machine, and clients that publish and read."""

from __future__ import annotations

import json
import os
import shutil
import signal
import ssl
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from tests.conftest import ROOT, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from paho.mqtt.reasoncodes import ReasonCode

HOSTS = ("127.0.0.1", "127.0.0.2", "127.0.0.3")
NAME = "broker.test"
SCRIPT = ROOT / "deploy" / "broker" / "nats.sh"


class Nats:
    """What `deploy/broker/nats.sh --trial` starts; a node can be killed, and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.ca: Path | None = folder / "ca.crt"
        self._monitor_port = free_port()
        self._ports = {
            "--cluster-port": free_port(), "--monitor-port": self._monitor_port, "--port": self.port,
        }  # fmt: skip
        self._script: subprocess.Popen[str] | None = None
        self._again: list[subprocess.Popen[bytes]] = []

    @staticmethod
    def missing() -> str | None:
        """Why it can't be started here."""
        path = "/usr/sbin:/usr/bin:/bin:/usr/local/bin:/usr/local/sbin"
        lacking = [name for name in ("nats-server", "openssl", "perl") if not shutil.which(name, path=path)]
        return f"not installed (Debian's package of the same name): {lacking}" if lacking else None

    def start(self) -> None:
        ports = [word for name, port in self._ports.items() for word in (name, str(port))]
        self._script = subprocess.Popen(
            ["bash", SCRIPT, "--trial", self.folder, "--name", NAME, *ports],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._script.stdout
        for line in self._script.stdout:
            if line.startswith("All that happens"):
                return
        raise AssertionError((self.folder / "node-1" / "log").read_text()[-2000:])

    def tell(self, *words: str) -> None:
        """Run a command of the script on the running broker."""
        subprocess.run(
            ["bash", SCRIPT, *words, "--folder", self.folder], check=True, stdout=subprocess.DEVNULL
        )

    def ask(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Have the script do something that it may refuse."""
        return subprocess.run(
            ["bash", SCRIPT, *words, "--folder", self.folder], check=False, capture_output=True, text=True
        )

    def password(self, user: str) -> str:
        return self.password_file(user).read_text().strip()

    def password_file(self, user: str) -> Path:
        return self.folder / "passwords" / user.replace("/", "_")

    def pid(self, node: int) -> int:
        return int((self.folder / f"node-{node}" / "pid").read_text())

    def kill(self, node: int, number: signal.Signals = signal.SIGKILL) -> None:
        subprocess.run(["kill", f"-{int(number)}", str(self.pid(node))], check=True)
        for process in self._again:
            if process.pid == self.pid(node) and number == signal.SIGKILL:
                process.wait(10)

    def in_step(self) -> bool:
        """Whether each node says that it is one of three."""
        monitor = self._monitor_port
        return all(_is_healthy(host, monitor) for host in HOSTS)

    def restart(self, node: int) -> None:
        folder = self.folder / f"node-{node}"
        with (folder / "log").open("ab") as log:
            process = subprocess.Popen(["/usr/sbin/nats-server", "-c", folder / "nats.conf"], stderr=log)
        (folder / "pid").write_text(str(process.pid))
        self._again.append(process)

    def stop(self) -> None:
        for process in self._again:
            if process.poll() is None:
                process.kill()
            process.wait(10)
        if self._script:
            self._script.terminate()
            self._script.wait(20)
            assert self._script.stdout
            self._script.stdout.close()


def _is_healthy(host: str, port: int) -> bool:
    asking = HTTPConnection(host, port, timeout=2)
    try:
        asking.request("GET", "/healthz?js-server-only=true")
        return asking.getresponse().status == HTTPStatus.OK
    except OSError:
        return False
    finally:
        asking.close()


@dataclass
class Client:
    """A plain MQTT 3.1.1 client at one node, that keeps what it receives.

    Attributes:
        heard: topic, payload, retained, and when (monotonic).
    """

    host: str
    port: int
    user: str
    password: str
    ca: Path | None
    client_id: str
    clean: bool = True
    topics: tuple[str, ...] = ()
    will: tuple[str, str] | None = None
    qos: int = 1
    heard: list[tuple[str, str, bool, float]] = field(default_factory=list)
    acknowledged: set[int] = field(default_factory=set)
    granted: list[bool] = field(default_factory=list)
    ready: threading.Event = field(default_factory=threading.Event)
    gone: threading.Event = field(default_factory=threading.Event)
    refused: str | None = None
    good: bool = False

    def __post_init__(self) -> None:
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=self.client_id,
            protocol=paho.MQTTv311,
            clean_session=self.clean,
            reconnect_on_failure=False,
        )
        client.username_pw_set(self.user, self.password)
        if self.ca:
            client.tls_set_context(ssl.create_default_context(cafile=self.ca))
        if self.will:
            client.will_set(*self.will, qos=1, retain=True)

        def connected(_c: object, _d: object, _f: object, reason: object, _p: object) -> None:
            if str(reason) != "Success":
                self.refused = str(reason)
                self.ready.set()
            elif self.topics:
                client.subscribe([(topic, self.qos) for topic in self.topics])
            else:
                self.ready.set()

        def subscribed(
            _c: object, _d: object, _m: object, reasons: list[ReasonCode] | tuple[int, ...], _p: object
        ) -> None:
            self.granted += [str(reason).startswith("Granted") for reason in reasons]
            self.ready.set()

        def message(_c: object, _d: object, came: paho.MQTTMessage) -> None:
            text = bytes(came.payload).decode()
            self.heard.append((came.topic, text, came.retain, time.monotonic()))

        client.on_connect = connected
        client.on_subscribe = subscribed
        client.on_message = message
        client.on_publish = lambda _c, _d, mid, _r, _p: self.acknowledged.add(mid)
        client.on_disconnect = lambda *_: self.gone.set()
        self._client = client

    def open(self, within_s: float = 8.0) -> bool:
        """Whether it is connected, and its subscriptions granted, in this time."""
        try:
            self._client.connect(self.host, self.port, 30)
        except OSError:
            return False
        self._client.loop_start()
        return self.ready.wait(within_s) and not self.refused and not self.gone.is_set() and all(self.granted)

    def publish(self, topic: str, text: str, *, retain: bool = False, within_s: float = 5.0) -> bool:
        """Whether the broker acknowledged it in this time."""
        mid = self._client.publish(topic, text, 1, retain).mid
        give_up_s = time.monotonic() + within_s
        while mid not in self.acknowledged and time.monotonic() < give_up_s and not self.gone.is_set():
            time.sleep(0.002)
        return mid in self.acknowledged

    def seqs(self) -> list[int]:
        return [json.loads(text)["seq"] for topic, text, _, _ in list(self.heard) if "/event/" in topic]

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def vanish(self) -> None:
        """Hang up without a word, as a device whose power is gone."""
        sock: Any = self._client.socket()
        if sock is not None:
            sock.shutdown(2)
        self._client.loop_stop()


class Reader:
    """A central system: a persistent session, at whichever node still answers."""

    def __init__(self, hosts: tuple[str, ...], make: dict[str, object]) -> None:
        self._hosts = hosts
        self._make = make
        self.heard: list[tuple[str, str, bool, float]] = []
        self._stop = threading.Event()
        self.ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        turn = 0
        while not self._stop.is_set():
            client = Client(host=self._hosts[turn % len(self._hosts)], **self._make)  # type: ignore[arg-type]
            client.heard = self.heard
            turn += 1
            if client.open():
                self.ready.set()
                while not self._stop.is_set() and not client.gone.wait(0.1):
                    pass
            client.close()

    def seqs(self) -> list[int]:
        return [json.loads(text)["seq"] for topic, text, _, _ in list(self.heard) if "/event/" in topic]

    def close(self) -> None:
        self._stop.set()
        self._thread.join(20)


def by_name(
    folder: Path, name: str, addresses: tuple[str, ...], words: list[object], stdout: int = subprocess.DEVNULL
) -> subprocess.Popen[str]:
    """Start a process for which `name` has these addresses, in this order.

    In a mount namespace of its own /etc/hosts says so, as the installer's DNS would.
    """
    folder.mkdir(exist_ok=True)
    hosts = folder / "hosts"
    hosts.write_text("".join(f"{address} {name}\n" for address in addresses))
    return subprocess.Popen(
        ["unshare", "-r", "-m", "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"', hosts,
         *map(str, words)],
        cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE, stdout=stdout, text=True,
    )  # fmt: skip


def ended(process: subprocess.Popen[str], number: signal.Signals) -> None:
    """End it and close what led to it."""
    process.send_signal(number)
    process.wait(15)
    for pipe in (process.stdin, process.stdout):
        if pipe:
            pipe.close()


@contextmanager
def publisher_by_name(
    folder: Path, name: str, port: int, count: int, *, ca: Path | None, user: str, password_file: Path
) -> Iterator[subprocess.Popen[str]]:
    """The agent's own publisher, as a process for which `name` has the addresses of all nodes."""
    words = [sys.executable, "-m", "tests.deploy.publishing", name, port, ca or "-", user, password_file,
             folder / "published.db", count]  # fmt: skip
    process = by_name(folder / "publisher", name, HOSTS, words, subprocess.PIPE)
    try:
        yield process
    finally:
        ended(process, signal.SIGKILL)
