#!/usr/bin/env python3
"""Compiler of the translations: a step of the package's build, and a command that does it in a checkout.

The build also writes which commit it is of.
"""

from __future__ import annotations

import io
import sys
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


class PackageHook(BuildHookInterface[Any]):
    """Step of hatchling's build, of a wheel and of an installation that uses the checkout."""

    _folder: tempfile.TemporaryDirectory[str] | None = None

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile before files are collected; write the commit, except where git will be asked."""
        root = Path(self.root)
        compile_translations(root)
        if version == "editable":
            return
        # The package is not installed yet.
        sys.path.insert(0, self.root)
        from agent.install.commit import WRITTEN, commit_to_build  # noqa: PLC0415

        # Not into the checkout, where it would be out of date with the next commit.
        self._folder = tempfile.TemporaryDirectory()
        written = Path(self._folder.name) / "commit"
        written.write_text(commit_to_build(root).as_json(), encoding="utf-8")
        written.chmod(0o644)
        build_data["force_include"][str(written)] = WRITTEN

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002
        """Take away what was written for the build."""
        if self._folder:
            self._folder.cleanup()


if __name__ == "__main__":
    compile_translations(Path(__file__).resolve().parents[1])
