"""Looks at places, written to the access log before anything is shown."""

from __future__ import annotations

import re
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, Final

from agent.central.api.caller import may_ask
from agent.central.people.access_log import EVERYWHERE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agent.central.people.access_log import AccessLog, Kind
    from agent.central.web.callers import WebCaller
    from agent.central.web.rights import Right

# Who asks again and again looks once in that time.
_AGAIN_S: Final[Mapping[Kind, float]] = {"account": 900.0, "screen": 86_400.0, "token": 86_400.0}
_MOST: Final = 20_000
_NAME: Final = re.compile(r"[a-z0-9-]{1,32}")


class Looks:
    """Writes who looks at what; a look that can't be written is not had."""

    def __init__(self, log: AccessLog) -> None:
        """Take the log."""
        self._log = log
        self._lock = Lock()
        self._written: dict[tuple[str, str, str, str], float] = {}

    def note(self, caller: WebCaller, right: Right, query: Mapping[str, str]) -> None:
        """Write a look, once in a while.

        Args:
            caller: who looks.
            right: at what.
            query: of the address.

        Raises:
            LogError: it can't be written.
        """
        actor, now_s = caller.actor, monotonic()
        places = _places(caller, right, query) if right.shows == "own" else [""]
        if right.shows == "log" and caller.who == "staff":
            # Whoever asks who looked at them is not watched for that.
            return
        keys = {place: (actor.kind, actor.name, right.path, place) for place in places}
        with self._lock:
            new = [
                place
                for place, key in keys.items()
                if now_s - self._written.get(key, -1e9) >= _AGAIN_S[actor.kind]
            ]
        if not new:
            return
        self._log.append(actor, "looked", right.path, new)
        with self._lock:
            if len(self._written) > _MOST:
                self._written.clear()
            self._written.update((keys[place], now_s) for place in new)


def _places(caller: WebCaller, right: Right, query: Mapping[str, str]) -> list[str]:
    """Which sites and places are shown; none: it will be refused."""
    site, place = (query.get(name) if name in right.narrowed_by else None for name in ("site", "place"))
    everywhere = [EVERYWHERE] if caller.sites is None else sorted({*caller.sites, *caller.places})
    if any(name is not None and not _NAME.fullmatch(name) for name in (site, place)):
        return []
    if site is None:
        return everywhere
    if not may_ask(caller, site, place):
        return []
    if place is not None:
        return [f"{site}/{place}"]
    whole = caller.sites is None or site in caller.sites
    return [site] if whole else [one for one in everywhere if one.startswith(f"{site}/")]
