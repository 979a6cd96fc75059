"""Live changes as server-sent events: one look a second for all streams, bounded memory for each."""

# No `annotations` of the future: FastAPI reads them.
import asyncio
import json
import logging
from collections import deque
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Header, Request
from fastapi.responses import StreamingResponse
from starlette.exceptions import HTTPException

from agent.central.api.caller import ApiCaller, may_read
from agent.central.api.reading import ApiReading, Wanted
from agent.central.api.routes import Caller
from agent.errors import LogError

_log = logging.getLogger(__name__)

MOST_STREAMS: Final = 300
_MOST_WAITING: Final = 256
_LOOK_EVERY_S: Final = 1.0
_HEARTBEAT_S: Final = 15.0
_RETRY_MS: Final = 3000

live_router = APIRouter()


class _Everybody:
    """The hub itself: it reads for all streams, and each gets its own part."""

    sites = None
    places: frozenset[str] = frozenset()

    def is_valid(self) -> bool:
        return True


@dataclass(slots=True, eq=False)
class LiveStream:
    """One client's stream: what waits to be sent to it, and whether some of it had no room."""

    caller: ApiCaller
    waiting: deque[str] = field(default_factory=deque)
    overrun: bool = False
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, message: str) -> None:
        """Have a message sent; a client that is too slow loses all that waits, and is told."""
        if len(self.waiting) >= _MOST_WAITING:
            self.waiting.clear()
            self.overrun = True
        if not self.overrun:
            self.waiting.append(message)
        self.news.set()

    def take(self) -> list[str]:
        """What there is to send now."""
        self.news.clear()
        if self.overrun:
            self.overrun = False
            self.waiting.clear()
            return [message("resync", {})]
        found = list(self.waiting)
        self.waiting.clear()
        return found


class LiveHub:
    """Looks at the store while anybody listens, and passes on what changed."""

    def __init__(self, reading: ApiReading) -> None:
        """Take the store."""
        self._reading = reading
        self._streams: set[LiveStream] = set()
        self._task: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()
        self._newest = 0
        self._states: dict[tuple[str, str], str] = {}
        self._away = False
        self._closing = asyncio.Event()

    @property
    def streams(self) -> int:
        """How many there are."""
        return len(self._streams)

    def close(self) -> None:
        """End all streams, now and from now on: the server ends, and clients come again by themselves."""
        self._closing.set()
        for client in self._streams:
            client.news.set()

    async def stream(self, caller: ApiCaller, last: int | None) -> AsyncIterator[str]:
        """What one client gets, until it goes or may no longer read.

        Args:
            caller: whose sites are passed on.
            last: number of the newest event that the client has; None: it is new.
        """
        client = LiveStream(caller)
        self._streams.add(client)
        try:
            watching = await self._watched()
            told = {"n": self._newest} if last is None else {"n": self._newest, "after": last}
            yield f"retry: {_RETRY_MS}\n{message('hello', told, self._newest)}"
            while not self._closing.is_set():
                with suppress(TimeoutError):
                    await asyncio.wait_for(client.news.wait(), _HEARTBEAT_S)
                if self._closing.is_set() or watching.done():
                    # Nobody looks any more; the client comes again, and that starts it.
                    return
                if not await asyncio.to_thread(caller.is_valid):
                    yield message("end", {})
                    return
                yield "".join(client.take()) or ": still here\n\n"
        finally:
            self._streams.discard(client)

    async def _watched(self) -> asyncio.Task[None]:
        """The task that looks at the store; there is one, however many clients come at once."""
        async with self._starting:
            if self._task is None or self._task.done():
                await self._look(quiet=True)
                self._task = asyncio.create_task(self._watch())
            return self._task

    async def _watch(self) -> None:
        while self._streams:
            await asyncio.sleep(_LOOK_EVERY_S)
            await self._look()

    async def _look(self, *, quiet: bool = False) -> None:
        try:
            newest, states = await asyncio.to_thread(self._read)
        except LogError as error:
            if not self._away:
                _log.warning("live changes: %s", error)
            self._away = True
            return
        self._away = False
        changed = [(key, body) for key, body in states.items() if self._states.get(key) != body]
        gone = [key for key in self._states if key not in states]
        if not quiet:
            self._tell(newest, changed, gone)
        self._newest, self._states = newest, states

    def _read(self) -> tuple[int, dict[tuple[str, str], str]]:
        """The newest event's number, and every state as it is sent."""
        newest = self._reading.newest()
        return newest, {
            (f"{one.site}/{one.place}", one.rule): one.model_dump_json()
            for one in self._reading.states(Wanted(_Everybody()))
        }

    def _tell(
        self, newest: int, changed: Iterable[tuple[tuple[str, str], str]], gone: Iterable[tuple[str, str]]
    ) -> None:
        of_states = [(agent, f"event: state\ndata: {body}\n\n") for (agent, _), body in changed]
        for agent, rule in gone:
            site, _, place = agent.partition("/")
            of_states.append((agent, message("gone", {"site": site, "place": place, "rule": rule})))
        arrived = message("events", {"n": newest}, newest) if newest != self._newest else None
        for client in self._streams:
            for agent, text in of_states:
                if may_read(client.caller, agent):
                    client.put(text)
            if arrived:
                client.put(arrived)


def message(event: str, data: object, number: int | None = None) -> str:
    """One message of the stream.

    Args:
        event: its name.
        data: what it says.
        number: of the newest event, which the client names when it comes again.
    """
    numbered = "" if number is None else f"id: {number}\n"
    return f"event: {event}\n{numbered}data: {json.dumps(data)}\n\n"


@live_router.get(
    "/live",
    operation_id="live",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {}}, "description": "Server-sent events."}},
)
async def live(
    request: Request,
    caller: Caller,
    last_event_id: Annotated[str | None, Header(pattern=r"^\d{1,16}$")] = None,
) -> StreamingResponse:
    """Changes as they come: one stream for a browser, shared by its tabs.

    `hello` comes first, with the newest event's number; after it ask /state once. Then `state` (as /state has
    it) for each that changes, `gone` for a rule that is no more, `events` when there are new ones (ask
    /events), `resync` when this client was too slow (ask /state), `end` when it may no longer read.
    """
    hub: LiveHub = request.app.state.hub
    if hub.streams >= MOST_STREAMS:
        raise HTTPException(
            HTTPStatus.SERVICE_UNAVAILABLE, "too many streams are open", {"Retry-After": "30"}
        )
    last = None if last_event_id is None else int(last_event_id)
    return StreamingResponse(
        hub.stream(caller, last),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )
