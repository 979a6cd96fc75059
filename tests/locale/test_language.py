"""The environment chooses the language, and nothing that is wrong with it keeps anybody from an answer."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from agent.locale import language
from agent.locale.language import DOMAIN, in_context, language_of, reader_language
from tests.conftest import ROOT, command, write_config
from tests.locale.languages import ENGLISH, VIETNAMESE
from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    from pathlib import Path

FAULT = "FAULT"
NAMES = ("LC_ALL", "LC_MESSAGES", "LANG")


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, "en"),
        ({"LANG": "vi_VN.UTF-8"}, "vi"),
        ({"LANG": "vi_VN"}, "vi"),
        ({"LANG": "vi"}, "vi"),
        ({"LANG": "vi.UTF-8"}, "vi"),
        ({"LANG": "vi_VN.TCVN5712-1"}, "vi"),
        ({"LANG": "vi_VN@dong"}, "vi"),
        ({"LANG": "C"}, "en"),
        ({"LANG": "POSIX"}, "en"),
        ({"LANG": "en_GB.UTF-8"}, "en"),
        # A language that nobody has translated.
        ({"LANG": "eo"}, "en"),
        ({"LANG": "C", "LC_MESSAGES": "vi_VN.UTF-8"}, "vi"),
        ({"LANG": "vi_VN.UTF-8", "LC_MESSAGES": "C"}, "en"),
        ({"LANG": "vi_VN.UTF-8", "LC_MESSAGES": "vi_VN.UTF-8", "LC_ALL": "C.UTF-8"}, "en"),
        ({"LANG": "C", "LC_ALL": "vi_VN.UTF-8"}, "vi"),
        # Set and empty is not set.
        ({"LC_ALL": "", "LC_MESSAGES": "", "LANG": "vi"}, "vi"),
        # Never a path.
        ({"LANG": "../locale/vi"}, "en"),
        ({"LANG": "vi/../vi"}, "en"),
        ({"LANG": "/vi"}, "en"),
    ],
)
def test_language_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], expected: str
) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert reader_language().pgettext("status", FAULT) == {"en": FAULT, "vi": "LỖI"}[expected]


@pytest.mark.parametrize("damage", ["cut off", "another file", "empty", "away", "other texts"])
def test_damaged_catalogue_leaves_english(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    folder = tmp_path / "vi" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    path = folder / f"{DOMAIN}.mo"
    shutil.copy(ROOT / "agent" / "locale" / "vi" / "LC_MESSAGES" / path.name, path)
    monkeypatch.setattr(language, "_FOLDER", tmp_path)
    language_of.cache_clear()
    try:
        assert language_of("vi").pgettext("status", FAULT) == "LỖI"
        language_of.cache_clear()
        match damage:
            case "cut off":
                os.truncate(path, 1000)
            case "another file":
                path.write_bytes(b"no catalogue at all")
            case "empty":
                path.write_bytes(b"")
            case "away":
                path.unlink()
            case _:
                path.write_bytes(path.read_bytes().replace("LỖI".encode(), b"\xff\xfe\xfd\xfc\xfb"))
        assert language_of("vi").pgettext("status", FAULT) == FAULT
    finally:
        language_of.cache_clear()


def test_text_with_a_translation_of_its_own_in_a_context() -> None:
    problem = "{path} can't be read: {problem}"
    assert in_context(VIETNAMESE, "problem", problem) == "{path}: {problem}"
    assert in_context(VIETNAMESE, "certificate.unread", problem) == "không đọc được {path}: {problem}"
    assert in_context(ENGLISH, "problem", problem) == problem


def test_service_loads_no_translations(tmp_path: Path, clip: Path, weights: Path) -> None:
    """Its journal is English, and its start is short, whatever the language of the machine."""
    if (
        shutil.which("strace") is None
        or subprocess.run(["strace", "true"], capture_output=True, check=False).returncode
    ):
        pytest.skip("strace is not here, or may not trace")
    assert weights.is_dir()
    config = write_config(tmp_path, clip)
    opened = {}
    for words in (("run", "--config", config), ("doctor", "--config", config)):
        calls = tmp_path / words[0]
        done = subprocess.run(
            ["strace", "-f", "-qq", "-e", "trace=openat", "-o", calls, *command(*words)],
            capture_output=True, check=False, timeout=PATIENCE_S, env=os.environ | {"LC_ALL": "vi_VN.UTF-8"},
        )  # fmt: skip
        assert done.returncode == 0 or "doctor" in words
        opened[words[0]] = f"{DOMAIN}.mo" in calls.read_text(errors="replace")
    assert opened == {"run": False, "doctor": True}
