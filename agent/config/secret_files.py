"""Files with passwords and keys that others than the service may read."""

from __future__ import annotations

import logging
import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from agent.core.credentials import ORIGINS, origin
from agent.core.log_messages import SECRET_OPEN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.config.models import Config

_log = logging.getLogger(__name__)

_SERVICE: Final = "presence-agent"
# In /etc/presence-agent, whether the configuration names it or not; a certificate is no secret.
_SHIPPED: Final = ("mqtt-password", "mqtt-key", "camera-password")
_OTHERS: Final = 0o077


@dataclass(frozen=True, slots=True)
class SecretFile:
    """A file with a secret.

    Attributes:
        path: of it, where somebody can write it.
        mode: its permissions, four octal digits.
        is_open: whether its group or everybody has any right on it that the service does not need.
        remedy: commands that leave it to the service alone, for a shell.
    """

    path: Path
    mode: str
    is_open: bool
    remedy: str


def secret_files(config: Config, user: str | None, root: Path = Path("/")) -> Iterator[SecretFile]:
    """Secrets that exist, with their permissions.

    Args:
        config: names them.
        user: as whom the service runs, who must go on reading what it reads itself; None: not known.
        root: of /etc.
    """
    of_broker = [config.mqtt.password_file, config.mqtt.key_file] if config.mqtt else []
    named = [config.camera.password_file, *of_broker]
    paths = [*(origin(path) for path in named if path), *(ORIGINS / name for name in _SHIPPED)]
    for path in dict.fromkeys(paths):
        of_systemd = path.parent == ORIGINS and path not in named
        there = root / path.relative_to("/") if of_systemd else path
        try:
            found = there.stat()
        except OSError:
            # A missing file is reported where it is used.
            continue
        owner = "root" if of_systemd else user
        chown = f"sudo chown {owner}: {there} && " if owner else ""
        rights = stat.S_IMODE(found.st_mode)
        needed = 0 if of_systemd or found.st_gid != _group(user) else stat.S_IRGRP
        yield SecretFile(
            there, f"{rights:04o}", bool(rights & _OTHERS & ~needed), f"{chown}sudo chmod 600 {there}"
        )


def tell_open_secrets(config: Config) -> None:
    """Log each secret that others may read."""
    for secret in secret_files(config, running_user()):
        if secret.is_open:
            _log.warning(SECRET_OPEN, secret.path, secret.mode, secret.remedy)


def running_user() -> str | None:
    """User of the service: the present one or, as root, the one the installer made; None: there is none."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name if os.getuid() else pwd.getpwnam(_SERVICE).pw_name
    except KeyError:
        return None


def _group(user: str | None) -> int | None:
    """Id of a user's own group; None: not known, or root's."""
    try:
        return (pwd.getpwnam(user).pw_gid or None) if user else None
    except KeyError:
        return None
