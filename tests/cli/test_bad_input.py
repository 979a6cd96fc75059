"""Every bad input: one sentence that says what to do, the contract's exit code, nothing lost."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from agent.cli.main import main
from agent.eventlog.log import EventLog
from agent.wire.payloads import Sender
from tests.conftest import GATE, command, free_port, logged, write_config
from tests.patience import PATIENCE_S
from tests.samples import SENDER, make_started

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Ran

    Typed = Callable[..., tuple[int, str, str]]

pytestmark = pytest.mark.usefixtures("weights")

DEVICE = '[device]\nsite = "test"\nname = "yard"\n'
CAMERA = '[camera]\nsource = "clip.avi"\n'
GOOD = DEVICE + CAMERA


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Typed:
    """Run the command in this process; capture its file descriptors, as libraries write there too."""

    def ran(*arguments: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["presence-agent", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capfd.readouterr()
        assert isinstance(ended.value.code, int)
        return ended.value.code, out, err

    return ran


def assert_one_sentence(err: str, *words: str) -> None:
    lines = err.strip().splitlines()
    assert len(lines) == 1, err
    assert "Traceback" not in err
    for word in words:
        assert word in lines[0], f"{word!r} is not in {lines[0]!r}"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        # a key that nobody knows, close to one that somebody does
        pytest.param(DEVICE + CAMERA + "fsp = 5\n", ["[camera]", "fsp", "fps"], id="wrong-key"),
        pytest.param(
            GOOD + '[[zone]]\nid = "a"\npolygon = [[0.1, 0.1], [0.5, 0.5]]\n',
            ["[[zone]]", "polygon", "3"],
            id="two-points",
        ),
        # a bow tie
        pytest.param(
            GOOD + '[[zone]]\nid = "a"\npolygon = [[0.0, 0.0], [1.0, 1.0], [1.0, 0.0], [0.0, 1.0]]\n',
            ["[[zone]]", "polygon", "cross"],
            id="crossing-itself",
        ),
        pytest.param(
            GOOD + '[[line]]\nid = "a"\nstart = [0.1, 0.0]\nend = [0.1, 1.5]\ninside = [0.5, 0.5]\n',
            ["[[line]]", "end", "1.5", "0 to 1"],
            id="outside-the-picture",
        ),
        pytest.param(
            GOOD + '[[counter]]\nid = "a"\nstaff = "nowhere"\n',
            ["[[counter]]", "staff", "nowhere"],
            id="unknown-zone",
        ),
        # ids are unique over all kinds of rules
        pytest.param(
            GOOD + GATE + '[[zone]]\nid = "gate"\npolygon = [[0, 0], [1, 0], [1, 1]]\n',
            ["gate", "id"],
            id="one-id-twice",
        ),
        pytest.param(
            GOOD.replace("yard", "ya/rd"), ["[device]", "name", "ya/rd", "topic"], id="topic-level-slash"
        ),
        pytest.param(
            GOOD.replace("yard", "ya+rd"), ["[device]", "name", "ya+rd", "topic"], id="topic-level-plus"
        ),
        pytest.param(
            GOOD.replace("test", "te#st"), ["[device]", "site", "te#st", "topic"], id="topic-level-hash"
        ),
        pytest.param("[device\n", ["line 1"], id="no-toml"),
    ],
)
@pytest.mark.parametrize("name", ["check", "run", "replay"])
def test_configuration_bad(typed: Typed, tmp_path: Path, name: str, content: str, words: list[str]) -> None:
    config = tmp_path / "agent.toml"
    config.write_text(content)
    source = [tmp_path / "clip.avi"] if name == "replay" else []
    code, out, err = typed(name, *source, "--config", config)
    assert code == 2
    assert not out
    assert_one_sentence(err, *words)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(["detect"], ["picture"], id="no-picture"),
        pytest.param(["detect", "a.jpg", "--min-score", "1.5"], ["--min-score", "1.5"], id="score"),
        pytest.param(["detect", "a.jpg", "--min-score", "much"], ["--min-score", "much"], id="no-number"),
        pytest.param(["see"], ["see"], id="no-such-command"),
        pytest.param(["check", "--exmaple", "gate"], ["--exmaple"], id="no-such-option"),
        pytest.param(["check", "--example", "roof"], ["roof", "gate", "corridor"], id="no-such-place"),
        pytest.param(["check", "--config", "/nowhere/agent.toml"], ["/nowhere/agent.toml"], id="no-file"),
        pytest.param(["check", "--config", "/"], ["/"], id="a-folder"),
        pytest.param(["watch", "--broker", "http://x"], ["mqtt://"], id="no-broker-address"),
        pytest.param(
            ["watch", "--broker", "mqtt://u:secret@x"], ["--password-file"], id="password-in-address"
        ),
        pytest.param(["models", "fetch", "yolox_huge"], ["yolox_huge", "yolox_nano"], id="no-such-model"),
    ],
)
def test_arguments_bad(typed: Typed, arguments: list[str], words: list[str]) -> None:
    code, _, err = typed(*arguments)
    assert code == 2
    assert_one_sentence(err, *words)
    assert "secret" not in err


def _png(image: np.ndarray) -> bytes:
    return cv2.imencode(".png", image)[1].tobytes()


GREY = np.full((40, 60), 128, np.uint8)
NOISE = np.random.default_rng(7).integers(0, 255, (300, 300, 3), np.uint8)


@pytest.mark.parametrize(
    ("content", "size"),
    [
        pytest.param(_png(GREY), (60, 40), id="grey"),
        pytest.param(_png(GREY.astype(np.uint16) * 256), (60, 40), id="16-bit"),
        pytest.param(_png(np.full((40, 60, 4), 128, np.uint16)), (60, 40), id="16-bit-alpha"),
        pytest.param(_png(np.full((40, 60, 4), 128, np.uint8)), (60, 40), id="alpha"),
        pytest.param(_png(GREY[:1, :1]), (1, 1), id="1x1"),
        pytest.param(_png(np.zeros((60, 20_000), np.uint8)), (20_000, 60), id="20000-px-wide"),
        pytest.param(_png(np.zeros((3_000, 20_000), np.uint8)), (20_000, 3_000), id="60-megapixel"),
    ],
)
def test_picture_unusual(
    typed: Typed,
    tmp_path: Path,
    content: bytes,
    size: tuple[int, int],
) -> None:
    picture = tmp_path / "picture.png"
    picture.write_bytes(content)
    code, out, err = typed("detect", picture)
    assert (code, err) == (0, "")
    row = json.loads(out)
    assert (row["width"], row["height"]) == size
    assert row["persons"] == row["faces"] == []


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(b"", ["0 bytes"], id="zero-bytes"),
        pytest.param(b"hello", ["not a picture"], id="no-picture"),
        pytest.param(_png(NOISE)[:20_000], ["not a picture"], id="cut-off-png"),
        pytest.param(cv2.imencode(".jpg", NOISE)[1].tobytes()[:9_000], ["not a picture"], id="cut-off-jpeg"),
        pytest.param(None, ["no such file"], id="missing"),
    ],
)
def test_picture_bad(
    typed: Typed, astronaut: Path, tmp_path: Path, content: bytes | None, words: list[str]
) -> None:
    bad = tmp_path / "bad.png"
    if content is not None:
        bad.write_bytes(content)
    code, out, err = typed("detect", bad, astronaut)
    # The good one is done all the same.
    assert code == 2
    assert [json.loads(line)["image"] for line in out.splitlines()] == [str(astronaut)]
    assert_one_sentence(err.lower(), str(bad).lower(), *words)


def test_picture_too_large(presence_agent: Callable[..., Ran], tmp_path: Path) -> None:
    # Decoded it would fill a 1 GB board.
    bad = tmp_path / "bad.png"
    bad.write_bytes(_png(np.zeros((10_100, 10_100), np.uint8)))
    ran = presence_agent("detect", bad)
    assert ran.code == 2
    assert_one_sentence(ran.err, "bad.png", "100 million")


@pytest.mark.parametrize("name", ["replay", "run"])
@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(b"", ["0 bytes"], id="empty"),
        pytest.param(np.random.default_rng(7).bytes(5_000), ["not a recording"], id="unreadable"),
        # the index of an mp4 stands at its end
        pytest.param("cut-off-mp4", ["not a recording"], id="cut-off-before-its-index"),
        pytest.param(None, ["no such file"], id="missing"),
        pytest.param("folder", ["no pictures"], id="folder-without-pictures"),
    ],
)
def test_recording_unreadable(
    typed: Typed, tmp_path: Path, name: str, content: bytes | str | None, words: list[str]
) -> None:
    video = tmp_path / "video.mp4"
    if content == "folder":
        video.mkdir()
    elif content == "cut-off-mp4":
        writer = cv2.VideoWriter(str(video), cv2.VideoWriter.fourcc(*"vp09"), 10, (320, 240))
        for _ in range(30):
            writer.write(NOISE[:240, :300].repeat(2, axis=1)[:, :320].copy())
        writer.release()
        video.write_bytes(video.read_bytes()[:-2_000])
    elif isinstance(content, bytes):
        video.write_bytes(content)
    config = write_config(tmp_path, video)
    code, out, err = typed(name, *([video] if name == "replay" else []), "--config", config)
    assert code == 2
    assert not out
    assert_one_sentence(err, str(video), *words)


@pytest.mark.parametrize("name", ["replay", "run"])
def test_recording_cut_off(typed: Typed, vtest: Path, tmp_path: Path, name: str) -> None:
    video = tmp_path / "cut.avi"
    with vtest.open("rb") as file:
        video.write_bytes(file.read(400_000))
    config = write_config(tmp_path, video)
    code, out, err = typed(name, *([video] if name == "replay" else []), "--config", config)
    assert code == 1
    (line,) = [line for line in err.splitlines() if not line.startswith(("INFO", "WARNING"))]
    assert "breaks off after" in line
    assert "of 795 frames" in line
    if name == "replay":
        types = [json.loads(row)["type"] for row in out.splitlines()]
        assert types.count("zone.entered") == types.count("zone.left") >= 1
    else:
        assert (tmp_path / "log" / "events.db").exists()


def test_folder_with_bad_pictures(typed: Typed, clip: Path, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    capture = cv2.VideoCapture(str(clip))
    for index in range(20):
        cv2.imwrite(str(folder / f"frame{index}.jpg"), capture.read()[1])
    capture.release()
    (folder / "frame3.jpg").write_bytes(b"")
    code, out, err = typed("replay", folder, "--config", write_config(tmp_path, folder))
    assert code == 1
    assert "zone.entered" in out
    assert_one_sentence(err, "1 of 20 pictures", "frame3.jpg", "0 bytes")


def test_output_unwritable(typed: Typed, clip: Path, tmp_path: Path) -> None:
    config = write_config(tmp_path, clip)
    for option in ("--events", "--mot", "--draw"):
        code, _, err = typed("replay", clip, "--config", config, option, tmp_path / "nowhere" / "out.mp4")
        assert code == 1
        assert_one_sentence(err, "nowhere")


def test_replay_publish_wrong(typed: Typed, clip: Path, tmp_path: Path) -> None:
    without = write_config(tmp_path, clip)
    code, _, err = typed("replay", clip, "--config", without, "--publish", "--as", "other")
    assert code == 2
    assert_one_sentence(err, "[mqtt]")
    config = write_config(tmp_path, clip, port=free_port())
    # With 32 characters of --as too long together.
    config.write_text(config.read_text().replace('site = "test"', f'site = "{"s" * 29}"'))
    for arguments, word in (
        (["--publish"], "--as"),
        (["--publish", "--as", "yard"], "yard"),
        (["--publish", "--as", "a/b"], "a/b"),
        (["--publish", "--as", "n" * 32], "60"),
        (["--start", "yesterday"], "yesterday"),
    ):
        code, _, err = typed("replay", clip, "--config", config, *arguments)
        assert code == 2
        assert_one_sentence(err, word)


def test_weights_missing(
    presence_agent: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch, clip: Path, tmp_path: Path
) -> None:
    monkeypatch.setenv("PRESENCE_AGENT_MODELS", str(tmp_path))
    ran = presence_agent("replay", clip, "--config", write_config(tmp_path, clip))
    assert ran.code == 2
    assert_one_sentence(ran.err, "presence-agent models fetch")


def test_log_of_something_else(typed: Typed, clip: Path, tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    with closing(sqlite3.connect(tmp_path / "log" / "events.db")) as songs:
        songs.execute("CREATE TABLE song (title TEXT)")
    code, _, err = typed("run", "--config", write_config(tmp_path, clip))
    assert code == 1
    assert_one_sentence(err, "events.db", "something else")
    assert not list((tmp_path / "log").glob("*damaged*"))


@pytest.mark.parametrize("rows", [True, False])
def test_log_damaged_begins_anew(
    presence_agent: Callable[..., Ran], clip: Path, tmp_path: Path, rows: bool
) -> None:
    path = tmp_path / "log" / "events.db"
    path.parent.mkdir()
    if rows:
        with EventLog(Sender("test", "yard", "0123abcd"), path):
            pass
        with closing(sqlite3.connect(path)) as log, log:
            log.execute("INSERT INTO event VALUES (7, 7, 'zone.left', 'yard', '{not an event')")
    else:
        path.write_bytes(b"\xa5" * 9000)
    config = write_config(tmp_path, clip)
    ran = presence_agent("run", "--config", config)
    assert ran.code == 0, ran.err
    (line,) = [line for line in ran.err.splitlines() if "is damaged" in line]
    (aside,) = path.parent.glob("events.db.damaged-*Z")
    assert all(word in line for word in (f"{path} is damaged", str(aside), "a new log was started"))
    events = list(logged(tmp_path).values())
    assert (events[0]["type"], events[0]["cause"]) == ("agent.started", "new_log")
    # And that is the end of it.
    ran = presence_agent("run", "--config", config)
    assert (ran.code, "is damaged" in ran.err) == (0, False)


def _as_root_in_a_namespace(script: str) -> subprocess.CompletedProcess[str]:
    """Run a shell script where mounts are nobody else's."""
    if os.geteuid() != 0 or not shutil.which("unshare"):
        pytest.skip("needs root and unshare, to mount a small disk")
    if subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode:
        pytest.skip("no mount namespace can be made here")
    return subprocess.run(
        ["unshare", "-m", "bash", "-c", script],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


@pytest.mark.parametrize(
    ("mount", "words"),
    [
        pytest.param(
            "mount -t tmpfs -o size=64k none {log} && head -c 64k /dev/zero > {log}/x", ["full"], id="full"
        ),
        pytest.param("mount -t tmpfs none {log} && mount -o remount,ro {log}", ["read-only"], id="read-only"),
    ],
)
def test_log_unwritable_at_start(clip: Path, tmp_path: Path, mount: str, words: list[str]) -> None:
    (tmp_path / "log").mkdir()
    config = write_config(tmp_path, clip)
    run = " ".join(command("run", "--config", config))
    ran = _as_root_in_a_namespace(f"{mount.format(log=tmp_path / 'log')} && exec {run}")
    assert ran.returncode == 1
    assert_one_sentence(ran.stderr.lower(), "event log", *words)


# On the smaller one there is no room for the reserve: that is told at the start. On the larger one the
# reserve may do until the end, and nothing need be told.
@pytest.mark.parametrize(("size", "told"), [("512k", {1}), ("4m", {0, 1})])
def test_log_full_in_service(clip: Path, tmp_path: Path, size: str, told: set[int]) -> None:
    (tmp_path / "log").mkdir()
    config = write_config(tmp_path, clip)
    log = tmp_path / "log"
    # The disk has room for the log, and is filled up as soon as the agent has begun.
    script = f"""
        mount -t tmpfs -o size={size} none {log}
        {" ".join(command("run", "--config", config))} & agent=$!
        until [ -s {log}/events.db-wal ]; do sleep 0.02; done
        sleep 0.2
        cat /dev/zero > {log}/ballast
        wait $agent; code=$?
        rm {log}/ballast
        cp -r {log} {tmp_path}/kept
        exit $code
    """
    ran = _as_root_in_a_namespace(script)
    assert ran.returncode == 0, ran.stderr
    assert "Traceback" not in ran.stderr
    assert "ERROR" not in ran.stderr
    assert ran.stderr.count("is full; free some space") in told
    # Up to its end, on the card; tests/faults/test_cards.py has logs that no longer fit.
    with closing(sqlite3.connect(tmp_path / "kept" / "events.db")) as kept:
        rows = kept.execute("SELECT type FROM event ORDER BY seq").fetchall()
    assert rows[-1] == ("agent.stopped",)


# --- log plot ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("day", ["yesterday", "2026-02-30", "20261122", "2026-11-22T00:00", "0001-01-01", ""])
def test_plot_day_wrong(typed: Typed, tmp_path: Path, day: str) -> None:
    config = write_config(tmp_path, "x")
    code, out, err = typed("log", "plot", "--config", config, "--day", day, "--out", tmp_path / "a.png")
    assert (code, out) == (2, "")
    assert_one_sentence(err, f"--day {day}", "2026-11-22")


@pytest.mark.parametrize(
    ("out", "expected", "words"),
    [
        ("day.jpg", 2, ["day.jpg", ".png"]),
        ("day", 2, ["--out", ".png"]),
        ("nowhere/day.png", 1, ["nowhere", "no such folder"]),
        ("folder.png", 1, ["folder.png", "can't be written"]),
        (None, 2, ["--out"]),
    ],
)
def test_plot_out_wrong(
    typed: Typed, tmp_path: Path, out: str | None, expected: int, words: list[str]
) -> None:
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "events.jsonl").touch()
    where = ["--out", tmp_path / out] if out else []
    config = write_config(tmp_path, "x")
    code, _, err = typed("log", "plot", "--config", config, "--events", tmp_path / "events.jsonl", *where)
    assert code == expected
    assert_one_sentence(err, *words)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(None, ["events.db", "no event log"], id="missing"),
        pytest.param(b"this is my shopping list" * 100, ["events.db", "no event log"], id="no-database"),
        pytest.param(b"", ["events.db", "no event log"], id="zero-bytes"),
    ],
)
def test_plot_log_wrong(typed: Typed, tmp_path: Path, content: bytes | None, words: list[str]) -> None:
    config = write_config(tmp_path, "x")
    if content is not None:
        (tmp_path / "log").mkdir()
        (tmp_path / "log" / "events.db").write_bytes(content)
    code, out, err = typed("log", "plot", "--config", config, "--out", tmp_path / "day.png")
    assert (code, out) == (2, "")
    assert_one_sentence(err, *words)
    # Nothing was made, neither a picture nor a log.
    left = {path.name for path in tmp_path.rglob("*")}
    assert left == {"agent.toml"} | ({"log", "events.db"} if content is not None else set())


@pytest.mark.parametrize("content", [None, b"a picture, say\n", b"\xff\xd8\xff\xe0"])
def test_plot_events_wrong(typed: Typed, tmp_path: Path, content: bytes | None) -> None:
    events = tmp_path / "events.jsonl"
    if content is not None:
        events.write_bytes(content)
    config = write_config(tmp_path, "x")
    code, _, err = typed("log", "plot", "--config", config, "--events", events, "--out", tmp_path / "day.png")
    assert code == 2
    assert_one_sentence(err, "events.jsonl")


def test_plot_config_missing(typed: Typed, tmp_path: Path) -> None:
    code, _, err = typed("log", "plot", "--config", tmp_path / "agent.toml", "--out", tmp_path / "day.png")
    assert code == 2
    assert_one_sentence(err, "agent.toml")


# --- log tail, export, verify ------------------------------------------------------------------------

READING = [["tail"], ["tail", "--no-follow"], ["export"], ["verify"]]
SHOPPING = b"this is my shopping list" * 100


@pytest.mark.parametrize(
    ("words", "content"),
    [
        # Where there is nothing yet, `tail` waits for something.
        *((words, content) for words in READING[1:] for content in (SHOPPING, b"", None)),
        (READING[0], SHOPPING),
    ],
)
def test_log_not_there(typed: Typed, tmp_path: Path, words: list[str], content: bytes | None) -> None:
    config = write_config(tmp_path, "x")
    if content is not None:
        (tmp_path / "log").mkdir()
        (tmp_path / "log" / "events.db").write_bytes(content)
    code, out, err = typed("log", *words, "--config", config)
    assert (code, out) == (2, "")
    assert_one_sentence(err, "events.db", "no event log")
    left = {path.name for path in tmp_path.rglob("*")}
    assert left == {"agent.toml"} | ({"log", "events.db"} if content is not None else set())


@pytest.mark.parametrize("words", READING)
def test_log_is_a_folder(typed: Typed, tmp_path: Path, words: list[str]) -> None:
    (tmp_path / "log" / "events.db").mkdir(parents=True)
    code, out, err = typed("log", *words, "--config", write_config(tmp_path, "x"))
    assert (code, out) == (2, "")
    assert_one_sentence(err, "events.db", "no file")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["tail", "-n", "-1"], ["-n -1", "0"]),
        (["tail", "-n", "1000001"], ["-n 1000001"]),
        (["tail", "-n", "ten"], ["ten"]),
        (["export", "--from", "yesterday"], ["--from yesterday", "2026-11-22"]),
        (["export", "--to", "2026-11-31"], ["--to 2026-11-31"]),
        (["export", "--to", "2026-11-22T07:30"], ["--to", "zone"]),
        (["export", "--from", ""], ["--from"]),
        (["export", "--to", "0001-01-01"], ["--to 0001-01-01"]),
        (["export", "--from", "2026-11-22", "--to", "2026-11-21"], ["--from", "--to"]),
        (["verify", "--repair"], ["--repair"]),
    ],
)
def test_log_arguments_wrong(typed: Typed, tmp_path: Path, words: list[str], said: list[str]) -> None:
    code, out, err = typed("log", *words, "--config", write_config(tmp_path, "x"))
    assert (code, out) == (2, "")
    assert_one_sentence(err, *said)


@pytest.mark.parametrize("where", ["nowhere/e.jsonl", "log"])
def test_export_out_wrong(typed: Typed, tmp_path: Path, where: str) -> None:
    config = write_config(tmp_path, "x")
    with EventLog(SENDER, tmp_path / "log" / "events.db"):
        pass
    code, out, err = typed("log", "export", "--config", config, "--out", tmp_path / where)
    assert (code, out) == (1, "")
    assert_one_sentence(err, "--out", where, "can't be written")


def test_export_disk_full(typed: Typed, tmp_path: Path) -> None:
    config = write_config(tmp_path, "x")
    with EventLog(SENDER, tmp_path / "log" / "events.db") as log:
        log.append([make_started()])
    code, out, err = typed("log", "export", "--config", config, "--out", "/dev/full")
    assert (code, out) == (1, "")
    assert_one_sentence(err, "--out /dev/full", "No space left")
