"""What the same faults do to QoS 1 as it is mostly written: `python -m tests.faults.naive`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from tests.faults.naive_kit import NaiveKit
from tests.faults.runs import options, place, run_halves, tell_all

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run both halves and print them; whatever is lost, it is no fault of ours."""
    given = options(__doc__, events=10_000, kills=20, partitions=5).parse_args(arguments)
    with place(given.keep) as (folder, network):
        tell_all(run_halves(NaiveKit, given, folder, network))
    return 0


if __name__ == "__main__":
    sys.exit(main())
