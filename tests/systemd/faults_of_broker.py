"""Faults between device and broker: the network, certificates, logins, rights."""

from __future__ import annotations

import re
import shutil

from tests.systemd.booted import (
    BROKER,
    CONFIG,
    ETC,
    PASSWORD,
    account,
    certificates,
    edit,
    restart,
    run,
    script,
)
from tests.systemd.fault import Fault, back, changed, closed

_DEVICE = ("que-phong", "one-stop")
_CLOSED = r"(read|permission|Permission)"


def _wrong_password() -> None:
    """As with any editor; the service is restarted by a unit of its own."""
    PASSWORD.write_text("somebody-elses\n")


def _no_password() -> None:
    PASSWORD.unlink()
    restart()


def _new_password(line: str) -> None:
    """Into the file that the words name."""
    named = re.search(r"/[\w/.-]*mqtt-password", line)
    account("new-password", *_DEVICE, "--password-file", named[0] if named else str(PASSWORD))


def _readable_password() -> None:
    PASSWORD.chmod(0o644)
    restart()


def _expired() -> None:
    """The broker's certificate, for the same key and name, of some years ago."""
    script(f"""
        cd {BROKER}; export PRESENCE_CA={BROKER}/ca
        printf '%s\\n' basicConstraints=critical,CA:FALSE extendedKeyUsage=serverAuth \
            subjectAltName=DNS:localhost authorityKeyIdentifier=keyid >/root/extensions
        openssl req -new -config ca/ca.conf -key server.key -subj /CN=broker -out /root/request
        openssl ca -batch -notext -config ca/ca.conf -subj /CN=broker -extfile /root/extensions \
            -startdate 20200101000000Z -enddate 20210101000000Z -in /root/request -out server.pem
        chmod 644 server.pem; systemctl restart mosquitto""")


def _other_name() -> None:
    certificates("server", "broker.example")
    run("systemctl", "restart", "mosquitto")


def _other_office() -> None:
    script(f"""
        openssl req -x509 -newkey rsa:2048 -nodes -subj '/CN=another office' -days 9 -keyout /root/other.key \
            -addext keyUsage=critical,keyCertSign -out {ETC}/ca.pem""")
    restart()


def _closed_key() -> None:
    """A login by certificate, whose key is root's alone and is given by its path."""
    certificates("device", *_DEVICE)
    issued = BROKER / "issued/que-phong_one-stop"
    for end in (".pem", ".key"):
        shutil.copy(issued.with_suffix(end), ETC / f"one-stop{end}")
    (ETC / "one-stop.key").chmod(0o600)
    old = 'password_file = "/run/credentials/presence-agent.service/mqtt-password"'
    edit(old, f'certificate_file = "{ETC}/one-stop.pem"\nkey_file = "{ETC}/one-stop.key"')
    edit('username = "que-phong/one-stop"\n', "")
    edit("8883", "8884")
    restart()


def _no_right_to_events() -> None:
    rights = BROKER / "rights"
    lines = rights.read_text().splitlines(keepends=True)
    rights.write_text("".join(line for line in lines if "/event/" not in line))
    run("systemctl", "restart", "mosquitto")


FAULTS = (
    Fault(
        name="broker down",
        make=lambda: run("systemctl", "stop", "mosquitto"),
        found=r"port.* 8883",
        remedy=r"broker runs",
        cause=r"nothing listens|connection",
        told=r"doctor",
        hands=lambda _: run("systemctl", "start", "mosquitto"),
    ),
    Fault(
        name="host typo",
        make=changed('host = "localhost"', 'host = "lokalhost"'),
        found=r"name.*lokalhost",
        remedy=r"host under \[mqtt\]",
        cause=r"lokalhost",
        told=r"doctor",
        hands=back(CONFIG),
    ),
    Fault(
        name="port typo",
        make=changed("port = 8883", "port = 8838"),
        found=r"port.* 8838",
        remedy=r"port under \[mqtt\]",
        cause=r"nothing listens|connection",
        told=r"doctor",
        hands=back(CONFIG),
    ),
    Fault(
        name="password wrong",
        make=_wrong_password,
        found=r"login.*refuse",
        remedy=r"new-password",
        cause=r"refuse",
        told=r"new-password|doctor",
        hands=_new_password,
    ),
    Fault(
        name="password missing",
        make=_no_password,
        found=r"password",
        remedy=r"/etc/presence-agent/mqtt-password",
        cause=r"password",
        told=r"/etc/presence-agent/mqtt-password|doctor",
        hands=_new_password,
    ),
    Fault(
        name="password readable by all",
        make=_readable_password,
        found=r"mqtt-password",
        remedy=r"chmod",
        cause=r"mqtt-password can be read",
        told=r"chmod",
    ),
    Fault(
        name="account removed",
        make=lambda: account("remove-device", *_DEVICE),
        found=r"login.*refuse",
        remedy=r"add-device",
        cause=r"refuse",
        told=r"doctor|add-device",
        hands=lambda _: account("add-device", *_DEVICE, "--password-file", str(PASSWORD)),
    ),
    Fault(
        name="user name typo",
        make=changed("que-phong/one-stop", "que-phong/onestop"),
        found=r"refuse.*que-phong/onestop",
        remedy=r"username",
        cause=r"refuse",
        told=r"doctor|login",
        hands=back(CONFIG),
    ),
    Fault(
        name="no right to events",
        make=_no_right_to_events,
        found=r"may not publish.*event",
        remedy=r"account\.sh rights",
        cause=r"event|refuse",
        told=r"rights|ACL",
        hands=lambda _: account("rights"),
        still_s=180,
    ),
    Fault(
        name="certificate expired",
        make=_expired,
        found=r"TLS.*expired",
        remedy=r"certificates\.sh renew",
        cause=r"expired",
        told=r"doctor|renew",
        hands=lambda _: certificates("renew"),
    ),
    Fault(
        name="certificate for another name",
        make=_other_name,
        found=r"not for localhost",
        remedy=r"have localhost put in",
        cause=r"localhost",
        told=r"doctor|certificate",
        hands=lambda _: certificates("server", "localhost"),
    ),
    Fault(
        name="CA of another office",
        make=_other_office,
        found=r"not trusted",
        remedy=r"ca_file",
        cause=r"certificate",
        told=r"doctor|certificate",
        hands=back(ETC / "ca.pem"),
    ),
    Fault(
        name="CA unreadable",
        make=closed(ETC / "ca.pem"),
        found=rf"ca\.pem.*{_CLOSED}",
        remedy=r"chmod",
        cause=r"ca\.pem",
        told=r"chmod",
    ),
    Fault(
        name="client's key unreadable",
        make=_closed_key,
        found=rf"one-stop\.key.*{_CLOSED}",
        remedy=r"set key_file under \[mqtt\] to /run/credentials/presence-agent\.service/mqtt-key",
        cause=r"one-stop\.key",
        told=r"set key_file under \[mqtt\]",
        hands=lambda _: edit(f"{ETC}/one-stop.key", "/run/credentials/presence-agent.service/mqtt-key"),
    ),
)
