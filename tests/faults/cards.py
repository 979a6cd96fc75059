"""Cards that are full, read-only, held by others or give errors, with kill -9 on top: nothing goes unsaid.

`python -m tests.faults.cards --rounds 20` as root: kept = received or still in a log + told as dropped.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from agent.eventlog.log import EventLog
from tests.samples import CHECKOUT, SENDER

if TYPE_CHECKING:
    from collections.abc import Iterator

KINDS = ("full", "full at start", "read-only", "errors", "held")
_APART = 1_000_000
_LONG_S = 60.0


@dataclass(slots=True)
class Balance:
    """What became of events.

    Attributes:
        kept: of which the writer was told that they are safe.
        found: of those, received or still in a log.
        dropped: of those, told as dropped and not found.
        unsaid: of those, neither.
        twice: facts that are there under two ids: kept, but the card said that it had failed.
        volatile: kept in a log in memory.
    """

    kept: int = 0
    found: int = 0
    dropped: int = 0
    unsaid: int = 0
    twice: int = 0
    volatile: int = 0
    kills: int = 0
    starts_refused: int = 0


@dataclass(slots=True)
class Card:
    """A small disk of its own, with a log on it."""

    folder: Path
    ext4: bool
    balance: Balance = field(default_factory=Balance)
    _first: int = 0

    @property
    def log(self) -> Path:
        return self.folder / "card" / "log" / "events.db"

    def mount(self) -> None:
        card = self.folder / "card"
        card.mkdir(exist_ok=True)
        image = self.folder / "image"
        if not self.ext4:
            _ran("mount", "-t", "tmpfs", "-o", "size=6m", "tests-card", card)
            return
        if not image.exists():
            image.touch()
            os.truncate(image, 12_000_000)
            _ran("mkfs.ext4", "-q", "-m", "0", "-b", "4096", image)
        _ran("mount", "-o", "loop", image, card)

    def unmount(self) -> None:
        _ran("umount", self.folder / "card")

    def fill(self) -> None:
        with (self.folder / "card" / f"ballast-{time.time_ns()}").open("wb", buffering=0) as file:
            for size in (65536, 4096, 64):
                with suppress(OSError):
                    while True:
                        file.write(bytes(size))

    def empty(self) -> None:
        for file in (self.folder / "card").glob("ballast*"):
            file.unlink()

    @contextmanager
    def writer(self, *before: str, events: int = _APART) -> Iterator[subprocess.Popen[str]]:
        """Something that keeps events; killed at the end, if it has not ended itself."""
        notes = self.folder / "notes"
        lines = len(_lines(notes))
        self._first += _APART
        words = [*before, sys.executable, "-m", "tests.faults.card_writer"]
        arguments = [self.log, self.folder / "memory", notes, self._first, events]
        with subprocess.Popen(
            [*words, *map(str, arguments)], stderr=subprocess.PIPE, text=True, cwd=CHECKOUT
        ) as process:
            try:
                while process.poll() is None and len(_lines(notes)) <= lines + 1:
                    time.sleep(0.01)
                yield process
            finally:
                pids = [line.split()[1] for line in _lines(notes)[lines:] if line.startswith("pid")]
                if process.poll() is None:
                    os.kill(int(pids[0]), 9)
                    self.balance.kills += 1
                process.wait(_LONG_S)
                assert process.stderr
                said = process.stderr.read()
                assert "Traceback" not in said, said
                self.balance.starts_refused += "at the start:" in said

    def wait_volatile(self, within_s: float = 5.0) -> None:
        """Until events are kept in memory; not for ever: what fails may fail only once."""
        by_s = time.monotonic() + within_s
        while time.monotonic() < by_s and not _lines(self.folder / "notes")[-1].endswith("volatile"):
            time.sleep(0.02)

    def counted(self) -> Balance:
        """Open all logs that are left, and see what became of each event."""
        kept: dict[int, tuple[str, int]] = {}
        bodies: list[str] = []
        for line in _lines(self.folder / "notes"):
            word, _, rest = line.partition(" ")
            if word == "kept":
                first, end, log_id, last_seq, *volatile = rest.split()
                numbers = range(int(first), int(end))
                # One less each where what tells of a deletion comes after them.
                kept.update({number: (log_id, int(last_seq) - numbers.stop + number) for number in numbers})
                self.balance.volatile += len(numbers) * len(volatile)
            elif word == "received":
                bodies.append(rest)
        for path in [self.log, *(self.folder / "memory").glob("*.db")]:
            with EventLog(SENDER, path, reserve=False) as log:
                bodies += [entry.body for entry in log.read(0, 10_000_000)]
        assert not list(self.log.parent.glob("*.damaged-*"))
        events = {event["id"]: event for event in map(json.loads, bodies)}
        assert len({(event["id"], event["ts"]) for event in map(json.loads, bodies)}) == len(events)
        found = Counter(event["count"] for event in events.values() if "count" in event)
        told = self._told(events)
        missing = kept.keys() - found.keys()
        for number in missing:
            log_id, seq = kept[number]
            if {(log_id, seq), (log_id, seq + 1)} & told:
                self.balance.dropped += 1
            else:
                self.balance.unsaid += 1
        self.balance.kept = len(kept)
        self.balance.found = len(kept.keys() & found.keys())
        self.balance.twice = sum(times - 1 for times in found.values())
        return self.balance

    @staticmethod
    def _told(events: dict[str, dict[str, object]]) -> set[tuple[str, int]]:
        """The logs and numbers that are told to be gone."""
        told: set[tuple[str, int]] = set()
        for event in events.values():
            if event["type"] == "events.dropped":
                first, last = int(str(event["from_seq"])), int(str(event["to_seq"]))
                told.update((str(event["log"]), seq) for seq in range(first, last + 1))
        return told


def _ran(*words: str | Path) -> None:
    subprocess.run(list(map(str, words)), check=True, capture_output=True, timeout=_LONG_S)


def _lines(path: Path) -> list[str]:
    """Whole lines only: one may have been cut off by a kill."""
    return path.read_text().split("\n")[:-1] if path.exists() else []


def tried(kind: str, seed: int, folder: Path, *, pause_s: float = 0.6) -> Balance:
    """A round on a card of its own."""
    chance = random.Random(seed)  # noqa: S311
    (folder / "memory").mkdir()
    card = Card(folder, ext4=kind == "read-only" or bool(seed % 2))
    card.mount()

    def pause() -> None:
        time.sleep(chance.uniform(0.05, pause_s))

    try:
        with card.writer():
            if kind != "full at start":
                pause()
        _trouble(kind, card, chance, pause)
        card.empty()
        with card.writer(events=500) as process:
            process.wait(_LONG_S)
        return card.counted()
    finally:
        card.unmount()


def _trouble(kind: str, card: Card, chance: random.Random, pause: object) -> None:
    assert callable(pause)
    if kind.startswith("full"):
        if kind == "full at start":
            card.fill()
        for _ in range(2):
            with card.writer():
                pause()
                card.fill()
                pause()
                if chance.random() < 0.3:
                    card.empty()
                    pause()
    elif kind == "read-only":
        with card.writer():
            _ran("mount", "-o", "remount,abort", card.folder / "card")
            card.wait_volatile()
            pause()
        # A start on such a card ends with a sentence.
        with card.writer() as process:
            process.wait(_LONG_S)
        card.unmount()
        card.mount()
    elif kind == "errors":
        for call in ("fdatasync", "pwrite64"):
            when = f"{chance.randint(40, 120)}{chance.choice(['', '+', '+', '+3'])}"
            inject = f"inject={call}:error=EIO:when={when}"
            # Only the card: memory gives none.
            files = [word for end in ("", "-wal") for word in ("-P", f"{card.log}{end}")]
            strace = ["strace", "-f", "-qq", "-o", os.devnull, "-e", f"trace={call}", "-e", inject]
            with card.writer(*strace, *files):
                card.wait_volatile()
                pause()
    else:
        with card.writer(), closing(sqlite3.connect(card.log, isolation_level=None, timeout=9)) as db:
            db.execute("BEGIN IMMEDIATE")
            card.wait_volatile(_LONG_S)
            pause()
            if chance.random() < 0.5:
                db.execute("ROLLBACK")
                pause()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--kind", choices=KINDS, action="append")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    if os.environ.get("TESTS_CARDS") is None:
        # Mounts are nobody else's business.
        words = ["unshare", "-m", sys.executable, "-m", "tests.faults.cards", *sys.argv[1:]]
        sys.exit(subprocess.run(words, env=os.environ | {"TESTS_CARDS": "1"}, check=False).returncode)
    print("| card | rounds | kill -9 | starts refused | kept | of that in memory | received or in a log "
          "| told as dropped | unsaid | twice |")  # fmt: skip
    print("| --- " * 10 + "|")
    unsaid = 0
    for kind in given.kind or KINDS:
        total: Counter[str] = Counter()
        for number in range(given.rounds):
            with tempfile.TemporaryDirectory() as folder:
                found = tried(kind, given.seed + number, Path(folder))
            total.update({name: getattr(found, name) for name in Balance.__slots__})
        unsaid += total["unsaid"]
        columns = ("kills", "starts_refused", "kept", "volatile", "found", "dropped", "unsaid", "twice")
        cells = [kind, given.rounds, *(total[name] for name in columns)]
        print("| " + " | ".join(map(str, cells)) + " |", flush=True)
    sys.exit(unsaid > 0)


if __name__ == "__main__":
    assert shutil.which("unshare")
    main()
