"""Note of an update that failed, as the updater leaves it: which versions, and why."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast, get_args

from agent.core.event import UpdateCause
from agent.core.event_fields import VERSION_PATTERN

if TYPE_CHECKING:
    from collections.abc import Mapping

# Root's, beside the versions; every agent reads it, none writes it.
FAILED_UPDATE: Final = Path("/var/lib/presence-agent-versions/failed.json")
_MOST_BYTES = 1000
_is_version = re.compile(VERSION_PATTERN).fullmatch


@dataclass(frozen=True, slots=True)
class FailedUpdate:
    """An update that failed.

    Attributes:
        from_version: that runs.
        to_version: that should have run.
        cause: of the failure; one that only a newer updater knows is `other`.
        ts: when it was noted, as in the file: it tells two failures of the same versions apart.
    """

    from_version: str
    to_version: str
    cause: UpdateCause
    ts: str


class FailedUpdateFile:
    """The updater's note, read again only where it was changed.

    Attributes:
        update: what it says; None: there is no note, or it makes no sense.
    """

    def __init__(self, path: Path = FAILED_UPDATE) -> None:
        """Take where the note is, or will be."""
        self._path = path
        self._trace: object = None
        self.update: FailedUpdate | None = None

    def look(self) -> bool:
        """See whether there is a note now; return whether it is another than at the last look."""
        before, trace = self.update, self._now()
        if trace != self._trace:
            self._trace, self.update = trace, _read(self._path) if trace else None
        return self.update != before

    def _now(self) -> object:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_ino, found.st_size, found.st_mtime_ns


def _read(path: Path) -> FailedUpdate | None:
    try:
        with path.open("rb") as file:
            body: Any = json.loads(file.read(_MOST_BYTES))
        return _update(body)
    except (OSError, ValueError, TypeError, LookupError, RecursionError):
        return None


def _update(body: Mapping[str, object]) -> FailedUpdate | None:
    before, after, cause = (str(body[name]) for name in ("from_version", "to_version", "cause"))
    if not _is_version(before) or not _is_version(after):
        return None
    known = cast("UpdateCause", cause if cause in get_args(UpdateCause) else "other")
    return FailedUpdate(before, after, known, str(body["ts"]))
