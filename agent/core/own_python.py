"""Processes of this same Python that find the packages which this one finds.

`python -m` and `python -c` look into the working directory first, so a checkout or any other folder with an
`agent` in it would be run instead of this installation.
"""

from __future__ import annotations

import os
import sys


def own_python(*words: str) -> list[str]:
    """Return the command that starts this interpreter with these words; its environment needs `own_path`."""
    return [sys.executable, "-P", *words]


def own_path() -> dict[str, str]:
    """Return the variable that gives such a process this one's path, in the same order.

    A path relative to the working directory would be another one where the process starts elsewhere.
    """
    return {"PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))}
