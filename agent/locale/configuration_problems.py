"""Sentences on a configuration file, as whoever shows them recognises and translates them.

Each is the one in the code, {…} for what it puts in. One that is not here stays English.
"""

from __future__ import annotations

from agent.locale.language import N_

_FILE: tuple[str, ...] = (
    N_("{path}: there is no such file; `presence-agent check --example gate` prints one to start with."),
    N_("{path} is a folder; give the file in it, such as {file}."),
    N_("{path} can't be read by the user {user}; {problem}."),
    N_("{path} is not UTF-8 text; save it as UTF-8 in the editor."),
    N_("{path} is larger than {most} kB, which no configuration is; check that it is the right file."),
    N_("{path} is not valid TOML: {problem}, at {problem_place}."),
    N_("{path} is not valid TOML: {problem}."),
    N_("a key or table is there twice"),
    N_("a value can't be read (text stands in quotation marks)"),
    N_("its brackets are nested too deeply"),
    N_("it has a number that is too long"),
    N_("There is no example for {name}; there are {places}."),
    N_(
        "The public holidays of {country} can't be worked out ({problem}); install the agent's packages "
        "again, or leave [calendar] country out and list the days off in holidays."
    ),
)
_NAMES: tuple[str, ...] = (
    N_("[{table}] is missing: add this table, with {listed} in it."),
    N_("{where} is missing: add it, for example {example}."),
    N_("{where} is missing: add it, for there is a password_file."),
    N_("{where} is missing: add it beside {other}, each needs the other."),
    N_("{where} is unknown: did you mean {near}?"),
    N_("{where} is unknown: this table has no settings in this version yet, leave the key out."),
    N_("{where} is unknown here: it belongs under {listed_homes}; known here are {known}."),
    N_("{where} is unknown here: known here are {known}."),
    N_("{where} is outside of every table: put it under {listed_homes}."),
)
_CONFLICTS: tuple[str, ...] = (
    N_("{where}: {first} has it already; ids are unique over lines, zones and counters, give another."),
    N_("{where}: no [[zone]] has this id; the file has no [[zone]] yet, add it."),
    N_("{where}: no [[zone]] has this id; the file has {zones}."),
    N_("{where}: this is the zone of the staff; give the zone in front of the desk, or leave public out."),
    N_(
        "[mqtt] password_file: leave it out, for certificate_file stands instead of a password; "
        "or leave out certificate_file and key_file."
    ),
    N_("{where}: without TLS it has no use; give tls = true, or leave {key} out."),
    N_("{where}: {period} overlaps {other}; let one end before the other starts."),
    N_(
        "[[hours]] periods: {number} of them touch {day}, with those that started the day before; "
        "a day's figures have room for {most}, so join some or leave some out."
    ),
    N_(
        "[device] site = {site} and name = {name} have {number} characters together, and at most {most} fit "
        "into a certificate; shorten one of them."
    ),
    N_("[detector] model = {model}: give {listed}."),
)
# What `check` calls an example's, and what belongs there.
_EXAMPLES: tuple[str, ...] = (
    N_("{where} = {value}: still an example's; {problem}."),
    N_("give the name or address of your broker"),
    N_("give the address of your camera"),
    N_("write what belongs there instead of it"),
    N_("draw it on what this camera sees"),
    N_("blank what this camera must not see, or leave masks out"),
    N_("give your office's own if it is another"),
    N_("give this camera's own if it is another, once in its site"),
    N_("say where this camera is if it is elsewhere"),
)
_NOTICES: tuple[str, ...] = (
    N_("There is no [[line]] and no [[zone]]: nothing will be published but that the agent runs."),
    N_("{where}: there is no such file or folder yet."),
    N_("{where}: there is no such camera now; plug it in."),
    N_("{where}: there is no such file yet."),
    N_("[mqtt] tls = false: anybody on the network can read the password and all events."),
    N_(
        "[mqtt] username = {name} is not {own}, the <site>/<name> of [device]: "
        "the supplied broker rights are a pattern on it and will refuse this agent's topics."
    ),
    N_(
        "[mqtt] username is given without password_file or certificate_file: the broker can't "
        "distinguish this agent from any other that uses the name."
    ),
    N_(
        "{where}: pictures and login cross the network unencrypted, "
        "unlike a Pi's own camera's; keep that network apart."
    ),
    N_("[camera] username and password_file are not used: only an rtsp:// source has a login."),
    N_(
        "{where}: this number may be another camera's after a restart; "
        "give the name that ls /dev/v4l/by-id shows."
    ),
    N_("[calendar] has no use without [[hours]]: where there are no working hours it is always open."),
    N_(
        "[tamper] accept_new_view_s is no longer used: a camera that was moved counts again once it is "
        "put back, or `presence-agent accept-view` says that its view is right now; take the line out."
    ),
    N_(
        '[[counter]] {number} "{counter}": its zones {staff} and {public} overlap; '
        "who stands in both is staff and waiting too. Draw them apart."
    ),
)
# Corrections of a value.
_CORRECTIONS: tuple[str, ...] = (
    N_("give true or false, without quotation marks"),
    N_("give a text in quotation marks"),
    N_("give a text that is not empty"),
    N_("leave out the spaces"),
    N_("give 0 or 180, in degrees"),
    N_("give 5 for MQTT 5 or 311 for MQTT 3.1.1"),
    N_("give a whole number above 0"),
    N_("give a whole number from {least} to {most}"),
    N_("give a number of seconds from {least} to {most}"),
    N_("give a number of seconds above 0, at most {most}"),
    N_("give a number above 0 and at most 120, in frames a second"),
    N_('give times as "HH:MM" from "00:00" to "24:00", for example "07:30"'),
    N_('give a start and an end, for example ["07:30", "11:30"]'),
    N_('give a date as year-month-day, for example "2027-01-08"'),
    N_("there is no such day in the calendar; give year-month-day"),
    N_(
        "{listed_signs} can't be in it, for it becomes a level of the MQTT topic; use a–z, 0–9 and '-', "
        "for example {example}"
    ),
    N_("give 1 to {most} characters of a–z, 0–9 and '-' in quotation marks"),
    N_("give only the name or number of the broker, for example {example}"),
    N_("give the port apart: host = {host} and port = {port}"),
    N_("give the path of a file in quotation marks, for example {example}"),
    N_(
        "give [x, y], two numbers from 0 to 1: fractions of the picture's width and height, from its top left"
    ),
    N_("give at least 3 different corners; this has {corners}"),
    N_(
        'give "picamera2", a device such as "/dev/v4l/by-id/…", an address "rtsp://…", '
        "or the path of a recording or of a folder of pictures"
    ),
    N_("leave the login out of the address; give username and password_file beside it in [camera]"),
    N_(
        "give [width, height] in pixels, two even whole numbers from {least} to {most}, "
        "for example [1280, 720]"
    ),
    N_('give a name of the time zone database such as "Asia/Ho_Chi_Minh", with its capital letters'),
    N_("give a table: a header in brackets, with its keys in the lines below"),
    N_("write its header as {header}, with one pair of brackets, for there is only one"),
    N_("write its header as {header}, with two pairs of brackets, for there may be several"),
    N_("{problem}, with a pair of brackets around them all"),
    N_("give a list of at least 3 corners [x, y]"),
    N_("give a list of polygons [[x, y], …]"),
    N_('give a list of days, for example ["mon", "tue"]'),
    N_('give a list of periods ["HH:MM", "HH:MM"]'),
    N_('give a list of dates, for example ["2027-01-08"]'),
    N_("give a list such as {example}"),
    N_("give a number of days; 0 is for ever"),
    N_("give a number of days, 1 to 60"),
    N_("give a number of months; 0 is for ever"),
    N_('give a list of lines as device/rule, for example ["gate/main"]'),
    N_("give at least one day"),
    N_("give at least one period"),
    N_("give one of {days}"),
    N_("name each day once; {days} is there more than once"),
    N_("name each date once; {dates} is there more than once"),
    N_("give at most {most} periods; this has {number}"),
    N_("give at most {most} dates, years that are over can go; this has {number}"),
    N_('start and end are the same; a whole day is ["00:00", "24:00"]'),
    N_('no period starts at "24:00"; give "00:00" and name the next day'),
    N_('give the two capital letters of ISO 3166, for example "VN"'),
    N_(
        "no public holidays are known for this code; give the two capital letters of ISO 3166, "
        'for example "VN", or leave country out and list the days off in holidays'
    ),
    N_("leave out line breaks, tabs and other control characters"),
    N_("give at most {most} characters; this has {number}"),
    N_("give 1 to {most} characters of a–z, 0–9 and '-'; this has {number}"),
    N_("`camera` and `agent` stand for the device itself in topics; give another id"),
    N_("give the id of a zone in quotation marks"),
    N_("give a number of persons from {least} to {most}"),
    N_("give more than min_dwell_s, which is {least}: shorter visits are passers-by"),
    N_("add crowd, how many persons are one, or leave this out; alone it has no use"),
    N_('give "everybody" or "staff"'),
    N_('give "yolox_nano", or "yolox_tiny" for a Pi 5'),
    N_(
        "rtsps is not taken, since the camera's certificate can't be checked; give rtsp://, on a network "
        "of the cameras' own"
    ),
    N_('give the host and, if need be, a port from 1 to 65535: "rtsp://192.168.1.20:554/…"'),
    N_("this is neither a name nor an IPv6 address such as fd00::1"),
    N_("give at most {most} corners; this has {number}"),
    N_("leave out the corner that is there twice; the outline closes itself after the last one"),
    N_("the outline crosses itself; give the corners in the order of a walk around the area"),
    N_("there is no area in it; give the corners of the outline of an area"),
    N_("start and end are the same place; give the two ends of the line"),
    N_("this is on the line, or where the line would go on; give a point clearly on the inner side"),
    N_("give a number between 0 and 1"),
    N_("give a number between 0 and 1; lower finds more and errs more"),
    N_("give a number from 1 to 30, in looks a second"),
    N_("give a number from 1 (no crops) to 4, times the whole picture's scale"),
    N_("give a grey level between 0 (black) and 255 (white)"),
)
_VALUE: tuple[str, ...] = (N_("{where} = {value}: {problem}."),)
# A value that is wrong is last: nearly all of the others look like one.
CONFIGURATION_PROBLEMS: tuple[str, ...] = (
    *_FILE,
    *_NAMES,
    *_CONFLICTS,
    *_EXAMPLES,
    *_NOTICES,
    *_CORRECTIONS,
    *_VALUE,
)
