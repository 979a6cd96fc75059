"""A machine after installing, upgrading, removing, purging the package: real dpkg, small packages."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.deploy.packaging import Root, small_package

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may install packages"),
    pytest.mark.skipif(
        shutil.which("deb-systemd-helper") is None, reason="init-system-helpers is not installed"
    ),
    pytest.mark.skipif(shutil.which("systemd-sysusers") is None, reason="systemd is not installed"),
]

JOURNALD = (Path(__file__).parents[2] / "systemd/presence-agent.journald.conf").read_text()
# What is the user's own, from before the package or since.
OWN = {
    "etc/presence-agent/agent.toml": "# by hand\n",
    "etc/presence-agent/mqtt-password": "secret\n",
    "etc/presence-agent/ca.pem": "authority\n",
    "var/lib/presence-agent/events.db": "log\n",
    "var/lib/presence-agent/client-id": "5f3a9c21\n",
    "etc/systemd/system/presence-agent.service.d/own.conf": "[Service]\nNice=1\n",
}
UNIT = "[Service]\nExecStart=/opt/presence-agent/bin/presence-agent run\n"
ENABLED = "-> /usr/lib/systemd/system/presence-agent.service"
LIMITS = "etc/systemd/journald.conf.d/90-presence-agent.conf"
# An installation as the README of 7667f9d made it, and as a script did later.
BY_HAND = {
    "etc/systemd/system/presence-agent.service": UNIT,
    "etc/systemd/system/presence-agent-check.timer": "[Timer]\nOnCalendar=daily\n",
    "etc/systemd/system/multi-user.target.wants/presence-agent.service": "-> ../presence-agent.service",
    "usr/lib/systemd/system/presence-agent-check.service": UNIT,
    "usr/lib/sysusers.d/presence-agent.conf": "u presence-agent 980\n",
    "usr/bin/presence-agent": "-> /opt/presence-agent/bin/presence-agent",
    "usr/local/bin/presence-agent": "-> /opt/presence-agent/bin/presence-agent",
    LIMITS: f"# other words\n{JOURNALD}",
    "opt/presence-agent/pyvenv.cfg": "home = /usr/bin\n",
    "opt/presence-agent/bin/presence-agent": "#!/bin/sh\n",
    "opt/presence-agent/lib/python3.13/site-packages/agent/__init__.py": "",
    "opt/presence-agent/share/presence-agent/models/yolox_tiny.onnx": "tiny",
}
VERSIONS = "var/lib/presence-agent-versions"
WANTED = "etc/systemd/system/multi-user.target.wants/presence-agent.service"
CHECKED = "etc/systemd/system/timers.target.wants/presence-agent-check.timer"
CURRENT_TINY = f"{VERSIONS}/current/site-packages/share/presence-agent/models/yolox_tiny.onnx"

State = dict[str, str | None]
Files = dict[str, str]

ROWS: list[tuple[str, Files, list[str], State]] = [
    ("installed", {}, ["1.0.0"], {
        f"{VERSIONS}/current": "-> 1.0.0~deb13", f"{VERSIONS}/previous": None,
        WANTED: ENABLED,
        CHECKED: "-> /usr/lib/systemd/system/presence-agent-check.timer",
        "usr/bin/presence-agent": f"-> /{VERSIONS}/current/bin/presence-agent",
        "etc/presence-agent": "a folder", "etc/presence-agent/agent.toml": None,
    }),
    ("upgraded", OWN, ["1.0.0", "1.1.0"], {
        **OWN, f"{VERSIONS}/current": "-> 1.1.0~deb13", f"{VERSIONS}/previous": "-> 1.0.0~deb13",
        f"{VERSIONS}/1.0.0~deb13/version": "1.0.0~deb13\n",
    }),
    # The card has no room for more than the way back.
    ("upgraded twice", OWN, ["1.0.0", "1.1.0", "1.2.0"], {
        **OWN, f"{VERSIONS}/previous": "-> 1.1.0~deb13", f"{VERSIONS}/1.0.0~deb13": None,
        f"{VERSIONS}/1.2.0~deb13/version": "1.2.0~deb13\n",
    }),
    # What may run is never written over.
    ("the same again", OWN, ["1.0.0", "1.0.0"], {
        **OWN, f"{VERSIONS}/current": "-> 1.0.0~deb13+2", f"{VERSIONS}/1.0.0~deb13": "a folder",
    }),
    ("an older one", OWN, ["1.1.0", "1.0.0"], {
        **OWN, f"{VERSIONS}/current": "-> 1.0.0~deb13", f"{VERSIONS}/previous": "-> 1.1.0~deb13",
    }),
    # Where nothing runs the new one is in force at once, and nothing failed any more.
    ("after an update that failed", {f"{VERSIONS}/failed.json": "{}"}, ["1.0.0", "1.1.0"], {
        f"{VERSIONS}/failed.json": None,
    }),
    ("removed", OWN, ["1.0.0", "--remove"], {
        **OWN, VERSIONS: None, "usr/bin/presence-agent": None, "usr/lib/presence-agent": None,
        "usr/lib/systemd/system/presence-agent.service": None,
    }),
    ("removed and installed again", OWN, ["1.0.0", "--remove", "1.0.0"], {
        **OWN, f"{VERSIONS}/current": "-> 1.0.0~deb13", WANTED: ENABLED,
    }),
    ("purged", OWN, ["1.0.0", "--purge"], {
        **dict.fromkeys(OWN), VERSIONS: None, "etc/presence-agent": None, "var/lib/presence-agent": None,
        WANTED: None, CHECKED: None, "usr/share/doc/presence-agent": None, "var/backups/presence-agent": None,
    }),
    ("removed, then purged", OWN, ["1.0.0", "--remove", "--purge"], {
        **dict.fromkeys(OWN), "etc/presence-agent": None, "var/lib/presence-agent": None, WANTED: None,
    }),
    ("purged and installed again", {}, ["1.0.0", "--purge", "1.0.0"], {
        f"{VERSIONS}/current": "-> 1.0.0~deb13", WANTED: ENABLED,
    }),
    ("taken over", OWN | BY_HAND, ["1.0.0"], {
        **OWN,
        # Nothing is left that would be used in place of the package's.
        "etc/systemd/system/presence-agent.service": None,
        "etc/systemd/system/presence-agent-check.timer": None,
        LIMITS: None,
        "usr/local/bin/presence-agent": None,
        "opt/presence-agent": None,
        # Units may have been changed by hand.
        "var/backups/presence-agent/presence-agent.service": UNIT,
        "usr/bin/presence-agent": f"-> /{VERSIONS}/current/bin/presence-agent",
        WANTED: ENABLED,
        # 20 MB that somebody fetched because the configuration names them.
        CURRENT_TINY: "tiny",
    }),
    ("a film of somebody's in /opt", {**BY_HAND, "opt/presence-agent/clip.mp4": "film"}, ["1.0.0"], {
        "opt/presence-agent/clip.mp4": "film", "opt/presence-agent/bin": None,
        "opt/presence-agent/pyvenv.cfg": None,
    }),
    ("a folder in /opt that is no environment", {"opt/presence-agent/bin/mine": "x"}, ["1.0.0"], {
        "opt/presence-agent/bin/mine": "x",
    }),
    ("a journal limited by hand", {LIMITS: "[Journal]\n"}, ["1.0.0"], {
        LIMITS: "[Journal]\n",
    }),
    # An administrator's word that it must not run.
    ("masked", {"etc/systemd/system/presence-agent.service": "-> /dev/null"}, ["1.0.0", "1.1.0"], {
        "etc/systemd/system/presence-agent.service": "-> /dev/null",
    }),
    ("optional weights at an upgrade", BY_HAND, ["1.0.0", "1.1.0"], {CURRENT_TINY: "tiny"}),
]  # fmt: skip


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    folder = tmp_path_factory.mktemp("packages")
    made: dict[str, Path] = {}

    def package(version: str) -> Path:
        if version not in made:
            made[version] = small_package(folder, version)
        return made[version]

    return package


@pytest.mark.parametrize(
    ("before", "steps", "after"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS]
)
def test_machine_after(
    tmp_path: Path, packages: Callable[[str], Path], before: Files, steps: list[str], after: State
) -> None:
    root = Root(tmp_path / "root")
    for name, content in before.items():
        root.put(name, content)
    for step in steps:
        if step.startswith("--"):
            root.dpkg(step, "presence-agent")
        else:
            root.dpkg("--install", packages(step))
            assert root.said("run") == f"{step}~deb13 run"
    assert {name: root.look(name) for name in after} == after


def test_disabled_stays_disabled(tmp_path: Path, packages: Callable[[str], Path]) -> None:
    root = Root(tmp_path / "root")
    root.dpkg("--install", packages("1.0.0"))
    (root.path / WANTED).unlink()
    root.dpkg("--install", packages("1.1.0"))
    assert root.look(WANTED) is None
    assert root.look(CHECKED) is not None


def test_old_version_runs_on_when_dpkg_has_taken_its_files(
    tmp_path: Path, packages: Callable[[str], Path]
) -> None:
    root = Root(tmp_path / "root")
    root.dpkg("--install", packages("1.0.0"))
    old = (root.path / VERSIONS / "current").resolve()
    unpacked = root.path / "usr/lib/presence-agent/payload/site-packages/agent/cli/main.py"
    # A second copy would take as much of the card again.
    assert unpacked.samefile(old / "site-packages/agent/cli/main.py")
    compiled = list(old.rglob("*.pyc"))
    root.dpkg("--install", packages("1.1.0"))
    assert not unpacked.samefile(old / "site-packages/agent/cli/main.py")
    assert (old / "version").read_text() == "1.0.0~deb13\n"
    # Python need not read the sources at each start.
    assert len(compiled) == 3
    assert all(path.stat().st_size for path in compiled)


def test_three_lines_of_what_to_do_next(tmp_path: Path, packages: Callable[[str], Path]) -> None:
    root = Root(tmp_path / "root")

    def told(output: str) -> list[str]:
        return [line for line in output.splitlines() if line.startswith("presence-agent: ")]

    first = told(root.dpkg("--install", packages("1.0.0")))
    assert len(first) == 3
    assert "presence-agent check --example" in first[0]
    assert "python3-picamera2 (dpkg -i left it out)" in first[2]
    root.put("etc/presence-agent/agent.toml", "# by hand\n")
    assert told(root.dpkg("--install", packages("1.1.0"))) == []


def test_what_was_put_aside_is_told(tmp_path: Path, packages: Callable[[str], Path]) -> None:
    root = Root(tmp_path / "root")
    drop = "etc/systemd/system/presence-agent.service.d/mine.conf"
    before = {
        **BY_HAND,
        drop: "[Service]\nExecStart=\nExecStart=/opt/presence-agent/bin/presence-agent run\n",
    }
    for name, content in before.items():
        root.put(name, content)
    said = root.dpkg("--install", packages("1.0.0"))
    for name in ("presence-agent.service", "presence-agent-check.timer"):
        assert f"/etc/systemd/system/{name} would hide the one of this package" in said
    assert f"{drop} names /opt/presence-agent, which is no more" in said
