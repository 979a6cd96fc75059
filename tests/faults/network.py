"""Three machines on one machine: agent, broker and receiver, each in a network namespace of its own.

::

    agent 10.77.1.2 ───── 10.77.1.1 broker 10.77.2.1 ───── 10.77.2.2 receiver

What goes wrong on a cable is made by nftables and tc in the broker's namespace. Nothing of it can be
seen or reached from outside.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

if TYPE_CHECKING:
    from types import TracebackType

Machine = Literal["agent", "broker", "receiver"]
Cable = Literal["agent", "receiver"]
Fault = Literal["drop", "deaf", "mute", "forgotten", "reset", "loss", "slow"]

MACHINES: tuple[Machine, ...] = ("agent", "broker", "receiver")
CABLES: tuple[Cable, ...] = ("agent", "receiver")
BROKER_AT: dict[Cable, str] = {"agent": "10.77.1.1", "receiver": "10.77.2.1"}
_OWN_AT: dict[Cable, str] = {"agent": "10.77.1.2", "receiver": "10.77.2.2"}

# What the issue calls them; three ways of being half-open.
KINDS: dict[Fault, str] = {
    "drop": "drop",
    "deaf": "half-open",
    "mute": "half-open",
    "forgotten": "half-open",
    "reset": "reset",
    "loss": "20 % loss",
    "slow": "slow",
}
_LOSS = "numgen random mod 100 < 20 drop"
# The reset itself must get through.
_RESET = "tcp flags & rst == 0 reject with tcp reset"
# Rules for what comes to the broker, and for what goes from it.
_RULES: dict[Fault, tuple[str, str]] = {
    "drop": ("drop", "drop"),
    "deaf": ("drop", ""),
    "mute": ("", "drop"),
    "reset": (_RESET, _RESET),
    "loss": (_LOSS, _LOSS),
    "slow": ("", ""),
}
_SLOW = ("tbf", "rate", "200kbit", "burst", "16kb", "latency", "300ms")
_NAME = re.compile(r"faults-(\d+)-(agent|broker|receiver)")
_PROGRAMS = ("ip", "nft", "tc", "nsenter")


class NoNetworkError(Exception):
    """Namespaces or their programs are not to be had here; says why."""


class Network:
    """The namespaces, from enter to exit."""

    def __init__(self) -> None:
        self._generation = 1

    def __enter__(self) -> Self:
        missing = [program for program in _PROGRAMS if not _path(program)]
        if missing:
            raise NoNetworkError(f"{', '.join(missing)} missing (Debian: iproute2, nftables, util-linux)")
        if os.geteuid() != 0:
            raise NoNetworkError("network namespaces need root")
        _remove_left()
        try:
            self._make()
        except subprocess.CalledProcessError as error:
            self._remove()
            raise NoNetworkError(f"no network namespaces here: {error.stderr.strip()}") from error
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._remove()

    @staticmethod
    def inside(machine: Machine) -> list[str]:
        """What goes before a command so that it runs there; the process is the command itself."""
        return [_path("nsenter"), f"--net=/run/netns/{_name(machine)}", "--"]

    def begin(self, fault: Fault, cable: Cable) -> None:
        """From now on this is wrong with that cable."""
        if fault == "slow":
            self._shape("add", cable)
            return
        if fault == "forgotten":
            # What a router does that has been restarted: it knows no connection of before.
            self._generation += 1
            known = f"ct mark != {self._generation} drop"
            self._rule(cable, (f"{self._mark}\n{known}", known))
            return
        self._rule(cable, _RULES[fault])

    def end(self, fault: Fault, cable: Cable) -> None:
        """The cable is good again."""
        if fault == "slow":
            self._shape("del", cable)
        self._rule(cable, ("", ""))

    @property
    def _mark(self) -> str:
        return f"ct state new ct mark set {self._generation}"

    def _rule(self, cable: Cable, rules: tuple[str, str]) -> None:
        lines = []
        for way, rule in zip(("in", "out"), rules, strict=True):
            lines.append(f"flush chain inet faults {cable}_{way}")
            lines += [f"add rule inet faults {cable}_{way} {part}" for part in rule.splitlines()]
        if self._mark not in rules[0]:
            lines.append(f"add rule inet faults {cable}_in {self._mark}")
        _nft(lines)

    @staticmethod
    def _shape(verb: str, cable: Cable) -> None:
        for machine, device in (("broker", cable), (cable, "broker")):
            _run("tc", "-n", _name(machine), "qdisc", verb, "dev", device, "root", *_SLOW)

    def _make(self) -> None:
        for machine in MACHINES:
            _run("ip", "netns", "add", _name(machine))
            _run("ip", "-n", _name(machine), "link", "set", "lo", "up")
        for cable in CABLES:
            here, there = _name("broker"), _name(cable)
            _run("ip", "-n", here, "link", "add", cable, "type", "veth", "peer", "broker", "netns", there)
            for space, device, address in (
                (here, cable, BROKER_AT[cable]),
                (there, "broker", _OWN_AT[cable]),
            ):
                _run("ip", "-n", space, "address", "add", f"{address}/24", "dev", device)
                _run("ip", "-n", space, "link", "set", device, "up")
        lines = ["add table inet faults"]
        for way, device in (("in", "iifname"), ("out", "oifname")):
            hook = f"{way}put"
            lines.append(
                f"add chain inet faults {way} {{ type filter hook {hook} priority 0; policy accept; }}"
            )
            for cable in CABLES:
                lines.append(f"add chain inet faults {cable}_{way}")
                lines.append(f'add rule inet faults {way} {device} "{cable}" jump {cable}_{way}')
        _nft(lines)
        for cable in CABLES:
            self._rule(cable, ("", ""))

    @staticmethod
    def _remove() -> None:
        for machine in MACHINES:
            with suppress(subprocess.CalledProcessError):
                _run("ip", "netns", "delete", _name(machine))


def _path(program: str) -> str:
    return shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") or ""


def _name(machine: str) -> str:
    return f"faults-{os.getpid()}-{machine}"


def _remove_left() -> None:
    """Take away what a run that was killed left behind."""
    left = Path("/run/netns")
    for path in left.iterdir() if left.is_dir() else ():
        found = _NAME.fullmatch(path.name)
        if found and (int(found[1]) == os.getpid() or not Path("/proc", found[1]).exists()):
            with suppress(subprocess.CalledProcessError):
                _run("ip", "netns", "delete", path.name)


def _nft(lines: list[str]) -> None:
    _run(*Network.inside("broker"), _path("nft"), "-f", "-", given="\n".join(lines) + "\n")


def _run(program: str, *arguments: str, given: str = "") -> None:
    subprocess.run(
        [_path(program) or program, *arguments], input=given, check=True, capture_output=True, text=True
    )
