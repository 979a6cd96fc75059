"""Commit that the package was built from: written by the build, or asked of git in a checkout."""

from __future__ import annotations

import json
import os
import re
import subprocess
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

# Where the build puts it, below a checkout, a package or what a package is made from.
WRITTEN: Final = "agent/install/commit.json"
# For a build of files that git knows nothing of; the day is that of SOURCE_DATE_EPOCH then.
VARIABLE: Final = "PRESENCE_AGENT_COMMIT"
_EPOCH = "SOURCE_DATE_EPOCH"
# A change of these makes another package.
_BUILT_FROM = ("agent", "models", "pyproject.toml")
_SHOWN_DIGITS = 12
_GIT_S = 10.0


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit and how the files stand to it.

    Attributes:
        id: 40 or 64 hex digits, or fewer where somebody named it so; None: not known.
        day: YYYY-MM-DD in UTC of the commit; None: not known.
        is_changed: whether the files differ from it.
    """

    id: str | None = None
    day: str | None = None
    is_changed: bool = False

    def __str__(self) -> str:
        """For people and bug reports, the same in every language."""
        known = f"commit {self.id[:_SHOWN_DIGITS]}" if self.id else "commit not known"
        return ", ".join(filter(None, (known, self.day, "with changes" if self.is_changed else "")))

    def as_json(self) -> str:
        """The file that the build writes."""
        return json.dumps(asdict(self), indent=2) + "\n"


def package_commit() -> Commit:
    """Commit of this package, wherever it was installed from; asks git where it lies in a checkout."""
    root = Path(__file__).resolve().parents[2]
    return _of_git(root) or _of_file(root) or Commit()


def commit_to_build(root: Path, environment: Mapping[str, str] = os.environ) -> Commit:
    """Commit that these files are built from: as the environment, git, or an earlier build says.

    Args:
        root: folder of pyproject.toml.
        environment: with PRESENCE_AGENT_COMMIT and SOURCE_DATE_EPOCH, seconds, where git knows nothing.

    Raises:
        ValueError: one of the two is none.
    """
    named = environment.get(VARIABLE)
    if named and not re.fullmatch("[0-9a-f]{7,64}", named):
        raise ValueError(f"{VARIABLE}={named} is no commit: give its 40 hex digits.")
    epoch = environment.get(_EPOCH)
    if epoch and not re.fullmatch("[0-9]{1,11}", epoch):
        raise ValueError(f"{_EPOCH}={epoch} is no time: give whole seconds since 1970.")
    told = Commit(named or None, _day(epoch) if epoch else None)
    return told if named else _of_git(root) or _of_file(root) or told


def _of_git(root: Path) -> Commit | None:
    """None: this is no checkout, or git is not here."""
    if not (root / ".git").exists():
        return None
    # Of this folder, whoever owns it, and of no other that a hook of git's is at work in. No file is written.
    git = ("git", "--no-optional-locks", "--git-dir", str(root / ".git"), "--work-tree", str(root))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}

    def answer(*words: str) -> str:
        return subprocess.run(  # noqa: S603 - words of our own
            (*git, *words),
            cwd=root,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=_GIT_S,
        ).stdout

    try:
        digits, epoch = answer("log", "-1", "--format=%H %ct").split()
        return Commit(digits, _day(epoch), bool(answer("status", "--porcelain", "--", *_BUILT_FROM)))
    except (OSError, subprocess.SubprocessError, ValueError):
        return None


def _of_file(root: Path) -> Commit | None:
    """None: no build wrote it, or the file is damaged."""
    with suppress(OSError, ValueError, TypeError):
        return Commit(**json.loads((root / WRITTEN).read_text(encoding="utf-8")))
    return None


def _day(epoch: str) -> str:
    return datetime.fromtimestamp(int(epoch), UTC).date().isoformat()
