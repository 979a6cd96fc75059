from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from agent.install.download import AttemptError
from agent.install.manifest import DebianSource, PypiSource
from agent.install.sources import extracted, file_pattern, package_files
from tests.install.serving import CONTENT, debian, make_deb, make_wheel, manifest_of, pypi, sample

if TYPE_CHECKING:
    from pathlib import Path

ENTRY = manifest_of(sample(pypi(), debian())).named("thing")
WHEEL = PypiSource.model_validate(pypi())
DEB = DebianSource.model_validate(debian())
needs_dpkg = pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="there is no dpkg-deb")


def test_package_files_are_patterns() -> None:
    assert package_files(ENTRY) == ["pack_age-1.0-*.whl", "pack-doc_*.deb"]
    assert file_pattern(PypiSource.model_validate(pypi(package="scikit-image"))) == "scikit_image-1.0-*.whl"


def test_extracted_of_wheel(tmp_path: Path) -> None:
    assert extracted(make_wheel(tmp_path), WHEEL, ENTRY) == CONTENT


def test_extracted_first_bytes(tmp_path: Path) -> None:
    source = PypiSource.model_validate(pypi(first_bytes=len(CONTENT)))
    assert extracted(make_wheel(tmp_path, CONTENT + b"x" * 66), source, ENTRY) == CONTENT


def test_extracted_of_a_far_too_long_member(tmp_path: Path) -> None:
    assert len(extracted(make_wheel(tmp_path, bytes(50_000_000)), WHEEL, ENTRY)) == len(CONTENT) + 1


def test_extracted_missing_in_wheel(tmp_path: Path) -> None:
    with pytest.raises(AttemptError, match=r"holds no pack/thing\.bin"):
        extracted(make_wheel(tmp_path, member="other"), WHEEL, ENTRY)


@pytest.mark.parametrize("keep", [0, 100, 200_000])
def test_extracted_of_cut_off_wheel(tmp_path: Path, keep: int) -> None:
    wheel = make_wheel(tmp_path)
    wheel.write_bytes(wheel.read_bytes()[:keep])
    with pytest.raises(AttemptError, match="can't be read"):
        extracted(wheel, WHEEL, ENTRY)


@pytest.mark.parametrize("at", [60, 1000, 150_000])
def test_extracted_of_damaged_wheel(tmp_path: Path, at: int) -> None:
    wheel = make_wheel(tmp_path)
    content = bytearray(wheel.read_bytes())
    content[at : at + 40] = bytes(40)
    wheel.write_bytes(content)
    with pytest.raises(AttemptError, match="can't be read"):
        extracted(wheel, WHEEL, ENTRY)


@needs_dpkg
def test_extracted_of_deb(tmp_path: Path) -> None:
    assert extracted(make_deb(tmp_path), DEB, ENTRY) == CONTENT


@needs_dpkg
def test_extracted_missing_in_deb(tmp_path: Path) -> None:
    with pytest.raises(AttemptError, match=r"holds no usr/share/doc/pack/thing\.bin"):
        extracted(make_deb(tmp_path, member="usr/other"), DEB, ENTRY)


@needs_dpkg
@pytest.mark.parametrize("keep", [0, 100, 200_000])
def test_extracted_of_cut_off_deb(tmp_path: Path, keep: int) -> None:
    deb = make_deb(tmp_path)
    deb.write_bytes(deb.read_bytes()[:keep])
    with pytest.raises(AttemptError, match="can't be read"):
        extracted(deb, DEB, ENTRY)


def test_extracted_without_dpkg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(AttemptError, match="no dpkg-deb on this system"):
        extracted(tmp_path / "any.deb", DEB, ENTRY)
