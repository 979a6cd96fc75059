"""Command `presence-agent check`."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from agent.cli.log import CONFIG, ConfigOption
from agent.config.examples import Place
from agent.config.examples import example as example_of
from agent.errors import ModelError
from agent.locale.language import reader_language

if TYPE_CHECKING:
    from collections.abc import Sequence
    from gettext import NullTranslations
    from pathlib import Path

    from cyclopts import Token


def _as_typed(_type: object, tokens: Sequence[Token]) -> str:
    return tokens[0].value


def check(
    *,
    config: ConfigOption = CONFIG,
    example: Annotated[
        Place | None,
        Parameter(
            help="Print a commented configuration: gate, parking, counter, reception or corridor.",
            metavar="PLACE",
            show_choices=False,
            converter=_as_typed,  # what is none of them gets a sentence of ours
        ),
    ] = None,
) -> int:
    """Check a configuration and print its problems, one a line, or print an example.

    `presence-agent check --example gate > agent.toml` is a good start.
    """
    if example is not None:
        print(example_of(example), end="")
    else:
        _check(config, reader_language())
    return 0


def _check(config: Path, language: NullTranslations) -> None:
    from agent.app.weights import person_weights
    from agent.config.load import load
    from agent.config.placeholders import leftovers
    from agent.config.risks import absences, notices
    from agent.config.rule_tables import rule_tables
    from agent.config.secret_files import running_user, secret_files
    from agent.locale.problems import as_sentence
    from agent.render.sentences import counted

    loaded = load(config)
    # Whether the weights and their manifest are whole is no question about the configuration.
    with suppress(ModelError):
        person_weights(loaded.detector.model)
    left = leftovers(loaded)
    for notice in (*map(str, left), *notices(loaded), *absences(loaded)):
        print(as_sentence(notice, language))
    for secret in secret_files(loaded, running_user()):
        if secret.is_open:
            text = language.gettext(
                "{path}: others than the service can read it (mode {mode}); run '{remedy}'."
            )
            print(text.format(path=secret.path, mode=secret.mode, remedy=secret.remedy))
    verdict = (
        language.gettext(
            "{path} can be read, but {number} of its values are still an example's: {agent}, {rules}."
        )
        if left
        else language.gettext("{path} is good: {agent}, {rules}.")
    )
    rules = ", ".join(counted(kind, len(tables)) for kind, tables in rule_tables(loaded))
    agent = f"{loaded.device.site}/{loaded.device.name}"
    print(verdict.format(path=config, number=len(left), agent=agent, rules=rules))
