"""Help pages of all commands as data: what the manual pages and the catalogues are made from."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import Console

from agent.cli.help import paragraphs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cyclopts import App
    from cyclopts.help import HelpPanel
    from rich.console import ConsoleOptions


@dataclass(frozen=True, slots=True)
class HelpLine:
    """A command, an argument or an option.

    Attributes:
        names: as it may be typed; one in capital letters for an argument without a name.
        value: placeholder of an option's value; None: it takes none.
        text: paragraphs, in English.
        choices: all values, where they are few.
        default: None: there is none.
        is_required: whether the command needs it.
    """

    names: tuple[str, ...]
    value: str | None
    text: tuple[str, ...]
    choices: tuple[str, ...]
    default: str | None
    is_required: bool


@dataclass(frozen=True, slots=True)
class HelpSection:
    """Lines under one title."""

    title: str
    lines: tuple[HelpLine, ...]


@dataclass(frozen=True, slots=True)
class HelpPage:
    """What `--help` shows behind a command.

    Attributes:
        words: the command; none for the first page.
        usage: how it is typed.
        text: paragraphs, in English.
        sections: commands, arguments and options.
    """

    words: tuple[str, ...]
    usage: str
    text: tuple[str, ...]
    sections: tuple[HelpSection, ...]


def commands(app: App, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """All commands that a help page lists, and none at all, which is the first page.

    Args:
        app: a command with commands below it, or not.
        above: the words that lead to it.
    """
    yield above
    for name in app:
        if not name.startswith("-") and app[name].show:
            yield from commands(app[name], (*above, name))


def help_pages(app: App) -> Iterator[HelpPage]:
    """Help pages of all commands, the first page first."""
    for words in commands(app):
        collected = _Collector()
        usual, app.help_formatter = app.help_formatter, collected
        try:
            app.help_print(words, console=Console(file=io.StringIO()))
        finally:
            app.help_formatter = usual
        yield HelpPage(words, collected.usage, collected.text, tuple(collected.sections))


class _Collector:
    """Formatter of a help page that shows nothing and keeps everything."""

    def __init__(self) -> None:
        self.usage = ""
        self.text: tuple[str, ...] = ()
        self.sections: list[HelpSection] = []

    def __call__(self, console: Console, options: ConsoleOptions, panel: HelpPanel) -> None:  # noqa: ARG002
        lines = tuple(
            HelpLine(
                entry.display_labels,
                entry.metavar,
                tuple(paragraphs(entry.description)),
                tuple(entry.choices or ()),
                None if entry.default is None else str(entry.default),
                bool(entry.required),
            )
            for entry in panel.entries
        )
        if lines:
            self.sections.append(HelpSection(str(panel.title), lines))

    def render_usage(self, console: Console, options: ConsoleOptions, usage: object) -> None:  # noqa: ARG002
        self.usage = str(usage).strip()

    def render_description(self, console: Console, options: ConsoleOptions, description: object) -> None:  # noqa: ARG002
        self.text = tuple(paragraphs(description))
