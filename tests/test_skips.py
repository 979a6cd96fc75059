"""What is skipped is told, and fails where everything must run."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.conftest import ROOT
from tests.patience import PATIENCE_S
from tests.skips import COMPLETE

if TYPE_CHECKING:
    from pathlib import Path

SUITE = """
import pytest

@pytest.mark.parametrize("number", range(3))
def test_sample(number):
    pytest.skip("vtest.avi is not fetched: presence-agent models fetch --samples")

@pytest.mark.skipif(True, reason="root may write everywhere")
def test_user(): ...

@pytest.mark.xfail(reason="known")
def test_known():
    raise AssertionError

def test_good(): ...
"""
MODULE = 'import pytest\npytest.importorskip("surely_not_installed")\n'


def ran(folder: Path, monkeypatch: pytest.MonkeyPatch, *arguments: str, complete: bool) -> tuple[int, str]:
    """Run a suite of its own to its end, as tests/run.sh does."""
    (folder / "test_it.py").write_text(SUITE)
    if complete:
        monkeypatch.setenv(COMPLETE, "1")
    else:
        monkeypatch.delenv(COMPLETE, raising=False)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    words = ["-m", "pytest", "-q", "-p", "tests.skips", "-p", "no:cacheprovider", "--rootdir", str(folder)]
    done = subprocess.run(
        [sys.executable, *words, *arguments, folder],
        capture_output=True, text=True, check=False, cwd=folder, timeout=PATIENCE_S,
    )  # fmt: skip
    return done.returncode, done.stdout


@pytest.mark.parametrize("arguments", [(), ("-n", "2")])
def test_skips_are_listed_by_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    code, out = ran(tmp_path, monkeypatch, *arguments, complete=False)
    assert code == 0
    *_, first, second, last = out.splitlines()
    assert first == "    3 vtest.avi is not fetched: presence-agent models fetch --samples"
    assert second == "    1 root may write everywhere"
    assert re.match(r"1 passed, 4 skipped, 1 xfailed in ", last)


@pytest.mark.parametrize("arguments", [(), ("-n", "2")])
def test_skip_that_need_not_be_fails_where_everything_must_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    code, out = ran(tmp_path, monkeypatch, *arguments, complete=True)
    assert code == 1
    assert "wants it to run: vtest.avi is not fetched" in out
    assert re.match(r"3 failed, 1 passed, 1 skipped, 1 xfailed in ", out.splitlines()[-1])


def test_file_that_need_not_be_skipped_fails_where_everything_must_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "test_whole.py").write_text(MODULE)
    assert ran(tmp_path, monkeypatch, "-k", "good", complete=False)[0] == 0
    code, out = ran(tmp_path, monkeypatch, "-k", "good", complete=True)
    assert code != 0
    assert "wants it to run: could not import 'surely_not_installed'" in out
