"""Help of the commands in the reader's language.

English help is what cyclopts shows. A text is translated by its paragraphs, of which the first is also the
command's line in the list of commands.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any

from agent.locale.language import NC_, reader_language

if TYPE_CHECKING:
    from gettext import NullTranslations

    from cyclopts.help import HelpEntry, HelpPanel, InlineText
    from rich.console import Console, ConsoleOptions

USAGE = NC_("help", "Usage: {command}")
CHOICES = NC_("help", "[choices: {values}]")
DEFAULT = NC_("help", "[default: {value}]")
REQUIRED = NC_("help", "[required]")


class ReadersHelp:
    """Formatter of help pages for cyclopts; translates what the default one shows."""

    def __call__(self, console: Console, options: ConsoleOptions, panel: HelpPanel) -> None:
        """Show commands or options with their descriptions."""
        from cyclopts.help import DefaultFormatter
        from cyclopts.help.specs import get_default_command_columns, get_default_parameter_columns

        language = reader_language()
        if not language.info():
            DefaultFormatter()(console, options, panel)
            return
        is_commands = panel.format == "command"
        columns = get_default_command_columns if is_commands else get_default_parameter_columns
        *names, description = columns(console, options, panel.entries)
        described = description.copy(renderer=partial(_described, language))
        shown = panel.copy(title=language.gettext(str(panel.title)))
        DefaultFormatter(column_specs=(*names, described))(console, options, shown)

    def render_usage(self, console: Console, options: ConsoleOptions, usage: object) -> None:
        """Show how the command is typed."""
        from cyclopts.help import DefaultFormatter
        from rich.text import Text

        language = reader_language()
        if language.info():
            text = language.pgettext("help", USAGE).format(command=usage)
            console.print(Text(text, style="bold"))
        else:
            DefaultFormatter().render_usage(console, options, usage)

    def render_description(self, console: Console, options: ConsoleOptions, description: object) -> None:
        """Show what the command does."""
        from cyclopts.help import DefaultFormatter

        language = reader_language()
        shown = _translated(description, language) if language.info() else description
        DefaultFormatter().render_description(console, options, shown)


def paragraphs(text: object) -> list[str]:
    """Paragraphs of a help text, each on one line, as catalogues have them.

    Args:
        text: as cyclopts hands it to a formatter.
    """
    written: Any = getattr(text, "primary_renderable", text)
    source = str(getattr(written, "markup", written))
    return [" ".join(part.split()) for part in re.split(r"\n\s*\n", source) if part.strip()]


def _translated(text: object, language: NullTranslations) -> InlineText:
    from cyclopts.help import InlineText

    translated = "\n\n".join(map(language.gettext, paragraphs(text)))
    return InlineText.from_format(
        translated, "markdown", force_empty_end=getattr(text, "force_empty_end", False)
    )


def _described(language: NullTranslations, entry: HelpEntry) -> InlineText:
    """Description of a command or an option, and what cyclopts says behind it."""
    from rich.text import Text

    text = _translated(entry.description, language)
    if entry.choices:
        values = ", ".join(entry.choices)
        text.append(Text(language.pgettext("help", CHOICES).format(values=values), "cyclopts.choices"))
    if entry.default is not None:
        text.append(Text(language.pgettext("help", DEFAULT).format(value=entry.default), "cyclopts.default"))
    if entry.required:
        text.append(Text(language.pgettext("help", REQUIRED), "cyclopts.required"))
    return text
