"""Table of rights: every path of the centre, who may use it, and what of it is written to the access log.

The application is built from it, and the gate in front refuses whatever has no row here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final, Literal

from starlette.routing import compile_path

from agent.central.api.application import ROOT
from agent.central.people.reach import ROLES, Role

if TYPE_CHECKING:
    import re

Who = Role | Literal["screen", "token"]
# Signed in or not.
EVERYBODY: Final[frozenset[Who]] = frozenset((*ROLES, "screen", "token"))
_PEOPLE: Final[frozenset[Who]] = frozenset(ROLES)


@dataclass(frozen=True, slots=True)
class Right:
    """A row: who may use a path.

    Attributes:
        method: HTTP's.
        path: as the application's routes name it, {…} for what differs.
        who: roles, screens, tokens.
        open: who is not signed in may use it too.
        shows: own: what it shows is of the caller's own sites and places, and written to the access log;
            log: the access log itself; nothing: nothing of any place.
        narrowed_by: words of the address's query that narrow what is shown; all others change nothing, also
            of what is written.
    """

    method: str
    path: str
    who: frozenset[Who]
    open: bool = False
    shows: Literal["own", "log", "nothing"] = "nothing"
    narrowed_by: tuple[str, ...] = ()

    @property
    def of_programs(self) -> bool:
        """Whether its errors are for programs (problem documents) and not for people (pages)."""
        return self.path.startswith(f"{ROOT}/") or self.path == "/metrics"


def _who(*who: Who) -> frozenset[Who]:
    return frozenset(who)


def _api(name: str, *who: Who, narrowed_by: tuple[str, ...] = ("site", "place")) -> Right:
    """A path of the API: a token reads all of it."""
    return Right("GET", f"{ROOT}/{name}", frozenset((*who, "token")), shows="own", narrowed_by=narrowed_by)


RIGHTS: Final[tuple[Right, ...]] = (
    # Pages.
    Right("GET", "/", _PEOPLE | _who("screen")),
    Right("GET", "/access", _who("staff", "auditor", "admin"), shows="log"),
    Right("POST", "/logout", _PEOPLE),
    # Before anybody is signed in.
    Right("GET", "/login", EVERYBODY, open=True),
    Right("POST", "/login", EVERYBODY, open=True),
    Right("GET", "/language/{language}", EVERYBODY, open=True),
    Right("GET", "/root", EVERYBODY, open=True),
    Right("GET", "/root.pem", EVERYBODY, open=True),
    Right("GET", "/screen/{code}", EVERYBODY, open=True),
    Right("POST", "/screen/{code}", EVERYBODY, open=True),
    Right("GET", "/static/style.css", EVERYBODY, open=True),
    # API. It describes itself to everybody, and says nothing of any place there.
    Right("GET", f"{ROOT}/openapi.json", EVERYBODY, open=True),
    _api("sites", *ROLES, "screen", narrowed_by=()),
    _api("places", *ROLES, "screen"),
    _api("state", "leader", "staff", "technician", "admin", "screen"),
    _api("buildings", "leader", "technician", "admin", "screen", narrowed_by=("site",)),
    _api("live", "leader", "staff", "technician", "admin", "screen", narrowed_by=()),
    _api("quarters", "leader", "staff", "admin"),
    _api("days", "leader", "staff", "admin"),
    _api("devices", "technician", "admin"),
    # Single crossings and visits: people see past days no finer than a quarter of an hour.
    _api("events"),
    Right("GET", "/metrics", _who("technician", "admin", "token"), shows="own"),
)


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], Right], ...]:
    return tuple((compile_path(right.path)[0], right) for right in RIGHTS)


def rights_of(path: str) -> dict[str, Right]:
    """The rows of a path, by method.

    Args:
        path: as it was asked for, without its query.
    """
    return {right.method: right for pattern, right in _patterns() if pattern.fullmatch(path)}


def is_page(path: str) -> bool:
    """Whether somebody may be sent to this path after signing in."""
    right = rights_of(path).get("GET")
    return right is not None and not right.of_programs and "{" not in right.path and not path.startswith("//")
