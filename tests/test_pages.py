"""Pages for people are true: links, commands, figures, sizes, examples and translations."""

from __future__ import annotations

import json
import re
import tomllib
from typing import TYPE_CHECKING, get_args

import pytest

from agent.config.load import load
from agent.config.models import AttentionConfig, TamperConfig
from agent.wire.events import EVENTS
from agent.wire.health import Reason
from tests import pages as read
from tests.conftest import ROOT
from tests.locale import catalogues

if TYPE_CHECKING:
    from pathlib import Path

PAGES = read.pages()
# Who opens a page wants to do something: the first thing to type is near.
AUDIENCES = (
    "README.md", "deploy/README.md", "deploy/broker/README.md", "deploy/central/README.md",
    "systemd/README.md", "models/README.md", "agent/README.md", "agent/decisions/README.md",
    "tests/README.md", ".github/CONTRIBUTING.md", ".github/SECURITY.md",
)  # fmt: skip
FIRST_COMMAND_LINES = 20
INSTALLED = "/usr/share/doc/presence-agent/"
CENTRE = "/usr/local/share/doc/presence-central/"
SYMPTOMS = 20


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def translated() -> list[Path]:
    return [page for page in PAGES if page.name.endswith(".vi.md")]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    for link in read.links(page):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.is_relative_to(ROOT), link
        assert target.exists(), link
        if anchor:
            assert anchor in read.anchors(target), link


def test_every_page_is_found_from_the_readme() -> None:
    """By links alone; what is made by a program or explains a golden file is not for readers."""
    reached, new = set(), [ROOT / "README.md"]
    while new:
        page = new.pop()
        reached.add(page)
        for link in read.links(page):
            target = (page.parent / link.partition("#")[0]).resolve()
            if target.suffix == ".md" and target.exists() and target not in reached:
                new.append(target)
    assert [name_of(page) for page in PAGES if page not in reached] == ["tests/wire/golden/README.md"]


@pytest.mark.parametrize(
    "path",
    [*ROOT.glob("systemd/*"), *ROOT.glob("deploy/**/*.service"), *ROOT.glob("deploy/**/*.timer")],
    ids=lambda path: path.name,
)
def test_documentation_of_units_and_journal_is_there(path: Path) -> None:
    named = re.findall(r"^Documentation(?:=|: )(.+)$", read.text_of(path), re.MULTILINE)
    for words in named:
        for address in words.split():
            if address.startswith(f"file:{INSTALLED}"):
                # The package puts them there, as they lie in a checkout.
                assert (ROOT / address.removeprefix(f"file:{INSTALLED}")).is_file(), address
            elif address.startswith(f"file:{CENTRE}"):
                # `presence-central init` does.
                assert (ROOT / "deploy/central" / address.removeprefix(f"file:{CENTRE}")).is_file(), address
            else:
                assert re.match(r"https://|man:", address), address
    is_ours = path.suffix in {".service", ".path", ".timer", ".catalog"}
    assert bool(named) == is_ours


@pytest.mark.parametrize("name", AUDIENCES)
def test_first_command_is_near(name: str) -> None:
    first = next(block for block in read.blocks(ROOT / name) if block.is_commands)
    assert first.line <= FIRST_COMMAND_LINES


def test_readme_is_short() -> None:
    text = read.text_of(ROOT / "README.md")
    assert len(text.splitlines()) <= 120
    assert len(text.split()) <= 900


def test_decisions_are_short_and_in_order() -> None:
    numbered = sorted(ROOT.glob("agent/decisions/[0-9]*.md"))
    assert [path.name[:4] for path in numbered] == [f"{number:04}" for number in range(1, len(numbered) + 1)]
    for path in numbered:
        lines = read.text_of(path).splitlines()
        assert len(lines) <= 40, path.name
        assert lines[0].startswith(f"# {path.name[:4]}: "), path.name


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_block_says_who_runs_it(page: Path) -> None:
    for block in read.blocks(page):
        if block.is_commands:
            assert re.fullmatch(r"run: (desk(, until stopped)?|machine|demo)|by hand: .+", block.mark), block
        elif block.language in {"json", "toml"}:
            assert re.fullmatch(r"checked: as (an event|a configuration|defaults)", block.mark), block


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_command_names_what_is_there(page: Path) -> None:
    texts = [block.text for block in read.blocks(page) if block.is_commands] + read.inline(page)
    for text in texts:
        for words in read.commands(text):
            if read.is_ours(words):
                assert not (wrong := read.missing(words)), (text, wrong)


@pytest.mark.parametrize(
    "text",
    [
        "presence-agent chekc --config x", "presence-agent check --exmaple gate",
        "presence-central recieve", "presence-central status --jsno",
        "bash deploy/instal.sh", "sudo bash deploy/environment.sh --nothing", "account.sh add-devil a b",
        "python -m tests.bench.acuracy", "python -m tests.bench.fuzz --second 6",
        "python -m tests.bench.truth",
        "python -m pytest tests/nowhere", "python -m pytest -s -k frozen tests/device/test_wedged.py",
        "python deploy/central/subscriber.py run --bd x", "subscriber.py status --bd x",
    ],
)  # fmt: skip
def test_wrong_command_is_seen(text: str) -> None:
    (words,) = read.commands(text)
    assert read.is_ours(words)
    assert read.missing(words)


def figures() -> list[read.Row]:
    return [row for page in PAGES for row in read.tables(page) if "found" in row.cells]


def test_there_are_figures() -> None:
    assert len(figures()) > 30


@pytest.mark.parametrize("row", figures(), ids=lambda row: row.cells.get("what", "")[:40])
def test_every_figure_has_its_command(row: read.Row) -> None:
    typed = re.fullmatch(r"`([^`]+)`", row.cells["command"])
    assert typed, row
    (words,) = read.commands(typed[1])
    if words[0] == "systemd-analyze":
        assert (ROOT / words[-1]).is_file()
    else:
        assert read.is_ours(words), row
        assert not (wrong := read.missing(words)), wrong
    assert row.cells["found"], row


def checked(what: str) -> list[read.Block]:
    return [block for page in PAGES for block in read.blocks(page) if block.mark == f"checked: as {what}"]


@pytest.mark.parametrize("block", checked("a configuration"), ids=str)
def test_configuration_is_good(block: read.Block, tmp_path: Path) -> None:
    path = tmp_path / "agent.toml"
    path.write_text(block.text, encoding="utf-8")
    assert load(path).device.name


@pytest.mark.parametrize("block", checked("defaults"), ids=str)
def test_defaults_are_those_of_the_code(block: read.Block) -> None:
    defaults = {"attention": AttentionConfig(), "tamper": TamperConfig()}
    given = tomllib.loads(block.text)
    assert given == {name: table.model_dump() for name, table in defaults.items()}


@pytest.mark.parametrize("block", checked("an event"), ids=str)
def test_event_is_one_of_the_contract(block: read.Block) -> None:
    event = json.loads(block.text)
    assert EVENTS[event["type"]].model_validate(event).model_dump(mode="json", exclude_none=True)


def said(line: str) -> str:
    """The sentence in a line of doctor or of `log tail`, without what stands around it."""
    if event := re.fullmatch(r"[\d/-]{10} [\d:]{8}  (.+)  \[[a-z-]+/[a-z]+/[a-z]+\]", line):
        return event[1]
    finding = re.fullmatch(r".{10}[^ :][^:]*: (.+)", line)
    return finding[1] if finding else line


def is_of_catalogue(sentence: str, language: str) -> bool:
    """Whether the programs can say it in this language."""
    (vietnamese,) = catalogues.paths()
    known = [
        form
        for message in catalogues.messages(catalogues.read(vietnamese))
        for form in catalogues.forms(message.string if language == "vi" else message.id)
    ]
    whole = [re.sub(r"\\{\w+\\}", ".+", re.escape(form)) for form in known if re.search("[^{}_a-z]", form)]
    return any(re.fullmatch(form, sentence) for form in whole)


@pytest.mark.parametrize("block", checked("output"), ids=str)
def test_sample_is_what_the_programs_say(block: read.Block) -> None:
    language = "vi" if block.page.name.endswith(".vi.md") else "en"
    wrong = [line for line in block.text.splitlines() if not is_of_catalogue(said(line), language)]
    assert not wrong


def test_wrong_sample_is_seen() -> None:
    assert is_of_catalogue(said("2026-12-01 08:50:12  somebody came in over door  [door/line/crossed]"), "en")
    for language in ("en", "vi"):
        assert not is_of_catalogue("somebody walked over door", language)
        assert not is_of_catalogue(said("ok        login: welcomed as que-phong/reception"), language)


@pytest.mark.parametrize("page", ["systemd/README.md", "systemd/README.vi.md"])
def test_symptoms_are_what_the_device_says(page: str) -> None:
    rows = [[*row.cells.values()] for row in read.tables(ROOT / page)]
    rows = [cells for cells in rows if cells[0][0].isdigit()]
    assert [int(cells[0].partition(".")[0]) for cells in rows] == [*range(1, SYMPTOMS + 1)]
    guide = read.text_of(ROOT / "systemd" / "field-guide.md")
    sources = "".join(map(read.text_of, sorted(ROOT.glob("agent/doctor/*.py"))))
    for cells in rows:
        said = re.findall(r"`([^`]+)`", cells[1])
        assert said, cells
        for text in said:
            parts = [part.strip() for part in text.split("…") if part.strip()]
            known = text in get_args(Reason) or all(part in guide or part in sources for part in parts)
            assert known, text


@pytest.mark.parametrize("page", translated(), ids=name_of)
def test_translation_has_the_same_form(page: Path) -> None:
    english = page.with_name(page.name.replace(".vi.md", ".md"))
    marks = [[heading.partition(" ")[0] for heading in read.headings(one)] for one in (english, page)]
    assert marks[0] == marks[1]
    for both in zip(read.blocks(english), read.blocks(page), strict=True):
        if both[0].language == both[1].language == "text":
            # What a program says, in the reader's language; another test compares it with the program.
            continue
        typed = [
            [*read.commands(block.text)] if block.is_commands else tomllib.loads(block.text) for block in both
        ]
        assert typed[0] == typed[1]
        assert both[0].mark == both[1].mark
    assert len([*read.tables(english)]) == len([*read.tables(page)])
    # What is typed, named or linked is the same.
    ours = [
        sorted(
            " ".join(words)
            for text in read.inline(one)
            for words in read.commands(text)
            if read.is_ours(words)
        )
        for one in (english, page)
    ]
    assert ours[0] == ours[1]


def test_installer_and_technician_have_vietnamese_pages() -> None:
    assert {name_of(page) for page in translated()} == {"deploy/README.vi.md", "systemd/README.vi.md"}


def test_change_log_has_this_version() -> None:
    project = tomllib.loads(read.text_of(ROOT / "pyproject.toml"))["project"]
    newest = next(
        heading for heading in read.headings(ROOT / "deploy/CHANGELOG.md") if heading.startswith("## ")
    )
    assert newest.startswith(f"## {project['version']}")


def test_demo_of_the_readme_is_run() -> None:
    (demo,) = [block.text for page in PAGES for block in read.blocks(page) if block.key == "demo"]
    assert f'step "pages: demo" {demo}' in read.text_of(ROOT / "tests" / "run.sh")


def test_pages_with_a_machines_commands_are_run() -> None:
    script = read.text_of(ROOT / "tests" / "systemd" / "pages.sh")
    (named,) = re.findall(r"^pages=\((.+)\)$", script, re.MULTILINE)
    wanted = [page for page in PAGES if any(block.key == "machine" for block in read.blocks(page))]
    assert sorted(named.split()) == [name_of(page) for page in wanted if page not in translated()]


@pytest.mark.parametrize("page", ["deploy/README.md", "deploy/README.vi.md"])
def test_a_place_is_installed_in_nine_steps(page: str) -> None:
    numbers = re.findall(r"^(\d+)\. \*\*", read.text_of(ROOT / page), re.MULTILINE)
    assert [int(number) for number in numbers] == list(range(1, 10))
