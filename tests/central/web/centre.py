"""A centre as it is run: a store with two sites, a certificate, and the process that serves both."""

from __future__ import annotations

import json
import os
import re
import signal
import ssl
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import httpx

from agent.central.database.engine import database_url
from agent.central.database.store import DatabaseStore
from agent.central.people.database import PeopleDatabase
from agent.central.receiver import Receiver
from agent.mqtt.connection import Message
from tests.broker import need_programs, script
from tests.central.saying import AGENT, happened, make_state, make_status
from tests.conftest import free_port, wait_until
from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# One site with two places, another with one.
AGENTS: Final = (AGENT, "que-phong/reception", "muong-xen/gate")
BUILDINGS: Final = """
[[building]]
site = "que-phong"
name = "house"
lines = ["one-stop/gate"]
[[building]]
site = "muong-xen"
name = "house"
lines = ["gate/main"]
"""


class Centre:
    """A store with one site, its certificate, and the process that serves it."""

    def __init__(self, folder: Path) -> None:
        need_programs()
        self.folder = folder
        self.port = free_port()
        broker = folder / "broker"
        for words in (("ca",), ("web", "localhost", "127.0.0.1")):
            done = script("certificates", *words, "--dir", broker)
            assert done.returncode == 0, done.stderr
        self.authority = broker / "ca.pem"
        self.certificate = broker / "issued" / "web.pem"
        self.config = folder / "central.toml"
        self.write()
        with DatabaseStore(database_url(f"sqlite:///{folder / 'store.db'}")) as store:
            receiver = Receiver(store).load()
            for agent in AGENTS:
                receiver.receive(
                    [said_by(agent, one) for one in (make_status(2), *happened(1, 2), make_state())]
                )
        self._said = folder / "said"
        self.process: subprocess.Popen[bytes] | None = None

    def write(self, **changed: str) -> None:
        web = {
            "name": "localhost", "host": "127.0.0.1", "certificate_file": str(self.certificate),
            "key_file": str(self.certificate.with_suffix(".key")), "root_file": str(self.authority),
            **changed,
        }  # fmt: skip
        lines = [f'{name} = "{value}"' for name, value in web.items()]
        self.config.write_text(
            f'[store]\nurl = "sqlite:///{self.folder / "store.db"}"\n'
            f'[people]\nurl = "sqlite:///{self.folder / "people.db"}"\n'
            f"[web]\nport = {self.port}\n" + "\n".join(lines) + BUILDINGS
        )

    def words(self, *words: str) -> list[str]:
        program = "from agent.cli.centre import main; main()"
        return [sys.executable, "-P", "-c", program, *words, "--config", str(self.config)]

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.words(*words), capture_output=True, text=True, check=False, timeout=PATIENCE_S,
            env={**os.environ, "LC_ALL": "C.UTF-8", "LANGUAGE": ""},
        )  # fmt: skip

    def token(self, *words: str) -> str:
        done = self.run("token", "add", *words)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def start(self) -> None:
        with self._said.open("ab") as file:
            self.process = subprocess.Popen(self.words("web"), stderr=file, stdout=file)
        wait_until(lambda: self.answers() or self.process.poll() is not None)  # type: ignore[union-attr]
        assert self.process.poll() is None, self.said()

    def answers(self) -> bool:
        try:
            return self.get("/").status_code > 0
        except httpx.TransportError:
            return False

    def said(self) -> str:
        return self._said.read_text()

    def get(self, path: str, token: str | None = None, **headers: str) -> httpx.Response:
        context = ssl.create_default_context(cafile=str(self.authority))
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        with httpx.Client(verify=context, timeout=PATIENCE_S) as client:
            return client.get(f"https://localhost:{self.port}{path}", headers=headers)

    def stop(self) -> None:
        assert self.process
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(PATIENCE_S)

    @contextmanager
    def people(self) -> Iterator[PeopleDatabase]:
        """The database that the process has open too."""
        url = database_url(f"sqlite:///{self.folder / 'people.db'}", table="people")
        with PeopleDatabase(url) as people:
            yield people

    @contextmanager
    def browser(self, **cookies: str) -> Iterator[Browser]:
        """Somebody's browser, with these cookies."""
        context = ssl.create_default_context(cafile=str(self.authority))
        with Browser(
            base_url=f"https://localhost:{self.port}", verify=context, timeout=PATIENCE_S, cookies=cookies
        ) as client:
            yield client


class Browser(httpx.Client):
    """Fills in forms as people do."""

    def field(self, path: str = "/login") -> str:
        """The hidden field of a page's forms."""
        found = re.search(r'name="form" value="([0-9a-f]{64})"', self.get(path).text)
        assert found
        return found[1]

    def sign_in(self, name: str, password: str, **fields: str) -> httpx.Response:
        return self.post("/login", data={"form": self.field(), "name": name, "password": password, **fields})


def said_by(agent: str, message: Message) -> Message:
    """A message as another agent would say it."""
    site, _, device = agent.partition("/")
    body = json.loads(message.payload) | (
        {"site": site, "device": device} if "/event/" in message.topic else {}
    )
    return Message(message.topic.replace(AGENT, agent), json.dumps(body), message.retain)
