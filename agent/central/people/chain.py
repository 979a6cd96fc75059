"""Chain of the access log: every row has the hash of the one before, so that none can be changed unseen.

Rows are numbered without a gap. What is deleted because it is old is said by a row further on (`trimmed`),
with the number and hash of the last one that went: so the first row that is left is proved by a later one.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

# The hash before the first row of all.
START: Final = "0" * 64
TRIMMED: Final = "trimmed"


@dataclass(frozen=True, slots=True)
class AccessEntry:
    """A row of the access log.

    Attributes:
        n: its number, without gaps.
        ts_ms: when, milliseconds since 1970.
        kind: account, screen, token, command, or nobody.
        who: name of that.
        act: a word of `access_log`.
        what: was looked at, or changed.
        place: a site, site/name, * for all; empty: none is meant.
        before: hash of the row before.
        hash: of this one.
    """

    n: int
    ts_ms: int
    kind: str
    who: str
    act: str
    what: str
    place: str
    before: str
    hash: str

    def reckoned(self) -> str:
        """The hash that it must have."""
        fields = [self.n, self.ts_ms, self.kind, self.who, self.act, self.what, self.place, self.before]
        return hashlib.sha256(json.dumps(fields, separators=(",", ":")).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class ChainHead:
    """Number and hash of a row: who has noted those can tell later whether all before it is as it was."""

    n: int
    hash: str

    def text(self) -> str:
        """To be noted."""
        return f"{self.n}:{self.hash}"


def check_chain(entries: Iterable[AccessEntry], head: ChainHead, noted: ChainHead | None = None) -> list[str]:
    """Look for rows that were removed, changed or put elsewhere; return a sentence for each.

    Args:
        entries: all rows, by their numbers.
        head: of the last row, as the database has it.
        noted: head that somebody noted earlier.
    """
    found: list[str] = []
    first: AccessEntry | None = None
    last = ChainHead(0, START)
    trimmed: ChainHead | None = None
    seen_noted = noted is None
    for entry in entries:
        if first is None:
            first = entry
            last = ChainHead(entry.n - 1, entry.before)
        if noted and not seen_noted and noted.n == last.n:
            seen_noted = noted.hash == last.hash
        found += _wrong(entry, last)
        if entry.act == TRIMMED and entry.what:
            n, _, digest = entry.what.partition(" ")
            trimmed = ChainHead(int(n) if n.isdigit() else -1, digest)
        last = ChainHead(entry.n, entry.hash)
    if first is not None and first.n != 1 and trimmed != ChainHead(first.n - 1, first.before):
        found.append(f"rows before {first.n} are missing, and no row says that they were deleted.")
    if last != head:
        found.append(
            f"the last row is {last.n} and should be {head.n}: rows after it are missing, or others."
        )
    if noted and not seen_noted and noted != last:
        found.append(f"row {noted.n} is not the one that was noted.")
    return found


def _wrong(entry: AccessEntry, last: ChainHead) -> list[str]:
    """What is wrong with a row behind that one."""
    found = []
    if entry.n != last.n + 1:
        found.append(f"rows {last.n + 1} to {entry.n - 1} are missing.")
    elif entry.before != last.hash:
        found.append(f"row {entry.n} does not follow the row before it.")
    if entry.hash != entry.reckoned():
        found.append(f"row {entry.n} was changed.")
    return found
