#!/usr/bin/env bash
# Virtual environments of the checkout's own, filled from the locks in this folder:
#
#   bash deploy/environment.sh run      .venv-run, the agent as a device has it
#   bash deploy/environment.sh base     .venv-base, without what a device needs: wire models, subscriber, watch, schema, retire
#   bash deploy/environment.sh central  .venv-central, the centre: store, pages, API
#   bash deploy/environment.sh tests    .venv-tests, the same with the tools of development
#   bash deploy/environment.sh broker   .venv-broker, a broker for machines that have no mosquitto
#
# Scripts source this file for its functions. PYTHON=python3.13 chooses the interpreter; without it the one in the
# environment is kept, or the first Python 3.11 or 3.13 taken that is found.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)

# Debian leaves the folder of the daemons out of an ordinary user's path.
case ":$PATH:" in
    *:/usr/sbin:*) ;;
    *) PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin ;;
esac
export PATH

say() { printf '%s\n' "$*"; }

# A failure that the user can do something about: one sentence.
stop() {
    printf '%s\n' "$*" >&2
    exit 1
}

# What was asked for makes no sense: one sentence, and the exit code for that.
wrong() {
    printf '%s\n' "$*" >&2
    exit 2
}

# need_value OPTION COUNT: the option has something behind it.
need_value() { (($2 > 1)) || wrong "$1 needs a value behind it."; }

# tell_usage: what stands at the beginning of the script.
tell_usage() {
    sed -n '2,/^set -euo/{/^set -euo/d;s/^# \{0,1\}//p}' "${BASH_SOURCE[-1]}"
    exit 0
}

# Runs a command as root where that needs no password.
as_root() {
    if [[ $EUID -eq 0 ]]; then "$@"; else sudo -n -- "$@"; fi
}

may_install_packages() {
    command -v apt-get >/dev/null || return 1
    [[ $EUID -eq 0 ]] || { command -v sudo >/dev/null && sudo -n true 2>/dev/null; }
}

# apt_install PACKAGE...: fails when apt-get does, with its words.
apt_install() {
    local log
    say "Installing the Debian packages $* ..."
    log=$(mktemp)
    # A new machine has no package lists and an old one has stale ones; both fail fast here.
    if ! as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "$@" >"$log" 2>&1 &&
        ! { as_root apt-get update -q >"$log" 2>&1 &&
            as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "$@" >>"$log" 2>&1; }; then
        tail -n 15 "$log" >&2
        rm -f "$log"
        return 1
    fi
    rm -f "$log"
}

# Brings mosquitto and its clients where that is permitted; whoever needs them asks `command -v`.
# A broker that was there before is left as it is. The one that Debian's package would start on the default port, now
# and at every boot, is kept from both: whoever calls this starts brokers of its own.
install_mosquitto() (
    policy=/usr/sbin/policy-rc.d
    if command -v mosquitto >/dev/null && command -v mosquitto_sub >/dev/null; then return 0; fi
    may_install_packages || return 1
    if command -v mosquitto >/dev/null; then
        apt_install mosquitto-clients
        return
    fi
    if [[ ! -e $policy ]]; then
        trap 'as_root rm -f "$policy"' EXIT
        # shellcheck disable=SC2016  # $1 is the policy's argument: mosquitto, or mosquitto.service under systemd
        printf '#!/bin/sh\ncase $1 in mosquitto*) exit 101 ;; esac\n' | as_root tee "$policy" >/dev/null
        as_root chmod 755 "$policy"
    fi
    apt_install mosquitto mosquitto-clients || return 1
    if command -v systemctl >/dev/null; then
        as_root systemctl --quiet disable mosquitto.service >/dev/null 2>&1 || true
    elif command -v update-rc.d >/dev/null; then
        as_root update-rc.d mosquitto disable >/dev/null 2>&1 || true
    fi
)

# Prints cp311 or cp313 for an interpreter that the locks are for; fails for all others. -P, here and wherever Python is
# started: a module in the folder that somebody happens to be in is not the one that is meant.
python_tag() {
    "$1" -P -c 'import sys
tag = "cp%d%d" % sys.version_info[:2]
print(tag)
sys.exit(tag not in ("cp311", "cp313"))' 2>/dev/null
}

find_python() {
    local candidate
    for candidate in ${PYTHON:-python3 python3.13 python3.11}; do
        if python_tag "$candidate" >/dev/null; then
            echo "$candidate"
            return
        fi
    done
    if [[ -n ${PYTHON-} ]]; then stop "PYTHON=$PYTHON is not a Python 3.11 or 3.13."; fi
    stop "No Python 3.11 or 3.13 was found: install Debian's python3 and python3-venv, or name an interpreter with PYTHON=."
}

# Debian ships the other half of venv in a package of its own.
complete_venv() {
    local package
    if "$1" -P -c 'import ensurepip, venv' 2>/dev/null; then return; fi
    package=$("$1" -P -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
    may_install_packages ||
        stop "This Python can't make virtual environments: run 'apt-get install $package' as root, then this again."
    apt_install "$package" || stop "The Debian package $package could not be installed; the lines above say why."
}

digest() { cat -- "$@" | sha256sum | cut -d ' ' -f 1; }

# make_environment [--alone] FOLDER LOCK...
# Makes the folder in the checkout from deploy/requirements-LOCK.txt ; @ in a lock's
# name becomes the Python's tag. The project itself goes in from the checkout, except with --alone. Does nothing when
# the folder's stamp names what would be done.
make_environment() {
    local with_project=true folder python tag lock files=() arguments=() locks project="" stamp=() started=$SECONDS
    if [[ $1 == --alone ]]; then with_project=false && shift; fi
    folder=$ROOT/$1
    shift

    # The Python in the folder is kept, unless another one is asked for or an upgrade of Debian's took it away.
    if [[ -z ${PYTHON-} ]] && tag=$(python_tag "$folder/bin/python"); then
        python=$(readlink -f "$folder/bin/python")
    else
        python=$(find_python)
        tag=$(python_tag "$python")
    fi
    for lock in "$@"; do
        lock=$ROOT/deploy/requirements-${lock//@/$tag}.txt
        files+=("$lock")
        arguments+=(--requirement "$lock")
    done
    # Programs in an environment name its folder, so a checkout that was moved needs a new one.
    locks="$tag $(digest "${files[@]}") $folder"
    if $with_project; then project=$(digest "$ROOT/pyproject.toml" "$ROOT"/agent/locale/*/LC_MESSAGES/*.po); fi
    if [[ -e $folder/stamp ]]; then mapfile -t stamp <"$folder/stamp"; fi
    if [[ ${stamp[0]-} == "$locks" && ${stamp[1]-} == "$project" ]]; then return; fi

    if [[ ${stamp[0]-} != "$locks" ]]; then
        complete_venv "$python"
        say "Making ${folder##*/} from ${files[*]##*/} ..."
        "$python" -P -m venv --clear "$folder"
        # Wheels only: nothing is compiled here, and no package's own installer runs.
        "$folder/bin/python" -P -m pip install -qq --require-hashes --only-binary :all: "${arguments[@]}"
    fi
    if $with_project; then
        # The build backend is in the locks; no index is asked. It compiles the translations too.
        "$folder/bin/python" -P -m pip install -qq --no-index --no-deps --no-build-isolation --editable "$ROOT"
    fi
    printf '%s\n' "$locks" "$project" >"$folder/stamp"
    say "${folder##*/} is ready ($((SECONDS - started)) s)."
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
    case "${1-}" in
        run) make_environment .venv-run @ build-@ ;;
        base) make_environment .venv-base base-@ build-@ ;;
        central) make_environment .venv-central central-@ build-@ ;;
        tests) make_environment .venv-tests dev-@ ;;
        broker) make_environment --alone .venv-broker broker-@ ;;
        *)
            echo "usage: bash deploy/environment.sh run|base|central|tests|broker" >&2
            exit 2
            ;;
    esac
fi
