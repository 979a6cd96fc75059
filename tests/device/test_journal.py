import io
import logging
import os
import socket
from pathlib import Path

from agent.core.journal import Entry
from agent.device.journal import BurstGuard, JournalHandler, is_journal, say_held_back

FULL = Entry("the disk is full: %s", "0123456789abcdef0123456789abcdef")


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


def test_journal_line_has_its_fields(tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(path)
        server.settimeout(5)
        handler = JournalHandler("hcm", "door", io.StringIO(), path)
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


def test_journal_socket_missing_then_there(tmp_path: Path) -> None:
    path, lines = str(tmp_path / "socket"), io.StringIO()
    handler = JournalHandler("hcm", "door", lines, path)
    handler.emit(record("a"))
    assert lines.getvalue() == "WARNING the disk is full: a\n"
    for name in ("first", "restarted"):
        Path(path).unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
            server.bind(path)
            server.settimeout(5)
            handler.emit(record(name))
            assert fields_of(server.recv(65536))["MESSAGE"].endswith(name)
    handler.close()


def test_burst_guard_says_the_last_held_back() -> None:
    now = [0.0]
    guard = BurstGuard(most=2, within_s=600, now_s=lambda: now[0])
    assert [guard.filter(record(str(n))) for n in range(5)] == [True, True, False, False, False]
    assert guard.filter(record(msg="another"))
    assert guard.due() == []
    now[0] = 600.0
    ((count, last),) = guard.due()
    assert (count, last.getMessage()) == (3, "the disk is full: 4")
    assert guard.due() == []


def test_is_journal_by_device_and_inode(tmp_path: Path) -> None:
    with (tmp_path / "err").open("w") as err:
        stat = os.fstat(err.fileno())
        assert is_journal(f"{stat.st_dev}:{stat.st_ino}", err.fileno())
        assert not is_journal(f"{stat.st_dev}:1", err.fileno())
        assert not is_journal(None, err.fileno())


def test_held_back_is_counted_and_its_last_is_said() -> None:
    now, lines = [0.0], io.StringIO()
    guard = BurstGuard(most=1, within_s=600, now_s=lambda: now[0])
    handler = logging.StreamHandler(lines)
    handler.addFilter(guard)
    for n in range(3):
        handler.handle(record(str(n)))
    now[0] = 600.0
    say_held_back(handler, guard)
    assert lines.getvalue().splitlines() == [
        "the disk is full: 0",
        "2 lines like this one were held back: the disk is full: 2",
        "the disk is full: 2",
    ]
