"""Sentences of the centre, `presence-central`, as its command line recognises and translates them.

Each is the one in the code, {…} for what it puts in; {problem} is looked up again.
"""

from __future__ import annotations

from agent.locale.language import N_

CENTRE_PROBLEMS: tuple[str, ...] = (
    N_("--db: this store has agents already; give the address of an empty one."),
    N_("--days {number}: give a number from 1 to {most}."),
    N_("--sites {number}: give a number from 1 to {most}."),
    N_("[mqtt] is missing: add this table, with host in it; `receive` needs the broker."),
    N_(
        "[web] certificate_file and key_file do not belong together, or are none; give a certificate "
        "and its key, in PEM, without a passphrase."
    ),
    N_("[web] {key}: {path} can't be read ({problem})."),
    N_("[web] port: {address} can't be listened at ({problem})."),
    N_("there is a token {name} already; remove it, or give another name."),
    N_("there is no token {name}; `presence-central token list` shows them."),
    N_("[mqtt] ca_file: there is no {path}."),
    N_("[mqtt] password_file: {problem}."),
    N_("[store] password_file: {problem}."),
    N_(
        '[{table}] url: give "sqlite:////var/lib/presence-central/store.db" with the path of a file, or '
        '"postgresql+psycopg://user@host/database".'
    ),
    N_("[{table}] url: a password does not belong here; name a file with it as password_file."),
    N_("another receiver already stores to this database; stop it first."),
    N_("another subscriber already stores to {path}; stop it first."),
    N_("{path} is not a store of this subscriber; give another file."),
    N_("simulate: give --db or --broker, one of them."),
    N_("the database has no tables of a centre; `presence-central receive` makes them."),
    N_(
        "the database has tables that are not the centre's: give it one of its own. A file of "
        "subscriber.py is named in [store] subscriber_file."
    ),
    N_(
        "the database is of a newer version (form {version}, this one knows {known}): install that "
        "version again, or give this one another database."
    ),
    N_(
        "the database has the form {version}, and this version reads {known}: `presence-central receive` of "
        "this version brings it to that."
    ),
    N_(
        "the store {path} can't be used ({problem}); move it away: what agents still have is asked for again."
    ),
    N_("the store {path} can't be used ({problem})."),
    N_("the store {path} can't be opened ({problem})."),
)
