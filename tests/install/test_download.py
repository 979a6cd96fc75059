from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from agent.errors import ModelError
from agent.install.download import TRIES, AttemptError, download
from tests.install.serving import CONTENT, nobody_listens, serving

if TYPE_CHECKING:
    from pathlib import Path

SIZE = len(CONTENT)


def quiet(_done: int, _total: int) -> None:
    """No progress."""


def test_download_whole(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    with serving() as server:
        download(server.url(), tmp_path / "part", SIZE, lambda *step: seen.append(step))
    assert (tmp_path / "part").read_bytes() == CONTENT
    assert seen[-1] == (SIZE, SIZE)
    assert seen == sorted(seen)


@pytest.mark.parametrize(
    ("ranges", "asked_first"),
    [
        (True, "bytes=1000-"),
        (False, "bytes=1000-"),  # the server sends the whole file all the same
    ],
)
def test_download_after_earlier_part(tmp_path: Path, ranges: bool, asked_first: str) -> None:
    (tmp_path / "part").write_bytes(CONTENT[:1000])
    with serving() as server:
        server.ranges = ranges
        download(server.url(), tmp_path / "part", SIZE, quiet)
        assert server.asked == [asked_first]
    assert (tmp_path / "part").read_bytes() == CONTENT


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("resets", [True, False])
@pytest.mark.parametrize("tells_length", [True, False])
@pytest.mark.parametrize("breaks", [[0], [100_000], [1, 1, 1], [299_999], [70_000, 200_000]])
def test_download_broken_off(
    tmp_path: Path, ranges: bool, resets: bool, tells_length: bool, breaks: list[int]
) -> None:
    with serving() as server:
        server.ranges, server.resets, server.tells_length = ranges, resets, tells_length
        server.breaks = breaks.copy()
        download(server.url(), tmp_path / "part", SIZE, quiet)
        assert len(server.asked) == len(breaks) + 1
    assert (tmp_path / "part").read_bytes() == CONTENT


def test_download_broken_off_for_ever(tmp_path: Path) -> None:
    with serving() as server:
        server.breaks = [1000] * TRIES
        with pytest.raises(AttemptError, match="broke off 4 times: only 4,000 of 300,000 bytes came"):
            download(server.url(), tmp_path / "part", SIZE, quiet)
    assert (tmp_path / "part").read_bytes() == CONTENT[: TRIES * 1000]


def test_download_part_beyond_the_servers_file(tmp_path: Path) -> None:
    (tmp_path / "part").write_bytes(CONTENT + b"more")
    with serving() as server:
        download(server.url(), tmp_path / "part", SIZE, quiet)
        assert server.asked == [f"bytes={SIZE + 4}-", None]
    assert (tmp_path / "part").read_bytes() == CONTENT


@pytest.mark.parametrize("served", [b"<html>please log in</html>", CONTENT + b"more", b""])
def test_download_of_another_size(tmp_path: Path, served: bytes) -> None:
    with serving({"file": served}) as server:
        with pytest.raises(AttemptError, match=f"has {len(served):,} bytes instead of 300,000"):
            download(server.url(), tmp_path / "part", SIZE, quiet)
        assert len(server.asked) == 1
    assert not (tmp_path / "part").exists()


def test_download_not_found(tmp_path: Path) -> None:
    with serving({}) as server, pytest.raises(AttemptError, match="the server answered 404"):
        download(server.url(), tmp_path / "part", SIZE, quiet)


def test_download_refused(tmp_path: Path) -> None:
    with pytest.raises(AttemptError, match=r"^Connection refused$"):
        download(nobody_listens(), tmp_path / "part", SIZE, quiet)


def test_download_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.install.download.TIMEOUT_S", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(AttemptError, match="timed out"):
        download(f"http://127.0.0.1:{silent.getsockname()[1]}/file", tmp_path / "part", SIZE, quiet)


def test_download_disk_full(tmp_path: Path) -> None:
    (tmp_path / "part").symlink_to("/dev/full")
    with (
        serving() as server,
        pytest.raises(ModelError, match="No space left on device; free some space there"),
    ):
        download(server.url(), tmp_path / "part", SIZE, quiet)
