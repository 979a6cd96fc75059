"""Commented configurations to start with, one for each kind of place."""

from __future__ import annotations

from importlib.resources import files
from typing import Literal, get_args

from agent.errors import ConfigError

Place = Literal["gate", "parking", "counter", "reception", "corridor"]
PLACES: tuple[str, ...] = get_args(Place)


def example(place: str) -> str:
    """Return the text of a configuration file for a kind of place; ConfigError where there is none."""
    if place not in PLACES:
        raise ConfigError(f"There is no example for {place!r}; there are {', '.join(PLACES)}.")
    return files(__package__).joinpath(f"{place}.toml").read_text(encoding="utf-8")
