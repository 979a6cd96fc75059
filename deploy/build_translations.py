#!/usr/bin/env python3
"""Compiler of the translations: a step of the package's build, and a command that does it in a checkout."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path
from typing import Any

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from hatchling.builders.hooks.plugin.interface import BuildHookInterface


def compile_translations(root: Path) -> None:
    """Write a .mo file, which the agent reads, beside each .po file below a checkout's agent/locale."""
    for path in sorted(root.glob("agent/locale/*/LC_MESSAGES/*.po")):
        compiled = io.BytesIO()
        with path.open("rb") as file:
            write_mo(compiled, read_po(file, abort_invalid=True))
        # Whole or not at all: others may be reading it, or compile it too.
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as new:
            new.write(compiled.getbuffer())
        Path(new.name).chmod(0o644)
        Path(new.name).replace(path.with_suffix(".mo"))


class TranslationsHook(BuildHookInterface[Any]):
    """Step of hatchling's build, of a wheel and of an installation that uses the checkout."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - its interface
        """Compile before files are collected."""
        compile_translations(Path(self.root))


if __name__ == "__main__":
    compile_translations(Path(__file__).resolve().parents[1])
