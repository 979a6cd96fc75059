"""Cameras, which may stall, as a source of frames that says so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from agent.core.frame import Instant


@dataclass(frozen=True, slots=True)
class Picture:
    """What a camera gives.

    Attributes:
        at: its exposure.
        image: u8[H, W, 3], BGR, as the camera hangs; nobody else writes into it.
        luma: u8[h, w], the same view small and grey; None: is to be made of `image`.
    """

    at: Instant
    image: NDArray[np.uint8]
    luma: NDArray[np.uint8] | None = None


class Camera(Protocol):
    """A camera; each of these may hang, and be called from another thread than the one before."""

    def open(self) -> None:
        """Open and start it.

        Raises:
            CameraError: it is not there, or held by another program, or not as asked for.
        """

    def picture(self, wait_s: float) -> Picture | None:
        """The newest picture that was not given before; None: none came in this time.

        Raises:
            CameraError: there will be none.
        """

    def flush(self) -> None:
        """Let go of what is asked for and did not come."""

    def close(self) -> None:
        """Stop it and let go of all that it holds; it may be opened again."""
