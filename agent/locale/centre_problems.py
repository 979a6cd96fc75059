"""Sentences of the centre, `presence-central`, as its command line recognises and translates them.

Each is the one in the code, {…} for what it puts in; {problem} is looked up again.
"""

from __future__ import annotations

from agent.locale.language import N_

CENTRE_PROBLEMS: tuple[str, ...] = (
    N_("--db: this store has agents already; give the address of an empty one."),
    N_("--days {number}: give a number from 1 to {most}."),
    N_("--sites {number}: give a number from 1 to {most}."),
    N_("[mqtt] is missing: add this table, with host in it; `{command}` needs the broker."),
    N_("--site {site}: the store knows no device of it; `presence-central status` shows all it knows."),
    N_(
        "{path}: [[hours]] is missing: add working hours as in an agent's configuration; `hours = []` is "
        "always open."
    ),
    N_(
        "the broker {broker} does not let this account set the working hours of {names}; under [mqtt] give "
        "one of `account.sh add-central` for all of these sites."
    ),
    N_(
        "[web] certificate_file and key_file do not belong together, or are none; give a certificate "
        "and its key, in PEM, without a passphrase."
    ),
    N_("[web] {key}: {path} can't be read ({problem})."),
    N_("[web] root_file: there is no certificate in {path}."),
    N_("[web] certificate_file: {path} has ended; get a new one, for example by `certificates.sh web`."),
    N_("[web] certificate_file: {path} is not good yet; is this machine's clock right?"),
    N_("[web] certificate_file: {path} is not for {name}; get one for the name that browsers use."),
    N_(
        "[web] certificate_file: {path} is not signed by root_file; give the authority that signed it, "
        "and put those between into certificate_file."
    ),
    N_("[web] port: {address} can't be listened at ({problem})."),
    N_("there is no user {name}; `presence-central user list` shows them."),
    N_("there is no screen {name}; `presence-central screen list` shows them."),
    N_("there is no token {name}; `presence-central token list` shows them."),
    N_("there is a user {name} already; remove it, or give another name."),
    N_("there is a screen {name} already; remove it, or give another name."),
    N_("there is a token {name} already; remove it, or give another name."),
    N_("--place {place}: give it as site/name, for example que-phong/one-stop."),
    N_("--password-file: {problem}."),
    N_("staff see their own place only: give it by --place site/name."),
    N_("the password is too short: give at least {number} characters."),
    N_("the password is too long: give at most {number} bytes."),
    N_("the password is easily guessed: give one of more different characters, without the name."),
    N_("there is nobody to ask for the password here: give --password-file FILE, or - for input."),
    N_("the two passwords differ; nothing was changed."),
    N_("too many sign in at once; try again."),
    N_("[people] password_file: {problem}."),
    N_("[people] url: that database has tables of something else; give one of its own."),
    N_(
        "the people database is of a newer version (form {version}, this one knows {known}): install that "
        "version again."
    ),
    N_("--noted: give number and hash as `presence-central access verify` prints them, 120:5f3a…"),
    N_("rows {first} to {last} are missing."),
    N_("rows before {number} are missing, and no row says that they were deleted."),
    N_("row {number} does not follow the row before it."),
    N_("row {number} was changed."),
    N_("row {number} is not the one that was noted."),
    N_("the last row is {number} and should be {wanted}: rows after it are missing, or others."),
    N_("[mqtt] ca_file: there is no {path}."),
    N_("[mqtt] password_file: {problem}."),
    N_("[store] subscriber_file: there is no {path}."),
    N_("--name {name}: give only a host name or an address, for example centre.example."),
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
    N_("{path}: there is no such file; `presence-central init` makes one."),
    N_("there is nothing to run: add [mqtt] to store what comes, [web] to show it."),
    N_("nothing runs any more; each of the lines above says why."),
    N_("this installation has no deploy/broker: run `init` from a checkout of the project."),
    N_("run this as root, or with --dir FOLDER for a centre of your own."),
    N_("there is no systemd here: give --dir FOLDER, and run it by `presence-central run`."),
    N_(
        "{program} is where services may not look: move the checkout below /opt, make its environment there, "
        "and run this from it."
    ),
    N_("{unit} did not start; 'journalctl -u {unit_again}' says why."),
    N_("{script} did not succeed: {problem}"),
    N_("{program} ended with {code}; the lines above say why."),
    N_("{option} {number}: give a number from 1 to {most}."),
    N_("{option} goes with --upstream HOST only."),
    N_(
        "--upstream {host}: {option} is missing; whoever runs that broker gives it to the office "
        "(`account.sh add-office`)."
    ),
    N_("--upstream {host}: there is no {path}."),
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
