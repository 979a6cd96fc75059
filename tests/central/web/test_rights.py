"""Every path by everybody: allowed or refused, of whole sites, of single places, and after an end."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from agent.central.api.reading import ApiReading
from agent.central.database.engine import database_url
from agent.central.people.accounts import Accounts
from agent.central.people.database import PeopleDatabase
from agent.central.people.reach import Reach, Role
from agent.central.people.screens import Screens
from agent.central.people.tokens import Tokens
from agent.central.web.application import make_app
from agent.central.web.callers import Callers
from agent.central.web.rights import RIGHTS, Right
from tests.central.people.conftest import ADMIN, PASSWORD

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import httpx

    from tests.central.web.centre import Browser, Centre

ROOT = "/api/v1"
# By hand, beside the table in the code: what each may use. `nobody` is who is not signed in.
ALLOWED = {
    ("GET", "/"): "leader staff technician auditor admin screen",
    ("GET", "/access"): "staff auditor admin",
    ("POST", "/logout"): "leader staff technician auditor admin",
    ("GET", "/login"): "nobody leader staff technician auditor admin screen token",
    ("POST", "/login"): "nobody leader staff technician auditor admin screen token",
    ("GET", "/language/{language}"): "nobody leader staff technician auditor admin screen token",
    ("GET", "/root"): "nobody leader staff technician auditor admin screen token",
    ("GET", "/root.pem"): "nobody leader staff technician auditor admin screen token",
    ("GET", "/screen/{code}"): "nobody leader staff technician auditor admin screen token",
    ("POST", "/screen/{code}"): "nobody leader staff technician auditor admin screen token",
    ("GET", "/static/style.css"): "nobody leader staff technician auditor admin screen token",
    ("GET", f"{ROOT}/openapi.json"): "nobody leader staff technician auditor admin screen token",
    ("GET", f"{ROOT}/sites"): "leader staff technician auditor admin screen token",
    ("GET", f"{ROOT}/places"): "leader staff technician auditor admin screen token",
    ("GET", f"{ROOT}/state"): "leader staff technician admin screen token",
    ("GET", f"{ROOT}/buildings"): "leader technician admin screen token",
    ("GET", f"{ROOT}/live"): "leader staff technician admin screen token",
    ("GET", f"{ROOT}/quarters"): "leader staff admin token",
    ("GET", f"{ROOT}/days"): "leader staff admin token",
    ("GET", f"{ROOT}/devices"): "technician admin token",
    ("GET", f"{ROOT}/events"): "token",
    ("GET", "/metrics"): "technician admin token",
}
PATHS = sorted(ALLOWED)
PEOPLE: tuple[Role, ...] = ("leader", "staff", "technician", "auditor", "admin")
CALLERS = ("nobody", *PEOPLE, "screen", "token")
DATA = ("sites", "places", "state", "quarters", "days", "devices", "events")
REACHES = {
    "all": Reach(),
    "site": Reach(frozenset({"que-phong"})),
    "place": Reach(frozenset(), frozenset({"que-phong/one-stop"})),
    "elsewhere": Reach(frozenset({"elsewhere"})),
}
# What of the three places each sees.
SEEN = {
    "all": {"que-phong/one-stop", "que-phong/reception", "muong-xen/gate"},
    "site": {"que-phong/one-stop", "que-phong/reception"},
    "place": {"que-phong/one-stop"},
    "elsewhere": set(),
}


@dataclass
class Everybody:
    """A browser or program of each kind and reach, and some whose right was taken away."""

    browsers: dict[tuple[str, str], Browser] = field(default_factory=dict)
    ended: dict[str, Browser] = field(default_factory=dict)


@pytest.fixture(scope="module")
def everybody(centre: Centre) -> Iterator[Everybody]:
    found = Everybody()
    with ExitStack() as stack, centre.people() as people:

        def browser(**headers: str) -> Browser:
            made = stack.enter_context(centre.browser())
            made.headers.update(headers)
            return made

        def come(kind: str, name: str, reach: Reach) -> Browser:
            made = browser()
            if kind == "token":
                token = Tokens(people).add(ADMIN, name, reach, 10)
                made.headers["Authorization"] = f"Bearer {token}"
            elif kind == "screen":
                path = f"/screen/{Screens(people).add(ADMIN, name, reach)}"
                assert made.post(path, data={"form": made.field(path)}).status_code == 303
            elif kind != "nobody":
                role = next(role for role in PEOPLE if role == kind)
                Accounts(people).add(ADMIN, name, role, reach, PASSWORD)
                assert made.sign_in(name, PASSWORD).headers["Location"] == "/"
            return made

        for kind in CALLERS:
            for name, reach in REACHES.items():
                if (kind, name) != ("staff", "all"):
                    found.browsers[kind, name] = come(kind, f"{kind}-{name}", reach)
        for kind in ("leader", "screen", "token"):
            found.ended[kind] = come(kind, f"{kind}-gone", Reach())
            assert found.ended[kind].get(f"{ROOT}/state").status_code == 200
        Accounts(people).remove(ADMIN, "leader-gone")
        Screens(people).remove(ADMIN, "screen-gone")
        Tokens(people).remove(ADMIN, "token-gone")
        found.ended["signed out"] = come("admin", "admin-gone", Reach())
        before = dict(found.ended["signed out"].cookies)
        out = found.ended["signed out"].post("/logout", data={"form": found.ended["signed out"].field("/")})
        assert out.status_code == 303
        # The browser forgot its cookie, and whoever had copied it is out too.
        assert not found.ended["signed out"].cookies.get("__Host-presence")
        found.ended["copied cookie"] = browser()
        found.ended["copied cookie"].cookies.update(before)
        found.ended["invented cookie"] = browser()
        found.ended["invented cookie"].cookies.set("__Host-presence", "x" * 43)
        found.ended["invented cookie"].cookies.set("__Host-presence-screen", "x" * 43)
        yield found


def ask(browser: Browser, method: str, path: str) -> httpx.Response:
    """Only how it starts: a stream of live changes has no end. A form is posted without its hidden field."""
    path = path.format(language="vi", code="0000-0000-0000-0000")
    with browser.stream(method, path, data={} if method == "POST" else None) as answer:
        if path != f"{ROOT}/live" or answer.status_code != 200:
            answer.read()
        return answer


def is_refused(answer: httpx.Response, right: Right) -> bool:
    """By the gate; whatever else a path answers comes from behind it."""
    if right.of_programs:
        return answer.status_code in {401, 403}
    if answer.status_code == 303 and answer.headers["Location"].startswith("/login?next="):
        return True
    return answer.status_code == 403 and "Bạn không được xem trang này" in answer.text


def test_every_path_has_a_row() -> None:
    assert sorted((right.method, right.path) for right in RIGHTS) == PATHS


def test_a_path_without_a_row_can_not_be(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whoever adds a route and no row, or a row and no route, has no application."""
    url = database_url(f"sqlite:///{tmp_path / 'any.db'}")
    callers = Callers(PeopleDatabase(url), 1, 1)
    make_app(ApiReading(url), callers, ["localhost"], None)
    for rights in (RIGHTS[1:], RIGHTS[:-1], (*RIGHTS, Right("GET", "/more", frozenset()))):
        monkeypatch.setattr("agent.central.web.application.RIGHTS", rights)
        with pytest.raises(LookupError, match="without a row"):
            make_app(ApiReading(url), callers, ["localhost"], None)


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize(("method", "path"), PATHS)
def test_who_may_use_what(everybody: Everybody, method: str, path: str, caller: str) -> None:
    right = next(right for right in RIGHTS if (right.method, right.path) == (method, path))
    for (kind, reach), browser in everybody.browsers.items():
        if kind == caller:
            answer = ask(browser, method, path)
            assert is_refused(answer, right) != (caller in ALLOWED[method, path].split()), (reach, answer)
            assert answer.status_code < 500
            if right.of_programs and answer.status_code != 200:
                assert answer.headers["Content-Type"] == "application/problem+json"
                assert ("WWW-Authenticate" in answer.headers) == (caller == "nobody")


@pytest.mark.parametrize(
    "how", ["leader", "screen", "token", "signed out", "copied cookie", "invented cookie"]
)
def test_an_end_is_in_force_at_once(everybody: Everybody, how: str) -> None:
    for method, path in PATHS:
        right = next(right for right in RIGHTS if (right.method, right.path) == (method, path))
        refused = is_refused(ask(everybody.ended[how], method, path), right)
        assert refused == ("nobody" not in ALLOWED[method, path].split()), (method, path)


@pytest.mark.parametrize("reach", REACHES)
@pytest.mark.parametrize("caller", [caller for caller in CALLERS if caller != "nobody"])
def test_everybody_sees_their_own_only(everybody: Everybody, caller: str, reach: str) -> None:
    if (caller, reach) == ("staff", "all"):
        return
    browser = everybody.browsers[caller, reach]
    for name in DATA:
        path = f"{ROOT}/{name}"
        if caller not in ALLOWED["GET", path].split():
            continue
        answer: Any = browser.get(path).json()
        items = answer["items"] if isinstance(answer, dict) else answer
        if name in {"quarters", "days"}:
            assert items == []
        elif name == "sites":
            seen = {f"{site['site']}/{place}" for site in items for place in site["places"]}
            assert seen == SEEN[reach]
        else:
            places = {f"{item['site']}/{item['place']}" for item in items}
            assert places == SEEN[reach], name
        if name != "sites":
            for site, place in (one.split("/") for one in SEEN["all"]):
                status = browser.get(f"{path}?site={site}&place={place}").status_code
                assert (status == 200) == (f"{site}/{place}" in SEEN[reach] or reach == "all"), name


@pytest.mark.parametrize("reach", REACHES)
@pytest.mark.parametrize("caller", ["leader", "technician", "admin", "screen", "token"])
def test_a_building_is_of_a_whole_site(everybody: Everybody, caller: str, reach: str) -> None:
    browser, path = everybody.browsers[caller, reach], f"{ROOT}/buildings"
    seen = {"all": ["que-phong", "muong-xen"], "site": ["que-phong"], "place": [], "elsewhere": []}[reach]
    assert [one["site"] for one in browser.get(path).json()] == seen
    for site in ("que-phong", "muong-xen"):
        answer = browser.get(f"{path}?site={site}")
        assert (answer.status_code == 200) == (site in seen)
        if answer.status_code == 200:
            assert [one["site"] for one in answer.json()] == [site]


@pytest.mark.parametrize("method", ["HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"])
@pytest.mark.parametrize("path", ["/", "/login", f"{ROOT}/sites", "/metrics"])
def test_other_methods_are_refused(everybody: Everybody, path: str, method: str) -> None:
    answer = everybody.browsers["admin", "all"].request(method, path)
    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]


@pytest.mark.parametrize(
    "path",
    ["/docs", "/redoc", f"{ROOT}", f"{ROOT}/", f"{ROOT}/docs", f"{ROOT}/sites/", f"{ROOT}//sites", "/login/",
     "/LOGIN", "/access%2F", "/static/../rights.py", "/static/%2e%2e/rights.py", "/static/", "/screen/",
     "/screen/a/b", f"{ROOT}/sites%00", "/login%0a", "/openapi.json"],
)  # fmt: skip
def test_there_is_nothing_else(everybody: Everybody, path: str) -> None:
    for browser in (everybody.browsers["admin", "all"], everybody.browsers["nobody", "all"]):
        assert browser.get(path).status_code == 404
