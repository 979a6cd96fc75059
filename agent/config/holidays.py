"""Public holidays of a country, worked out in a process of its own.

What the `holidays` package loads for a few dates a year is much for a small machine's memory; so it is
asked once, for all the years that a clock may ever show, and the agent keeps dates only.
"""

from __future__ import annotations

import os
import subprocess
from datetime import date
from functools import cache
from importlib.resources import files

from agent.core.own_python import own_path, own_python
from agent.errors import AgentError

# Before and after them there are no public holidays; 1970 is where a clock without a battery starts.
_YEARS = range(1970, 2101)
_LONGEST_S = 60
# Some countries are known for some years only, of which the package warns; the others have none.
_PROGRAM = """\
import sys, warnings
import holidays
warnings.simplefilter("ignore")
country, first, last = sys.argv[1:]
print(*holidays.country_holidays(country, years=range(int(first), int(last) + 1)))
"""


@cache
def countries() -> frozenset[str]:
    """ISO 3166 codes of the countries that `public_holidays` knows."""
    # The package knows all of ISO 3166, and to load it takes long.
    table = files("tzdata").joinpath("zoneinfo", "iso3166.tab").read_text(encoding="utf-8")
    return frozenset(line.split("\t")[0] for line in table.splitlines() if not line.startswith("#"))


@cache
def public_holidays(country: str) -> frozenset[date]:
    """Dates that are off in all of a country, 1970–2100, with the days off that stand for weekends.

    Raises:
        AgentError: they can't be worked out on this machine.
    """
    command = own_python("-c", _PROGRAM, country, str(_YEARS[0]), str(_YEARS[-1]))
    try:
        told = subprocess.run(  # noqa: S603 - nothing of it is given by anybody but `countries`
            command,
            capture_output=True,
            text=True,
            timeout=_LONGEST_S,
            check=True,
            env={**os.environ, **own_path()},
        )
    except (OSError, subprocess.SubprocessError) as error:
        said = (getattr(error, "stderr", None) or "").splitlines()
        raise AgentError(
            f"The public holidays of {country} can't be worked out ({said[-1] if said else error}); install "
            "the agent's packages again, or leave [calendar] country out and list the days off in holidays."
        ) from None
    return frozenset(map(date.fromisoformat, told.stdout.split()))
