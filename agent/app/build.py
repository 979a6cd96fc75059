"""Composition root: the stages of the pipeline, built from the configuration."""

from __future__ import annotations

import platform
import secrets
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import version
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import cv2
import onnxruntime as ort

from agent.app.central_calendar import calendar_wire, hours_wire
from agent.app.networks import detector
from agent.app.placement import Placement, regions, rule_geometries, shapes
from agent.app.weights import person_weights, weights_in_use
from agent.app.working_time import working_time
from agent.config.models import digest
from agent.core.shift import UNSHIFTED
from agent.device import clock
from agent.device.updates import followed_suite
from agent.mqtt.certificates import certificate_end
from agent.mqtt.connection import Message
from agent.pipeline import presence_steps
from agent.presence.kinds import PRESENCE_KINDS
from agent.presence.ledger import Ledger
from agent.presence.settings import RuleSettings
from agent.vision.attention import Attending, Attention, EveryFrame
from agent.vision.static_objects import StaticObjectFilter
from agent.vision.tamper import Tamper
from agent.vision.tracker import PersonTracker
from agent.wire.home_assistant import discovery_config
from agent.wire.payloads import ModelWire, StateNow, VersionsWire, info_wire, utc_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from agent.app.settings import Settings
    from agent.core.event import Event
    from agent.core.frame import Instant, Taken
    from agent.core.geometry import Polygon
    from agent.core.rule_state import State
    from agent.core.shift import Shift
    from agent.pipeline import Step
    from agent.pipeline import TamperStage as SightJudge
    from agent.presence.track_rule import AnyTrackRule
    from agent.vision.attention import Pace
    from agent.vision.onnx_detector import PersonFaceDetector
    from agent.vision.tamper_settings import TamperSettings

# At most so long after it a last sighting of somebody may become known.
_LATE_SIGHTING_S = 120.0
_LONGEST_WAIT_S = 900.0


@dataclass(slots=True)
class Stages:
    """The stages between a frame and its events.

    A stage that goes on through a reload stays the same object, so `steps` under way use its new settings.
    """

    tamper: SightJudge
    attention: Attending
    detector: PersonFaceDetector
    tracker: PersonTracker
    placing: Placement
    rules: list[AnyTrackRule]
    ledger: Ledger
    settings: Settings
    size_px: tuple[int, int]
    threads: int | None

    def steps(self, frames: Iterable[Taken]) -> Iterator[Step[Taken]]:
        """Run frames, and `NoFrame` where there are none, through all stages; yield a step for each."""
        return presence_steps(
            frames,
            self.tamper,
            self.attention,
            self.detector,
            self.tracker,
            self.placing,
            self.ledger,
        )

    def accept_view(self, at: Instant) -> None:
        """Take the present view as the one that the rules were drawn for: no shift, and not moved."""
        if isinstance(self.tamper, Tamper):
            self.tamper.accept()
        self.placing.place(UNSHIFTED, at)

    def resume_view(self, shift: Shift, at: Instant, *, moved: bool) -> None:
        """Restore the view of before this start.

        Args:
            shift: by which rules and masks follow the view.
            at: this moment.
            moved: the view is moved further than rules follow, so that the camera counts as blind.
        """
        if isinstance(self.tamper, Tamper):
            self.tamper.reset(shift, moved=moved)
        self.placing.place(shift, at)

    def close(self, at: Instant) -> list[Event]:
        """End all open visits and intervals as the agent stops; return their closing events."""
        closing = [event for rule in self.rules for event in rule.close(at, "stopped")]
        return self.ledger.close(closing, at, "stopped")


def stages(
    settings: Settings, size_px: tuple[int, int], new_track_id: Callable[[], str], threads: int | None = None
) -> Stages:
    """Build the pipeline.

    Args:
        settings: in force.
        size_px: width and height of all frames, px.
        new_track_id: gives an id that no other track has.
        threads: of each network; None: as many as there are cores.

    Raises:
        ConfigError: `model` names no weights that find persons.
        ModelError: weights are missing or damaged.
    """
    asked, persons = settings.detector, person_weights(settings.model)
    calibration = persons.family.of_persons()
    laid = shapes(settings.config, size_px)
    finder = detector(
        persons,
        calibration.unsure_ratio * asked.confidence,
        asked.face_confidence,
        faces=asked.faces,
        threads=threads,
    )
    tamper = Tamper(settings.tamper)
    attending = Attending(attention(settings.attention, finder.networks[0].scale(*size_px), regions(laid)))
    rules = [
        kind.track_rule(shape) for kind in PRESENCE_KINDS if kind.track_rule for shape in laid[kind.kind_id]
    ]
    return Stages(
        tamper,
        attending,
        finder,
        PersonTracker(asked.confidence, calibration, new_track_id, StaticObjectFilter()),
        Placement(settings.config, size_px, rules, attending, tamper),
        rules,
        ledger(settings),
        settings,
        size_px,
        threads,
    )


def rule_settings(settings: Settings) -> RuleSettings:
    """Settings of all rules for the ledger, with the working hours of the place."""
    return RuleSettings(
        settings.rules,
        working_time(settings.in_force),
        _LATE_SIGHTING_S + _late_blindness_s(settings.tamper),
    )


def ledger(settings: Settings) -> Ledger:
    """Ledger of all rules, without any history."""
    return Ledger(rule_settings(settings))


def _late_blindness_s(tamper: TamperSettings) -> float:
    """Longest time from the first sign of blindness until it is reported, seconds."""
    after_s = (float(value) for name, value in asdict(tamper).items() if name.endswith("_after_s"))
    return min(max(after_s), _LONGEST_WAIT_S)


def attention(pace: Pace, scale: float, polygons: Sequence[Polygon]) -> Attention | EveryFrame:
    """Build the attention stage.

    Args:
        pace: of the looks.
        scale: of a whole frame at the detector's input, input px per frame px.
        polygons: of the zones, px of the frame.
    """
    return EveryFrame(pace.looks_per_s) if pace.always else Attention(pace, scale, polygons)


def random_track_ids() -> Callable[[], str]:
    """Track ids with 4 random hex digits, so that two starts hardly share any."""
    start = secrets.token_hex(2)
    return partial(next, (f"t{start}-{n}" for n in count(1)))


def plain_track_ids() -> Callable[[], str]:
    """Track ids t1, t2, …: the same in each replay."""
    return partial(next, (f"t{n}" for n in count(1)))


def unknown_states(
    settings: Settings, at: Instant, seq: int, why: Literal["starting", "stopped"]
) -> Iterator[StateNow]:
    """Unknown states of all rules: before the first frame, and when a broker gets no more states.

    Args:
        settings: name the rules.
        at: since when they are unknown, and when that is published.
        seq: number of the last event that the states take into account.
        why: as on the wire.
    """
    for rule in settings.rules:
        yield StateNow(rule.KIND, rule.rule_id, at, at, seq, None, why)


class ChangedStates:
    """Filter for states that changed since they were published; each starts as unknown, `starting`."""

    def __init__(self) -> None:
        self._published: dict[str, tuple[State | None, str | None]] = {}

    def of(self, ledger: Ledger, at: Instant, seq: int) -> list[StateNow]:
        """States that differ from those returned before.

        Args:
            ledger: has the states.
            at: moment of publication.
            seq: number of the last event that the states take into account.
        """
        new = []
        for now in ledger.states():
            if self._published.get(now.rule, (None, "starting")) != (now.value, now.why):
                self._published[now.rule] = now.value, now.why
                new.append(StateNow(now.kind, now.rule, now.since, at, seq, now.value, now.why))
        return new


def info_maker(settings: Settings, root: Path = Path("/")) -> Callable[[str, str], str]:
    """Make the info payload from a log's id and a session; what stays the same is looked up once, here.

    Args:
        settings: in force.
        root: of the machine, for the suite that its updates come from.
    """
    config, central = settings.config, settings.central
    in_use = weights_in_use(settings.model, faces=settings.detector.faces)
    versions = VersionsWire(
        agent=version("presence-agent"),
        python=platform.python_version(),
        onnxruntime=ort.__version__,
        opencv=cv2.__version__,
    )
    rules = tuple(rule_geometries(config))
    in_force = settings.in_force

    def info(log_id: str, session: str) -> str:
        ends = certificate_end(settings.broker.certificate_file if settings.broker else None)
        wire = info_wire()(
            log=log_id,
            session=session,
            ts=utc_text(clock.now().utc),
            site=settings.sender.site,
            device=settings.sender.device,
            place=config.device.place,
            timezone=config.device.timezone,
            versions=versions,
            models=tuple(ModelWire(name=entry.name, sha256=entry.sha256) for entry in in_use),
            rules=rules,
            config_digest=digest(config),
            hours=hours_wire(in_force),
            calendar=calendar_wire(in_force),
            calendar_digest=central.digest if central else None,
            calendar_since=central.since if central else None,
            certificate_ends=utc_text(ends) if ends else None,
            suite=followed_suite(root),
        )
        return wire.text()

    return info


def discovery_maker(settings: Settings) -> Callable[[list[tuple[str, str]]], Message] | None:
    """Make the discovery message for Home Assistant; None: `[mqtt] discovery` is off."""
    if not settings.discovery:
        return None
    config = settings.config
    device, rules = config.device, tuple(rule_geometries(config))

    def discovery(gone: list[tuple[str, str]]) -> Message:
        topic, body = discovery_config(
            device.site, device.name, device.place, rules, version("presence-agent"), gone
        )
        return Message(topic, body, retain=True)

    return discovery
