"""Secrets of this device that must not get into a bundle, as far as this user may read them."""

from __future__ import annotations

import os
import re
import shlex
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from agent.doctor.bundle.configuration import is_shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from agent.doctor.system import System

_MOST_BYTES = 65_536
_NAMES = re.compile(r"pass|pwd|secret|token|key|cred", re.IGNORECASE)
_LOGINS = re.compile(rf"{_NAMES.pattern}|user|login", re.IGNORECASE)
# As some cameras have it in their address.
_PAIR = re.compile(r"(?:pass\w*?|pwd|token|key)=([^&_?/\s]+)", re.IGNORECASE)
# User names that are part of what is on every page; hidden they would hide that.
_EVERYDAY = "presence-agent.service root systemd localhost"
# Where systemd takes the service's secrets from, beside what else is there, and where it gives them.
_FOLDERS = {"etc/presence-agent": _NAMES, "run/credentials/presence-agent.service": re.compile("")}
_FILES_OF_SECRETS = re.compile(r"^(password|key|token|secret)\w*_file$")
_ADDRESS = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://[^\s\"']+")
_QUOTED = re.compile(r"\"([^\"\n]+)\"|'([^'\n]+)'")
_LEAST_LINE = 16
_LEAST_PART = 8


@dataclass(slots=True)
class Secrets:
    """Secrets as they are collected.

    Attributes:
        values: texts to hide.
        unread: files that may hold one, and that this user may not read.
    """

    values: set[str] = field(default_factory=set)
    unread: set[Path] = field(default_factory=set)

    def add(self, text: str) -> None:
        """Take a value; of a key's file each line is one."""
        whole = text.strip()
        if not whole:
            return
        self.values |= {text.strip("\r\n"), whole}
        if "\n" in whole:
            lines = [line.strip() for line in whole.splitlines() if not line.startswith("-----")]
            self.values.add("".join(lines))
            self.values |= {line for line in lines if len(line) >= _LEAST_LINE or "-----" not in whole}

    def add_name(self, name: str) -> None:
        """Take the name of a user, unless it is a word of every day."""
        if name not in _EVERYDAY:
            self.add(name)

    def add_login(self, login: str) -> None:
        """Take what stands before an @."""
        user, _, password = login.partition(":")
        self.add_name(user)
        self.add_name(unquote(user))
        self.add(password)
        self.add(unquote(password))

    def add_address(self, address: str) -> None:
        """Take the login of an address, and all behind its host: cameras have logins there, too."""
        # A password with a slash in it is none by the rules, and is written all the same.
        login, at, place = address.partition("://")[2].rpartition("@")
        if at:
            self.add_login(login)
        behind = re.split(r"[/?#]", place, maxsplit=1)[1:]
        parts = [part for whole in behind for part in (whole, *re.split(r"[?#]", whole))]
        # A short one, such as 'live' or '101', would be hidden in every line.
        parts += [part for part in re.split(r"[/?#&=]", "".join(behind)) if len(part) >= _LEAST_PART]
        for part in (*parts, *_PAIR.findall(place)):
            if len(part) > 1 and part not in _EVERYDAY:
                self.values |= {part, unquote(part)}

    def read(self, path: Path, *, certificate: bool = False) -> None:
        """Take what a file holds; a certificate is for everybody."""
        try:
            with path.open("rb") as file:
                text = file.read(_MOST_BYTES).decode(errors="surrogateescape")
        except FileNotFoundError:
            return
        except OSError:
            if not certificate:
                self.unread.add(path)
            return
        if "-----BEGIN" in text and "PRIVATE KEY" not in text:
            return
        self.add(text)


def secrets_of(path: Path, raw: Mapping[str, Any] | None, text: str, machine: System) -> Secrets:
    """Collect the secrets of this device.

    Args:
        path: of the configuration file.
        raw: the configuration file as it is written; None: it is no TOML.
        text: of that file; empty: it can't be read.
        machine: whose files are looked at.
    """
    found = Secrets()
    if not text:
        # It is empty, missing or unreadable: then its content is unknown.
        found.read(path)
    for address in _ADDRESS.findall(text):
        found.add_address(address)
    if raw is None:
        for line in text.splitlines():
            if _LOGINS.search(line):
                for one, other in _QUOTED.findall(line):
                    found.add(one or other)
    else:
        _of_tables(raw, found, machine)
    for folder, names in _FOLDERS.items():
        _of_folder(machine.root / folder, names, found)
    found.values |= set(_of_environment(os.environ.items()))
    return found


def add_unit_secrets(text: str, found: Secrets, machine: System) -> None:
    """Take the secrets of units: credentials and variables that are written out, and files that are named.

    Args:
        text: of the units.
        found: takes them.
        machine: whose files are looked at.
    """
    for line in text.splitlines():
        name, _, value = line.strip().partition("=")
        label, _, given = value.partition(":")
        if name == "SetCredential":
            found.add(given)
            with suppress(UnicodeDecodeError):
                found.add(given.encode().decode("unicode_escape"))
        elif name == "LoadCredential" and given.startswith("/"):
            found.read(machine.root / given.lstrip("/"), certificate="certificate" in label)
        elif name == "Environment":
            with suppress(ValueError):
                found.values |= set(_of_environment(word.partition("=")[::2] for word in shlex.split(value)))


def _of_tables(raw: Mapping[str, Any], found: Secrets, machine: System) -> None:
    device = raw.get("device")
    parts = [device.get(name) for name in ("site", "name")] if isinstance(device, dict) else []
    agent = "/".join(str(part) for part in parts)
    for table, key, value in _values(raw):
        if isinstance(value, str):
            _of_text(table, key, value, agent, found, machine)
        elif not is_shown(table, key) and isinstance(value, int | float) and not isinstance(value, bool):
            found.add(str(value))


def _of_text(table: str, key: str, value: str, agent: str, found: Secrets, machine: System) -> None:
    if _FILES_OF_SECRETS.match(key):
        for path in {Path(value), machine.secret_path(Path(value)) or Path(value)}:
            found.read(path)
    elif "://" in value:
        found.add_address(value)
    elif key == "username":
        # The agent's own name is on every page.
        if value != agent:
            found.add_name(value)
    elif not is_shown(table, key) and (table, key) != ("camera", "source"):
        found.add(value)
    elif "@" in value:
        found.add_login(value.rpartition("@")[0])


def _values(raw: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """Each value with its table and key; those of lists and inner tables by themselves."""

    def inside(table: str, key: str, value: object) -> Iterator[tuple[str, str, Any]]:
        if isinstance(value, dict):
            for name, item in value.items():
                yield from inside(table or key, str(name), item)
        elif isinstance(value, list):
            for item in value:
                yield from inside(table, key, item)
        else:
            yield table, key, value

    for name, value in raw.items():
        yield from inside("", str(name), value)


def _of_folder(folder: Path, names: re.Pattern[str], found: Secrets) -> None:
    try:
        files = [path for path in folder.iterdir() if path.is_file()]
    except FileNotFoundError:
        return
    except OSError:
        found.unread.add(folder)
        return
    for path in files:
        if names.search(path.name):
            found.read(path, certificate="certificate" in path.name)


def _of_environment(variables: Iterable[tuple[str, ...]]) -> Iterator[str]:
    for name, value in variables:
        if _NAMES.search(name) and value and "/" not in value[:1]:
            yield value
        if "://" in value and "@" in value:
            login = Secrets()
            login.add_address(value)
            yield from login.values
