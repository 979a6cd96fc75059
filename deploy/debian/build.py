"""Debian package of the agent, from wheels, weights and this checkout.

`bash deploy/packages.sh` brings what it takes and runs it: `python -m deploy.debian.build --help`.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any, Final

from agent.eventlog import schema as log_schema
from deploy.debian.licences import UnknownLicenceError, copyright_file
from deploy.debian.linking import UnknownLibraryError, depends, is_elf
from deploy.debian.sbom import bill_of_materials
from deploy.debian.wheels import Library, lay_out

ROOT: Final = Path(__file__).resolve().parents[2]
HERE: Final = Path(__file__).resolve().parent
NAME: Final = "presence-agent"
PAYLOAD: Final = "usr/lib/presence-agent/payload"
MODULES: Final = f"{PAYLOAD}/site-packages"
MODELS: Final = f"{MODULES}/share/presence-agent/models"
PAGES: Final = "usr/share/doc/presence-agent"
CURRENT: Final = "/var/lib/presence-agent-versions/current"
MAINTAINER: Final = "The presence-agent project <presence-agent@packages.invalid>"
# Name of each Debian: its number, its Python, and the one after that.
SUITES: Final = {"trixie": (13, "3.13", "3.14"), "bookworm": (12, "3.11", "3.12")}
# Files of systemd/, and where each goes.
_SYSTEM: Final = {
    "presence-agent.sysusers.conf": "usr/lib/sysusers.d/presence-agent.conf",
    "presence-agent.tmpfiles.conf": "usr/lib/tmpfiles.d/presence-agent.conf",
    "presence-agent.journald.conf": "usr/lib/systemd/journald.conf.d/90-presence-agent.conf",
    "presence-agent.catalog": "usr/lib/systemd/catalog/presence-agent.catalog",
    "presence-agent.vi.catalog": "usr/lib/systemd/catalog/presence-agent.vi.catalog",
    "presence-agent-clock.conf": "usr/share/presence-agent/clock.conf",
    "presence-agent-check": f"{PAYLOAD}/bin/presence-agent-check",
}
# Links of the package: to the version in force, whichever that is.
_LINKS: Final = {
    "usr/bin/presence-agent": f"{CURRENT}/bin/presence-agent",
    "usr/lib/presence-agent/check": f"{CURRENT}/bin/presence-agent-check",
}


class BuildError(Exception):
    """Something that a package can't be made without; one sentence."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a package is made for.

    Attributes:
        suite: name of the Debian, one of `SUITES`.
        architecture: Debian's word: arm64 or amd64.
        version: of the project.
        made_s: time that all files get, in seconds since 1970.
    """

    suite: str
    architecture: str
    version: str
    made_s: int

    @property
    def package_version(self) -> str:
        """Version with the Debian that it is for; an upgrade of Debian is an upgrade of the package too."""
        return f"{self.version}~deb{SUITES[self.suite][0]}"

    @property
    def file_name(self) -> str:
        """Name of the package's file."""
        return f"{NAME}_{self.package_version}_{self.architecture}.deb"


def put_wheels(tree: Path, wheels: Path) -> list[Library]:
    """Lay all wheels of a folder out as the package's modules.

    Raises:
        BuildError: there are none.
    """
    modules = tree / MODULES
    modules.mkdir(parents=True)
    libraries = [lay_out(wheel, modules) for wheel in sorted(wheels.glob("*.whl"))]
    if NAME not in {library.name for library in libraries}:
        raise BuildError(f"{wheels} has no wheel of {NAME}.")
    return libraries


def put_weights(tree: Path, models: Path, onnxruntime: str) -> list[dict[str, str]]:
    """Put the weights that the agent needs into the package, upstream's and prepared; return what they are.

    Args:
        tree: of the package, with the manifest from the project's wheel.
        models: where `presence-agent models fetch` has put and prepared them.
        onnxruntime: version of that in the package: weights prepared by another are not used.

    Raises:
        BuildError: they are not there.
    """
    entries: list[dict[str, Any]] = tomllib.loads((tree / MODELS / "manifest.toml").read_text("utf-8"))[
        "entry"
    ]
    told = []
    for entry in entries:
        if entry["kind"] != "weights" or entry.get("optional", False):
            continue
        pattern = f"{entry['name']}-{entry['sha256'][:12]}-r*-ort{onnxruntime}-*.onnx"
        prepared = sorted((models / "prepared").glob(pattern))
        source = models / entry["file"]
        if len(prepared) != 1 or not source.is_file():
            raise BuildError(f"{models} has no {entry['name']} prepared by onnxruntime {onnxruntime}.")
        if hashlib.sha256(source.read_bytes()).hexdigest() != entry["sha256"]:
            raise BuildError(f"{source} is damaged.")
        for path in (source, prepared[0]):
            place = tree / MODELS / path.relative_to(models)
            place.parent.mkdir(exist_ok=True)
            shutil.copyfile(path, place)
        told.append({key: entry[key] for key in ("name", "file", "licence", "sha256", "licence_text")})
    return told


def put_system(tree: Path, target: Target) -> None:
    """Put what is not Python into the package: commands, units, pages, change log."""
    _copy(HERE / NAME, tree / PAYLOAD / "bin" / NAME, 0o755)
    for program, source in {"versions": "versions", "trial": "trial.py"}.items():
        _copy(HERE / source, tree / "usr/lib/presence-agent" / program, 0o755)
    (tree / PAYLOAD / "version").write_text(f"{target.package_version}\n", "utf-8")
    (tree / PAYLOAD / "log-form").write_text(f"{log_schema.FORM} {log_schema.VERSION}\n", "utf-8")
    # A trial needs versions, which only the package keeps.
    for unit in sorted([*(ROOT / "systemd").iterdir(), HERE / "presence-agent-update.service"]):
        if unit.suffix in {".service", ".path", ".timer"}:
            _copy(unit, tree / "usr/lib/systemd/system" / unit.name)
    for name, place in _SYSTEM.items():
        _copy(ROOT / "systemd" / name, tree / place, 0o755 if place.startswith(PAYLOAD) else 0o644)
    for name, goal in _LINKS.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).symlink_to(goal)
    pages = [ROOT / "README.md", ROOT / "deploy/demo.jpg"]
    for folder in ("deploy", "models", "systemd"):
        pages += (ROOT / folder).rglob("*.md")
    for page in pages:
        _copy(page, tree / PAGES / page.relative_to(ROOT))
    when = format_datetime(datetime.fromtimestamp(target.made_s, UTC))
    log = (
        f"{NAME} ({target.package_version}) {target.suite}; urgency=medium\n\n"
        f"  * What changed for whom: /{PAGES}/deploy/CHANGELOG.md\n\n"
        f" -- {MAINTAINER}  {when}\n"
    )
    _compressed(tree / PAGES / "changelog.gz", log.encode())
    _copy(HERE / "lintian-overrides", tree / "usr/share/lintian/overrides" / NAME)


def put_notes(tree: Path, target: Target, libraries: list[Library], weights: list[dict[str, str]]) -> None:
    """Put licences and bill of materials of what is there into the package."""
    texts = [
        (entry["name"], entry["licence"], (tree / MODELS / entry["licence_text"]).read_text("utf-8"))
        for entry in weights
    ]
    own = (ROOT / "LICENSE").read_text("utf-8")
    (tree / PAGES).mkdir(parents=True, exist_ok=True)
    copyrights = copyright_file(libraries, tree / MODULES, MODULES, own, texts)
    (tree / PAGES / "copyright").write_text(copyrights, "utf-8")
    package = {"name": NAME, "version": target.package_version, "architecture": target.architecture}
    bill = bill_of_materials(libraries, tree / MODULES, weights, package, target.made_s)
    (tree / PAGES / "sbom.cdx.json").write_text(bill, "utf-8")


def put_extras(tree: Path, extras: Path) -> None:
    """Put what others made, laid out as in a root, into the package; pages of `man` are compressed."""
    for path in sorted(extras.rglob("*")):
        if not path.is_file():
            continue
        place = tree / path.relative_to(extras)
        if "/man/" in place.as_posix():
            place.parent.mkdir(parents=True, exist_ok=True)
            _compressed(place.with_name(f"{place.name}.gz"), path.read_bytes())
        else:
            _copy(path, place)


def pack(tree: Path, target: Target, folder: Path, *, compression: str = "xz") -> Path:
    """Write the package's file; the same tree gives the same bytes.

    Args:
        tree: with all that goes in; its times and modes are set here.
        target: what it is for.
        folder: for the file.
        compression: of `dpkg-deb`; xz is also read by the tools of archives of Debian 12.

    Raises:
        BuildError: dpkg-deb refuses, with its words.
    """
    notes = tree / "DEBIAN"
    notes.mkdir()
    files = sorted(path for path in tree.rglob("*") if path.is_file() and not path.is_symlink())
    sums = "".join(
        f"{hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()}  {path.relative_to(tree)}\n"
        for path in files
    )
    (notes / "md5sums").write_text(sums, "utf-8")
    size_kib = sum(-(-path.stat().st_size // 1024) for path in files) + len(list(tree.rglob("*")))
    needs = depends(path for path in files if is_elf(path))
    (notes / "control").write_text(_control(target, needs, size_kib), "utf-8")
    for script in sorted((HERE / "control").iterdir()):
        _copy(script, notes / script.name, 0o755)
    for path in [tree, *tree.rglob("*")]:
        if not path.is_symlink():
            # Runs by its mode: programs only.
            runs = path.is_dir() or bool(path.stat().st_mode & 0o100)
            path.chmod(0o755 if runs else 0o644)
        os.utime(path, (target.made_s, target.made_s), follow_symlinks=False)
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / target.file_name
    done = subprocess.run(  # noqa: S603 - words of our own
        ["dpkg-deb", "--root-owner-group", f"-Z{compression}", "--threads-max=1", "--build", tree, file],  # noqa: S607
        env={**os.environ, "SOURCE_DATE_EPOCH": str(target.made_s), "LC_ALL": "C"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise BuildError(f"dpkg-deb: {done.stderr.strip()}")
    return file


def _control(target: Target, needs: list[str], size_kib: int) -> str:
    _, python, after = SUITES[target.suite]
    # systemd makes the user and the folders; all else that scripts here call is essential.
    words = [f"python3 (>= {python}~)", f"python3 (<< {after}~)", "systemd", *needs]
    # TLS with a broker whose certificate a public authority gave; the Pi's own camera.
    wished = ["ca-certificates", *(["python3-picamera2"] if target.architecture == "arm64" else [])]
    return (
        f"Package: {NAME}\n"
        f"Version: {target.package_version}\n"
        f"Architecture: {target.architecture}\n"
        f"Maintainer: {MAINTAINER}\n"
        f"Installed-Size: {size_kib}\n"
        f"Depends: {', '.join(words)}\n"
        f"Recommends: {', '.join(wished)}\n"
        "Section: net\n"
        "Priority: optional\n"
        "Description: presence events from an office camera, over MQTT\n"
        " Finds persons in a camera's pictures on this device and tells a broker who\n"
        " came, went, waits and is served: as numbers and events, without identity\n"
        " and without pictures. The service is started by hand once the configuration\n"
        " /etc/presence-agent/agent.toml is there, and then with the machine.\n"
        " .\n"
        " The libraries of Python that it needs are inside, in the versions that it was\n"
        " tested with, and no other program sees them.\n"
    )


def _copy(source: Path, place: Path, mode: int = 0o644) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, place)
    place.chmod(mode)


def _compressed(place: Path, content: bytes) -> None:
    place.write_bytes(gzip.compress(content, 9, mtime=0))


def main() -> int:
    """Build one package; exit code 1 with a sentence where it can't be."""
    parser = argparse.ArgumentParser(prog="python -m deploy.debian.build", description=__doc__)
    parser.add_argument("--suite", choices=SUITES, required=True)
    parser.add_argument("--arch", choices=("amd64", "arm64"), required=True)
    parser.add_argument("--wheels", type=Path, required=True, help="folder of the wheels, the project's too")
    parser.add_argument(
        "--models", type=Path, required=True, help="folder of the fetched and prepared weights"
    )
    parser.add_argument("--extras", type=Path, help="further files, laid out as in a root")
    parser.add_argument("--out", type=Path, required=True, help="folder for the package")
    parser.add_argument("--compression", default="xz", help="of dpkg-deb; gzip is quicker, for a trial")
    given = parser.parse_args()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    target = Target(given.suite, given.arch, project["version"], int(os.environ["SOURCE_DATE_EPOCH"]))
    with tempfile.TemporaryDirectory(dir=given.wheels) as folder:
        tree = Path(folder) / "tree"
        try:
            libraries = put_wheels(tree, given.wheels)
            (onnxruntime,) = [library.version for library in libraries if library.name == "onnxruntime"]
            weights = put_weights(tree, given.models, onnxruntime)
            put_system(tree, target)
            if given.extras:
                put_extras(tree, given.extras)
            put_notes(tree, target, libraries, weights)
            file = pack(tree, target, given.out, compression=given.compression)
        except (BuildError, UnknownLibraryError, UnknownLicenceError) as error:
            print(error, file=sys.stderr)  # noqa: T201
            return 1
    print(f"{file}: {file.stat().st_size / 1e6:.1f} MB")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
