"""The targets of the fuzzer with a few hundred inputs each, from bytes and from what is almost right."""

from __future__ import annotations

import json
import logging
import math
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.config.load import load
from agent.config.risks import absences
from agent.errors import ConfigError
from tests.fuzz import targets
from tests.fuzz.targets import TARGETS, seeds

if TYPE_CHECKING:
    from collections.abc import Iterator

FILES = {"log_file", "log_rows"}
_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(
        ["5f3a9c21", "line.crossed", "2026-01-05T00:00:00.000Z", "unsynced", "\ud800", "\x1b[2J"]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def mutated(draw: st.DrawFn, name: str) -> bytes:
    """Something that is right, with a few bytes or values of it changed."""
    data = draw(st.sampled_from(seeds(name)))
    if draw(st.booleans()) and b'"' in data and name != "configuration":
        return b"\n".join(_revalued(draw, line) if line[:1] == b"{" else line for line in data.split(b"\n"))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        data = data[:at] + draw(st.binary(max_size=6)) + data[at + draw(st.integers(0, 6)) :]
    return data


def _revalued(draw: st.DrawFn, line: bytes) -> bytes:
    content = json.loads(line)
    key = draw(st.sampled_from(sorted(content)))
    return json.dumps({**content, key: draw(_JSON)}).encode()


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    # What is said of damaged logs would be very much.
    logging.disable(logging.ERROR)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


def some(name: str, often: int, seldom: int) -> settings:
    """Files take longer."""
    return settings(
        max_examples=seldom if name in FILES else often,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    )


@pytest.mark.parametrize("name", TARGETS)
def test_seeds(name: str, folder: Path) -> None:
    for seed in seeds(name):
        TARGETS[name](seed, folder)
    TARGETS[name](b"", folder)


@pytest.mark.parametrize("name", TARGETS)
def test_any_bytes(name: str, folder: Path) -> None:
    @some(name, 150, 40)
    @given(st.binary(max_size=400))
    def search(data: bytes) -> None:
        TARGETS[name](data, folder)

    search()


@pytest.mark.parametrize("name", TARGETS)
def test_almost_right(name: str, folder: Path) -> None:
    @some(name, 150, 40)
    @given(mutated(name))
    def search(data: bytes) -> None:
        TARGETS[name](data, folder)

    search()


# What was found once.
@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("command", b'{"log":"5f3a9c21","from_seq":1,"to_seq":20,"request":"gap-7","x":' + b"[" * 400 + b"}"),
        ("own_name", b"[" * 100_000),
        ("configuration", b"[" * 100_000),
        ("log_rows", b"[" * 100_000 + b"\n" + b"[" * 100_000 + b"\n" + b'{"a":' * 100_000),
    ],
)
def test_deep(name: str, data: bytes, folder: Path) -> None:
    TARGETS[name](data, folder)


HEAD = '[device]\nsite = "a"\nname = "b"\n[camera]\nsource = "x.avi"\n'
ROUND = [[0.5 + 0.4 * math.cos(n / 480), 0.5 + 0.4 * math.sin(n / 480)] for n in range(3000)]


# What grows with the square of what is written, and what has no end; each took up to a minute or all memory.
@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            f'{HEAD}[[zone]]\nid = "z"\npolygon = {[[round(x, 4), round(y, 4)] for x, y in ROUND]}\n',
            "at most 256",
        ),
        (HEAD + '[[hours]]\ndays = ["mon"]\nperiods = [["07:00", "08:00"]]\n' * 1000, "overlaps"),
        (HEAD + "#" * 65_536, "larger than 64 kB"),
        (HEAD.replace("x.avi", "x" * 5000), "no such file"),
        (f'{HEAD}[mqtt]\nhost = "h"\nca_file = "/{"x" * 5000}"\n', "no such file"),
    ],
    ids=["corners", "overlaps", "bytes", "long source", "long path"],
)
def test_configuration_large(text: str, said: str, folder: Path) -> None:
    path = folder / "large.toml"
    path.write_text(text)
    begin_s = time.thread_time()
    try:
        found = [*absences(load(path))]
    except ConfigError as error:
        found = [*error.problems]
    assert time.thread_time() - begin_s < 10
    assert len(found) <= 200
    assert any(said in sentence for sentence in found), found[:3]


def test_configuration_without_an_end() -> None:
    with pytest.raises(ConfigError, match="larger than 64 kB"):
        load(Path("/dev/zero"))


def test_log_is_damaged_by_the_edits(folder: Path) -> None:
    # Not every edit hits what is not used; of those that cut the file some must be noticed.
    files = targets._log_files(folder)
    cut = targets._edited(b"\x02\x00\x20\x00\x00", files)
    assert len(cut["events.db"]) == 0x2000 < len(files["events.db"])
    assert re.search(rb"^SQLite format 3", files["events.db"])
    assert len(files["events.db-wal"]) > 4096
