#!/usr/bin/env bash
# Debian packages of the agent, for boards and for PCs: on amd64, without root. They need the internet for the wheels
# that the locks name, and the weights, both the first time only.
#
#   bash deploy/packages.sh [--suite trixie|bookworm] [--arch amd64|arm64] [--out DIR] [--quick]
#
# Without a suite or an architecture: all four, into dist/. The same commit gives the same bytes. --quick: compressed
# less, for a trial here.
set -euo pipefail
# shellcheck source=deploy/environment.sh
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

suites=(trixie bookworm)
architectures=(arm64 amd64)
out=$ROOT/dist
options=()
while (($#)); do
    case $1 in
        --suite) suites=("${2:?--suite wants trixie or bookworm}") && shift ;;
        --arch) architectures=("${2:?--arch wants amd64 or arm64}") && shift ;;
        --out) out=$(realpath -m "${2:?--out wants a folder}") && shift ;;
        --quick) options=(--compression gzip) ;;
        *)
            echo "usage: bash deploy/packages.sh [--suite trixie|bookworm] [--arch amd64|arm64] [--out DIR] [--quick]" >&2
            exit 2
            ;;
    esac
    shift
done
command -v dpkg-deb >/dev/null || stop "dpkg-deb is not here: packages are made on Debian."
cd "$ROOT"
umask 022

# The time of the commit is the time of all files.
if [[ -z ${SOURCE_DATE_EPOCH-} ]]; then
    SOURCE_DATE_EPOCH=$(git log -1 --format=%ct 2>/dev/null) ||
        stop "This is no clone with commits: give the time of the release as SOURCE_DATE_EPOCH, in seconds since 1970."
    [[ -z $(git status --porcelain 2>/dev/null) ]] || say "There are changes that are not committed; they go in too."
fi
export SOURCE_DATE_EPOCH

work=$ROOT/build/packages
make_environment .venv-run @ build-@
python=$ROOT/.venv-run/bin/python
"$ROOT/.venv-run/bin/presence-agent" models fetch

# wheels_for TAG MACHINE: prints the folder with the wheels that the lock names; fetches them if need be.
wheels_for() {
    local lock=$ROOT/deploy/requirements-$1.txt folder name platforms=()
    folder=$work/wheels-$1-$2-$(digest "$lock" | head -c 12)
    if [[ ! -e $folder/done ]]; then
        say "Fetching the wheels of ${lock##*/} for $2 ..." >&2
        rm -rf "$folder"
        for name in manylinux_2_28 manylinux_2_27 manylinux_2_17 manylinux2014; do
            platforms+=(--platform "${name}_$2")
        done
        "$python" -P -m pip download -qq --dest "$folder" "${platforms[@]}" --python-version "${1#cp}" \
            --implementation cp --only-binary=:all: --no-deps --require-hashes -r "$lock" >&2 || return 1
        touch "$folder/done"
    fi
    echo "$folder"
}

mkdir -p "$work"
own=$(mktemp -d "$work/own.XXXXXX")
trap 'rm -rf "$own"' EXIT
# The build backend is in the environment; no index is asked. It compiles the translations too.
"$python" -P -m pip wheel -qq --no-index --no-deps --no-build-isolation --wheel-dir "$own/wheel" "$ROOT"
# Pages of `man` and completions, laid out as in a root.
"$python" -P "$ROOT/deploy/man_pages.py" "$own/extras/usr/share/man"
"$python" -P "$ROOT/deploy/completions.py" "$own/extras/usr/share"
for suite in "${suites[@]}"; do
    for architecture in "${architectures[@]}"; do
        case $suite in
            trixie) tag=cp313 ;;
            bookworm) tag=cp311 ;;
            *) stop "--suite $suite: give trixie or bookworm." ;;
        esac
        case $architecture in
            arm64) machine=aarch64 ;;
            amd64) machine=x86_64 ;;
            *) stop "--arch $architecture: give amd64 or arm64." ;;
        esac
        wheels=$(wheels_for "$tag" "$machine") || stop "The wheels for $suite on $architecture can't be had."
        rm -rf "$own/wheels" && mkdir "$own/wheels"
        ln "$wheels"/*.whl "$own"/wheel/*.whl "$own/wheels/"
        PYTHONPATH=$ROOT "$python" -P -m deploy.debian.build --suite "$suite" --arch "$architecture" \
            --wheels "$own/wheels" --models "$ROOT/models" --out "$out" --extras "$own/extras" "${options[@]}" ||
            stop "The package for $suite on $architecture could not be made."
    done
done
