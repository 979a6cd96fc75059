"""Contents of a Debian package: wheels, licences, bill of materials, weights; always the same."""

from __future__ import annotations

import csv
import hashlib
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from agent.install.manifest import models_directory
from deploy.debian.build import (
    MODELS,
    MODULES,
    PAGES,
    SUITES,
    BuildError,
    Target,
    pack,
    put_extras,
    put_notes,
    put_system,
    put_weights,
    put_wheels,
)
from deploy.debian.licences import UnknownLicenceError, bundled, licence_of
from deploy.debian.linking import UnknownLibraryError, depends
from deploy.debian.wheels import Library, lay_out
from tests.deploy.packaging import MADE_S, small_tree
from tests.patience import PATIENCE_S

ROOT = Path(__file__).parents[2]
TARGET = Target("trixie", "arm64", "1.0.0", MADE_S)
LOCKS = [ROOT / f"deploy/requirements-{tag}.txt" for tag in ("cp311", "cp313")]
SHARED = "presence-agent-1.0.data/data/share/presence-agent/models"
MIT = "Copyright (c) 2024 the authors of it\n\nPermission is hereby granted.\n"


def wheel(
    folder: Path, name: str, files: dict[str, str], *, licence: str = "License-Expression: MIT"
) -> Path:
    """A wheel with these files and a record of them."""
    notes = f"{name}-1.0.dist-info"
    metadata = f"Metadata-Version: 2.4\nName: {name}\nVersion: 1.0\n{licence}\n"
    files = {**files, f"{notes}/METADATA": metadata, f"{notes}/licenses/LICENSE": MIT}
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-1.0-py3-none-any.whl"
    with ZipFile(path, "w") as archive:
        for place, content in files.items():
            archive.writestr(place, content)
        record = [f"{place},sha256=x,{len(content)}" for place, content in files.items()]
        archive.writestr(f"{notes}/RECORD", "\n".join([*record, f"{notes}/RECORD,,"]) + "\n")
    return path


def test_wheel_is_laid_out(tmp_path: Path) -> None:
    library = lay_out(
        wheel(tmp_path, "numpy", {
            "numpy/__init__.py": "a", "numpy/ma/tests/test_x.py": "b", "numpy/testing/x.py": "c",
            "numpy-1.0.data/data/share/x/y.toml": "d", "numpy-1.0.data/scripts/f2py": "e",
            "numpy-1.0.data/purelib/more.py": "f", "numpy.libs/libvpx-0123abcd.so.11.0.1": "g",
        }),
        tmp_path / "modules",
    )  # fmt: skip
    modules = tmp_path / "modules"
    there = {str(path.relative_to(modules)) for path in modules.rglob("*") if path.is_file()}
    notes = {f"numpy-1.0.dist-info/{name}" for name in ("METADATA", "RECORD", "licenses/LICENSE")}
    assert there == notes | {
        "numpy/__init__.py", "numpy/testing/x.py", "share/x/y.toml", "more.py",
        "numpy.libs/libvpx-0123abcd.so.11.0.1",
    }  # fmt: skip
    with (tmp_path / "modules/numpy-1.0.dist-info/RECORD").open() as file:
        recorded = {row[0] for row in csv.reader(file)}
    assert recorded == {str(path) for path in library.files}
    assert [path.name for path in library.bundled] == ["libvpx-0123abcd.so.11.0.1"]


def test_two_wheels_with_one_file(tmp_path: Path) -> None:
    lay_out(wheel(tmp_path / "a", "one", {"shared/x.py": "a"}), tmp_path)
    with pytest.raises(FileExistsError, match="is in two wheels"):
        lay_out(wheel(tmp_path / "b", "two", {"shared/x.py": "b"}), tmp_path)


@pytest.mark.parametrize("lock", LOCKS, ids=[lock.stem for lock in LOCKS])
def test_licence_of_each_library_in_the_lock_is_known(lock: Path) -> None:
    names = re.findall(r"^([a-z][\w-]*)==", lock.read_text(), re.MULTILINE)
    licences = {name: licence_of(importlib.metadata.metadata(name)) for name in names}  # type: ignore[arg-type]
    assert len(licences) > 20
    assert not [name for name, licence in licences.items() if "GPL" in licence]


def test_licence_of_libraries_inside_the_wheels_here_is_known() -> None:
    found = [
        bundled(Path(str(path)))  # type: ignore[arg-type]
        for name in ("numpy", "opencv-python-headless")
        for path in importlib.metadata.files(name) or ()
        if path.parts[0].endswith(".libs")
    ]
    assert len(found) > 10
    # Beside what GCC's exception lets anybody link.
    assert not [item for item in found if re.search(r"(?<!L)GPL(?!.*WITH GCC-exception)", item.licence)]
    versions = {item.name: item.version for item in found}
    assert versions["libvpx"]
    assert re.fullmatch(r"[\d.]+", versions["libvpx"])


@pytest.mark.parametrize(
    "licence", ["License: Commercial", "Classifier: License :: Other/Proprietary License"]
)
def test_unknown_licence_is_refused(tmp_path: Path, licence: str) -> None:
    library = lay_out(wheel(tmp_path, "odd", {"odd.py": ""}, licence=licence), tmp_path / "modules")
    with pytest.raises(UnknownLicenceError, match=r"odd 1\.0"):
        licence_of(library.metadata)


def noted(tmp_path: Path) -> tuple[Path, list[Library]]:
    """A tree with two libraries, the project's wheel and the weights, and its notes."""
    wheels, tree = tmp_path / "wheels", tmp_path / "tree"
    wheel(wheels, "first", {
        "first/__init__.py": "", "first.libs/libvpx-0123abcd.so.11.0.1": "x",
        "first-1.0.dist-info/sboms/auditwheel.cdx.json": json.dumps({"components": [
            {"type": "library", "name": "first", "version": "1.0"},
            {"type": "library", "name": "inner", "version": "3", "purl": "pkg:rpm/inner@3"},
        ]}),
    })  # fmt: skip
    wheel(wheels, "second", {"second.py": ""}, licence="License: MIT")
    models = models_directory()
    wheel(wheels, "presence-agent", {
        "agent/__init__.py": "",
        f"{SHARED}/manifest.toml": (models / "manifest.toml").read_text(),
        **{
            f"{SHARED}/{path.relative_to(models)}": path.read_text()
            for path in (models / "licences").iterdir()
        },
    })  # fmt: skip
    libraries = put_wheels(tree, wheels)
    weights = put_weights(tree, models, importlib.metadata.version("onnxruntime"))
    put_notes(tree, TARGET, libraries, weights)
    return tree, libraries


def test_bill_of_materials_is_what_is_inside(tmp_path: Path) -> None:
    tree, _ = noted(tmp_path)
    bill: dict[str, Any] = json.loads((tree / PAGES / "sbom.cdx.json").read_text())
    components = {component["name"]: component for component in bill["components"]}
    assert components.keys() == {"first", "second", "presence-agent", "yolox_nano", "yunet"}
    inside = {component["name"]: component for component in components["first"]["components"]}
    assert inside.keys() == {"libvpx", "inner"}
    assert inside["libvpx"]["version"] == "11.0.1"
    assert inside["libvpx"]["hashes"] == [{"alg": "SHA-256", "content": hashlib.sha256(b"x").hexdigest()}]
    assert inside["inner"]["purl"] == "pkg:rpm/inner@3"
    assert components["yunet"]["type"] == "machine-learning-model"


def test_every_file_has_a_licence(tmp_path: Path) -> None:
    tree, _ = noted(tmp_path)
    text = (tree / PAGES / "copyright").read_text()
    head, *parts = text.split("\n\n")
    assert head.startswith("Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n")
    for part in parts:
        fields = [line.split(":")[0] for line in part.splitlines() if line[0] != " "]
        assert fields[:3] == ["Files", "Copyright", "License"]
    # The first part is the project's own.
    named = [part.split("\nCopyright:")[0].removeprefix("Files:").split() for part in parts[1:]]
    places = [pattern.rstrip("*") for patterns in named for pattern in patterns if "/models/" not in pattern]
    files = [str(path.relative_to(tree)) for path in (tree / MODULES).rglob("*") if path.is_file()]
    others = [
        file for file in files if not file.startswith((f"{MODULES}/agent/", f"{MODULES}/presence-agent"))
    ]
    strangers = [file for file in others if not file.startswith(tuple(places))]
    # Of the project too are the manifest and the licences of the weights.
    assert {Path(file).suffix for file in strangers} == {".toml", ".txt", ".onnx"}
    assert all(file.startswith(f"{MODELS}/") for file in strangers)
    for name in ("yolox_nano", "yunet"):
        assert f"Files: {MODELS}/*{name}*" in text


def test_weights_of_another_onnxruntime_are_not_taken(tmp_path: Path) -> None:
    (tmp_path / MODELS).mkdir(parents=True)
    shutil.copy(models_directory() / "manifest.toml", tmp_path / MODELS)
    with pytest.raises(BuildError, match=r"no yolox_nano prepared by onnxruntime 0\.1"):
        put_weights(tmp_path, models_directory(), "0.1")


def test_packages_of_debian_that_compiled_files_need() -> None:
    files = [
        Path(path.locate())
        for name in ("numpy", "onnxruntime")
        for path in importlib.metadata.files(name) or ()
        if ".so" in path.name
    ]
    found = depends(files)
    assert {word.split(" ")[0] for word in found} >= {"libc6", "libgcc-s1", "libstdc++6"}
    assert re.fullmatch(r"libc6 \(>= 2\.\d\d\)", found[0])
    # Its own shared libraries are brought along, and then not there.
    alone = [path for path in files if ".libs" not in path.parent.name and "linalg" in path.name]
    with pytest.raises(UnknownLibraryError, match="openblas"):
        depends(alone)


def test_same_tree_same_bytes(tmp_path: Path) -> None:
    digests = []
    for turn in range(2):
        tree = small_tree(tmp_path / f"tree-{turn}", TARGET)
        extras = tmp_path / f"extras-{turn}"
        (extras / "usr/share/man/man1").mkdir(parents=True)
        (extras / "usr/share/man/man1/presence-agent.1").write_text(".TH x\n")
        put_extras(tree, extras)
        for number, path in enumerate(tree.rglob("*")):
            if not path.is_symlink():
                os.utime(path, (MADE_S + 100 * turn + number, MADE_S + number))
                path.chmod(path.stat().st_mode | (0o060 if turn else 0))
        file = pack(tree, TARGET, tmp_path / f"out-{turn}")
        digests.append(hashlib.sha256(file.read_bytes()).hexdigest())
    assert digests[0] == digests[1]
    assert file.name == "presence-agent_1.0.0~deb13_arm64.deb"


def field(file: Path, name: str) -> str:
    done = subprocess.run(
        ["dpkg-deb", "--field", file, name], capture_output=True, text=True, check=True, timeout=PATIENCE_S
    )
    return done.stdout.strip()


@pytest.mark.parametrize(("suite", "python"), [("trixie", "3.13"), ("bookworm", "3.11")])
@pytest.mark.parametrize("architecture", ["arm64", "amd64"])
def test_package_of_each_debian(tmp_path: Path, suite: str, python: str, architecture: str) -> None:
    target = Target(suite, architecture, "1.0.0", MADE_S)
    file = pack(small_tree(tmp_path / "tree", target), target, tmp_path, compression="none")
    assert field(file, "Version") == f"1.0.0~deb{SUITES[suite][0]}"
    assert field(file, "Architecture") == architecture
    major, minor = python.split(".")
    assert (
        field(file, "Depends") == f"python3 (>= {python}~), python3 (<< {major}.{int(minor) + 1}~), systemd"
    )
    assert ("python3-picamera2" in field(file, "Recommends")) == (architecture == "arm64")
    listed = subprocess.run(
        ["dpkg-deb", "--contents", file], capture_output=True, text=True, check=True, timeout=PATIENCE_S
    ).stdout.splitlines()
    assert {line.split()[1] for line in listed} == {"root/root"}
    assert {line.split()[0] for line in listed} == {"drwxr-xr-x", "-rw-r--r--", "-rwxr-xr-x", "lrwxrwxrwx"}
    assert [line.split()[5].rpartition("/")[2] for line in listed if line.startswith("-rwx")] == [
        "presence-agent", "presence-agent-check", "trial", "versions",
    ]  # fmt: skip


def test_all_that_units_name_is_in_the_package(tmp_path: Path) -> None:
    put_system(tmp_path, TARGET)
    texts = [path.read_text() for path in (tmp_path / "usr/lib/systemd/system").iterdir()]
    texts += [path.read_text() for path in (tmp_path / "usr/lib/systemd/catalog").iterdir()]
    texts.append((tmp_path / "usr/lib/presence-agent/payload/bin/presence-agent-check").read_text())
    named = {
        name
        for text in texts
        for name in re.findall(r"(?:file:)?(/usr/[\w./-]*presence-agent[\w./-]*)", text)
    }
    named -= {"/usr/lib/systemd/system/", "/usr/lib/systemd/catalog/"}
    assert {"/usr/bin/presence-agent", "/usr/lib/presence-agent/check"} < named
    assert [name for name in sorted(named) if not os.path.lexists(tmp_path / name[1:])] == []
    tracked = {path.name for path in (ROOT / "systemd").iterdir()}
    put = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    # Four go in under shorter names.
    left = {name for name in tracked - put if not re.fullmatch(r"presence-agent[.-](\w+\.)?conf", name)}
    assert left == set()


def test_version_is_that_of_the_project(tmp_path: Path) -> None:
    put_system(tmp_path, TARGET)
    assert (tmp_path / "usr/lib/presence-agent/payload/version").read_text() == "1.0.0~deb13\n"


def test_optional_weights_are_told_as_the_scripts_read_them() -> None:
    listing = (ROOT / "deploy/debian/versions").read_text()
    (program,) = re.findall(r"models list \| awk '(.+?)'", listing)
    told = subprocess.run(
        ["presence-agent", "models", "list"], capture_output=True, text=True, check=True, timeout=PATIENCE_S
    ).stdout
    done = subprocess.run(["awk", program], input=told, capture_output=True, text=True, check=True)
    assert done.stdout == "yolox_tiny yolox_tiny.onnx\n"
