"""The end of a certificate, by what openssl says of the same file."""

from __future__ import annotations

import random
import subprocess
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from agent.mqtt.certificates import certificate_end, certificate_ends
from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    from pathlib import Path


def made(folder: Path, *words: str) -> Path:
    """A certificate of its own authority, with its key beside it."""
    path = folder / "device.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-subj", "/CN=que-phong\\/one-stop", "-keyout", folder / "device.key", "-out", path, *words],
        check=True, capture_output=True, timeout=PATIENCE_S,
    )  # fmt: skip
    return path


def end_by_openssl(path: Path) -> datetime:
    told = subprocess.run(
        ["openssl", "x509", "-in", path, "-noout", "-enddate"],
        check=True, capture_output=True, text=True, timeout=PATIENCE_S,
    ).stdout  # fmt: skip
    return datetime.strptime(told.strip(), "notAfter=%b %d %H:%M:%S %Y GMT").replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(("-days", "1"), id="a-day"),
        # From 2050 on the time has another form.
        pytest.param(("-days", "20000"), id="long"),
        pytest.param(("-days", "400", "-sha512", "-set_serial", "0x" + "7f" * 20), id="serial"),
        pytest.param(
            ("-days", "90", "-addext", "subjectAltName=" + ",".join(f"DNS:{n}.example" for n in range(500))),
            id="large",
        ),
    ],
)
def test_end(tmp_path: Path, words: tuple[str, ...]) -> None:
    path = made(tmp_path, *words)
    assert certificate_ends(path) == end_by_openssl(path)


def test_end_of_the_first_in_a_chain_behind_its_key(tmp_path: Path) -> None:
    first, other = tmp_path / "first", tmp_path / "other"
    first.mkdir()
    other.mkdir()
    device = made(first, "-days", "70")
    authority = made(other, "-days", "7")
    together = tmp_path / "together.pem"
    key = (first / "device.key").read_text()
    together.write_text(f"que-phong/one-stop\n{key}{device.read_text()}{authority.read_text()}")
    assert certificate_ends(together) == end_by_openssl(device) != end_by_openssl(authority)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
        b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
        b"-----BEGIN CERTIFICATE-----\nMIT/////////\n-----END CERTIFICATE-----\n",
        b"\xff" * 2_000_000,
    ],
    ids=["empty", "nothing", "short", "long-length", "no-text"],
)
def test_end_of_no_certificate(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "device.pem"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="certificate"):
        certificate_ends(path)
    assert certificate_end(path) is certificate_end(tmp_path / "missing") is certificate_end(None) is None


def test_end_of_a_damaged_certificate_is_one_or_none(tmp_path: Path) -> None:
    path = made(tmp_path, "-days", "70")
    good, dice = bytearray(path.read_bytes()), random.Random(7)  # noqa: S311
    for _ in range(2000):
        bad = bytearray(good)
        for _ in range(dice.randrange(1, 4)):
            bad[dice.randrange(len(bad))] = dice.randrange(256)
        path.write_bytes(bad)
        assert certificate_end(path) is None or certificate_ends(path).tzinfo is UTC
