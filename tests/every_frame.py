"""A recording of which nothing is left out: how slow a machine is changes when it is seen, and not what.

As a program it is presence-agent with such recordings: `python -m tests.every_frame run --config F`. What a
slow one leaves out of a recording is the matter of tests/device/test_frames.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.app import sources
from agent.device.frames import frame_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from threading import Event

    from agent.core.frame import Frame, Instant
    from agent.device.frames import View
    from agent.device.recording import Recording


def every_frame(
    recording: Recording, view: Callable[[], View], now: Callable[[], Instant], stop: Event
) -> Iterator[Frame]:
    """What stands in for `played_frames`: at the recording's pace, or as much slower as the machine is."""
    begin_s = now().monotonic_s
    for index, (time_s, image) in enumerate(recording.frames()):
        wait_s = begin_s + time_s - now().monotonic_s
        if stop.wait(max(0.0, wait_s)):
            return
        # Who was too slow goes on from here: people who make up for it would run.
        begin_s += max(0.0, -wait_s)
        yield frame_of(index, now(), view().of(image))


if __name__ == "__main__":
    from agent.cli.main import main

    sources.played_frames = every_frame  # type: ignore[attr-defined]
    main()
