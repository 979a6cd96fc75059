#!/usr/bin/env python3
"""Writer of what bash and zsh complete behind presence-agent, from the commands and options of --help.

    python deploy/completions.py FOLDER    bash-completion/completions/… and zsh/vendor-completions/… in it

FOLDER is laid out as /usr/share. The Python is that of an environment with the agent. Cyclopts writes both;
what its scripts leave out is changed here.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from agent.cli.main import app  # noqa: E402

COMMAND = "presence-agent"
_DEBUG = "Show a traceback when something goes wrong."


def bash() -> str:
    """Functions for bash, which its package bash-completion loads when they are first needed."""
    text = app.generate_completion(prog_name=COMMAND, shell="bash")  # noqa: S604 - its name
    # Names with blanks in them stay one word, and a folder's is followed by a slash and not by a blank.
    text = _changed(
        text,
        r'COMPREPLY=\( \$\(compgen -f -- "\$\{cur\}"\) \)',
        'compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "${cur}")',
    )
    # It is taken out before cyclopts sees it.
    return _changed(text, r'"--version"', '"--version" "--debug"')


def zsh() -> str:
    """Function for zsh, which is found by its name."""
    text = app.generate_completion(prog_name=COMMAND, shell="zsh")  # noqa: S604 - its name
    # Of another name it would only be defined where zsh wants it run.
    text = _changed(text, f"_cyclopts_{COMMAND}", f"_{COMMAND}")
    return _changed(text, r"( +)('--version\[[^]]*\]')", rf"\1\2 \\\n\1'--debug[{_DEBUG}]'")


def _changed(text: str, old: str, new: str) -> str:
    changed, number = re.subn(old, new, text)
    if not number:
        sys.exit(f"This cyclopts writes its scripts in another way: there is no {old!r} in them.")
    return changed


def main(folder: Path) -> None:
    """Write the files."""
    for name, text in {
        f"bash-completion/completions/{COMMAND}": bash(),
        f"zsh/vendor-completions/_{COMMAND}": zsh(),
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(0o644)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    main(parser.parse_args().folder)
