"""An office's centre in a folder, as `presence-central init` sets it up, with its broker and services."""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from agent.mqtt.connection import Broker
from tests.broker import ENVIRONMENT, need_programs, script
from tests.central.web.centre import Browser
from tests.conftest import free_port
from tests.patience import PATIENCE_S
from tests.samples import SENDER

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAM = [sys.executable, "-P", "-c", "from agent.cli.centre import main; main()"]


class Office:
    """A folder in which a centre is set up."""

    def __init__(self, folder: Path) -> None:
        need_programs()
        self.folder = folder / "centre"
        self.port, self.broker_port, self._certificate_port = free_port(), free_port(), free_port()
        self._said = folder / "run.log"

    def init(self, *words: str, name: str = "localhost") -> subprocess.CompletedProcess[str]:
        return self.command(
            "init", "--name", name, "--dir", str(self.folder), "--port", str(self.port),
            "--broker-port", str(self.broker_port), "--certificate-port", str(self._certificate_port), *words,
        )  # fmt: skip

    def command(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run presence-central to its end, in English unless `environment` says otherwise."""
        return subprocess.run(
            [*PROGRAM, *words], capture_output=True, text=True, check=False, timeout=PATIENCE_S,
            env={**ENVIRONMENT, "LC_ALL": "C.UTF-8", "LANGUAGE": "", **environment},
        )  # fmt: skip

    @property
    def config(self) -> Path:
        return self.folder / "central.toml"

    def said(self) -> str:
        return self._said.read_text()

    def files(self) -> dict[str, bytes]:
        return {str(path): path.read_bytes() for path in sorted(self.folder.rglob("*")) if path.is_file()}

    def device(self) -> Broker:
        """The broker, as a device with an account of its own sees it."""
        secret, broker = self.folder.parent / "device-password", self.folder / "broker"
        if not secret.exists():
            words = "add-device", SENDER.site, SENDER.device, "--password-file", secret, "--dir", broker
            added = script("account", *words)
            assert added.returncode == 0, added.stderr
        return Broker(
            "localhost", self.broker_port, 5, tls=True, username=f"{SENDER.site}/{SENDER.device}",
            password_file=secret, ca_file=broker / "ca.pem",
        )  # fmt: skip

    @contextmanager
    def broker(self) -> Iterator[None]:
        config = self.folder / "broker" / "mosquitto.conf"
        with (self.folder.parent / "mosquitto.log").open("ab") as log:
            process = subprocess.Popen(["mosquitto", "-c", config], stderr=log, env=ENVIRONMENT)
        try:
            yield
        finally:
            process.terminate()
            process.wait(PATIENCE_S)

    def start(self) -> subprocess.Popen[bytes]:
        with self._said.open("ab") as log:
            return subprocess.Popen([*PROGRAM, "run", "--config", str(self.config)], stderr=log)

    @contextmanager
    def running(self) -> Iterator[subprocess.Popen[bytes]]:
        process = self.start()
        try:
            yield process
        finally:
            process.terminate()
            assert process.wait(PATIENCE_S) == 0, self.said()

    @contextmanager
    def browser(self) -> Iterator[Browser]:
        context = ssl.create_default_context(cafile=str(self.folder / "broker" / "ca.pem"))
        with Browser(
            base_url=f"https://localhost:{self.port}", verify=context, timeout=PATIENCE_S
        ) as browser:
            yield browser

    def answers(self) -> bool:
        with suppress(httpx.TransportError), self.browser() as browser:
            return browser.get("/login").status_code == 200
        return False

    def pid_of(self, command: str) -> int | None:
        """The process of `run` that serves this."""
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):
                words = path.read_bytes().split(b"\0")
                if command.encode() in words and os.fsencode(self.config) in words:
                    return int(path.parent.name)
        return None
