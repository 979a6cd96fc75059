"""Reader of the pages for people: blocks of commands, links, headings, tables, and what a command names.

A block of commands has a comment above it that says who runs it:

- ``<!-- run: desk -->``: tests/deploy/test_page_commands.py, in a folder with a broker and a recording.
  ``run: desk, until stopped`` goes on in the background; it has to print something.
  SQL is asked of the subscriber's file, and with ``run: desk, in the centre`` of the centre's.
- ``<!-- run: machine -->``: tests/systemd/pages.sh, in a booted Debian, as it stands.
- ``<!-- run: demo -->``: `bash tests/run.sh --pages`.
- ``<!-- by hand: why -->``: nobody.

A block of values has ``<!-- checked: as … -->`` and is read by tests/test_pages.py.
"""

from __future__ import annotations

import importlib.util
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from itertools import dropwhile
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING

from agent.cli import centre
from agent.cli.main import app
from tests.conftest import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cyclopts import App

# What is fetched, made or measured on is no page of ours.
_SKIPPED = {"node_modules", "dist", "build"}
_BLOCK = re.compile(
    r"(?:^ *<!-- (?P<mark>[^>]*) -->\n)?^(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^ *```$",
    re.MULTILINE | re.DOTALL,
)
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_INLINE = re.compile(r"`([^`\n]+)`")
_PROGRAMS = {"presence-agent": app, "presence-central": centre.app}
SUBSCRIBER = ROOT / "deploy" / "central" / "subscriber.py"
SCRIPTS = {path.name: path for path in (ROOT / "deploy" / "broker").glob("*.sh")}


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
        mark: what its comment says; empty: none.
        language: behind the fence; empty: commands for a shell.
        line: of the first line in it, from 1.
    """

    page: Path
    mark: str
    language: str
    text: str
    line: int

    @property
    def key(self) -> str:
        """Who runs it: desk, machine, demo, or empty."""
        return self.mark.removeprefix("run: ").partition(",")[0] if self.mark.startswith("run: ") else ""

    @property
    def is_commands(self) -> bool:
        """Whether a shell takes it."""
        return self.language == ""

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


@dataclass(frozen=True)
class Row:
    """A row of a table, by the headings of its columns."""

    page: Path
    cells: dict[str, str]


def pages() -> list[Path]:
    """All pages of the checkout."""
    found = (path for path in ROOT.rglob("*.md") if not _SKIPPED & set(path.parts))
    # Of hidden folders only one is of the project.
    visible = (path for path in found if "/." not in f"/{path.relative_to(ROOT)}".replace("/.github", ""))
    return sorted(visible)


def text_of(page: Path) -> str:
    """What is in a page."""
    return page.read_text(encoding="utf-8")


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, from the top down."""
    text = text_of(page)
    return [
        Block(
            page,
            (found["mark"] or "").strip(),
            found["language"],
            dedent(found["text"]),
            text.count("\n", 0, found.start("text")) + 1,
        )
        for found in _BLOCK.finditer(text)
    ]


def prose(page: Path) -> str:
    """A page without its fenced blocks and comments."""
    return re.sub(r"<!--.*?-->", "", _BLOCK.sub("", text_of(page)), flags=re.DOTALL)


def links(page: Path) -> list[str]:
    """Targets of a page's links and pictures."""
    return _LINK.findall(_INLINE.sub("", prose(page)))


def headings(page: Path) -> list[str]:
    """Headings with their marks, as `## Words`."""
    return re.findall(r"^#{1,6} .+$", prose(page), re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """Anchors of the headings, as GitHub makes them."""
    made = set()
    for heading in headings(page):
        words = re.sub(r"[^\w\- ]", "", heading.lstrip("# ").lower())
        made.add(words.replace(" ", "-"))
    return made


def tables(page: Path) -> Iterator[Row]:
    """Rows of all tables."""
    head: list[str] = []
    for line in prose(page).splitlines():
        if not line.startswith("|"):
            head = []
            continue
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not head:
            head = cells
        elif set(line) - set("|- :"):
            yield Row(page, dict(zip(head, cells, strict=True)))


def inline(page: Path) -> list[str]:
    """What stands in backquotes outside of blocks."""
    return _INLINE.findall(prose(page))


def commands(text: str) -> Iterator[list[str]]:
    """Words of each command of a shell's text, without sudo, variables and redirections."""
    for line in text.splitlines():
        try:
            words = shlex.split(line, comments=True)
        except ValueError:
            continue
        for part in _parts(words):
            rest = [*dropwhile(lambda word: word == "sudo" or re.fullmatch(r"[A-Z_]+=.*", word), part)]
            if rest:
                yield rest


def _parts(words: list[str]) -> Iterator[list[str]]:
    part: list[str] = []
    for word in words:
        if word in {"|", "&&", "||", ";", "&"}:
            yield part
            part = []
        else:
            part.append(word)
    yield part


def is_ours(words: list[str]) -> bool:
    """Whether it is a command of this project."""
    name = words[0].rpartition("/")[2]
    return (
        name in {*_PROGRAMS, "subscriber.py", *SCRIPTS}
        or (name == "bash" and len(words) > 1)
        or (name == "python" and len(words) > 1 and words[1] not in {"-c", "-P"})
    )


def missing(words: list[str]) -> str:
    """What a command of this project names that is not there; empty: nothing."""
    name = words[0].rpartition("/")[2]
    if name in _PROGRAMS:
        return _missing_option(_PROGRAMS[name], words[1:])
    if name in SCRIPTS:
        return _missing_in(SCRIPTS[name], words[1:])
    if words[:2] == ["python", "-m"] or (name == "python" and words[1] == "-m"):
        return _missing_tests(words[3:]) if words[2] == "pytest" else _missing_module(words[2], words[3:])
    path = ROOT / words[1] if name != "subscriber.py" else SUBSCRIBER
    if path == SUBSCRIBER:
        return _missing_argument(words[words[0] != "subscriber.py" :][1:])
    return _missing_in(path, words[2:]) if path.is_file() else f"{path.relative_to(ROOT)} is not there"


def _missing_option(node: App, words: list[str]) -> str:
    while words and not words[0].startswith("-") and words[0] in _children(node):
        node, words = node[words[0]], words[1:]
    if words and not words[0].startswith("-") and _children(node):
        return f"there is no command {words[0]}"
    known = {"--help", "--version", "--debug"}
    if not _children(node):
        known |= {name for one in node.assemble_argument_collection() for name in one.names}
    for word in words:
        if re.match(r"--?[a-z]", word) and word.partition("=")[0] not in known:
            return f"there is no option {word}"
    return ""


def _children(node: App) -> set[str]:
    return {name for name in node if not name.startswith("-")}


def _missing_argument(words: list[str]) -> str:
    told = subprocess.run(
        [sys.executable, SUBSCRIBER, *words[:1], "--help"], capture_output=True, text=True, check=False
    )
    wrong = [word for word in words if word.startswith("-") and word not in told.stdout.split()]
    return f"{SUBSCRIBER.name} does not know {wrong[0]}" if wrong or told.returncode else ""


def _missing_in(path: Path, words: list[str]) -> str:
    # Every option and every word of a command's own, as add-device, stands in the script.
    text = text_of(path)
    for number, word in enumerate(words):
        own = word.startswith("--") or (number == 0 and re.fullmatch(r"[a-z][a-z-]*", word))
        if own and word.partition("=")[0] not in text:
            return f"{path.name} does not know {word}"
    return ""


def _missing_module(module: str, words: list[str]) -> str:
    found = importlib.util.find_spec(module)
    if found is None or not found.origin:
        return f"there is no module {module}"
    path = Path(found.origin)
    if '__name__ == "__main__"' not in text_of(path):
        return f"{module} is no program"
    siblings = "".join(map(text_of, sorted(path.parent.glob("*.py"))))
    for word in words:
        if word.startswith("--") and f'"{word}"' not in siblings:
            return f"{module} does not know {word}"
    return ""


def _missing_tests(words: list[str]) -> str:
    for word in words:
        path = ROOT / word.partition("::")[0]
        if "/" in word and not path.exists():
            return f"{word} is not there"
    if "-k" in words:
        wanted = words[words.index("-k") + 1]
        if not any(wanted in text_of(ROOT / word) for word in words if word.endswith(".py")):
            return f"no test has {wanted} in its name"
    return ""


def main(folder: str, *names: str) -> None:
    """Write the blocks of these pages for a machine into files, in their order.

    Args:
        folder: gets a script a block, called by its number, and `list`: a line for each with its place.
        names: of pages below the checkout.
    """
    found = [block for name in names for block in blocks(ROOT / name) if block.key == "machine"]
    for number, block in enumerate(found):
        Path(folder, f"{number:02}.sh").write_text(f"set -eux\n{block.text}", encoding="utf-8")
    lines = [f"{number:02} {block}\n" for number, block in enumerate(found)]
    Path(folder, "list").write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
