"""Settings: what a configuration decides, in the form in which the parts of the agent take it."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Final, Literal, TypeVar

from agent.app.rule_kinds import RULE_KINDS
from agent.device import clock
from agent.mqtt.connection import Broker
from agent.vision.attention import Pace
from agent.vision.tamper_settings import TamperSettings
from agent.wire.payloads import Sender

if TYPE_CHECKING:
    from pathlib import Path

    from agent.app.central_calendar import CentralCalendar
    from agent.config.models import BaseConfig, Config
    from agent.core.geometry import Polygon
    from agent.presence.settings import OneRuleSettings

    _Part = TypeVar("_Part")

Way = Literal["nothing", "live", "delivery", "restart"]
"""How a change is applied, the least first: by the stages as they run, with a new connection of the publisher
too, or by a restart of the whole pipeline."""
WAYS: Final[tuple[Way, ...]] = ("nothing", "live", "delivery", "restart")
_RESTART: Final = {"way": "restart"}
_DELIVERY: Final = {"way": "delivery"}


@dataclass(frozen=True, slots=True)
class CameraSettings:
    """Camera or recording, as in `[camera]`; another one is another pipeline.

    Attributes:
        is_live: it is a camera and no recording.
        size: width and height of a live camera's frames, px.
        fps: frames a second.
        rotation: degrees.
    """

    source: str
    is_live: bool
    size: tuple[int, int]
    fps: float
    rotation: int
    username: str | None
    password_file: Path | None


@dataclass(frozen=True, slots=True)
class DetectorSettings:
    """Finding of persons and faces, as in `[detector]`; least scores are 0–1."""

    confidence: float
    faces: bool
    face_confidence: float


@dataclass(frozen=True, slots=True)
class LogLimits:
    """How much the event log keeps, as in `[log]`: days, and megabytes."""

    keep_days: int
    keep_mb: int


@dataclass(frozen=True, slots=True)
class Settings:
    """All that a configuration decides; a part whose change the stages can't take as they run says so.

    Attributes:
        config: as in the file. What has no part of its own here is taken from it.
        central: the hours and days off that the centre set; None: the file's are in force.
        sender: site, device and boot of the events.
        camera: camera or recording.
        model: name of the weights that find persons.
        log_path: of the event log.
        broker: None: there is no `[mqtt]`.
        discovery: Home Assistant is told of the agent.
        detector: what is looked for, and how sure it must be.
        attention: how often is looked, never more often than there are frames.
        tamper: when the camera counts as blind.
        masks: blanked parts of the picture, in fractions of it.
        night: darkness is a fault outside of working hours, too.
        rules: each rule's settings, in the order in which they report.
        log_limits: how much the log keeps.
    """

    config: Config
    central: CentralCalendar | None
    sender: Sender = field(metadata=_RESTART)
    camera: CameraSettings = field(metadata=_RESTART)
    model: str = field(metadata=_RESTART)
    log_path: Path = field(metadata=_RESTART)
    broker: Broker | None = field(metadata=_DELIVERY)
    discovery: bool = field(metadata=_DELIVERY)
    detector: DetectorSettings
    attention: Pace
    tamper: TamperSettings
    masks: tuple[Polygon, ...]
    night: bool
    rules: tuple[OneRuleSettings, ...]
    log_limits: LogLimits

    @property
    def in_force(self) -> Config:
        """The configuration with the centre's hours in the place of its own."""
        return self.central.over(self.config) if self.central else self.config

    def way_from(self, old: Settings) -> Way:
        """The least that makes these settings of the old ones."""
        ways: list[Way] = [
            part.metadata.get("way", "live")
            for part in fields(self)
            if getattr(self, part.name) != getattr(old, part.name)
        ]
        return max(ways, default="nothing", key=WAYS.index)


def settings_of(config: Config, central: CentralCalendar | None = None) -> Settings:
    """Make the settings.

    Args:
        config: as in the file.
        central: the hours and days off that the centre set, if so.
    """
    mqtt = config.mqtt
    pace = _taken(Pace, config.attention)
    return Settings(
        config,
        central,
        sender=Sender(config.device.site, config.device.name, clock.boot_id()),
        camera=_taken(CameraSettings, config.camera),
        model=config.detector.model,
        log_path=config.log.path,
        broker=_taken(Broker, mqtt) if mqtt else None,
        discovery=mqtt is not None and mqtt.discovery,
        detector=_taken(DetectorSettings, config.detector),
        attention=replace(pace, looks_per_s=min(pace.looks_per_s, config.camera.fps)),
        tamper=_taken(TamperSettings, config.tamper),
        masks=config.camera.masks,
        night=config.camera.night,
        rules=tuple(kind.settings(table) for kind in RULE_KINDS for table in kind.tables(config)),
        log_limits=_taken(LogLimits, config.log),
    )


def _taken(part: type[_Part], table: BaseConfig) -> _Part:
    """A dataclass whose fields are keys of a table."""
    return part(**{one.name: getattr(table, one.name) for one in fields(part)})  # type: ignore[arg-type]
