"""Pages made of templates, in Vietnamese, or English where that was chosen; all values are escaped."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from agent.central.web.callers import CALLER
from agent.central.web.forms import FIELD, FormSecret
from agent.central.web.rights import is_page
from agent.locale.language import N_, language_of

if TYPE_CHECKING:
    from starlette.requests import Request

LANGUAGE_COOKIE: Final = "__Host-presence-language"
LANGUAGES: Final = ("vi", "en")
FOLDER: Final = Path(__file__).parent
_ERRORS: Final = {
    HTTPStatus.BAD_REQUEST: N_("This address can't be understood."),
    HTTPStatus.FORBIDDEN: N_("You may not see this page."),
    HTTPStatus.NOT_FOUND: N_("There is no such page."),
    HTTPStatus.METHOD_NOT_ALLOWED: N_("There is no such page."),
    HTTPStatus.SERVICE_UNAVAILABLE: N_("This can't be answered just now; try again in a minute."),
}
_OLD_FORM: Final = N_("This page was open for too long. Go back, load it once more, and try again.")
_ANY_ERROR: Final = N_("Something went wrong here; whoever keeps this machine finds it in the journal.")
ROLE_NAMES: Final = {
    "leader": N_("leader"),
    "staff": N_("staff"),
    "technician": N_("technician"),
    "auditor": N_("auditor"),
    "admin": N_("administrator"),
    "screen": N_("screen"),
    "token": N_("program"),
    "command": N_("administrator of the machine"),
    "nobody": N_("this system"),
    "account": "",
}
# What the access log names, in words.
ACTS: Final = {
    "looked": N_("looked at"),
    "signed in": N_("signed in"),
    "signed out": N_("signed out"),
    "refused": N_("wrong password"),
    "screen set up": N_("screen set up"),
    "added": N_("added"),
    "removed": N_("removed"),
    "password": N_("changed the password of"),
    "trimmed": N_("deleted old rows of this log"),
}
LOOKED_AT: Final = {
    "/access": N_("this log"),
    "/api/v1/sites": N_("the list of sites"),
    "/api/v1/places": N_("the list of places"),
    "/api/v1/state": N_("how many are there now"),
    "/api/v1/live": N_("how many are there now, going on"),
    "/api/v1/quarters": N_("sums of quarters of an hour"),
    "/api/v1/days": N_("sums of days"),
    "/api/v1/devices": N_("how the devices are"),
    "/api/v1/events": N_("single events"),
    "/metrics": N_("figures of the devices for monitoring"),
}


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.policies["ext.i18n.trimmed"] = True
    return made


def language_name(request: Request) -> str:
    """The language that this browser chose; Vietnamese otherwise."""
    chosen = request.cookies.get(LANGUAGE_COOKIE)
    return chosen if chosen in LANGUAGES else LANGUAGES[0]


def page(request: Request, name: str, status: int = HTTPStatus.OK, **values: object) -> HTMLResponse:
    """Make a page.

    Args:
        request: whose language and caller it is for.
        name: of the template.
        status: HTTP's.
        **values: that the template puts in.
    """
    language = language_name(request)
    words, secret = language_of(language), FormSecret(request)
    caller = request.scope.get(CALLER)
    here = request.url.path
    text = (
        _environment()
        .get_template(name)
        .render(
            **values,
            _=words.gettext,
            language=language,
            here=here if is_page(here) else "/",
            caller=caller,
            role=words.gettext(ROLE_NAMES[caller.who]) if caller else "",
            form_field=FIELD,
            form_value=secret.field,
        )
    )
    response = HTMLResponse(text, status, {"Cache-Control": "no-store"})
    secret.put(response)
    return response


def error_page(request: Request, status: int, detail: str = "") -> HTMLResponse:
    """A page that says what is wrong.

    Args:
        request: that can't be answered.
        status: HTTP's.
        detail: form: it was not one of ours.
    """
    said = _OLD_FORM if detail == "form" else _ERRORS.get(HTTPStatus(status), _ANY_ERROR)
    return page(request, "error.html", status, said=language_of(language_name(request)).gettext(said))


def local_time(ms: int) -> str:
    """A moment in this machine's time, with its distance from UTC."""
    return datetime.fromtimestamp(ms / 1000).astimezone().strftime("%Y-%m-%d %H:%M:%S %z")
