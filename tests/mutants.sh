#!/usr/bin/env bash
# Whether the tests of the inner rooms notice small changes of the code; brings what it needs, and takes the options of
# tests/bench/mutants.py. In an environment of its own: mutmut is nothing that tests need.
set -euo pipefail
# shellcheck source=deploy/environment.sh
source "$(dirname "${BASH_SOURCE[0]}")/../deploy/environment.sh"
cd "$ROOT"

make_environment .venv-mutants dev-@ mutants-@
PATH=$ROOT/.venv-mutants/bin:$PATH exec nice -n 10 "$ROOT/.venv-mutants/bin/python" -m tests.bench.mutants "$@"
