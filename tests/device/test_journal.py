"""Lines for a journal's socket, and the guard before it."""

from __future__ import annotations

import io
import logging
import os
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from agent.core.log_messages import HELD_BACK, LogMessage
from agent.device.journal import BurstGuard, JournalHandler, is_journal
from tests.patience import BUSY_S, PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Iterator

FULL = LogMessage("the disk is full: %s", "0123456789abcdef0123456789abcdef")
GONE = LogMessage("gone %d", "1" * 32, "there")
BACK = LogMessage("back %d", "2" * 32, "there")


def record(*args: object, msg: str = FULL, **extra: str) -> logging.LogRecord:
    made = logging.LogRecord("agent.test", logging.WARNING, __file__, 1, msg, args, None)
    vars(made).update(extra)
    return made


def fields_of(packet: bytes) -> dict[str, str]:
    found = {}
    while packet:
        name, _, rest = packet.partition(b"\n")
        size = int.from_bytes(rest[:8], "little")
        found[name.decode()] = rest[8 : 8 + size].decode()
        packet = rest[9 + size :]
    return found


@pytest.fixture
def server(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "socket"))
        listener.settimeout(PATIENCE_S)
        yield listener


def test_journal_line_has_its_fields(server: socket.socket) -> None:
    handler = JournalHandler(io.StringIO(), server.getsockname())
    handler.belong_to("hcm", "door")
    handler.emit(record("two\nlines", reason="disk", rule="desk"))
    handler.close()
    assert fields_of(server.recv(65536)) == {
        "MESSAGE": "the disk is full: two\nlines",
        "MESSAGE_ID": FULL.message_id,
        "PRIORITY": "4",
        "SYSLOG_IDENTIFIER": "presence-agent",
        "PRESENCE_SITE": "hcm",
        "PRESENCE_DEVICE": "door",
        "PRESENCE_RULE": "desk",
        "PRESENCE_REASON": "disk",
    }


def test_journal_missing_then_there(tmp_path: Path) -> None:
    path, lines, clock = str(tmp_path / "socket"), io.StringIO(), [0.0]
    handler = JournalHandler(lines, path, lambda: clock[0])
    handler.emit(record("a"))
    assert lines.getvalue() == "<4>the disk is full: a\n"
    for name in ("first", "restarted"):
        clock[0] += 60
        Path(path).unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as there:
            there.bind(path)
            there.settimeout(PATIENCE_S)
            handler.emit(record(name))
            assert fields_of(there.recv(65536))["MESSAGE"].endswith(name)
    handler.close()


def test_journal_that_hangs_holds_up_once(server: socket.socket) -> None:
    lines = io.StringIO()
    handler = JournalHandler(lines, server.getsockname())
    begin_s = time.monotonic()
    for number in range(2000):
        handler.emit(record(number))
    assert time.monotonic() - begin_s < 3 + BUSY_S
    said = lines.getvalue().splitlines()
    assert said[-1] == "<4>the disk is full: 1999"
    heard = []
    server.setblocking(False)
    while True:
        try:
            heard.append(fields_of(server.recv(65536))["MESSAGE"])
        except BlockingIOError:
            break
    assert len(heard) + len(said) == 2000
    handler.close()


def test_is_journal_by_what_standard_error_is() -> None:
    stat = os.fstat(2)
    assert is_journal(f"{stat.st_dev}:{stat.st_ino}", 2)
    assert not is_journal(f"{stat.st_dev}:1", 2)
    assert not is_journal(None, 2)
    assert not is_journal("", 2)


class Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def emit(self, line: logging.LogRecord) -> None:
        self.said.append(line.getMessage())


def guarded() -> tuple[BurstGuard, Kept, list[float]]:
    kept, clock = Kept(), [0.0]
    return BurstGuard(kept, most=4, within_s=600, now_s=lambda: clock[0]), kept, clock


def test_guard_lets_the_first_of_each_pass() -> None:
    guard, kept, _ = guarded()
    for number in range(100):
        guard.handle(record(number))
    guard.handle(record(msg="another"))
    assert kept.said == [f"the disk is full: {n}" for n in range(4)] + ["another"]


def test_guard_says_what_holds_in_the_end() -> None:
    guard, kept, clock = guarded()
    for number in range(20):
        clock[0] += 1
        guard.handle(record(number, msg=GONE))
        guard.handle(record(number, msg=BACK))
        guard.flush_due()
    assert kept.said == [f"{word} {n}" for n in range(4) for word in ("gone", "back")]
    # Not much later than the end of the burst.
    clock[0] += 61
    guard.flush_due()
    assert kept.said[8:] == [HELD_BACK % 31, "back 19"]
    clock[0] = 5000
    guard.flush_due()
    assert len(kept.said) == 10
    assert not guard._passed
    assert not guard._suppressed


def test_guard_says_the_first_of_another_entry_of_the_group() -> None:
    guard, kept, _ = guarded()
    for number in range(9):
        guard.handle(record(number, msg=GONE))
    guard.handle(record(9, msg=BACK))
    assert kept.said[4:] == [HELD_BACK % 5, "back 9"]


def test_guard_forgets_wordings_without_end() -> None:
    guard, kept, _ = guarded()
    for number in range(3000):
        guard.handle(record(msg=f"wording {number}"))
    assert len(kept.said) >= 256
    assert len(guard._passed) <= 257


def test_guard_drops_what_is_held_when_a_newer_line_passes() -> None:
    guard, kept, clock = guarded()
    for number in range(6):
        guard.handle(record(number, msg=GONE))
    clock[0] = 700
    guard.handle(record(6, msg=BACK))
    guard.flush_due()
    assert kept.said[4:] == [HELD_BACK % 2, "back 6"]


def test_guard_says_what_is_held_at_the_end() -> None:
    guard, kept, _ = guarded()
    for number in range(6):
        guard.handle(record(number))
    guard.close()
    assert kept.said[4:] == [HELD_BACK % 1, "the disk is full: 5"]


def test_guard_in_a_day_of_flapping() -> None:
    guard, kept, clock = guarded()
    for second in range(0, 86_400, 10):
        clock[0] = float(second)
        guard.handle(record(second, msg=GONE if second % 20 else BACK))
        guard.flush_due()
    guard.close()
    # At most four of each entry in ten minutes, each with word of those before.
    assert len(kept.said) <= 2 * 2 * 4 * 144
    assert kept.said[-1] == f"gone {86_390}"
