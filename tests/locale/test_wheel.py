"""The wheel has the translations, and a third language is a file: no Python is written for it."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import write_po

from agent.locale.language import DOMAIN
from tests.building import wheel
from tests.conftest import ROOT, Ran
from tests.locale.catalogues import messages, template
from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# Made up, with three plural forms. Each text is its English in brackets.
LANGUAGE = "qaa"
PLURALS = "nplurals=3; plural=(n==1 ? 0 : n<5 ? 1 : 2)"
BUILT_FROM = (
    "LICENSE",
    "README.md",
    "agent",
    "deploy",
    "models/licences",
    "models/manifest.toml",
    "pyproject.toml",
)


def made_up() -> bytes:
    catalog = Catalog(LANGUAGE, DOMAIN, fuzzy=False)
    for message in messages(template()):
        if isinstance(message.id, str):
            catalog.add(message.id, f"⟦{message.id}⟧", context=message.context)
        else:
            some = [f"{form}⟦{message.id[form > 0]}⟧" for form in range(3)]
            catalog.add(message.id, some, context=message.context)
    file = io.BytesIO()
    write_po(file, catalog)
    return re.sub(rb'"Plural-Forms: .*"', f'"Plural-Forms: {PLURALS};\\\\n"'.encode(), file.getvalue())


def copied(checkout: Path) -> None:
    """Copy what the package is built from; nothing is compiled there, and git knows nothing of it."""
    for name in BUILT_FROM:
        if (ROOT / name).is_dir():
            shutil.copytree(
                ROOT / name, checkout / name, ignore=shutil.ignore_patterns("*.mo", "__pycache__")
            )
        else:
            (checkout / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, checkout / name)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel, unpacked, of a checkout where nothing was compiled and somebody added a catalogue."""
    folder = tmp_path_factory.mktemp("third")
    checkout = folder / "checkout"
    copied(checkout)
    path = checkout / "agent" / "locale" / LANGUAGE / "LC_MESSAGES" / f"{DOMAIN}.po"
    path.parent.mkdir(parents=True)
    path.write_bytes(made_up())
    zipfile.ZipFile(wheel(checkout, folder / "wheel")).extractall(folder / "unpacked")
    return folder / "unpacked"


@pytest.fixture
def ran(built: Path, tmp_path: Path) -> Callable[..., Ran]:
    """Run a command of that wheel, in the made-up language."""

    def run(*words: str | Path) -> Ran:
        done = subprocess.run(
            [sys.executable, "-m", "agent", *words],
            capture_output=True, text=True, check=False, cwd=tmp_path, timeout=PATIENCE_S,
            env=os.environ | {"PYTHONPATH": str(built), "LC_ALL": f"{LANGUAGE}.UTF-8", "COLUMNS": "400"},
        )  # fmt: skip
        return Ran(done.returncode, done.stdout, done.stderr)

    return run


def test_wheel_has_what_is_compiled(built: Path) -> None:
    folder = built / "agent" / "locale"
    found = {
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and path.suffix not in {".py", ".pyc"}
    }
    compiled = {f"{language}/LC_MESSAGES/{DOMAIN}.mo" for language in ("vi", LANGUAGE)}
    assert found == compiled
    (about,) = built.glob("*.dist-info/METADATA")
    assert "babel" not in about.read_text().lower()


def test_doctor(ran: Callable[..., Ran], tmp_path: Path) -> None:
    """All that it says is of the catalogue: outside of the brackets are only marks between texts."""
    told = ran("doctor", "--config", tmp_path / "nothing.toml")
    assert told.code == 2
    assert "⟦FAULT⟧" in told.out
    assert f"⟦{tmp_path}/nothing.toml: there is no such file; `presence-agent check" in told.out
    left = told.out
    while (inner := re.sub(r"⟦[^⟦⟧]*⟧", "", left)) != left:
        left = inner
    # Of systemd, in English there and in all languages.
    assert not re.search(r"\w", re.sub("“.*?”", "", left)), left


def test_help(ran: Callable[..., Ran]) -> None:
    told = ran("check", "--help")
    assert (told.code, told.err) == (0, "")
    assert "⟦Usage: presence-agent check [OPTIONS]" in told.out
    assert "⟦The configuration file (TOML).⟧ ⟦[default: /etc/presence-agent/agent.toml]⟧" in told.out
