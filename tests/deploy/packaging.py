"""Small packages with the real scripts, and roots that dpkg installs them into without entering them."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from deploy.debian.build import MODULES, Target, pack, put_system
from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    from pathlib import Path

MADE_S = 1_796_000_000
# In the agent's place: says which version runs, and does to optional weights what the agent does.
_AGENT = """
import shutil, sys
from pathlib import Path

HERE = Path(__file__).parents[2]
MODELS = HERE / "share/presence-agent/models"

def main() -> None:
    if sys.argv[1:] == ["models", "list"]:
        print(f"in {MODELS}:")
        print("yolox_nano   weights  there      3.7 MB  yolox_nano.onnx  (Apache-2.0)")
        print("yolox_tiny   optional missing   20.2 MB  yolox_tiny.onnx  (Apache-2.0)")
    elif sys.argv[1:4] == ["models", "fetch", "--from"]:
        MODELS.mkdir(parents=True, exist_ok=True)
        shutil.copy(Path(sys.argv[4]) / f"{sys.argv[5]}.onnx", MODELS)
    else:
        print((HERE.parent / "version").read_text().strip(), *sys.argv[1:])
"""


def small_tree(tree: Path, target: Target) -> Path:
    """A package's tree with all but the libraries."""
    modules = tree / MODULES / "agent/cli"
    modules.mkdir(parents=True)
    for folder in (modules.parent, modules):
        (folder / "__init__.py").touch()
    (modules / "main.py").write_text(_AGENT)
    put_system(tree, target)
    return tree


def small_package(folder: Path, version: str, suite: str = "trixie") -> Path:
    """A package of this version, for a Debian, with all but the libraries."""
    target = Target(suite, "amd64", version, MADE_S)
    return pack(small_tree(folder / f"tree-{version}", target), target, folder, compression="none")


class Root:
    """Folder that is a machine's root to dpkg and to the package's scripts (DPKG_ROOT)."""

    def __init__(self, path: Path) -> None:
        self.path = path
        for name in ("var/lib/dpkg/updates", "var/lib/dpkg/info", "etc"):
            (path / name).mkdir(parents=True)
        (path / "var/lib/dpkg/status").touch()

    def dpkg(self, *words: str | Path) -> str:
        """Run dpkg on this root and return what it and the scripts said; it must end well."""
        force = ("--force-script-chrootless", "--force-depends", "--force-unsafe-io")
        done = subprocess.run(
            ["dpkg", f"--root={self.path}", f"--log={self.path}/dpkg.log", *force, *words],
            capture_output=True, text=True, check=False, timeout=PATIENCE_S,
            env={**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"},
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def put(self, name: str, content: str) -> None:
        """Put a file there; content that begins with `-> ` is where a link leads."""
        place = self.path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if content.startswith("-> "):
            place.symlink_to(content.removeprefix("-> "))
        else:
            place.write_text(content)

    def look(self, name: str) -> str | None:
        """What `put` would have put there; None: nothing is there."""
        place = self.path / name
        if place.is_symlink():
            return f"-> {place.readlink()}"
        if place.is_dir():
            return "a folder"
        return place.read_text() if place.exists() else None

    def said(self, *words: str) -> str:
        """What the version in force prints."""
        program = self.path / "var/lib/presence-agent-versions/current/bin/presence-agent"
        done = subprocess.run(
            [program, *words], capture_output=True, text=True, check=False, timeout=PATIENCE_S
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()
