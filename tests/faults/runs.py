"""A run's two halves, with a broker that has its default persistence and one that has none."""

from __future__ import annotations

import sys
import tempfile
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.faults.network import Network, NoNetworkError
from tests.faults.processes import mosquitto
from tests.faults.rig import Plan, Rig, table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.faults.rig import Kit, Outcome

_ORDERLY = "broker ended in order"
HALVES = {"default persistence": True, "no persistence": False}


def options(text: str | None, *, events: int, kills: int, partitions: int) -> ArgumentParser:
    """Settings of a run."""
    parser = ArgumentParser(description=text, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=events, help="in both halves together")
    parser.add_argument(
        "--kills", type=int, default=kills, help="of each of the three, in both halves together"
    )
    parser.add_argument("--partitions", type=int, default=partitions, help="in both halves together")
    parser.add_argument("--seed", type=int, default=5, help="of the schedule")
    parser.add_argument("--rate", type=float, default=90.0, help="events a second while the agent runs")
    parser.add_argument(
        "--seconds", type=float, default=1500.0, help="the faults of a half end then at the latest"
    )
    parser.add_argument(
        "--hurry", type=float, default=1.0, help="faults are shorter and closer by this factor"
    )
    parser.add_argument("--keep", type=Path, help="a new folder for logs and stores, which stay there")
    return parser


@contextmanager
def place(keep: Path | None) -> Iterator[tuple[Path, Network]]:
    """A folder and a network for a run; ends the command with 2 and a reason where there can be none."""
    if not mosquitto():
        print("mosquitto is not installed (Debian: mosquitto)", file=sys.stderr)
        sys.exit(2)
    with tempfile.TemporaryDirectory(prefix="faults-") as temporary:
        if keep:
            keep.mkdir(parents=True)
        try:
            with Network() as network:
                yield keep or Path(temporary), network
        except NoNetworkError as error:
            print(error, file=sys.stderr)
            sys.exit(2)


def run_halves(
    kit_of: Callable[[Path], Kit],
    given: Namespace,
    folder: Path,
    network: Network,
    prefix: str = "",
    *,
    small_log: bool = False,
) -> dict[str, Outcome]:
    """Run both, one after the other."""
    outcomes = {}
    for number, (name_of_half, persistence) in enumerate(HALVES.items()):
        name = _ORDERLY if small_log and persistence else name_of_half
        half = folder / f"{prefix}{name}".replace(" ", "-").replace(",", "")
        half.mkdir()
        plan = Plan(
            events=given.events // 2,
            kills=given.kills // 2,
            partitions=given.partitions // 2,
            seed=given.seed + number,
            rate=given.rate,
            within_s=given.seconds,
            persistence=persistence,
            lives=given.hurry,
            cuts=given.hurry,
            small_log=small_log,
        )
        _tell(f"--- {prefix}{name}, seed {plan.seed}")
        outcomes[f"{prefix}{name}"] = Rig(kit_of(half), plan, half, network, _tell).run()
    return outcomes


def tell_all(outcomes: dict[str, Outcome]) -> None:
    """Print the runs side by side, and what went wrong."""
    print(table(outcomes))
    for name, outcome in outcomes.items():
        for trouble in outcome.trouble:
            print(f"{name}: {trouble}")


def good(outcome: Outcome) -> bool:
    """Nothing lost, nothing double, nobody ended by himself or stayed behind.

    Where a log is small and the broker forgets what it acknowledged, that may be gone, and is told so.
    """
    tally, plan = outcome.tally, outcome.plan
    gone = tally.gone if plan.orderly or not plan.small_log else 0
    return not (tally.lost or gone or tally.stored_twice or tally.differing or outcome.trouble)


def _tell(line: str) -> None:
    print(line, flush=True)
