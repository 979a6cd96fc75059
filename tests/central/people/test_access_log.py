"""Access log: whatever is done to its rows behind our back is found."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from agent.central.people.access_log import Actor, noted_head
from agent.central.people.chain import ChainHead
from agent.central.people.reach import Reach
from agent.errors import ConfigError
from tests.central.people.conftest import DAY_MS

if TYPE_CHECKING:
    from tests.central.people.conftest import Office

LAN = Actor("account", "lan")
MONTH_MS = 31 * DAY_MS


def look(office: Office, times: int, place: str = "que-phong") -> None:
    for number in range(times):
        office.log.append(LAN, "looked", f"/day/{number}", [place])
        office.now_ms += 1000


def meddle(office: Office, *statements: str) -> None:
    with office.people.writing() as connection:
        for statement in statements:
            connection.execute(text(statement))


@pytest.mark.parametrize(
    ("statements", "said"),
    [
        (["DELETE FROM access WHERE n = 5"], "rows 5 to 5 are missing."),
        (["DELETE FROM access WHERE n BETWEEN 4 AND 7"], "rows 4 to 7 are missing."),
        (["DELETE FROM access WHERE n >= 9"], "the last row is 8 and should be 10"),
        (["DELETE FROM access WHERE n <= 3"], "rows before 4 are missing"),
        (["DELETE FROM access"], "the last row is 0 and should be 10"),
        (["UPDATE access SET who = 'hoa' WHERE n = 5"], "row 5 was changed."),
        (["UPDATE access SET ts_ms = ts_ms + 1 WHERE n = 10"], "row 10 was changed."),
        (["UPDATE access SET place = '' WHERE n = 1"], "row 1 was changed."),
        (
            [
                "UPDATE access SET n = 99 WHERE n = 5",
                "UPDATE access SET n = 5 WHERE n = 6",
                "UPDATE access SET n = 6 WHERE n = 99",
            ],
            "row 5 does not follow",
        ),
        # A row between, with the gap closed by numbers.
        (["DELETE FROM access WHERE n = 10", "UPDATE access_head SET n = 9"], "the last row is 9"),
        (
            [
                "INSERT INTO access SELECT 11, ts_ms, kind, who, act, what, place, hash, hash "  # noqa: ISC004
                "FROM access WHERE n = 10"
            ],
            "row 11 was changed.",
        ),
    ],
)
def test_meddling_is_found(office: Office, statements: list[str], said: str) -> None:
    look(office, 10)
    assert office.log.verify() == []
    meddle(office, *statements)
    assert any(said in one for one in office.log.verify()), office.log.verify()


def test_what_was_noted_finds_a_chain_made_again(office: Office) -> None:
    """Somebody who can write the database makes all rows again, with hashes that fit."""
    look(office, 6)
    noted = office.log.head()
    look(office, 2)
    assert office.log.verify(noted) == []
    meddle(
        office,
        "UPDATE access_head SET n = 0, hash = (SELECT before FROM access WHERE n = 1)",
        "DELETE FROM access",
    )
    look(office, 8, "another-site")
    assert office.log.verify() == []
    assert office.log.verify(noted) == ["row 6 is not the one that was noted."]
    assert office.log.verify(ChainHead(9, "0" * 64)) == ["row 9 is not the one that was noted."]
    assert noted_head(noted.text()) == noted
    with pytest.raises(ConfigError, match="--noted"):
        noted_head("7")


def test_what_is_left_after_a_year_is_still_proved(office: Office) -> None:
    look(office, 5)
    office.now_ms += 7 * MONTH_MS
    look(office, 5)
    office.now_ms += 6 * MONTH_MS
    assert office.log.trim(0) == 0
    assert office.log.trim(12) == 5
    assert office.log.trim(12) == 0
    assert [entry.n for entry in office.log.page(Reach(), None, 9)] == [10, 9, 8, 7, 6]
    assert office.log.verify() == []
    look(office, 2)
    # All there is: the row that says so is the first.
    office.now_ms += 30 * MONTH_MS
    assert office.log.trim(12) == 8
    assert office.log.verify() == []
    look(office, 3)
    assert office.log.verify() == []
    meddle(office, "DELETE FROM access WHERE n <= 14")
    assert any("rows before 15 are missing" in one for one in office.log.verify())


def test_many_append_at_once(office: Office) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: office.log.append(LAN, "looked", "/", [f"site-{number}"]), range(64)))
    assert office.log.verify() == []
    assert office.log.head().n == 64


def test_hostile_words_are_data(office: Office) -> None:
    words = "\u202e<script>'; DROP TABLE access; --\r\n" + "x" * 10_000
    office.log.append(LAN, "looked", words, ["*"])
    assert office.log.verify() == []
    assert office.log.page(None, None, 1)[0].what == words[:200]


@pytest.mark.parametrize(
    ("reach", "seen"),
    [
        (None, ["", "other/gate", "other", "*", "que-phong/hall", "que-phong/gate", "que-phong"]),
        (Reach(), ["other/gate", "other", "*", "que-phong/hall", "que-phong/gate", "que-phong"]),
        (Reach(frozenset(), frozenset({"que-phong/gate"})), ["*", "que-phong/gate", "que-phong"]),
        (Reach(frozenset({"none"})), ["*"]),
    ],
)
def test_staff_see_what_was_looked_at_of_their_place(
    office: Office, reach: Reach | None, seen: list[str]
) -> None:
    for place in ("que-phong", "que-phong/gate", "que-phong/hall", "*", "other", "other/gate"):
        look(office, 1, place)
    office.log.append(LAN, "signed in")
    assert [entry.place for entry in office.log.page(reach, None, 100)] == seen


def test_pages_go_on_where_they_ended(office: Office) -> None:
    look(office, 7)
    first = office.log.page(None, None, 5)
    second = office.log.page(None, first[-1].n, 5)
    assert [entry.n for entry in (*first, *second)] == [7, 6, 5, 4, 3, 2, 1]
    assert office.log.page(None, None, 5, "elsewhere/gate") == []
