"""What a command ends with is in the reader's language, whichever command it is; English is as it was."""

from __future__ import annotations

import logging
import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing, suppress
from typing import TYPE_CHECKING

import pytest

from agent.cli import errors
from agent.cli.errors import readers_sentence
from agent.cli.main import main
from agent.errors import AgentError, ConfigError
from agent.eventlog.log import EventLog
from agent.locale.command_problems import USAGE
from tests.conftest import ROOT, free_port, write_config
from tests.locale.languages import ENGLISH_LEFT
from tests.patience import PATIENCE_S
from tests.samples import SENDER, make_started

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Ran

VIETNAMESE = {"LANG": "vi_VN.UTF-8"}
ENGLISH = {"LANG": "C"}
HELP = "See `presence-agent --help`."


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """What a command prints as its error, in a language; it must have ended with one."""

    def run(variables: dict[str, str], *words: str | Path) -> str:
        for name in ("LC_ALL", "LC_MESSAGES", "LANG", "JOURNAL_STREAM"):
            monkeypatch.delenv(name, raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["presence-agent", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code not in {0, None}
        return capfd.readouterr().err

    return run


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder with a configuration, in which commands are typed."""
    monkeypatch.chdir(tmp_path)
    write_config(tmp_path, "x")
    return tmp_path


def nothing(_place: Path) -> None: ...


def no_event_log(place: Path) -> None:
    (place / "log").mkdir()
    (place / "log" / "events.db").write_bytes(b"this is my shopping list" * 100)


def another_database(place: Path) -> None:
    (place / "log").mkdir()
    with closing(sqlite3.connect(place / "log" / "events.db")) as songs:
        songs.execute("CREATE TABLE song (title TEXT)")


def folder_for_log(place: Path) -> None:
    (place / "log" / "events.db").mkdir(parents=True)


def good_log(place: Path) -> None:
    with EventLog(SENDER, place / "log" / "events.db") as log:
        log.append([make_started() for _ in range(300)])


def damaged_log(place: Path) -> None:
    good_log(place)
    with (place / "log" / "events.db").open("r+b") as file:
        # The header stays, so that it is still seen what it was.
        file.seek(4096)
        file.write(b"\xa5" * 200_000)


def bad_event(place: Path) -> None:
    good_log(place)
    with closing(sqlite3.connect(place / "log" / "events.db")) as log, log:
        log.execute("UPDATE event SET body = '{not an event' WHERE seq = 7")


def newer_log(place: Path) -> None:
    good_log(place)
    with closing(sqlite3.connect(place / "log" / "events.db")) as log:
        log.execute("PRAGMA user_version = 99")


def empty_files(place: Path) -> None:
    (place / "models").mkdir()
    (place / "picture.png").touch()
    (place / "events.jsonl").write_text("no event\n")


# What is typed where, and how its English begins and ends; {folder} is where, {log} its event log, {port}
# one that is free, {gone} a process that is not there.
ENDS = [
    # Event log.
    (nothing, "log tail --no-follow", "{log}: there is no event log here; ", "that writes it."),
    (nothing, "log verify", "{log}: there is no event log here; ", "that writes it."),
    (nothing, "log plot --out a.png", "{log}: there is no event log here; ", "writes it."),
    (no_event_log, "log export", "{log}: this is no event log of presence-agent; ", "path."),
    (another_database, "log tail", "{log}: this is no event log of presence-agent; ", "path."),
    (folder_for_log, "log verify", "{log}: this is no file, so no event log; ", "path."),
    (newer_log, "log export", "the event log {log} was written by a newer agent (form 99", "."),
    (damaged_log, "log export", "the event log {log} can't be read: the file is damaged; ", "."),
    (damaged_log, "log tail --no-follow", "the event log {log} can't be read: ", "started."),
    (damaged_log, "log plot --out a.png", "the event log {log} can't be read: ", "started."),
    (bad_event, "log export --out a", "the event log {log} is damaged: 1 of its ", "verify`."),
    (bad_event, "log plot --out a.png", "the event log {log} is damaged: there is ", "event."),
    (good_log, "log export --out log/events.db", "--out log/events.db: this is the event log ", "file."),
    (good_log, "log export --out /dev/full", "--out /dev/full: can't be written (No space left ", "device)."),
    (good_log, "log plot --out a/b.png", "--out a/b.png: there is no such folder; ", "first."),
    # Arguments.
    (nothing, "log export --from yesterday", "--from yesterday: give a date as in ", "T07:30:00Z."),
    (nothing, "log export --to=", "--to : give a date as in 2026-11-22, ", "T07:30:00Z."),
    (nothing, "log export --from 2026-11-22 --to 2026-11-21", "--from and --to: there is ", "--from."),
    (nothing, "log plot --out a.jpg", "--out a.jpg: give a path that ends in .png.", ""),
    (nothing, "log plot --out a.png --day x", "--day x: give a date as in 2026-11-22.", ""),
    (nothing, "log tail -n -1", "-n -1: give a number from 0 to ", "."),
    (nothing, "bench --seconds 0", "--seconds 0: give a number from 1 to 3600.", ""),
    (nothing, "detect", "detect needs at least one picture: ", "PICTURE…"),
    (nothing, "detect a --min-score 2", "--min-score 2: give a number above 0, at most 1.", ""),
    (nothing, "replay a --start x", "--start x: give a time as in ", "with its zone."),
    (nothing, "replay a --publish", "--publish and --as NAME go together: ", "its own."),
    (nothing, "models fetch yolox_huge", "There is no model or sample called yolox_huge; there are ", "."),
    (nothing, "retire --site A --name b", "--site A: it has only a-z, 0-9 and '-', ", "of them."),
    (nothing, "retire --site a --name b", "{folder}/agent.toml has no [mqtt]; ", "HOST:PORT."),
    (nothing, "watch --broker http://x", "--broker: give mqtt://HOST:PORT, ", "%2F."),
    (nothing, "watch --broker mqtt://u:p@x", "--broker: a password in the address ", "--password-file."),
    (nothing, "watch --key-file x", "--certificate-file and --key-file: give both, or none.", ""),
    # Files, and what else is not there.
    (nothing, "check --config a.toml", "a.toml: there is no such file; ", "to start with."),
    (nothing, "accept-view --config a.toml", "a.toml: there is no such file; ", "to start with."),
    (nothing, "accept-view", "{folder}/log is not there: no agent has run ", "is right."),
    (nothing, "schema --out /proc/x", "--out /proc/x: can't be written (No such file or directory).", ""),
    (empty_files, "detect picture.png", "picture.png: is empty (0 bytes); copy it again.", ""),
    (nothing, "detect a.png", "a.png: can't be read (No such file or directory); check the path.", ""),
    (nothing, "replay a.mp4", "a.mp4: there is no such file or folder; check the path", "."),
    (empty_files, "log plot --out a.png --events events.jsonl", "events.jsonl: line 1 is no event; ", "."),
    (nothing, "log plot --out a.png --events e", "e: can't be read (No such file or directory).", ""),
    (nothing, "bench --video a.mp4", "a.mp4: there is no such file or folder; ", "."),
    (nothing, "watch --broker mqtt://127.0.0.1:{port}", "nothing listens at 127.0.0.1:{port}; ", "it runs"),
    (nothing, "reload {gone}", "The agent (process {gone}) has ended; ", "for why."),
    # Usage.
    (nothing, "see", 'Unknown command "see". Available commands: models, log, ', f", ... {HELP}"),
    (nothing, "logg", 'Unknown command "logg". Did you mean "log"? Available commands: ', f", ... {HELP}"),
    (nothing, "log see", 'Unknown command "see". Available commands: tail, ', f"verify, plot. {HELP}"),
    (nothing, "log tial", 'Unknown command "tial". Did you mean "tail"? ', f"verify, plot. {HELP}"),
    (nothing, "check --exmaple gate", f"Unknown option: --exmaple. Did you mean --example? {HELP}", ""),
    (nothing, "check --zzz", f"Unknown option: --zzz. {HELP}", ""),
    (nothing, "check -xz", f"Unknown option: -xz. -x is not a recognized option. {HELP}", ""),
    (nothing, "log plot", f'Command "log plot" parameter --out requires an argument. {HELP}', ""),
    (nothing, "log plot --ouut a", 'Command "log plot" parameter --out requires an ', f"of --ouut? {HELP}"),
    (nothing, "check --config a --config b", f"Parameter --config specified multiple times. {HELP}", ""),
    (nothing, "replay a --pace quick", 'Invalid value "quick" for --pace. Choose from: ', f'"real". {HELP}'),
    (nothing, "replay a --pace fas", 'Invalid value "fas" for --pace. ', f'Did you mean "fast"? {HELP}'),
    (nothing, "detect --min-score much", "Invalid value for --min-score: unable to convert ", HELP),
    (nothing, "log tail -n ten", "Invalid value for -n: unable to convert ", HELP),
    (nothing, "log tail --follow=x", "Invalid value for --follow: unable to convert ", HELP),
    (nothing, "log verify x", f"x: there is no such command or option here. {HELP}", ""),
]  # fmt: skip
WITH_CONFIGURATION = ("log ", "replay ", "run", "retire ", "accept-view")


@pytest.mark.parametrize(
    ("made", "typed", "begin", "end"), ENDS, ids=[f"{row[1]} {row[0].__name__}" for row in ENDS]
)
def test_error_of_a_command(
    said: Callable[..., str],
    place: Path,
    made: Callable[[Path], None],
    typed: str,
    begin: str,
    end: str,
) -> None:
    made(place)
    values = {"folder": place, "log": place / "log" / "events.db", "port": free_port(), "gone": gone()}
    words = words_of(typed.format(**values), place)
    begin, end = begin.format(**values), end.format(**values)
    english = said(ENGLISH, *words)
    assert english.startswith(begin)
    assert english.endswith(f"{end}\n")
    vietnamese = said(VIETNAMESE, *words)
    assert len(vietnamese.splitlines()) == len(english.splitlines()) == 1
    assert vietnamese != english
    assert not ENGLISH_LEFT.search(vietnamese), vietnamese


def words_of(typed: str, place: Path) -> list[str]:
    """What is typed, with the configuration of this place where the command reads one."""
    words = typed.split()
    needed = typed.startswith(WITH_CONFIGURATION) and "--config" not in words
    return [*words, "--config", str(place / "agent.toml")] if needed else words


def gone() -> int:
    """Number of a process that is not there."""
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


def test_several_sentences(said: Callable[..., str], place: Path) -> None:
    """Each is translated, whichever command reads the file."""
    with (place / "agent.toml").open("a") as file:
        file.write("keep_md = 1\nkeep_mb = 0\n")
    for words in (["check"], ["replay", "x"], ["log", "verify"], ["run"]):
        typed = (*words, "--config", place / "agent.toml")
        assert len(said(ENGLISH, *typed).splitlines()) == 2
        vietnamese = said(VIETNAMESE, *typed)
        assert vietnamese == (
            "[log] keep_mb = 0: hãy ghi số nguyên lớn hơn 0.\n"
            "Không có [log] keep_md: có phải bạn muốn ghi keep_mb?\n"
        )
        assert not ENGLISH_LEFT.search(vietnamese)


def test_models_that_can_not_be_fetched(
    said: Callable[..., str], place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRESENCE_AGENT_MODELS", str(place / "models"))
    typed = ("models", "fetch", "yolox_nano", "yunet", "--from", place)
    english = said(ENGLISH, *typed).splitlines()
    assert [line.split(" ", 1)[1][:35] for line in english] == [
        "could not be fetched: it is not in "[:35]
    ] * 2
    vietnamese = said(VIETNAMESE, *typed)
    assert [line.split()[2] for line in vietnamese.splitlines()] == ["được", "được"]
    assert "(tên tùy ý, " in vietnamese
    assert not ENGLISH_LEFT.search(vietnamese)
    assert "“" not in said(VIETNAMESE, *typed[:-1], "/nowhere")
    assert "“" not in said(VIETNAMESE, "detect", "a.png")


def test_pictures_that_can_not_be_read(said: Callable[..., str], place: Path) -> None:
    """Each has its own line; the others are done."""
    (place / "b.png").write_bytes(b"no picture")
    english, vietnamese = (said(variables, "detect", "a.png", "b.png") for variables in (ENGLISH, VIETNAMESE))
    assert english == (
        "a.png: can't be read (No such file or directory); check the path.\n"
        "b.png: is not a picture that can be read; "
        "give a whole JPEG, PNG, WebP, BMP or TIFF of at most 100 million pixels.\n"
    )
    assert len(vietnamese.splitlines()) == 2
    assert not ENGLISH_LEFT.search(vietnamese)


def test_damage_that_verify_finds(
    place: Path, presence_agent: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the log can't be read for is inside a sentence of `log verify`; SQLite's own words stay."""
    damaged_log(place)
    with closing(sqlite3.connect(place / "log" / "events.db")) as log, suppress(sqlite3.DatabaseError):
        log.execute("PRAGMA wal_checkpoint")
    monkeypatch.setenv("LC_ALL", "C")
    english = presence_agent("log", "verify", "--config", place / "agent.toml")
    monkeypatch.setenv("LC_ALL", "vi_VN.UTF-8")
    vietnamese = presence_agent("log", "verify", "--config", place / "agent.toml")
    assert english.code == vietnamese.code == 1
    assert "the file is damaged" in english.out + english.err
    assert not ENGLISH_LEFT.search(vietnamese.out + vietnamese.err)


def test_bundle_that_can_not_be_written(said: Callable[..., str], place: Path) -> None:
    logging_disabled = logging.root.manager.disable
    try:
        words = ("doctor", "--config", place / "agent.toml", "--bundle", "/dev/null")
        assert said(ENGLISH, *words).startswith(
            "The bundle can't be written to /dev/null: that is a device; "
        )
        assert said(VIETNAMESE, *words).startswith(
            "Không ghi được gói hỗ trợ vào /dev/null: đó là thiết bị; "
        )
    finally:
        logging.disable(logging_disabled)


@pytest.mark.parametrize(
    "words", [["see"], ["reload", "1"], ["run", "--config", "nothing.toml"], ["run", "--zzz"]]
)
def test_journal_is_english(place: Path, words: list[str]) -> None:
    """Whatever the language of the machine: systemd hands LANG on to its services."""
    with (place / "journal").open("w+") as journal:
        stat = os.fstat(journal.fileno())
        variables = {**os.environ, "LC_ALL": "vi_VN.UTF-8", "PYTHONPATH": str(ROOT)}
        if words[0] == "reload":
            words = ["reload", str(gone())]
        variables["JOURNAL_STREAM"] = f"{stat.st_dev}:{stat.st_ino}"
        # `run` leaves by os._exit.
        code = (
            "import os, sys; from agent.__main__ import main; from agent.locale.language import language_of\n"
            "os._exit = sys.exit\n"
            "try: main()\n"
            "finally: print(language_of.cache_info().currsize, 'agent.locale.problems' in sys.modules)"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, *words],
            stderr=journal, stdout=subprocess.PIPE, text=True, env=variables, check=False, timeout=PATIENCE_S,
        )  # fmt: skip
        journal.seek(0)
        said = journal.read()
    assert done.returncode in {1, 2}
    assert done.stdout == "0 False\n"
    assert not re.search("[^\x00-\x7f]", said), said


@pytest.mark.parametrize(
    ("error", "vietnamese"),
    [
        (
            ModuleNotFoundError("No module named 'cv2'", name="cv2"),
            "Lệnh này cần những gói của thiết bị, mà cv2 chưa được cài đặt: ",
        ),
        (SyntaxError("invalid syntax"), "Bản cài đặt này bị hỏng (“invalid syntax”): "),
        (
            OSError(28, "No space left on device", "/x"),
            "Không đọc hoặc ghi được /x (thẻ nhớ đã hết chỗ trống); ",
        ),
        (OSError(28, "No space left on device"), "Không đọc hoặc ghi được những gì được yêu cầu ("),
        # Several lines of others' words are one sentence.
        (ZeroDivisionError("by\nzero"), "Đây là lỗi của presence-agent (ZeroDivisionError: by\nzero; "),
        # What no table has is not hidden.
        (AgentError("The sky is falling."), "The sky is falling."),
        (ConfigError("use sudo", "The sky is falling."), "Hãy dùng sudo.\nThe sky is falling."),
    ],
)
def test_sentence_for_an_error(monkeypatch: pytest.MonkeyPatch, error: Exception, vietnamese: str) -> None:
    with pytest.raises(type(error)):
        raise error
    monkeypatch.setenv("LC_ALL", "vi_VN.UTF-8")
    assert readers_sentence(error).startswith(vietnamese)
    monkeypatch.setenv("LC_ALL", "C")
    assert readers_sentence(error) == errors.sentence(error)


def test_damaged_words_do_not_hide_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "vi_VN.UTF-8")
    assert readers_sentence(AgentError("use sudo")) == "Hãy dùng sudo."
    monkeypatch.setitem(sys.modules, "agent.locale.problems", None)
    assert readers_sentence(AgentError("use sudo")) == "use sudo"


def test_each_sentence_of_cyclopts_is_one_that_it_says(said: Callable[..., str], place: Path) -> None:
    found = set()
    for _, typed, *expected in ENDS:
        if expected[0].endswith(HELP) or expected[1].endswith(HELP):
            usage = said(ENGLISH, *words_of(typed, place)).removesuffix(f" {HELP}\n")
            patterns = ((text, re.sub(r"\\{\w+\\}", ".+?", re.escape(text))) for text in USAGE)
            found |= {next((text for text, pattern in patterns if re.fullmatch(pattern, usage)), usage)}
    assert found - {"x: there is no such command or option here."} == {*USAGE}
