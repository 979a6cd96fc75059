"""Errors as one sentence with the remedy, and the contract's exit codes."""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path
from typing import Final

from cyclopts import CycloptsError, UnusedCliTokensError

from agent.core.log_messages import (
    FAILS,
    FAILS_CERTIFICATE,
    FAILS_CONFIG,
    FAILS_SOURCE,
    FAILS_WEIGHTS,
    LogMessage,
)
from agent.errors import AgentError, CertificateFileError, ConfigError, ModelError, SourceError

# What the extra `device` brings, by the names that are imported.
DEVICE_MODULES: Final = frozenset({"cv2", "holidays", "numpy", "onnx", "onnxruntime", "tzdata"})
_STDERR = 2
# Errors that a technician fixes, each with an explanation of its own; the first that fits.
_ENTRIES: Final[tuple[tuple[type[AgentError], LogMessage], ...]] = (
    (CertificateFileError, FAILS_CERTIFICATE),
    (ConfigError, FAILS_CONFIG),
    (SourceError, FAILS_SOURCE),
    (ModelError, FAILS_WEIGHTS),
)


def entry(error: Exception) -> LogMessage:
    """Journal message for the error that ends the service."""
    return next((line for kind, line in _ENTRIES if isinstance(error, kind)), FAILS)


def readers_sentence(error: Exception) -> str:
    """The sentence for whoever typed the command, in the language of the environment, to print on stderr.

    The journal is English, and what goes there loads no translations.
    """
    english = sentence(error)
    try:
        from agent.device.journal import is_journal

        if is_journal(os.environ.get("JOURNAL_STREAM"), _STDERR):
            return english
        from agent.locale.language import reader_language
        from agent.locale.problems import as_sentence

        language = reader_language()
        if not language.info():
            return english
        lines = english.split("\n") if isinstance(error, AgentError) else [english]
        problems = error.problems if isinstance(error, ConfigError) else lines
        return "\n".join(as_sentence(problem, language) for problem in problems)
    except Exception:  # noqa: BLE001 - what a bad card did to the words must not hide what is wrong
        return english


def sentence(error: Exception) -> str:
    """The sentence for people about an error, in English."""
    if isinstance(error, AgentError):
        return str(error)
    if (module := _missing(error)) is not None:
        return (
            f"This needs what a device needs, and {module} is not installed: "
            "pip install 'presence-agent[device]', this package with its extra 'device', brings it."
        )
    if isinstance(error, ImportError | SyntaxError):
        reason = " ".join(str(error).split())
        return f"This installation is damaged ({reason}): install presence-agent again."
    if isinstance(error, CycloptsError):
        wrong = " ".join(str(error).split())
        if isinstance(error, UnusedCliTokensError):
            wrong = f"{' '.join(error.unused_tokens or ())}: there is no such command or option here."
        return f"{wrong} See `{_program()} --help`."
    if isinstance(error, OSError):
        where = error.filename or "what was asked for"
        return f"{where}: can't be read or written ({error.strerror or error}); check the path and the disk."
    where = traceback.extract_tb(error.__traceback__)[-1]
    return (
        f"This is a fault of presence-agent ({type(error).__name__}: {error}; {Path(where.filename).name}, "
        f"line {where.lineno}); please report it with what `--debug` shows."
    )


def _program() -> str:
    """Name of the command that was typed, as its pages have it."""
    name = Path(sys.argv[0]).name
    return name if name == "presence-central" else "presence-agent"


def exit_code(error: Exception) -> int:
    """The exit code of an error."""
    if isinstance(error, AgentError):
        return error.exit_code
    # 2, so that systemd does not restart: a wrong command or a damaged installation stays so.
    wrong = isinstance(error, CycloptsError | ImportError | SyntaxError)
    return ConfigError.exit_code if wrong else 1


def _missing(error: Exception) -> str | None:
    """Module of the extra `device` that is not installed; None: it is another error."""
    if not isinstance(error, ModuleNotFoundError) or error.name is None:
        return None
    module = error.name.partition(".")[0]
    return module if module in DEVICE_MODULES else None
