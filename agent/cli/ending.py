"""End of a program: a command is run, and what goes wrong is a sentence and the contract's exit code."""

from __future__ import annotations

import os
import sys
import traceback
from typing import TYPE_CHECKING, NoReturn

from agent.cli.errors import exit_code, readers_sentence

if TYPE_CHECKING:
    from cyclopts import App


def end_with(app: App) -> NoReturn:
    """Run the command that was typed, and end."""
    tokens = sys.argv[1:]
    debug = "--debug" in tokens
    code = 1
    try:
        code = app(
            [word for word in tokens if word != "--debug"],
            exit_on_error=False,
            print_error=False,
            help_on_error=False,
            result_action="return_int_as_exit_code_else_zero",
        )
    except KeyboardInterrupt:
        code = 130
    except BrokenPipeError:
        # The reader of our output has gone; without this Python prints an error at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except Exception as error:  # noqa: BLE001 - the last place where it can become a sentence
        if debug:
            traceback.print_exc()
        complain(error)
        code = exit_code(error)
    sys.exit(code)


def complain(error: Exception) -> None:
    """Print the sentence, in the reader's language."""
    print(readers_sentence(error), file=sys.stderr)
