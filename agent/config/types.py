"""Field types of the configuration file; each raises a ValueError that names the right form."""

import ipaddress
import re
import unicodedata
from collections.abc import Mapping
from datetime import date, datetime
from math import dist
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from agent.config import holidays
from agent.core import geometry

_Item = TypeVar("_Item")

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_MIN = 24 * 60
# A line's daily summary has figures for each period, and has to stay small.
MOST_PERIODS = 4
# `info` lists all of them and has to fit into a message of any broker; enough for some years.
MOST_DATES = 400

_RESERVED = ("camera", "agent")
_LONGEST_ID = 32
_LONGEST_LABEL = 64
_SIZE_PX = range(64, 8193, 2)
_SMALLEST_POLYGON = 1e-5  # of the picture: 3 by 3 px of 1280 by 720
_MOST_CORNERS = 256
_NEAREST = 1e-3  # of the picture: a px of 1280 by 720; nearer points are the same place
_LOGIN = re.compile(r"://.*(@|(?<![a-z])(pass|passwd|password|pwd)=)", re.IGNORECASE | re.DOTALL)


def otherwise(right: str) -> WrapValidator:
    """Replace any error of the value by one sentence on what would be right."""

    def check(value: object, handler: ValidatorFunctionWrapHandler) -> object:
        try:
            return handler(value)
        except ValidationError:
            raise ValueError(right) from None

    return WrapValidator(check)


def listed(right: str, *, of_lists: bool = False) -> BeforeValidator:
    """Take TOML's list as a tuple, so that nothing in the configuration can change."""

    def check(value: object) -> tuple[object, ...]:
        if not isinstance(value, list | tuple):
            raise ValueError(right)  # noqa: TRY004 - pydantic collects ValueError only
        if of_lists and value and not any(isinstance(item, list | tuple) for item in value):
            raise ValueError(f"{right}, with a pair of brackets around them all")
        return tuple(value)

    return BeforeValidator(check)


def tables(name: str) -> BeforeValidator:
    """Accept a table that may be there several times."""
    return listed(f"write its header as [[{name}]], with two pairs of brackets, for there may be several")


def at_least_one(items: tuple[_Item, ...], right: str) -> tuple[_Item, ...]:
    """Refuse an empty list by a sentence on what would be right."""
    if not items:
        raise ValueError(right)
    return items


def holds_login(text: str) -> bool:
    """Whether an address has a user name or password in it, so that it must not be shown."""
    return _LOGIN.search(text) is not None


def period(value: object) -> tuple[int, int]:
    """Read ["HH:MM", "HH:MM"] as minutes after local midnight; an end before its start is on the next day."""
    match value:
        case (str(first), str(last)):
            start, end = _minutes(first), _minutes(last)
        case _:
            raise ValueError('give a start and an end, for example ["07:30", "11:30"]')
    if start == end:
        raise ValueError('start and end are the same; a whole day is ["00:00", "24:00"]')
    if start == DAY_MIN:
        raise ValueError('no period starts at "24:00"; give "00:00" and name the next day')
    return start, end


def _minutes(text: str) -> int:
    found = re.fullmatch(r"([01][0-9]|2[0-3]):([0-5][0-9])|24:00", text)
    if not found:
        raise ValueError('give times as "HH:MM" from "00:00" to "24:00", for example "07:30"')
    return DAY_MIN if text == "24:00" else int(found[1]) * 60 + int(found[2])


def _plain_text(value: str) -> str:
    if not value.strip():
        raise ValueError("give a text that is not empty")
    if any(unicodedata.category(character) in {"Cc", "Zl", "Zp"} for character in value):
        raise ValueError("leave out line breaks, tabs and other control characters")
    return value


def _label(value: str) -> str:
    if len(value) > _LONGEST_LABEL:
        raise ValueError(f"give at most {_LONGEST_LABEL} characters; this has {len(value)}")
    return value


def _topic_level(value: str) -> str:
    wrong = dict.fromkeys(re.findall(r"[^a-z0-9-]", value))
    if wrong:
        named = dict.fromkeys(_named(character) for character in wrong)
        raise ValueError(
            f"{', '.join(list(named)[:5])} can't be in it, for it becomes a level of the MQTT topic; "
            f"use a–z, 0–9 and '-', for example \"{_as_topic_level(value) or 'one-stop'}\""
        )
    if not 1 <= len(value) <= _LONGEST_ID:
        raise ValueError(f"give 1 to {_LONGEST_ID} characters of a–z, 0–9 and '-'; this has {len(value)}")
    return value


def _named(character: str) -> str:
    if character == " ":
        return "a space"
    if "A" <= character <= "Z":
        return "capital letters"
    return f"'{character}'" if character.isprintable() else "a control character"


def _as_topic_level(text: str) -> str:
    ascii_only = unicodedata.normalize("NFKD", text.lower().replace("đ", "d")).encode("ascii", "ignore")
    return re.sub(r"[^a-z0-9]+", "-", ascii_only.decode()).strip("-")[:_LONGEST_ID].strip("-")


def _not_reserved(value: str) -> str:
    if value in _RESERVED:
        raise ValueError("`camera` and `agent` stand for the device itself in topics; give another id")
    return value


def _time_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (OSError, ValueError, KeyError):
        raise ValueError(
            'give a name of the time zone database such as "Asia/Ho_Chi_Minh", with its capital letters'
        ) from None
    return value


def _source(value: str) -> str:
    scheme, separator, rest = value.partition("://")
    if not separator:
        return value
    if scheme.lower() == "rtsps":
        raise ValueError(
            "rtsps is not taken, since the camera's certificate can't be checked; give rtsp://, on a network "
            "of the cameras' own"
        )
    if scheme.lower() != "rtsp" or not re.match(r"[^\s/?#]", rest):
        raise ValueError(
            'give "picamera2", a device such as "/dev/v4l/by-id/…", an address "rtsp://…", '
            "or the path of a recording or of a folder of pictures"
        )
    if not _is_reachable(value):
        raise ValueError('give the host and, if need be, a port from 1 to 65535: "rtsp://192.168.1.20:554/…"')
    if holds_login(value):
        raise ValueError(
            "leave the login out of the address; give username and password_file beside it in [camera]"
        )
    return value


def _is_reachable(address: str) -> bool:
    """Whether an address has a valid host, and no invalid port."""
    try:
        parts = urlsplit(address)
        return bool(parts.hostname and parts.hostname.encode("idna")) and parts.port != 0
    except ValueError:
        return False


def _host(value: str) -> str:
    name, colon, port = value.rpartition(":")
    if "://" in value or "/" in value or "@" in value:
        raise ValueError('give only the name or number of the broker, for example "broker.example"')
    if colon and name.count(":") == 0 and port.isascii() and port.isdigit():
        raise ValueError(f'give the port apart: host = "{name}" and port = {port}')
    if ":" in value:
        try:
            ipaddress.IPv6Address(value)
        except ValueError:
            raise ValueError("this is neither a name nor an IPv6 address such as fd00::1") from None
    if re.search(r"\s", value):
        raise ValueError("leave out the spaces")
    return value


def _path(value: object) -> Path:
    match value:
        case Path():
            return value
        case str() if value.strip() and value.isprintable():
            return Path(value)
    raise ValueError('give the path of a file in quotation marks, for example "/etc/presence-agent/ca.pem"')


def _point(value: object) -> geometry.Point:
    match value:
        case (int() | float() as x, int() | float() as y) if bool not in {type(x), type(y)}:
            if 0 <= x <= 1 and 0 <= y <= 1:
                return float(x), float(y)
    raise ValueError(
        "give [x, y], two numbers from 0 to 1: fractions of the picture's width and height, from its top left"
    )


def _polygon(corners: geometry.Polygon) -> geometry.Polygon:
    if len(corners) > _MOST_CORNERS:
        raise ValueError(f"give at most {_MOST_CORNERS} corners; this has {len(corners)}")
    different = len(set(corners))
    if different < 3:  # noqa: PLR2004 - a triangle
        raise ValueError(f"give at least 3 different corners; this has {different}")
    if different < len(corners):
        raise ValueError(
            "leave out the corner that is there twice; the outline closes itself after the last one"
        )
    far = max(corners, key=lambda corner: dist(corners[0], corner))
    flat = all(abs(geometry.distance_to_line(corners[0], far, corner)) < _NEAREST for corner in corners)
    if not flat and geometry.crosses_itself(corners):
        raise ValueError(
            "the outline crosses itself; give the corners in the order of a walk around the area"
        )
    if flat or geometry.area(corners) < _SMALLEST_POLYGON:
        raise ValueError("there is no area in it; give the corners of the outline of an area")
    return corners


def of_use(key: str, seconds: float | None, zone: Mapping[str, Any]) -> float | None:
    """Refuse a time of a zone that nothing could ever come of.

    Args:
        key: `overstay_s` or `crowd_after_s`.
        seconds: its value.
        zone: the keys before it that are valid.
    """
    least_s = zone.get("min_dwell_s")
    if key == "overstay_s" and seconds is not None and least_s is not None and seconds <= least_s:
        raise ValueError(f"give more than min_dwell_s, which is {least_s:g}: shorter visits are passers-by")
    if key == "crowd_after_s" and zone.get("crowd", 0) is None:
        raise ValueError("add crowd, how many persons are one, or leave this out; alone it has no use")
    return seconds


def line_end(start: geometry.Point, end: geometry.Point) -> geometry.Point:
    """Refuse a line without a length."""
    if dist(start, end) < _NEAREST:
        raise ValueError("start and end are the same place; give the two ends of the line")
    return end


def line_inside(start: geometry.Point, end: geometry.Point, inside: geometry.Point) -> geometry.Point:
    """Refuse a point that is on neither side of the line, which goes on beyond its ends.

    Args:
        start: one end, fractions of the picture.
        end: the other end.
        inside: a point on the inner side.
    """
    if abs(geometry.distance_to_line(start, end, inside)) < _NEAREST:
        raise ValueError(
            "this is on the line, or where the line would go on; give a point clearly on the inner side"
        )
    return inside


def _size(value: object) -> tuple[int, int]:
    match value:
        case (int(width), int(height)) if width in _SIZE_PX and height in _SIZE_PX:
            return width, height
    raise ValueError(
        f"give [width, height] in pixels, two even whole numbers from {_SIZE_PX[0]} to {_SIZE_PX[-1]}, "
        "for example [1280, 720]"
    )


def _date(value: object) -> date:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    try:
        if isinstance(value, str) and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
            return date.fromisoformat(value)
    except ValueError:
        raise ValueError("there is no such day in the calendar; give year-month-day") from None
    raise ValueError('give a date as year-month-day, for example "2027-01-08"')


def _country(value: str) -> str:
    if value not in holidays.countries():
        raise ValueError(
            "no public holidays are known for this code; give the two capital letters of ISO 3166, "
            'for example "VN", or leave country out and list the days off in holidays'
        )
    return value


def _whole(value: object) -> object:
    # Literal compares, so False and 0.0 would pass for 0.
    if type(value) is not int:
        raise ValueError  # `otherwise` says what is right
    return value


Switch = Annotated[bool, otherwise("give true or false, without quotation marks")]
Text = Annotated[str, otherwise("give a text in quotation marks"), AfterValidator(_plain_text)]
Label = Annotated[Text, AfterValidator(_label)]
Id = Annotated[
    str,
    otherwise("give 1 to 32 characters of a–z, 0–9 and '-' in quotation marks"),
    AfterValidator(_topic_level),
]
RuleId = Annotated[Id, AfterValidator(_not_reserved)]
TimeZone = Annotated[Text, AfterValidator(_time_zone)]
Source = Annotated[Text, AfterValidator(_source)]
Host = Annotated[Text, AfterValidator(_host)]
FilePath = Annotated[Path, BeforeValidator(_path)]
Point = Annotated[geometry.Point, BeforeValidator(_point)]
Polygon = Annotated[
    tuple[Point, ...],
    listed("give a list of at least 3 corners [x, y]", of_lists=True),
    AfterValidator(_polygon),
]
Size = Annotated[tuple[int, int], BeforeValidator(_size)]
Period = Annotated[tuple[int, int], BeforeValidator(period)]
Date = Annotated[date, BeforeValidator(_date)]
Day = Annotated[
    Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], otherwise(f"give one of {', '.join(DAYS)}")
]
Country = Annotated[
    str,
    Field(pattern=r"^[A-Z]{2}$"),
    otherwise('give the two capital letters of ISO 3166, for example "VN"'),
    AfterValidator(_country),
]
Rotation = Annotated[Literal[0, 180], BeforeValidator(_whole), otherwise("give 0 or 180, in degrees")]
Protocol = Annotated[
    Literal[5, 311], BeforeValidator(_whole), otherwise("give 5 for MQTT 5 or 311 for MQTT 3.1.1")
]
