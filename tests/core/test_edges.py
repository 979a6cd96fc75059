"""Edges of the values that a sample of mutants found untested (tests/bench/mutants.py)."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from agent.core import file_access
from agent.core.file_access import remedy, user
from agent.core.identifiers import bound
from agent.errors import ConfigError


def said(path: Path, error: OSError) -> str:
    return remedy(path, error, place="/var/lib/presence-agent", name="source", otherwise="give another")


def moved(path: Path) -> str:
    there = f"/var/lib/presence-agent/{path.name}"
    return f"run `sudo install -D -m 644 {path} {there}` and set source to {there}"


def test_remedy_for_what_lies_in_tmp(monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path("/tmp/clip.avi")  # noqa: S108 - nothing is put there
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    assert said(path, FileNotFoundError()) == "give another"
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", "/run/credentials/x")
    assert said(path, FileNotFoundError()) == f"the service has a /tmp of its own: {moved(path)}"
    assert said(Path("/srv/clip.avi"), FileNotFoundError()) == "give another"


def test_remedy_for_missing_rights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_access, "_closed_folder", lambda _: None)
    path = tmp_path / "clip.avi"
    path.touch()
    assert said(path, OSError()) == "give another"
    assert said(path, PermissionError()) == (
        f"run `sudo chmod a+r {path}`, so that the user {user()} may read it"
    )
    # Whoever may read a folder and not search it finds nothing in it.
    assert f"chmod a+rx {tmp_path}`" in said(tmp_path, PermissionError())


@pytest.mark.parametrize(
    ("is_home", "mode", "is_hidden"), [(True, 0, True), (True, 0o700, False), (False, 0, False)]
)
def test_remedy_for_a_closed_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_home: bool, mode: int, is_hidden: bool
) -> None:
    folder = tmp_path / "home"
    folder.mkdir()
    folder.chmod(mode)
    path = folder / "clip.avi"
    monkeypatch.setattr(file_access, "_HIDDEN", (folder if is_home else tmp_path,))
    monkeypatch.setattr(file_access, "_closed_folder", lambda _: folder)
    assert said(path, PermissionError()) == (
        f"nothing in {folder} is there for the service: {moved(path)}"
        if is_hidden
        else f"run `sudo chmod a+x {folder}`, so that the user {user()} gets through it"
    )
    folder.chmod(0o700)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-22", date(2026, 11, 22)),
        ("2026-11-22T07:30:00Z", datetime(2026, 11, 22, 7, 30, tzinfo=UTC)),
        ("1971-01-01", date(1971, 1, 1)),
        ("2999-12-31", None),
        # Without a zone, in another form, no such day, before and after what is meant by a date.
        ("2026-11-22T07:30:00", None),
        ("20261122", None),
        ("2026-02-30", None),
        ("1970-01-01", None),
        ("yesterday", None),
    ],
)
def test_bound_of_a_time_range(text: str, expected: date | None) -> None:
    if expected is None:
        with pytest.raises(ConfigError, match=f"^--from {text}: give a date"):
            bound("--from", text)
    else:
        assert bound("--from", text) == expected
        assert type(bound("--from", text)) is type(expected)
