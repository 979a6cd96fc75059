"""A search for inputs that break what reads from outside, led by coverage.

`python -m tests.bench.fuzz [--seconds N]` gives each target of tests/fuzz/targets.py its share of the time,
in one process after the other; what is found stands below the table with its bytes. The fuzzer is atheris,
in an environment of its own, `.venv-bench-fuzz`. What a search learns is kept in `--corpus` for the next.
"""

from __future__ import annotations

import argparse
import logging
import os
import re
import subprocess
import sys
import sysconfig
import tempfile
import tomllib
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
ENVIRONMENT = ROOT / ".venv-bench-fuzz"
PACKAGE = "atheris==3.0.0"
# One input may take so long before it counts as a hang, and a process so much memory.
HANG_S = 20
MOST_MB = 2048
# Parts of the time; files take thousands of times longer than a message.
SHARES = {"configuration": 2, "log_file": 3, "log_rows": 3}
LONGEST = {"configuration": 4096, "log_file": 512, "log_rows": 2048}
# A log is made anew for each input, in memory where that can be had.
SCRATCH = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - a folder of its own is made in it


@dataclass(frozen=True, slots=True)
class Found:
    """What a search of one target came to."""

    target: str
    runs: int
    coverage: int
    failure: str


def environment() -> str:
    """Where atheris is, made when there is none."""
    made = ENVIRONMENT / "bench-requirements.txt"
    if not made.is_file() or made.read_text() != PACKAGE:
        print(f"making {ENVIRONMENT.name} …", file=sys.stderr)
        venv.create(ENVIRONMENT, clear=True, with_pip=True)
        pip = [
            str(ENVIRONMENT / "bin" / "python"),
            "-m",
            "pip",
            "install",
            "-qq",
            "--disable-pip-version-check",
        ]
        subprocess.run([*pip, "--only-binary", ":all:", PACKAGE], check=True)
        made.write_text(PACKAGE)
    return sysconfig.get_path("purelib", vars={"base": str(ENVIRONMENT)})


def search(target: str, seconds: int, corpus: Path, crashes: Path) -> Found:
    """Search in a process of its own, for the fuzzer ends it with what it finds."""
    words = [sys.executable, "-m", "tests.bench.fuzz", "--target", target]
    for_atheris = [f"-max_total_time={seconds}", f"-timeout={HANG_S}", f"-rss_limit_mb={MOST_MB}"]
    for_atheris += [f"-max_len={LONGEST.get(target, 1024)}", f"-artifact_prefix={crashes}/{target}-"]
    for_atheris += ["-print_final_stats=1", f"-dict={_dictionary(crashes)}", str(corpus / target)]
    known = {"PYTHONPATH": os.pathsep.join([str(ROOT), environment()])}
    done = subprocess.run(
        [*words, *for_atheris],
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        cwd=ROOT,
        env={**os.environ, **known},
    )
    said = done.stdout + done.stderr
    runs = re.search(r"stat::number_of_executed_units:\s+(\d+)", said)
    coverage = re.findall(r"\bcov: (\d+)", said)
    failure = "" if done.returncode == 0 else "\n".join(_telling(said.splitlines()))
    return Found(target, int(runs[1]) if runs else 0, int(coverage[-1]) if coverage else 0, failure)


def _telling(lines: list[str]) -> list[str]:
    begin = next(
        (n for n, line in enumerate(lines) if "Uncaught Python exception" in line or "ERROR" in line), -40
    )
    return lines[begin:][:60]


def _dictionary(folder: Path) -> Path:
    """Words that a search would not find by itself."""
    from agent.config.examples import PLACES, example  # noqa: PLC0415

    words = {word for place in PLACES for word in re.findall(r"[a-z_]{3,}", example(place))}
    for place in PLACES:
        words |= {f"[{table}]" for table in tomllib.loads(example(place))}
    words |= {'"log":', '"seq":', '"from_seq":', '"to_seq":', '"request":', '"session":', '"last_seq":'}
    words |= {'"type":', '"rule":', '"ts":', '"clock":', '"unsynced"', '"boot":', '"mono_s":', '"offset_s":'}
    path = folder / "dictionary.txt"
    quoted = (word.replace("\\", "\\\\").replace('"', '\\"') for word in sorted(words))
    path.write_text("".join(f'"{word}"\n' for word in quoted))
    return path


def inside(target: str, arguments: list[str]) -> None:
    """Search, under atheris."""
    import atheris  # type: ignore[import-untyped]  # noqa: PLC0415 - it is in an environment of its own

    with atheris.instrument_imports(include=["agent", "tomllib"]):
        from tests.fuzz.targets import TARGETS  # noqa: PLC0415

    run: Callable[[bytes, Path], None] = TARGETS[target]
    # What is said of damaged logs would be very much.
    logging.disable(logging.ERROR)
    with tempfile.TemporaryDirectory(prefix="fuzz-", dir=SCRATCH) as folder:
        # What readers copy goes there too.
        tempfile.tempdir = folder
        atheris.Setup(["fuzz", *arguments], lambda data: run(data, Path(folder)))
        atheris.Fuzz()


def main() -> int:
    """Search all targets; 1 where something was found."""
    parser = argparse.ArgumentParser(description="Search for inputs that break what reads from outside.")
    parser.add_argument("--seconds", type=int, default=600, help="altogether")
    parser.add_argument("--corpus", type=Path, help="where what is learned is kept")
    parser.add_argument("--target", help="search this one, in this process")
    asked, arguments = parser.parse_known_args()
    if asked.target:
        inside(asked.target, arguments)
        return 0
    from tests.fuzz.targets import TARGETS, seeds  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        corpus, crashes = asked.corpus or Path(folder, "corpus"), Path(folder, "crashes")
        crashes.mkdir()
        for target in TARGETS:
            (corpus / target).mkdir(parents=True, exist_ok=True)
            for number, seed in enumerate(seeds(target)):
                (corpus / target / f"seed-{number}").write_bytes(seed)
        print(f"{'target':<18} {'runs':>10} {'coverage':>9}  found")
        all_found = []
        shares = sum(SHARES.get(target, 1) for target in TARGETS)
        for target in TARGETS:
            seconds = asked.seconds * SHARES.get(target, 1) // shares
            found = search(target, max(1, seconds), corpus, crashes)
            all_found.append(found)
            verdict = "a fault" if found.failure else "nothing"
            print(f"{target:<18} {found.runs:>10,} {found.coverage:>9,}  {verdict}", flush=True)
        print(f"{'altogether':<18} {sum(found.runs for found in all_found):>10,}")
        for found in all_found:
            if found.failure:
                print(f"\n{found.target}:\n{found.failure}")
        for path in sorted(crashes.glob("*-*")):
            print(f"{path.name}: {path.read_bytes()!r}")
    return 1 if any(found.failure for found in all_found) else 0


if __name__ == "__main__":
    sys.exit(main())
