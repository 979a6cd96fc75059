"""The wire form of working hours and days off, as `info` tells them and `cmd/calendar` sets them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from agent.wire.base import ClosedWire, Wire

# Pydantic reads annotations.
from agent.wire.fields import LocalTime, Timestamp  # noqa: TC001

WeekDay = Annotated[
    Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"],
    Field(
        title="WeekDay", description="Local day of the week: 'mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'."
    ),
]


_Date = Annotated[
    str,
    Field(pattern=r"^\d{4}-\d\d-\d\d$", description="Local date", json_schema_extra={"format": "date"}),
]


class HoursWire(ClosedWire):
    """Local working time on some days of the week, as in the configuration."""

    days: Annotated[tuple[WeekDay, ...], Field(description="On which days.")]
    periods: Annotated[
        tuple[tuple[LocalTime, LocalTime], ...],
        Field(description="Begins and ends, local; an end before its begin is on the next day."),
    ]


class WorkdayWire(ClosedWire):
    """A date that is worked, or not, like another day of the week."""

    date: _Date
    like: WeekDay


class CalendarWire(ClosedWire):
    """Days that differ from their day of the week, as in the configuration."""

    country: (
        Annotated[
            str,
            Field(
                pattern=r"^[A-Z]{2}$",
                max_length=2,
                description="Country by ISO 3166-1 whose public holidays are days off; null: of none.",
            ),
        ]
        | None
    )
    holidays: Annotated[tuple[_Date, ...], Field(description="Further days off.")]
    workdays: Annotated[
        tuple[WorkdayWire, ...], Field(description="Dates with the hours of another day; they win.")
    ]


class CalendarCommandWire(Wire):
    """Sets working hours and days off in the place of the configuration's; an empty message ends that."""

    hours: Annotated[tuple[HoursWire, ...], Field(description="Working hours; empty: always open.")]
    calendar: Annotated[CalendarWire, Field(description="Days off, and days worked like others.")]
    ts: Annotated[
        Timestamp | None,
        Field(
            description="When they were set, UTC: a message with an earlier one than that in force changes "
            "nothing; one without is taken whenever it comes."
        ),
    ] = None

    def text(self) -> str:
        """As it is published: without a time `ts` is absent."""
        return self.model_dump_json(exclude={"ts"} if self.ts is None else None)
