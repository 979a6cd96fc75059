"""Pictures for people: zones, lines and boxes drawn into a frame, persons blurred."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import cv2
import numpy as np

from agent.core.detections import FACE, PERSON
from agent.errors import AgentError, ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
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
_BAND_PX = 24
# Columns and rows that are left of what is blurred, and how much around it is blurred with it:
# between two looks people move.
_PERSON_BLOCKS = 6, 12
_FACE_BLOCKS = 2, 2
_RIM_RATIO = 0.1


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
    _draw_rules(canvas, lines, zones)
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
    said: Sequence[str],
    lines: Sequence[Line],
    zones: Sequence[Zone],
    *,
    unsure: Detections | None = None,
    blind: BlindCause | None = None,
) -> Image:
    """A copy with the tracks of a frame and the newest events, and why the camera can't see.

    Who is no track yet is blurred as well.
    """
    canvas = image.copy()
    _blur(canvas, unsure)
    _blur_boxes(canvas, [track.xyxy for track in tracks], _PERSON_BLOCKS)
    _draw_rules(canvas, lines, zones)
    for track in tracks:
        _rectangle(canvas, track.xyxy, _PERSON)
        _text(canvas, track.track_id, (track.xyxy[0], track.xyxy[1] - 3), _PERSON)
    for row, sentence in enumerate(said):
        _text(canvas, sentence, (6, 18 + 18 * row), _TEXT)
    if blind:
        # At the lower edge, over whatever there is: the picture is not to be believed.
        height = canvas.shape[0]
        canvas[max(0, height - _BAND_PX) :] = _BLIND
        _text(canvas, f"the camera can't see: {blind}", (6, height - 7), _TEXT)
    return canvas


def told(event: Event) -> str:
    """An event in a few plain letters, since OpenCV's fonts know no others."""
    more = next((getattr(event, name) for name in ("direction", "cause", "why") if hasattr(event, name)), "")
    return f"{event.at.utc:%H:%M:%S} {event.rule} {event.TYPE} {more}".rstrip()


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


def _draw_rules(canvas: Image, lines: Sequence[Line], zones: Sequence[Zone]) -> None:
    for zone in zones:
        corners = np.rint(zone.polygon).astype(np.int32)
        cv2.polylines(canvas, [corners], isClosed=True, color=_ZONE, thickness=2)
        _text(canvas, zone.zone_id, (float(corners[:, 0].min()) + 4, float(corners[:, 1].min()) + 16), _ZONE)
    for line in lines:
        start, end = np.rint([line.start, line.end]).astype(int)
        cv2.line(canvas, tuple(start.tolist()), tuple(end.tolist()), _LINE, 2)
        middle = np.array([line.start, line.end]).mean(axis=0)
        inward = np.array(line.inside) - middle
        tip = np.rint(middle + inward / max(float(np.hypot(*inward)), 1.0) * 30).astype(int)
        cv2.arrowedLine(canvas, tuple(np.rint(middle).astype(int).tolist()), tuple(tip.tolist()), _LINE, 2)
        _text(canvas, line.line_id, (middle[0] + 4, middle[1] - 6), _LINE)


def _rectangle(canvas: Image, box: Sequence[float], color: tuple[int, int, int]) -> None:
    x1, y1, x2, y2 = (round(v) for v in box)
    cv2.rectangle(canvas, (x1, y1), (x2, y2), color, 2)


def _text(canvas: Image, text: str, at: tuple[float, float], color: tuple[int, int, int]) -> None:
    where = max(0, int(at[0])), max(10, int(at[1]))
    for shade, thickness in (((0, 0, 0), 3), (color, 1)):
        cv2.putText(canvas, text, where, cv2.FONT_HERSHEY_SIMPLEX, 0.45, shade, thickness, cv2.LINE_AA)
