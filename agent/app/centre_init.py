"""A centre set up on a machine: broker and authority, accounts, configuration, first user, services.

What is there stays as it is, so that it is safe to repeat, also after it was stopped half-way.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import ssl
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Final

import agent
from agent.app.centre_layout import (
    ACCOUNT,
    CentreLayout,
    CentreWanted,
    broker_at,
    layout_of,
    tables_of,
)
from agent.app.people import address_of, people_of, web_of, whoever_types
from agent.central.people.accounts import Accounts
from agent.central.people.reach import Reach
from agent.central.settings import checked, load
from agent.errors import AgentError, ConfigError
from agent.install.atomic import replace_atomically
from agent.locale.language import reader_language
from agent.mqtt.certificates import SOON_DAYS, certificate_end

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from agent.central.settings import CentralConfig

_DEPLOY: Final = Path(agent.__file__).parent.parent / "deploy"
_UNITS: Final = ("presence-central-receive.service", "presence-central-web.service")
_SYSUSERS: Final = "presence-central.sysusers.conf"
_RECEIVE_USER, _WEB_USER = "presence-receive", "presence-web"
_FIRST_USER: Final = "admin"
# The units see nothing of these folders.
_HIDDEN: Final = ("/home", "/root", "/run/user", "/tmp", "/var/tmp")  # noqa: S108 - no file is made there
_PASSWORD_BYTES: Final = 15


def initialise(wanted: CentreWanted, say: Callable[[str], None]) -> None:
    """Set up what is missing.

    Args:
        wanted: what is asked for.
        say: takes a line for whoever looks on, in their language.

    Raises:
        ConfigError: what is asked for can't be done here; nothing was changed.
        AgentError: a step did not succeed; those before it stay, and are not done again.
    """
    layout, language = layout_of(wanted.folder), reader_language()
    tables = tables_of(wanted, layout)
    checked(tables)
    _check(layout)
    if layout.is_system:
        _make_users()
    layout.folder.mkdir(mode=0o755 if layout.is_system else 0o700, parents=True, exist_ok=True)
    _make_broker(wanted, layout, say)
    _make_account(layout, say)
    renewed = _make_certificate(wanted, layout, say)
    if layout.config.exists():
        say(language.gettext("{file} is there, and stays as it is.").format(file=layout.config))
    else:
        replace_atomically(layout.config, _text(tables).encode(), 0o644)
        say(language.gettext("{file} is written.").format(file=layout.config))
    config = load(layout.config)
    _make_first_user(config, layout, say)
    if layout.is_system:
        _start(say, restart=renewed)
    _say_what_next(config, layout, say)


def _text(tables: dict[str, dict[str, str | int]]) -> str:
    """The same as TOML; a string of JSON is one of TOML."""
    return "\n".join(
        f"[{name}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in table.items())
        for name, table in tables.items()
    )


def _check(layout: CentreLayout) -> None:
    """What would go wrong half-way is said before anything is done."""
    if not (_DEPLOY / "broker" / "mosquitto.sh").is_file():
        raise ConfigError(
            "this installation has no deploy/broker: run `init` from a checkout of the project."
        )
    if not layout.is_system:
        return
    if os.geteuid() != 0:
        raise ConfigError("run this as root, or with --dir FOLDER for a centre of your own.")
    if not Path("/run/systemd/system").is_dir():
        raise ConfigError(
            "there is no systemd here: give --dir FOLDER, and run it by `presence-central run`."
        )
    program = _program()
    if str(program).startswith(tuple(f"{folder}/" for folder in _HIDDEN)):
        raise ConfigError(
            f"{program} is where services may not look: move the checkout below /opt, make its environment "
            "there, and run this from it."
        )


def _program() -> Path:
    return Path(sys.executable).parent / "presence-central"


def _make_users() -> None:
    target = Path("/etc/sysusers.d/presence-central.conf")
    target.parent.mkdir(exist_ok=True)
    shutil.copyfile(_DEPLOY / "central" / _SYSUSERS, target)
    _run(["systemd-sysusers", str(target)])


def _make_broker(wanted: CentreWanted, layout: CentreLayout, say: Callable[[str], None]) -> None:
    """The broker with its authority; what an administrator set about one that is there stays."""
    words, language = ["--dir", str(layout.broker)], reader_language()
    made = all(path.exists() for path in (layout.broker / "server.pem", layout.broker_config))
    if made and wanted.upstream is None:
        say(language.gettext("The broker is there, and stays as it is."))
        return
    if not made:
        words += [word for name in (wanted.name, "localhost", "127.0.0.1") for word in ("--name", name)]
    _, port, certificate_port = broker_at(wanted, layout)
    words += ["--port", str(port), "--certificate-port", str(certificate_port)]
    if wanted.upstream is not None:
        words += [
            "--upstream", wanted.upstream.host, "--upstream-port", str(wanted.upstream.port),
            "--site", wanted.upstream.site, "--upstream-login", wanted.upstream.login,
            "--upstream-password-file", str(wanted.upstream.password_file),
            "--upstream-ca", str(wanted.upstream.ca_file),
        ]  # fmt: skip
    say(language.gettext("Setting up the broker, its authority and its certificate ..."))
    _script("mosquitto.sh", words)


def _make_account(layout: CentreLayout, say: Callable[[str], None]) -> None:
    """The receiver's login at the broker, whose password is in a file of its own."""
    language = reader_language()
    if layout.password.exists():
        say(language.gettext("The broker knows the account {name}.").format(name=ACCOUNT))
        return
    accounts = (layout.broker / "accounts").read_text("utf-8").splitlines()
    # One without its file: this was stopped between the two, or somebody took the file away.
    known = any(line.split()[1:2] == [ACCOUNT] for line in accounts)
    command = "new-password" if known else "add-central"
    _script(
        "account.sh",
        [command, ACCOUNT, "--password-file", str(layout.password), "--dir", str(layout.broker)],
    )
    _give(layout, layout.password, _RECEIVE_USER)
    say(
        language.gettext("The broker knows the account {name}, whose password is in {file}.").format(
            name=ACCOUNT, file=layout.password
        )
    )


def _make_certificate(wanted: CentreWanted, layout: CentreLayout, say: Callable[[str], None]) -> bool:
    """The certificate of pages and API, by the broker's authority; whether there is a new one.

    One that ends soon is made again.
    """
    language = reader_language()
    end = certificate_end(layout.certificate)
    lasts = end is not None and end - datetime.now(UTC) > timedelta(days=SOON_DAYS)
    if lasts and layout.key.exists():
        say(
            language.gettext("The certificate {file} is there, and stays as it is.").format(
                file=layout.certificate
            )
        )
        return False
    if layout.config.exists():
        web = load(layout.config).web
        if web is None or web.certificate_file != layout.certificate:
            # The office has one of its own.
            return False
    names = [wanted.name, *(name for name in ("localhost", "127.0.0.1") if name != wanted.name)]
    _script("certificates.sh", ["web", *names, "--dir", str(layout.broker)])
    issued = layout.broker / "issued"
    replace_atomically(layout.key, (issued / "web.key").read_bytes(), 0o400)
    _give(layout, layout.key, _WEB_USER)
    replace_atomically(layout.certificate, (issued / "web.pem").read_bytes(), 0o644)
    (issued / "web.key").unlink()
    say(
        language.gettext("The certificate of {names} is {file}.").format(
            names=", ".join(names), file=layout.certificate
        )
    )
    return True


def _make_first_user(config: CentralConfig, layout: CentreLayout, say: Callable[[str], None]) -> None:
    """Somebody who may let others in, where there is nobody yet; the password is said once."""
    language = reader_language()
    if layout.is_system:
        layout.people.parent.mkdir(mode=0o700, exist_ok=True)
        shutil.chown(layout.people.parent, _WEB_USER, _WEB_USER)
    with people_of(config) as people:
        accounts = Accounts(people)
        if accounts.all():
            say(language.gettext("Somebody may sign in already."))
            return
        password = secrets.token_urlsafe(_PASSWORD_BYTES)
        accounts.add(whoever_types(), _FIRST_USER, "admin", Reach.made(()), password)
    say(
        language.gettext("The first user is {name}; the password is shown only now: {password}").format(
            name=_FIRST_USER, password=password
        )
    )


def _start(say: Callable[[str], None], *, restart: bool) -> None:
    """The services, now and at each boot; `restart`: there is something new that they read once."""
    page = Path("/usr/local/share/doc/presence-central")
    page.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(_DEPLOY / "central" / "README.md", page / "README.md")
    link = Path("/usr/local/bin/presence-central")
    if link.is_symlink() or not link.exists():
        link.unlink(missing_ok=True)
        link.symlink_to(_program())
    for unit in _UNITS:
        shutil.copyfile(_DEPLOY / "central" / unit, Path("/etc/systemd/system") / unit)
    _run(["systemctl", "daemon-reload"])
    for unit in _UNITS:
        try:
            _run(["systemctl", "--quiet", "enable", unit])
            _run(["systemctl", "restart" if restart else "start", unit])
        except AgentError:
            raise AgentError(f"{unit} did not start; 'journalctl -u {unit}' says why.") from None
    say(reader_language().gettext("The centre runs, and starts at every boot."))


def _say_what_next(config: CentralConfig, layout: CentreLayout, say: Callable[[str], None]) -> None:
    language = reader_language()
    option = "" if layout.is_system else f" --config {layout.config}"
    if not layout.is_system:
        command = f"mosquitto -c {layout.broker_config}"
        say(language.gettext("Start the broker: {command}").format(command=command))
        say(language.gettext("Start the centre: {command}").format(command=f"presence-central run{option}"))
    address = address_of(web_of(config))
    say(
        language.gettext("Open {address} in a browser; {address}/root has what it should trust.").format(
            address=address
        )
    )
    der = ssl.PEM_cert_to_DER_cert(layout.authority.read_text("ascii"))
    mark = hashlib.sha256(der).hexdigest().upper()
    say(
        language.gettext("Its SHA-256 fingerprint, to compare there: {fingerprint}").format(
            fingerprint=":".join(wrap(mark, 2))
        )
    )
    script = f"bash {_DEPLOY / 'broker' / 'account.sh'} add-device SITE NAME"
    script += "" if layout.is_system else f" --dir {layout.broker}"
    say(language.gettext("For each device: {command}").format(command=script))
    command = f"presence-central user add NAME --role leader{option}"
    say(language.gettext("For each person: {command}").format(command=command))


def _give(layout: CentreLayout, path: Path, user: str) -> None:
    """Make a secret the file of the one who needs it."""
    path.chmod(0o400)
    if layout.is_system:
        shutil.chown(path, user, user)


def _script(name: str, words: Iterable[str]) -> None:
    """A script of deploy/broker; what it says is shown where it did not succeed."""
    done = subprocess.run(  # noqa: S603 - words of ours
        ["bash", str(_DEPLOY / "broker" / name), *words],  # noqa: S607 - wherever it is
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    )
    if done.returncode:
        said = done.stdout.strip() or f"it ended with {done.returncode}"
        raise AgentError(f"{name} did not succeed: {said}")


def _run(words: list[str]) -> None:
    """Run a program; what it says goes where ours goes."""
    done = subprocess.run(words, check=False)  # noqa: S603 - words of ours
    if done.returncode:
        raise AgentError(f"{words[0]} ended with {done.returncode}; the lines above say why.")
