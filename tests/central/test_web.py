"""`presence-central web` and `token` as they are run: over TLS, by who may, and by who may not."""

from __future__ import annotations

import signal
import ssl
import subprocess
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.central.web.centre import Centre
from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROOT = "/api/v1"
# Every path; a new one has a row here.
PATHS = [
    *(f"{ROOT}/{name}" for name in ("sites", "places", "state", "buildings", "events")),
    *(f"{ROOT}/{name}" for name in ("quarters", "days", "devices")),
    "/metrics",
]
# It describes the others, and says nothing of anybody.
OPEN = f"{ROOT}/openapi.json"


@pytest.fixture(scope="module")
def centre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Centre]:
    made = Centre(tmp_path_factory.mktemp("web"))
    made.start()
    yield made
    made.stop()


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
    for path in (
        "/docs",
        f"{ROOT}/docs",
        f"{ROOT}/redoc",
        f"{ROOT}/sites/",
        "/login/",
        "//login",
        "/static/",
    ):
        assert centre.get(path).status_code == 404


def test_a_token_reads_its_sites_only(centre: Centre) -> None:
    own, other = centre.token("own", "--site", "que-phong"), centre.token("other", "--site", "elsewhere")

    def items(token: str, path: str) -> list[dict[str, Any]]:
        answer = centre.get(f"{ROOT}/{path}", token).json()
        return list(answer["items"] if isinstance(answer, dict) else answer)

    assert {item["site"] for item in items(own, "events")} == {"que-phong"}
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


def test_open_streams_end_with_the_server(tmp_path: Path) -> None:
    """In order and at once, whatever reads them, and without a word of an error."""
    made = Centre(tmp_path)
    token = made.token("stream")
    made.start()
    context = ssl.create_default_context(cafile=str(made.authority))
    headers = {"Authorization": f"Bearer {token}"}
    with ExitStack() as stack:
        client = stack.enter_context(httpx.Client(verify=context, timeout=PATIENCE_S))
        lines = []
        for _ in range(3):
            address = f"https://localhost:{made.port}/api/v1/live"
            answer = stack.enter_context(client.stream("GET", address, headers=headers))
            lines.append(answer.iter_lines())
            assert any(line == "event: hello" for line in lines[-1])
        assert made.process
        made.process.send_signal(signal.SIGTERM)
        # The end of each stream is an end, and no broken connection.
        for of_one in lines:
            assert "event: end" not in list(of_one)
        assert made.process.wait(PATIENCE_S) == 0
    said = made.said()
    assert "Traceback" not in said
    assert "application startup" not in said


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
        ({"name": "other.example"}, "is not for other.example"),
        ({"root_file": "/nowhere/ca.pem"}, "[web] root_file: /nowhere/ca.pem can't be read"),
        ({"root_file": "{key}"}, "root_file: there is no certificate in"),
        ({"root_file": "{certificate}"}, "is not signed by root_file"),
        ({"host": "192.0.2.7"}, "can't be listened at"),
        ({"port": "x"}, "[web] port"),
    ],
)
def test_wrong_configuration(centre: Centre, changed: dict[str, str], said: str) -> None:
    values = {
        name: text.format(certificate=centre.certificate, key=centre.certificate.with_suffix(".key"))
        for name, text in changed.items()
    }
    before = centre.config.read_text()
    if values.pop("port", None):
        centre.config.write_text(before.replace(f"port = {centre.port}", "port = 70000"))
    else:
        centre.write(**values)
    done = centre.run("web")
    centre.config.write_text(before)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert said in done.stderr


@pytest.mark.parametrize(
    ("start", "end", "said"),
    [
        ("20200101000000Z", "20210101000000Z", "has ended"),
        ("20990101000000Z", "21000101000000Z", "not good yet"),
    ],
)
def test_a_certificate_out_of_its_time(
    centre: Centre, tmp_path: Path, start: str, end: str, said: str
) -> None:
    made, key = tmp_path / "own.pem", tmp_path / "own.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-keyout", key, "-out", tmp_path / "any.pem", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost"],
        check=True, capture_output=True,
    )  # fmt: skip
    settings = tmp_path / "ca.conf"
    (tmp_path / "index").touch()
    settings.write_text(
        f"[ca]\ndefault_ca=own\n[own]\ndatabase={tmp_path}/index\nnew_certs_dir={tmp_path}\nrand_serial=yes\n"
        "default_md=sha256\npolicy=any\n[any]\ncommonName=supplied\n[more]\nsubjectAltName=DNS:localhost\n"
    )
    subprocess.run(
        ["openssl", "req", "-new", "-key", key, "-subj", "/CN=localhost", "-out", tmp_path / "own.csr"],
        check=True, capture_output=True,
    )  # fmt: skip
    subprocess.run(
        ["openssl", "ca", "-batch", "-config", settings, "-selfsign", "-keyfile", key,
         "-in", tmp_path / "own.csr", "-startdate", start, "-enddate", end, "-extensions", "more", "-notext",
         "-out", made],
        check=True, capture_output=True,
    )  # fmt: skip
    before = centre.config.read_text()
    # The office's own: browsers know who signed it, so no root_file.
    centre.write(certificate_file=str(made), key_file=str(key))
    centre.config.write_text(
        "\n".join(line for line in centre.config.read_text().splitlines() if not line.startswith("root_file"))
    )
    done = centre.run("web")
    centre.config.write_text(before)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert said in done.stderr
