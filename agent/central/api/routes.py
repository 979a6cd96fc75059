"""Routes of API v1: what is asked for is read from the address, and answered with an ETag."""

# No `annotations` of the future: FastAPI reads them.
import hashlib
from collections.abc import Callable  # noqa: TC003 - as all others
from datetime import date, datetime
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import AfterValidator, BaseModel, TypeAdapter
from starlette.exceptions import HTTPException

from agent.central.api.caller import ApiCaller, may_ask, may_read
from agent.central.api.cursors import day_cursor, quarter_cursor
from agent.central.api.models import (
    BuildingAnswer,
    DaysPage,
    DeviceAnswer,
    EventsPage,
    PlaceAnswer,
    QuartersPage,
    SiteAnswer,
    StateAnswer,
)
from agent.central.api.reading import ApiReading, Wanted
from agent.central.moments import LAST_MS

_DEFAULT, _MOST = 500, 2000
_TYPE = r"^[a-z_]{1,32}\.[a-z_]{1,32}$"
_NAME = r"^[a-z0-9-]{1,32}$"

router = APIRouter()


def reading_of(request: Request) -> ApiReading:
    """The store of this application."""
    reading: ApiReading = request.app.state.reading
    return reading


def caller_of(request: Request) -> ApiCaller:
    """Who asks; the application that signs people in says it, or refuses."""
    ask: Callable[[Request], ApiCaller] = request.app.state.caller_of
    return ask(request)


Reading = Annotated[ApiReading, Depends(reading_of)]
Caller = Annotated[ApiCaller, Depends(caller_of)]
Name = Annotated[str | None, Query(pattern=_NAME)]
Limit = Annotated[int, Query(ge=1, le=_MOST, description="How many at the most.")]


def wanted_of(caller: Caller, site: Name = None, place: Name = None, rule: Name = None) -> Wanted:
    """What is asked for; a site that the caller may not read is refused, whether or not it is there."""
    if site is not None and not may_ask(caller, site, place):
        raise HTTPException(HTTPStatus.FORBIDDEN, "site: this caller may not read it")
    return Wanted(caller, site, place, rule)


def _zoned(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("give a time with its zone, 2026-11-22T00:00:00Z")
    return moment


WantedPart = Annotated[Wanted, Depends(wanted_of)]
Moment = Annotated[datetime | None, Query(), AfterValidator(lambda at: at and _zoned(at))]
_SITES = TypeAdapter(list[SiteAnswer])
_PLACES = TypeAdapter(list[PlaceAnswer])
_STATES = TypeAdapter(list[StateAnswer])
_BUILDINGS = TypeAdapter(list[BuildingAnswer])
_DEVICES = TypeAdapter(list[DeviceAnswer])


def answer(request: Request, content: bytes) -> Response:
    """The answer, or 304 where the caller has it already."""
    etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
    held = request.headers.get("If-None-Match", "")
    if held.strip() == "*" or etag in {one.strip().removeprefix("W/") for one in held.split(",")}:
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(content, headers=headers, media_type="application/json")


def _page(request: Request, page: BaseModel) -> Response:
    return answer(request, page.model_dump_json().encode())


def _list(request: Request, adapter: TypeAdapter[Any], items: list[Any]) -> Response:
    return answer(request, adapter.dump_json(items))


@router.get("/sites", response_model=list[SiteAnswer], operation_id="sites")
def sites(request: Request, reading: Reading, caller: Caller) -> Response:
    """Sites that the caller may read."""
    return _list(request, _SITES, reading.sites(caller))


@router.get("/places", response_model=list[PlaceAnswer], operation_id="places")
def places(request: Request, reading: Reading, wanted: WantedPart) -> Response:
    """Places with their rules and working hours, as their devices say them."""
    return _list(request, _PLACES, reading.places(wanted))


@router.get("/state", response_model=list[StateAnswer], operation_id="state")
def state(request: Request, reading: Reading, wanted: WantedPart) -> Response:
    """What holds now for each rule."""
    return _list(request, _STATES, reading.states(wanted))


@router.get("/buildings", response_model=list[BuildingAnswer], operation_id="buildings")
def buildings(request: Request, reading: Reading, caller: Caller, site: Name = None) -> Response:
    """How many are in each building now; of sites that the caller may read as a whole."""
    if site is not None and not may_read(caller, f"{site}/"):
        raise HTTPException(HTTPStatus.FORBIDDEN, "site: this caller may not read it")
    return _list(request, _BUILDINGS, reading.buildings(caller, site))


@router.get("/devices", response_model=list[DeviceAnswer], operation_id="devices")
def devices(request: Request, reading: Reading, wanted: WantedPart) -> Response:
    """Devices: whether they are there, and how they are."""
    return _list(request, _DEVICES, reading.devices(wanted))


@router.get("/events", response_model=EventsPage, operation_id="events")
def events(
    request: Request,
    reading: Reading,
    wanted: WantedPart,
    after: Annotated[int, Query(ge=0, le=2**53, description="The `next` of the answer before.")] = 0,
    limit: Limit = _DEFAULT,
    type: Annotated[list[Annotated[str, Query(pattern=_TYPE)]] | None, Query()] = None,  # noqa: A002 - its name
) -> Response:
    """Events in the order in which they came."""
    return _page(request, reading.events(wanted, after, limit, type or ()))


@router.get("/quarters", response_model=QuartersPage, operation_id="quarters")
def quarters(
    request: Request,
    reading: Reading,
    wanted: WantedPart,
    start: Annotated[Moment, Query(description="Quarters that start then or later.")] = None,
    end: Annotated[Moment, Query(description="Quarters that start before then.")] = None,
    after: Annotated[
        str | None, Query(max_length=128, description="The `next` of the answer before.")
    ] = None,
    limit: Limit = _DEFAULT,
) -> Response:
    """Quarters of an hour by their start."""
    start_ms = 0 if start is None else round(start.timestamp() * 1000)
    end_ms = LAST_MS if end is None else round(end.timestamp() * 1000)
    behind = None if after is None else quarter_cursor(after)
    return _page(request, reading.quarters(wanted, start_ms, end_ms, behind, limit))


@router.get("/days", response_model=DaysPage, operation_id="days")
def days(
    request: Request,
    reading: Reading,
    wanted: WantedPart,
    first: Annotated[date | None, Query(description="First local date.")] = None,
    last: Annotated[date | None, Query(description="Last local date.")] = None,
    changed_after: Annotated[
        str, Query(max_length=128, description="The `next` of the answer before, or ms since 1970.")
    ] = "0",
    limit: Limit = _DEFAULT,
) -> Response:
    """Days of rules in the order in which they came or changed: late figures come again."""
    dates = [None if one is None else one.isoformat() for one in (first, last)]
    return _page(request, reading.days(wanted, (dates[0], dates[1]), day_cursor(changed_after), limit))
