"""A real Chromium without a window, driven by chromedriver's HTTP protocol (W3C WebDriver)."""

from __future__ import annotations

import base64
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import httpx
import pytest

from tests.conftest import free_port, wait_until
from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    from types import TracebackType

_ELEMENT: Final = "element-6066-11e4-a52e-4f735466cecf"
_CHROMIUM: Final = ("/usr/bin/chromium", "/usr/bin/chromedriver")


def need_chromium() -> None:
    if not os.environ.get("PRESENCE_TEST_BROWSER"):
        pytest.skip("set PRESENCE_TEST_BROWSER=1 for the tests with a browser; tests/run.sh --browser does")
    for program in _CHROMIUM:
        if not Path(program).exists():
            pytest.skip(f"{program} is not here (Debian: chromium, chromium-driver)")


class Chrome:
    """A browser with a folder of its own; `with` starts and ends it."""

    def __init__(self, folder: Path, certificate: Path) -> None:
        need_chromium()
        self._port = free_port()
        # Only this key is let through; all else of TLS is as ever.
        key = certificate.read_bytes()
        for words in (
            ("x509", "-noout", "-pubkey"),
            ("pkey", "-pubin", "-outform", "der"),
            ("dgst", "-sha256", "-binary"),
        ):
            key = subprocess.run(["openssl", *words], input=key, check=True, capture_output=True).stdout
        self._arguments = [
            "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
            "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--no-first-run",
            f"--user-data-dir={folder / 'profile'}",
            f"--ignore-certificate-errors-spki-list={base64.b64encode(key).decode()}",
        ]  # fmt: skip
        self._process: subprocess.Popen[bytes] | None = None
        self._client = httpx.Client(base_url=f"http://127.0.0.1:{self._port}", timeout=PATIENCE_S)
        self._session = ""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [_CHROMIUM[1], f"--port={self._port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wait_until(self._ready)
        options = {"binary": _CHROMIUM[0], "args": self._arguments}
        wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        made = self._send("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        self._session = f"/session/{made['sessionId']}"
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        if self._session:
            self._send("DELETE", self._session)
        self._client.close()
        if self._process:
            self._process.terminate()
            self._process.wait(PATIENCE_S)

    def _ready(self) -> bool:
        try:
            return bool(self._send("GET", "/status")["ready"])
        except httpx.TransportError:
            return False

    def _send(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - WebDriver's JSON
        answer = self._client.request(method, path, json=body if method == "POST" else None)
        value = answer.json()["value"]
        assert answer.status_code == 200, value
        return value

    def open(self, address: str) -> None:
        self._send("POST", f"{self._session}/url", {"url": address})

    def is_at(self, address: str) -> bool:
        """Whether it gets there: a click does not wait for what it leads to."""
        wait_until(lambda: self._send("GET", f"{self._session}/url") == address)
        return True

    def _find(self, selector: str) -> str:
        found = self._send("POST", f"{self._session}/element", {"using": "css selector", "value": selector})
        return f"{self._session}/element/{found[_ELEMENT]}"

    def text(self, selector: str) -> str:
        return str(self._send("GET", f"{self._find(selector)}/text"))

    def type(self, selector: str, text: str) -> None:
        self._send("POST", f"{self._find(selector)}/value", {"text": text})

    def click(self, selector: str) -> None:
        self._send("POST", f"{self._find(selector)}/click", {})

    def run(self, script: str) -> Any:  # noqa: ANN401 - whatever the script returns
        return self._send("POST", f"{self._session}/execute/sync", {"script": script, "args": []})

    def cookies(self) -> dict[str, dict[str, Any]]:
        return {one["name"]: one for one in self._send("GET", f"{self._session}/cookie")}

    def complaints(self) -> list[str]:
        """What its console says."""
        return [one["message"] for one in self._send("POST", f"{self._session}/se/log", {"type": "browser"})]
