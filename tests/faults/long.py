"""Nothing is lost: the long run.

`python -m tests.faults.long` kills agent, broker and receiver 200 times each and cuts them off from
each other 50 times while 100,000 events are made; half of it with a broker that has its default persistence,
half with one that has none. Beside it, and shorter, the same with naive QoS 1. Exit code 1 if anything
of ours is lost.

With --tls, --protocol 311 or --small-log it is another storm, without the naive one. Of a small log events
are dropped while the broker is away. It is ended in order in the first half: there, what is missing must be
exactly what events.dropped tells. In the second one it forgets what it acknowledged, and what the log has
dropped of that is told by first_seq alone.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from typing import TYPE_CHECKING

from tests.faults.naive_kit import NaiveKit
from tests.faults.receiving import RealKit
from tests.faults.runs import good, options, place, run_halves, tell_all
from tests.faults.storms import Storm, storm_of, storm_options

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all halves and print them."""
    parser = options(__doc__, events=100_000, kills=200, partitions=50)
    parser.add_argument(
        "--naive", type=float, default=0.1, help="how long the naive run is beside it; 0: none"
    )
    storm_options(parser)
    given = parser.parse_args(arguments)
    storm = storm_of(given)
    with place(given.keep) as (folder, network):
        prefix = f"{storm}, " if str(storm) else ""
        small = storm.small_log
        ours = run_halves(lambda half: RealKit(half, storm), given, folder, network, prefix, small_log=small)
        naive = {}
        if given.naive and storm == Storm():
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
