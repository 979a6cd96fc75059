"""Public holidays of a country, computed in a separate process.

The `holidays` package needs much memory for a few dates a year; so it runs once in a process that ends, for
all years that a clock may show, and the agent keeps the dates only.
"""

from __future__ import annotations

import os
import subprocess
from datetime import date
from functools import cache
from importlib.resources import files

from agent.core.own_python import own_path, own_python
from agent.errors import AgentError

# Other years have no public holidays; a clock without a battery starts in 1970.
_YEARS = range(1970, 2101)
_LONGEST_S = 60
# The package warns where it knows a country for some years only; other years have no holidays.
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
    # Not from the package: it covers all of ISO 3166, but takes long to load.
    table = files("tzdata").joinpath("zoneinfo", "iso3166.tab").read_text(encoding="utf-8")
    return frozenset(line.split("\t")[0] for line in table.splitlines() if not line.startswith("#"))


@cache
def public_holidays(country: str) -> frozenset[date]:
    """Dates that are off in all of a country, 1970–2100, with substitute days for weekends.

    Raises:
        AgentError: they can't be computed on this machine.
    """
    command = own_python("-c", _PROGRAM, country, str(_YEARS[0]), str(_YEARS[-1]))
    try:
        result = subprocess.run(  # noqa: S603 - the argument is one of `countries`
            command,
            capture_output=True,
            text=True,
            timeout=_LONGEST_S,
            check=True,
            env={**os.environ, **own_path()},
        )
    except (OSError, subprocess.SubprocessError) as error:
        lines = (getattr(error, "stderr", None) or "").splitlines()
        raise AgentError(
            f"The public holidays of {country} can't be worked out ({lines[-1] if lines else error}); "
            "install the agent's packages again, or leave [calendar] country out and list the days off "
            "in holidays."
        ) from None
    return frozenset(map(date.fromisoformat, result.stdout.split()))
