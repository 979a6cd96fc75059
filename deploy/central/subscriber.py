#!/usr/bin/env python3
"""Stores what presence-agents publish in SQLite, and asks again for what did not arrive.

    python subscriber.py run --broker mqtts://central@broker.example --db presence.db
    python subscriber.py status --db presence.db

Runs with the package presence-agent installed, or with PYTHONPATH set to a checkout of it; of other
packages it needs paho-mqtt (2.1 or newer) alone. Meant to be read, and to be begun from. What is in the
tables is told by --help, and in agent/central/schema.py; a query for events that are new, and one
for what holds now:

    SELECT n, agent, seq, type, rule, ts, body FROM event WHERE n > :the_last_n_i_had ORDER BY n;
    SELECT agent, rule, iif(known, body, NULL) FROM state_now;
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from pathlib import Path
from time import monotonic

try:
    from agent.errors import AgentError
except ImportError:
    sys.stderr.write("This needs presence-agent: install it, or set PYTHONPATH to a checkout of it.\n")
    sys.exit(2)
try:
    from agent.central import schema as tables
    from agent.central.messages import ROOT
    from agent.central.overview import overview, table
    from agent.central.receiver import Receiver
    from agent.central.receiving import receive
    from agent.central.retention import StoreRetention
    from agent.central.store import Store
    from agent.core.identifiers import identifier
    from agent.device.signals import stop_signals
    from agent.mqtt.subscriber import Subscriber, broker_from_url
except AgentError as unfit:
    # No paho-mqtt, or one that is too old.
    sys.stderr.write(f"{unfit}\n")
    sys.exit(unfit.exit_code)

_log = logging.getLogger("subscriber")

MOST_DAYS = 36_500


def run(options: argparse.Namespace) -> int:
    """Subscribe and store."""
    for site in options.site:
        identifier("--site", site)
    broker = broker_from_url(
        options.broker,
        options.protocol,
        options.password_file,
        options.ca_file,
        options.certificate_file,
        options.key_file,
    )
    topics = [
        f"{ROOT}/{site}/+/{name}"
        for site in options.site or ["+"]
        for name in ("event/#", "replay/#", "state/#", "info", "health", "status")
    ]
    with stop_signals() as stop, Store(options.db) as store:
        receiver = Receiver(store, settle_s=options.settle_s).load()
        retention = StoreRetention(
            store,
            lambda: receiver.agents,
            lambda: receiver.newest_ms,
            keep_days=options.keep_days,
            keep_sums_days=options.keep_sums_days,
        )
        subscriber = Subscriber(
            broker,
            options.client_id or store.client_id(),
            topics,
            stop,
            keep_session_s=int(options.session_days * 86_400),
        )
        begin_s = monotonic()
        try:
            complete = receive(subscriber, receiver, retention, stop, lambda: is_complete(receiver, options))
        finally:
            subscriber.close()
        if complete:
            _log.info("complete after %.1f s", monotonic() - begin_s)
    return 0 if complete or not options.until_complete else 1


def is_complete(receiver: Receiver, options: argparse.Namespace) -> bool:
    """Whether nothing is missing of the logs that were waited for."""
    return bool(options.until_complete) and all(map(receiver.complete, options.until_complete))


def status(options: argparse.Namespace) -> int:
    """Print what is in a store."""
    with Store(options.db, reading=True) as store:
        seen = overview(store)
    print(json.dumps(seen) if options.json else table(seen))  # noqa: T201 - it is what it is for
    return 0


def days(text: str) -> int:
    """A number of days; ValueError: it is none."""
    number = int(text)
    if not 0 <= number <= MOST_DAYS:
        raise ValueError
    return number


def arguments(words: list[str]) -> argparse.Namespace:
    """Read the command line; without a command it is `run`."""
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").split("\n", 1)[0],
        epilog=tables.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="run|status")
    to_run = commands.add_parser("run", help="subscribe and store, until told to stop")
    to_run.set_defaults(call=run)
    to_run.add_argument(
        "--broker", default="mqtt://127.0.0.1", help="mqtt://[user@]host[:port], mqtts:// for TLS"
    )
    to_run.add_argument("--site", action="append", default=[], help="only this site's agents; again for each")
    to_run.add_argument(
        "--client-id",
        help="as whom, if not as the store keeps it: the same at each start and known to nobody, for whoever "
        "logs in under it empties the queue that the broker keeps",
    )
    to_run.add_argument(
        "--session-days", type=float, default=7, help="how long the broker keeps messages while this is away"
    )
    to_run.add_argument("--protocol", type=int, choices=(5, 311), default=5)
    for name in ("password", "ca", "certificate", "key"):
        to_run.add_argument(f"--{name}-file", type=Path)
    to_run.add_argument(
        "--settle-s",
        type=float,
        default=3.0,
        help="how long an event may be on its way before it is asked for",
    )
    to_run.add_argument(
        "--keep-days", type=days, default=90, help="how long events are kept; 0: for ever (90)"
    )
    to_run.add_argument(
        "--keep-sums-days",
        type=days,
        default=760,
        help="how long quarters and days are kept, which are sums; 0: for ever (760, 25 months)",
    )
    to_run.add_argument(
        "--until-complete",
        nargs="+",
        default=[],
        metavar="LOG",
        help="end when nothing of these logs is missing",
    )
    to_tell = commands.add_parser("status", help="print agents, logs, gaps and states")
    to_tell.set_defaults(call=status)
    to_tell.add_argument("--json", action="store_true")
    for parts in (to_run, to_tell):
        parts.add_argument("--db", type=Path, default=Path("presence.db"), help="the store")
    if not words or (words[0].startswith("-") and words[0] not in {"-h", "--help"}):
        words = ["run", *words]
    return parser.parse_args(words)


def main() -> int:
    """One line an error, as the agent does."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s", stream=sys.stderr)
    options = arguments(sys.argv[1:])
    try:
        return int(options.call(options))
    except AgentError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
