"""Signals of the operating system to a running command."""

from __future__ import annotations

import os
import signal
from _thread import start_new_thread
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event
from typing import TYPE_CHECKING

from agent.device.reload_answers import ReloadAnswers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import FrameType


@dataclass(frozen=True, slots=True)
class Asked:
    """Requests by signals so far.

    Attributes:
        stop: set by SIGTERM and SIGINT.
        reload: set by SIGHUP; cleared by the main loop when it reads the configuration.
        reloads: results of the reloads.
    """

    stop: Event = field(default_factory=Event)
    reload: Event = field(default_factory=Event)
    reloads: ReloadAnswers = field(default_factory=ReloadAnswers)


@contextmanager
def service_signals(folder: Path | None = None) -> Iterator[Asked]:
    """Requests by SIGTERM, SIGINT and SIGHUP; a second one to stop ends the process at once.

    The result of a reload is written to `folder`, the service's one in memory; None: there is none.
    """
    asked = Asked(reloads=ReloadAnswers(folder))
    with stop_signals(asked.stop):
        before = signal.signal(signal.SIGHUP, lambda _number, _frame: _set(asked.reload))
        try:
            yield asked
        finally:
            signal.signal(signal.SIGHUP, before)


@contextmanager
def stop_signals(stop: Event | None = None) -> Iterator[Event]:
    """An event that SIGTERM and SIGINT set; a second one ends the process at once."""
    asked = stop or Event()

    def ask(number: int, _frame: FrameType | None) -> None:
        if asked.is_set():
            os._exit(128 + number)
        _set(asked)

    before = {number: signal.signal(number, ask) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _set(event: Event) -> None:
    """Set an event from a signal's handler.

    By a thread: the handler may have interrupted the main thread while that held the event's own lock, in
    `wait` or `clear`, and would wait for it for ever. Not by `Thread`, whose start takes locks too.
    """
    start_new_thread(event.set, ())
