"""Registry of the tables of rules: `[[line]]`, `[[zone]]`, `[[counter]]` and those that are registered."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from types import GenericAlias
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import create_model

from agent.config.messages import headed, shown
from agent.config.models import Config, CounterConfig, LineConfig, RuleConfig, ZoneConfig
from agent.config.types import tables
from agent.core.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


def _none(_raw: Mapping[str, Any]) -> Iterator[str]:
    yield from ()


@dataclass(frozen=True, slots=True, eq=False)
class RuleTable:
    """The table of a kind of rule, which may be there several times.

    Attributes:
        kind_id: of the kind, and name of the table.
        model: of one table.
        conflicts: yields sentences on what is in contradiction to other tables, from the file as it is.
    """

    kind_id: str
    model: type[RuleConfig]
    conflicts: Callable[[Mapping[str, Any]], Iterator[str]] = _none


def listed_tables(raw: Mapping[str, Any], name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Tables of a name, each with its header; nothing where the file has something else there."""
    listed = raw.get(name)
    for index, table in enumerate(listed if isinstance(listed, list) else ()):
        if isinstance(table, dict):
            yield headed(name, index, table), table


def _zones_unknown(raw: Mapping[str, Any]) -> Iterator[str]:
    """Counters whose zones the file has not."""
    zones = [table["id"] for _, table in listed_tables(raw, "zone") if isinstance(table.get("id"), str)]
    there = (
        f"the file has {', '.join(map(shown, zones))}" if zones else "the file has no [[zone]] yet, add it"
    )
    for header, table in listed_tables(raw, "counter"):
        for key in ("staff", "public"):
            zone = table.get(key)
            if isinstance(zone, str) and zone not in zones:
                yield f"{header} {key} = {shown(zone)}: no [[zone]] has this id; {there}."
        if isinstance(table.get("staff"), str) and table.get("staff") == table.get("public"):
            yield (
                f"{header} public = {shown(table['public'])}: this is the zone of the staff; give the zone "
                "in front of the desk, or leave public out."
            )


RULE_TABLES: Final = Registry(
    lambda table: table.kind_id,
    (
        RuleTable("line", LineConfig),
        RuleTable("zone", ZoneConfig),
        RuleTable("counter", CounterConfig, _zones_unknown),
    ),
)


def config_model() -> type[Config]:
    """The model of the whole file, with the tables of every registered kind of rule."""
    more = tuple(table for table in RULE_TABLES if table.kind_id not in Config.model_fields)
    return _config_model(more) if more else Config


@cache
def _config_model(more: tuple[RuleTable, ...]) -> type[Config]:
    fields: dict[str, Any] = {
        table.kind_id: (Annotated[GenericAlias(tuple, (table.model, ...)), tables(table.kind_id)], ())
        for table in more
    }
    return create_model(Config.__name__, __base__=Config, __doc__=Config.__doc__, **fields)


def rule_tables(config: Config) -> Iterator[tuple[str, tuple[RuleConfig, ...]]]:
    """The rules of each registered kind, with the kind's id."""
    for kind_id in RULE_TABLES.ids:
        yield kind_id, getattr(config, kind_id, ())
