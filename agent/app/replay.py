"""`presence-agent replay` and `detect`: the same stages over a recording."""

from __future__ import annotations

import json
import secrets
import sys
import time
from collections import Counter
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TextIO
from zoneinfo import ZoneInfo

import numpy as np

from agent.app.build import (
    ChangedStates,
    info_maker,
    plain_track_ids,
    stages,
    unknown_states,
)
from agent.app.networks import blur_finder, detector
from agent.app.placement import geometry, view
from agent.app.settings import settings_of
from agent.app.weights import person_weights
from agent.config.models import DetectorConfig
from agent.core.detections import FACE, PERSON, Detections
from agent.core.frame import Instant
from agent.core.geometry import scaled
from agent.core.identifiers import agent_name
from agent.core.regions import whole
from agent.device import clock
from agent.device.frames import View, frame_of, recorded_frames
from agent.device.recording import open_recording, read_picture
from agent.errors import AgentError, BrokenOffError, ConfigError, DeliveryError, SourceError
from agent.eventlog.log import EventLog
from agent.mqtt.publisher import Publisher
from agent.render.blur_grid import Grid
from agent.render.drawing import (
    Captions,
    DrawnCounter,
    Plan,
    drawn_detections,
    drawn_step,
    video_writer,
    write_picture,
)
from agent.render.film_survey import FilmBlur, possible, surveyed
from agent.render.sentences import holding
from agent.wire.client import client_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from agent.app.build import Stages
    from agent.app.settings import Settings
    from agent.config.models import Config
    from agent.core.event import Event
    from agent.core.frame import Frame
    from agent.core.geometry import Line, Zone
    from agent.device.recording import Recording
    from agent.pipeline import Step

REPLAY_LOG = "00000000"
_DELIVER_S = 60.0


@dataclass(frozen=True, slots=True)
class ReplayOptions:
    """Options of a replay.

    Attributes:
        start: moment of the first frame, UTC.
        real_time: at the recording's pace, not as fast as it goes.
        events: file for the events, one a line; None: standard output.
        mot: file for the tracks in MOTChallenge form.
        draw: video with everything drawn in.
        publish_as: device name under which it is published.
    """

    start: datetime
    real_time: bool = False
    events: Path | None = None
    mot: Path | None = None
    draw: Path | None = None
    publish_as: str | None = None


def replay(config: Config, video: Path, options: ReplayOptions, progress: Callable[[int, int], None]) -> int:
    """Run the pipeline over a recording and write its events; return how many there were.

    Args:
        config: its `[camera] source` and `[log]` are not used.
        video: the recording.
        options: when the recording starts, at what pace, and which files are written.
        progress: called with the number of frames done and the number there are (0: not known); a film
            goes over all of them three times.

    Raises:
        SourceError, ModelError, ConfigError: it can't start.
        BrokenOffError: the recording breaks off; its events were written.
        DeliveryError: not everything could be published.
        AgentError: something asked for can't be written.
    """
    with ExitStack() as stack:
        recording = stack.enter_context(open_recording(video, config.camera.fps))
        settings = settings_of(config)
        if options.publish_as:
            settings = replace(settings, sender=replace(settings.sender, device=options.publish_as))
        stage = stages(settings, recording.size_px, plain_track_ids())
        log_id = secrets.token_hex(4) if options.publish_as else REPLAY_LOG
        log = stack.enter_context(EventLog(settings.sender, None, log_id=log_id, recorded=True))
        out = _Out(log, stack.enter_context(_text_file(options.events)))
        mot = stack.enter_context(_text_file(options.mot)) if options.mot else None
        # A film is surveyed twice before it is drawn.
        surveyed_frames = 2 * recording.frame_count if options.draw else 0
        total = recording.frame_count + surveyed_frames
        draw = stack.enter_context(
            _drawing(options, video, recording, config, stage, lambda done: progress(done, total))
        )
        publisher = stack.enter_context(_publishing(settings, options.publish_as, log, options.start))
        changed, broken, last = ChangedStates(), None, Instant(0.0, options.start)
        frames = recorded_frames(recording, lambda: stage.placing.view, options.start)
        if options.real_time:
            frames = _paced(frames)
        try:
            for step in stage.steps(frames):
                last = step.frame.at
                out.write(step.events)
                if publisher:
                    publisher.update(changed.of(stage.ledger, last, log.last_seq))
                if mot:
                    mot.writelines(_mot_lines(step))
                if draw:
                    draw(step)
                progress(surveyed_frames + step.frame.index + 1, total)
        except BrokenOffError as error:
            broken = error
        out.write([*stage.close(last), *stage.ledger.finish(last)])
        if publisher:
            publisher.update(changed.of(stage.ledger, last, log.last_seq))
    if broken:
        raise broken
    return log.last_seq


def detect(
    images: Iterable[Path], config: Config | None, min_score: float | None, draw: Path | None
) -> Iterator[str | SourceError]:
    """Yield a JSON line for each picture, or the error of one that can't be read.

    Args:
        images: picture files.
        config: for its masks, its least scores, and its lines and zones in drawings.
        min_score: least score of persons and faces, 0-1; None: the configured ones.
        draw: folder for annotated copies.

    Raises:
        ModelError: weights are missing or damaged.
        AgentError: an annotated copy can't be written.
    """
    usual = config.detector if config else DetectorConfig()
    person_score, face_score = usual.confidence, usual.face_confidence
    if min_score is not None:
        person_score = face_score = min_score
    persons = person_weights(usual.model)
    finder = detector(persons, person_score, face_score, faces=usual.faces, crop_score=usual.confidence)
    blurred = blur_finder() if draw else None
    written: Counter[str] = Counter()
    hang = view(config) if config else View()
    for path in images:
        try:
            image = read_picture(path)
        except SourceError as error:
            yield error
            continue
        height, width = image.shape[:2]
        begin_s = time.perf_counter()
        frame = frame_of(0, clock.now(), hang.of(image))
        found = finder.detect(frame, whole(frame))
        ms = (time.perf_counter() - begin_s) * 1000
        if draw and blurred:
            plan = _plan(config, (width, height), *geometry(config, (width, height))) if config else Plan()
            written[path.stem] += 1
            again = f"-{written[path.stem]}" if written[path.stem] > 1 else ""
            copy = drawn_detections(frame.image, found, plan, unsure=possible(frame, blurred))
            write_picture(draw / f"{path.stem}{again}.annotated.png", copy)
        yield json.dumps(
            {
                "image": str(path),
                "width": width,
                "height": height,
                "persons": _rows(found.of_class(PERSON), hang, (width, height)),
                "faces": _rows(found.of_class(FACE), hang, (width, height)),
                "ms": round(ms, 1),
            },
            ensure_ascii=False,
        )


def _rows(found: Detections, hang: View, size_px: tuple[int, int]) -> list[list[float]]:
    """Boxes and scores, in px of the picture as it is in the file."""
    xyxy = found.xyxy
    if hang.rotation:
        xyxy = np.array([*size_px, *size_px], np.float32) - xyxy[:, [2, 3, 0, 1]]
    return [
        [*(round(float(v), 2) for v in box), round(float(score), 4)]
        for box, score in zip(xyxy, found.confidence, strict=True)
    ]


class _Out:
    """Numbers events and writes them down, one a line."""

    def __init__(self, log: EventLog, file: TextIO) -> None:
        self._log = log
        self._file = file

    def write(self, events: Sequence[Event]) -> None:
        before = self._log.last_seq
        self._log.append(events)
        for entry in self._log.read(before, len(events)):
            self._file.write(f"{entry.body}\n")
        if events:
            self._file.flush()


@contextmanager
def _text_file(path: Path | None) -> Iterator[TextIO]:
    if path is None:
        yield sys.stdout
        return
    try:
        file = path.open("w", encoding="utf-8")
    except OSError as error:
        raise AgentError(f"{path}: can't be written ({error.strerror}).") from error
    with file:
        yield file


def _plan(config: Config, size_px: tuple[int, int], lines: Sequence[Line], zones: Sequence[Zone]) -> Plan:
    """Lines and zones as given, in px, with the masks and counters of the configuration."""
    return Plan(
        lines,
        zones,
        [scaled(mask, size_px) for mask in config.camera.masks],
        [DrawnCounter(one.id, one.staff, one.public) for one in config.counter],
    )


@contextmanager
def _drawing(
    options: ReplayOptions,
    video: Path,
    recording: Recording,
    config: Config,
    stage: Stages,
    progress: Callable[[int], None],
) -> Iterator[Callable[[Step[Frame]], None] | None]:
    """Draw steps into a film; the whole recording is first surveyed for what has to be blurred."""
    if options.draw is None:
        yield None
        return
    captions = Captions(ZoneInfo(config.device.timezone))

    def frames() -> Iterator[Frame]:
        with open_recording(video, config.camera.fps) as again:
            yield from recorded_frames(again, lambda: view(config), options.start)

    with video_writer(options.draw, recording.size_px, recording.fps) as write:
        grid = Grid.of(recording.size_px)
        blur = FilmBlur(surveyed(grid, recording.fps, frames, blur_finder(), progress))

        def draw(step: Step[Frame]) -> None:
            states = {state.rule: holding(state.value) for state in stage.ledger.states()}
            plan = _plan(config, recording.size_px, stage.placing.lines, stage.placing.zones)
            caption = captions.of(step.frame.at, step.events, states)
            levels = blur.levels(step.frame.index, [track.xyxy for track in step.tracks])
            write(
                drawn_step(step.frame.image, levels, step.tracks, caption, plan, blind=step.visibility.cause)
            )

        yield draw


@contextmanager
def _publishing(
    settings: Settings, name: str | None, log: EventLog, start: datetime
) -> Iterator[Publisher | None]:
    """Publish the log under another name; DeliveryError if not all is acknowledged at the end."""
    if name is None:
        yield None
        return
    to, configured = settings.broker, settings.config.device
    if to is None:
        raise ConfigError("--publish needs a broker: the configuration has no [mqtt].")
    if name == configured.name:
        raise ConfigError(
            f'--as "{name}" is the configured name; a replay must not publish as the real agent.'
        )
    site = configured.site
    agent_name("[device] site", site, "--as", name)
    own_id = client_id(site, name, log.client_secret)
    publisher = Publisher(to, site, name, log, info_maker(settings), client_id=own_id)
    publisher.update(unknown_states(settings, Instant(0.0, start), 0, "starting"))
    publisher.start()
    yield publisher
    publisher.update()
    delivered = publisher.wait_delivered(_DELIVER_S)
    publisher.stop(1.0)
    if not delivered:
        raise DeliveryError(
            f"not everything reached the broker {to} within {_DELIVER_S:.0f} s; "
            "see the lines above, fix the connection and replay again."
        )


def _paced(frames: Iterator[Frame]) -> Iterator[Frame]:
    """Each frame at its time after the first one."""
    begin_s = time.monotonic()
    for frame in frames:
        time.sleep(max(0.0, begin_s + frame.at.monotonic_s - time.monotonic()))
        yield frame


def _mot_lines(step: Step[Frame]) -> Iterator[str]:
    """MOTChallenge: frame from 1, id, left, top, width, height, confidence, and three unused."""
    for track in step.tracks:
        left, top, right, bottom = track.xyxy
        number = track.track_id.removeprefix("t")
        yield (
            f"{step.frame.index + 1},{number},{left:.2f},{top:.2f},{right - left:.2f},{bottom - top:.2f},"
            f"{track.confidence:.3f},-1,-1,-1\n"
        )
