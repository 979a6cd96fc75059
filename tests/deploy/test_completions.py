"""Bash and zsh complete commands, options, values and names of files, as somebody types them."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import signal
import subprocess
import termios
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from agent.cli.help_pages import help_pages
from agent.cli.main import app
from agent.config.examples import PLACES
from tests.building import script, written
from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from agent.cli.help_pages import HelpPage

FILES = ("bash-completion/completions/presence-agent", "zsh/vendor-completions/_presence-agent")
SHELLS = ("bash", "zsh")
# What the command would get, word by word.
SHOWN = "presence-agent() { printf got; printf '<%s>' \"$@\"; echo; }"
READY = "ready-for-keys"
STARTED = {
    # --norc: nobody's own settings. Without the package bash-completion, as on a small system.
    "bash": (["bash", "--noprofile", "--norc", "-i"], "source {folder}/{file}"),
    "zsh": (
        ["zsh", "-f", "-i"],
        "fpath=({folder}/zsh/vendor-completions $fpath); autoload -U compinit; compinit -u -D; LISTMAX=9999",
    ),
}
_CONTROL = re.compile(r"\x1b(\[[0-9;?]*[A-Za-z]|[=>]|\([A-Z])|[\r\x07\x0f]")


class TypedShell:
    """An interactive shell on a terminal of its own."""

    def __init__(self, terminal: int) -> None:
        self._terminal = terminal

    def typed(self, keys: str, until: str) -> str:
        """What comes out after these keys, up to the first line that ends so."""
        os.write(self._terminal, keys.encode())
        came = b""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            readable, _, _ = select.select([self._terminal], [], [], max(0.0, deadline - time.monotonic()))
            assert readable, f"no {until!r} in {came!r}"
            came += os.read(self._terminal, 65536)
            text = _CONTROL.sub("", came.decode(errors="replace"))
            if re.search(until, text):
                return text

    def words(self, line: str) -> list[str]:
        """Words that the command gets of a line with tabs in it."""
        text = self.typed(f"{line}\n", r"(?m)^got<.*>$")
        return re.findall("<([^>]*)>", text[text.rindex("\ngot<") :])


@contextmanager
def shell(name: str, folder: Path, here: Path) -> Iterator[TypedShell]:
    words, prepare = STARTED[name]
    terminal, inner = pty.openpty()
    # So large that nothing is wrapped or shown by pages.
    termios.tcsetwinsize(inner, (500, 250))
    process = subprocess.Popen(
        words, stdin=inner, stdout=inner, stderr=inner, start_new_session=True, cwd=here,
        env={"PATH": "/usr/bin:/bin", "TERM": "xterm", "LC_ALL": "C.UTF-8", "HOME": str(here), "PS1": "$ "},
    )  # fmt: skip
    os.close(inner)
    try:
        typed = TypedShell(terminal)
        typed.typed(f"{prepare.format(folder=folder, file=FILES[0])}; {SHOWN}\n", r"\$ |% |# ")
        typed.typed("echo ready'-for-'keys\n", f"(?m)^{READY}$")
        yield typed
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait(PATIENCE_S)
        os.close(terminal)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written("completions.py", tmp_path_factory.mktemp("share"))


@pytest.fixture(scope="module", params=SHELLS)
def typed(
    request: pytest.FixtureRequest, folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TypedShell]:
    if shutil.which(request.param) is None:
        pytest.skip(f"{request.param} is not installed (Debian: {request.param})")
    here = tmp_path_factory.mktemp("here")
    (here / "films").mkdir()
    (here / "films" / "first day.mp4").touch()
    (here / "agent.toml").touch()
    with shell(request.param, folder, here) as started:
        yield started


def test_all_are_there_and_no_more(folder: Path) -> None:
    assert {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} == set(FILES)


def test_second_build_is_the_same(folder: Path, tmp_path: Path) -> None:
    again = written("completions.py", tmp_path / "made" / "on the way")
    assert [(again / name).read_bytes() for name in FILES] == [(folder / name).read_bytes() for name in FILES]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        pytest.param("presence-agent doc\t", ["doctor"], id="command"),
        pytest.param("presence-agent log ver\t", ["log", "verify"], id="command-below"),
        pytest.param("presence-agent acc\t --conf\t", ["accept-view", "--config"], id="option"),
        pytest.param("presence-agent replay --no-p\t", ["replay", "--no-publish"], id="option-off"),
        pytest.param("presence-agent doctor --deb\t", ["doctor", "--debug"], id="debug"),
        pytest.param("presence-agent --vers\t", ["--version"], id="version"),
        pytest.param("presence-agent replay --pace r\t", ["replay", "--pace", "real"], id="choice"),
        pytest.param("presence-agent check --example rec\t", ["check", "--example", "reception"], id="place"),
        pytest.param("presence-agent check --config ag\t", ["check", "--config", "agent.toml"], id="file"),
        # A folder goes on; a blank is part of the name.
        pytest.param(
            "presence-agent replay fi\tfi\t", ["replay", "films/first day.mp4"], id="file-in-a-folder"
        ),
        pytest.param(
            "presence-agent detect agent.toml fi\tfi\t",
            ["detect", "agent.toml", "films/first day.mp4"],
            id="second-file",
        ),
        pytest.param(
            "presence-agent replay --config agent.toml --events ag\t",
            ["replay", "--config", "agent.toml", "--events", "agent.toml"],
            id="file-or-standard-output",
        ),
        pytest.param(
            "presence-agent log export --out ag\t", ["log", "export", "--out", "agent.toml"], id="out"
        ),
        pytest.param("presence-agent run --config=ag\t", ["run", "--config=agent.toml"], id="equals"),
    ],
)
def test_completed(typed: TypedShell, line: str, words: list[str]) -> None:
    assert typed.words(line) == words


def test_hidden_command_is_not_offered(typed: TypedShell) -> None:
    assert typed.words("presence-agent relo\t") == ["relo"]


@pytest.mark.parametrize("page", list(help_pages(app)), ids=lambda page: " ".join(page.words) or "first page")
def test_every_command_and_option_is_offered(typed: TypedShell, page: HelpPage) -> None:
    names = [name for section in page.sections for line in section.lines for name in line.names]
    beginning = " ".join(("presence-agent", *page.words, ""))
    for dashes in (True, False):
        expected = {name for name in names if name.startswith("-") == dashes and not name.isupper()}
        if not expected:
            continue
        keys = f"{beginning}{'-' if dashes else ''}\t\t"
        offered = typed.typed(keys, rf"(?<!\S){max(expected)}(?!\S)")
        # Ctrl-U empties the line.
        offered += typed.typed("\x15echo ready'-for-'keys\n", f"(?m)^{READY}$")
        assert expected <= set(re.findall(r"(?<!\S)-{0,2}[a-z][a-z-]*", offered))


def test_every_place_is_offered(typed: TypedShell) -> None:
    for place in PLACES:
        assert typed.words(f"presence-agent check --example {place[:3]}\t")[-1] == place


def test_folder_has_to_be_named() -> None:
    for words in ((), ("one", "two")):
        done = script("completions.py", *words)
        assert (done.returncode, done.stderr.splitlines()[0]) == (2, "usage: completions.py [-h] folder")
