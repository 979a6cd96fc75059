"""Kinds of rules, each put together from what the rooms have registered of it."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from agent.config.rule_tables import RULE_TABLES, RuleTable
from agent.core.event import KINDS
from agent.core.geometry import Line, Shape, Zone
from agent.core.registry import Registry
from agent.presence.kinds import PRESENCE_KINDS, PresenceKind
from agent.presence.settings import CounterSettings, LineSettings, OneRuleSettings, ZoneSettings
from agent.render.chart import CHART_ROWS, ChartRow
from agent.render.sentences import RULE_WORDS, RuleWords
from agent.render.timeline import ROW_KINDS, RowKind
from agent.wire.counter import CounterGeometryWire
from agent.wire.line import LineGeometryWire
from agent.wire.rule_kinds import WIRE_KINDS
from agent.wire.zone import ZoneGeometryWire

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from agent.app.shapes import PlacedView
    from agent.config.models import Config, CounterConfig, LineConfig, ZoneConfig
    from agent.core.geometry import Polygon
    from agent.wire.rule_form import GeometryWire, WireKind

# No track is confirmed earlier: for so long after a start an empty zone is not known to be empty.
BIRTH_S: Final = 1.0
_LONGEST_START_S = 10.0


@dataclass(frozen=True, slots=True)
class PlacedKind:
    """How rules of a kind that lie in the picture are laid there.

    Attributes:
        shape: where a table's rule lies in a view.
        drawn: of a table, what was drawn on the picture; with the rule's id.
    """

    shape: Callable[[Any, PlacedView], Shape]
    drawn: Callable[[Any], tuple[object, ...]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RuleKind:
    """A kind of rule: its part in each room, all under the same id, and what leads from its table to them.

    Attributes:
        presence, table, wire, words, row: as the rooms have them.
        chart: how its row is drawn; None: as bars and marks.
        settings: of a table, what the ledger needs.
        geometry: of a table, what `info` has.
        placed: how it lies in the picture; None: it only follows other rules.
    """

    presence: PresenceKind
    table: RuleTable
    wire: WireKind
    words: RuleWords
    row: RowKind
    chart: ChartRow | None = None
    settings: Callable[[Any], OneRuleSettings]
    geometry: Callable[[Any], GeometryWire]
    placed: PlacedKind | None = None

    def __post_init__(self) -> None:
        """ValueError: its parts are of several kinds, or it has only one of two that go together."""
        parts = (self.presence, self.table, self.wire, self.words, self.row, self.chart)
        ids = {part.kind_id for part in parts if part}
        if len(ids) > 1:
            raise ValueError(f"the parts of a kind have different ids: {', '.join(sorted(ids))}")
        if (self.presence.track_rule is None) != (self.placed is None):
            raise ValueError(f"{self.kind_id}: what makes events of tracks lies in the picture")

    @property
    def kind_id(self) -> str:
        """The id of the kind, and name of its table."""
        return self.presence.kind_id

    def tables(self, config: Config) -> tuple[Any, ...]:
        """The tables of this kind."""
        return getattr(config, self.kind_id, ())


class _HasPolygon(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def polygon(self) -> Polygon: ...


def _zone_settings(table: ZoneConfig) -> ZoneSettings:
    return ZoneSettings(table.id, table.min_dwell_s, min(BIRTH_S + table.min_dwell_s, _LONGEST_START_S))


def _built_in(kind_id: str, **how: Any) -> RuleKind:  # noqa: ANN401 - fields of a RuleKind
    return RuleKind(
        presence=PRESENCE_KINDS[kind_id],
        table=RULE_TABLES[kind_id],
        wire=WIRE_KINDS[kind_id],
        words=RULE_WORDS[kind_id],
        row=ROW_KINDS[kind_id],
        chart=CHART_ROWS[kind_id],
        **how,
    )


def _line(table: LineConfig, at: PlacedView) -> Line:
    return Line(table.id, *at.segment(table.start, table.end, table.inside))


def _zone(table: ZoneConfig, at: PlacedView) -> Zone:
    return Zone(
        table.id,
        at.region(table.polygon),
        table.min_dwell_s,
        overstay_s=table.overstay_s,
        crowd=table.crowd,
        crowd_after_s=table.crowd_after_s,
    )


def _area(table: _HasPolygon, at: PlacedView) -> Zone:
    return Zone(table.id, at.region(table.polygon), 0.0)


def _drawn_area(table: _HasPolygon) -> tuple[object, ...]:
    return table.id, table.polygon


AREA: Final = PlacedKind(_area, _drawn_area)
"""For a kind whose tables have a `polygon`."""


def _line_geometry(table: LineConfig) -> GeometryWire:
    return LineGeometryWire(
        rule=table.id, start=table.start, end=table.end, inside=table.inside, used_by=table.used_by
    )


def _zone_geometry(table: ZoneConfig) -> GeometryWire:
    return ZoneGeometryWire(
        rule=table.id,
        polygon=table.polygon,
        min_dwell_s=table.min_dwell_s,
        overstay_s=table.overstay_s,
        crowd=table.crowd,
        crowd_after_s=table.crowd_after_s if table.crowd is not None else None,
    )


def _counter_settings(table: CounterConfig) -> CounterSettings:
    return CounterSettings(table.id, table.staff, table.public, table.unattended_after_s)


def _counter_geometry(table: CounterConfig) -> GeometryWire:
    return CounterGeometryWire(
        rule=table.id,
        staff=table.staff,
        public=table.public,
        unattended_after_s=table.unattended_after_s,
    )


RULE_KINDS: Final[Registry[RuleKind]] = Registry(
    lambda kind: kind.kind_id,
    (
        _built_in(
            "line",
            settings=lambda table: LineSettings(table.id),
            geometry=_line_geometry,
            placed=PlacedKind(_line, lambda table: (table.id, table.start, table.end, table.inside)),
        ),
        _built_in(
            "zone",
            settings=_zone_settings,
            geometry=_zone_geometry,
            placed=PlacedKind(_zone, _drawn_area),
        ),
        _built_in("counter", settings=_counter_settings, geometry=_counter_geometry),
    ),
)
"""Every kind, in the order in which its rules report."""


@contextmanager
def registered(kind: RuleKind) -> Iterator[None]:
    """Register a further kind in all rooms, for as long as the context lasts.

    Raises:
        ValueError: its id, or the type of one of its events, is taken.
    """
    with ExitStack() as stack:
        for context in (
            KINDS.extended(*kind.presence.events),
            PRESENCE_KINDS.extended(kind.presence),
            RULE_TABLES.extended(kind.table),
            WIRE_KINDS.extended(kind.wire),
            RULE_WORDS.extended(kind.words),
            ROW_KINDS.extended(kind.row),
            CHART_ROWS.extended(*((kind.chart,) if kind.chart else ())),
            RULE_KINDS.extended(kind),
        ):
            stack.enter_context(context)
        yield
