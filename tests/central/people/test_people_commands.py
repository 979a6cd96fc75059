"""`presence-central user`, `screen`, `token` and `access` as they are typed."""

from __future__ import annotations

import os
import pty
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.central.people.conftest import PASSWORD
from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    from pathlib import Path


class Desk:
    """A terminal of the office's admin."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "central.toml"
        self.config.write_text(
            f'[people]\nurl = "sqlite:///{folder / "people.db"}"\n[web]\nname = "centre.example"\n'
            'certificate_file = "web.pem"\nkey_file = "web.key"\n'
        )

    def words(self, *words: str) -> list[str]:
        program = "from agent.cli.centre import main; main()"
        return [sys.executable, "-P", "-c", program, *words, "--config", str(self.config)]

    def run(self, *words: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.words(*words), input=typed, capture_output=True, text=True, check=False, timeout=PATIENCE_S,
            env={**os.environ, "LC_ALL": "C.UTF-8", "LANGUAGE": ""},
        )  # fmt: skip

    def good(self, *words: str, typed: str = "") -> str:
        done = self.run(*words, typed=typed)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    def wrong(self, *words: str, typed: str = "") -> str:
        done = self.run(*words, typed=typed)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done.stderr
        return done.stderr


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_people_come_and_go(desk: Desk) -> None:
    words = ("--password-file", "-")
    desk.good("user", "add", "lan", "--role", "leader", *words, typed=f"{PASSWORD}\n")
    file = desk.folder / "password"
    file.write_text(f"{PASSWORD}\n")
    desk.good(
        "user", "add", "hoa", "--role", "staff", "--place", "que-phong/gate", "--password-file", str(file)
    )
    assert desk.good("user", "list") == "hoa  staff  que-phong/gate\nlan  leader  all sites\n"
    desk.good("user", "password", "lan", *words, typed="một câu khác hẳn 9\n")
    desk.good("user", "remove", "lan")
    assert desk.good("user", "list") == "hoa  staff  que-phong/gate\n"
    assert "no user lan" in desk.wrong("user", "remove", "lan")
    assert "no user lan" in desk.wrong("user", "password", "lan", *words, typed=f"{PASSWORD}\n")


@pytest.mark.parametrize(
    ("words", "typed", "said"),
    [
        (("user", "add", "lan", "--role", "leader"), "", "there is nobody to ask"),
        (("user", "add", "lan", "--role", "leader", "--password-file", "-"), "short\n", "too short"),
        (("user", "add", "lan", "--role", "leader", "--password-file", "/none"), "", "--password-file: "),
        (("user", "add", "lan", "--role", "boss"), "", "boss"),
        (("user", "add", "Lan Anh", "--role", "leader"), "", "user Lan Anh"),
        (("user", "add", "lan", "--role", "staff", "--password-file", "-"), PASSWORD, "own place"),
        (("user", "add", "lan", "--role", "staff", "--place", "gate"), "", "--place gate"),
        (("user", "add", "lan", "--role", "leader", "--site", "Quế"), "", "--site Quế"),
        (("user", "add", "lan", "--role", "leader", PASSWORD), "", "no such"),
        (("screen", "remove", "hall"), "", "no screen hall"),
        (("screen", "add", "a b"), "", "screen a b"),
        (("token", "remove", "x"), "", "no token x"),
        (("token", "add", "x", "--days", "0"), "", "--days 0"),
        (("access", "verify", "--noted", "7"), "", "--noted"),
    ],
)
def test_one_sentence_where_it_can_not_be(desk: Desk, words: tuple[str, ...], typed: str, said: str) -> None:
    assert said in desk.wrong(*words, typed=typed)


def test_a_password_is_asked_for_without_showing_it(desk: Desk) -> None:
    def typing(*lines: str) -> tuple[int, str]:
        """What a terminal shows of it."""
        pid, terminal = pty.fork()
        if pid == 0:
            words = desk.words("user", "add", "lan", "--role", "leader")
            os.execvpe(words[0], words, {**os.environ, "LC_ALL": "C.UTF-8", "LANGUAGE": ""})  # noqa: S606
        shown = b""
        for line in lines:
            asked = b""
            while not asked.endswith(b": "):
                asked += os.read(terminal, 1000)
            os.write(terminal, f"{line}\n".encode())
            shown += asked
        try:
            while more := os.read(terminal, 1000):
                shown += more
        except OSError:
            pass
        os.close(terminal)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown.decode()

    code, shown = typing(PASSWORD, "another one")
    assert (code, "differ" in shown) == (2, True)
    code, shown = typing(PASSWORD, PASSWORD)
    assert (code, PASSWORD in shown) == (0, False)
    assert desk.good("user", "list") == "lan  leader  all sites\n"


def test_an_address_and_a_token_are_shown_once(desk: Desk) -> None:
    address = desk.good("screen", "add", "hall", "--site", "que-phong").strip()
    assert re.fullmatch(r"https://centre\.example:8443/screen/([0-9a-z]{4}-){3}[0-9a-z]{4}", address)
    token = desk.good("token", "add", "board", "--days", "30").strip()
    shown = desk.good("screen", "list") + desk.good("token", "list")
    assert shown.startswith("hall  not opened yet  que-phong\nboard  20")
    kept = b"".join(path.read_bytes() for path in desk.folder.glob("people.db*"))
    for secret in (address.rpartition("/")[2], token):
        assert secret not in shown
        assert secret.encode() not in kept
    assert "already" in desk.wrong("screen", "add", "hall")
    desk.good("screen", "remove", "hall")
    assert desk.good("screen", "list") == ""


def test_who_gave_rights_is_kept(desk: Desk) -> None:
    desk.good("token", "add", "board")
    desk.good("token", "remove", "board")
    whole = desk.good("access", "verify")
    head = whole.split()[-1]
    assert head.startswith("2:")
    desk.good("token", "add", "more")
    desk.good("access", "verify", "--noted", head)
    with closing(sqlite3.connect(desk.folder / "people.db")) as database, database:
        assert [row[0] for row in database.execute("SELECT what FROM access")] == [
            "token board *", "token board", "token more *",
        ]  # fmt: skip
        database.execute("UPDATE access SET who = 'somebody' WHERE n = 2")
    done = desk.run("access", "verify")
    assert (done.returncode, done.stdout) == (1, "row 2 was changed.\n")


def test_a_database_that_is_not_there(desk: Desk) -> None:
    desk.config.write_text('[people]\nurl = "sqlite:////nowhere/people.db"\n')
    done = desk.run("user", "list")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "/nowhere/people.db" in done.stderr
    desk.config.write_text('[people]\nurl = "mysql://x/y"\n')
    assert "[people] url" in desk.wrong("user", "list")
    assert "[web] is missing" in desk.wrong("screen", "add", "hall")
