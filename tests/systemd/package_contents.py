"""Contents of a built package: all that is inside is in its bill, has a licence, is for its processor.

python -m tests.systemd.package_contents PACKAGE...
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import tempfile
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

MODULES: Final = "usr/lib/presence-agent/payload/site-packages"
PAGES: Final = "usr/share/doc/presence-agent"
# e_machine of the ELF header.
_MACHINES: Final = {"amd64": 62, "arm64": 183}
_MOST_MB: Final = 90
_ROOT: Final = Path(__file__).resolve().parents[2]


def problems(package: Path) -> Iterator[str]:
    """What is wrong with a package, a sentence each."""
    size_mb = package.stat().st_size / 1e6
    if size_mb > _MOST_MB:
        yield f"{size_mb:.1f} MB are more than {_MOST_MB}"
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder)
        subprocess.run(["dpkg-deb", "-x", package, tree], check=True)
        files = [path for path in tree.rglob("*") if path.is_file() and not path.is_symlink()]
        yield from _bill(tree)
        yield from _licences(tree, files)
        yield from _programs(files, package.stem.rpartition("_")[2])


def _bill(tree: Path) -> Iterator[str]:
    bill: dict[str, Any] = json.loads((tree / PAGES / "sbom.cdx.json").read_text("utf-8"))
    modules = tree / MODULES
    libraries = {
        (component["name"], component["version"])
        for component in bill["components"]
        if component.get("purl", "").startswith("pkg:pypi/")
    }
    there = set()
    for notes in modules.glob("*.dist-info/METADATA"):
        text = notes.read_text("utf-8")
        name, version = (re.search(rf"^{key}: (.+)$", text, re.MULTILINE) for key in ("Name", "Version"))
        there.add((name and name[1], version and version[1]))
    if libraries != there:
        yield f"libraries of the bill and of the package differ: {libraries ^ there}"
    told = {
        item["value"]: component["hashes"][0]["content"]
        for component in _all(bill["components"])
        for item in component.get("properties", ())
        if item["name"] == "presence-agent:file"
    }
    bundled = {str(path.relative_to(modules)) for path in modules.glob("*.libs/*")}
    weights = {path.name for path in modules.glob("share/presence-agent/models/*.onnx")}
    if told.keys() != bundled | weights:
        yield f"files of the bill and of the package differ: {told.keys() ^ (bundled | weights)}"
    for name, sha256 in told.items():
        path = modules / name if name in bundled else modules / "share/presence-agent/models" / name
        if hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
            yield f"{name} is another one than the bill's"


def _all(components: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for component in components:
        yield component
        yield from _all(component.get("components", []))


def _licences(tree: Path, files: list[Path]) -> Iterator[str]:
    parts = (tree / PAGES / "copyright").read_text("utf-8").split("\n\nFiles: ")[2:]
    patterns = [word for part in parts for word in part.split("\nCopyright:")[0].split()]
    own = ("agent", "share", "presence_agent-")
    for path in files:
        name = str(path.relative_to(tree))
        ours = not name.startswith(MODULES) or name.removeprefix(f"{MODULES}/").startswith(own)
        if not ours and not any(fnmatchcase(name, pattern) for pattern in patterns):
            yield f"{name} has no licence in the copyright file"


def _programs(files: list[Path], architecture: str) -> Iterator[str]:
    compiled = 0
    for path in files:
        content = path.read_bytes()
        if path.suffix == ".pyc":
            yield f"{path.name} depends on one Python"
        if str(_ROOT).encode() in content:
            yield f"{path.name} has a path of this machine in it"
        if content.startswith(b"\x7fELF"):
            compiled += 1
            if int.from_bytes(content[18:20], "little") != _MACHINES[architecture]:
                yield f"{path.name} is for another processor"
    if not compiled:
        yield "nothing in it is compiled"


def main(*packages: str) -> int:
    """Print what is wrong with packages; exit code 1 with anything."""
    bad = 0
    for package in map(Path, packages):
        found = list(problems(package))
        for problem in found:
            print(f"BAD:  {package.name}: {problem}")
        if not found:
            print(
                f"good: {package.name}: {package.stat().st_size / 1e6:.1f} MB, bill, licences and processor"
            )
        bad += len(found)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
