"""The commit is that of git in a checkout, and that of the build in a package, where it is known."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import zipfile
from importlib.metadata import version
from typing import TYPE_CHECKING

import pytest

from agent.install.commit import WRITTEN, Commit, commit_to_build, package_commit
from tests.building import wheel
from tests.conftest import ROOT, command, write_config
from tests.locale.test_wheel import copied
from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Ran

# The last second of a day in UTC, which is of the next day in Vietnam.
EPOCH, DAY = "1796083199", "2026-11-30"
DIGITS = "b865da2f1c3e0f4d5a6978b865da2f1c3e0f4d5a"
VERSION = version("presence-agent")
DATED = {"GIT_AUTHOR_DATE": f"{EPOCH} +0700", "GIT_COMMITTER_DATE": f"{EPOCH} +0700"}
NOTHING_NAMED = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}


def git(folder: Path, *words: str | Path) -> str:
    named = (
        "-c",
        "user.name=somebody",
        "-c",
        "user.email=somebody@example.org",
        "-c",
        "commit.gpgsign=false",
    )
    return subprocess.run(
        ["git", "-C", folder, *named, *words],
        check=True, capture_output=True, text=True, timeout=PATIENCE_S, env=NOTHING_NAMED | DATED,
    ).stdout.strip()  # fmt: skip


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout of this project with one commit."""
    root = tmp_path / "checkout"
    copied(root)
    (root / ".gitignore").write_text("*.mo\n__pycache__/\n")
    git(tmp_path, "init", "--quiet", root)
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "all")
    return root


def head(checkout: Path) -> str:
    return git(checkout, "rev-parse", "HEAD")


def version_of(there: Path, **environment: str) -> str:
    """What `--version` says where the package lies in this folder."""
    return subprocess.run(
        [sys.executable, "-P", "-m", "agent", "--version"],
        check=True, capture_output=True, text=True, cwd=there.parent, timeout=PATIENCE_S,
        env=os.environ | {"PYTHONPATH": str(there)} | environment,
    ).stdout  # fmt: skip


def unpacked(path: Path, into: Path) -> Path:
    with zipfile.ZipFile(path) as archive:
        archive.extractall(into)
    return into


@pytest.mark.parametrize(
    ("commit", "text"),
    [
        (Commit(DIGITS, DAY), f"commit b865da2f1c3e, {DAY}"),
        (Commit(DIGITS, DAY, is_changed=True), f"commit b865da2f1c3e, {DAY}, with changes"),
        (Commit(DIGITS), "commit b865da2f1c3e"),
        (Commit("b865da2"), "commit b865da2"),
        (Commit(day=DAY), f"commit not known, {DAY}"),
        (Commit(), "commit not known"),
    ],
)
def test_text(commit: Commit, text: str) -> None:
    assert str(commit) == text


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, Commit()),
        ({"PRESENCE_AGENT_COMMIT": "", "SOURCE_DATE_EPOCH": ""}, Commit()),
        ({"SOURCE_DATE_EPOCH": EPOCH}, Commit(day=DAY)),
        ({"PRESENCE_AGENT_COMMIT": DIGITS}, Commit(DIGITS)),
        ({"PRESENCE_AGENT_COMMIT": DIGITS, "SOURCE_DATE_EPOCH": EPOCH}, Commit(DIGITS, DAY)),
    ],
)
def test_build_where_git_knows_nothing(tmp_path: Path, environment: dict[str, str], expected: Commit) -> None:
    assert commit_to_build(tmp_path, environment) == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PRESENCE_AGENT_COMMIT", "main"),
        ("PRESENCE_AGENT_COMMIT", "b865"),
        ("SOURCE_DATE_EPOCH", "2026-11-30"),
        ("SOURCE_DATE_EPOCH", "9" * 12),
    ],
)
def test_build_refuses_what_is_no_commit_or_time(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(ValueError, match=f"^{name}={value} is no"):
        commit_to_build(tmp_path, {name: value})


def test_build_of_a_checkout(checkout: Path) -> None:
    commit = Commit(head(checkout), DAY)
    # The time of other sources is not this commit's.
    assert commit_to_build(checkout, {"SOURCE_DATE_EPOCH": "0"}) == commit
    assert commit_to_build(checkout, {"PRESENCE_AGENT_COMMIT": DIGITS}) == Commit(DIGITS)
    (checkout / "README.md").write_text("of no package's code")
    assert commit_to_build(checkout, {}) == commit
    (checkout / "agent" / "more.py").touch()
    assert commit_to_build(checkout, {}) == Commit(commit.id, DAY, is_changed=True)


def test_checkout_inside_of_another(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = checkout / "build" / "copy"
    inner.mkdir(parents=True)
    assert commit_to_build(inner, {}) == Commit()
    # As in a hook of another repository.
    monkeypatch.setenv("GIT_DIR", str(ROOT / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(checkout / "nothing"))
    assert commit_to_build(checkout, {}) == Commit(head(checkout), DAY)


def test_asking_git_writes_nothing(checkout: Path) -> None:
    # Git would write down that a file of another time has the same content.
    os.utime(checkout / "agent" / "errors.py", (1, 1))
    index = checkout / ".git" / "index"
    before = index.read_bytes()
    assert not commit_to_build(checkout, {}).is_changed
    assert index.read_bytes() == before


def test_without_git(checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert commit_to_build(checkout, {"SOURCE_DATE_EPOCH": EPOCH}) == Commit(day=DAY)


@pytest.mark.parametrize("content", ["", "[]", '{"id": 1', '{"other": 1}', "\x00"])
def test_damaged_file_is_no_commit(tmp_path: Path, content: str) -> None:
    path = tmp_path / WRITTEN
    path.parent.mkdir(parents=True)
    path.write_text(content)
    assert commit_to_build(tmp_path, {}) == Commit()


def test_wheel_of_a_checkout(checkout: Path, tmp_path: Path) -> None:
    digits = head(checkout)
    path = wheel(checkout, tmp_path / "one")
    assert path.read_bytes() == wheel(checkout, tmp_path / "two").read_bytes()
    assert git(checkout, "status", "--porcelain") == ""
    there = unpacked(path, tmp_path / "installed")
    assert version_of(there) == f"{VERSION} (commit {digits[:12]}, {DAY})\n"
    assert stat.S_IMODE(zipfile.ZipFile(path).getinfo(WRITTEN).external_attr >> 16) == 0o644
    # Further on, the checkout tells its own, and the package still that which it was built from.
    git(checkout, "commit", "--quiet", "--allow-empty", "--message", "more")
    assert version_of(checkout) == f"{VERSION} (commit {head(checkout)[:12]}, {DAY})\n"
    assert version_of(there) == f"{VERSION} (commit {digits[:12]}, {DAY})\n"


def test_wheel_without_git(checkout: Path, tmp_path: Path) -> None:
    shutil.rmtree(checkout / ".git")
    unknown = unpacked(wheel(checkout, tmp_path / "unknown"), tmp_path / "one")
    assert version_of(unknown) == f"{VERSION} (commit not known)\n"
    named = wheel(checkout, tmp_path / "named", PRESENCE_AGENT_COMMIT=DIGITS, SOURCE_DATE_EPOCH=EPOCH)
    assert version_of(unpacked(named, tmp_path / "two")) == f"{VERSION} (commit b865da2f1c3e, {DAY})\n"


def test_source_distribution_keeps_the_commit(checkout: Path, tmp_path: Path) -> None:
    build = f"import hatchling.build as b; b.build_sdist({str(tmp_path / 'sdist')!r})"
    subprocess.run([sys.executable, "-P", "-c", build], check=True, cwd=checkout, timeout=PATIENCE_S)
    (path,) = (tmp_path / "sdist").iterdir()
    (tmp_path / "source").mkdir()
    subprocess.run(["tar", "-xf", path, "-C", tmp_path / "source"], check=True)
    (source,) = (tmp_path / "source").iterdir()
    there = unpacked(wheel(source, tmp_path / "wheel"), tmp_path / "installed")
    assert version_of(there) == f"{VERSION} (commit {head(checkout)[:12]}, {DAY})\n"


def test_this_checkout(presence_agent: Callable[..., Ran]) -> None:
    commit = package_commit()
    assert commit.id == git(ROOT, "rev-parse", "HEAD")
    assert presence_agent("--version").out == f"{VERSION} ({commit})\n"


def test_run_does_not_ask_git(tmp_path: Path, clip: Path, weights: Path) -> None:
    assert weights.is_dir()
    asked = tmp_path / "asked"
    program = tmp_path / "bin" / "git"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\ntouch "{asked}"\nexit 1\n')
    program.chmod(0o755)
    path = f"{program.parent}:{os.environ['PATH']}"

    def ran(*words: str | Path) -> bool:
        subprocess.run(
            command(*words),
            check=True,
            capture_output=True,
            timeout=PATIENCE_S,
            env=os.environ | {"PATH": path},
        )
        return asked.exists()

    assert not ran("run", "--config", write_config(tmp_path, clip))
    assert ran("--version")
