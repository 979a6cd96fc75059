"""Words of charts, in English, marked for the catalogues."""

from __future__ import annotations

from typing import Final

from agent.locale.language import N_, NC_

CHART_WORDS: Final = {
    "camera": NC_("chart", "camera"),
    "present": NC_("chart", "persons"),
    "in": NC_("chart", "in"),
    "out": NC_("chart", "out"),
    "attended": NC_("chart", "attended"),
    "unattended": NC_("chart", "unattended"),
    "closed": NC_("chart", "closed"),
    "after_hours": NC_("chart", "after hours"),
    "overstayed": NC_("chart", "long stays"),
    "crowded": NC_("chart", "crowds"),
    "dropped": NC_("chart", "events lost"),
    "blind": NC_("chart", "camera can't see"),
    "down": NC_("chart", "agent not running"),
    "hours": NC_("chart", "working hours"),
    "covered": NC_("chart", "covered"),
    "dark": NC_("chart", "dark"),
    "blurred": NC_("chart", "blurred"),
    "moved": NC_("chart", "moved"),
    "frozen": NC_("chart", "frozen"),
    "lost": NC_("chart", "no camera"),
    "stopped": NC_("chart", "stopped"),
    "restarted": NC_("chart", "was down"),
    "new_log": NC_("chart", "no log yet"),
    "visits": NC_("chart", "visits {number}"),
    "most": NC_("chart", "at most {number}"),
    "in all": NC_("chart", "{time} occupied"),
    "nothing": NC_("chart", "no events"),
}
DAY_NAMES: Final = (
    N_("Monday"),
    N_("Tuesday"),
    N_("Wednesday"),
    N_("Thursday"),
    N_("Friday"),
    N_("Saturday"),
    N_("Sunday"),
)
