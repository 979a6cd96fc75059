"""Checks of the board: power, heat, a clock of its own, the card, and the way into the network.

By the Raspberry Pi documentation and the kernel's: `vcgencmd get_throttled` (bits 0 to 3 hold now, 16 to 19
held since the start), slower from 80 °C on and at 85 °C as slow as can be, no real-time clock before the
Pi 5, whose battery is bought apart.
"""

from __future__ import annotations

import re
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING

from agent.device.machine import bits_of, board_model, card_errors, card_hosts, throttled, under_voltage
from agent.doctor.kernel_log import kernel_lines
from agent.doctor.report import Finding
from agent.doctor.system import command_output

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.doctor.system import Emit, System

_WARM_C, _HOT_C, _LIMIT_C = 70.0, 80.0, 85.0
_UNDER_VOLTAGE, _SLOWED = 0x1, 0xE
_SINCE_START = 16
# The cell of the Pi 5's clock has 3 V; charged or not, below this it holds no time.
_FLAT_UV = 2_000_000
_WEAK_DBM = -70
# Kernel lines of a faulty drive or card; optical discs, loops and memory are not of interest.
_DRIVE = re.compile(
    r"(?:I/O error,? (?:on )?dev(?:ice)? |EXT4-fs error \(device )"
    r"(?P<device>(?!sr|fd|loop|z?ram|nbd)[a-z]\w*)"
    r"|(?P<card>mmcblk\d)\w*: (?:error|unknown error|timed out|r/w command failed|recovery failed)"
    r"|(?P<host>mmc\d+): (?:error|timeout|tuning|Timeout waiting)"
)
_PART = re.compile(r"(?<=\d)p\d+$|(?<=^[shv]d[a-z])\d+$")
_ETHERNET = "1"
_UP = 0x1
_ROUTE_FIELDS = 8
_LINE = 160


def board_checks(machine: System, emit: Emit) -> None:
    """Findings on the board: clock, power, heat, card, network."""
    for finding in (*_own_clock(machine), _power(machine), _temperature(machine), *_card(machine)):
        emit(finding)
    emit(_network(machine))


def _own_clock(machine: System) -> Iterator[Finding]:
    """A Pi whose clock stops with its power; of other machines nothing."""
    if "Raspberry Pi" not in (board_model(machine.root) or ""):
        return
    clocks = sorted((machine.root / "sys/class/rtc").glob("rtc*"))
    synced = machine.synced()
    if not clocks:
        yield Finding("clock.no_rtc" if synced else "clock.no_rtc_unsynced")
    for clock in clocks:
        with suppress(OSError, ValueError):
            battery_uv = int((clock / "battery_voltage").read_text())
            if battery_uv < _FLAT_UV:
                code = "clock.rtc_stops" if synced else "clock.rtc_stops_unsynced"
                yield Finding(code, {"volts": f"{battery_uv / 1e6:.1f}"})


def _power(machine: System) -> Finding:
    bits = throttled(machine.root)
    if bits is None:
        bits = bits_of(command_output("vcgencmd", "get_throttled") or "")
    weak = under_voltage(machine.root)
    if bits is None and weak is None:
        return Finding("power.unknown")
    # The kernel's monitor, where there is no more.
    values = {"throttled": "in0_lcrit_alarm" if bits is None else f"{bits:#x}"}
    bits = bits or 0
    if weak or bits & _UNDER_VOLTAGE:
        return Finding("power.under", values)
    if bits >> _SINCE_START & _UNDER_VOLTAGE:
        return Finding("power.was_under", values)
    if bits & _SLOWED:
        return Finding("power.slowed", values)
    return Finding("power.was_slowed" if bits >> _SINCE_START & _SLOWED else "power.ok", values)


def _temperature(machine: System) -> Finding:
    words = machine.read_words("sys/class/thermal/thermal_zone0/temp")
    try:
        temp_c = int(words[0]) / 1000 if words else None
    except ValueError:
        temp_c = None
    if temp_c is None:
        return Finding("temperature.unknown")
    kinds = (("limit", _LIMIT_C), ("hot", _HOT_C), ("warm", _WARM_C))
    kind = next((kind for kind, least_c in kinds if temp_c >= least_c), "ok")
    return Finding(f"temperature.{kind}", {"temp_c": f"{temp_c:.0f}"})


def _card(machine: System) -> Iterator[Finding]:
    """Of drives too: a device may start from one."""
    counted = card_errors(machine.root) or {}
    for device, errors in counted.items():
        if errors:
            yield Finding("card.counted", {"device": device, "errors": errors})
    lines = kernel_lines(machine)
    if lines is None:
        yield Finding("card.unknown")
        return
    cards, faults, last = card_hosts(machine.root), Counter[str](), dict[str, str]()
    for line in lines:
        if drive := faulty_drive(line, cards):
            faults[drive] += 1
            last[drive] = line.strip()[:_LINE]
    for device, errors in sorted(faults.items()):
        yield Finding("card.told", {"device": device, "errors": errors, "line": last[device]})
    if not faults and not any(counted.values()):
        yield Finding("card.ok")


def faulty_drive(line: str, cards: frozenset[str]) -> str | None:
    """The drive or card of which a kernel line reports a fault; None: it reports none."""
    found = _DRIVE.search(line)
    if found is None:
        return None
    host = found["host"]
    if host:
        # The other one is the Wi-Fi's.
        return f"mmcblk{host.removeprefix('mmc')}" if host in cards else None
    return _PART.sub("", found["device"] or found["card"])


def _network(machine: System) -> Finding:
    """How strong the Wi-Fi is, where the network is reached by it."""
    wireless = dict(_wireless(machine))
    way = _way_out(machine)
    if way is None and not wireless:
        return Finding("network.none")
    if way is not None and way not in wireless:
        words = machine.read_words(f"sys/class/net/{way}/type")
        # A tunnel goes through one of the others.
        if not wireless or words is None or words[0] == _ETHERNET:
            return Finding("network.wired", {"name": way})
    name = way if way is not None and way in wireless else next(iter(wireless))
    level_dbm = wireless[name]
    values = {"name": name, "level_dbm": level_dbm}
    if level_dbm is None:
        return Finding("network.wifi_unknown", values)
    return Finding("network.wifi_weak" if level_dbm < _WEAK_DBM else "network.wifi", values)


def _wireless(machine: System) -> Iterator[tuple[str, int | None]]:
    """Interfaces with their signal in dBm; None: the driver gives it otherwise, or has no connection."""
    try:
        lines = (machine.root / "proc/net/wireless").read_text().splitlines()[2:]
    except OSError:
        return
    for line in lines:
        name, _, rest = line.partition(":")
        with suppress(ValueError, IndexError):
            level = int(float(rest.split()[2]))
            yield name.strip(), level if -200 < level < 0 else None  # noqa: PLR2004 - as radios can be


def _way_out(machine: System) -> str | None:
    """The interface of the default route; None: there is none."""
    try:
        lines = (machine.root / "proc/net/route").read_text().splitlines()[1:]
    except OSError:
        return None
    ways = []
    for line in lines:
        fields = line.split()
        if len(fields) >= _ROUTE_FIELDS and {fields[1], fields[7]} == {"00000000"}:
            with suppress(ValueError):
                if int(fields[3], 16) & _UP:
                    ways.append((int(fields[6]), fields[0]))
    return min(ways)[1] if ways else None
