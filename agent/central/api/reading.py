"""Reading of the store for the API: rows of a caller's sites, in the order of their cursors."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from time import time_ns
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import column, func, select, table, tuple_

from agent.central.api.caller import may_read
from agent.central.api.cursors import DayCursor, QuarterCursor
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
from agent.central.api.shaping import (
    NO_INFO,
    DeviceKept,
    PlaceInfo,
    day_answer,
    device_answer,
    event_answer,
    place_answer,
    place_info,
    quarter_answer,
    state_answer,
)
from agent.central.database import tables
from agent.central.database.agents import load_agents
from agent.central.database.buildings import inside_now
from agent.central.database.engine import make_engine, translated
from agent.central.moments import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import ColumnElement, Connection, Select
    from sqlalchemy.engine import URL

    from agent.central.api.caller import ApiCaller
    from agent.central.api.shaping import Row
    from agent.central.database.buildings import InsideNow
    from agent.central.settings import BuildingConfig

# So many events are looked through for those that are asked for, before an answer without them says how far.
_MOST_LOOKED_AT: Final = 20_000
_STATE_NOW: Final = table(
    "state_now", *(column(name) for name in ("agent", "rule", "kind", "ts_ms", "body", "why"))
)
_INFO_NOW: Final = table("info_now", column("agent"), column("body"))
_info_of: Final = lru_cache(maxsize=4096)(place_info)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What part of a caller's is asked for.

    Attributes:
        caller: who asks.
        site, place, rule: only of these; None: of all.
    """

    caller: ApiCaller
    site: str | None = None
    place: str | None = None
    rule: str | None = None

    @property
    def everything(self) -> bool:
        """Whether no agent is left out."""
        return self.caller.sites is None and self.site is None and self.place is None

    def includes(self, agent: str) -> bool:
        """Whether an agent, site/name, is asked for and may be read."""
        site, _, place = agent.partition("/")
        return may_read(self.caller, agent) and self.site in {None, site} and self.place in {None, place}


def _now_ms() -> int:
    return time_ns() // 1_000_000


class ApiReading:
    """Reads a store that somebody else writes; each call sees one moment of it."""

    def __init__(self, url: URL, buildings: Sequence[BuildingConfig] = ()) -> None:
        """Take where it is; it connects when it is asked.

        Args:
            url: of `database_url`.
            buildings: those that are counted.
        """
        self._url, self._buildings = url, buildings
        self._engine = make_engine(url, reading=True)

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    @contextmanager
    def _moment(self) -> Iterator[Connection]:
        """One transaction that only reads; LogError: the store can't be read."""
        postgres = self._url.get_backend_name() == "postgresql"
        with translated(self._url), self._engine.connect() as connection:
            level = "REPEATABLE READ" if postgres else "SERIALIZABLE"
            yield connection.execution_options(isolation_level=level)

    # --- sites, places, devices, states

    def sites(self, caller: ApiCaller) -> list[SiteAnswer]:
        """The sites that there are, with the names of their places."""
        found: dict[str, list[str]] = {}
        with self._moment() as connection:
            for agent in self._agents(connection, Wanted(caller)):
                site, _, place = agent.partition("/")
                found.setdefault(site, []).append(place)
        return [SiteAnswer(site=site, places=places) for site, places in found.items()]

    def places(self, wanted: Wanted) -> list[PlaceAnswer]:
        """The places, with what their devices say of them."""
        with self._moment() as connection:
            infos = self._infos(connection)
            return [
                place_answer(agent, infos.get(agent, NO_INFO)) for agent in self._agents(connection, wanted)
            ]

    def states(self, wanted: Wanted) -> list[StateAnswer]:
        """What holds now for each rule."""
        query = select(_STATE_NOW).order_by(_STATE_NOW.c.agent, _STATE_NOW.c.rule)
        if wanted.rule is not None:
            query = query.where(_STATE_NOW.c.rule == wanted.rule)
        with self._moment() as connection:
            infos = self._infos(connection)
            return [
                state_answer(dict(row), infos.get(row["agent"], NO_INFO))
                for row in connection.execute(query).mappings()
                if wanted.includes(row["agent"])
            ]

    def buildings(self, caller: ApiCaller, site: str | None) -> list[BuildingAnswer]:
        """How many are in each building of a site that the caller may read as a whole.

        Args:
            caller: who asks.
            site: only of this one; None: of all.
        """
        now_ms = _now_ms()
        with self._moment() as connection:
            return [
                _building_answer(building, inside_now(connection, building, now_ms))
                for building in self._buildings
                if may_read(caller, f"{building.site}/") and site in {None, building.site}
            ]

    def devices(self, wanted: Wanted) -> list[DeviceAnswer]:
        """Every device, those that are retired too."""
        agent, now_ms = tables.agent.c, _now_ms()
        query = select(agent.agent, agent.state, agent.heard_ms, agent.health).order_by(agent.agent)
        with self._moment() as connection:
            infos, kept = self._infos(connection), load_agents(connection)
            found = []
            for row in connection.execute(query):
                if not wanted.includes(row.agent):
                    continue
                logs = kept[row.agent].logs
                now = logs.get(kept[row.agent].log)
                missing = sum(last - first + 1 for log in logs.values() for first, last in log.missing)
                device = DeviceKept(
                    row.agent, row.state, row.heard_ms, row.health, now.highest if now else None, missing
                )
                found.append(device_answer(device, infos.get(row.agent, NO_INFO), now_ms))
        return found

    # --- events and sums

    def events(self, wanted: Wanted, after: int, limit: int, types: Sequence[str] = ()) -> EventsPage:
        """Events behind a number of arrival.

        Args:
            wanted: of whom.
            after: the last number that the caller has.
            limit: of the answer.
            types: only these; none: all.
        """
        event = tables.event.c
        with self._moment() as connection:
            store = connection.execute(select(tables.store.c.id)).scalar_one_or_none() or ""
            newest = connection.execute(select(func.max(event.n))).scalar_one() or 0
            through = min(newest, after + max(_MOST_LOOKED_AT, limit))
            query = select(tables.event).where(event.n > after, event.n <= through).order_by(event.n)
            if types:
                query = query.where(event.type.in_(types))
            if wanted.rule is not None:
                query = query.where(event.rule == wanted.rule)
            rows = self._rows(connection, query.where(*self._of(connection, event.agent, wanted)), limit)
            infos = self._infos(connection) if rows else {}
        if len(rows) == limit:
            through = rows[-1]["n"]
        items = [event_answer(row, infos.get(row["agent"], NO_INFO)) for row in rows]
        return EventsPage(store=store, items=items, next=max(through, after), more=through < newest)

    def quarters(
        self, wanted: Wanted, start_ms: int, end_ms: int, after: QuarterCursor | None, limit: int
    ) -> QuartersPage:
        """Quarters of an hour that start in a span of time.

        Args:
            wanted: of whom.
            start_ms: from then on, since 1970.
            end_ms: before then.
            after: the last one that the caller has.
            limit: of the answer.
        """
        quarter = tables.quarter.c
        if after:
            start_ms = max(start_ms, after.start_ms)
        key = tuple_(quarter.start_ms, quarter.agent, quarter.rule)
        query = (
            select(tables.quarter)
            .where(quarter.start_ms >= start_ms, quarter.start_ms < end_ms)
            .order_by(quarter.start_ms, quarter.agent, quarter.rule)
        )
        if after:
            query = query.where(key > tuple_(*after))
        if wanted.rule is not None:
            query = query.where(quarter.rule == wanted.rule)
        with self._moment() as connection:
            rows = self._rows(connection, query.where(*self._of(connection, quarter.agent, wanted)), limit)
            infos = self._infos(connection) if rows else {}
        items = [quarter_answer(row, infos.get(row["agent"], NO_INFO)) for row in rows]
        last = rows[-1] if len(rows) == limit else None
        further = QuarterCursor(last["start_ms"], last["agent"], last["rule"]).text() if last else None
        return QuartersPage(items=items, next=further)

    def days(
        self, wanted: Wanted, dates: tuple[str | None, str | None], after: DayCursor, limit: int
    ) -> DaysPage:
        """Days that changed behind a moment, in the order in which they did.

        Args:
            wanted: of whom.
            dates: first and last of the local dates; None: as far as there are any.
            after: the last one that the caller has.
            limit: of the answer.
        """
        day = tables.day.c
        key = tuple_(day.changed_ms, day.agent, day.rule, day.date)
        # What is written later changed later (`database.sums`): nothing comes in before what was given.
        query = (
            select(tables.day)
            .where(day.changed_ms >= after.changed_ms, key > tuple_(*after))
            .order_by(day.changed_ms, day.agent, day.rule, day.date)
        )
        first, last = dates
        if first is not None:
            query = query.where(day.date >= first)
        if last is not None:
            query = query.where(day.date <= last)
        if wanted.rule is not None:
            query = query.where(day.rule == wanted.rule)
        with self._moment() as connection:
            rows = self._rows(connection, query.where(*self._of(connection, day.agent, wanted)), limit)
            infos = self._infos(connection) if rows else {}
        items = [day_answer(row, infos.get(row["agent"], NO_INFO)) for row in rows]
        if rows:
            end = rows[-1]
            after = DayCursor(end["changed_ms"], end["agent"], end["rule"], end["date"])
        return DaysPage(items=items, next=after.text(), more=len(rows) == limit)

    def newest(self) -> int:
        """The number of the newest event."""
        with self._moment() as connection:
            return int(connection.execute(select(func.max(tables.event.c.n))).scalar_one() or 0)

    # --- parts

    @staticmethod
    def _rows(connection: Connection, query: Select[Any], limit: int) -> list[Row]:
        return [dict(row) for row in connection.execute(query.limit(limit)).mappings()]

    def _of(
        self, connection: Connection, agent: ColumnElement[str], wanted: Wanted
    ) -> list[ColumnElement[bool]]:
        """The condition that leaves out what may not be read, or is not asked for."""
        if wanted.everything:
            return []
        names = connection.execute(select(tables.agent.c.agent)).scalars()
        return [agent.in_([name for name in names if wanted.includes(name)])]

    @staticmethod
    def _agents(connection: Connection, wanted: Wanted) -> list[str]:
        """The agents that are not retired."""
        agent = tables.agent.c
        query = select(agent.agent).where(agent.state != "retired").order_by(agent.agent)
        return [name for name in connection.execute(query).scalars() if wanted.includes(name)]

    @staticmethod
    def _infos(connection: Connection) -> dict[str, PlaceInfo]:
        return {row.agent: _info_of(row.body) for row in connection.execute(select(_INFO_NOW))}


def _building_answer(building: BuildingConfig, inside: InsideNow) -> BuildingAnswer:
    return BuildingAnswer(
        site=building.site,
        name=building.name,
        persons=inside.persons,
        since=None if inside.since_ms is None else text_of(inside.since_ms),
        blind_s=inside.blind_s,
        line=inside.line,
        why={} if inside.why is None else {"persons": inside.why},
    )
