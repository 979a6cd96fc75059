"""Local working time: which instants are in working hours, and where local days start and end. Pure."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import tzinfo

# A change of `open` is looked for in so many days before and after: longer than any holidays.
_SEARCH_DAYS = 40
# A night shift reaches into the next day, and into the one after it where a zone left out a whole day.
_REACH_DAYS = 2
_DAY_MIN = 24 * 60
_SECOND = timedelta(seconds=1)
_FIRST = datetime.min.replace(tzinfo=UTC)
_LAST = datetime.max.replace(tzinfo=UTC)
_FIRST_DAY, _LAST_DAY = date.min.toordinal(), date.max.toordinal()
_NO_SWAPS: Mapping[date, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Period:
    """One working period of one day.

    Attributes:
        start: in UTC.
        end: in UTC, after `start`.
        local: both as the configuration has them, such as ("07:30", "11:30"); an end may be "24:00".
    """

    start: datetime
    end: datetime
    local: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time that is wholly worked or wholly not.

    Attributes:
        open: whether it is worked.
        start: in UTC; None: further back than the search goes.
        end: in UTC, excluded; None: further ahead than the search goes.
    """

    open: bool
    start: datetime | None
    end: datetime | None


_ALWAYS = Span(open=True, start=None, end=None)


def _never(_: date) -> bool:
    return False


class WorkingTime:
    """Working periods of each local day, as the week, the holidays and the decreed swaps have them.

    A period belongs to the day on which it starts: a night shift goes on into a day off, and a day off
    has no night shift into the day after it.

    Clocks that are set forward or back (RFC 5545, 3.3.5): a local time that is left out is read with the
    offset from before the gap, 02:30 as 03:30; of one that is there twice the first counts. A period that
    ends before it starts by that reading is left out. A day starts with its first instant, at 01:00 where
    there is no midnight; a date that a zone left out altogether has no length and no periods.
    """

    always_open: bool
    """There are no weekly hours at all: open for ever, nothing is after hours."""

    def __init__(
        self,
        zone: tzinfo,
        weekly: Mapping[int, Sequence[tuple[int, int]]],
        is_holiday: Callable[[date], bool] = _never,
        like: Mapping[date, int] = _NO_SWAPS,
    ) -> None:
        """Take the hours of a week and the days that differ.

        Args:
            zone: where it is.
            weekly: for each day of the week (0: Monday) its periods, in minutes after local midnight,
                0–1440; an end before its start is on the next day.
            is_holiday: whether a date is a day off.
            like: dates that are worked, or not, like this day of the week; they win over holidays.
        """
        self._zone = zone
        self._weekly = {day: tuple(sorted(periods)) for day, periods in weekly.items()}
        self._is_holiday = is_holiday
        self._like = dict(like)
        self.always_open = not any(self._weekly.values())
        # What was last asked for, with the instants from and up to which it holds.
        self._span = (_LAST, _FIRST, _ALWAYS)
        self._today = (_LAST, _FIRST, date.min)

    def date_of(self, utc: datetime) -> date:
        """The local date of an instant: that of the one `day` that it is in."""
        start, end, day = self._today
        if start <= utc < end:
            return day
        number = self._local_day(utc)
        # Not the clock's date for the hour in which a clock set back at 00:01 shows yesterday again.
        while utc >= self._midnight(number + 1) and number < _LAST_DAY:
            number += 1
        day = date.fromordinal(number)
        self._today = *self.day(day), day
        return day

    def day(self, day: date) -> tuple[datetime, datetime]:
        """Where a local day starts and ends, in UTC; mostly 24 h, 23–25 where clocks are set."""
        number = day.toordinal()
        return self._midnight(number), self._midnight(number + 1)

    def periods(self, day: date) -> tuple[Period, ...]:
        """The working periods that overlap a local day, in order; none where it is always open."""
        number = day.toordinal()
        start, end = self.day(day)
        found = (
            period
            for first in range(number - _REACH_DAYS, number + 1)
            for period in self._starting(first)
            if period.start < end and start < period.end
        )
        return tuple(sorted(found, key=lambda period: period.start))

    def span(self, utc: datetime) -> Span:
        """The stretch around an instant; periods that adjoin or overlap are one stretch.

        It is cheap to ask again within the same stretch.
        """
        start, end, span = self._span
        if start <= utc < end:
            return span
        if self.always_open:
            return _ALWAYS
        span = self._search(utc)
        # An end out of sight may come into sight tomorrow.
        today, tomorrow = self.day(self.date_of(utc))
        self._span = (span.start or today, span.end or tomorrow, span)
        return span

    def goes_on(self, before: WorkingTime, utc: datetime) -> bool:
        """Whether an instant is in the same stretch by these hours as by other ones."""
        return self.always_open == before.always_open and self.span(utc) == before.span(utc)

    def _search(self, utc: datetime) -> Span:
        today = self.date_of(utc).toordinal()
        first, last = max(today - _SEARCH_DAYS, _FIRST_DAY), min(today + _SEARCH_DAYS, _LAST_DAY)
        low, high = self._midnight(first), self._midnight(last + 1)
        # Where it opens and closes in turn; a change at the search's own edge is none.
        changes: list[datetime] = []
        for period in sorted(
            (period for day in range(first - _REACH_DAYS, last + 1) for period in self._starting(day)),
            key=lambda period: period.start,
        ):
            if changes and period.start <= changes[-1]:
                changes[-1] = max(changes[-1], period.end)
            else:
                changes += period.start, period.end
        after = bisect_right(changes, utc)
        start = changes[after - 1] if after > 0 else None
        end = changes[after] if after < len(changes) else None
        return Span(
            open=after % 2 == 1,
            start=start if start is not None and low < start else None,
            end=end if end is not None and end < high else None,
        )

    def _starting(self, number: int) -> Iterator[Period]:
        """The periods that start on a day, given by its number."""
        if not _FIRST_DAY <= number <= _LAST_DAY:
            return
        day = date.fromordinal(number)
        weekday = self._like.get(day)
        if weekday is None:
            if self._is_holiday(day):
                return
            weekday = day.weekday()
        asked = self._weekly.get(weekday, ())
        if not asked or self._midnight(number) == self._midnight(number + 1):
            return
        for start_min, end_min in asked:
            start = self._instant(number, start_min)
            end = self._instant(number + (end_min < start_min), end_min)
            if start < end:
                yield Period(start, end, (_clock(start_min), _clock(end_min)))

    def _instant(self, number: int, minutes: int) -> datetime:
        """When it is so many minutes after midnight by the clock on the wall."""
        days, rest = divmod(minutes, _DAY_MIN)
        if rest == 0 or not _FIRST_DAY <= number <= _LAST_DAY:
            return self._midnight(number + days)
        return self._utc(datetime.fromordinal(number) + timedelta(minutes=rest))

    def _midnight(self, number: int) -> datetime:
        """The first instant of a day, given by its number; days beyond the calendar end where it ends."""
        if number <= _FIRST_DAY:
            return _FIRST
        if number > _LAST_DAY:
            return _LAST
        midnight = datetime.fromordinal(number)
        start = self._utc(midnight)
        if start in {_FIRST, _LAST} or start.astimezone(self._zone).replace(tzinfo=None) == midnight:
            return start
        # The clock jumps over midnight somewhere between these two.
        before = self._utc(midnight.replace(fold=1))
        seconds = range((start - before) // _SECOND)
        return before + _SECOND * bisect_left(
            seconds, number, key=lambda second: self._local_day(before + _SECOND * second)
        )

    def _utc(self, local: datetime) -> datetime:
        try:
            return local.replace(tzinfo=self._zone).astimezone(UTC)
        except OverflowError:
            return _FIRST if local.year == date.min.year else _LAST

    def _local_day(self, utc: datetime) -> int:
        try:
            return utc.astimezone(self._zone).toordinal()
        except OverflowError:
            return utc.toordinal()


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"
