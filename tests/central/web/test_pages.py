"""Pages over TLS: signing in, what other pages try, what is shown, and what is written of it."""

from __future__ import annotations

import hashlib
import html
import re
import ssl
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from agent.central.people.access_log import AccessLog, Actor
from agent.central.people.accounts import Accounts
from agent.central.people.reach import Reach, Role
from agent.central.people.screens import Screens
from agent.central.people.tokens import Tokens
from agent.central.web.rights import RIGHTS
from tests.central.people.conftest import ADMIN, PASSWORD

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from agent.central.people.access_log import Kind
    from tests.central.web.centre import Browser, Centre

SITE = Reach(frozenset({"que-phong"}))
PLACE = Reach(frozenset(), frozenset({"que-phong/one-stop"}))


@contextmanager
def somebody(centre: Centre, name: str, role: Role = "leader", reach: Reach = SITE) -> Iterator[Browser]:
    """A browser of somebody who is signed in, and has an account for so long."""
    with centre.people() as people:
        Accounts(people).add(ADMIN, name, role, reach, PASSWORD)
    with centre.browser() as browser:
        assert browser.sign_in(name, PASSWORD).status_code == 303
        yield browser
    with centre.people() as people:
        Accounts(people).remove(ADMIN, name)


def cookies(answer: httpx.Response) -> dict[str, str]:
    """What an answer sets, with its attributes."""
    return {one.partition("=")[0]: one for one in answer.headers.get_list("set-cookie")}


def test_signing_in(centre: Centre) -> None:
    with somebody(centre, "lan") as first, centre.browser() as browser:
        assert browser.get("/").headers["Location"] == "/login?next=%2F"
        done = browser.sign_in("lan", PASSWORD, next="/root")
        assert (done.status_code, done.headers["Location"]) == (303, "/root")
        cookie = cookies(done)["__Host-presence"]
        for attribute in ("Path=/", "Secure", "HttpOnly", "SameSite=lax"):
            assert attribute in cookie
        assert not {"domain", "max-age", "expires"} & set(cookie.lower().replace("=", " ").split("; "))
        start = browser.get("/")
        assert "lan (lãnh đạo)" in start.text
        assert start.headers["Cache-Control"] == "no-store"
        assert first.get("/").status_code == 200


@pytest.mark.parametrize(
    ("name", "password"),
    [("lan-2", "wrong"), ("nobody", PASSWORD), ("", ""), ("lan-2", ""), ("' OR 1=1 --", "x")],
)
def test_a_wrong_password_says_nothing(centre: Centre, name: str, password: str) -> None:
    with somebody(centre, "lan-2"), centre.browser() as browser:
        done = browser.sign_in(name, password)
        assert done.status_code == 403
        assert "Sai tên hoặc mật khẩu." in done.text
        assert "__Host-presence" not in cookies(done)
        assert browser.get("/").status_code == 303


def test_guessing_is_slowed(centre: Centre) -> None:
    with somebody(centre, "mai") as signed_in, centre.browser() as browser:
        answers = [browser.sign_in("mai", f"guess {number}") for number in range(9)]
        codes = [answer.status_code for answer in answers]
        assert codes[:5] == [403] * 5
        assert 429 in codes
        last = next(answer for answer in answers if answer.status_code == 429)
        assert 1 <= int(last.headers["Retry-After"]) <= 900
        assert "giây rồi thử lại" in last.text
        # Now the right one waits too; who is in stays in.
        assert browser.sign_in("mai", PASSWORD).status_code == 429
        assert signed_in.get("/").status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 303),
        ({"Origin": "https://localhost:{port}", "Sec-Fetch-Site": "same-origin"}, 303),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "https://localhost"}, 403),
        ({"Origin": "http://localhost:{port}"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
    ],
)
@pytest.mark.parametrize("path", ["/login", "/logout"])
def test_forms_of_other_pages_are_refused(
    centre: Centre, path: str, headers: dict[str, str], status: int
) -> None:
    with somebody(centre, "hoa") as browser:
        sent = {name: text.format(port=centre.port) for name, text in headers.items()}
        fields = {"form": browser.field("/"), "name": "hoa", "password": PASSWORD}
        assert browser.post(path, data=fields, headers=sent).status_code == status


@pytest.mark.parametrize("field", [None, "", "0" * 64, "of another browser"])
@pytest.mark.parametrize("path", ["/login", "/logout", "/screen/0000-0000-0000-0000"])
def test_forms_without_our_field_are_refused(centre: Centre, path: str, field: str | None) -> None:
    with somebody(centre, "hoa") as browser, centre.browser() as other:
        if field == "of another browser":
            field = other.field()
        fields = {"name": "hoa", "password": PASSWORD} | ({} if field is None else {"form": field})
        answer = browser.post(path, data=fields)
        assert answer.status_code == 403
        assert "Trang này đã mở quá lâu" in answer.text
        assert browser.get("/").status_code == 200


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"form=" + b"x" * 9000, "application/x-www-form-urlencoded", 413),
        (b"{}", "application/json", 415),
        (b"a=1", "multipart/form-data; boundary=a", 415),
        (b"&".join(b"a=%d" % number for number in range(50)), "application/x-www-form-urlencoded", 400),
        (b"\xff\xfe=1", "application/x-www-form-urlencoded", 400),
        (b"", "", 415),
    ],
)
def test_what_is_no_form_is_refused(centre: Centre, body: bytes, kind: str, status: int) -> None:
    with centre.browser() as browser:
        assert browser.post("/login", content=body, headers={"Content-Type": kind}).status_code == status


def test_a_session_is_not_fixed_from_outside(centre: Centre) -> None:
    """Somebody gives a victim's browser cookies, and waits for it to sign in with them."""
    planted = {"__Host-presence": "p" * 43, "__Host-presence-form": "f" * 43}
    with somebody(centre, "lan-3") as before, centre.browser(**planted) as victim:
        done = victim.sign_in("lan-3", PASSWORD)
        assert done.status_code == 303
        assert "p" * 43 not in cookies(done)["__Host-presence"]
        with centre.browser(**planted) as attacker:
            assert attacker.get("/").status_code == 303
        # Signing in again ends the session that this browser had.
        old = before.cookies["__Host-presence"]
        before.sign_in("lan-3", PASSWORD)
        assert before.cookies["__Host-presence"] != old
        with centre.browser(**{"__Host-presence": old}) as attacker:
            assert attacker.get("/").status_code == 303


@pytest.mark.parametrize(
    "path",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/api/v1/state",
     "/screen/a", "/language/en", "/login\r\nSet-Cookie: a=b", "", "/nothing"],
)  # fmt: skip
def test_signing_in_leads_nowhere_else(centre: Centre, path: str) -> None:
    with somebody(centre, "lan-4") as browser:
        assert browser.sign_in("lan-4", PASSWORD, next=path).headers["Location"] == "/"
        answer = browser.get("/language/vi", params={"next": path})
        assert (answer.status_code, answer.headers["Location"]) == (303, "/")


def test_the_language(centre: Centre) -> None:
    with centre.browser() as browser:
        page = browser.get("/login")
        assert '<html lang="vi">' in page.text
        assert "Đăng nhập" in page.text
        assert browser.get("/language/en?next=/login").headers["Location"] == "/login"
        page = browser.get("/login")
        assert '<html lang="en">' in page.text
        assert "Sign in" in page.text
        assert browser.get("/language/xx").status_code == 404
        browser.cookies.set("__Host-presence-language", "../../etc")
        assert browser.get("/login").status_code == 200


HOSTILE = '<script>alert(1)</script>"\'&\u202e=HYPERLINK("x")\r\n{{7*7}}'


def test_hostile_words_are_shown_as_they_are(centre: Centre) -> None:
    with somebody(centre, "kiem-tra", "auditor", Reach()) as browser:
        with centre.people() as people:
            kinds: tuple[Kind, ...] = ("account", "screen")
            for kind in kinds:
                AccessLog(people).append(Actor(kind, HOSTILE), "looked", HOSTILE, [HOSTILE])
        page = browser.get("/access").text
        assert "<script" not in page
        assert "{{7*7}}" in page
        assert page.count("&lt;script&gt;") == 6
        assert HOSTILE.replace("\r\n", "\n") in html.unescape(page).replace("\r\n", "\n")
        for path in ("/access", "/login", "/root", "/", "/language/vi"):
            for name in ("place", "before", "next", "x"):
                assert "<script" not in browser.get(path, params={name: HOSTILE}).text
        answer = browser.sign_in(HOSTILE, HOSTILE, next=HOSTILE)
        assert answer.status_code == 403
        assert "<script" not in answer.text


def test_pages_load_nothing_of_others(centre: Centre) -> None:
    with somebody(centre, "lan-5", "admin", Reach()) as browser:
        for path in ("/", "/login", "/root", "/access", "/screen/a", "/none", "/static/style.css"):
            answer = browser.get(path)
            assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
            assert "unsafe" not in answer.headers["Content-Security-Policy"]
            assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
            assert answer.headers["Referrer-Policy"] == "same-origin"
            assert not re.search(r"https?://|<script|style=|javascript:|\son\w+=", answer.text)


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "", "evil.example:8443", "a b"])
def test_another_host_is_refused(centre: Centre, host: str) -> None:
    with centre.browser() as browser:
        assert browser.get("/login", headers={"Host": host}).status_code == 400


def test_the_root(centre: Centre) -> None:
    with centre.browser() as browser:
        page, file = browser.get("/root").text, browser.get("/root.pem")
        assert file.text == centre.authority.read_text()
        assert file.headers["Content-Type"] == "application/x-x509-ca-cert"
        digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(file.text)).hexdigest().upper()
        assert ":".join(digest[at : at + 2] for at in range(0, 64, 2)) in page
        for system in ("Windows", "Android", "iPhone", "Tizen"):
            assert system in page


def test_a_screen_is_set_up_once(centre: Centre) -> None:
    with centre.people() as people:
        code = Screens(people).add(ADMIN, "hall", SITE)
    path = f"/screen/{code}"
    with centre.browser() as screen, centre.browser() as preview, centre.browser() as later:
        # Whoever only follows the link, as messengers do, uses nothing up.
        assert preview.get(path).status_code == 200
        done = screen.post(path, data={"form": screen.field(path)})
        assert (done.status_code, done.headers["Location"]) == (303, "/")
        assert {"Secure", "HttpOnly", "SameSite=lax", "Max-Age=34560000"} <= set(
            cookies(done)["__Host-presence-screen"].split("; ")
        )
        assert "hall" in screen.get("/").text
        assert [site["site"] for site in screen.get("/api/v1/sites").json()] == ["que-phong"]
        # A screen may start with its address each morning.
        assert screen.get(path).headers["Location"] == "/"
        answer = later.post(path, data={"form": later.field(path)})
        assert answer.status_code == 403
        assert "đã được dùng" in answer.text
        assert later.get("/").status_code == 303
    # Neither the address nor a cookie is anywhere in the journal.
    assert code not in centre.said()


def test_who_looked(centre: Centre) -> None:
    with (
        somebody(centre, "boss", "leader", Reach()) as leader,
        somebody(centre, "one", "staff", PLACE) as staff,
        somebody(centre, "other", "staff", Reach(frozenset({"muong-xen"}))) as elsewhere,
        somebody(centre, "checks", "auditor", Reach()) as auditor,
    ):
        for query in ("?site=que-phong&place=one-stop", "?site=que-phong&place=reception", "?site=muong-xen"):
            for _ in range(3):
                assert leader.get(f"/api/v1/state{query}").status_code == 200
        assert leader.get("/api/v1/days").status_code == 200
        # What is refused was not seen.
        assert elsewhere.get("/api/v1/days?site=que-phong").status_code == 403

        def rows(browser: Browser, path: str = "/access") -> list[tuple[str, ...]]:
            cells = re.findall(r"<tr><td>\d+</td><td>[^<]*</td>(.*?)</tr>", browser.get(path).text, re.DOTALL)
            return [
                tuple(" ".join(re.sub("<[^>]*>", "", one).split()) for one in row.split("</td>")[:3])
                for row in cells
                if "boss" in row or "other" in row
            ]

        now, days = "đã xem số người hiện có", "đã xem số liệu từng ngày"
        assert rows(staff) == [("boss", days, "mọi vị trí"), ("boss", now, "que-phong/one-stop")]
        assert rows(elsewhere) == [("boss", days, "mọi vị trí"), ("boss", now, "muong-xen")]
        seen = rows(auditor)
        assert ("boss", now, "que-phong/reception") in seen
        assert ("boss", "đã đăng nhập", "") in seen
        assert seen.count(("boss", days, "mọi vị trí")) == 1
        assert not [row for row in seen if row[0] == "other" and "ngày" in row[1]]
        only = rows(auditor, "/access?place=muong-xen/gate")
        assert only == [("boss", days, "mọi vị trí"), ("boss", now, "muong-xen")]
        for wrong in ("/access?before=x", "/access?place=a/b/c", "/access?before=-1"):
            assert auditor.get(wrong).status_code == 400
        with centre.people() as people:
            assert AccessLog(people).verify() == []


@pytest.mark.parametrize("role", ["auditor", "admin"])
def test_who_looked_elsewhere_is_not_theirs(centre: Centre, role: Role) -> None:
    """Somebody for one site, though of a role that may see who looked, sees nothing of others."""
    with (
        somebody(centre, "everywhere", "leader", Reach()) as leader,
        somebody(centre, "of-one", role, Reach(frozenset({"muong-xen"}))) as browser,
    ):
        for site in ("muong-xen", "que-phong"):
            assert leader.get(f"/api/v1/state?site={site}").status_code == 200
        for query in ("", "?place=que-phong", "?place=que-phong/one-stop", "?before=999999"):
            page = browser.get(f"/access{query}").text
            assert "que-phong" not in re.sub(r'(value|href)="[^"]*"', "", page), query
            assert "đã đăng nhập" not in page
        assert "everywhere" in browser.get("/access").text


# Whatever stands in an address: what was shown is written, as a whole where it was shown as a whole.
QUERIES = (
    "", "?site=nowhere", "?site=NO", "?site=", "?place=one-stop", "?place=", "?site=que-phong",
    "?site=que-phong&place=one-stop", "?site=que-phong&site=muong-xen", "?SITE=que-phong",
    "?site=que-phong&place=no%00", "?limit=1&rule=gate",
)  # fmt: skip


def test_what_narrows_an_answer_is_what_narrows_its_row(centre: Centre) -> None:
    described = centre.get("/api/v1/openapi.json").json()["paths"]
    for right in RIGHTS:
        if right.shows == "own":
            told = described.get(right.path.removeprefix("/api/v1"), {}).get("get", {}).get("parameters", ())
            assert {one["name"] for one in told} & {"site", "place"} == set(right.narrowed_by), right.path


@pytest.mark.parametrize("query", QUERIES)
def test_nobody_looks_unseen(centre: Centre, query: str) -> None:
    paths = [right.path for right in RIGHTS if right.shows == "own"]
    with centre.people() as people:
        name = f"seen-{QUERIES.index(query)}"
        token = Tokens(people).add(ADMIN, name, Reach(), 10)
        log = AccessLog(people)
        for path in paths:
            with centre.browser() as browser:
                browser.headers["Authorization"] = f"Bearer {token}"
                with browser.stream("GET", f"{path}{query}") as answer:
                    shown = answer.status_code == 200
            rows = [row for row in log.page(None, None, 50) if (row.who, row.what) == (name, path)]
            if shown:
                assert len(rows) == 1, path
            if shown and path in {"/metrics", "/api/v1/live", "/api/v1/sites"}:
                assert rows[0].place == "*", path


def test_a_building_is_looked_at_as_a_whole(centre: Centre) -> None:
    with somebody(centre, "lan-8", "leader", Reach()) as browser, centre.people() as people:
        assert browser.get("/api/v1/buildings?site=que-phong&place=one-stop").status_code == 200
        assert AccessLog(people).page(None, None, 1)[0].place == "que-phong"


def test_who_looked_page_by_page(centre: Centre) -> None:
    with centre.people() as people:
        AccessLog(people).append(Actor("account", "many"), "looked", "/", [f"site-{n}" for n in range(230)])
    with somebody(centre, "checks", "auditor", Reach()) as auditor:
        path, numbers = "/access", []
        while True:
            page = auditor.get(path).text
            numbers += [int(number) for number in re.findall(r"<tr><td>(\d+)</td>", page)]
            further = re.search(r'href="(/access\?before=[^"]*)"', page)
            if not further:
                break
            path = html.unescape(further[1])
        assert numbers == list(range(numbers[0], 0, -1))


def test_nothing_is_shown_that_can_not_be_noted(centre: Centre) -> None:
    """The people database takes nothing: nobody looks unseen."""
    with somebody(centre, "lan-6", "leader", Reach()) as browser, centre.people() as people:
        with people.writing() as connection:
            connection.exec_driver_sql(
                "CREATE TRIGGER no BEFORE INSERT ON access BEGIN SELECT raise(ABORT, 'full'); END"
            )
        try:
            answer = browser.get("/api/v1/quarters")
            assert answer.status_code == 503
            assert answer.headers["Content-Type"] == "application/problem+json"
        finally:
            with people.writing() as connection:
                connection.exec_driver_sql("DROP TRIGGER no")
        assert browser.get("/api/v1/quarters").status_code == 200


def test_the_journal_has_the_end_of_the_log_and_no_secret(centre: Centre) -> None:
    with somebody(centre, "lan-7") as browser:
        browser.get("/api/v1/state?site=que-phong&place=secret-place")
        browser.get("/login?next=secret-next")
        said = centre.said()
        assert re.search(r"the log of who looked ends with \d+:[0-9a-f]{64}", said)
        for secret in (PASSWORD, browser.cookies["__Host-presence"], "secret-place", "secret-next"):
            assert secret not in said
    assert "Traceback" not in centre.said()
