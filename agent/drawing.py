"""Pictures for people: zones, lines and boxes drawn into a frame, persons blurred."""

from __future__ import annotations

from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from functools import partial
from typing import TYPE_CHECKING

import cv2
import numpy as np

from agent.core.detections import FACE, PERSON
from agent.core.frame import Instant
from agent.errors import AgentError, ConfigError
from agent.lettering import width_px, write_outlined
from agent.words import sentence

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from datetime import tzinfo
    from pathlib import Path

    from numpy.typing import NDArray

    from agent.core.detections import Detections
    from agent.core.event import Event
    from agent.core.geometry import Line, Zone
    from agent.core.sight import BlindCause
    from agent.core.track import Track

    Image = NDArray[np.uint8]
    Box = tuple[float, float, float, float]

_ZONE = (200, 160, 0)
_LINE = (0, 120, 255)
_PERSON = (80, 200, 0)
_FACE = (200, 0, 200)
_TEXT = (255, 255, 255)
_BLIND = (0, 0, 200)
_BAND_PX = 26
# How long an event is written, how many of them at most, and how long its rule is lit.
_SHOWN_S = 6.0
_SHOWN = 6
_LIT_S = 1.0
_LIT_SHARE = 0.3
# Columns and rows that are left of what is blurred, and how much around it is blurred with it:
# between two looks people move.
_PERSON_BLOCKS = 6, 12
_FACE_BLOCKS = 2, 2
_RIM_RATIO = 0.1


@dataclass(frozen=True, slots=True)
class Caption:
    """What a frame says beside who is in it.

    Attributes:
        clock: the local time.
        sentences: the newest events, oldest first.
        lit: ids of the rules of which there is news.
        states: what holds now, in a few words, by rule id.
    """

    clock: str = ""
    sentences: Sequence[str] = ()
    lit: Collection[str] = ()
    states: Mapping[str, str] = field(default_factory=dict)


class Captions:
    """Makes captions: keeps events for as long as they are shown."""

    def __init__(self, zone: tzinfo) -> None:
        """Take the time zone of the device."""
        self._zone = zone
        self._news: deque[tuple[float, str]] = deque(maxlen=_SHOWN)
        self._lit_s: dict[str, float] = {}

    def of(self, at: Instant, events: Sequence[Event], states: Mapping[str, str]) -> Caption:
        """The caption of a frame that brought these events."""
        now_s = at.monotonic_s
        for event in events:
            self._news.append((now_s, told(event, self._zone)))
            self._lit_s[event.rule] = now_s
        return Caption(
            f"{at.utc.astimezone(self._zone):%Y-%m-%d %H:%M:%S}",
            [text for told_s, text in self._news if now_s - told_s < _SHOWN_S],
            [rule for rule, told_s in self._lit_s.items() if now_s - told_s < _LIT_S],
            states,
        )


def drawn_detections(
    image: Image,
    detections: Detections,
    lines: Sequence[Line],
    zones: Sequence[Zone],
    *,
    unsure: Detections | None = None,
) -> Image:
    """A copy with the boxes of one look, their scores, lines and zones (in px).

    Who is too unsure to be told is blurred as well.
    """
    canvas = image.copy()
    for seen in (detections, unsure):
        _blur(canvas, seen)
    _draw_rules(canvas, lines, zones, Caption())
    for xyxy, score, class_id in zip(
        detections.xyxy.tolist(), detections.confidence, detections.class_id, strict=True
    ):
        color, name = (_PERSON, "person") if class_id == PERSON else (_FACE, "face")
        _rectangle(canvas, xyxy, color)
        _text(canvas, f"{name} {score:.2f}", (xyxy[0], xyxy[1] - 3), color)
    return canvas


def drawn_step(
    image: Image,
    tracks: Sequence[Track],
    caption: Caption,
    lines: Sequence[Line],
    zones: Sequence[Zone],
    *,
    unsure: Detections | None = None,
    blind: BlindCause | None = None,
) -> Image:
    """A copy with the tracks of a frame and its caption, and why the camera can't see.

    Who is no track yet is blurred as well.
    """
    canvas = image.copy()
    _blur(canvas, unsure)
    _blur_boxes(canvas, [track.xyxy for track in tracks], _PERSON_BLOCKS)
    _draw_rules(canvas, lines, zones, caption)
    for track in tracks:
        _rectangle(canvas, track.xyxy, _PERSON)
        _text(canvas, track.track_id, (track.xyxy[0], track.xyxy[1] - 3), _PERSON)
    height, width = canvas.shape[:2]
    size_px = _letters_px(canvas)
    for row, text in enumerate(caption.sentences):
        _text(canvas, text, (6, size_px * (1.1 + 1.3 * row)), _TEXT)
    # A counter has no place of its own in the picture: lower left.
    drawn = {*(zone.zone_id for zone in zones), *(line.line_id for line in lines)}
    others = [f"{rule}: {state}" for rule, state in caption.states.items() if rule not in drawn]
    for row, text in enumerate(reversed(others)):
        _text(canvas, text, (6, height - _BAND_PX - 8 - size_px * 1.3 * row), _TEXT)
    if blind:
        # At the lower edge, over whatever there is: the picture is not to be believed.
        canvas[max(0, height - _BAND_PX) :] = _BLIND
        why = sentence({"type": "camera.blind", "cause": blind}, "")
        write_outlined(canvas, why, (6, height - 8), 18, _TEXT)
    _text(canvas, caption.clock, (width - 8 - width_px(caption.clock, size_px), height - 8), _TEXT)
    return canvas


def told(event: Event, zone: tzinfo) -> str:
    """An event in the words of `watch`, with its local time."""
    values = {name.name: getattr(event, name.name) for name in fields(event)}
    said = {
        name: value.utc.isoformat() if isinstance(value, Instant) else value for name, value in values.items()
    }
    words = sentence({**said, "type": event.TYPE, "ts": said["at"]}, str(zone))
    return f"{event.at.utc.astimezone(zone):%H:%M:%S} {words}"


@contextmanager
def video_writer(path: Path, size_px: tuple[int, int], fps: float) -> Iterator[Callable[[Image], None]]:
    """Write frames as VP9, which browsers play.

    Raises:
        AgentError: the file can't be written.
    """
    if path.suffix != ".mp4":
        raise ConfigError(f"{path}: no video can be written there; give a writable path that ends in .mp4.")
    if not path.parent.is_dir():
        raise AgentError(f"{path}: there is no such folder; make it first.")
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"vp09"), fps, size_px)
    if not writer.isOpened():
        raise AgentError(f"{path}: no video can be written there; give a writable path that ends in .mp4.")
    try:
        yield partial(_write, writer)
    finally:
        writer.release()


def _write(writer: cv2.VideoWriter, image: Image) -> None:
    writer.write(image)


def write_picture(path: Path, image: Image) -> None:
    """Write a PNG or JPEG.

    Raises:
        AgentError: the file can't be written.
    """
    _, content = cv2.imencode(path.suffix, image)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.tobytes())
    except OSError as error:
        raise AgentError(f"{path}: can't be written ({error.strerror}).") from error


def _blur(canvas: Image, detections: Detections | None) -> None:
    if detections is None:
        return
    for class_id, blocks in ((PERSON, _PERSON_BLOCKS), (FACE, _FACE_BLOCKS)):
        _blur_boxes(canvas, detections.of_class(class_id).xyxy.tolist(), blocks)


def _blur_boxes(canvas: Image, boxes: Sequence[Sequence[float]], blocks: tuple[int, int]) -> None:
    """A few blocks for each box and its rim: what was there can't be told, and can't be computed back."""
    height, width = canvas.shape[:2]
    for left, top, right, bottom in boxes:
        rim_x, rim_y = _RIM_RATIO * (right - left), _RIM_RATIO * (bottom - top)
        x1, y1 = max(0, int(left - rim_x)), max(0, int(top - rim_y))
        x2, y2 = min(width, int(np.ceil(right + rim_x))), min(height, int(np.ceil(bottom + rim_y)))
        if x2 - x1 < 1 or y2 - y1 < 1:
            continue
        part = canvas[y1:y2, x1:x2]
        size = min(blocks[0], max(1, (x2 - x1) // 8)), min(blocks[1], max(1, (y2 - y1) // 8))
        coarse = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
        canvas[y1:y2, x1:x2] = cv2.resize(coarse, (x2 - x1, y2 - y1), interpolation=cv2.INTER_LINEAR)


def _draw_rules(canvas: Image, lines: Sequence[Line], zones: Sequence[Zone], caption: Caption) -> None:
    """Zones and lines with what holds now; there is more of those of which there is news."""
    for zone in zones:
        corners = np.rint(zone.polygon).astype(np.int32)
        lit = zone.zone_id in caption.lit
        if lit:
            filled = cv2.fillPoly(canvas.copy(), [corners], _ZONE)
            cv2.addWeighted(filled, _LIT_SHARE, canvas, 1 - _LIT_SHARE, 0, canvas)
        cv2.polylines(canvas, [corners], isClosed=True, color=_ZONE, thickness=6 if lit else 2)
        left, top = corners.min(axis=0).tolist()
        _text(canvas, _named(zone.zone_id, caption), (left + 6, top + 1.2 * _letters_px(canvas)), _ZONE)
    for line in lines:
        start, end = np.rint([line.start, line.end]).astype(int).tolist()
        if line.line_id in caption.lit:
            cv2.line(canvas, start, end, _TEXT, 12)
            cv2.line(canvas, start, end, _LINE, 8)
        cv2.line(canvas, start, end, _LINE, 2)
        middle = np.array([line.start, line.end]).mean(axis=0)
        inward = np.array(line.inside) - middle
        tip = np.rint(middle + inward / max(float(np.hypot(*inward)), 1.0) * 30).astype(int)
        cv2.arrowedLine(canvas, tuple(np.rint(middle).astype(int).tolist()), tuple(tip.tolist()), _LINE, 2)
        _text(canvas, _named(line.line_id, caption), (middle[0] + 8, middle[1] - 8), _LINE)


def _named(rule: str, caption: Caption) -> str:
    state = caption.states.get(rule)
    return f"{rule}: {state}" if state else rule


def _rectangle(canvas: Image, box: Sequence[float], color: tuple[int, int, int]) -> None:
    x1, y1, x2, y2 = (round(v) for v in box)
    cv2.rectangle(canvas, (x1, y1), (x2, y2), color, 2)


def _letters_px(canvas: Image) -> int:
    """Letters that can be read and leave room for the picture."""
    return min(max(int(canvas.shape[0]) // 30, 14), 36)


def _text(canvas: Image, text: str, at: tuple[float, float], color: tuple[int, int, int]) -> None:
    size_px = _letters_px(canvas)
    room_px = canvas.shape[1] - width_px(text, size_px)
    at = max(0.0, min(at[0], room_px)), max(0.8 * size_px, at[1])
    write_outlined(canvas, text, at, size_px, color)
