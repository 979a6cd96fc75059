"""Page /access: who looked at what; staff see it of their own place, auditors of their own sites."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from starlette.concurrency import run_in_threadpool

from agent.central.people.access_log import EVERYWHERE
from agent.central.web.callers import CALLER
from agent.central.web.rendering import (
    ACTS,
    LOOKED_AT,
    ROLE_NAMES,
    error_page,
    language_name,
    local_time,
    page,
)
from agent.locale.language import language_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from gettext import NullTranslations

    from starlette.requests import Request
    from starlette.responses import Response

    from agent.central.people.access_log import AccessLog
    from agent.central.people.chain import AccessEntry
    from agent.central.web.callers import WebCaller

_ON_A_PAGE: Final = 100
_PLACE: Final = re.compile(r"[a-z0-9-]{1,32}(/[a-z0-9-]{1,32})?")
_NUMBER: Final = re.compile(r"\d{1,15}")


class AccessPage:
    """The page."""

    def __init__(self, log: AccessLog) -> None:
        """Take the log."""
        self._log = log

    async def show(self, request: Request) -> Response:
        """The newest rows that this caller may see, newest first."""
        caller: WebCaller = request.scope[CALLER]
        place, before = (request.query_params.get(name, "") for name in ("place", "before"))
        if (place and not _PLACE.fullmatch(place)) or (before and not _NUMBER.fullmatch(before)):
            return error_page(request, HTTPStatus.BAD_REQUEST)
        # Who signed in, and who was added, is of no site: only those see it who see all.
        whole = caller.who != "staff" and caller.sites is None
        reach = None if whole else caller.reach
        found = await run_in_threadpool(
            self._log.page, reach, int(before) if before else None, _ON_A_PAGE + 1, place or None
        )
        words = language_of(language_name(request))
        return page(
            request,
            "access.html",
            rows=[_in_words(entry, words) for entry in found[:_ON_A_PAGE]],
            further=found[_ON_A_PAGE - 1].n if len(found) > _ON_A_PAGE else None,
            place=place,
            everything=reach is None,
        )


def _in_words(entry: AccessEntry, words: NullTranslations) -> Mapping[str, str]:
    kind = ROLE_NAMES.get(entry.kind, entry.kind)
    what = LOOKED_AT.get(entry.what, entry.what) if entry.act == "looked" else entry.what
    return {
        "n": str(entry.n),
        "when": local_time(entry.ts_ms),
        "kind": words.gettext(kind) if kind else "",
        "who": entry.who,
        "act": words.gettext(ACTS[entry.act]) if entry.act in ACTS else entry.act,
        "what": words.gettext(what) if what else "",
        "place": words.gettext("all places") if entry.place == EVERYWHERE else entry.place,
    }
