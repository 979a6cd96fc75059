"""Answers to reloads: kept for health, and given to the caller by a file in memory."""

from __future__ import annotations

import json
import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from agent.errors import AgentError, ConfigError

if TYPE_CHECKING:
    from pathlib import Path

NAME: Final = "reload.json"
# Below TimeoutStartSec= of the unit, after which systemd would kill the waiting `reload`.
LIMIT_S: Final = 60.0
_LOOK_EVERY_S = 0.1


@dataclass(frozen=True, slots=True)
class ReloadAnswer:
    """Result of one reload.

    Attributes:
        begun_s: start of the reload, monotonic seconds.
        problems: why the file was refused, a sentence each; empty: it is in force.
    """

    begun_s: float
    problems: tuple[str, ...]


class ReloadAnswers:
    """Results of a running agent's reloads."""

    def __init__(self, folder: Path | None = None) -> None:
        """Take the service's folder in memory, if there is one."""
        self._folder = folder
        self._begun_s: float | None = None
        self._problems: tuple[str, ...] = ()

    @property
    def refused(self) -> bool:
        """Whether the file on the card is not in force, for it was refused."""
        return bool(self._problems)

    def begin(self) -> None:
        """Note that a reload has started; `taken` or `refuse` must follow."""
        self._begun_s = time.monotonic()

    def refuse(self, problems: tuple[str, ...]) -> None:
        """The file is refused, and what was in force before stays so."""
        self._problems = problems
        self._answer()

    def taken(self) -> None:
        """The file is in force."""
        self._problems = ()
        self._answer()

    def _answer(self) -> None:
        if self._folder is None or self._begun_s is None:
            return
        body = {"v": 1, "begun_s": self._begun_s, "problems": self._problems}
        self._begun_s = None
        # If the memory file system is full, the waiting `reload` reports that no answer came.
        with suppress(OSError):
            new = self._folder / f".{NAME}"
            new.write_text(json.dumps(body, ensure_ascii=False), encoding="utf-8")
            new.replace(self._folder / NAME)


def answer_in(folder: Path) -> ReloadAnswer | None:
    """The last answer; None: there is none, or it is not valid.

    Raises:
        PermissionError: this user may not read it.
    """
    try:
        body: Any = json.loads((folder / NAME).read_text(encoding="utf-8"))
        return ReloadAnswer(float(body["begun_s"]), tuple(str(problem) for problem in body["problems"]))
    except PermissionError:
        raise
    except (OSError, ValueError, TypeError, LookupError, RecursionError):
        return None


def ask(process: int, folder: Path, limit_s: float = LIMIT_S) -> None:
    """Ask a running agent to read its configuration again, and wait for the result.

    Args:
        process: process id of the agent.
        folder: the service's folder in memory, where it writes the answer.
        limit_s: longest wait, seconds.

    Raises:
        ConfigError: it refused the file; a sentence for each problem.
        AgentError: it does not answer, or is gone.
    """
    asked_s = time.monotonic()
    try:
        os.kill(process, signal.SIGHUP)
        while time.monotonic() < asked_s + limit_s:
            answer = answer_in(folder)
            if answer and answer.begun_s >= asked_s:
                if answer.problems:
                    raise ConfigError(*(f"not taken, the old one stays: {why}" for why in answer.problems))
                return
            time.sleep(_LOOK_EVERY_S)
            os.kill(process, 0)
    except ProcessLookupError:
        raise AgentError(
            f"The agent (process {process}) has ended; see `journalctl -u presence-agent -x` for why."
        ) from None
    except PermissionError:
        raise AgentError(
            "The service may be asked by root only: run `sudo systemctl reload presence-agent`."
        ) from None
    raise AgentError(
        f"The agent gave no answer within {limit_s:g} s, and goes on as it was: see `presence-agent doctor`."
    )
