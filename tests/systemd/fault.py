"""What a fault of the table is, and the ways in which most of them are made and fixed by hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.systemd.booted import edit, put_back, restart

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that goes wrong on a good device, and what has to be said of it.

    What `make` leaves is a device on which somebody has changed something, and has restarted the service
    where one would. A pattern that is None asks for nothing.

    Attributes:
        name: in the table.
        make: does it.
        found: pattern that doctor's first fault line has; None: no fault is to come of it at all.
        remedy: pattern that the remedy below that line has.
        cause: pattern in `systemctl status`, and in `journalctl -x`.
        told: pattern of the remedy in `journalctl -x`.
        hands: does what the remedy asks of people, such as correcting a file; takes doctor's line with its
            remedy. The commands in it are run after that.
        in_status: whether `systemctl status` can show the cause.
        waits: what is followed of the remedy is that it asks to wait.
        still_s: of a remedy that changes nothing for so long more is not waited for.
        lingers: the reason that health keeps for two minutes after its end, as it keeps what comes and goes.
    """

    name: str
    make: Callable[[], object]
    found: str | None
    remedy: str = ""
    cause: str | None = None
    told: str | None = None
    hands: Callable[[str], object] | None = None
    in_status: bool = True
    waits: bool = False
    still_s: float = 25
    lingers: str = ""


def changed(old: str, new: str) -> Callable[[], None]:
    """A configuration that somebody changes, and a restart of the service."""

    def make() -> None:
        edit(old, new)
        restart()

    return make


def closed(*paths: Path) -> Callable[[], None]:
    """Files that only root may read, and a restart of the service."""

    def make() -> None:
        for path in paths:
            path.chmod(0o600)
        restart()

    return make


def back(*paths: Path) -> Callable[[str], None]:
    """The people's part of a remedy: a file is corrected, or put where it was."""
    return lambda _line: put_back(*paths)
