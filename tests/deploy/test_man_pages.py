"""The manual pages have all that --help and the configuration have, and render without a warning."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from importlib import metadata
from typing import TYPE_CHECKING, Any

import pytest

from agent.cli.help_pages import help_pages
from agent.cli.main import app
from agent.config.load import load
from agent.config.reference import reference
from agent.config.rule_tables import config_model
from agent.install.commit import package_commit
from tests.building import script, written
from tests.conftest import ROOT
from tests.locale.languages import ENGLISH_LEFT
from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic import BaseModel

PAGES = ("man1/presence-agent.1", "man5/agent.toml.5")
ALL = (*PAGES, *(f"vi/{page}" for page in PAGES))
# A unit stands in a key's name, and in words in its explanation.
UNITS = {
    "_per_s": "a second",
    "_s": "seconds",
    "_mb": "megabytes",
    "_days": "days",
    "_ratio": "number between 0 and 1",
    "_level": "grey level",
    "fps": "frames a second",
    "size": "pixels",
    "rotation": "degrees",
    "start": "fractions of the picture",
    "polygon": "fractions of the picture",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written("man_pages.py", tmp_path_factory.mktemp("man"))


def need(program: str, package: str) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed (Debian: {package})")


def shown(path: Path) -> str:
    """What `man` shows, in one line a paragraph, without the words' emphasis."""
    need("man", "man-db")
    done = subprocess.run(
        ["man", "--warnings", "-E", "UTF-8", "-l", path],
        capture_output=True, text=True, check=True, timeout=PATIENCE_S,
        # So wide that nothing is wrapped.
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "MANWIDTH": "5000", "MAN_KEEP_FORMATTING": ""},
    )  # fmt: skip
    assert done.stderr == ""
    return re.sub(r".\x08", "", done.stdout)


def plain(text: str) -> str:
    return text.replace("`", "")


def test_all_are_there_and_no_more(folder: Path) -> None:
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert files == set(ALL)


def test_second_build_is_the_same(folder: Path, tmp_path: Path) -> None:
    again = written("man_pages.py", tmp_path / "made" / "on the way")
    assert [(again / page).read_bytes() for page in ALL] == [(folder / page).read_bytes() for page in ALL]


@pytest.mark.parametrize("page", ALL)
def test_renders_without_a_warning(folder: Path, page: str) -> None:
    assert shown(folder / page)


@pytest.mark.parametrize("page", ALL)
def test_groff_warns_of_nothing(folder: Path, page: str) -> None:
    need("groff", "groff")
    words: list[str | Path] = ["groff", "-k", "-man", "-Tutf8", "-ww", "-z", folder / page]
    done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=PATIENCE_S)
    assert (done.stdout, done.stderr) == ("", "")


@pytest.mark.parametrize("page", ALL)
def test_mandoc_warns_of_nothing(folder: Path, page: str) -> None:
    need("mandoc", "mandoc")
    words: list[str | Path] = ["mandoc", "-T", "lint", "-W", "warning", folder / page]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=PATIENCE_S)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("page", ALL)
def test_whatis_finds_it(folder: Path, page: str) -> None:
    need("lexgrog", "man-db")
    words: list[str | Path] = ["lexgrog", folder / page]
    done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=PATIENCE_S)
    assert f': "{page.rpartition("/")[2][:-2]} - ' in done.stdout


@pytest.mark.parametrize("page", ALL)
def test_foot_has_version_and_day(folder: Path, page: str) -> None:
    *_, foot = shown(folder / page).rstrip().splitlines()
    assert foot.split()[:3] == ["presence-agent", metadata.version("presence-agent"), package_commit().day]


def test_every_command_and_option_is_there(folder: Path) -> None:
    page = shown(folder / PAGES[0])
    for one in help_pages(app):
        # Its own part, up to the next.
        start = page.index(f"   {one.usage.removeprefix('presence-agent ')}\n") if one.words else 0
        part = re.split(r"\n(?: {3})?(?=\w)", page[start:])[0] if one.words else page
        for text in one.text:
            assert plain(text) in part
        for line in (line for section in one.sections for line in section.lines):
            if not one.words or line.names[0].startswith("-"):
                assert line.names
            if line.names[0].startswith("-") or line.names[0].isupper():
                (explained,) = re.findall(
                    rf"^ {{7}}{re.escape(', '.join(line.names))}.*(?:\n {{8}}.*)?", part, re.MULTILINE
                )
                assert all(plain(text) in explained for text in line.text)
                assert line.default is None or f"[default: {line.default}]" in explained
                assert not line.is_required or "[required]" in explained
                assert all(choice in explained for choice in line.choices)
            else:
                assert f"\n   {' '.join((*one.words, line.names[0]))}" in page
    assert "--debug" in page


def models() -> dict[str, type[BaseModel]]:
    found = {}
    for name, field in config_model().model_fields.items():
        inner: Any = getattr(field.annotation, "__args__", (field.annotation,))[0]
        found[name] = inner
    return found


def test_every_key_is_there_with_default_and_unit(folder: Path) -> None:
    page = shown(folder / PAGES[1])
    tables = {table.header.strip("[]"): table for table in reference()}
    assert tables.keys() == models().keys()
    used = set()
    for name, model in models().items():
        part = (
            page[page.index(f"\n   {tables[name].header}\n") + 1 :]
            .partition("\n   [")[0]
            .partition("\nEX")[0]
        )
        for key, field in model.model_fields.items():
            (explained,) = re.findall(rf"^ {{7}}{key}(?:\n +| +).*", part, re.MULTILINE)
            default = field.get_default(call_default_factory=True, validated_data={})
            match default:
                case _ if field.is_required():
                    end = "[required]"
                case None:
                    end = "[not set by default]"
                case bool():
                    end = f"[default: {str(default).lower()}]"
                case int() | float():
                    end = f"[default: {default}]"
                case tuple():
                    end = f"[default: {list(default)}]"
                case _:
                    end = f'[default: "{default}"]'
            assert explained.rstrip().endswith(end)
            # The longest ending is the exact one.
            if suffix := max((end for end in UNITS if key.endswith(end)), key=len, default=""):
                assert UNITS[suffix] in explained.lower()
                used.add(suffix)
    assert used == set(UNITS)


def test_example_is_a_configuration(folder: Path, tmp_path: Path) -> None:
    page = shown(folder / PAGES[1])
    path = tmp_path / "agent.toml"
    path.write_text(page.partition("\nEXAMPLE\n")[2].partition("\nSEE ALSO")[0].replace("\n       ", "\n"))
    assert load(path).device.site == "que-phong"


@pytest.mark.parametrize("page", PAGES)
def test_vietnamese_has_no_english(folder: Path, page: str) -> None:
    vietnamese = shown(folder / "vi" / page)
    texts = {text for one in help_pages(app) for text in one.text}
    texts |= {key.text for table in reference() for key in table.keys} | {table.text for table in reference()}
    assert not [text for text in texts if plain(text) in vietnamese]
    # What is typed is in no language.
    assert not ENGLISH_LEFT.search(re.sub(r"\[[^]]*\]|\"[^\"]*\"|\S*[-_/=]\S*|TZ.*", "", vietnamese))


def test_catalogue_that_is_not_compiled_is_no_english_page(tmp_path: Path) -> None:
    for name in ("agent", "deploy", "pyproject.toml"):
        source = ROOT / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, tmp_path / name)
    (path,) = (tmp_path / "agent" / "locale" / "vi").rglob("*.mo")
    path.unlink()
    words: list[str | Path] = [sys.executable, "-P", tmp_path / "deploy" / "man_pages.py", tmp_path / "man"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=PATIENCE_S)
    assert done.returncode == 1
    assert (
        done.stderr == "The texts for vi are not compiled: run 'python deploy/build_translations.py' first.\n"
    )


def test_folder_has_to_be_named() -> None:
    for words in ((), ("one", "two")):
        done = script("man_pages.py", *words)
        assert (done.returncode, done.stderr.splitlines()[0]) == (2, "usage: man_pages.py [-h] folder")
