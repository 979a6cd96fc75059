"""Local working time: the week, days that differ, clocks that are set."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from agent.presence.hours import Period, Span, WorkingTime

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    Week = Mapping[int, Sequence[tuple[int, int]]]

VIETNAM = "Asia/Ho_Chi_Minh"
NEW_YORK = "America/New_York"
BERLIN = "Europe/Berlin"
LORD_HOWE = "Australia/Lord_Howe"
SAO_PAULO = "America/Sao_Paulo"
ST_JOHNS = "America/St_Johns"
TORONTO = "America/Toronto"
APIA = "Pacific/Apia"
MON, TUE, WED, THU, FRI, SAT, SUN = range(7)


def minutes(*clocks: str) -> list[tuple[int, int]]:
    """Periods such as 07:30-11:30, as the configuration holds them."""
    pairs = (clock.split("-") for clock in clocks)
    return [(_minutes(start), _minutes(end)) for start, end in pairs]


def _minutes(clock: str) -> int:
    hour, minute = clock.split(":")
    return int(hour) * 60 + int(minute)


OFFICE = minutes("07:30-11:30", "13:30-17:00")
WEEK: Week = dict.fromkeys(range(5), OFFICE)
NIGHTS = minutes("22:00-06:00")
WHOLE = minutes("00:00-24:00")


def at(text: str) -> datetime:
    """An instant from local time with its offset; +07:00 where none is given."""
    moment = datetime.fromisoformat(text if text[-6] in "+-" else f"{text}+07:00")
    return moment.astimezone(UTC)


def working(
    week: Week = WEEK,
    off: Iterable[str] = (),
    like: Mapping[str, int] | None = None,
    zone: str = VIETNAM,
) -> WorkingTime:
    days_off = frozenset(map(date.fromisoformat, off))
    swaps = {date.fromisoformat(day): weekday for day, weekday in (like or {}).items()}
    return WorkingTime(ZoneInfo(zone), week, days_off.__contains__, swaps)


# 2026-01-05 is a Monday. Lunar new year of 2026 is 17 February, a Tuesday.
TET = [f"2026-02-{day}" for day in range(16, 21)]


@pytest.mark.parametrize(
    ("hours", "asked", "is_open", "start", "end"),
    [
        # The ordinary week.
        pytest.param(
            working(), "2026-01-06T07:29:59", False, "2026-01-05T17:00", "2026-01-06T07:30",
            id="early",
        ),
        pytest.param(working(), "2026-01-06T07:30", True, "2026-01-06T07:30", "2026-01-06T11:30", id="first"),
        pytest.param(
            working(), "2026-01-06T11:30", False, "2026-01-06T11:30", "2026-01-06T13:30",
            id="lunch",
        ),
        pytest.param(
            working(), "2026-01-06T16:59:59", True, "2026-01-06T13:30", "2026-01-06T17:00",
            id="last",
        ),
        pytest.param(
            working(), "2026-01-10T12:00", False, "2026-01-09T17:00", "2026-01-12T07:30",
            id="sunday",
        ),
        # The same instant is Sunday in UTC and Monday in Vietnam.
        pytest.param(
            working({MON: minutes("00:00-02:00")}),
            "2026-01-04T18:30+00:00", True, "2026-01-05T00:00", "2026-01-05T02:00", id="day-is-local",
        ),
        # Several sets of days.
        pytest.param(
            working({**WEEK, SAT: minutes("08:00-12:00")}),
            "2026-01-10T11:00", True, "2026-01-10T08:00", "2026-01-10T12:00", id="saturday-morning",
        ),
        # Periods that adjoin are one stretch, also across midnight.
        pytest.param(
            working({MON: minutes("12:00-16:00", "08:00-12:00")}),
            "2026-01-05T12:00", True, "2026-01-05T08:00", "2026-01-05T16:00", id="adjoining",
        ),
        pytest.param(
            working({MON: minutes("18:00-24:00"), TUE: minutes("00:00-06:00")}),
            "2026-01-06T00:00", True, "2026-01-05T18:00", "2026-01-06T06:00", id="adjoining-at-midnight",
        ),
        pytest.param(
            working({MON: minutes("18:00-00:00"), TUE: minutes("00:00-06:00")}),
            "2026-01-05T20:00", True, "2026-01-05T18:00", "2026-01-06T06:00", id="ends-at-00:00",
        ),
        # Night shifts belong to the day on which they start.
        pytest.param(
            working({FRI: NIGHTS}), "2026-01-10T05:59", True, "2026-01-09T22:00", "2026-01-10T06:00",
            id="night",
        ),
        pytest.param(
            working({FRI: NIGHTS}), "2026-01-09T05:00", False, "2026-01-03T06:00", "2026-01-09T22:00",
            id="no-night-before",
        ),
        pytest.param(
            working(dict.fromkeys(range(7), NIGHTS), off=["2026-01-07"]),
            "2026-01-07T03:00", True, "2026-01-06T22:00", "2026-01-07T06:00", id="night-into-a-day-off",
        ),
        pytest.param(
            working(dict.fromkeys(range(7), NIGHTS), off=["2026-01-07"]),
            "2026-01-08T03:00", False, "2026-01-07T06:00", "2026-01-08T22:00", id="night-of-a-day-off",
        ),
        # Days off.
        pytest.param(
            working(off=["2026-01-07"]), "2026-01-07T09:00", False, "2026-01-06T17:00", "2026-01-08T07:30",
            id="holiday",
        ),
        pytest.param(
            working(off=TET), "2026-02-18T09:00", False, "2026-02-13T17:00", "2026-02-23T07:30",
            id="tet-nine-days-with-weekends",
        ),
        # Decreed swaps: Saturday 22 August 2026 was worked for Monday 31 August.
        pytest.param(
            working(off=["2026-08-31"], like={"2026-08-22": MON}),
            "2026-08-22T09:00", True, "2026-08-22T07:30", "2026-08-22T11:30", id="swapped-saturday",
        ),
        pytest.param(
            working(like={"2026-08-22": MON, "2026-08-31": SAT}),
            "2026-08-31T09:00", False, "2026-08-28T17:00", "2026-09-01T07:30", id="like-a-day-off",
        ),
        pytest.param(
            working(off=TET, like={"2026-02-20": TUE}),
            "2026-02-20T09:00", True, "2026-02-20T07:30", "2026-02-20T11:30", id="swap-wins-over-holiday",
        ),
        # As Friday, whose hours are shorter, on a Monday.
        pytest.param(
            working({MON: OFFICE, FRI: minutes("08:00-10:00")}, like={"2026-01-05": FRI}),
            "2026-01-05T09:00", True, "2026-01-05T08:00", "2026-01-05T10:00", id="hours-of-the-other-day",
        ),
        # A swap may let a night shift run into a period that starts before the night ends.
        pytest.param(
            working({SUN: NIGHTS, WED: minutes("05:00-09:00")}, like={"2026-01-05": WED}),
            "2026-01-05T05:30", True, "2026-01-04T22:00", "2026-01-05T09:00", id="overlapping-by-a-swap",
        ),
        # A short period within a long one ends nothing.
        pytest.param(
            working({MON: minutes("06:00-18:00", "08:00-09:00")}),
            "2026-01-05T12:00", True, "2026-01-05T06:00", "2026-01-05T18:00", id="one-within-the-other",
        ),
    ],
)  # fmt: skip
def test_span(hours: WorkingTime, asked: str, is_open: bool, start: str, end: str) -> None:
    assert hours.span(at(asked)) == Span(is_open, at(start), at(end))


@pytest.mark.parametrize("week", [{}, {MON: []}, dict.fromkeys(range(7), ())])
def test_without_hours_always_open(week: Week) -> None:
    hours = working(week, off=TET)
    assert hours.always_open
    for asked in ("0001-01-01T00:00+00:00", "2026-02-18T03:00", "9999-12-31T23:59+00:00"):
        assert hours.span(at(asked)) == Span(open=True, start=None, end=None)
    assert hours.periods(date(2026, 1, 5)) == ()
    assert hours.date_of(at("2026-01-05T23:59")) == date(2026, 1, 5)


def test_round_the_clock_is_not_always_open() -> None:
    hours = working(dict.fromkeys(range(7), WHOLE), off=["2026-06-15"])
    assert not hours.always_open
    assert hours.span(at("2026-01-05T12:00")) == Span(open=True, start=None, end=None)
    assert hours.span(at("2026-06-10T12:00")) == Span(open=True, start=None, end=at("2026-06-15T00:00"))
    assert hours.span(at("2026-06-15T12:00")).open is False
    assert hours.span(at("2026-06-20T12:00")) == Span(open=True, start=at("2026-06-16T00:00"), end=None)


def test_no_work_for_months() -> None:
    """The search ends; what comes into sight later is found then, though the stretch is the same."""
    closed = [f"{date(2026, 3, 2) + timedelta(days=n)}" for n in range(100)]
    hours = working(off=closed)
    opens, closes = at("2026-06-10T07:30"), at("2026-02-27T17:00")
    found = {}
    for day in range(100):
        asked = at("2026-03-02T12:00") + timedelta(days=day)
        span = hours.span(asked)
        assert not span.open
        assert span.start in {None, closes}
        assert span.end in {None, opens}
        found[day] = span.start is not None, span.end is not None
        assert hours.span(asked + timedelta(hours=1)) == span
    assert found[0] == (True, False)
    assert found[50] == (False, False)
    assert found[99] == (False, True)
    assert found[62] == (False, True)


@pytest.mark.parametrize(
    ("hours", "day", "expected"),
    [
        pytest.param(
            working(),
            "2026-01-05",
            [("2026-01-05T07:30", "2026-01-05T11:30", "07:30", "11:30"),
             ("2026-01-05T13:30", "2026-01-05T17:00", "13:30", "17:00")],
            id="office",
        ),
        pytest.param(working(), "2026-01-10", [], id="saturday"),
        pytest.param(working(off=TET), "2026-02-17", [], id="tet"),
        # Written in any order, told in the order of the day.
        pytest.param(
            working({MON: minutes("13:00-14:00", "08:00-09:00")}),
            "2026-01-05",
            [("2026-01-05T08:00", "2026-01-05T09:00", "08:00", "09:00"),
             ("2026-01-05T13:00", "2026-01-05T14:00", "13:00", "14:00")],
            id="order",
        ),
        pytest.param(
            working({MON: minutes("18:00-24:00")}),
            "2026-01-05",
            [("2026-01-05T18:00", "2026-01-06T00:00", "18:00", "24:00")],
            id="until-24:00",
        ),
        # What ends at midnight is not on the next day.
        pytest.param(working({MON: minutes("18:00-24:00")}), "2026-01-06", [], id="after-24:00"),
        pytest.param(working({MON: minutes("18:00-00:00")}), "2026-01-06", [], id="after-00:00"),
        pytest.param(
            working({MON: NIGHTS, TUE: [*OFFICE, *NIGHTS]}),
            "2026-01-06",
            [("2026-01-05T22:00", "2026-01-06T06:00", "22:00", "06:00"),
             ("2026-01-06T07:30", "2026-01-06T11:30", "07:30", "11:30"),
             ("2026-01-06T13:30", "2026-01-06T17:00", "13:30", "17:00"),
             ("2026-01-06T22:00", "2026-01-07T06:00", "22:00", "06:00")],
            id="both-nights-of-a-day",
        ),
        pytest.param(
            working({MON: NIGHTS}, off=["2026-01-06"]),
            "2026-01-06",
            [("2026-01-05T22:00", "2026-01-06T06:00", "22:00", "06:00")],
            id="night-into-a-day-off",
        ),
    ],
)  # fmt: skip
def test_periods(hours: WorkingTime, day: str, expected: list[tuple[str, str, str, str]]) -> None:
    assert hours.periods(date.fromisoformat(day)) == tuple(
        Period(at(start), at(end), (first, last)) for start, end, first, last in expected
    )


# No government can change these days any more: they are past for every tzdata of Debian 12 or 13.
@pytest.mark.parametrize(
    ("zone", "day", "start", "length_h"),
    [
        pytest.param(VIETNAM, "2026-01-05", "2026-01-05T00:00+07:00", 24, id="no-daylight-saving"),
        pytest.param(NEW_YORK, "2023-03-11", "2023-03-11T00:00-05:00", 24, id="before"),
        pytest.param(NEW_YORK, "2023-03-12", "2023-03-12T00:00-05:00", 23, id="new-york-forward"),
        pytest.param(NEW_YORK, "2023-11-05", "2023-11-05T00:00-04:00", 25, id="new-york-back"),
        pytest.param(BERLIN, "2023-03-26", "2023-03-26T00:00+01:00", 23, id="berlin-forward"),
        pytest.param(BERLIN, "2023-10-29", "2023-10-29T00:00+02:00", 25, id="berlin-back"),
        # Half an hour.
        pytest.param(LORD_HOWE, "2023-10-01", "2023-10-01T00:00+10:30", 23.5, id="lord-howe-forward"),
        pytest.param(LORD_HOWE, "2023-04-02", "2023-04-02T00:00+11:00", 24.5, id="lord-howe-back"),
        # 00:00 became 01:00: there is no midnight.
        pytest.param(SAO_PAULO, "2018-11-03", "2018-11-03T00:00-03:00", 24, id="sao-paulo-before"),
        pytest.param(SAO_PAULO, "2018-11-04", "2018-11-04T01:00-02:00", 23, id="sao-paulo-no-midnight"),
        pytest.param("Asia/Beirut", "2022-03-27", "2022-03-27T01:00+03:00", 23, id="beirut-no-midnight"),
        # 24:00 became 23:00 of the same day.
        pytest.param("Asia/Beirut", "2022-10-29", "2022-10-29T00:00+03:00", 25, id="beirut-back"),
        # 01:00 became 00:00: midnight is there twice.
        pytest.param("America/Havana", "2023-11-05", "2023-11-05T00:00-04:00", 25, id="havana-two-midnights"),
        # 00:01 became 23:01 of the day before.
        pytest.param(ST_JOHNS, "2006-10-28", "2006-10-28T00:00-02:30", 24, id="st-johns-before"),
        pytest.param(ST_JOHNS, "2006-10-29", "2006-10-29T00:00-02:30", 25, id="st-johns-back"),
        # 23:30 became 00:30: midnight lies within the gap, the day begins after it.
        pytest.param(TORONTO, "1919-03-30", "1919-03-30T00:00-05:00", 23.5, id="toronto-before"),
        pytest.param(TORONTO, "1919-03-31", "1919-03-31T00:30-04:00", 23.5, id="toronto-over-midnight"),
        # Samoa left out 30 December 2011.
        pytest.param(APIA, "2011-12-29", "2011-12-29T00:00-10:00", 24, id="apia-before"),
        pytest.param(APIA, "2011-12-30", "2011-12-31T00:00+14:00", 0, id="apia-left-out"),
        pytest.param(APIA, "2011-12-31", "2011-12-31T00:00+14:00", 24, id="apia-after"),
    ],
)  # fmt: skip
def test_day(zone: str, day: str, start: str, length_h: float) -> None:
    hours = working(zone=zone)
    found, end = hours.day(date.fromisoformat(day))
    assert found == at(start)
    assert end - found == timedelta(hours=length_h)
    if length_h:
        last = end - timedelta(microseconds=1)
        assert hours.date_of(found) == hours.date_of(last) == date.fromisoformat(day)


def test_date_of_clock_set_back_over_midnight() -> None:
    """In the hour in which the clock shows yesterday again it is today already: no day comes back."""
    hours = working(zone=ST_JOHNS)
    for text, day in (
        ("2006-10-28T23:59-02:30", 28), ("2006-10-29T00:00:30-02:30", 29), ("2006-10-28T23:30-03:30", 29),
        ("2006-10-29T00:00-03:30", 29),
    ):  # fmt: skip
        assert hours.date_of(at(text)) == date(2006, 10, day), text


@pytest.mark.parametrize(
    ("zone", "period", "day", "start", "end"),
    [
        # New York, 12 March 2023: 02:00 becomes 03:00. Left-out times are read with the offset before it.
        pytest.param(NEW_YORK, "02:30-05:00", "2023-03-12", "03:30-04:00", "05:00-04:00", id="start-in-gap"),
        pytest.param(NEW_YORK, "00:30-02:30", "2023-03-12", "00:30-05:00", "03:30-04:00", id="end-in-gap"),
        pytest.param(NEW_YORK, "02:10-02:40", "2023-03-12", "03:10-04:00", "03:40-04:00", id="within-gap"),
        pytest.param(NEW_YORK, "02:30-03:15", "2023-03-12", None, None, id="backwards-by-gap"),
        pytest.param(NEW_YORK, "02:30-03:30", "2023-03-12", None, None, id="empty-by-gap"),
        # 5 November 2023: 02:00 becomes 01:00. The first of two counts.
        pytest.param(NEW_YORK, "01:30-05:00", "2023-11-05", "01:30-04:00", "05:00-05:00", id="start-in-fold"),
        pytest.param(NEW_YORK, "00:30-01:30", "2023-11-05", "00:30-04:00", "01:30-04:00", id="end-in-fold"),
        pytest.param(NEW_YORK, "00:00-24:00", "2023-11-05", "00:00-04:00", "24:00-05:00", id="day-of-25-h"),
        pytest.param(BERLIN, "02:30-05:00", "2023-03-26", "03:30+02:00", "05:00+02:00", id="berlin-gap"),
        pytest.param(BERLIN, "02:30-05:00", "2023-10-29", "02:30+02:00", "05:00+01:00", id="berlin-fold"),
        # Lord Howe, 4 October 2026: 02:00 becomes 02:30; 5 April: 02:00 becomes 01:30.
        pytest.param(LORD_HOWE, "02:15-04:00", "2023-10-01", "02:45+11:00", "04:00+11:00", id="half-gap"),
        pytest.param(LORD_HOWE, "01:45-04:00", "2023-04-02", "01:45+11:00", "04:00+10:30", id="half-fold"),
        # São Paulo, 4 November 2018: 00:00 becomes 01:00.
        pytest.param(SAO_PAULO, "00:00-24:00", "2018-11-04", "01:00-02:00", "24:00-02:00", id="no-midnight"),
        pytest.param(SAO_PAULO, "00:30-06:00", "2018-11-04", "01:30-02:00", "06:00-02:00", id="after-it"),
        # Samoa, the day that never was.
        pytest.param(APIA, "08:00-17:00", "2011-12-30", None, None, id="left-out-day"),
    ],
)  # fmt: skip
def test_periods_clock_set(zone: str, period: str, day: str, start: str | None, end: str | None) -> None:
    hours = working(dict.fromkeys(range(7), minutes(period)), zone=zone)
    on = date.fromisoformat(day)
    if start is None or end is None:
        assert hours.periods(on) == ()
        return
    after = on + timedelta(days=end.startswith("24"))
    (found,) = hours.periods(on)
    assert found.start == at(f"{on}T{start}")
    assert found.end == at(f"{after}T{end.replace('24:', '00:')}")
    assert "-".join(found.local) == period
    assert hours.span(found.start).open
    assert hours.span(found.end - timedelta(seconds=1)).open


def test_periods_of_a_day_left_out_are_on_no_other_day() -> None:
    """Samoa's 30 December 2011 would have been a Friday."""
    hours = working({THU: WHOLE, FRI: OFFICE}, zone=APIA)
    assert hours.periods(date(2011, 12, 31)) == ()
    assert hours.span(at("2011-12-31T00:00+14:00")).start == at("2011-12-30T00:00-10:00")


def test_periods_stay_in_order_where_a_gap_moves_one() -> None:
    hours = working({SUN: minutes("02:30-02:50", "03:00-04:00")}, zone=NEW_YORK)
    assert [period.local[0] for period in hours.periods(date(2023, 3, 12))] == ["03:00", "02:30"]
    assert hours.span(at("2023-03-12T03:55-04:00")).start == at("2023-03-12T03:00-04:00")


@pytest.mark.parametrize(
    ("zone", "evening", "length_h"),
    [
        pytest.param(VIETNAM, "2023-03-11", 8, id="no-daylight-saving"),
        pytest.param(NEW_YORK, "2023-03-11", 7, id="forward"),
        pytest.param(NEW_YORK, "2023-11-04", 9, id="back"),
        pytest.param(LORD_HOWE, "2023-09-30", 7.5, id="half-an-hour-forward"),
        pytest.param(LORD_HOWE, "2023-04-01", 8.5, id="half-an-hour-back"),
        pytest.param(SAO_PAULO, "2018-11-03", 7, id="midnight-skipped"),
        # The morning of the day that Samoa left out.
        pytest.param(APIA, "2011-12-29", 8, id="into-a-day-left-out"),
    ],
)
def test_night_shift_clock_set(zone: str, evening: str, length_h: float) -> None:
    hours = working(dict.fromkeys(range(7), NIGHTS), zone=zone)
    *_, night = hours.periods(date.fromisoformat(evening))
    assert night.end - night.start == timedelta(hours=length_h)
    assert hours.span(night.end - timedelta(seconds=1)) == Span(True, night.start, night.end)
    assert night in hours.periods(hours.date_of(night.end - timedelta(seconds=1)))


@pytest.mark.parametrize(
    "week", [WEEK, {MON: NIGHTS}, dict.fromkeys(range(7), WHOLE)], ids=["office", "night", "round-the-clock"]
)
@pytest.mark.parametrize("zone", [VIETNAM, NEW_YORK, "Pacific/Kiritimati"])
def test_clock_steps_of_years(zone: str, week: Week) -> None:
    """What was asked before changes no answer, whichever way the clock steps."""
    hours = working(week, zone=zone)
    texts = (
        "2026-01-05T08:00", "1970-01-01T00:00+00:00", "2026-01-05T08:00", "2106-02-07T06:28:15+00:00",
        "2026-01-04T08:00", "0001-01-01T00:00+00:00", "2026-01-05T23:00", "9999-12-31T23:59:59.999999+00:00",
        "1970-01-01T00:00+00:00", "2026-01-05T11:30", "2025-01-05T08:00",
    )  # fmt: skip
    for text in texts:
        fresh = working(week, zone=zone)
        assert hours.span(at(text)) == fresh.span(at(text)), text
        assert hours.date_of(at(text)) == fresh.date_of(at(text)), text
        day = fresh.date_of(at(text))
        assert hours.periods(day) == fresh.periods(day), text


@pytest.mark.parametrize("zone", [VIETNAM, NEW_YORK, "UTC"])
def test_ends_of_the_calendar(zone: str) -> None:
    hours = working(dict.fromkeys(range(7), NIGHTS), zone=zone)
    for asked in (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)):
        span = hours.span(asked)
        assert span.start is None or span.start <= asked
        assert span.end is None or asked < span.end
        start, end = hours.day(hours.date_of(asked))
        assert start <= asked <= end
    for day in (date.min, date.max):
        assert hours.periods(day)


def test_span_again_asks_nobody() -> None:
    asked = []

    def is_holiday(day: date) -> bool:
        asked.append(day)
        return False

    hours = WorkingTime(ZoneInfo(VIETNAM), WEEK, is_holiday)
    hours.span(at("2026-01-05T08:00"))
    assert 0 < len(asked) < 100
    asked.clear()
    for minute in range(30, 270):
        assert hours.span(at("2026-01-05T07:00") + timedelta(minutes=minute)).open
    assert not asked
    assert not hours.span(at("2026-01-05T11:30")).open
    assert asked


# Hypothesis: odd zones, near the instants at which their clocks are set.
_PLACES = st.sampled_from([
    (VIETNAM, "2026-02-17T00:00+07:00"),
    (NEW_YORK, "2023-03-12T03:00-04:00"),
    (NEW_YORK, "2023-11-05T01:00-05:00"),
    (LORD_HOWE, "2023-04-02T01:30+10:30"),
    (SAO_PAULO, "2018-11-04T01:00-02:00"),
    (ST_JOHNS, "2006-10-28T23:01-03:30"),
    (TORONTO, "1919-03-31T00:30-04:00"),
    (APIA, "2011-12-31T00:00+14:00"),
])  # fmt: skip
_PERIODS = st.lists(
    st.tuples(st.integers(0, 1439), st.integers(0, 1440)).filter(lambda period: period[0] != period[1]),
    max_size=4,
)
_WEEKS = st.dictionaries(st.integers(0, 6), _PERIODS, max_size=7)
_MINUTES = st.integers(-4 * 1440, 4 * 1440)
_DAYS = st.integers(-6, 6)


@st.composite
def _calendars(draw: st.DrawFn) -> tuple[WorkingTime, WorkingTime, datetime]:
    """The same hours twice, and an instant near which much happens."""
    zone, text = draw(_PLACES)
    week = draw(_WEEKS)
    near = at(text).date()
    off = [f"{near + timedelta(days=n)}" for n in draw(st.sets(_DAYS))]
    like = {
        f"{near + timedelta(days=n)}": day
        for n, day in draw(st.dictionaries(_DAYS, st.integers(0, 6))).items()
    }
    asked = at(text) + timedelta(minutes=draw(_MINUTES))
    return working(week, off, like, zone), working(week, off, like, zone), asked


@given(_calendars())
def test_spans_adjoin(calendar: tuple[WorkingTime, WorkingTime, datetime]) -> None:
    hours, fresh, asked = calendar
    span = hours.span(asked)
    assert span.start is None or span.start <= asked
    assert span.end is None or asked < span.end
    if span.end:
        after = hours.span(span.end)
        assert (after.open, after.start) == (not span.open, span.end)
    if span.start:
        before = hours.span(span.start - timedelta(microseconds=1))
        assert (before.open, before.end) == (not span.open, span.start)
    # Whatever was asked in between; what is out of sight may depend on the day it is asked.
    again = fresh.span(asked)
    assert again.open == span.open
    assert hours.span(asked) == again


@given(_calendars())
def test_spans_agree_with_periods(calendar: tuple[WorkingTime, WorkingTime, datetime]) -> None:
    hours, _, asked = calendar
    assume(not hours.always_open)
    periods = hours.periods(hours.date_of(asked))
    assert hours.span(asked).open == any(period.start <= asked < period.end for period in periods)
    assert all(period.start < period.end for period in periods)
    assert all(one.start <= other.start for one, other in pairwise(periods))


@given(_calendars())
def test_days_adjoin(calendar: tuple[WorkingTime, WorkingTime, datetime]) -> None:
    hours, fresh, asked = calendar
    day = hours.date_of(asked)
    start, end = hours.day(day)
    assert start <= asked < end
    assert hours.day(day + timedelta(days=1))[0] == end
    assert hours.day(day - timedelta(days=1))[1] == start
    hours.date_of(asked + timedelta(days=1))
    assert hours.date_of(asked) == fresh.date_of(asked) == day


@given(_WEEKS, st.sets(_DAYS), st.dictionaries(_DAYS, st.integers(0, 6)), _MINUTES)
def test_open_as_the_clock_on_the_wall_says(
    week: Week, off: set[int], like: dict[int, int], minute: int
) -> None:
    """Where no clock is ever set: worked out from the weekday and the minute of the day alone."""
    monday = date(2026, 1, 5)

    def worked(day: int) -> Sequence[tuple[int, int]]:
        if day in like:
            return week.get(like[day], ())
        return () if day in off else week.get(day % 7, ())

    assume(any(week.values()))
    hours = working(
        week,
        [f"{monday + timedelta(days=n)}" for n in off],
        {f"{monday + timedelta(days=n)}": day for n, day in like.items()},
    )
    day, now = divmod(minute, 1440)
    expected = any(start <= now < (end if end > start else 1440) for start, end in worked(day)) or any(
        now < end < start for start, end in worked(day - 1)
    )
    assert hours.span(at("2026-01-05T00:00") + timedelta(minutes=minute)).open == expected
