"""Configuration files that load, and sentences on those that do not."""

from __future__ import annotations

import os
import re
import tomllib
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agent.config import models
from agent.config.load import load
from agent.config.risks import notices
from agent.errors import ConfigError
from agent.locale.problems import as_sentence
from tests.locale.languages import ENGLISH_LEFT, VIETNAMESE

if TYPE_CHECKING:
    from collections.abc import Iterator

# The example of the contract, word for word.
CONTRACT = """\
[device]
site = "que-phong"
name = "one-stop"                   # unique in its site
place = "Bộ phận một cửa"           # label for people, any language
timezone = "Asia/Ho_Chi_Minh"

[camera]
source = "picamera2"                # or /dev/v4l/by-id/…, rtsp://… (username and password_file beside it, never in the address), or a
                                    # recording or folder of pictures: `run` plays it once at its own pace and ends
size = [1280, 720]
fps = 10
rotation = 0                        # 0 or 180
masks = [[[0.0, 0.0], [0.2, 0.0], [0.2, 0.1]]]   # polygons blanked before anything looks at the picture
night = false                       # true: lit or infrared at night, so darkness is a fault then too

[detector]
confidence = 0.35
faces = true                        # a face counts as a person where no body is seen; nothing else is done with it
# [attention] and [tamper]: rates, heartbeats, thresholds and durations, each with its default and unit

[[hours]]                           # local working time; repeat for days that differ. None: always open, nothing is after hours
days = ["mon", "tue", "wed", "thu", "fri"]
periods = [["07:30", "11:30"], ["13:30", "17:00"]]   # at most 4; an end before its start crosses midnight

[calendar]
country = "VN"                      # optional: its public holidays are days off
holidays = ["2027-01-08"]           # further days off
workdays = [{ date = "2027-01-09", like = "mon" }]   # decreed swaps; wins over both

[[line]]
id = "gate"
start = [0.65, 0.0]
end = [0.65, 1.0]
inside = [0.9, 0.5]                 # any point on the inner side

[[zone]]
id = "staff"
polygon = [[0.5, 0.1], [0.7, 0.1], [0.7, 0.99], [0.5, 0.99]]
min_dwell_s = 1.0                   # shorter visits are passers-by

[[zone]]
id = "waiting"
polygon = [[0.1, 0.3], [0.45, 0.3], [0.45, 0.99], [0.1, 0.99]]

[[counter]]
id = "desk"
staff = "staff"                     # a zone's id
public = "waiting"                  # optional: a zone's id
unattended_after_s = 60

[mqtt]                              # without it events stay in the log
host = "broker.example"
port = 8883
tls = true                          # false is allowed and `check` warns; nothing ever falls back to it
protocol = 5                        # 5 or 311
username = "que-phong/one-stop"     # <site>/<name>: the broker's rights are a pattern on it
password_file = "/run/credentials/presence-agent.service/mqtt-password"
# ca_file (system's CAs otherwise), or certificate_file and key_file instead of the password
discovery = false                   # Home Assistant

[log]
path = "/var/lib/presence-agent/events.db"
keep_days = 30
keep_mb = 200
"""  # noqa: E501

DEVICE = '[device]\nsite = "que-phong"\nname = "one-stop"\n'
CAMERA = '[camera]\nsource = "day.mp4"\n'
LEAST = DEVICE + CAMERA
SQUARE = "[[0.1, 0.1], [0.4, 0.1], [0.4, 0.4], [0.1, 0.4]]"


def write(folder: Path, text: str) -> Path:
    path = folder / "agent.toml"
    path.write_text(text, encoding="utf-8")
    return path


def problems(path: Path) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        load(path)
    return caught.value.problems


def zone(zone_id: str = "waiting", polygon: str = SQUARE, more: str = "") -> str:
    return f'[[zone]]\nid = "{zone_id}"\npolygon = {polygon}\n{more}\n'


def desk(staff: str) -> str:
    counter = '[[counter]]\nid = "desk"\nstaff = "staff"\npublic = "waiting"\n'
    return LEAST + zone() + zone("staff", staff) + counter


def line(start: str = "[0.5, 0]", end: str = "[0.5, 1]", inside: str = "[0.9, 0.5]", more: str = "") -> str:
    return f'[[line]]\nid = "gate"\nstart = {start}\nend = {end}\ninside = {inside}\n{more}\n'


def hours(days: str, periods: str) -> str:
    return f"[[hours]]\ndays = {days}\nperiods = {periods}\n"


def mqtt(keys: str) -> str:
    return f'{LEAST}[mqtt]\nhost = "broker.example"\n{keys}\n'


def test_load_contract_example(tmp_path: Path) -> None:
    loaded = load(write(tmp_path, CONTRACT))
    assert loaded.device.place == "Bộ phận một cửa"
    assert loaded.camera.masks == (((0.0, 0.0), (0.2, 0.0), (0.2, 0.1)),)
    assert loaded.hours[0].periods == ((450, 690), (810, 1020))
    assert loaded.calendar.workdays[0].date == date(2027, 1, 9)
    assert [area.id for area in loaded.zone] == ["staff", "waiting"]
    assert loaded.counter[0].public == "waiting"
    assert loaded.mqtt
    assert loaded.mqtt.password_file == Path("/run/credentials/presence-agent.service/mqtt-password")
    assert loaded.log.path == Path("/var/lib/presence-agent/events.db")


def test_load_contract_keys_all_known() -> None:
    """Every key of the contract's example is a field, and it shows every field but the newer ones."""
    shown = {(table, key) for table, keys in tomllib.loads(CONTRACT).items() for key in _keys(keys)}
    by_name: dict[str, type[models.BaseConfig]] = {
        "device": models.DeviceConfig,
        "camera": models.CameraConfig,
        "detector": models.DetectorConfig,
        "hours": models.HoursConfig,
        "calendar": models.CalendarConfig,
        "line": models.LineConfig,
        "zone": models.ZoneConfig,
        "counter": models.CounterConfig,
        "mqtt": models.MqttConfig,
        "log": models.LogConfig,
    }
    fields = {(table, key) for table, model in by_name.items() for key in model.model_fields}
    assert shown <= fields
    assert {key for _, key in fields - shown} == {
        "used_by",
        "overstay_s",
        "crowd",
        "crowd_after_s",
        "username",
        "password_file",
        "model",
        "face_confidence",
        "ca_file",
        "certificate_file",
        "key_file",
    }


def _keys(table: Any) -> list[str]:  # noqa: ANN401 - what TOML has
    return [key for one in (table if isinstance(table, list) else [table]) for key in one]


def test_load_least_has_defaults(tmp_path: Path) -> None:
    loaded = load(write(tmp_path, LEAST))
    assert loaded.device.timezone == "Asia/Ho_Chi_Minh"
    assert (loaded.camera.size, loaded.camera.fps, loaded.camera.rotation) == ((1280, 720), 10.0, 0)
    assert (loaded.detector.confidence, loaded.detector.face_confidence) == (0.35, 0.7)
    assert (loaded.line, loaded.zone, loaded.counter, loaded.hours, loaded.mqtt) == ((), (), (), (), None)
    assert (loaded.log.keep_days, loaded.log.keep_mb) == (30, 200)
    assert notices(loaded) == []


# Spellings that installers use and that are right.
@pytest.mark.parametrize(
    "text",
    [
        # Windows Notepad: a mark at the start and CRLF.
        pytest.param("\ufeff" + CONTRACT.replace("\n", "\r\n"), id="notepad"),
        # Whole numbers where fractions are meant, at the very borders of the picture.
        pytest.param(LEAST + zone(polygon="[[0, 0], [1, 0], [1, 1]]", more="min_dwell_s = 0"), id="integers"),
        # A date without quotation marks is a date of TOML's own.
        pytest.param(LEAST + "[calendar]\nholidays = [2027-01-08]", id="toml_date"),
        # Working days round the clock.
        pytest.param(LEAST + hours('["mon", "tue"]', '[["00:00", "24:00"]]'), id="whole_days"),
        # A night shift each day, ending before the next begins.
        pytest.param(LEAST + hours('["sat", "sun", "mon"]', '[["22:00", "06:00"]]'), id="nights"),
        # Four on Saturday, by two tables.
        pytest.param(
            LEAST
            + hours('["sat"]', '[["07:00", "08:00"], ["09:00", "10:00"]]')
            + hours('["sat", "sun"]', '[["13:00", "14:00"], ["15:00", "16:00"]]'),
            id="periods_4_of_sets",
        ),
        # Periods that touch do not overlap.
        pytest.param(LEAST + hours('["mon"]', '[["08:00", "12:00"], ["12:00", "16:00"]]'), id="touching"),
        # An area that is not convex.
        pytest.param(
            LEAST + zone(polygon="[[0.1, 0.1], [0.9, 0.1], [0.9, 0.9], [0.5, 0.2], [0.1, 0.9]]"), id="concave"
        ),
        # A counter above its zones in the file, without a public zone.
        pytest.param(LEAST + '[[counter]]\nid = "desk"\nstaff = "waiting"\n' + zone(), id="counter_first"),
        # An own certificate instead of a password; the user name may stay.
        pytest.param(
            mqtt('username = "a/b"\ncertificate_file = "/c.pem"\nkey_file = "/k.pem"'), id="certificate"
        ),
        # A broker given by its IPv6 address.
        pytest.param(LEAST + '[mqtt]\nhost = "fd00::1"\nport = 8883', id="ipv6"),
        # A network camera with its login beside the address.
        pytest.param(
            DEVICE + '[camera]\nsource = "rtsp://10.0.0.7:554/h264"\nusername = "a"\npassword_file = "/p"',
            id="rtsp",
        ),
    ],
)
def test_load_right(tmp_path: Path, text: str) -> None:
    load(write(tmp_path, text))


# Each row: a file with what is wrong in it, and the words that its one sentence must hold.
@pytest.mark.parametrize(
    ("text", "words"),
    [
        # Tables and keys.
        pytest.param(CAMERA, ["[device]", "missing", "site and name"], id="no_device"),
        pytest.param(DEVICE, ["[camera]", "missing", "source"], id="no_camera"),
        pytest.param(DEVICE + "[camera]", ["[camera] source", "missing", '"picamera2"'], id="no_source"),
        # A key that ended up before the first header.
        pytest.param(
            'place = "x"\n' + LEAST, ["place", "outside of every table", "[device]"], id="no_header"
        ),
        pytest.param(LEAST + "[cammera]", ["[cammera]", "did you mean [camera]"], id="table_typo"),
        pytest.param(LEAST + "[[zones]]", ["[[zones]]", "did you mean [[zone]]"], id="tables_typo"),
        pytest.param(LEAST + "[x]", ["[x]", "known here are", "[[line]]"], id="table_unknown"),
        pytest.param(LEAST + "frames = 3", ["[camera] frames", "known here are", "fps"], id="key_unknown"),
        pytest.param(LEAST + "FPS = 3", ["[camera] FPS", "did you mean fps"], id="key_capitals"),
        pytest.param(LEAST + "confidence = 0.5", ["[camera] confidence", "[detector]"], id="key_elsewhere"),
        pytest.param(LEAST + '"a\\nb" = 1', ["[camera]", '"a\\nb"', "unknown"], id="key_with_line_break"),
        pytest.param(LEAST + "[attention]\nhz = 1", ["[attention] hz", "looks_per_s"], id="attention"),
        pytest.param(LEAST + "[attention]\nzoom = 9", ["[attention] zoom", "from 1", "4"], id="zoom"),
        pytest.param(LEAST + "[tamper]\ndark_s = 1", ["[tamper] dark_s", "dark_after_s"], id="tamper"),
        pytest.param(
            LEAST + "[tamper]\nmoved_ratio = 35", ["[tamper] moved_ratio", "between 0 and 1"], id="ratio"
        ),
        # One pair of brackets or two.
        pytest.param(
            DEVICE + CAMERA.replace("[camera]", "[[camera]]"), ["camera", "[camera]", "one"], id="two"
        ),
        pytest.param(
            LEAST + zone().replace("[[zone]]", "[zone]"), ["zone", "[[zone]]", "two pairs"], id="one"
        ),
        pytest.param("zone = [3]\n" + LEAST, ["[[zone]] 1 = 3", "table"], id="zone_number"),
        pytest.param("log = true\n" + LEAST, ["log = true", "table"], id="log_bool"),
        # Levels of a topic.
        pytest.param(
            LEAST.replace("one-stop", "one/stop"), ["[device] name", "'/'", "MQTT topic"], id="slash"
        ),
        pytest.param(LEAST.replace("one-stop", "+"), ["[device] name", "'+'", "a–z"], id="plus"),
        pytest.param(LEAST.replace("one-stop", "a#"), ["[device] name", "'#'", "a–z"], id="hash"),
        pytest.param(LEAST.replace("one-stop", "a.b"), ["[device] name", "'.'", '"a-b"'], id="dot"),
        pytest.param(LEAST.replace("one-stop", "one stop"), ["name", "a space", '"one-stop"'], id="space"),
        pytest.param(LEAST.replace("que-phong", "Que"), ["[device] site", "capital", '"que"'], id="capital"),
        pytest.param(LEAST.replace("que-phong", "quế-đô"), ["site", "'ế'", '"que-do"'], id="vietnamese"),
        pytest.param(LEAST.replace("one-stop", ""), ["name", '""', "1 to 32"], id="name_empty"),
        pytest.param(LEAST.replace("one-stop", "x" * 33), ["name", "1 to 32", "has 33"], id="name_long"),
        # Both are one name in a certificate.
        pytest.param(
            LEAST.replace("one-stop", "x" * 32).replace("que-phong", "s" * 29),
            ["[device]", "site", "name", "61", "60", "shorten"],
            id="site_and_name_long",
        ),
        pytest.param(LEAST.replace('"one-stop"', "7"), ["[device] name = 7", "quotation"], id="name_number"),
        # Other keys of the device.
        pytest.param(DEVICE + f'place = "{"ộ" * 65}"\n' + CAMERA, ["place", "64", "65"], id="place_long"),
        pytest.param(DEVICE + 'place = "a\\u0007"\n' + CAMERA, ["place", "control"], id="place_bell"),
        pytest.param(
            DEVICE + 'timezone = "Asia/Hanoi"\n' + CAMERA, ["timezone", "Ho_Chi_Minh"], id="zone_name"
        ),
        pytest.param(DEVICE + 'timezone = "../etc"\n' + CAMERA, ["timezone", '"../etc"'], id="zone_path"),
        pytest.param(DEVICE + "timezone = 7\n" + CAMERA, ["timezone = 7", "quotation"], id="zone_offset"),
        # The camera. A password must not come back in the sentence: see test_problem_hides_password.
        pytest.param(DEVICE + '[camera]\nsource = ""', ["[camera] source", "not empty"], id="source_empty"),
        pytest.param(
            DEVICE + '[camera]\nsource = "rtsp://me:pw@host/1"',
            ["source", "username and password_file"],
            id="login",
        ),
        pytest.param(
            DEVICE + '[camera]\nsource = "rtsp://host/user=me_password=pw"',
            ["source", "login"],
            id="login_in_path",
        ),
        pytest.param(DEVICE + '[camera]\nsource = "http://host/1"', ["source", "rtsp://"], id="source_http"),
        pytest.param(
            DEVICE + '[camera]\nsource = "rtsps://h/1"', ["rtsps", "certificate"], id="source_rtsps"
        ),
        *(
            pytest.param(
                DEVICE + f'[camera]\nsource = "rtsp://{rest}"', ["source", "port"], id=f"source_{rest}"
            )
            for rest in ("h:99999/s", "h:abc/s", "[::1/s", "cam..local/s")
        ),
        pytest.param(DEVICE + '[camera]\nsource = "rtsp://"', ["source", "rtsp://"], id="source_no_host"),
        pytest.param(LEAST + "size = [1280, 721]", ["size = [1280, 721]", "even", "64"], id="size_odd"),
        pytest.param(LEAST + "size = [1280.0, 720]", ["size", "whole numbers"], id="size_float"),
        pytest.param(LEAST + "size = [1280]", ["size = [1280]", "[width, height]"], id="size_short"),
        pytest.param(LEAST + 'size = "1280x720"', ["size", "[1280, 720]"], id="size_text"),
        pytest.param(LEAST + "size = [16384, 720]", ["size", "8192"], id="size_huge"),
        pytest.param(LEAST + "fps = 0", ["[camera] fps = 0", "above 0", "120"], id="fps_0"),
        pytest.param(LEAST + "fps = 121", ["fps = 121", "at most 120"], id="fps_121"),
        pytest.param(LEAST + "fps = nan", ["fps = nan", "number"], id="fps_nan"),
        pytest.param(LEAST + "fps = inf", ["fps = inf", "number"], id="fps_inf"),
        pytest.param(LEAST + "fps = true", ["fps = true", "number"], id="fps_bool"),
        pytest.param(LEAST + 'fps = "10"', ['fps = "10"', "number"], id="fps_text"),
        pytest.param(LEAST + "rotation = 90", ["rotation = 90", "0 or 180"], id="rotation_90"),
        pytest.param(LEAST + "rotation = false", ["rotation = false", "0 or 180"], id="rotation_bool"),
        pytest.param(LEAST + "rotation = 180.0", ["rotation = 180.0", "0 or 180"], id="rotation_float"),
        pytest.param(LEAST + "night = 1", ["night = 1", "true or false"], id="night_number"),
        pytest.param(
            LEAST + "masks = [[0, 0, 1]]", ["masks, polygon 1 = [0, 0, 1]", "corners"], id="mask_flat"
        ),
        pytest.param(LEAST + "masks = 0", ["masks = 0", "list of polygons"], id="masks_number"),
        pytest.param(
            LEAST + 'password_file = "/p"', ["[camera] username", "missing"], id="camera_login_half"
        ),
        # The detector.
        pytest.param(
            LEAST + "[detector]\nconfidence = 35", ["confidence = 35", "between 0 and 1"], id="percent"
        ),
        pytest.param(LEAST + "[detector]\nface_confidence = -0.1", ["face_confidence"], id="score_negative"),
        pytest.param(LEAST + '[detector]\nfaces = "yes"', ["faces", "true or false"], id="faces_text"),
        # Working time.
        pytest.param(
            LEAST + hours("[]", '[["07:30", "11:30"]]'), ["[[hours]] 1 days", "one day"], id="no_days"
        ),
        pytest.param(LEAST + hours('["mon"]', "[]"), ["[[hours]] 1 periods", "one period"], id="no_periods"),
        pytest.param(
            LEAST + hours('["monday"]', '[["07:30", "11:30"]]'),
            ["days, day 1", '"monday"', "mon, tue"],
            id="day",
        ),
        pytest.param(
            LEAST + hours('["mon", "mon"]', '[["07:30", "11:30"]]'), ["days", "mon", "once"], id="day_twice"
        ),
        pytest.param(
            LEAST + hours('["mon"]', '[["7:30", "11:30"]]'),
            ["periods, period 1", "HH:MM", '"07:30"'],
            id="short",
        ),
        pytest.param(LEAST + hours('["mon"]', '[["07:30", "24:01"]]'), ["period 1", "24:00"], id="too_late"),
        pytest.param(
            LEAST + hours('["mon"]', "[[07:30:00, 11:30:00]]"), ["period 1", "07:30"], id="toml_time"
        ),
        pytest.param(
            LEAST + hours('["mon"]', '["07:30", "11:30"]'), ["periods", "brackets"], id="not_nested"
        ),
        pytest.param(
            LEAST + hours('["mon"]', '[["00:00", "00:00"]]'),
            ["period 1", "same", '"24:00"'],
            id="period_empty",
        ),
        pytest.param(
            LEAST + hours('["mon"]', '[["24:00", "06:00"]]'), ["period 1", "next day"], id="start_24"
        ),
        pytest.param(
            LEAST + hours('["mon"]', str([[f"{h:02}:00", f"{h:02}:30"] for h in range(5)]).replace("'", '"')),
            ["[[hours]] 1 periods", "at most 4", "5"],
            id="periods_5",
        ),
        pytest.param(
            LEAST + hours('["mon"]', '[["07:30", "12:00"], ["11:30", "17:00"]]'),
            ["[[hours]] 1 periods", "11:30–17:00 on mon overlaps 07:30–12:00 on mon"],
            id="overlap",
        ),
        pytest.param(
            LEAST
            + hours('["mon", "tue"]', '[["07:30", "12:00"]]')
            + hours('["tue"]', '[["08:00", "09:00"]]'),
            ["[[hours]] 2 periods", "08:00–09:00 on tue", "of [[hours]] 1"],
            id="overlap_of_sets",
        ),
        # Two tables, and a night before: too many for one day's figures.
        pytest.param(
            LEAST
            + hours('["mon"]', '[["07:00", "08:00"], ["09:00", "10:00"], ["11:00", "12:00"]]')
            + hours('["mon"]', '[["13:00", "14:00"]]')
            + hours('["sun"]', '[["22:00", "06:00"]]'),
            ["[[hours]] periods: 5 of them touch mon", "room for 4"],
            id="too_many_with_the_night_before",
        ),
        # Sunday's night ends on Monday, in the next week.
        pytest.param(
            LEAST + hours('["sun"]', '[["22:00", "06:00"]]') + hours('["mon"]', '[["05:00", "07:00"]]'),
            ["[[hours]] 2 periods", "05:00–07:00 on mon overlaps 22:00–06:00 on sun"],
            id="overlap_over_the_week",
        ),
        # The calendar.
        pytest.param(LEAST + '[calendar]\ncountry = "vn"', ["country", '"vn"', '"VN"'], id="country_small"),
        pytest.param(LEAST + '[calendar]\ncountry = "VNM"', ["country", "two"], id="country_long"),
        # Two capital letters, but of no country: the United Kingdom is GB.
        pytest.param(
            LEAST + '[calendar]\ncountry = "UK"',
            ["[calendar]", "country", '"UK"', "no public holidays", "ISO 3166", '"VN"'],
            id="country_unknown",
        ),
        pytest.param(
            LEAST + '[calendar]\nholidays = ["2027-02-30"]', ["holidays, entry 1", "no such day"], id="no_day"
        ),
        pytest.param(
            LEAST + '[calendar]\nholidays = ["8.1.2027"]', ["holidays", "year-month-day"], id="date_form"
        ),
        pytest.param(LEAST + '[calendar]\nholidays = "2027-01-08"', ["holidays", "list"], id="date_alone"),
        pytest.param(
            LEAST + "[calendar]\nholidays = [2027-01-08T00:00:00]",
            ["holidays, entry 1", "date"],
            id="date_time",
        ),
        pytest.param(
            LEAST + '[calendar]\nworkdays = [{ date = "2027-01-09" }]',
            ["[calendar] workdays, entry 1, like", "missing"],
            id="swap_half",
        ),
        pytest.param(
            LEAST + '[calendar]\nworkdays = [{ date = "2027-01-09", like = "Mon" }]',
            ["workdays, entry 1, like", '"Mon"', "mon, tue"],
            id="swap_day",
        ),
        pytest.param(
            LEAST + "[calendar]\nworkdays = [" + 2 * '{ date = "2027-01-09", like = "mon" },' + "]",
            ["workdays", "2027-01-09", "once"],
            id="swap_twice",
        ),
        # Rules.
        pytest.param(LEAST + zone("camera"), ['[[zone]] 1 "camera" id', "another"], id="id_camera"),
        pytest.param(LEAST + zone("agent"), ['[[zone]] 1 "agent" id', "another"], id="id_agent"),
        pytest.param(
            LEAST + zone("gate") + line(), ["[[zone]] 1", '[[line]] 1 "gate"', "unique"], id="id_twice"
        ),
        pytest.param(LEAST + zone() + zone(), ["[[zone]] 2", "[[zone]] 1", "unique"], id="id_twice_zones"),
        pytest.param(
            LEAST + zone("a") + zone(polygon="[[0, 0], [1, 1.2], [0, 1]]"),
            ['[[zone]] 2 "waiting" polygon, corner 2', "[1, 1.2]", "0 to 1"],
            id="corner_outside",
        ),
        pytest.param(
            LEAST + zone(polygon="[[0, 0], [1, nan], [0, 1]]"), ["corner 2", "nan"], id="corner_nan"
        ),
        pytest.param(
            LEAST + zone(polygon="[[0, 0], [1, true], [0, 1]]"), ["corner 2", "true"], id="corner_bool"
        ),
        pytest.param(
            LEAST + zone(polygon="[[0, 0], [640, 480], [0, 1]]"), ["corner 2", "fractions"], id="pixels"
        ),
        pytest.param(
            LEAST + zone(polygon="[[0, 0], [1, 0, 0], [0, 1]]"), ["corner 2", "[x, y]"], id="corner_3d"
        ),
        pytest.param(
            LEAST + zone(polygon="[[0, 0], [1, 1]]"), ["polygon", "at least 3", "2"], id="corners_2"
        ),
        pytest.param(LEAST + zone(polygon="[]"), ["polygon = []", "at least 3"], id="corners_0"),
        pytest.param(LEAST + zone(polygon='"all"'), ["polygon", '"all"', "corners"], id="polygon_text"),
        pytest.param(
            LEAST + zone(polygon="[[0, 0], [1, 0], [1, 1], [0, 0]]"),
            ["polygon", "closes itself"],
            id="closed",
        ),
        pytest.param(
            LEAST + zone(polygon="[[0, 0], [1, 1], [1, 0], [0, 1]]"),
            ["polygon", "crosses itself"],
            id="bow_tie",
        ),
        pytest.param(LEAST + zone(polygon="[[0, 0], [0.5, 0.5], [1, 1]]"), ["polygon", "no area"], id="flat"),
        pytest.param(
            LEAST + zone(polygon="[[0, 0], [0.0001, 0], [0, 0.0001]]"), ["polygon", "no area"], id="tiny"
        ),
        pytest.param(
            LEAST + zone(more="min_dwell_s = -1"), ["min_dwell_s = -1", "seconds"], id="dwell_negative"
        ),
        pytest.param(
            LEAST + zone(more="overstay_s = 0"), ["overstay_s = 0", "seconds above 0"], id="overstay_0"
        ),
        pytest.param(
            LEAST + zone(more="min_dwell_s = 5\noverstay_s = 5"),
            ["overstay_s = 5", "more than min_dwell_s, which is 5"],
            id="overstay_of_passers",
        ),
        # Also where the least dwell is the usual one.
        pytest.param(
            LEAST + zone(more="overstay_s = 0.5"),
            ["overstay_s = 0.5", "more than min_dwell_s, which is 1"],
            id="overstay_of_passers_by_default",
        ),
        pytest.param(LEAST + zone(more="crowd = 1"), ["crowd = 1", "persons from 2"], id="crowd_1"),
        pytest.param(LEAST + zone(more="crowd = 2.5"), ["crowd = 2.5", "persons from 2"], id="crowd_part"),
        pytest.param(
            LEAST + zone(more="crowd = 5\ncrowd_after_s = -1"),
            ["crowd_after_s = -1", "0 to"],
            id="crowd_after",
        ),
        pytest.param(
            LEAST + zone(more="crowd_after_s = 30"),
            ["crowd_after_s = 30", "add crowd", "leave this out"],
            id="crowd_after_without_crowd",
        ),
        pytest.param(
            LEAST + line(more="used_by = 'clerks'"),
            ['used_by = "clerks"', '"everybody" or "staff"'],
            id="used_by",
        ),
        pytest.param(LEAST + zone(more="min_dwel_s = 1"), ["min_dwel_s", "min_dwell_s"], id="zone_typo"),
        pytest.param(LEAST + line(end="[0.5, 0]"), ['[[line]] 1 "gate" end', "same place"], id="line_point"),
        pytest.param(
            LEAST + line(end="[0.5, 0.3]", inside="[0.5, 0.9]"), ["inside", "line"], id="inside_on_line"
        ),
        pytest.param(
            LEAST + line(inside="[1.5, 0.5]"), ["inside = [1.5, 0.5]", "0 to 1"], id="inside_outside"
        ),
        pytest.param(
            LEAST + "[[line]]\nid = 'a'\nstart = [0, 0]\nend = [1, 1]", ["inside", "missing"], id="no_inside"
        ),
        pytest.param(
            LEAST + zone() + '[[counter]]\nid = "desk"\nstaff = "wating"',
            ['[[counter]] 1 "desk" staff', '"wating"', '"waiting"'],
            id="counter_no_zone",
        ),
        pytest.param(
            LEAST + '[[counter]]\nid = "desk"\nstaff = "staff"',
            ["staff", "no [[zone]] yet"],
            id="counter_no_zones",
        ),
        pytest.param(
            LEAST + zone() + '[[counter]]\nid = "desk"\nstaff = "waiting"\npublic = "waiting"',
            ["public", "zone of the staff"],
            id="counter_one_zone",
        ),
        pytest.param(
            LEAST + zone() + '[[counter]]\nid = "desk"\nstaff = "waiting"\nunattended_after_s = 0',
            ["unattended_after_s = 0", "above 0"],
            id="counter_0_s",
        ),
        # The broker.
        pytest.param(LEAST + "[mqtt]", ["[mqtt] host", "missing"], id="no_host"),
        pytest.param(LEAST + '[mqtt]\nhost = ""', ["[mqtt] host", "not empty"], id="host_empty"),
        pytest.param(LEAST + '[mqtt]\nhost = "mqtt://b"', ["host", '"broker.example"'], id="host_scheme"),
        pytest.param(LEAST + '[mqtt]\nhost = "b:1883"', ["host", "port = 1883"], id="host_port"),
        pytest.param(LEAST + '[mqtt]\nhost = "a b"', ["host", "spaces"], id="host_space"),
        pytest.param(LEAST + '[mqtt]\nhost = "[::1]"', ["host", "IPv6"], id="host_brackets"),
        pytest.param(mqtt("port = 0"), ["[mqtt] port = 0", "65535"], id="port_0"),
        pytest.param(mqtt("port = 65536"), ["[mqtt] port = 65536", "65535"], id="port_65536"),
        pytest.param(mqtt("port = 8883.0"), ["[mqtt] port = 8883.0", "whole"], id="port_float"),
        pytest.param(mqtt(f"port = 0x{'f' * 5000}"), ["port = a huge number"], id="port_huge"),
        pytest.param(mqtt("protocol = 4"), ["protocol = 4", "5", "311"], id="protocol_4"),
        pytest.param(mqtt("protocol = 3.11"), ["protocol = 3.11", "311"], id="protocol_float"),
        pytest.param(mqtt('tls = "false"'), ["tls", "true or false"], id="tls_text"),
        pytest.param(mqtt('password_file = "/p"'), ["[mqtt] username", "missing"], id="password_alone"),
        pytest.param(mqtt('certificate_file = "/c"'), ["[mqtt] key_file", "missing"], id="no_key"),
        pytest.param(mqtt('key_file = "/k"'), ["[mqtt] certificate_file", "missing"], id="no_certificate"),
        pytest.param(
            mqtt('username = "u"\npassword_file = "/p"\ncertificate_file = "/c"\nkey_file = "/k"'),
            ["[mqtt] password_file", "instead of a password"],
            id="two_proofs",
        ),
        pytest.param(
            mqtt('tls = false\nca_file = "/c"'), ["[mqtt] ca_file", "tls = true"], id="ca_without_tls"
        ),
        pytest.param(mqtt('ca_file = ""'), ["[mqtt] ca_file", "path"], id="ca_empty"),
        pytest.param(mqtt("ca_file = true"), ["[mqtt] ca_file = true", "path"], id="ca_bool"),
        # The log.
        pytest.param(LEAST + "[log]\nkeep_days = 0", ["[log] keep_days = 0", "above 0"], id="keep_0"),
        pytest.param(LEAST + "[log]\nkeep_mb = 0.5", ["[log] keep_mb = 0.5", "whole"], id="keep_half"),
        pytest.param(LEAST + '[log]\npath = "a\\u0000"', ["[log] path", "path"], id="log_path_nul"),
    ],
)
def test_load_wrong(tmp_path: Path, text: str, words: list[str]) -> None:
    (problem,) = problems(write(tmp_path, text))
    assert [word for word in words if word not in problem] == []
    assert_plain(problem)
    assert_translated(problem)


def assert_plain(problem: str) -> None:
    assert problem.endswith((".", "?"))
    assert problem.isprintable()
    assert len(problem) < 400
    assert not re.search(r"pydantic|https?://errors|Traceback|Value error|validation|Input should", problem)


def assert_translated(problem: str) -> None:
    translated = as_sentence(problem, VIETNAMESE)
    assert not ENGLISH_LEFT.search(translated)
    assert translated.endswith((".", "?"))


def test_load_tells_all_at_once(tmp_path: Path) -> None:
    text = """
        [device]
        site = "Quế Phong"
        [camera]
        source = "day.mp4"
        fps = 0
        size = [1, 1]
        [[zone]]
        id = "gate"
        polygon = [[0, 0], [2, 0], [0, "a"]]
        [[line]]
        id = "gate"
        [[counter]]
        id = "desk"
        staff = "nobody"
        public = 3
        [mqtt]
        tls = "no"
        key_file = "/k"
    """
    found = problems(write(tmp_path, text))
    for problem in found:
        assert_plain(problem)
    places = [re.split(r" =| is missing", problem)[0] for problem in found]
    assert places == [
        "[device] site",
        "[device] name",
        "[camera] size",
        "[camera] fps",
        '[[line]] 1 "gate" start',
        '[[line]] 1 "gate" end',
        '[[line]] 1 "gate" inside',
        '[[zone]] 1 "gate" polygon, corner 2',
        '[[zone]] 1 "gate" polygon, corner 3',
        '[[counter]] 1 "desk" public',
        "[mqtt] host",
        "[mqtt] tls",
        '[[zone]] 1 "gate" id',
        '[[counter]] 1 "desk" staff',
        "[mqtt] certificate_file",
    ]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(DEVICE + '[camera]\nsource = "rtsp://me:hunter2@host/1"', id="address"),
        # A password with a slash ends the host's part of the address early.
        pytest.param(DEVICE + '[camera]\nsource = "rtsp://me:a/hunter2@host/1"', id="slash"),
        pytest.param(DEVICE + '[camera]\nsource = "rtsp://host/user=me_password=hunter2"', id="path"),
        pytest.param(DEVICE + '[camera]\nsource = ["rtsp://me:hunter2@host/1"]', id="list"),
        pytest.param(LEAST + 'password = "hunter2"', id="unknown_key"),
        pytest.param(LEAST + '[mqtt]\nhost = "mqtts://me:hunter2@broker"', id="host"),
        # The password itself where its file is asked for, and in a table that is no table.
        pytest.param(mqtt('username = "u"\npassword_file = ["hunter2"]'), id="not_a_file"),
        pytest.param(LEAST + '[[mqtt]]\npassword = "hunter2"', id="not_a_table"),
    ],
)
def test_problem_hides_password(tmp_path: Path, text: str) -> None:
    (problem,) = problems(write(tmp_path, text))
    assert "hunter2" not in problem


# Each row: the bytes of a file that TOML can't read, and the words that its sentence must hold.
@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(
            b"[device]\nsite = que-phong\n",
            ["not valid TOML", "quotation marks", "line 2, column 8"],
            id="no_quotes",
        ),
        pytest.param(b'[device]\nsite = "que', ["not valid TOML", "line 2, column 12"], id="cut_off"),
        pytest.param(b"[device]\n[device]\n", ["twice", "line 2"], id="table_twice"),
        pytest.param(b"[device]\nsite = 'a'\nsite = 'b'\n", ["twice", "line 3"], id="key_twice"),
        pytest.param(b"a = " + b"[" * 10_000, ["nested"], id="deep"),
        pytest.param(b"a = " + b"1" * 5_000, ["number"], id="long_number"),
        pytest.param(LEAST.encode("utf-16"), ["UTF-8"], id="utf_16"),
        pytest.param('place = "Bộ"'.encode("cp1258", "replace") + b"\xff", ["UTF-8"], id="code_page"),
    ],
)
def test_load_unreadable(tmp_path: Path, content: bytes, words: list[str]) -> None:
    path = tmp_path / "agent.toml"
    path.write_bytes(content)
    (problem,) = problems(path)
    assert str(path) in problem
    assert [word for word in words if word not in problem] == []
    assert_plain(problem)
    assert_translated(problem)


def test_load_missing_file(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path / "none.toml")
    assert "none.toml" in problem
    assert "check --example" in problem


def test_load_folder(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path)
    assert "is a folder" in problem


def test_load_below_a_file(tmp_path: Path) -> None:
    (problem,) = problems(write(tmp_path, LEAST) / "agent.toml")
    assert "can't be read" in problem


@pytest.fixture
def unreadable(tmp_path: Path) -> Iterator[Path]:
    path = write(tmp_path, LEAST)
    path.chmod(0)
    # Root may read everything, so be somebody else for the length of the test.
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    yield path
    if root:
        os.seteuid(0)


def test_load_forbidden(unreadable: Path) -> None:
    (problem,) = problems(unreadable)
    assert "sudo" in problem


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param(LEAST + "[calendar]", ["[calendar]", "no use", "[[hours]]"], id="calendar"),
        pytest.param(mqtt("tls = false"), ["tls = false", "password", "read"], id="tls"),
        pytest.param(
            mqtt('username = "u"\npassword_file = "/p"'), ['"que-phong/one-stop"', "rights"], id="rights"
        ),
        pytest.param(
            mqtt('username = "que-phong/one-stop"'), ["username", "password_file"], id="no_password"
        ),
        pytest.param(LEAST.replace("day.mp4", "/dev/video0"), ["/dev/video0", "by-id"], id="usb_number"),
        pytest.param(LEAST.replace("day.mp4", "rtsp://h/1"), ["rtsp://h/1", "unencrypted"], id="rtsp"),
        pytest.param(
            LEAST + "[tamper]\naccept_new_view_s = 600",
            ["[tamper] accept_new_view_s", "no longer used", "accept-view"],
            id="accept_new_view",
        ),
        pytest.param(
            LEAST + 'username = "a"\npassword_file = "/p"', ["[camera]", "not used"], id="login_unused"
        ),
        pytest.param(
            desk("[[0.35, 0.1], [0.7, 0.1], [0.7, 0.4], [0.35, 0.4]]"),
            ['[[counter]] 1 "desk"', '"staff"', '"waiting"', "overlap", "apart"],
            id="desk_overlap",
        ),
        pytest.param(desk("[[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]"), ["overlap"], id="desk_around"),
    ],
)
def test_notices_one(tmp_path: Path, text: str, words: list[str]) -> None:
    (notice,) = notices(load(write(tmp_path, text)))
    assert [word for word in words if word not in notice] == []
    assert_plain(notice)
    assert_translated(notice)


def test_notices_silent_on_hours_and_counters(tmp_path: Path) -> None:
    text = LEAST + "night = true\n" + zone() + '[[counter]]\nid = "desk"\nstaff = "waiting"\n'
    text += hours('["mon"]', '[["08:00", "09:00"]]') + '[calendar]\ncountry = "VN"\n'
    assert notices(load(write(tmp_path, text))) == []


@pytest.mark.parametrize("left", ["0.4", "0.397"])  # an edge in common, and a hair over it
def test_notices_silent_on_neighbours(tmp_path: Path, left: str) -> None:
    text = desk(f"[[{left}, 0.1], [0.7, 0.1], [0.7, 0.4], [{left}, 0.4]]")
    assert notices(load(write(tmp_path, text))) == []


def test_notices_silent_on_defaults(tmp_path: Path) -> None:
    text = mqtt(
        'discovery = false\nusername = "que-phong/one-stop"\npassword_file = "/p"\n[log]\npath = "e.db"'
    )
    assert notices(load(write(tmp_path, text))) == []


@pytest.mark.parametrize(("keys", "port"), [("", 8883), ("tls = false", 1883), ("tls = false\nport = 9", 9)])
def test_mqtt_usual_port(tmp_path: Path, keys: str, port: int) -> None:
    loaded = load(write(tmp_path, mqtt(keys)))
    assert loaded.mqtt
    assert loaded.mqtt.port == port


def test_config_is_immutable(tmp_path: Path) -> None:
    loaded = load(write(tmp_path, CONTRACT))
    hash(loaded)  # only what is immutable all the way down has one
    with pytest.raises(ValueError, match="frozen"):
        loaded.device.site = "other"


def test_digest_changes_with_meaning_only(tmp_path: Path) -> None:
    def digest(text: str) -> str:
        return models.digest(load(write(tmp_path, text)))

    least = digest(LEAST)
    assert re.fullmatch(r"[0-9a-f]{16}", least)
    assert digest(CAMERA + "# a comment\nfps = 10\n" + DEVICE) == least
    assert digest(LEAST + "fps = 11") != least
    assert digest(CONTRACT) != least


def _places(table: dict[str, Any], path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    found: list[tuple[str | int, ...]] = []
    for key, value in table.items():
        found.append((*path, key))
        if isinstance(value, dict):
            found += _places(value, (*path, key))
        elif isinstance(value, list):
            found += [(*path, key, index) for index in range(len(value))]
            for index, item in enumerate(value):
                if isinstance(item, dict):
                    found += _places(item, (*path, key, index))
    return found


def _toml(value: Any) -> str:  # noqa: ANN401 - what TOML has
    match value:
        case bool():
            return str(value).lower()
        case str():
            return '"' + "".join(f"\\U{ord(character):08x}" for character in value) + '"'
        case list():
            return f"[{', '.join(map(_toml, value))}]"
        case dict():
            return f"{{{', '.join(f'{_toml(key)} = {_toml(item)}' for key, item in value.items())}}}"
        case date():
            return value.isoformat()
        case _:
            return str(value)


_KNOWN = [
    "id",
    "site",
    "polygon",
    "days",
    "periods",
    "start",
    "host",
    "source",
    "date",
    "like",
    "staff",
    "path",
]
_TEXT = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
    st.sampled_from(
        ["", "mon", "24:00", "gate", "rtsp://a:b@c", "://", "broker:1", "2027-01-09", "Asia", "\0"]
    ),
)
_SCALAR = st.one_of(
    st.booleans(),
    st.integers(),
    st.floats(),
    st.integers(2**64, 2**80),
    st.floats(0, 1),
    _TEXT,
    st.dates(),
    st.times(),
)
_JUNK = st.recursive(
    _SCALAR,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.sampled_from(_KNOWN) | _TEXT, inner, max_size=4)
    ),
    max_leaves=12,
)


@given(place=st.sampled_from(_places(tomllib.loads(CONTRACT))), junk=_JUNK)
@example(place=("zone", 1, "polygon"), junk=[[0, 0], [5e-324, 0], [1, 1]])
@example(place=("line", 0, "end"), junk=[0.65, 5e-324])
@example(place=("hours", 0, "periods"), junk=[["07:30", "11:30"]] * 50)
def test_load_junk_value(tmp_path_factory: pytest.TempPathFactory, place: tuple[Any, ...], junk: Any) -> None:  # noqa: ANN401
    table: Any = tomllib.loads(CONTRACT)
    text_of = table
    for key in place[:-1]:
        table = table[key]
    table[place[-1]] = junk
    text = "\n".join(f"{_toml(key)} = {_toml(value)}" for key, value in text_of.items())
    _load_or_tell(write(tmp_path_factory.getbasetemp(), text))


@given(key=_TEXT, junk=_JUNK, place=st.sampled_from(["", "device", "camera", "attention", "mqtt", "log"]))
def test_load_junk_key(tmp_path_factory: pytest.TempPathFactory, key: str, junk: Any, place: str) -> None:  # noqa: ANN401
    raw: Any = tomllib.loads(CONTRACT)
    (raw.setdefault(place, {}) if place else raw)[key] = junk
    text = "\n".join(f"{_toml(name)} = {_toml(value)}" for name, value in raw.items())
    _load_or_tell(write(tmp_path_factory.getbasetemp(), text))


def _load_or_tell(path: Path) -> None:
    try:
        loaded = load(path)
    except ConfigError as error:
        sentences = error.problems
    else:
        assert len(models.digest(loaded)) == 16
        sentences = (*notices(loaded), "It loads.")
    assert sentences
    for sentence in sentences:
        assert_plain(sentence)
