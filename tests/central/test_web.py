"""`presence-central web` and `token` as they are run: over TLS, by who may, and by who may not."""

from __future__ import annotations

import os
import signal
import ssl
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from agent.central.database.engine import database_url
from agent.central.database.store import DatabaseStore
from agent.central.receiver import Receiver
from tests.broker import need_programs, script
from tests.central.saying import happened, make_status
from tests.conftest import free_port, wait_until
from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROOT = "/api/v1"
# Every path; a new one has a row here.
PATHS = [
    *(f"{ROOT}/{name}" for name in ("sites", "places", "state", "events", "quarters", "days", "devices")),
    "/metrics",
]  # fmt: skip
# It describes the others, and says nothing of anybody.
OPEN = f"{ROOT}/openapi.json"


class Centre:
    """A store with one site, its certificate, and the process that serves it."""

    def __init__(self, folder: Path) -> None:
        need_programs()
        self.folder = folder
        self.port = free_port()
        broker = folder / "broker"
        for words in (("ca",), ("web", "localhost", "127.0.0.1")):
            done = script("certificates", *words, "--dir", broker)
            assert done.returncode == 0, done.stderr
        self.authority = broker / "ca.pem"
        self.certificate = broker / "issued" / "web.pem"
        self.config = folder / "central.toml"
        self.write()
        with DatabaseStore(database_url(f"sqlite:///{folder / 'store.db'}")) as store:
            Receiver(store).load().receive([make_status(2), *happened(1, 2)])
        self._said = folder / "said"
        self.process: subprocess.Popen[bytes] | None = None

    def write(self, **changed: str) -> None:
        web = {
            "name": "localhost", "host": "127.0.0.1", "certificate_file": str(self.certificate),
            "key_file": str(self.certificate.with_suffix(".key")), **changed,
        }  # fmt: skip
        lines = [f'{name} = "{value}"' for name, value in web.items()]
        self.config.write_text(
            f'[store]\nurl = "sqlite:///{self.folder / "store.db"}"\n'
            f'[people]\nurl = "sqlite:///{self.folder / "people.db"}"\n'
            f"[web]\nport = {self.port}\n" + "\n".join(lines)
        )

    def words(self, *words: str) -> list[str]:
        program = "from agent.cli.centre import main; main()"
        return [sys.executable, "-P", "-c", program, *words, "--config", str(self.config)]

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.words(*words), capture_output=True, text=True, check=False, timeout=PATIENCE_S,
            env={**os.environ, "LC_ALL": "C.UTF-8", "LANGUAGE": ""},
        )  # fmt: skip

    def token(self, *words: str) -> str:
        done = self.run("token", "add", *words)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def start(self) -> None:
        with self._said.open("ab") as file:
            self.process = subprocess.Popen(self.words("web"), stderr=file, stdout=file)
        wait_until(lambda: self.answers() or self.process.poll() is not None)  # type: ignore[union-attr]
        assert self.process.poll() is None, self.said()

    def answers(self) -> bool:
        try:
            return self.get("/").status_code > 0
        except httpx.TransportError:
            return False

    def said(self) -> str:
        return self._said.read_text()

    def get(self, path: str, token: str | None = None, **headers: str) -> httpx.Response:
        context = ssl.create_default_context(cafile=str(self.authority))
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        with httpx.Client(verify=context, timeout=PATIENCE_S) as client:
            return client.get(f"https://localhost:{self.port}{path}", headers=headers)


@pytest.fixture(scope="module")
def centre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Centre]:
    made = Centre(tmp_path_factory.mktemp("web"))
    made.start()
    yield made
    assert made.process
    made.process.send_signal(signal.SIGTERM)
    made.process.wait(PATIENCE_S)


@pytest.mark.parametrize("path", PATHS)
def test_each_path_wants_a_token(centre: Centre, path: str) -> None:
    good = centre.token(f"good-{PATHS.index(path)}")
    assert centre.get(path, good).status_code == 200
    for wrong in (None, "presence-", good[:-1], good.upper(), "x" * 5000):
        answer = centre.get(path, wrong)
        assert answer.status_code == 401, wrong
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert answer.json()["status"] == 401


def test_no_path_is_left_out(centre: Centre) -> None:
    described = centre.get(OPEN).json()["paths"]
    assert {f"{ROOT}{path}" for path in described} | {"/metrics"} == {*PATHS, f"{ROOT}/live"}
    assert centre.get(f"{ROOT}/live").status_code == 401
    for path in ("/", "/docs", f"{ROOT}/docs", f"{ROOT}/redoc", "/login"):
        assert centre.get(path).status_code in {401, 404}


def test_a_token_reads_its_sites_only(centre: Centre) -> None:
    own, other = centre.token("own", "--site", "que-phong"), centre.token("other", "--site", "muong-xen")

    def items(token: str, path: str) -> list[dict[str, Any]]:
        answer = centre.get(f"{ROOT}/{path}", token).json()
        return list(answer["items"] if isinstance(answer, dict) else answer)

    assert len(items(own, "events")) == 2
    assert items(other, "events") == []
    assert [site["site"] for site in items(own, "sites")] == ["que-phong"]
    assert items(other, "sites") == []
    assert centre.get(f"{ROOT}/events?site=que-phong", other).status_code == 403


def test_a_token_ends_at_once(centre: Centre) -> None:
    token = centre.token("short")
    assert centre.get(f"{ROOT}/sites", token).status_code == 200
    assert "short" in centre.run("token", "list").stdout
    assert centre.run("token", "remove", "short").returncode == 0
    assert centre.get(f"{ROOT}/sites", token).status_code == 401
    assert "short" not in centre.run("token", "list").stdout
    again = centre.run("token", "remove", "short")
    assert (again.returncode, again.stderr.count("\n")) == (2, 1)
    # Nothing of it is kept, but for a hash.
    assert token.encode() not in b"".join(path.read_bytes() for path in centre.folder.glob("people.db*"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("one name", "--days", "1"), "token"),
        (("a", "--site", "Quế"), "--site"),
        (("a", "--days", "0"), "--days 0"),
    ],
)  # fmt: skip
def test_no_token(centre: Centre, words: tuple[str, ...], said: str) -> None:
    done = centre.run("token", "add", *words)
    assert (done.returncode, done.stderr.count("\n"), done.stdout) == (2, 1, "")
    assert said in done.stderr


def test_a_name_has_one_token(centre: Centre) -> None:
    centre.token("twice")
    done = centre.run("token", "add", "twice")
    assert (done.returncode, done.stderr) == (
        2, "there is a token twice already; remove it, or give another name.\n",
    )  # fmt: skip


def test_headers_and_hosts(centre: Centre) -> None:
    token = centre.token("headers")
    for answer in (centre.get(f"{ROOT}/sites", token), centre.get("/none"), centre.get(f"{ROOT}/sites")):
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Strict-Transport-Security"].startswith("max-age=")
        assert "server" not in answer.headers
    assert centre.get(f"{ROOT}/sites", token, Host="evil.example").status_code == 400


def test_old_tls_is_refused(centre: Centre) -> None:
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{centre.port}", "-tls1_1",
         "-cipher", "ALL:@SECLEVEL=0"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    assert "Cipher is (NONE)" in done.stdout


def test_no_secret_is_logged(centre: Centre) -> None:
    token = centre.token("quiet")
    centre.get(f"{ROOT}/events?after=7&site=secret-place", token)
    centre.get(f"{ROOT}/events?token={token}")
    assert token not in centre.said()
    assert "secret-place" not in centre.said()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"certificate_file": "/nowhere/web.pem"}, "[web] certificate_file: /nowhere/web.pem can't be read"),
        ({"key_file": "{certificate}"}, "do not belong together"),
        ({"host": "192.0.2.7"}, "can't be listened at"),
        ({"port": "x"}, "[web] port"),
    ],
)
def test_wrong_configuration(centre: Centre, changed: dict[str, str], said: str) -> None:
    values = {name: text.format(certificate=centre.certificate) for name, text in changed.items()}
    before = centre.config.read_text()
    if values.pop("port", None):
        centre.config.write_text(before.replace(f"port = {centre.port}", "port = 70000"))
    else:
        centre.write(**values)
    done = centre.run("web")
    centre.config.write_text(before)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert said in done.stderr
