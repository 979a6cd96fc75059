"""Trial of a version from start to end, for strace: `python -m tests.deploy.trial_writer VERSIONS/ JSON`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from deploy.debian import trial
from tests.deploy.trial_machine import GOOD, GOOD_S, NEW, Machine


def main() -> None:
    """Ask for it, say so, and run it; the behaviour is that of the new version, as JSON."""
    versions, behaviour = sys.argv[1:]
    with pytest.MonkeyPatch.context() as patch:
        machine = Machine(Path(versions).parent, GOOD, json.loads(behaviour), patch)
        trial.ask(machine.places, NEW)
        sys.stdout.write("asked\n")
        sys.stdout.flush()
        trial.run(machine.places, GOOD_S)


if __name__ == "__main__":
    main()
