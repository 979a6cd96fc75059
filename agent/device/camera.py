"""Cameras: the protocol, pictures, timeouts and counts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from agent.core.frame import Instant


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture of a camera.

    Attributes:
        at: its exposure.
        image: u8[H, W, 3], BGR, as the camera hangs: not yet turned or masked; read only.
        luma: u8[h, w], the same view small and grey; None: it has to be computed from `image`.
    """

    at: Instant
    image: NDArray[np.uint8]
    luma: NDArray[np.uint8] | None = None


class Camera(Protocol):
    """A camera; each of these may hang, and be called from another thread than the one before."""

    def open(self) -> None:
        """Open and start it.

        Raises:
            CameraError: it is not there, used by another program, or can't be set as asked for.
        """

    def picture(self, wait_s: float) -> Picture | None:
        """The newest picture that was not given before; None: none came in this time.

        Raises:
            CameraError: there will be none.
        """

    def flush(self) -> None:
        """Cancel requested pictures that did not come."""

    def close(self) -> None:
        """Stop it and release all that it holds; it may be opened again. Safe to call twice.

        Raises:
            CameraError: it can't be released.
        """


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Timeouts of a camera, seconds.

    Attributes:
        begin_s: from the start until the first `NoFrame`, as the first opening takes a while.
        lost_after_s: one that gives no picture for so long is lost; a picture older than that is none.
        first_after_s: one that was just opened has this long for its first picture.
        say_every_s: between two `NoFrame`.
        pauses_s: before it is opened again; the last one for all that follow.
        open_s, close_s: what takes longer hangs.
        blank_s: one that gave pictures, can be opened and gives none for so long needs a new process.
        end_s: for closing it when the agent stops.
    """

    begin_s: float = 10.0
    lost_after_s: float = 3.0
    first_after_s: float = 5.0
    say_every_s: float = 1.0
    pauses_s: tuple[float, ...] = (1.0, 2.0, 4.0, 5.0)
    open_s: float = 30.0
    close_s: float = 10.0
    blank_s: float = 60.0
    end_s: float = 1.5


@dataclass(slots=True)
class CameraCounts:
    """Counters of a camera since the start; one thread writes, any may read.

    Attributes:
        stalls: times that it was lost.
        recoveries: times that it came back.
        flushes, closes, opens: steps that were taken.
        refusals: times that it could not be opened.
        hangs: calls that did not return. If there are any, only `os._exit` ends the process for sure.
    """

    stalls: int = 0
    recoveries: int = 0
    flushes: int = 0
    closes: int = 0
    opens: int = 0
    refusals: int = 0
    hangs: int = 0


@dataclass(frozen=True, slots=True)
class RecoveryPolicy:
    """Recovery of a camera that gives no pictures: flush, close, open again, and at last give up.

    Attributes:
        patience: how long each step is waited for.
        counts: counts the steps.
        on_try: called after each attempt to open it that failed with an error.
    """

    patience: Timeouts = field(default_factory=Timeouts)
    counts: CameraCounts = field(default_factory=CameraCounts)
    on_try: Callable[[], None] = lambda: None
