#!/usr/bin/env bash
# Writes the locks beside this file from pyproject.toml. Each names one version of each package with the
# hashes of all its wheels, so that the same file serves amd64 and aarch64.
#
#   deploy/lock.sh             keeps the versions that are locked, adds and removes what pyproject.toml says
#   deploy/lock.sh --upgrade   takes the newest versions
#
# requirements-cpNNN.txt is a device's, -base- that of whoever reads what agents publish, -central- the centre's, -dev- adds
# what tests need, -build- builds the package, -mutants- goes into an environment beside -dev-.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

upgrade=()
case "${1-}" in
    "") ;;
    --upgrade) upgrade=(--upgrade) ;;
    *)
        echo "usage: deploy/lock.sh [--upgrade]" >&2
        exit 2
        ;;
esac

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -P -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet uv

# The build backend, the demo's broker and mutmut are locked without the agent's own packages.
"$work/venv/bin/python" -P - "$work" <<'PYTHON'
import pathlib, sys, tomllib

work = pathlib.Path(sys.argv[1])
settings = tomllib.loads(pathlib.Path("pyproject.toml").read_text(encoding="utf-8"))
build = [*settings["build-system"]["requires"], "editables"]
work.joinpath("build.in").write_text("\n".join(build), encoding="utf-8")
for name in ("broker", "mutants"):
    needed = settings["project"]["optional-dependencies"][name]
    work.joinpath(f"{name}.in").write_text("\n".join(needed), encoding="utf-8")
PYTHON

# resolve OUTPUT MACHINE PYTHON [uv's further options and sources...]
# uv prefers the versions that stand in the output file already.
resolve() {
    # Annotations and headers would name where the sources lay, so there are none.
    "$work/venv/bin/uv" pip compile --quiet --no-config --no-header --no-annotate \
        --no-emit-index-url --no-emit-find-links --generate-hashes --only-binary :all: \
        --output-file "$1" --python-platform "$2-manylinux_2_28" --python-version "$3" "${@:4}" >/dev/null
}

# lock NAME PYTHON [sources...]
lock() {
    local file=deploy/requirements-$1.txt python=$2
    shift 2
    rm -f "$work/amd64" "$work/aarch64"
    if [[ -e $file ]]; then cp "$file" "$work/amd64"; fi
    resolve "$work/amd64" x86_64 "$python" "${upgrade[@]}" "$@"
    cp "$work/amd64" "$work/aarch64"
    resolve "$work/aarch64" aarch64 "$python" "$@"
    if ! cmp "$work/amd64" "$work/aarch64"; then
        echo "$file would differ between amd64 and aarch64." >&2
        exit 1
    fi
    if grep -nE '://|^-| @ ' "$work/amd64"; then
        echo "$file would name an address." >&2
        exit 1
    fi
    {
        echo "# Made by deploy/lock.sh from pyproject.toml for Python $python on amd64 and aarch64."
        cat "$work/amd64"
    } >"$file"
    echo "$file: $(grep -c == "$file") packages"
}

for python in 3.11 3.13; do
    tag=cp${python/./}
    lock "$tag" "$python" --extra device pyproject.toml
    # What builds and tests the agent, and central systems, use the versions that run on a Pi.
    same=(--constraints "deploy/requirements-$tag.txt")
    lock "base-$tag" "$python" "${same[@]}" pyproject.toml
    lock "central-$tag" "$python" "${same[@]}" --extra central pyproject.toml
    lock "dev-$tag" "$python" "${same[@]}" --constraints "deploy/requirements-central-$tag.txt" \
        --extra device --extra central --extra dev pyproject.toml "$work/build.in"
    lock "build-$tag" "$python" "${same[@]}" "$work/build.in"
    lock "broker-$tag" "$python" "$work/broker.in"
    lock "mutants-$tag" "$python" --constraint "deploy/requirements-dev-$tag.txt" "$work/mutants.in"
done
