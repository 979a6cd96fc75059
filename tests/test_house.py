"""Rooms, names, sizes and state of the package, by reading its code; each failure says where."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from functools import cache
from typing import TYPE_CHECKING

import pytest
from pydantic import BaseModel

from agent.config import models
from agent.config.models import Config
from agent.wire import (
    calendar,
    commands,
    counter,
    events,
    health,
    home_assistant,
    line,
    payloads,
    rule_form,
    zone,
)
from tests.conftest import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

PACKAGE = ROOT / "agent"
MOST_ROOMS = 20
MOST_LINES = 400
MOST_LINES_OF_A_FUNCTION = 60
LOOSE = {"__init__", "__main__", "errors", "pipeline"}
# A docstring names the thing; one that begins so is a riddle.
RIDDLE = re.compile(r"(What|Who|Whose|Whether|How|Where|When|Which|Why)\b")
Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def modules() -> dict[str, ast.Module]:
    """All modules of the package, by their paths in it."""
    return {
        str(path.relative_to(PACKAGE)): ast.parse(path.read_text()) for path in sorted(PACKAGE.rglob("*.py"))
    }


def classes() -> Iterator[tuple[str, ast.ClassDef]]:
    for path, tree in modules().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                yield path, node


def test_rooms_are_few_and_nothing_lies_loose() -> None:
    rooms = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()}
    assert len(rooms) <= MOST_ROOMS
    assert {path.stem for path in PACKAGE.glob("*.py")} == LOOSE


def test_class_names_are_unique() -> None:
    places = defaultdict(list)
    for path, node in classes():
        if not node.name.startswith("_"):
            places[node.name].append(path)
    assert not [f"{name}: {found}" for name, found in places.items() if len(found) > 1]


@pytest.mark.parametrize("module", [models], ids=["config"])
def test_configuration_tables_end_in_config(module: ModuleType) -> None:
    assert not [name for name in _models_in(module) if not name.endswith(Config.__name__)]


@pytest.mark.parametrize(
    "module",
    [calendar, commands, counter, events, health, home_assistant, line, payloads, rule_form, zone],
)
def test_wire_models_end_in_wire(module: ModuleType) -> None:
    assert not [name for name in _models_in(module) if not name.endswith("Wire")]


def _models_in(module: ModuleType) -> list[str]:
    found = [
        name
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, BaseModel) and value.__module__ == module.__name__
    ]
    assert found
    return found


def test_docstrings_of_modules_begin_with_a_name() -> None:
    first = {path: (ast.get_docstring(tree) or "").partition("\n")[0] for path, tree in modules().items()}
    assert not [f"{path}: {line}" for path, line in first.items() if not line or RIDDLE.match(line)]


def test_modules_are_short() -> None:
    lengths = {path: len((PACKAGE / path).read_text().splitlines()) for path in modules()}
    assert not {path: length for path, length in lengths.items() if length > MOST_LINES}


def test_functions_are_short() -> None:
    assert not [
        f"{path}: {node.name} has {length} lines"
        for path, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, Function)
        and (length := (node.end_lineno or node.lineno) - node.lineno + 1) > MOST_LINES_OF_A_FUNCTION
    ]


def test_state_is_set_where_it_is_made() -> None:
    """Whoever reads `__init__` has seen every attribute that there will be."""
    by_name = {node.name: node for _, node in classes()}
    assert not sorted(
        {
            f"{path}: {node.name}.{name} is first set in {function.name}"
            for path, node in classes()
            for function in node.body
            if isinstance(function, Function) and function.name not in MAKING
            for name in _set_in(function) - _made_in(node, by_name)
        }
    )


MAKING = {"__init__", "__new__", "__post_init__"}


def _set_in(function: Function) -> set[str]:
    """Names of the attributes of `self` that a method assigns."""
    return {
        node.attr
        for node in ast.walk(function)
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Store)
        and isinstance(node.value, ast.Name)
        and node.value.id == "self"
    }


def _made_in(node: ast.ClassDef, by_name: dict[str, ast.ClassDef]) -> set[str]:
    """Fields, properties with a setter, and all that a constructor sets, of a class and its bases here."""
    made: set[str] = set()
    for part in node.body:
        if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name):
            made.add(part.target.id)
        elif isinstance(part, Function):
            made |= _set_in(part) if part.name in MAKING else set()
            made |= {part.name} if any(_is_setter(one) for one in part.decorator_list) else set()
    for given in node.bases:
        base = given.value if isinstance(given, ast.Subscript) else given
        if isinstance(base, ast.Name) and base.id in by_name:
            made |= _made_in(by_name[base.id], by_name)
    return made


def _is_setter(decorator: ast.expr) -> bool:
    return isinstance(decorator, ast.Attribute) and decorator.attr == "setter"
