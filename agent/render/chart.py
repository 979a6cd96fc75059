"""Chart of a timeline: a row for each rule, and blind intervals hatched over all of them.

::

    place, day, time zone
             00   02   04   06   08   10   …   24
    camera             ███ covered
    desk          ▓▓▓▓▓▓▓▓▓░░░▓▓▓▓▓               counter: attended, unattended, closed
    waiting         ▂▄▆█▄▂    ▂▄                  zone: how many were in it
    gate          ││ │  ╷ │    ╷╷                 line: in is up, out is down
    legend
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from agent.core.registry import Registry
from agent.locale.language import reader_language
from agent.render.chart_words import CHART_WORDS, DAY_NAMES
from agent.render.sentences import kind_name
from agent.render.text import fitted, in_lines, width_px, write
from agent.render.timeline import steps

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from zoneinfo import ZoneInfo

    from numpy.typing import NDArray

    from agent.render.timeline import Timeline, TimelineRow, TimelineSpan

    Image = NDArray[np.uint8]
    Color = tuple[int, int, int]

WIDTH_PX: Final = 1600
LEFT_PX: Final = 290
RIGHT_PX: Final = 1280
_TOP_PX = 190
_CAMERA_PX = 84
_FOOT_PX = 60
_GAP_PX = 12
_ID_PX = 212

# Palette of Okabe and Ito (as BGR), which colour-blind people can tell apart.
COLORS: Final[dict[str, Color]] = {
    "present": (233, 180, 86),
    "in": (178, 114, 0),
    "out": (0, 159, 230),
    "attended": (115, 158, 0),
    "unattended": (0, 94, 213),
    "closed": (170, 170, 170),
    "after_hours": (135, 60, 160),
    "overstayed": (0, 94, 213),
    "crowded": (178, 114, 0),
    "dropped": (0, 94, 213),
    "blind": (60, 60, 60),
    "down": (150, 150, 150),
    "hours": (215, 245, 255),
}
# What is told of a rule while something lasts; marks of these have a place above its row.
_SAID = ("after_hours", "overstayed", "crowded")
_INK, _PALE, _GRID, _WHITE = (30, 30, 30), (110, 110, 110), (225, 225, 225), (255, 255, 255)

_TICKS_S = (1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200)
_MINUTE_S = 60
_MOST_TICKS = 13
_HOUR_S, _DAY_S = 3600, 86_400


def chart(of: Timeline, place: str, zone: ZoneInfo, periods: Sequence[tuple[datetime, datetime]]) -> Image:
    """Draw a timeline, in the reader's language.

    Args:
        of: the timeline.
        place: name of the place, for the title.
        zone: time zone of the axis.
        periods: working hours, in UTC.
    """
    rows = sum(_row_kind(row).height_px for row in of.rows)
    bottom = _TOP_PX + _CAMERA_PX + max(rows, 100)
    board = Board(np.full((bottom + _FOOT_PX, WIDTH_PX, 3), 255, np.uint8), of, zone, bottom)
    board.title(place)
    board.hours(periods)
    board.axis()
    top = _TOP_PX + _CAMERA_PX
    for row in of.rows:
        height_px = _row_kind(row).height_px
        board.row(row, top, top + height_px)
        top += height_px
    board.camera()
    shown = {*(span.label for row in of.rows for span in row.spans)}
    shown |= {mark.label for row in of.rows for mark in row.marks} | {mark.label for mark in of.marks}
    shown |= {name for row in of.rows for name in _row_kind(row).legend}
    shown |= {name for name, there in (("blind", of.blind), ("down", of.down), ("hours", periods)) if there}
    if not (of.blind or of.down or of.marks or any(row.spans or row.marks for row in of.rows)):
        board.write_in_the_middle(_word("nothing"))
    return np.vstack([board.canvas, _legend([name for name in COLORS if name in shown])])


def time_px(of: Timeline, at: datetime) -> int:
    """The column of a moment."""
    return round(LEFT_PX + (RIGHT_PX - LEFT_PX) * ((at - of.begin) / (of.end - of.begin)))


@dataclass(frozen=True, slots=True)
class Board:
    """A canvas with a time axis; `bottom` is where the rows end."""

    canvas: Image
    of: Timeline
    zone: ZoneInfo
    bottom: int

    def title(self, place: str) -> None:
        """Write what it is of."""
        local = self.of.begin.astimezone(self.zone)
        language = reader_language()
        date = local.strftime(language.pgettext("strftime", "%Y-%m-%d"))
        day = f"{language.gettext(DAY_NAMES[local.weekday()])}, {date}"
        write(self.canvas, fitted(place, 50, WIDTH_PX - 80), (40, 70), 50, _INK)
        write(self.canvas, f"{day}   {self.zone.key}", (40, 122), 34, _PALE)

    def hours(self, periods: Sequence[tuple[datetime, datetime]]) -> None:
        """Colour the working hours."""
        for begin, end in periods:
            left, right = (time_px(self.of, min(max(at, self.of.begin), self.of.end)) for at in (begin, end))
            self.canvas[_TOP_PX : self.bottom, left:right] = COLORS["hours"]

    def axis(self) -> None:
        """Draw the axis and its labels."""
        for at, label in _ticks(self.of, self.zone):
            x = time_px(self.of, at)
            cv2.line(self.canvas, (x, _TOP_PX), (x, self.bottom), _GRID, 2 if label else 1)
            for y in (_TOP_PX - 14, self.bottom + 38):
                write(self.canvas, label, (x - width_px(label, 28) / 2, y), 28, _INK)

    def row(self, row: TimelineRow, top: int, bottom: int) -> None:
        """Draw the row of a rule."""
        cv2.line(self.canvas, (40, top), (WIDTH_PX - 40, top), _GRID, 2)
        size_px = 34 if width_px(row.rule, 34) <= _ID_PX else 24
        for place, part in enumerate(in_lines(row.rule, size_px, _ID_PX, 2), 1):
            write(self.canvas, part, (40, top + 10 + place * (size_px + 4)), size_px, _INK)
        write(self.canvas, kind_name(row.kind), (40, top + 96), 26, _PALE)
        _row_kind(row).draw(self, row, top + _GAP_PX, bottom - _GAP_PX)
        said = [(label, [mark for mark in row.marks if mark.label == label]) for label in _SAID]
        for label, marks in said:
            for mark in marks:
                _diamond(self.canvas, time_px(self.of, mark.at), top + 20, COLORS[label])
        counts = ", ".join(f"{len(marks)} {_word(label)}" for label, marks in said if marks)
        if counts:
            ink = next(COLORS[label] for label, marks in said if marks)
            text = fitted(counts, 24, WIDTH_PX - RIGHT_PX - 34)
            write(self.canvas, text, (RIGHT_PX + 24, bottom - 14), 24, ink)

    def zone_row(self, row: TimelineRow, top: int, bottom: int) -> None:
        """Draw how many were there."""
        counts = steps(row.spans)
        most = max((count for _, count in counts), default=0)
        levels = np.zeros(RIGHT_PX - LEFT_PX, int)
        for (begin, count), (end, _) in pairwise(counts):
            left, right = (time_px(self.of, at) - LEFT_PX for at in (begin, end))
            # Two px at the least, however short.
            part = levels[min(left, levels.size - 2) : max(right, left + 2)]
            np.maximum(part, count, out=part)
        every = next(n * 10**tens for tens in range(99) for n in (1, 2, 5) if n * 10**tens * 4 >= most)
        for count in range(every, most + 1, every):
            y = bottom - round((bottom - top) * count / most)
            cv2.line(self.canvas, (LEFT_PX, y), (RIGHT_PX, y), _GRID, 1)
            write(self.canvas, str(count), (LEFT_PX - 10 - width_px(str(count), 22), y + 8), 22, _PALE)
        heights = np.rint((bottom - top) * levels / max(most, 1)).astype(int)
        ink = np.arange(bottom - top)[::-1, None] < heights
        self.canvas[top:bottom, LEFT_PX:RIGHT_PX][ink] = COLORS["present"]
        self._totals(
            top,
            (_word("visits").format(number=len(row.spans)), _INK),
            (_word("most").format(number=most), _PALE),
            (_word("in all").format(time=_duration(row.seconds())), _PALE),
        )

    def counter_row(self, row: TimelineRow, top: int, bottom: int) -> None:
        """Draw the modes as bars."""
        for span in row.spans:
            left, right = self._columns(span)
            # Different heights as well as colours.
            inset = {"attended": 18, "unattended": 6}.get(span.label, (bottom - top) // 2 - 8)
            self.canvas[top + inset : bottom - inset, left:right] = COLORS.get(span.label, _PALE)
        names = ("attended", "unattended")
        self._totals(
            top, *((f"{_word(name)} {_duration(row.seconds(name))}", COLORS[name]) for name in names)
        )

    def line_row(self, row: TimelineRow, top: int, bottom: int) -> None:
        """Draw a stroke for each crossing."""
        middle = (top + bottom) // 2
        cv2.line(self.canvas, (LEFT_PX, middle), (RIGHT_PX, middle), _PALE, 1)
        for direction, way in (("in", -1), ("out", 1)):
            columns = [time_px(self.of, mark.at) // 3 * 3 for mark in row.marks if mark.label == direction]
            for x in set(columns):
                # Longer where there are several within one stroke.
                length = min(24 + 8 * columns.count(x), (bottom - top) // 2)
                ends = sorted((middle + way * 3, middle + way * length))
                self.canvas[ends[0] : ends[1], x : x + 3] = COLORS[direction]
        names = ("in", "out")
        self._totals(top, *((f"{_word(name)} {row.number_of(name)}", COLORS[name]) for name in names))

    def plain_row(self, row: TimelineRow, top: int, bottom: int) -> None:
        """Draw spans as bars, marks as diamonds, and how long each kind of span is."""
        for span in row.spans:
            left, right = self._columns(span)
            self.canvas[top + 12 : bottom - 12, left:right] = COLORS.get(span.label, COLORS["present"])
        for mark in (mark for mark in row.marks if mark.label not in _SAID):
            _diamond(self.canvas, time_px(self.of, mark.at), (top + bottom) // 2, _INK)
        labels = sorted({span.label for span in row.spans})
        texts = (f"{_word(label)} {_duration(row.seconds(label))}".strip() for label in labels)
        self._totals(top, *((text, _PALE) for text in texts))

    def camera(self) -> None:
        """Times without visibility: their causes in a row of their own, hatched over the others."""
        top = _TOP_PX + 8
        write(self.canvas, _word("camera"), (40, top + 26), 26, _PALE)
        for kind, slope, spans in (("down", -1, self.of.down), ("blind", 1, self.of.blind)):
            for span in spans:
                left, right = self._columns(span)
                self.canvas[top : top + 36, left:right] = COLORS[kind]
                _hatch(self.canvas[_TOP_PX + _CAMERA_PX : self.bottom, left:right], slope, COLORS[kind])
        free = 0
        for span in sorted((*self.of.down, *self.of.blind)):
            left, right = self._columns(span)
            label = _word(span.label)
            width = width_px(label, 24)
            if width + 12 < right - left:
                write(self.canvas, label, (left + 8, top + 27), 24, _WHITE)
            elif (x := min(left, RIGHT_PX - width)) >= free:
                write(self.canvas, label, (x, top + 64), 24, _INK)
                free = x + width + 10
        for mark in self.of.marks:
            _diamond(self.canvas, time_px(self.of, mark.at), top + 18, COLORS["dropped"])
        if self.of.begin < self.of.now < self.of.end:
            # A little later, so that it does not hide what was just now.
            x = time_px(self.of, self.of.now) + 5
            cv2.line(self.canvas, (x, _TOP_PX), (x, self.bottom), _INK, 2)

    def write_in_the_middle(self, text: str) -> None:
        """Write a text over all rows."""
        x = (LEFT_PX + RIGHT_PX - width_px(text, 40)) / 2
        write(self.canvas, text, (x, (_TOP_PX + _CAMERA_PX + self.bottom) / 2 + 14), 40, _PALE)

    def _columns(self, span: TimelineSpan) -> tuple[int, int]:
        """First column of a span and the one after its last, at least three px wide."""
        left = min(time_px(self.of, span.begin), RIGHT_PX - 3)
        return left, max(time_px(self.of, span.end), left + 3)

    def _totals(self, top: int, *lines: tuple[str, Color]) -> None:
        for place, (text, color) in enumerate(lines):
            # Darker than the bars: in thin letters the same colour looks too pale.
            ink = int(0.75 * color[0]), int(0.75 * color[1]), int(0.75 * color[2])
            short = fitted(text, 24, WIDTH_PX - RIGHT_PX - 34)
            write(self.canvas, short, (RIGHT_PX + 24, top + 26 + 32 * place), 24, ink)


@dataclass(frozen=True, slots=True)
class ChartRow:
    """How the row of a kind of rule is drawn.

    Attributes:
        kind_id: of the kind.
        height_px: of the row.
        draw: called with the board, the row, and its top and bottom, px.
        legend: names of colours that are in it in any case.
    """

    kind_id: str
    height_px: int
    draw: Callable[[Board, TimelineRow, int, int], None]
    legend: tuple[str, ...] = ()


CHART_ROWS: Final = Registry(
    lambda kind: kind.kind_id,
    (
        ChartRow("counter", 110, Board.counter_row),
        ChartRow("zone", 150, Board.zone_row, ("present",)),
        ChartRow("line", 130, Board.line_row),
    ),
)
"""Of kinds that need more than bars and marks."""


def _row_kind(row: TimelineRow) -> ChartRow:
    return CHART_ROWS.get(row.kind) or ChartRow(row.kind, 110, Board.plain_row)


def _ticks(of: Timeline, zone: ZoneInfo) -> Iterator[tuple[datetime, str]]:
    """Moments for the axis, at round local times, some with a label."""
    length_s = (of.end - of.begin).total_seconds()
    # Labels with seconds take the room of two.
    most = {s: _MOST_TICKS if s >= _MINUTE_S else _MOST_TICKS / 2 for s in _TICKS_S}
    every_s = next((s for s in _TICKS_S if length_s / s <= most[s]), _TICKS_S[-1])
    form = "%H" if every_s >= _HOUR_S else "%H:%M" if every_s >= _MINUTE_S else "%H:%M:%S"
    # Offsets from UTC are multiples of a quarter of an hour, so quarters in UTC are quarters locally.
    step_s = min(every_s // 2 or 1, 900)
    at = datetime.fromtimestamp(-(-of.begin.timestamp() // step_s) * step_s, UTC)
    while at <= of.end:
        local = at.astimezone(zone)
        of_day_s = local.hour * _HOUR_S + local.minute * 60 + local.second
        if of_day_s % every_s == 0:
            last = at == of.end and not of_day_s and length_s > _DAY_S / 2
            yield at, "24" if last else f"{local:{form}}"
        elif of_day_s % (every_s // 2 or 1) == 0:
            yield at, ""
        at += timedelta(seconds=step_s)


def _hatch(part: Image, slope: int, color: Color) -> None:
    """Diagonal strokes over a part of the picture, every sixteenth px."""
    y, x = np.indices(part.shape[:2])
    part[(x + slope * y) % 16 // 4 == 0] = color


def _diamond(canvas: Image, x: int, y: int, color: Color) -> None:
    corners = np.array([(x, y - 11), (x + 9, y), (x, y + 11), (x - 9, y)], np.int32)
    cv2.fillConvexPoly(canvas, corners, color, cv2.LINE_AA)


def _legend(names: Sequence[str]) -> Image:
    """Legend of the colours, in as many lines as it takes."""
    x, y, places = 40, 20, []
    for name in names:
        width = 60 + width_px(_word(name), 28) + 36
        if x + width > WIDTH_PX:
            x, y = 40, y + 52
        places.append((name, x, y))
        x += width
    canvas = np.full((y + 70, WIDTH_PX, 3), 255, np.uint8)
    for name, left, top in places:
        if name in {"after_hours", "dropped"}:
            _diamond(canvas, left + 22, top + 15, COLORS[name])
        elif name in {"blind", "down"}:
            _hatch(canvas[top : top + 30, left : left + 44], 1 if name == "blind" else -1, COLORS[name])
        else:
            canvas[top : top + 30, left : left + 44] = COLORS[name]
        write(canvas, _word(name), (left + 56, top + 25), 28, _INK)
    return canvas


def _word(name: str) -> str:
    """Word in the reader's language; an unknown name of a later version stays as it is."""
    return reader_language().pgettext("chart", CHART_WORDS[name]) if name in CHART_WORDS else name


def _duration(seconds: float) -> str:
    language = reader_language()
    if seconds < 60:  # noqa: PLR2004
        return language.pgettext("duration", "{seconds} s").format(seconds=f"{seconds:.0f}")
    minutes = round(seconds / 60)
    if minutes < 60:  # noqa: PLR2004
        return language.pgettext("duration", "{minutes} min").format(minutes=minutes)
    text = language.pgettext("duration", "{hours} h {minutes}")
    return text.format(hours=minutes // 60, minutes=f"{minutes % 60:02d}")
