"""Nothing is lost: the long run.

`python -m tests.faults.long` kills agent, broker and receiver 200 times each and cuts them off from
each other 50 times while 100,000 events are made; half of it with a broker that has its default persistence,
half with one that has none. Beside it, and shorter, the same with naive QoS 1. Exit code 1 if anything
of ours is lost.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from typing import TYPE_CHECKING

from tests.faults.naive_kit import NaiveKit
from tests.faults.receiving import RealKit
from tests.faults.runs import good, options, place, run_halves, tell_all

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all halves and print them."""
    parser = options(__doc__, events=100_000, kills=200, partitions=50)
    parser.add_argument(
        "--naive", type=float, default=0.1, help="how long the naive run is beside it; 0: none"
    )
    given = parser.parse_args(arguments)
    with place(given.keep) as (folder, network):
        ours = run_halves(RealKit, given, folder, network)
        naive = {}
        if given.naive:
            less = {
                name: int(getattr(given, name) * given.naive) for name in ("events", "kills", "partitions")
            }
            naive = run_halves(NaiveKit, Namespace(**vars(given) | less), folder, network, "naive, ")
    tell_all(ours | naive)
    lossless = all(map(good, ours.values()))
    print("nothing is lost" if lossless else "FAILED")
    return 0 if lossless else 1


if __name__ == "__main__":
    sys.exit(main())
