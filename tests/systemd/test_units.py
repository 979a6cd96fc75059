"""What the units promise, read as systemd reads them: no memory of ours gets onto the card or to other users.

The running unit's properties are looked at in acceptance.sh.
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING

import pytest

from tests.conftest import ROOT

if TYPE_CHECKING:
    from pathlib import Path

FOLDER = ROOT / "systemd"
SERVICES = sorted(FOLDER.glob("*.service"))
# They are not what systemd makes of a key that is not there.
KEPT = {"LimitCORE": ["0"], "CoredumpFilter": ["elf-headers"], "UMask": ["0077"], "MemorySwapMax": ["0"]}
# The acceptance looks at the same.
ACCEPTANCE = "for unit in presence-agent presence-agent-check presence-agent-credentials; do"


def read(path: Path) -> dict[str, dict[str, list[str]]]:
    """Values by section and key, each of a list or each that replaces the one before; an empty one clears."""
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    section = ""
    text = "\n".join(row for row in path.read_text("utf-8").splitlines() if not row.startswith(("#", ";")))
    for row in text.replace("\\\n", " ").splitlines():
        if row.startswith("["):
            section = row.strip("[]")
        elif row.strip():
            key, _, value = row.partition("=")
            values = found[section][key.strip()]
            if value.strip():
                values.append(value.strip())
            else:
                values.clear()
    return found


def test_every_unit_is_one_of_these() -> None:
    assert [path.stem for path in SERVICES] == [
        "presence-agent-check", "presence-agent-credentials", "presence-agent",
    ]  # fmt: skip
    assert ACCEPTANCE in (ROOT / "tests/systemd/acceptance.sh").read_text("utf-8")


@pytest.mark.parametrize("path", SERVICES, ids=lambda path: path.stem)
def test_memory_stays_in_memory(path: Path) -> None:
    service = read(path)["Service"]
    assert {key: service[key] for key in KEPT} == KEPT


@pytest.mark.parametrize("path", [*FOLDER.glob("*.conf")], ids=lambda path: path.name)
def test_no_drop_in_takes_it_back(path: Path) -> None:
    assert not KEPT.keys() & read(path)["Service"].keys()


@pytest.mark.parametrize("name", ["presence-agent", "presence-agent-check"])
def test_memory_is_bounded(name: str) -> None:
    (most,) = read(FOLDER / f"{name}.service")["Service"]["MemoryMax"]
    # A Pi with 1 GB has room for the system beside both.
    assert 0 < int(most.removesuffix("M")) <= 450


def test_page_and_acceptance_install_in_one_way() -> None:
    step = "apt-get install -y --no-install-recommends"
    steps = f"sudo {step} ", "sudo systemctl restart --no-block presence-agent\n"
    page = (ROOT / "deploy/README.md").read_text("utf-8")
    assert [page.count(f" {step}") for step in steps] == [1, 1]
    assert f"    {step} /opt/package/" in (ROOT / "tests/systemd/debian.sh").read_text("utf-8")
    for name in ("acceptance", "rotation"):
        script = (ROOT / f"tests/systemd/{name}.sh").read_text("utf-8")
        assert re.search(r"^by_page$|\bby_page;", script, re.MULTILINE)
        assert "install_agent" in script
        # Nothing that is the installer's is done beside it.
        assert not re.findall(
            r"systemd-sysusers|systemd-tmpfiles|systemctl( -\S+)* enable|--update-catalog", script
        )
