"""Pictures for people: rules, masks and boxes drawn into a frame, persons blurred."""

from __future__ import annotations

from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from functools import partial
from typing import TYPE_CHECKING

import cv2
import numpy as np

from agent.core.detections import PERSON
from agent.core.frame import Instant
from agent.errors import AgentError, ConfigError
from agent.render.blur_grid import Grid
from agent.render.labels import Labels
from agent.render.sentences import called, kind_name, sentence
from agent.render.text import width_px, write_outlined

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from datetime import tzinfo
    from pathlib import Path

    from numpy.typing import NDArray

    from agent.core.detections import Detections
    from agent.core.event import Event
    from agent.core.geometry import Line, Polygon, Zone
    from agent.core.track import Track
    from agent.core.visibility import BlindCause
    from agent.render.blur_grid import Levels

    Image = NDArray[np.uint8]
    Box = tuple[float, float, float, float]

_ZONE = (200, 160, 0)
_LINE = (0, 120, 255)
_PERSON = (80, 200, 0)
_FACE = (200, 0, 200)
_COUNTER = (0, 220, 255)
_MASK = (150, 150, 150)
_TEXT = (255, 255, 255)
_BLIND = (0, 0, 200)
_BAND_PX = 26
# Seconds for which an event's sentence is shown, how many at most, and seconds for which its rule is lit.
_SHOWN_S = 6.0
_SHOWN = 6
_LIT_S = 1.0
_LIT_SHARE = 0.3
_HATCH_PX = 16


@dataclass(frozen=True, slots=True)
class DrawnCounter:
    """A counter's id, the id of the staff's zone behind it, and of the public's in front of it, if any."""

    counter_id: str
    staff: str
    public: str | None


@dataclass(frozen=True, slots=True)
class Plan:
    """Rules and masks of a picture where they lie now; lines, zones and masks in px."""

    lines: Sequence[Line] = ()
    zones: Sequence[Zone] = ()
    masks: Sequence[Polygon] = ()
    counters: Sequence[DrawnCounter] = ()


@dataclass(frozen=True, slots=True)
class Caption:
    """Texts of a frame.

    Attributes:
        clock: the local time.
        sentences: the newest events, oldest first.
        lit: ids of rules with an event in the last second.
        states: present state in a few words, by rule id.
    """

    clock: str = ""
    sentences: Sequence[str] = ()
    lit: Collection[str] = ()
    states: Mapping[str, str] = field(default_factory=dict)


class Captions:
    """Maker of captions, which keeps events as long as they are shown."""

    def __init__(self, zone: tzinfo) -> None:
        """Take the time zone of the device."""
        self._zone = zone
        self._news: deque[tuple[float, str]] = deque(maxlen=_SHOWN)
        self._lit_s: dict[str, float] = {}

    def of(self, at: Instant, events: Sequence[Event], states: Mapping[str, str]) -> Caption:
        """Caption of a frame.

        Args:
            at: of the frame.
            events: that the frame brought.
            states: present state in a few words, by rule id.
        """
        now_s = at.monotonic_s
        for event in events:
            self._news.append((now_s, event_text(event, self._zone)))
            self._lit_s[event.rule] = now_s
        return Caption(
            f"{at.utc.astimezone(self._zone):%Y-%m-%d %H:%M:%S}",
            [text for event_s, text in self._news if now_s - event_s < _SHOWN_S],
            [rule for rule, event_s in self._lit_s.items() if now_s - event_s < _LIT_S],
            states,
        )


def drawn_detections(
    image: Image, detections: Detections, plan: Plan, *, unsure: Sequence[Detections] = ()
) -> Image:
    """Copy of a picture with the boxes and scores of one look, rules and masks, and persons blurred.

    Args:
        image: u8[H, W, 3] BGR.
        detections: drawn, and blurred.
        plan: rules and masks to draw.
        unsure: further detections, below the thresholds, that are blurred only.
    """
    grid = Grid.of((image.shape[1], image.shape[0]))
    levels = grid.nothing()
    for seen in (detections, *unsure):
        grid.cover(levels, seen)
    canvas = grid.blurred(image, levels)
    labels = Labels(canvas)
    _draw_plan(canvas, plan, Caption())
    colors = [_PERSON if kind == PERSON else _FACE for kind in detections.class_id]
    boxes = detections.xyxy.tolist()
    for color, xyxy in zip(colors, boxes, strict=True):
        _rectangle(canvas, xyxy, color)
    _name_plan(canvas, labels, plan, Caption())
    x = 8
    for color, name in ((_PERSON, "person"), (_FACE, "face")):
        if color in colors:
            labels.write(called(name), (x, image.shape[0] - 8), color)
            x += width_px(called(name), labels.size_px) + 16
    persons = detections.of_class(PERSON).xyxy.tolist()
    for color, xyxy, score in zip(colors, boxes, detections.confidence, strict=True):
        if color == _FACE and any(_holds(person, xyxy) for person in persons):
            # It counts for nothing: the body is seen.
            continue
        labels.write(f"{score:.2f}", (xyxy[0], xyxy[1] - 5), color, needed=False)
    return canvas


def drawn_step(
    image: Image,
    blur: Levels | None,
    tracks: Sequence[Track],
    caption: Caption,
    plan: Plan,
    *,
    blind: BlindCause | None = None,
) -> Image:
    """Copy of a frame with its tracks, rules, masks and caption, and persons blurred.

    Args:
        image: u8[H, W, 3] BGR.
        blur: levels of `agent.render.blur_grid`, u8[rows, columns], beside the tracks; None: tracks only.
        tracks: drawn, and blurred.
        caption: texts, and the rules to highlight.
        plan: rules and masks to draw.
        blind: cause of blindness, written over the lower edge; None: the camera sees.
    """
    grid = Grid.of((image.shape[1], image.shape[0]))
    levels = grid.nothing() if blur is None else blur.copy()
    grid.cover_persons(levels, [track.xyxy for track in tracks])
    canvas = grid.blurred(image, levels)
    height, width = canvas.shape[:2]
    labels = Labels(canvas)
    # Texts are written last, over all else.
    _draw_plan(canvas, plan, caption)
    for track in tracks:
        _rectangle(canvas, track.xyxy, _PERSON)
    band = max(0, height - _BAND_PX)
    if blind:
        labels.keep_free(0, band, width, height)
    clock_left = width - 8 - width_px(caption.clock, labels.size_px)
    labels.write(caption.clock, (clock_left, (band if blind else height) - 8), _TEXT)
    for row, text in enumerate(caption.sentences):
        labels.write(text, (6, labels.size_px * (1.1 + 1.4 * row)), _TEXT)
    _name_plan(canvas, labels, plan, caption)
    for track in tracks:
        labels.write(track.track_id, (track.xyxy[0], track.xyxy[1] - 5), _PERSON, needed=False)
    if blind:
        # Over the lower edge of the picture, which can't be relied on then.
        canvas[band:] = _BLIND
        why = sentence({"type": "camera.blind", "cause": blind}, "")
        write_outlined(canvas, why, (6, height - 8), 18, _TEXT)
    return canvas


def event_text(event: Event, zone: tzinfo) -> str:
    """An event in the words of `watch`, with its local time."""
    values = {name.name: getattr(event, name.name) for name in fields(event)}
    payload = {
        name: value.utc.isoformat() if isinstance(value, Instant) else value for name, value in values.items()
    }
    words = sentence({**payload, "type": event.TYPE, "ts": payload["at"]}, str(zone))
    return f"{event.at.utc.astimezone(zone):%H:%M:%S} {words}"


@contextmanager
def video_writer(path: Path, size_px: tuple[int, int], fps: float) -> Iterator[Callable[[Image], None]]:
    """Open a video file for writing, VP9 in MP4, which browsers play; yields a function that adds a frame.

    Args:
        path: of the file, ends in .mp4.
        size_px: width and height of all frames, px.
        fps: frames a second.

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


def _draw_plan(canvas: Image, plan: Plan, caption: Caption) -> None:
    """Draw rules and masks, rules with a new event highlighted."""
    for mask in plan.masks:
        _hatch(canvas, np.rint(mask).astype(np.int32))
    for zone in plan.zones:
        corners = np.rint(zone.polygon).astype(np.int32)
        lit = zone.zone_id in caption.lit
        if lit:
            filled = cv2.fillPoly(canvas.copy(), [corners], _ZONE)
            cv2.addWeighted(filled, _LIT_SHARE, canvas, 1 - _LIT_SHARE, 0, canvas)
        cv2.polylines(canvas, [corners], isClosed=True, color=_ZONE, thickness=6 if lit else 2)
    for line in plan.lines:
        start, end = np.rint([line.start, line.end]).astype(int).tolist()
        if line.line_id in caption.lit:
            cv2.line(canvas, start, end, _TEXT, 12)
            cv2.line(canvas, start, end, _LINE, 8)
        cv2.line(canvas, start, end, _LINE, 2)
        middle = np.array([line.start, line.end]).mean(axis=0)
        inward = np.array(line.inside) - middle
        tip = np.rint(middle + inward / max(float(np.hypot(*inward)), 1.0) * 30).astype(int)
        cv2.arrowedLine(canvas, tuple(np.rint(middle).astype(int).tolist()), tuple(tip.tolist()), _LINE, 2)
    for counter in plan.counters:
        ends = [place for place, _ in _sides(canvas, counter, plan)]
        if len(ends) > 1:
            thickness = 6 if counter.counter_id in caption.lit else 2
            cv2.line(canvas, ends[0], ends[1], _COUNTER, thickness, cv2.LINE_AA)
        for place in ends:
            cv2.circle(canvas, place, 5, _COUNTER, cv2.FILLED, cv2.LINE_AA)


def _name_plan(canvas: Image, labels: Labels, plan: Plan, caption: Caption) -> None:
    """Label rules and masks by their kind, rules with their state; a counter's is at the staff's zone."""
    for zone in plan.zones:
        left, top = np.array(zone.polygon).min(axis=0).tolist()
        labels.write(_named("zone", zone.zone_id, caption), (left + 6, top + 1.2 * labels.size_px), _ZONE)
    for line in plan.lines:
        x, y = np.array([line.start, line.end]).mean(axis=0).tolist()
        labels.write(_named("line", line.line_id, caption), (x + 8, y - 8), _LINE)
    for counter in plan.counters:
        for (x, y), side in _sides(canvas, counter, plan):
            name = _named("counter", counter.counter_id, caption if side == "staff" else Caption())
            labels.write(f"{name} ({called(side)})", (x + 8, y + labels.size_px), _COUNTER)
    for number, mask in enumerate(plan.masks, 1):
        left, top = np.array(mask).min(axis=0).tolist()
        labels.write(
            f"{called('mask')} {number}: {called('ignored')}", (left + 6, top + 1.3 * labels.size_px), _MASK
        )


def _sides(canvas: Image, counter: DrawnCounter, plan: Plan) -> list[tuple[tuple[int, int], str]]:
    """Centre of each zone of a counter, px, and its side: staff or public."""
    height, width = canvas.shape[:2]
    zones = {zone.zone_id: np.array(zone.polygon) for zone in plan.zones}
    sides = []
    for zone_id, side in ((counter.staff, "staff"), (counter.public, "public")):
        if zone_id in zones:
            x, y = np.clip(zones[zone_id], 0, (width - 1, height - 1)).mean(axis=0).tolist()
            sides.append(((round(x), round(y)), side))
    return sides


def _hatch(canvas: Image, corners: NDArray[np.int32]) -> None:
    """Draw an area with stripes and an edge."""
    height, width = canvas.shape[:2]
    inside = cv2.fillPoly(np.zeros((height, width), np.uint8), [corners], (255,))
    stripes = np.zeros((height, width), np.uint8)
    for left in range(-height, width, _HATCH_PX):
        cv2.line(stripes, (left, height), (left + height, 0), (255,), 1)
    canvas[(inside > 0) & (stripes > 0)] = _MASK
    cv2.polylines(canvas, [corners], isClosed=True, color=_MASK, thickness=2)


def _named(kind: str, rule: str, caption: Caption) -> str:
    state = caption.states.get(rule)
    return f"{kind_name(kind)} {rule}: {state}" if state else f"{kind_name(kind)} {rule}"


def _holds(outer: Sequence[float], inner: Sequence[float]) -> bool:
    """Whether the middle of a box is in another one."""
    x, y = (inner[0] + inner[2]) / 2, (inner[1] + inner[3]) / 2
    return outer[0] <= x <= outer[2] and outer[1] <= y <= outer[3]


def _rectangle(canvas: Image, box: Sequence[float], color: tuple[int, int, int]) -> None:
    x1, y1, x2, y2 = (round(v) for v in box)
    cv2.rectangle(canvas, (x1, y1), (x2, y2), color, 2)
