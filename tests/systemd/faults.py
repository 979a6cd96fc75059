"""The table of faults: made one by one on a good device, found, told, and fixed by what is told.

`bash tests/systemd/faults.sh` runs it in booted Debians. Of each fault is shown what `presence-agent doctor`
says first and how many seconds after the fault; whether `systemctl status` names the cause, and
`journalctl -x` cause and remedy; whether the remedy, followed to the letter, fixes it, and in how many
seconds. It ends with 1 if anything of that is not so.
"""

from __future__ import annotations

import os
import re
import sys
import time
import traceback
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tests.systemd import faults_of_broker, faults_of_files, faults_of_service
from tests.systemd.booted import UNIT, Device, run, script, shown

if TYPE_CHECKING:
    from tests.systemd.fault import Fault

FAULTS: tuple[Fault, ...] = (*faults_of_files.FAULTS, *faults_of_broker.FAULTS, *faults_of_service.FAULTS)

# On a machine that has three times as much to do as it can, everything takes three times as long.
_BUSY = float(os.environ.get("BUSY", "1"))
_FOUND_S = 10.0 * _BUSY
_TOLD_S = 10.0 * _BUSY
_MENDED_S = 200.0 * _BUSY
# What nobody does anything about.
_ALONE_S = 60.0 * _BUSY
_SETTLED_S = 40.0 * _BUSY
_NOTES = Path("/root/faults")
_WIDTH = 76
# Words in quotes that begin so are commands; others are names.
_COMMAND = re.compile(
    r"['`]((?:sudo |presence-agent |systemctl |journalctl |timedatectl |bash |chmod |chown |kill )[^'`]*)['`]"
)


@dataclass(frozen=True, slots=True)
class Line:
    """What doctor says of one thing.

    Attributes:
        mark: FAULT, warning and so on.
        text: check and finding.
        remedy: empty where there is none.
    """

    mark: str
    text: str
    remedy: str

    @property
    def check(self) -> str:
        """Of what it is."""
        return self.text.partition(":")[0]

    @property
    def whole(self) -> str:
        """Both, to look for words in."""
        return f"{self.text} → {self.remedy}"


@dataclass(slots=True)
class Row:
    """What came of one fault.

    Attributes:
        found: what doctor said first.
        bad: why a cell is bad, by its name; empty: it is good.
    """

    name: str
    found: str = ""
    found_s: float | None = None
    mended_s: float | None = None
    bad: dict[str, str] = field(default_factory=dict)

    @property
    def reasons(self) -> list[str]:
        """What is wrong."""
        return [f"{cell}: {reason}" for cell, reason in self.bad.items() if reason]

    def __str__(self) -> str:
        cells = " ".join(f"{_CELL.get(self.bad.get(name), 'BAD'):<7}" for name in _CELLS)
        seconds = (f"{'–' if value is None else round(value):>4}" for value in (self.found_s, self.mended_s))
        return f"{self.name:<30} {self.found[:_WIDTH]:<{_WIDTH}} {cells} {' '.join(seconds)}"


_CELLS = ("doctor", "status", "journal", "fixed")
_CELL = {None: "–", "": "good"}
_HEAD = f"{'fault':<30} {'what doctor says first':<{_WIDTH}} doctor  status  journal fixed  in s fixed"


def examined() -> list[Line]:
    """Doctor's lines, as somebody at the device reads them."""
    lines: list[Line] = []
    for said in run("presence-agent", "doctor", check=False).splitlines():
        mark, text = said[:10].strip(), said[10:]
        if mark:
            lines.append(Line(mark, text, ""))
        elif lines and text.startswith("→ "):
            lines[-1] = replace(lines[-1], remedy=text.removeprefix("→ "))
    return lines


def first_of(lines: list[Line], usual: set[str]) -> Line | None:
    """The first fault; where there is none, the first warning that a good device does not have."""
    faults = [line for line in lines if line.mark == "FAULT"]
    warnings = [line for line in lines if line.mark == "warning" and line.check not in usual]
    return next(iter(faults or warnings), None)


def ails(lingers: str) -> str:
    """What the service says is wrong with it, but for one reason that may stay; empty: nothing."""
    state, status = shown("ActiveState"), shown("StatusText")
    told = re.search(r"health \w+(?:: (.*))?", status)
    reasons = set((told[1] or "").split(", ")) - {"", lingers} if told else {"unknown"}
    if state == "active" and "sees; " in status and "broker connected" in status and not reasons:
        return ""
    return f"the service is {state}: {status}"


def _kind(wrong: str) -> str:
    return re.sub(r"[\d.]+", "", wrong)


class Table:
    """Rows, one after the other."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._usual: set[str] = set()
        self._good = False

    def begin(self) -> None:
        """See that the device is in order.

        Raises:
            RuntimeError: it is not.
        """
        self._device.restore()
        self._settle()
        self._usual = {line.check for line in examined() if line.mark == "warning"}
        self._good = True
        print(f"A good device's warnings: {', '.join(sorted(self._usual)) or 'none'}.")

    def _settle(self) -> None:
        notes, usual = _Notes("a good device"), self._usual or {"memory", "power"}
        if wrong := self._wrong_after(notes, _SETTLED_S, usual):
            raise RuntimeError(f"The device is not good: {wrong}")

    def row(self, fault: Fault) -> Row:
        """Make a fault, look, fix."""
        row, notes = Row(fault.name), _Notes(fault.name)
        try:
            if not self._good:
                self._device.restore()
                self._settle()
            self._good = False
            self._look(fault, row, notes)
        except Exception as error:  # noqa: BLE001 - told, and the next fault is made
            row.bad["doctor"] = f"{type(error).__name__}: {error}"
            notes.add("what went wrong", traceback.format_exc())
        return row

    def _look(self, fault: Fault, row: Row, notes: _Notes) -> None:
        # Of the unit itself: behind another's the journalctl of systemd 252 leaves out one line too many.
        shown_last = run("journalctl", "-u", UNIT, "-n", "1", "--show-cursor", "-q")
        cursor = shown_last.split("cursor:")[-1].strip()
        hushed = ""
        try:
            fault.make()
        except AssertionError as error:
            hushed = str(error)
        made_s = time.monotonic()
        if fault.found is None:
            row.found = "(no fault comes of it)"
            row.bad["doctor"] = self._wrong_after(notes, _SETTLED_S, self._usual)
            self._good = not row.bad["doctor"]
            row.found_s = time.monotonic() - made_s
            return
        # What starts again by itself is not seen for long.
        time.sleep(0.5)
        early = run("systemctl", "status", "-l", "--no-pager", UNIT, check=False)
        first = self._find(fault, row, notes, made_s)
        if fault.waits:
            self._mend(fault, row, notes, first)
        self._read(fault, row, notes, cursor, early)
        if hushed:
            row.bad["status"] = hushed
        if not fault.waits:
            self._mend(fault, row, notes, first)

    def _find(self, fault: Fault, row: Row, notes: _Notes, made_s: float) -> Line | None:
        """Doctor's first line, in the time that it has."""
        while True:
            began_s = time.monotonic()
            lines = examined()
            now_s = time.monotonic()
            first = first_of(lines, self._usual)
            right = first is not None and re.search(fault.found or "", first.text)
            # A restart that has not failed yet is looked at again, while there is time for it.
            whole = right and first and re.search(fault.remedy, first.whole)
            if whole or 2 * now_s - made_s - began_s > _FOUND_S:
                break
        notes.add("doctor", lines)
        row.found, row.found_s = first.text if first else "(nothing is wrong)", now_s - made_s
        reason = ""
        if not right or first is None:
            reason = f"not /{fault.found}/: {row.found}"
        elif not re.search(fault.remedy, first.whole):
            reason = f"the remedy is not /{fault.remedy}/: {first.remedy}"
        elif row.found_s > _FOUND_S:
            reason = f"after {row.found_s:.0f} s"
        row.bad["doctor"] = reason
        return first

    @staticmethod
    def _read(fault: Fault, row: Row, notes: _Notes, cursor: str, early: str) -> None:
        """What systemd's tools show, and `systemctl status` at first."""
        if fault.cause is None:
            return
        end_s = time.monotonic() + _TOLD_S
        while True:
            status = run("systemctl", "status", "-l", "--no-pager", UNIT, check=False)
            since = f"--after-cursor={cursor}"
            journal = run("journalctl", "-x", "-q", "--no-pager", "-u", UNIT, since, check=False)
            unsaid = [words for words in (fault.cause, fault.told) if words and not re.search(words, journal)]
            shows = not fault.in_status or re.search(fault.cause, early + status)
            if (shows and not unsaid) or time.monotonic() > end_s:
                break
            time.sleep(0.5)
        notes.add("systemctl status", f"{early}\n{status}")
        notes.add("journalctl -x", journal)
        if fault.in_status:
            row.bad["status"] = "" if shows else f"no /{fault.cause}/"
        row.bad["journal"] = "no " + ", ".join(f"/{words}/" for words in unsaid) if unsaid else ""

    def _mend(self, fault: Fault, row: Row, notes: _Notes, first: Line | None) -> None:
        """Faults from the top down, as doctor asks: what people do, then the commands, each line once."""
        began_s = told_s = time.monotonic()
        line, done, wrong = first, set[str](), ""
        if line and fault.hands and re.search(fault.remedy, line.whole):
            fault.hands(line.whole)
        while True:
            if line and _kind(line.whole) not in done and not fault.waits:
                done.add(_kind(line.whole))
                # "Run the command that it names": the finding may have one.
                for command in _COMMAND.findall(line.whole):
                    notes.add(f"$ {command}", script(command, check=False))
            before, lines = wrong, examined()
            rest = [line for line in lines if not fault.lingers or fault.lingers not in line.text]
            line = first_of(rest, self._usual)
            wrong = f"{line.mark} {line.whole}" if line else ails(fault.lingers)
            now_s = time.monotonic()
            if _kind(wrong) != _kind(before):
                told_s = now_s
            row.mended_s = now_s - began_s
            stuck = not fault.waits and now_s - told_s > fault.still_s * _BUSY
            if not wrong or row.mended_s > (_ALONE_S if fault.waits else _MENDED_S) or stuck:
                break
        notes.add("doctor after that", lines)
        row.bad["fixed"] = wrong
        # A remedy may lead to another good configuration than the one that faults are made in.
        self._good = not wrong and not fault.lingers and self._device.is_configured_as_before()

    @staticmethod
    def _wrong_after(notes: _Notes, limit_s: float, usual: set[str]) -> str:
        """What is still wrong then; empty as soon as all is good."""
        end_s = time.monotonic() + limit_s
        while True:
            lines = examined()
            line = first_of(lines, usual)
            wrong = f"{line.mark} {line.whole}" if line else ails("")
            if not wrong or time.monotonic() > end_s:
                notes.add("doctor", lines)
                return wrong


class _Notes:
    """All that was said of one fault, in a file."""

    def __init__(self, name: str) -> None:
        self._path = _NOTES / f"{re.sub(r'[^a-z0-9]+', '-', name.lower())}.txt"
        self._path.unlink(missing_ok=True)

    def add(self, title: str, said: str | list[Line]) -> None:
        """One thing that was said."""
        if not isinstance(said, str):
            said = "\n".join(f"{line.mark:<10}{line.whole}" for line in said)
        with self._path.open("a") as file:
            file.write(f"==== {title}\n{said.rstrip()}\n")


def main(wanted: list[str]) -> int:
    """Make the faults whose name has one of these words; all without words."""
    _NOTES.mkdir(exist_ok=True)
    began_s = time.monotonic()
    table = Table(Device.installed())
    table.begin()
    print(f"The device is ready after {time.monotonic() - began_s:.0f} s.\n{_HEAD}", flush=True)
    rows = []
    for fault in FAULTS:
        if not wanted or any(word in fault.name for word in wanted):
            rows.append(table.row(fault))
            print(rows[-1], flush=True)
    bad = [row for row in rows if row.reasons]
    for row in bad:
        print(f"BAD: {row.name}\n     " + "\n     ".join(row.reasons))
    took_s = time.monotonic() - began_s
    print(f"{len(rows) - len(bad)} of {len(rows)} faults are found, told and fixed; {took_s:.0f} s.")
    if bad or not rows:
        return 1
    (_NOTES / "all-good").touch()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
