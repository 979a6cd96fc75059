"""Reading and checking of a configuration file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError

from agent.config.conflicts import conflicts
from agent.config.messages import read_toml, sentences
from agent.config.rule_tables import config_model
from agent.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from agent.config.models import Config


def load(path: Path) -> Config:
    """Read a configuration file; ConfigError with all problems, a sentence each."""
    raw, model = read_toml(path), config_model()
    try:
        config = model.model_validate(raw)
    except ValidationError as error:
        raise ConfigError(*sentences(error, model, raw), *conflicts(raw)) from None
    if problems := tuple(conflicts(raw)):
        raise ConfigError(*problems)
    return config
