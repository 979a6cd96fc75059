"""The archive and its devices: only what the key has signed, lately, and only forward."""

from __future__ import annotations

import gzip
import os
import shutil
import stat
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from agent.device.updates import followed_suite, index_signed_at
from deploy.debian.build import Target, pack
from tests.deploy.archive import Archive, Device, run, swap
from tests.deploy.packaging import MADE_S, small_package, small_tree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may install packages"),
    pytest.mark.skipif(shutil.which("reprepro") is None, reason="reprepro is not installed"),
    pytest.mark.skipif(
        None in {shutil.which("gpg"), shutil.which("gpg-agent")}, reason="gpg and gpg-agent are not installed"
    ),
    pytest.mark.skipif(shutil.which("apt-get") is None, reason="apt is not installed"),
    pytest.mark.skipif(
        shutil.which("deb-systemd-helper") is None, reason="init-system-helpers is not installed"
    ),
]
FIRST, SECOND = "1.0.0~deb13", "1.0.1~deb13"
POOL = "pool/main/p/presence-agent"
INDEX = "dists/trixie-stable/main/binary-amd64/Packages"


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("packages")
    return {version: small_package(folder, version) for version in ("1.0.0", "1.0.1")}


def package_of_another(folder: Path) -> Path:
    """The first version, with another file in it."""
    target = Target("trixie", "amd64", "1.0.0", MADE_S)
    tree = small_tree(folder / "tree", target)
    (tree / "usr/bin/another").write_text("")
    return pack(tree, target, folder, compression="none")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory, packages: dict[str, Path]) -> Path:
    """An archive with the first version in both suites."""
    archive = Archive(tmp_path_factory.mktemp("arc") / "a")
    archive.do("add", packages["1.0.0"])
    archive.do("promote", "1.0.0")
    return archive.path


@pytest.fixture
def archive(tmp_path: Path, prepared: Path) -> Archive:
    """The prepared one, for a test to change."""
    shutil.copytree(prepared, tmp_path / "a", ignore=shutil.ignore_patterns("S.*"))
    return Archive(tmp_path / "a")


@pytest.fixture
def url(archive: Archive) -> Iterator[str]:
    with archive.served() as address:
        yield address


def test_canary_first_then_stable(
    archive: Archive, url: str, tmp_path: Path, packages: dict[str, Path]
) -> None:
    canary = Device(tmp_path / "canary", archive, url, "canary")
    stable = Device(tmp_path / "stable", archive, url, "stable")
    assert (canary.upgraded(), stable.upgraded()) == (FIRST, FIRST)
    archive.do("add", packages["1.0.1"])
    assert (canary.upgraded(), stable.upgraded()) == (SECOND, FIRST)
    archive.do("promote", "1.0.1")
    assert (canary.upgraded(), stable.upgraded()) == (SECOND, SECOND)
    assert canary.root.said() == SECOND


# --- what must be refused -----------------------------------------------------------------------------


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def package_changed(archive: Archive, _device: Device, _other: Archive) -> None:
    (file,) = (archive.public / POOL).glob("*.deb")
    flip(file)


def package_replaced(archive: Archive, _device: Device, other: Archive) -> None:
    """Of the same name, from somebody else."""
    (file,) = (archive.public / POOL).glob("*.deb")
    swap(file, next((other.public / POOL).glob("*.deb")))


def index_changed(archive: Archive, _device: Device, _other: Archive) -> None:
    """To name another package, with right sums of its own."""
    text = (archive.public / INDEX).read_text().replace("Version: 1.0.0", "Version: 9.0.0")
    (archive.public / INDEX).write_text(text)
    (archive.public / f"{INDEX}.gz").write_bytes(gzip.compress(text.encode()))


def release_changed(archive: Archive, _device: Device, _other: Archive) -> None:
    """To be good for longer, with a signature that is another's."""
    for name in ("InRelease", "Release"):
        file = archive.public / "dists/trixie-stable" / name
        file.write_text(
            file.read_text().replace("Valid-Until: ", "Valid-Until: Fri, 01 Jan 2100 00:00:00 UTC\nX: ")
        )


def signature_removed(archive: Archive, _device: Device, _other: Archive) -> None:
    for name in ("InRelease", "Release.gpg"):
        (archive.public / "dists/trixie-stable" / name).unlink()


def signed_by_another_key(archive: Archive, _device: Device, other: Archive) -> None:
    swap(archive.public / "dists", other.public / "dists")
    swap(archive.public / "pool", other.public / "pool")


def key_of_another(_archive: Archive, device: Device, other: Archive) -> None:
    swap(device.keyring, other.public / "presence-agent.gpg")


def key_damaged(_archive: Archive, device: Device, _other: Archive) -> None:
    flip(device.keyring)


def signed_for_another_suite(archive: Archive, _device: Device, _other: Archive) -> None:
    """Canary's index, rightly signed, where stable's is asked for."""
    swap(archive.public / "dists/trixie-stable", archive.public / "dists/trixie-canary")


def signed_long_ago(archive: Archive, _device: Device, _other: Archive) -> None:
    archive.sign_as_of("trixie-stable", timedelta(days=29))


@pytest.mark.parametrize(
    ("tamper", "words"),
    [
        (package_changed, "Hash Sum mismatch"),
        (package_replaced, "unexpected size|Hash Sum mismatch"),
        (index_changed, "unexpected size|Hash Sum mismatch"),
        (release_changed, "not valid|BADSIG|invalid"),
        (signature_removed, "is not signed"),
        (signed_by_another_key, "NO_PUBKEY|couldn't be verified"),
        (key_of_another, "NO_PUBKEY|couldn't be verified"),
        (key_damaged, "NO_PUBKEY|couldn't be verified|not valid|BADSIG|ERRSIG"),
        (signed_for_another_suite, "Conflicting distribution"),
        (signed_long_ago, "expired"),
    ],
)
def test_tampered_is_refused(
    archive: Archive, url: str, tmp_path: Path, tamper: Callable[..., None], words: str
) -> None:
    device = Device(tmp_path / "device", archive, url, "stable")
    other = Archive(tmp_path / "other")
    other.do("add", package_of_another(tmp_path / "else"))
    other.do("promote", "1.0.0")
    tamper(archive, device, other)
    said = device.update().stderr + device.apt("install", "presence-agent").stderr
    assert any(word in said for word in words.split("|")), said
    assert device.installed() is None


# --- never backwards ----------------------------------------------------------------------------------


def test_older_index_that_is_still_good_changes_nothing(
    archive: Archive, url: str, tmp_path: Path, packages: dict[str, Path]
) -> None:
    """Of somebody on the way who holds new versions back."""
    device = Device(tmp_path / "device", archive, url, "canary")
    archive.sign_as_of("trixie-canary", timedelta(days=2))
    shutil.copytree(archive.public / "dists", tmp_path / "older")
    archive.do("add", packages["1.0.1"])
    assert device.update().returncode == 0
    newer = archive.release("trixie-canary", "Date")
    swap(archive.public / "dists", tmp_path / "older")
    assert device.upgraded() == SECOND
    assert index_signed_at("trixie-canary", device.root.path) == newer
    # Whose lists are new sees the older one only; what is installed stays.
    shutil.rmtree(device.root.path / "var/lib/apt/lists")
    (device.root.path / "var/lib/apt/lists/partial").mkdir(parents=True)
    assert device.upgraded() == SECOND
    assert (
        index_signed_at("trixie-canary", device.root.path) == archive.release("trixie-canary", "Date") < newer
    )
    assert device.apt("dist-upgrade").returncode == 0
    assert device.installed() == SECOND


def test_withdrawn_version_is_installed_nowhere_else(
    archive: Archive, url: str, tmp_path: Path, packages: dict[str, Path]
) -> None:
    with_it, without = (Device(tmp_path / name, archive, url, "canary") for name in ("one", "two"))
    archive.do("add", packages["1.0.1"])
    assert with_it.upgraded() == SECOND
    archive.do("withdraw", "1.0.1")
    assert (with_it.upgraded(), without.upgraded()) == (SECOND, None)
    said = archive.ask("withdraw", "1.0.1")
    assert (said.returncode, said.stderr) == (
        1,
        "No suite has 1.0.1; 'archive.sh list' says what there is.\n",
    )
    # It was there once; whoever is fetching it now still gets it.
    assert (archive.public / POOL / packages["1.0.1"].name).exists()


def test_signing_again_keeps_contents(archive: Archive, url: str, tmp_path: Path) -> None:
    archive.sign_as_of("trixie-stable", timedelta(days=29))
    dists = archive.public / "dists"
    before = {path: path.read_bytes() for path in dists.rglob("Packages*")}
    assert len(before) == 4 * 2 * 2
    archive.do("resign")
    assert {path: path.read_bytes() for path in dists.rglob("Packages*")} == before
    now = datetime.now(UTC)
    for suite in ("trixie-canary", "trixie-stable", "bookworm-canary", "bookworm-stable"):
        assert abs(archive.release(suite, "Date") - now) < timedelta(hours=1)
        assert abs(archive.release(suite, "Valid-Until") - now - timedelta(days=28)) < timedelta(hours=1)
    device = Device(tmp_path / "device", archive, url, "stable")
    assert device.upgraded() == FIRST


# --- without a network --------------------------------------------------------------------------------


@pytest.mark.skipif(shutil.which("unshare") is None, reason="unshare is not installed")
def test_stick_without_a_network(archive: Archive, tmp_path: Path, packages: dict[str, Path]) -> None:
    stick = tmp_path / "stick"
    stick.mkdir()
    archive.do("export", stick)
    device = Device(tmp_path / "device", archive, f"file:{stick}", "stable")
    for version in (FIRST, SECOND):
        assert device.apt("-o", "APT::Update::Error-Mode=any", "update", offline=True).returncode == 0
        assert device.apt("install", "presence-agent", offline=True).returncode == 0
        assert device.installed() == version
        archive.do("add", packages["1.0.1"])
        archive.do("promote", "1.0.1")
        archive.do("export", stick)
    # What the keeper's folder has beside it is not for others.
    files = {path.relative_to(stick).parts[0] for path in stick.rglob("*")}
    assert files == {"dists", "pool", "presence-agent.gpg"}


@pytest.mark.parametrize("by_stick", [False, True])
def test_agent_knows_its_suite_and_the_age_of_its_index(
    archive: Archive, url: str, tmp_path: Path, *, by_stick: bool
) -> None:
    address = f"file:{archive.public}" if by_stick else url
    device = Device(tmp_path / "device", archive, address, "canary")
    root = device.root.path
    assert (followed_suite(root), index_signed_at("trixie-canary", root)) == ("trixie-canary", None)
    for days in (3, 1):
        archive.sign_as_of("trixie-canary", timedelta(days=days))
        assert device.update().returncode == 0
        assert index_signed_at("trixie-canary", root) == archive.release("trixie-canary", "Date")
    assert index_signed_at("trixie-stable", root) is None


def test_changes_are_published_by_themselves(
    archive: Archive, tmp_path: Path, packages: dict[str, Path]
) -> None:
    place = tmp_path / "www"
    place.mkdir()
    archive.do("init", "--publish-to", place)
    archive.do("add", packages["1.0.1"])
    index = "dists/trixie-canary/InRelease"
    assert (place / index).read_bytes() == (archive.public / index).read_bytes()
    assert (place / POOL / packages["1.0.1"].name).exists()
    archive.sign_as_of("trixie-canary", timedelta(days=20))
    archive.do("resign")
    assert (place / index).read_bytes() == (archive.public / index).read_bytes()


@pytest.mark.skipif(shutil.which("rsync") is None, reason="rsync is not installed")
def test_published_to_another_machine(
    archive: Archive, tmp_path: Path, packages: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With rsync's own protocol; what ssh would do, this shell does."""
    place, shell = tmp_path / "www", tmp_path / "shell"
    place.mkdir()
    shell.write_text('#!/bin/sh\nshift\nexec "$@"\n')
    shell.chmod(0o755)
    monkeypatch.setenv("RSYNC_RSH", str(shell))
    for _ in range(2):
        archive.do("export", f"www.example:{place}")
        # Served as they are, by whoever the web server runs as.
        assert {stat.S_IMODE(path.stat().st_mode) for path in place.rglob("*")} == {0o644, 0o755}
        copied = {path.relative_to(place) for path in place.rglob("*")}
        assert copied == {path.relative_to(archive.public) for path in archive.public.rglob("*")}
        archive.do("add", packages["1.0.1"])


# --- the keeper's side --------------------------------------------------------------------------------


def test_key_stays_with_its_keeper(archive: Archive) -> None:
    assert stat.S_IMODE((archive.path / "gnupg").stat().st_mode) == 0o700
    said = run("gpg", "--show-keys", "--with-colons", archive.public / "presence-agent.gpg").stdout
    assert {line.partition(":")[0] for line in said.splitlines()} == {"pub", "fpr", "uid"}
    # Made once: run again, it is the one that devices know.
    archive.do("init")
    assert run("gpg", "--show-keys", "--with-colons", archive.public / "presence-agent.gpg").stdout == said


def another_name(folder: Path) -> Path:
    tree = folder / "tree"
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "DEBIAN/control").write_text(
        "Package: bash\nVersion: 9~deb13\nArchitecture: amd64\nMaintainer: nobody\nDescription: no shell\n"
    )
    run("dpkg-deb", "--root-owner-group", "-b", tree, folder / "bash.deb")
    return folder / "bash.deb"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["add", another_name], 1, "only presence-agent goes into this archive"),
        (["add", lambda folder: folder / "none.deb"], 1, "is no Debian package"),
        (["add", package_of_another], 1, "never changes its contents"),
        (["add"], 2, "add wants packages"),
        (["promote", "1.0.7"], 1, "was never in a canary suite"),
        (["promote", "1.0.0~deb13"], 2, "like 1.0.1"),
        (["promote", "../x"], 2, "like 1.0.1"),
        (["export", lambda folder: folder / "none"], 1, "mount the stick first"),
        (["device", "--url", "https://x.example/a b", "--channel", "stable"], 2, "--url"),
        (["device", "--url", "https://x.example", "--channel", "testing"], 2, "--channel canary"),
        (["resing"], 2, "Give one of"),
        (["add", "--nothing"], 2, "is not known"),
    ],
)
def test_refused_with_a_sentence(
    archive: Archive, tmp_path: Path, words: list[str | Callable[[Path], Path]], code: int, said: str
) -> None:
    before = {path: path.read_bytes() for path in archive.public.rglob("*") if path.is_file()}
    done = archive.ask(*(word if isinstance(word, str) else word(tmp_path / "made") for word in words))
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert {path: path.read_bytes() for path in archive.public.rglob("*") if path.is_file()} == before


def test_older_version_is_not_put_over_a_newer_one(archive: Archive, packages: dict[str, Path]) -> None:
    archive.do("add", packages["1.0.1"])
    archive.do("promote", "1.0.1")
    for words in (("add", packages["1.0.0"]), ("promote", "1.0.0")):
        done = archive.ask(*words)
        assert done.returncode == 1
        assert "devices never go back" in done.stderr
    assert f"amd64 {SECOND}" in archive.do("list")


def test_device_upgrades_ours_and_security_only(archive: Archive, tmp_path: Path) -> None:
    device = Device(tmp_path / "device", archive, "https://archive.example/presence", "canary")
    defaults = device.root.path / "etc/apt/apt.conf.d/50unattended-upgrades"
    defaults.write_text(
        'Unattended-Upgrade::Origins-Pattern { "origin=Debian,codename=trixie,label=Debian"; };\n'
    )
    assert device.configured("Unattended-Upgrade::Origins-Pattern") == [
        "origin=Debian,codename=${distro_codename}-security,label=Debian-Security",
        "origin=presence-agent,codename=${distro_codename}-canary,label=presence-agent",
    ]
    assert device.configured("APT::Periodic::Unattended-Upgrade") == ["1"]
