"""Whatever folder somebody is in: the agent and its scripts start the same installation."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import agent
from tests.conftest import ROOT
from tests.patience import PATIENCE_S

PACKAGE = Path(agent.__file__).parent
SCRIPTS = sorted((ROOT / "deploy").rglob("*.sh"))
# What the agent, pip or the scripts import, as somebody's folder might have it.
NAMES = ("agent", "cv2", "cyclopts", "ensurepip", "holidays", "json", "numpy", "pip", "socket", "venv")


@pytest.fixture
def strange_folder(tmp_path: Path) -> Path:
    """A folder with packages of these names; each that is imported leaves a note."""
    folder = tmp_path / "strange"
    for name in NAMES:
        package = folder / name
        package.mkdir(parents=True)
        for file in ("__init__.py", "__main__.py"):
            (package / file).write_text("open(__file__ + '.imported', 'w').close()\n")
    return folder


def imported(folder: Path) -> list[str]:
    return sorted(path.parent.name for path in folder.glob("*/*.imported"))


@pytest.mark.usefixtures("weights")
def test_bench_beside_another_agent(strange_folder: Path, clip: Path) -> None:
    words = ["bench", "--video", str(clip), "--seconds", "1", "--json"]
    ran = subprocess.run(
        [sys.executable, "-P", "-m", "agent", *words],
        cwd=strange_folder, capture_output=True, text=True, timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    assert (ran.returncode, imported(strange_folder)) == (0, []), ran.stderr
    assert json.loads(ran.stdout)["start_s"] > 0


def test_process_finds_the_agent_that_started_it(strange_folder: Path, tmp_path: Path) -> None:
    """Also one that is installed nowhere, but is on the path of whoever runs it, and by a relative name."""
    brought = tmp_path / "brought"
    brought.mkdir()
    (brought / "agent").symlink_to(PACKAGE)
    program = (
        "import sys; sys.path.insert(0, 'brought')\n"
        "import os, subprocess\n"
        "from agent.core.own_python import own_path, own_python\n"
        "words = own_python('-c', 'import agent, sys; print(agent.__file__, sys.prefix)')\n"
        "env = {**os.environ, **own_path()}\n"
        f"subprocess.run(words, cwd={str(strange_folder)!r}, env=env, check=True)\n"
    )
    told = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, stdout=subprocess.PIPE, text=True, check=True
    )
    assert told.stdout.split() == [str(brought / "agent/__init__.py"), sys.prefix]
    assert imported(strange_folder) == []


def test_python_is_started_in_one_way() -> None:
    """A command that begins with `sys.executable` is built in own_python.py and nowhere else."""
    modules = {path.name: ast.walk(ast.parse(path.read_text("utf-8"))) for path in PACKAGE.rglob("*.py")}
    lists = [(name, node) for name, nodes in modules.items() for node in nodes if isinstance(node, ast.List)]
    built = {name for name, node in lists if node.elts and "executable" in ast.unparse(node.elts[0])}
    assert built == {"own_python.py"}


def test_environment_is_looked_at_beside_other_modules(strange_folder: Path) -> None:
    script = f'source "{ROOT}/deploy/environment.sh"; python_tag "$0"; complete_venv "$0"'
    ran = subprocess.run(
        ["bash", "-c", script, sys.executable],
        cwd=strange_folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, imported(strange_folder)) == (0, []), ran.stderr
    assert ran.stdout == f"cp{sys.version_info[0]}{sys.version_info[1]}\n"


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_scripts_start_python_in_one_way(path: Path) -> None:
    started = re.findall(r'(?:python[\d.]*"?|"\$1") +(-[A-Za-z]? .*)', path.read_text("utf-8"))
    assert [words for words in started if not words.startswith("-P ")] == []
