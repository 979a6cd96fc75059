"""A program that writes to an event log until something ends it, for tests that end it.

`python -m tests.eventlog.writing fill LOG` appends until the log fails, and tells what is left;
`… serve LOG BATCH` begins a writer for each line it is sent, and tells when that one was killed;
`… recycle LOG DELIVERED` appends on a disk that gets full; `… open LOG` only opens it and appends one event;
`… recall LOG LIMIT` asks it, and deletes from it, while no file may grow beyond so many bytes.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from agent.errors import AgentError, LogError
from agent.eventlog.log import EventLog
from tests.patience import PATIENCE_S
from tests.samples import CHECKOUT, SENDER, make_entered, make_started, seqs

if TYPE_CHECKING:
    from collections.abc import Iterator

MODULE = "tests.eventlog.writing"


def words(*arguments: str | Path) -> list[str]:
    """The command line of this program."""
    return [sys.executable, "-m", MODULE, *map(str, arguments)]


@contextmanager
def server(path: Path, batch: int) -> Iterator[subprocess.Popen[str]]:
    """Something that begins a writer for each line."""
    with subprocess.Popen(
        words("serve", path, str(batch)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=CHECKOUT,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def ran(*before: str, arguments: list[str | Path]) -> list[str]:
    """What this program says; `before` are words that run it somehow."""
    done = subprocess.run(
        [*before, *words(*arguments)],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
        cwd=CHECKOUT,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def say(line: str) -> None:
    """Past every buffer: what was said is said when the process is killed."""
    os.write(1, f"{line}\n".encode())


def write(path: Path, batch: int) -> None:
    """Append for ever, and tell the last number after each time."""
    with EventLog(SENDER, path) as log:
        say(f"opened {log.last_seq}")
        while True:
            say(f"{log.append([make_entered()] * batch)}")


def serve(path: Path, batch: int) -> None:
    """Fork a writer for each line; tell its process id, and when it ended."""
    for _ in sys.stdin:
        child = os.fork()
        if child == 0:
            write(path, batch)
        say(f"pid {child}")
        _, status = os.waitpid(child, 0)
        say(f"ended {os.waitstatus_to_exitcode(status)}")


def fill(path: Path, limit: int | None) -> None:
    """Append until it fails; tell what can be read then, in the same log and in one opened again."""
    with EventLog(SENDER, path) as log:
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        try:
            while True:
                log.append([make_entered()])
        except LogError as error:
            say(f"failed {error}")
        say(f"last {log.last_seq}")
        say(f"kept {seqs(log) == list(range(1, log.last_seq + 1))}")
    try:
        with EventLog(SENDER, path) as log:
            say(f"again {seqs(log) == list(range(1, log.last_seq + 1))} {log.last_seq}")
    except LogError as error:
        say(f"again {error}")
    # There is room again.
    path.with_name("ballast").unlink(missing_ok=True)
    if limit is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    try:
        with EventLog(SENDER, path) as log:
            log.append([make_entered()])
            say(f"mended {seqs(log) == list(range(1, log.last_seq + 1))} {log.last_seq}")
    except LogError as error:
        say(f"mended {error}")


def recycle(path: Path, delivered: int) -> None:
    """Append far more than there is room for; tell what is kept and what is told to be gone."""
    with EventLog(SENDER, path) as log:
        log.append([make_entered()] * 100)
        log.delivered = delivered
        for _ in range(700):
            log.append([make_entered()] * 9)
        say(f"tight {log.tight}")
        kept = seqs(log)
        say(f"kept {kept == list(range(kept[0], 1 + log.last_seq)) and kept[0] > 1000}")
        told = [json.loads(entry.body) for entry in log.read(0, 9999) if entry.type == "events.dropped"]
        first, last = min(row["from_seq"] for row in told), max(row["to_seq"] for row in told)
        say(f"dropped {first} {told[-1]['cause']} {last == kept[0] - 1}")
    with EventLog(SENDER, path) as log:
        for _ in range(300):
            log.append([make_entered()])
        say(f"again {log.tight}")
    path.with_name("ballast").unlink()
    with EventLog(SENDER, path) as log:
        say(f"mended {log.tight}")


def recall(path: Path, limit: int) -> None:
    """Tell each rule's last lasting event, and how many events go."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    with EventLog(SENDER, path, reserve=False) as log:
        say(f"opened {log.last_seq}")
        found = sorted((entry.rule, entry.seq) for entry in log.last_intervals(log.last_seq + 1).values())
        say(f"recalled {', '.join(f'{rule} {seq}' for rule, seq in found)}")


def open_once(path: Path) -> None:
    """Open it and append one event."""
    try:
        with EventLog(SENDER, path) as log:
            say(f"opened {log.last_seq}")
            log.append([make_started()])
            say(f"appended {log.last_seq}")
    except AgentError as error:
        say(f"{type(error).__name__} {error}")


if __name__ == "__main__":
    task, log_path, *rest = sys.argv[1:]
    if task == "serve":
        serve(Path(log_path), int(rest[0]))
    elif task == "fill":
        fill(Path(log_path), int(rest[0]) if rest else None)
    elif task == "recycle":
        recycle(Path(log_path), int(rest[0]))
    elif task == "recall":
        recall(Path(log_path), int(rest[0]))
    else:
        open_once(Path(log_path))
