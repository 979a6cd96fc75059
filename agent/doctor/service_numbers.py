"""Reader of the numbers that the running service writes about its camera and its health."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from agent.health.camera_stats import NAME

if TYPE_CHECKING:
    from pathlib import Path

# They are written every ten seconds, and at once when something changes.
STALE_S: Final = 30


@dataclass(frozen=True, slots=True)
class ServiceNumbers:
    """Camera and health of the service; None: not known, or not written by that version.

    Attributes:
        age_s: seconds since it wrote them.
        process: id of the process that wrote them.
        verdict, reasons: of its health.
        config_digest: of the configuration in force.
        camera: `ok`, or why it can't see.
    """

    age_s: int
    process: int | None
    verdict: str | None
    reasons: tuple[str, ...]
    config_digest: str | None
    camera: str
    fps: float | None
    brightness: float | None
    sharpness: float | None
    usual_sharpness: float | None
    upright: int
    upside_down: int


def read_numbers(folder: Path) -> ServiceNumbers | None:
    """Read the service's numbers; None where there are none that make sense.

    Raises:
        PermissionError: this user may not read them.
    """
    try:
        body: Any = json.loads((folder / NAME).read_text())
        at = datetime.fromisoformat(body["ts"])
        return ServiceNumbers(
            age_s=max(0, round((datetime.now(UTC) - at).total_seconds())),
            process=body.get("process"),
            verdict=body.get("verdict"),
            reasons=tuple(str(reason) for reason in body.get("reasons", ())),
            config_digest=body.get("config_digest"),
            camera=str(body["camera"]),
            upright=int(body["faces_upright"]),
            upside_down=int(body["faces_upside_down"]),
            **{
                name: None if body.get(name) is None else float(body[name])
                for name in ("fps", "brightness", "sharpness", "usual_sharpness")
            },
        )
    except PermissionError:
        raise
    except (OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return None
