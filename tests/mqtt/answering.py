"""Certificates, and servers that are no brokers, for the tests of connections."""

from __future__ import annotations

import select
import socket
import struct
import subprocess
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path


@contextmanager
def listening(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """Let a function serve a listening socket in a thread; its end is the socket's.

    Yields:
        The port on loopback.
    """
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, args=[server])
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            # shutdown() wakes accept(), close() does not.
            server.shutdown(socket.SHUT_RDWR)
            thread.join(PATIENCE_S)


@contextmanager
def answering(answer: bytes | None, *, stays: bool = True, came: list[float] | None = None) -> Iterator[int]:
    """Accept connections; answer the first bytes that come with these, then stay silent or hang up.

    None: hang up without waiting for a byte. `came`: when each connection was made.

    Yields:
        The port on loopback.
    """
    done = threading.Event()
    open_ones: list[socket.socket] = []

    def serve(server: socket.socket) -> None:
        while not done.is_set():
            try:
                connection, _ = server.accept()
            except OSError:
                return
            open_ones.append(connection)
            if came is not None:
                came.append(time.monotonic())
            with suppress(OSError):
                connection.settimeout(PATIENCE_S)
                if answer is not None and connection.recv(4096):
                    connection.sendall(answer)
                if answer is None or not stays:
                    connection.shutdown(socket.SHUT_RDWR)
                    connection.close()

    with listening(serve) as port:
        try:
            yield port
        finally:
            done.set()
            for connection in open_ones:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
                connection.close()


def _carry(client: socket.socket, server: socket.socket, left: int | None) -> None:
    """From one to the other until one of them hangs up, or no more bytes to the server are left."""
    while left is None or left > 0:
        for sock in select.select([client, server], [], [])[0]:
            data = sock.recv(4096 if left is None else min(4096, left))
            if not data:
                return
            (server if sock is client else client).sendall(data)
            if left is not None and sock is client:
                left -= len(data)


@contextmanager
def cutting(port: int, sizes: Iterable[int]) -> Iterator[int]:
    """Pass on to another port, but cut the first connections off after so many bytes towards it.

    Yields:
        The port on loopback to connect to, one at a time.
    """
    left_to_cut = iter(sizes)

    def serve(door: socket.socket) -> None:
        while True:
            try:
                client, _ = door.accept()
            except OSError:
                return
            with client, socket.create_connection(("127.0.0.1", port)) as server:
                # What is cut is reset, with nothing said.
                for sock in (client, server):
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                with suppress(OSError):
                    _carry(client, server, next(left_to_cut, None))

    with listening(serve) as cut_port:
        yield cut_port


# What certificates have that Python 3.13 takes.
WHOLE_AUTHORITY = (
    "basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign", "subjectKeyIdentifier=hash",
)  # fmt: skip
KEY_IDENTIFIERS = "authorityKeyIdentifier=keyid\nsubjectKeyIdentifier=hash\n"


@dataclass(frozen=True)
class Authority:
    """A folder with certificates: NAME.pem and NAME.key, signed by ca.pem."""

    folder: Path

    def pem(self, name: str) -> Path:
        return self.folder / f"{name}.pem"

    def key(self, name: str) -> Path:
        return self.folder / f"{name}.key"

    def listener(self, name: str, more: str = "allow_anonymous true") -> str:
        """Settings of a mosquitto that shows this certificate."""
        return f"certfile {self.pem(name)}\nkeyfile {self.key(name)}\n{more}"

    def new_authority(self, name: str, *extensions: str) -> None:
        """One that signs itself; `extensions` in the place of those that a good one has."""
        bare = self.folder / "bare.conf"
        bare.write_text("[req]\ndistinguished_name=none\n[none]\n")
        words = [word for each in extensions or WHOLE_AUTHORITY for word in ("-addext", each)]
        self._run(
            "req", "-x509", "-config", bare, *self._new(name), "-days", "2", "-out", self.pem(name), *words
        )

    def new_certificate(
        self, name: str, alternative: str, *, year: int = 0, by: str = "ca", more: str = KEY_IDENTIFIERS
    ) -> None:
        """One that an authority signs, for two days from now or for the first of this year.

        `more` are the extensions that only a strict reader asks for.
        """
        request, extensions = self.folder / f"{name}.csr", self.folder / f"{name}.ext"
        extensions.write_text(
            f"subjectAltName={alternative}\nbasicConstraints=CA:FALSE\n"
            f"keyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth,clientAuth\n{more}"
        )
        self._run("req", *self._new(name), "-out", request)
        # Of the commands that sign, only `ca` lets every version of OpenSSL choose dates in the past.
        (self.folder / "index.txt").write_text("")
        config = self.folder / "ca.conf"
        config.write_text(
            f"[ca]\ndefault_ca=this\n[this]\ndatabase={self.folder}/index.txt\nnew_certs_dir={self.folder}\n"
            "rand_serial=yes\ndefault_md=sha256\npolicy=any\n[any]\ncommonName=supplied\n"
        )
        dates = ["-days", "2"]
        if year:
            dates = ["-startdate", f"{year}0101000000Z", "-enddate", f"{year}0102000000Z"]
        signer: list[str | Path] = ["-config", config, "-cert", self.pem(by), "-keyfile", self.key(by)]
        self._run("ca", "-batch", "-notext", *signer, *dates, "-extfile", extensions,
                  "-in", request, "-out", self.pem(name))  # fmt: skip

    def _new(self, name: str) -> list[str | Path]:
        curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        return [*curve, "-keyout", self.key(name), "-subj", f"/CN={name}"]

    def _run(self, *arguments: str | Path) -> None:
        subprocess.run(["openssl", *arguments], check=True, capture_output=True, timeout=PATIENCE_S)
