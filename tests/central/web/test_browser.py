"""Signing in, the log of who looked, and a screen, with a real Chromium."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from agent.central.people.accounts import Accounts
from agent.central.people.reach import Reach
from agent.central.people.screens import Screens
from tests.central.people.conftest import ADMIN, PASSWORD
from tests.central.web.chrome import Chrome
from tests.conftest import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.central.web.centre import Centre


@pytest.fixture
def chrome(tmp_path: Path, centre: Centre) -> Iterator[Chrome]:
    with Chrome(tmp_path, centre.certificate) as made:
        yield made


def test_somebody_signs_in_and_out(centre: Centre, chrome: Chrome) -> None:
    with centre.people() as people:
        Accounts(people).add(ADMIN, "lan", "auditor", Reach(), PASSWORD)
    address = f"https://localhost:{centre.port}"
    chrome.open(f"{address}/access")
    assert chrome.is_at(f"{address}/login?next=%2Faccess")
    assert chrome.text("h1") == "Đăng nhập"
    chrome.type("#name", "lan")
    chrome.type("#password", "not this one")
    chrome.click("#sign-in")
    wait_until(lambda: chrome.run("return document.querySelector('.wrong') !== null"))
    assert chrome.text(".wrong") == "Sai tên hoặc mật khẩu."
    chrome.type("#name", "lan")
    chrome.type("#password", PASSWORD)
    chrome.click("#sign-in")
    assert chrome.is_at(f"{address}/access")
    assert "đã đăng nhập" in chrome.text("table")
    chrome.click("nav a")
    wait_until(lambda: chrome.run("return document.title") == "Who looked")
    assert chrome.text("#sign-out") == "Sign out"
    cookie = chrome.cookies()["__Host-presence"]
    assert (cookie["secure"], cookie["httpOnly"], cookie["sameSite"]) == (True, True, "Lax")
    # No script of a page reads it, and none runs at all that was put into one.
    assert "presence=" not in chrome.run("return document.cookie")
    assert chrome.run("return getComputedStyle(document.body).maxWidth") != "none"
    chrome.run(
        "const s = document.createElement('script'); s.textContent = 'window.done = 1';"
        "document.body.append(s)"
    )
    assert chrome.run("return window.done") is None
    assert any("Content Security Policy" in one for one in chrome.complaints())
    chrome.click("#sign-out")
    assert chrome.is_at(f"{address}/login")
    chrome.open(f"{address}/access")
    assert chrome.is_at(f"{address}/login?next=%2Faccess")


def test_a_screen_is_set_up_by_one_button(centre: Centre, chrome: Chrome) -> None:
    with centre.people() as people:
        code = Screens(people).add(ADMIN, "hall", Reach())
    address = f"https://localhost:{centre.port}"
    chrome.open(f"{address}/screen/{code}")
    # It has the focus: a remote control's OK is enough.
    assert chrome.run("return document.activeElement.id") == "set-up"
    chrome.click("#set-up")
    assert chrome.is_at(f"{address}/")
    assert "hall" in chrome.text("main")
    chrome.open(f"{address}/screen/{code}")
    assert chrome.is_at(f"{address}/")
    # Browsers ask for that by themselves.
    assert [one for one in chrome.complaints() if "favicon.ico" not in one] == []
