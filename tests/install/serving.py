"""A real HTTP server on the loopback that can be told to misbehave, and builders of what it serves."""

from __future__ import annotations

import hashlib
import shutil
import socket
import struct
import subprocess
import zipfile
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any

import numpy as np

from agent.install.manifest import Manifest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

CONTENT = np.random.default_rng(1).bytes(300_000)
OTHER = np.random.default_rng(2).bytes(300_000)


class Server(ThreadingHTTPServer):
    """Serves `files`; `breaks` holds after how many bytes each of the next answers ends."""

    daemon_threads = False  # closing waits for them, so that no socket is left open

    def __init__(self, files: Mapping[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files = files
        self.ranges = True
        self.breaks: list[int] = []
        self.resets = False
        self.tells_length = True
        self.asked: list[str | None] = []

    def url(self, name: str = "file") -> str:
        return f"http://127.0.0.1:{self.server_port}/{name}"


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        self.server.asked.append(asked)
        content = self.server.files.get(self.path.removeprefix("/"))
        if content is None:
            self.send_error(404)
            return
        begin = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and self.server.ranges else 0
        if begin and begin >= len(content):
            self.send_error(416)
            return
        self.send_response(206 if begin else 200)
        if begin:
            self.send_header("Content-Range", f"bytes {begin}-{len(content) - 1}/{len(content)}")
        if self.server.tells_length:
            self.send_header("Content-Length", str(len(content) - begin))
        self.end_headers()
        end = begin + self.server.breaks.pop(0) if self.server.breaks else len(content)
        self.wfile.write(content[begin:end])
        if end < len(content) and self.server.resets:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Keep quiet."""


@contextmanager
def serving(files: Mapping[str, bytes] | None = None) -> Iterator[Server]:
    with Server({"file": CONTENT} if files is None else files) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def nobody_listens() -> str:
    """An address at which a connection is refused."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return f"http://127.0.0.1:{taken.getsockname()[1]}/file"


def url(address: str) -> dict[str, Any]:
    return {"kind": "url", "url": address}


def pypi(**changes: object) -> dict[str, Any]:
    source = {"kind": "pypi", "package": "pack.age", "version": "1.0", "member": "pack/thing.bin"}
    return source | {"download_mb": 0.3} | changes


def debian(**changes: object) -> dict[str, Any]:
    source = {"kind": "debian", "package": "pack-doc", "member": "usr/share/doc/pack/thing.bin"}
    return source | {"download_mb": 0.3} | changes


def sample(*sources: dict[str, Any], name: str = "thing", content: bytes = CONTENT) -> dict[str, Any]:
    return {
        "name": name,
        "kind": "sample",
        "file": f"{name}.bin",
        "size_bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "licence": "CC0-1.0",
        "licence_text": "licences/thing.txt",
        "what": "Noise.",
        "sources": list(sources),
    }


def weights(
    *sources: dict[str, Any],
    content: bytes = CONTENT,
    name: str = "net",
    network: str = "yunet",
    optional: bool = False,
) -> dict[str, Any]:
    of_a_network = {
        "kind": "weights",
        "network": network,
        "input": "BGR",
        "decoding": "none",
        "shapes": [[64, 64]],
        "optional": optional,
    }
    return sample(*sources, name=name, content=content) | of_a_network


def manifest_of(*entries: dict[str, Any]) -> Manifest:
    return Manifest.model_validate({"entry": list(entries)})


def make_wheel(directory: Path, content: bytes = CONTENT, member: str = "pack/thing.bin") -> Path:
    """A wheel that pip takes."""
    path = directory / "pack_age-1.0-py3-none-any.whl"
    about = "Metadata-Version: 2.1\nName: pack.age\nVersion: 1.0\n"
    tags = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(member, content)
        archive.writestr("pack_age-1.0.dist-info/METADATA", about)
        archive.writestr("pack_age-1.0.dist-info/WHEEL", tags)
        archive.writestr("pack_age-1.0.dist-info/RECORD", "")
    return path


def make_deb(directory: Path, content: bytes = CONTENT, member: str = "usr/share/doc/pack/thing.bin") -> Path:
    """A Debian package made by the real dpkg-deb."""
    tree = directory / "tree"
    (tree / "DEBIAN").mkdir(parents=True)
    control = "Package: pack-doc\nVersion: 1.0-1\nArchitecture: all\nMaintainer: T <t@example.org>\n"
    (tree / "DEBIAN/control").write_text(f"{control}Description: noise\n", encoding="ascii")
    (tree / member).parent.mkdir(parents=True)
    (tree / member).write_bytes(content)
    path = directory / "pack-doc_1.0-1_all.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "-b", tree, path], check=True, capture_output=True)
    shutil.rmtree(tree)
    return path
