"""What can't be read by another user is said with the command after which it can; the command does it."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest

from agent.config.load import load
from agent.device.recording import open_recording
from agent.errors import AgentError, CertificateFileError, ConfigError, ModelError, SourceError
from agent.install.fetch import fetch
from agent.install.manifest import load_manifest, models_directory
from agent.install.prepare import prepared_model
from agent.mqtt.tls import check_readable
from tests.conftest import write_config

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
NOBODY = 65534


@contextmanager
def as_nobody() -> Iterator[None]:
    """Be somebody who owns nothing."""
    os.setegid(NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


def refused(kind: type[AgentError], read: Callable[[], object]) -> str:
    """What is said when nobody in particular reads; it is of this kind and ends `run` with 2."""
    with as_nobody(), pytest.raises(kind) as caught:
        read()
    assert caught.value.exit_code == 2
    return str(caught.value)


def obey(sentence: str) -> None:
    """Run, to the letter, the command that a sentence names."""
    (command,) = re.findall(r"`sudo ([^`]+)`", sentence)
    subprocess.run(shlex.split(command), check=True)


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder on the way to which nobody is stopped, as at pytest's own."""
    with TemporaryDirectory() as folder:
        path = Path(folder)
        path.chmod(0o755)
        yield path


@pytest.mark.parametrize("closed", ["file", "folder"])
def test_configuration(place: Path, closed: str) -> None:
    folder = place / "etc"
    folder.mkdir()
    path = write_config(folder, "x.avi")
    # What Python loads late may be closed to nobody, too.
    load(path)
    (path if closed == "file" else folder).chmod(0o600 if closed == "file" else 0o700)
    said = refused(ConfigError, lambda: load(path))
    assert f"{path} can't be read by the user" in said
    obey(said)
    with as_nobody():
        load(path)


def test_recording(place: Path, clip: Path) -> None:
    path = place / "clip.avi"
    path.write_bytes(clip.read_bytes())
    path.chmod(0o600)

    def read() -> None:
        with open_recording(path, 1.0):
            pass

    obey(refused(SourceError, read))
    with as_nobody():
        read()


@pytest.mark.parametrize("key", ["ca_file", "certificate_file"])
def test_certificates(place: Path, key: str) -> None:
    path = place / "x.pem"
    path.write_text("nothing of the kind")
    path.chmod(0o600)
    files = (path, None, None) if key == "ca_file" else (None, path, None)
    said = refused(CertificateFileError, lambda: check_readable(*files))
    assert f"the {key} {path} can't be read (Permission denied)" in said
    obey(said)
    with as_nobody():
        if key == "ca_file":
            # It can be read now, and is no authority's.
            with pytest.raises(CertificateFileError, match="can't be used"):
                check_readable(*files)
        else:
            # What is in a certificate is no matter at the start: it may be about to be replaced.
            check_readable(*files)


def test_key_is_not_opened_to_everybody(place: Path) -> None:
    path = place / "own.key"
    path.write_text("secret")
    path.chmod(0o600)
    said = refused(CertificateFileError, lambda: check_readable(None, None, path))
    assert "chmod" not in said
    assert f"`sudo install -m 600 {path} /etc/presence-agent/mqtt-key`" in said
    assert "/run/credentials/presence-agent.service/mqtt-key" in said


@pytest.mark.usefixtures("weights")
@pytest.mark.parametrize("closed", ["prepared/*", "prepared", "."])
@pytest.mark.parametrize("mended_by", ["the sentence", "models fetch"])
def test_weights(place: Path, closed: str, mended_by: str) -> None:
    there, models = models_directory(), place / "models"
    manifest = load_manifest(there)
    fetch(manifest, models, ["yunet"], from_dir=there)
    weights = manifest.named("yunet")
    for path in models.glob(closed) if closed != "." else [models]:
        path.chmod(0o600 if path.is_file() else 0o700)

    def read() -> Path:
        return prepared_model(models, weights)  # type: ignore[arg-type]

    said = refused(ModelError, read)
    assert "can't be read (Permission denied)" in said
    if mended_by == "the sentence":
        obey(said)
    else:
        fetch(manifest, models, ["yunet"], from_dir=there)
    with as_nobody():
        assert read().is_file()


@pytest.mark.usefixtures("weights")
def test_fetch_is_for_everybody_whatever_the_umask(place: Path) -> None:
    there, models = models_directory(), place / "new" / "models"
    before = os.umask(0o077)
    try:
        fetch(load_manifest(there), models, ["yunet"], from_dir=there)
    finally:
        os.umask(before)
    made = [place / "new", *(place / "new").rglob("*")]
    assert {oct(path.stat().st_mode & 0o777) for path in made if path.is_dir()} == {"0o755"}
    assert {oct(path.stat().st_mode & 0o777) for path in made if path.is_file()} == {"0o644"}
