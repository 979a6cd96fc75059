"""An archive of deploy/archive.sh, and devices in folders that read it with this machine's apt."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import TYPE_CHECKING

from tests.conftest import ROOT
from tests.deploy.packaging import Root
from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Seconds, each more than those before.
_LATER_S = count(10, 10)
# What the package depends on, for dpkg to believe that it is there.
_THERE = "".join(
    f"Package: {name}\nStatus: install ok installed\nVersion: {version}\nArchitecture: amd64\n"
    "Maintainer: nobody <nobody@example.invalid>\nDescription: there\n\n"
    for name, version in (("python3", "3.13.5-1"), ("systemd", "257.8-1"), ("libc6", "2.41-12"))
)


def run(*words: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program, in English, and return how it ended and what it said."""
    return subprocess.run(
        words, capture_output=True, text=True, check=False, timeout=PATIENCE_S, cwd=ROOT,
        env={**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive", **environment},
    )  # fmt: skip


class Archive:
    """An archive in a folder of its own."""

    def __init__(self, path: Path, *options: str) -> None:
        self.path, self.public = path, path / "public"
        self.do("init", *options)

    def ask(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        """Run archive.sh on this archive."""
        return run("bash", "deploy/archive.sh", *words, "--dir", self.path)

    def do(self, *words: str | Path) -> str:
        """Run archive.sh on this archive, which must end well, and return what it said."""
        done = self.ask(*words)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def release(self, suite: str, field: str) -> datetime:
        """A time in a suite's index."""
        lines = (self.public / "dists" / suite / "Release").read_text().splitlines()
        (value,) = [line.partition(": ")[2] for line in lines if line.startswith(f"{field}: ")]
        return parsedate_to_datetime(value)

    def sign_as_of(self, suite: str, age: timedelta) -> None:
        """Sign a suite's index with the archive's key as if that had been done so long ago."""
        folder = self.public / "dists" / suite
        back = age - (datetime.now(UTC) - self.release(suite, "Date"))
        changed = []
        for line in (folder / "Release").read_text().splitlines():
            field = line.partition(":")[0]
            if field in {"Date", "Valid-Until"}:
                then = (self.release(suite, field) - back).astimezone(UTC)
                changed.append(f"{field}: {format_datetime(then, usegmt=True)}")
            else:
                changed.append(line)
        (folder / "Release").write_text("\n".join(changed) + "\n")
        gpg = ("gpg", "--homedir", self.path / "gnupg", "--batch", "--yes", "--pinentry-mode", "loopback")
        for name, options in (
            ("InRelease", ("--clear-sign",)),
            ("Release.gpg", ("--detach-sign", "--armor")),
        ):
            done = run(*gpg, "--output", folder / name, *options, folder / "Release")
            assert done.returncode == 0, done.stderr
        run("gpgconf", "--homedir", self.path / "gnupg", "--kill", "gpg-agent")
        renew(folder)

    @contextmanager
    def served(self) -> Iterator[str]:
        """Serve what is public as a web server does, and give its address."""
        handler = partial(_Quiet, directory=str(self.public))
        with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            yield f"http://127.0.0.1:{server.server_port}"
            server.shutdown()
            thread.join()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_words: object) -> None:
        """Tell nobody."""


class Device:
    """A device in a folder, set up by the archive's script; its apt and dpkg are the machine's."""

    def __init__(self, path: Path, archive: Archive, url: str, channel: str) -> None:
        self.path, self.root = path, Root(path / "root")
        (self.root.path / "var/lib/dpkg/status").write_text(_THERE)
        self.root.put("etc/os-release", "VERSION_CODENAME=trixie\n")
        for folder in (
            "var/lib/apt/lists/partial",
            "var/cache/apt/archives/partial",
        ):
            (self.root.path / folder).mkdir(parents=True)
        script = path / "set-up.sh"
        script.write_text(archive.do("device", "--url", url, "--channel", channel))
        done = run("sh", script, ROOT=str(self.root.path))
        assert done.returncode == 0, done.stderr
        self.keyring = self.root.path / "etc/apt/keyrings/presence-agent.gpg"
        sources = self.root.path / "etc/apt/sources.list.d/presence-agent.sources"
        # apt takes this path as it is, whatever its root.
        sources.write_text(sources.read_text().replace("/etc/apt/keyrings", str(self.keyring.parent)))
        options = (f"--root={self.root.path}", "--force-script-chrootless", "--force-unsafe-io")
        quoted = " ".join(f'"{option}";' for option in options)
        (path / "apt.conf").write_text(
            f'Dir "{self.root.path}";\nDir::Log "{path}";\nAPT::Architecture "amd64";\n'
            'APT::Architectures { "amd64"; };\nAPT::Sandbox::User "";\nAPT::Install-Recommends "false";\n'
            f"DPkg::Options {{ {quoted} }};\n"
        )

    def apt(self, *words: str, offline: bool = False) -> subprocess.CompletedProcess[str]:
        """Run apt-get on this device; without a network if so asked."""
        alone = ("unshare", "--net") if offline else ()
        return run(*alone, "apt-get", "-qy", *words, APT_CONFIG=str(self.path / "apt.conf"))

    def update(self) -> subprocess.CompletedProcess[str]:
        """Fetch the lists; what can't be had or must not be believed is an error."""
        return self.apt("-o", "APT::Update::Error-Mode=any", "update")

    def upgraded(self) -> str | None:
        """Version that is installed once the lists were fetched and what is new installed; None: none."""
        self.update()
        self.apt("install", "presence-agent")
        return self.installed()

    def installed(self) -> str | None:
        """Version that is installed; None: none."""
        done = run(
            "dpkg-query", f"--admindir={self.root.path}/var/lib/dpkg", "-Wf",
            "${Version} ${db:Status-Status}", "presence-agent",
        )  # fmt: skip
        version, _, status = done.stdout.partition(" ")
        return version if status == "installed" else None

    def configured(self, name: str) -> list[str]:
        """Values of an option, as apt on this device has them."""
        said = run("apt-config", "dump", name, APT_CONFIG=str(self.path / "apt.conf")).stdout
        return [
            line.partition(" ")[2].strip('";')
            for line in said.splitlines()
            if line.partition(" ")[2] != '"";'
        ]


def swap(path: Path, by: Path) -> None:
    """Put a copy of another file or folder in the place of this one, as new to a web server."""
    if path.is_dir():
        shutil.rmtree(path)
        shutil.copytree(by, path)
    else:
        shutil.copyfile(by, path)
    renew(path)


def renew(path: Path) -> None:
    """Date files after all that were served before, or apt is told that nothing has changed."""
    later_s = time.time() + next(_LATER_S)
    for file in (path, *path.rglob("*")):
        os.utime(file, (later_s, later_s))
