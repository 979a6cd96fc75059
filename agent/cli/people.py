"""Commands `presence-central user`, `screen`, `token` and `access`: who may look, and who looked."""

from __future__ import annotations

import getpass
import sys
from datetime import UTC, datetime

# Cyclopts reads annotations.
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

# Cyclopts reads annotations.
from agent.central.people.reach import Role  # noqa: TC001
from agent.cli.log import STANDARD_OUTPUT
from agent.cli.web import CENTRAL_CONFIG, CentralConfigOption
from agent.core.identifiers import identifier
from agent.errors import ConfigError, DeliveryError
from agent.locale.language import reader_language

if TYPE_CHECKING:
    from agent.central.people.reach import Reach

user_app = App(name="user", help="People who may sign in: each has a role, and what may be seen.")
screen_app = App(name="screen", help="Screens on a wall, where nobody signs in.")
token_app = App(name="token", help="Tokens with which programs read the API: each has its sites, and an end.")
access_app = App(name="access", help="The log of who looked at what.")

_MOST_DAYS = 3660
_LONGEST_LINE = 4096
_Sites = Annotated[
    list[str] | None, Parameter(negative="", help="Only this site; again for each. Without it all.")
]
_Places = Annotated[
    list[str] | None,
    Parameter(negative="", help="Only this place, as site/name; again for each."),
]
_PasswordFile = Annotated[
    Path | None,
    Parameter(
        allow_leading_hyphen=True,
        help="Read the password from this file; - is standard input. Without it you are asked.",
    ),
]


@user_app.command(name="add")
def add_user(
    name: Annotated[str, Parameter(help="With which they sign in: a-z, 0-9 and '-'.")],
    *,
    role: Annotated[Role, Parameter(help="What they may do.")],
    site: _Sites = None,
    place: _Places = None,
    password_file: _PasswordFile = None,
    config: CentralConfigOption = CENTRAL_CONFIG,
) -> int:
    """Let somebody sign in; the password is asked for, and never an argument."""
    from agent.app.people import people_of, whoever_types
    from agent.central.people.accounts import Accounts
    from agent.central.people.reach import Reach
    from agent.central.settings import load

    identifier("user", name)
    reach = Reach.made(site or (), place or ())
    loaded = load(config)
    password = _new_password(password_file)
    with people_of(loaded) as people:
        Accounts(people).add(whoever_types(), name, role, reach, password)
    return 0


@user_app.command(name="list")
def list_users(*, config: CentralConfigOption = CENTRAL_CONFIG) -> int:
    """Print who may sign in, with role and what they may see."""
    from agent.app.people import people_of
    from agent.central.people.accounts import Accounts
    from agent.central.settings import load

    with people_of(load(config)) as people:
        for account in Accounts(people).all():
            print(f"{account.name}  {account.role}  {_seen(account.reach)}")
    return 0


@user_app.command(name="remove")
def remove_user(
    name: Annotated[str, Parameter(help="With which they sign in.")],
    *,
    config: CentralConfigOption = CENTRAL_CONFIG,
) -> int:
    """End somebody's right to sign in; whoever is signed in with it is out at once."""
    from agent.app.people import people_of, whoever_types
    from agent.central.people.accounts import Accounts
    from agent.central.settings import load

    with people_of(load(config)) as people:
        Accounts(people).remove(whoever_types(), name)
    return 0


@user_app.command
def password(
    name: Annotated[str, Parameter(help="With which they sign in.")],
    *,
    password_file: _PasswordFile = None,
    config: CentralConfigOption = CENTRAL_CONFIG,
) -> int:
    """Give somebody another password; whoever is signed in with the one before is out at once."""
    from agent.app.people import people_of, whoever_types
    from agent.central.people.accounts import Accounts
    from agent.central.settings import load

    loaded = load(config)
    chosen = _new_password(password_file)
    with people_of(loaded) as people:
        Accounts(people).set_password(whoever_types(), name, chosen)
    return 0


@screen_app.command(name="add")
def add_screen(
    name: Annotated[str, Parameter(help="Which screen: a-z, 0-9 and '-'.")],
    *,
    site: _Sites = None,
    place: _Places = None,
    config: CentralConfigOption = CENTRAL_CONFIG,
) -> int:
    """Print an address to open on the screen, once and within a week; it is never shown again."""
    from agent.app.people import address_of, people_of, web_of, whoever_types
    from agent.central.people.reach import Reach
    from agent.central.people.screens import Screens
    from agent.central.settings import load

    identifier("screen", name)
    reach = Reach.made(site or (), place or ())
    loaded = load(config)
    web = web_of(loaded)
    with people_of(loaded) as people:
        print(f"{address_of(web)}/screen/{Screens(people).add(whoever_types(), name, reach)}")
    return 0


@screen_app.command(name="list")
def list_screens(*, config: CentralConfigOption = CENTRAL_CONFIG) -> int:
    """Print which screens there are, what they show, and since when."""
    from agent.app.people import people_of
    from agent.central.people.screens import Screens
    from agent.central.settings import load

    unused = reader_language().gettext("not opened yet")
    with people_of(load(config)) as people:
        for screen in Screens(people).all():
            since = unused if screen.used_ms is None else _day(screen.used_ms)
            print(f"{screen.name}  {since}  {_seen(screen.reach)}")
    return 0


@screen_app.command(name="remove")
def remove_screen(
    name: Annotated[str, Parameter(help="Which screen.")], *, config: CentralConfigOption = CENTRAL_CONFIG
) -> int:
    """End a screen: it shows nothing from now on."""
    from agent.app.people import people_of, whoever_types
    from agent.central.people.screens import Screens
    from agent.central.settings import load

    with people_of(load(config)) as people:
        Screens(people).remove(whoever_types(), name)
    return 0


@token_app.command(name="add")
def add_token(
    name: Annotated[str, Parameter(help="Whose it is, such as board or statistics.")],
    *,
    site: _Sites = None,
    days: Annotated[int, Parameter(help="For how many days it is good.")] = 365,
    config: CentralConfigOption = CENTRAL_CONFIG,
) -> int:
    """Make a token, and print it: it is never shown again."""
    from agent.app.people import people_of, whoever_types
    from agent.central.people.reach import Reach
    from agent.central.people.tokens import Tokens
    from agent.central.settings import load

    identifier("token", name)
    reach = Reach.made(site or ())
    if not 1 <= days <= _MOST_DAYS:
        raise ConfigError(f"--days {days}: give a number from 1 to {_MOST_DAYS}.")
    with people_of(load(config)) as people:
        print(Tokens(people).add(whoever_types(), name, reach, days))
    return 0


@token_app.command(name="list")
def list_tokens(*, config: CentralConfigOption = CENTRAL_CONFIG) -> int:
    """Print whose tokens there are, what they may read, and until when."""
    from agent.app.people import people_of
    from agent.central.people.tokens import Tokens
    from agent.central.settings import load

    with people_of(load(config)) as people:
        for token in Tokens(people).all():
            print(f"{token.name}  {_day(token.ends_ms)}  {_seen(token.reach)}")
    return 0


@token_app.command(name="remove")
def remove_token(
    name: Annotated[str, Parameter(help="Whose it is.")], *, config: CentralConfigOption = CENTRAL_CONFIG
) -> int:
    """End a token: whoever comes with it is refused from now on."""
    from agent.app.people import people_of, whoever_types
    from agent.central.people.tokens import Tokens
    from agent.central.settings import load

    with people_of(load(config)) as people:
        Tokens(people).remove(whoever_types(), name)
    return 0


@access_app.command
def verify(
    *,
    noted: Annotated[
        str | None,
        Parameter(help="What this command printed earlier, to see that all before it is as it was."),
    ] = None,
    config: CentralConfigOption = CENTRAL_CONFIG,
) -> int:
    """Check that no row was removed, changed or put elsewhere; exit code 1 if one was.

    Prints number and hash of the last row: keep them where nobody of this machine can write.
    """
    from agent.app.people import people_of
    from agent.central.people.access_log import AccessLog, noted_head
    from agent.central.settings import load
    from agent.locale.problems import as_sentence

    head = None if noted is None else noted_head(noted)
    with people_of(load(config)) as people:
        log = AccessLog(people)
        problems = log.verify(head)
        last = log.head()
    language = reader_language()
    if problems:
        print(*(as_sentence(problem, language) for problem in problems), sep="\n")
        return 1
    print(language.gettext("The log of who looked is whole, up to {head}").format(head=last.text()))
    return 0


def _new_password(file: Path | None) -> str:
    """The password that was chosen: of a file, of standard input, or typed twice."""
    from agent.mqtt.password import password_in

    if file == STANDARD_OUTPUT:
        return sys.stdin.readline(_LONGEST_LINE).rstrip("\r\n")
    if file is not None:
        try:
            return password_in(file)
        except DeliveryError as error:
            raise ConfigError(f"--password-file: {error}.") from error
    if not sys.stdin.isatty():
        raise ConfigError(
            "there is nobody to ask for the password here: give --password-file FILE, or - for input."
        )
    language = reader_language()
    chosen = getpass.getpass(language.gettext("Password: "))
    if getpass.getpass(language.gettext("Once more: ")) != chosen:
        raise ConfigError("the two passwords differ; nothing was changed.")
    return chosen


def _seen(reach: Reach) -> str:
    return reach.text() or reader_language().gettext("all sites")


def _day(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%d}"
