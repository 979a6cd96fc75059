"""Each line of the service is explained in both languages."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING, get_args

import pytest

from agent.core.log_messages import HEALTH
from agent.health.reason_messages import REASON_LINES
from agent.wire.health import Reason
from tests.systemd.catalogue import ENTRIES, FILES, explained
from tests.systemd.field_guide import GUIDE, guide

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("language", FILES)
def test_each_entry_is_explained_and_nothing_else(language: str) -> None:
    found = explained(language)
    assert {ENTRIES.get(message_id, message_id) for message_id in found} == set(ENTRIES.values())
    for message_id, said in found.items():
        assert 0 < len(said.subject) <= 80, ENTRIES[message_id]
        assert not said.subject.endswith(".")
        assert said.text.endswith("."), ENTRIES[message_id]
        assert all(len(line) <= 110 for line in said.text.splitlines())
        assert len(said.text.splitlines()) <= 12, ENTRIES[message_id]


def test_each_reason_of_health_has_a_line() -> None:
    assert list(REASON_LINES) == list(get_args(Reason))
    assert len({line.message_id for line in REASON_LINES.values()} - {HEALTH.message_id}) == len(REASON_LINES)
    # Nothing is filled in.
    assert [line for line in REASON_LINES.values() if "%" in line] == []


@pytest.mark.parametrize("language", FILES)
def test_health_explains_no_reason_that_is_not_there(language: str) -> None:
    text = explained(language)[HEALTH.message_id].text
    assert [reason for reason in get_args(Reason) if reason in text] == []


def test_languages_are_two() -> None:
    english, vietnamese = explained("en"), explained("vi")
    same = [ENTRIES[key] for key in english if english[key].text == vietnamese[key].text]
    assert same == []


@pytest.mark.skipif(not shutil.which("journalctl"), reason="journalctl is not here (Debian: systemd)")
def test_catalogue_compiles(tmp_path: Path) -> None:
    folder = tmp_path / "usr/lib/systemd/catalog"
    folder.mkdir(parents=True)
    (tmp_path / "var/lib/systemd/catalog").mkdir(parents=True)
    for path in FILES.values():
        shutil.copy(path, folder)
    done = subprocess.run(
        ["journalctl", f"--root={tmp_path}", "--update-catalog"], capture_output=True, text=True, check=True
    )
    assert done.stdout + done.stderr == ""
    listed = subprocess.run(
        ["journalctl", f"--root={tmp_path}", "--list-catalog"], capture_output=True, text=True, check=True
    )
    assert all(message_id in listed.stdout for message_id in ENTRIES)


def test_field_guide_is_made_from_the_catalogues() -> None:
    assert GUIDE.read_text(encoding="utf-8") == guide()
