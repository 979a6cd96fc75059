"""Models of the configuration file, frozen, one for each table; `agent.config.load` reads and checks it."""

import hashlib
import json
from collections import Counter as Tally
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from agent.config.types import (
    MOST_DATES,
    MOST_PERIODS,
    Country,
    Date,
    Day,
    FilePath,
    Host,
    Id,
    Label,
    Period,
    Point,
    Polygon,
    Protocol,
    Rotation,
    RuleId,
    Size,
    Source,
    Switch,
    Text,
    TimeZone,
    at_least_one,
    line_end,
    line_inside,
    listed,
    of_use,
    otherwise,
    tables,
)

_LONGEST_S = 86_400

_Score = Annotated[
    float, Field(gt=0, lt=1), otherwise("give a number between 0 and 1; lower finds more and errs more")
]


class BaseConfig(BaseModel):
    """A table of the file: knows its keys, converts nothing, never changes."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class DeviceConfig(BaseConfig):
    """[device]: which agent this is."""

    site: Id = Field(examples=["que-phong"])
    """First level of its topics after `presence/v1`."""
    name: Id = Field(examples=["one-stop"])
    """Second level; unique in its site."""
    place: Label = Field("", examples=["Bộ phận một cửa"])
    """Label for people, in any language."""
    timezone: TimeZone = "Asia/Ho_Chi_Minh"
    """Name in the time zone database; decides where a day starts."""


class CameraConfig(BaseConfig):
    """[camera]: where frames come from and what they are."""

    source: Source = Field(examples=["picamera2"])
    """`picamera2`, a /dev path, an rtsp address without a login, or a recording or folder of pictures."""
    size: Size = (1280, 720)
    """Width and height in pixels."""
    fps: Annotated[
        float, Field(gt=0, le=120), otherwise("give a number above 0 and at most 120, in frames a second")
    ] = 10.0
    """Frames a second."""
    rotation: Rotation = 0
    """Degrees; 180 where it hangs upside down."""
    masks: Annotated[tuple[Polygon, ...], listed("give a list of polygons [[x, y], …]", of_lists=True)] = (
        Field((), examples=[[[[0.0, 0.0], [0.2, 0.0], [0.2, 0.1]]]])
    )
    """Blanked before anything looks at the picture; fractions of it."""
    night: Switch = False
    """Whether the place is lit or infrared at night, so that darkness is a fault then too."""
    username: Text | None = None
    """For an rtsp address."""
    password_file: FilePath | None = None
    """Holds the password for an rtsp address."""

    @property
    def is_live(self) -> bool:
        """Whether the source is a camera and no recording."""
        return self.source == "picamera2" or self.source.startswith("/dev/") or "://" in self.source


class DetectorConfig(BaseConfig):
    """[detector]: which network finds persons, and how sure it must be."""

    model: Annotated[str, otherwise('give "yolox_nano", or "yolox_tiny" for a Pi 5')] = "yolox_nano"
    """Finds persons, by its name in the manifest of the weights; `yolox_tiny` is more sure at six times the
    work, and is fetched only by its name."""
    confidence: _Score = 0.35
    """Least score of a person, 0–1."""
    faces: Switch = True
    """Whether a face counts as a person where no body is seen."""
    face_confidence: _Score = 0.7
    """Least score of a face, 0–1."""


class AttentionConfig(BaseConfig):
    """[attention]: when and where to look."""

    looks_per_s: Annotated[
        float, Field(ge=1, le=30), otherwise("give a number from 1 to 30, in looks a second")
    ] = 10.0
    """At the most, while something moves; never more than `[camera] fps`."""
    heartbeat_s: Annotated[
        float, Field(gt=0, le=60), otherwise("give a number of seconds above 0, at most 60")
    ] = 10.0
    """The whole picture is looked at so often, seconds, whatever happens."""
    zone_heartbeat_s: Annotated[
        float, Field(gt=0, le=10), otherwise("give a number of seconds above 0, at most 10")
    ] = 2.0
    """Whoever is there, and each zone that somebody is in, is looked at so often, seconds."""
    zoom: Annotated[
        float,
        Field(ge=1, le=4),
        otherwise("give a number from 1 (no crops) to 4, times the whole picture's scale"),
    ] = 3.0
    """Most magnification of a crop against the whole picture."""
    always: Switch = False
    """Whether to look at the whole picture `looks_per_s` times a second, even where nothing moves."""


_Share = Annotated[float, Field(gt=0, lt=1), otherwise("give a number between 0 and 1")]
_After = Annotated[float, Field(ge=1, le=600), otherwise("give a number of seconds from 1 to 600")]
_Slowly = Annotated[float, Field(ge=60, le=604_800), otherwise("give a number of seconds from 60 to 604800")]


class TamperConfig(BaseConfig):
    """[tamper]: when the camera counts as blind."""

    covered_ratio: _Share = 0.1
    """Covered: so much is left of the structure of the usual view, or less."""
    covered_after_s: _After = 5.0
    """Seconds that this must last."""
    dark_level: Annotated[
        float, Field(gt=0, lt=255), otherwise("give a grey level between 0 (black) and 255 (white)")
    ] = 40.0
    """Dark: at most a twentieth of the picture is brighter than this, 0-255."""
    dark_after_s: _After = 5.0
    """Seconds that this must last."""
    blurred_ratio: _Share = 0.3
    """Blurred: so much is left of the fine structure, at equal contrast, or less."""
    blurred_after_s: _After = 5.0
    """Seconds that this must last."""
    moved_ratio: _Share = 0.6
    """Moved: no more of the places with texture look as usual, and the view is the usual one, shifted further
    than the rules follow."""
    moved_after_s: _After = 5.0
    """Seconds that this must last."""
    frozen_ratio: _Share = 0.1
    """Frozen: so much is left of the usual change from picture to picture, or less."""
    frozen_after_s: _After = 4.0
    """Seconds that this must last."""
    identical_after_s: _Slowly = 300.0
    """Seconds of equal pictures after which a source without any noise is frozen too."""
    restored_after_s: _After = 3.0
    """Seconds of good sight after which the camera sees again."""
    reference_s: _Slowly = 1800.0
    """Time constant, seconds, with which the usual view follows slow changes."""
    accept_new_view_s: _Slowly | None = Field(default=None, exclude=True)
    """No longer used: a new view is right once `presence-agent accept-view` says so."""


class HoursConfig(BaseConfig):
    """[[hours]]: local working time on some days of the week."""

    days: Annotated[tuple[Day, ...], listed('give a list of days, for example ["mon", "tue"]')] = Field(
        examples=[["mon", "tue", "wed", "thu", "fri"]]
    )
    """Days on which the periods start."""
    periods: Annotated[
        tuple[Period, ...], listed('give a list of periods ["HH:MM", "HH:MM"]', of_lists=True)
    ] = Field(examples=[[["07:30", "11:30"], ["13:30", "17:00"]]])
    """Start and end, local time; an end before its start is on the next day."""  # read as minutes, 0–1440

    @field_validator("days")
    @classmethod
    def _days_once(cls, days: tuple[Day, ...]) -> tuple[Day, ...]:
        twice = [day for day, number in Tally(days).items() if number > 1]
        if twice:
            raise ValueError(f"name each day once; {', '.join(twice)} is there more than once")
        return at_least_one(days, "give at least one day")

    @field_validator("periods")
    @classmethod
    def _periods_few(cls, periods: tuple[Period, ...]) -> tuple[Period, ...]:
        if len(periods) > MOST_PERIODS:
            raise ValueError(f"give at most {MOST_PERIODS} periods; this has {len(periods)}")
        return at_least_one(periods, "give at least one period")


class WorkdayConfig(BaseConfig):
    """One decreed swap of `[calendar] workdays`."""

    date: Date = Field(examples=["2027-01-09"])
    """Local date that is worked, or not, …"""
    like: Day = Field(examples=["mon"])
    """… like this day of the week."""


class CalendarConfig(BaseConfig):
    """[calendar]: days that differ from their day of the week."""

    country: Country | None = None
    """ISO 3166 code of the country whose public holidays are days off."""
    holidays: Annotated[tuple[Date, ...], listed('give a list of dates, for example ["2027-01-08"]')] = ()
    """Further days off, local dates."""
    workdays: Annotated[
        tuple[WorkdayConfig, ...], listed('give a list such as [{ date = "2027-01-09", like = "mon" }]')
    ] = ()
    """Swaps; win over both."""

    @field_validator("holidays", "workdays")
    @classmethod
    def _dates_few(cls, dates: tuple[Any, ...]) -> tuple[Any, ...]:
        if len(dates) > MOST_DATES:
            raise ValueError(
                f"give at most {MOST_DATES} dates, years that are over can go; this has {len(dates)}"
            )
        return dates

    @field_validator("workdays")
    @classmethod
    def _dates_once(cls, workdays: tuple[WorkdayConfig, ...]) -> tuple[WorkdayConfig, ...]:
        twice = [f"{date}" for date, number in Tally(day.date for day in workdays).items() if number > 1]
        if twice:
            raise ValueError(f"name each date once; {', '.join(twice)} is there more than once")
        return workdays


class RuleConfig(BaseConfig):
    """A table of a rule."""

    id: RuleId
    """Level of its topics; unique over all rules."""


class LineConfig(RuleConfig):
    """[[line]]: a gate across the picture."""

    id: RuleId = Field(examples=["gate"])
    """Level of its topics; unique over lines, zones and counters."""
    start: Point = Field(examples=[[0.65, 0.0]])
    """One end, fractions of the picture."""
    end: Point = Field(examples=[[0.65, 1.0]])
    """The other end, fractions of the picture."""
    inside: Point = Field(examples=[[0.9, 0.5]])
    """Any point on the inner side, fractions of the picture."""

    used_by: Annotated[Literal["everybody", "staff"], otherwise('give "everybody" or "staff"')] = "everybody"
    """Whose line it is; only where it is "staff" may a crossing after the start be called late."""

    @field_validator("end")
    @classmethod
    def _has_length(cls, end: Point, info: ValidationInfo) -> Point:
        return line_end(info.data["start"], end) if "start" in info.data else end

    @field_validator("inside")
    @classmethod
    def _has_side(cls, inside: Point, info: ValidationInfo) -> Point:
        start, end = info.data.get("start"), info.data.get("end")
        return line_inside(start, end, inside) if start and end else inside


_Lasting = Annotated[
    float, Field(ge=0, le=_LONGEST_S), otherwise(f"give a number of seconds from 0 to {_LONGEST_S}")
]
_Exceeded = Annotated[
    float, Field(gt=0, le=_LONGEST_S), otherwise(f"give a number of seconds above 0, at most {_LONGEST_S}")
]
_Persons = Annotated[int, Field(ge=2, le=999), otherwise("give a number of persons from 2 to 999")]


class ZoneConfig(RuleConfig):
    """[[zone]]: an area in which people stay."""

    id: RuleId = Field(examples=["waiting"])
    """Level of its topics; unique over lines, zones and counters."""
    polygon: Polygon = Field(
        examples=[
            [[0.1, 0.3], [0.45, 0.3], [0.45, 0.99], [0.1, 0.99]],
            [[0.5, 0.1], [0.7, 0.1], [0.7, 0.99], [0.5, 0.99]],
        ]
    )
    """Corners, fractions of the picture; people are where their feet are."""
    min_dwell_s: _Lasting = 1.0
    """Shorter visits are passers-by, seconds."""
    overstay_s: _Exceeded | None = None
    """Longer visits are reported while they last, seconds; without it none is."""
    crowd: _Persons | None = None
    """So many persons at once are a crowd, which is reported; without it none is."""
    crowd_after_s: _Lasting = 60.0
    """How long so many must be there, seconds."""

    @field_validator("overstay_s", "crowd_after_s")
    @classmethod
    def _has_a_use(cls, seconds: float | None, info: ValidationInfo) -> float | None:
        return of_use(info.field_name or "", seconds, info.data)


_ZoneId = Annotated[str, otherwise("give the id of a zone in quotation marks")]


class CounterConfig(RuleConfig):
    """[[counter]]: a desk with staff on one side and the public on the other."""

    id: RuleId = Field(examples=["desk"])
    """Level of its topics; unique over lines, zones and counters."""
    staff: _ZoneId = Field(examples=["staff"])
    """Id of the zone behind the desk."""
    public: _ZoneId | None = None
    """Id of the zone in front of it."""
    unattended_after_s: _Exceeded = 60.0
    """How long nobody of the staff must be there, seconds."""


def _usual_port(before: dict[str, Any]) -> int:
    return 8883 if before.get("tls", True) else 1883


class MqttConfig(BaseConfig):
    """[mqtt]: the broker. Without this table events stay in the log."""

    host: Host = Field(examples=["broker.example"])
    """Name or address, without a scheme."""
    tls: Switch = True
    """Whether the connection is encrypted; nothing falls back to false."""
    port: Annotated[int, Field(ge=1, le=65535), otherwise("give a whole number from 1 to 65535")] = Field(
        default_factory=_usual_port
    )
    """8883, or 1883 without TLS."""
    protocol: Protocol = 5
    """5 for MQTT 5, 311 for MQTT 3.1.1."""
    username: Text | None = None
    """`<site>/<name>` where the broker's rights are the supplied pattern."""
    password_file: FilePath | None = None
    """Holds the password."""
    ca_file: FilePath | None = None
    """Who signs the broker's certificate; otherwise the system's authorities."""
    certificate_file: FilePath | None = None
    """The agent's own certificate, instead of a password."""
    key_file: FilePath | None = None
    """The key to it."""
    discovery: Switch = False
    """Whether to announce the agent to Home Assistant."""


_Amount = Annotated[int, Field(gt=0), otherwise("give a whole number above 0")]


class LogConfig(BaseConfig):
    """[log]: where events are kept, and how many."""

    path: FilePath = Path("/var/lib/presence-agent/events.db")
    """SQLite file; its folder must be writable."""
    keep_days: _Amount = 30
    """Days after which an event may go."""
    keep_mb: _Amount = 200
    """Size at which the oldest events go, megabytes."""


class Config(BaseConfig):
    """The whole file. Made by `load`, which also checks what tables say of each other."""

    device: DeviceConfig
    camera: CameraConfig
    detector: DetectorConfig = DetectorConfig()
    attention: AttentionConfig = AttentionConfig()
    tamper: TamperConfig = TamperConfig()
    hours: Annotated[tuple[HoursConfig, ...], tables("hours")] = ()
    calendar: CalendarConfig = CalendarConfig()
    line: Annotated[tuple[LineConfig, ...], tables("line")] = ()
    zone: Annotated[tuple[ZoneConfig, ...], tables("zone")] = ()
    counter: Annotated[tuple[CounterConfig, ...], tables("counter")] = ()
    mqtt: MqttConfig | None = None
    log: LogConfig = LogConfig()


def digest(config: Config) -> str:
    """16 hex digits that change with the configuration; paths of secrets are in it, secrets are not."""
    text = json.dumps(config.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
