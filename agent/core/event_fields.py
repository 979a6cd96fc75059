"""Field types of events: the Python type, and the form, unit and meaning of each on the wire.

A description reaches the JSON Schemas and the AsyncAPI document.
"""

# No `annotations` of the future: these are read at run time.
from datetime import date, datetime
from typing import Annotated, Final

from agent.core.event_form import OnWire
from agent.core.frame import Instant

# --- why: of the enums in `core/event.py` ---------------------------------------------------------------

CROSSING: Final = OnWire("'in': to the inner side of the line; 'out': away from it.", title="Direction")
ENDED: Final = OnWire(
    "How it is known to be over. 'seen': somebody was seen leaving; 'lost': last seen, and then no more; "
    "'blind': the camera could not see any more; 'closed': working hours ended; 'stopped': the agent ended "
    "in order, or the rule was taken away; 'restarted': the agent ended without order, told at its next "
    "start for the last moment on the card.",
    title="EndedWhy",
)
BLINDED: Final = OnWire(
    "Why the camera can't see. 'covered': something is before the lens; 'dark': no light; 'blurred': out of "
    "focus, dirty or wet; 'moved': it looks elsewhere; 'frozen': it gives the same picture again and again; "
    "'lost': it gives none.",
    title="BlindCause",
)
STARTED: Final = OnWire(
    "'new_log': the first start with this log; 'started': after an orderly stop; 'restarted': after a kill, "
    "a crash or a power cut.",
    title="StartCause",
)
STOPPED: Final = OnWire(
    "'signal': it was told to; 'recording_ended': its source was a recording, which is over; "
    "'recording_broken': one that broke off.",
    title="StopCause",
)
DROPPED: Final = OnWire(
    "'keep_days': they were older than `[log] keep_days`; 'keep_mb': the log reached `[log] keep_mb`; "
    "'disk_full': the card had no room for newer ones.",
    title="DropCause",
)

UPDATE: Final = OnWire(
    "Why it was not kept. 'configuration': it can't start with the configuration or its weights; 'log': it "
    "can't go on with the event log; 'not_ready': it did not become ready in time; 'ended': it ended; "
    "'unhealthy': it was less well than the version before; 'other': what this version has no word for.",
    title="UpdateCause",
)

MODE: Final = OnWire(
    "'attended': somebody is behind the desk; 'unattended': nobody is, for longer than is granted; "
    "'closed': outside working hours. Null: not known.",
    title="CounterMode",
)

# --- what happened --------------------------------------------------------------------------------------

Since = Annotated[
    Instant, OnWire("When it began: the first sighting, or the first sign. UTC to the millisecond.")
]
LastKnown = Annotated[
    Instant, OnWire("The last moment that the log knew of before; absent with a new log. UTC.")
]
TrackId = Annotated[
    str,
    OnWire(
        "One person's visit: its other events carry the same. Names nobody; gone with the visit.",
        pattern=r"^t[0-9a-f]*-?[0-9]+$",
        longest=24,
    ),
]
Confidence = Annotated[
    float, OnWire("How sure the detector was of the person, 0 to 1; no probability.", least=0, most=1)
]
DwellS = Annotated[
    float, OnWire("From the first to the last sighting of the visit, s: it ended then.", least=0)
]
SpellS = Annotated[float, OnWire("How long somebody was in the zone, s, whoever it was.", least=0)]
CrowdedS = Annotated[float, OnWire("How long so many persons were in the zone, s.", least=0)]
CrowdNow = Annotated[int, OnWire("Persons in the zone when that was sure.", least=0)]
MostOfCrowd = Annotated[
    int, OnWire("The most persons in the zone at one time from `since` on.", word="max", least=0)
]
PersonsNow = Annotated[int, OnWire("Persons in the zone after it.", least=0)]
Waiting = Annotated[
    int, OnWire("Persons in the counter's public zone; absent where it has none, or not known.", least=0)
]
SpellBlindS = Annotated[float, OnWire("How long nobody could have been seen, s.", least=0)]
VERSION_PATTERN: Final = r"^[0-9][0-9A-Za-z.+~-]{0,39}$"
FromVersion = Annotated[
    str, OnWire("Version that was in force, and is again.", pattern=VERSION_PATTERN, longest=40)
]
ToVersion = Annotated[str, OnWire("Version that failed.", pattern=VERSION_PATTERN, longest=40)]
FirstGone = Annotated[int, OnWire("Number of the first event that is gone.", least=1)]
LastGone = Annotated[int, OnWire("Number of the last event that is gone.", least=1)]
OffsetS = Annotated[float, OnWire("UTC since 1970 less monotonic time, s, in this boot from here on.")]

# --- sums of quarters and days --------------------------------------------------------------------------

QuarterStart = Annotated[datetime, OnWire("Begin of the quarter of an hour; UTC.")]
QuarterEnd = Annotated[datetime, OnWire("End of the quarter of an hour; UTC.")]
LocalDate = Annotated[date, OnWire("The date, at the place's own time.")]
LengthS = Annotated[
    float, OnWire("Length of the date, s: 23 to 25 hours, where summer time begins or ends.", least=0)
]
BlindS = Annotated[
    float, OnWire("For so much of it nobody could have been seen, s: blind, or no agent that ran.", least=0)
]
InCount = Annotated[int, OnWire("Crossings to the inner side, persons.", word="in", least=0)]
OutCount = Annotated[int, OnWire("Crossings to the outer side, persons.", word="out", least=0)]
Visits = Annotated[int, OnWire("Visits that began in that time.", least=0)]
OccupiedS = Annotated[float, OnWire("How long somebody was in the zone, s.", least=0)]
MostAtOnce = Annotated[int, OnWire("The most persons in the zone at one time.", word="max", least=0)]
AttendedS = Annotated[float, OnWire("Working time in which somebody was behind the desk, s.", least=0)]
UnattendedS = Annotated[float, OnWire("Working time in which nobody was behind the desk, s.", least=0)]
Waits = Annotated[
    int,
    OnWire(
        "Visits to the public zone that ended in that time, of somebody seen leaving or lost who was not "
        "behind the desk before, meanwhile or within a minute after; absent without a public zone.",
        least=0,
    ),
]
_ABSENT = "of those visits, s; absent: there were none."
WaitP50S = Annotated[float, OnWire(f"Median {_ABSENT} By the nearest rank.", least=0)]
WaitP90S = Annotated[float, OnWire(f"The 90th percentile {_ABSENT} By the nearest rank.", least=0)]
WaitMaxS = Annotated[float, OnWire(f"The longest {_ABSENT}", least=0)]
LongestUnattendedS = Annotated[float, OnWire("The longest stretch of that, s.", least=0)]
FirstIn = Annotated[
    datetime, OnWire("The date's first crossing to the inner side; absent: there was none. UTC.")
]
LastOut = Annotated[
    datetime, OnWire("The date's last crossing to the outer side; absent: there was none. UTC.")
]
_LOCAL_TIME = r"^\d\d:\d\d$"
PeriodStart = Annotated[
    str, OnWire("Begin of the working period, local, as configured.", pattern=_LOCAL_TIME)
]
PeriodEnd = Annotated[str, OnWire("End of the working period, local, as configured.", pattern=_LOCAL_TIME)]
InBeforeStart = Annotated[int, OnWire("Crossings in before the period's start, persons.", least=0)]
InAfterStart = Annotated[int, OnWire("Crossings in after the period's start, persons.", least=0)]
OutBeforeEnd = Annotated[int, OnWire("Crossings out before the period's end, persons.", least=0)]
OutAfterEnd = Annotated[int, OnWire("Crossings out after the period's end, persons.", least=0)]

# --- states: null while they are not known --------------------------------------------------------------

InToday = Annotated[
    int, OnWire("Crossings to the inner side since local midnight, persons; null: not known.", least=0)
]
OutToday = Annotated[
    int, OnWire("Crossings to the outer side since local midnight, persons; null: not known.", least=0)
]
PersonsThere = Annotated[int, OnWire("Persons in the zone; null: not known.", least=0)]
WaitingNow = Annotated[
    int, OnWire("Persons in the counter's public zone; null: not known, or it has no public zone.", least=0)
]
WaitingSince = Annotated[
    Instant,
    OnWire(
        "Since when the one who has waited longest is in the counter's public zone, but for those who "
        "were behind the desk; null: nobody waits, not known, or no public zone. UTC to the millisecond."
    ),
]
