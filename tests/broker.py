"""The broker of deploy/broker, as a central place has it, in a folder of the test's own."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from agent.mqtt.connection import Broker
from tests.conftest import ROOT, free_port, wait_until
from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    from pathlib import Path

SCRIPTS = ROOT / "deploy" / "broker"
ENVIRONMENT = {**os.environ, "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"}


def script(name: str, *words: str | Path) -> subprocess.CompletedProcess[str]:
    """Run one of deploy/broker's scripts to its end."""
    return subprocess.run(
        ["bash", SCRIPTS / f"{name}.sh", *words],
        capture_output=True, text=True, timeout=PATIENCE_S, check=False, env=ENVIRONMENT,
    )  # fmt: skip


def need_programs() -> None:
    for program in ("mosquitto", "mosquitto_sub", "mosquitto_passwd", "openssl"):
        if not shutil.which(program, path=ENVIRONMENT["PATH"]):
            pytest.skip(f"{program} is not installed (Debian: mosquitto, mosquitto-clients, openssl)")


@dataclass(frozen=True)
class Account:
    """Whoever logs in: with a password, or with a certificate."""

    login: str
    password_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None

    @property
    def password(self) -> str:
        assert self.password_file
        return self.password_file.read_text().strip()


class CentralBroker:
    """mosquitto with the files that deploy/broker/mosquitto.sh makes."""

    def __init__(self, folder: Path, *more: str) -> None:
        """Make its files; `more` are arguments of mosquitto.sh."""
        need_programs()
        self.folder = folder / f"broker-{time.monotonic_ns()}"
        self.port, self.certificate_port, self.plain_port = free_port(), free_port(), free_port()
        arguments = [
            "--bind", "127.0.0.1", "--name", "127.0.0.1", "--name", "localhost", "--port", str(self.port),
            "--certificate-port", str(self.certificate_port), "--plain-port", str(self.plain_port), *more,
        ]  # fmt: skip
        made = script("mosquitto", "--dir", self.folder, *arguments)
        assert made.returncode == 0, made.stderr
        self._log = self.folder / "mosquitto.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def ca_file(self) -> Path:
        return self.folder / "ca.pem"

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    def start(self) -> None:
        with self._log.open("ab") as log:
            begun = self.said().count(" running")
            self._process = subprocess.Popen(
                ["mosquitto", "-c", self.folder / "mosquitto.conf"], stdout=log, stderr=log, env=ENVIRONMENT
            )
        wait_until(lambda: self.said().count(" running") > begun or self._process.poll() is not None)  # type: ignore[union-attr]
        assert self._process.poll() is None, self.said()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        if self._process:
            self._process.send_signal(number)
            self._process.wait(PATIENCE_S)
            self._process = None

    def said(self) -> str:
        return self._log.read_text()

    def reload(self) -> None:
        """Let it read its files again, as the scripts do."""
        before = self.said().count("Reloading config.")
        assert self._process
        self._process.send_signal(signal.SIGHUP)
        wait_until(lambda: self.said().count("Reloading config.") > before)

    def account(self, *words: str | Path) -> str:
        """Run account.sh, which must succeed; what it says."""
        return self._script("account", *words)

    def certificates(self, *words: str | Path) -> str:
        """Run certificates.sh, which must succeed; what it says."""
        return self._script("certificates", *words)

    def _script(self, name: str, *words: str | Path) -> str:
        before = self.said().count("Reloading config.") if self._process else 0
        done = script(name, *words, "--dir", self.folder)
        assert done.returncode == 0, done.stderr
        if self._process and words[0] not in {"list", "device"}:
            wait_until(lambda: self.said().count("Reloading config.") > before)
        return done.stdout

    def add(self, role: str, *name: str, site: str | None = None) -> Account:
        """Add a device or a central system, here of one site only, that logs in with a password."""
        path = self.folder / f"password-{'_'.join(name)}"
        self.account(f"add-{role}", *name, "--password-file", path, *(["--site", site] if site else []))
        return Account("/".join(name), path)

    def add_certified(self, site: str, name: str) -> Account:
        """Add a device that logs in with a certificate."""
        self.account("add-device", site, name, "--certificate")
        issued = self.folder / "issued" / f"{site}_{name}"
        return Account(
            f"{site}/{name}",
            certificate_file=issued.with_suffix(".pem"),
            key_file=issued.with_suffix(".key"),
        )

    def as_seen_by(self, account: Account, protocol: int = 5) -> Broker:
        """Where and how the agent connects with this account."""
        certified = account.certificate_file is not None
        return Broker(
            "127.0.0.1",
            self.certificate_port if certified else self.port,
            protocol,
            tls=True,
            username=None if certified else account.login,
            password_file=account.password_file,
            ca_file=self.ca_file,
            certificate_file=account.certificate_file,
            key_file=account.key_file,
        )

    def client(self, account: Account, protocol: int = 5) -> list[str]:
        """Arguments of mosquitto_pub and mosquitto_sub to log in with this account."""
        arguments = ["-h", "127.0.0.1", "--cafile", str(self.ca_file), "-V", str(protocol)]
        if account.certificate_file:
            files = ["--cert", str(account.certificate_file), "--key", str(account.key_file)]
            return [*arguments, "-p", str(self.certificate_port), *files]
        return [*arguments, "-p", str(self.port), "-u", account.login, "-P", account.password]

    def new_authority(self, pem: Path, name: str, key: Path | None = None, *, key_usage: bool = True) -> Path:
        """An authority's certificate that others made: of a new key, or of one that is there."""
        bare = pem.with_suffix(".conf")
        bare.write_text("[req]\ndistinguished_name=none\n[none]\n")
        new_key = [
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-keyout",
            f"{pem}.key",
        ]
        usage = ["-addext", "keyUsage=critical,keyCertSign,cRLSign"] if key_usage else []
        subprocess.run(
            ["openssl", "req", "-new", "-x509", "-config", bare, *(["-key", key] if key else new_key),
             "-subj", f"/CN={name}", "-days", "2", "-addext", "basicConstraints=critical,CA:TRUE",
             "-addext", "subjectKeyIdentifier=hash", *usage, "-out", pem],
            check=True, capture_output=True, timeout=PATIENCE_S,
        )  # fmt: skip
        return pem

    def sign_in_the_past(self, account: str, key: Path, out: Path, extension: str) -> None:
        """A certificate of its authority that ended in 2020, for a key that is there."""
        request, extensions = self.folder / "past.csr", self.folder / "past.ext"
        config = self.folder / "ca" / "ca.conf"
        extensions.write_text(f"basicConstraints=critical,CA:FALSE\n{extension}\n")
        environment = {**ENVIRONMENT, "PRESENCE_CA": str(self.folder / "ca")}
        subject = "/CN=" + re.sub("/", r"\\/", account)
        commands: list[list[str | Path]] = [
            ["openssl", "req", "-new", "-config", config, "-key", key, "-subj", "/CN=x", "-out", request],
            ["openssl", "ca", "-batch", "-notext", "-config", config, "-subj", subject,
             "-extfile", extensions, "-startdate", "20200101000000Z", "-enddate", "20200102000000Z",
             "-in", request, "-out", out],
        ]  # fmt: skip
        for command in commands:
            subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE_S, env=environment)
