#!/usr/bin/env bash
# Everything that must hold before a change goes in; brings what it needs. The last line is pytest's; before it stands
# what was skipped, by reason.
#
#   bash tests/run.sh            checks and tests
#   bash tests/run.sh --complete the same; what is skipped though this machine could run it fails (tests/skips.py)
#   bash tests/run.sh --bench    also the benchmarks of tests/bench, two hours or more
#   bash tests/run.sh --faults   also the long form of tests/faults, an hour and a half
#   bash tests/run.sh --browser  also the centre's pages in a browser (chromium, 300 MB of Debian's)
#   bash tests/run.sh --node     also others' programs on the schemas, two minutes (node; 200 MB from the npm registry)
#   bash tests/run.sh --systemd  also the service, and faults made on purpose, on booted Debians, as root, half an hour
#   bash tests/run.sh --packages also the Debian packages, built twice, and on booted Debians, as root, an hour
#   bash tests/run.sh --pages    also the commands of the pages on booted Debians, as root, and the demo, a quarter of an hour
set -euo pipefail
# shellcheck source=deploy/environment.sh
source "$(dirname "${BASH_SOURCE[0]}")/../deploy/environment.sh"
cd "$ROOT"

bench=false
complete=false
faults=false
browser=false
node=false
packages=false
pages=false
systemd=false
for argument in "$@"; do
    case $argument in
        --bench) bench=true ;;
        --complete) complete=true ;;
        --faults) faults=true ;;
        --browser) browser=true ;;
        --node) node=true ;;
        --packages) packages=true ;;
        --pages) pages=true ;;
        --systemd) systemd=true ;;
        *)
            echo "usage: bash tests/run.sh [--complete] [--bench] [--browser] [--faults] [--node] [--packages] [--pages] [--systemd]" >&2
            exit 2
            ;;
    esac
done

failed=()

# step NAME COMMAND...: a step that fails is told and remembered, and the next one is run.
step() {
    local name=$1 verdict=good tenths
    local started=${EPOCHREALTIME//[!0-9]/} # microseconds; the decimal sign is the locale's
    shift
    say "--- $name"
    if ! "$@"; then
        verdict=FAILED
        failed+=("$name")
    fi
    tenths=$(((${EPOCHREALTIME//[!0-9]/} - started) / 100000))
    say "--- $name: $verdict, $((tenths / 10)).$((tenths % 10)) s"
}

make_environment .venv-tests dev-@
# The tests start the commands by their names.
PATH=$ROOT/.venv-tests/bin:$PATH

# Tests without the programs that they start are skipped; each says which one it misses.
if ! install_mosquitto; then
    say "mosquitto and mosquitto-clients are not here and may not be installed: many tests will be skipped."
fi
# PostgreSQL for the centre's tests, without a database that runs at every boot.
if ! compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null && may_install_packages; then
    as_root mkdir -p /etc/postgresql-common/createcluster.d
    echo "create_main_cluster = false" | as_root tee /etc/postgresql-common/createcluster.d/presence-tests.conf >/dev/null
    apt_install postgresql || say "postgresql could not be installed: some tests will be skipped."
fi
missing=()
for program in openssl strace shellcheck; do
    command -v "$program" >/dev/null || missing+=("$program")
done
command -v systemd-analyze >/dev/null || missing+=(systemd)
# The checks of the translations that it has.
command -v msgfmt >/dev/null || missing+=(gettext)
# The manual pages, as three programs read them, and what is completed in two shells.
for program in man-db:lexgrog groff:groff mandoc:mandoc zsh:zsh; do
    command -v "${program#*:}" >/dev/null || missing+=("${program%:*}")
done
# An archive for apt.
for program in reprepro gpg gpg-agent rsync; do command -v "$program" >/dev/null || missing+=("$program"); done
# A disk in a file, to fill and to break.
command -v mkfs.ext4 >/dev/null || missing+=(e2fsprogs)
# Network namespaces and what goes wrong in them.
command -v ip >/dev/null || missing+=(iproute2)
command -v nft >/dev/null || missing+=(nftables)
# A camera on the network: GStreamer's RTSP server, 140 packages of Debian.
/usr/bin/python3 -c 'import gi; gi.require_version("GstRtspServer", "1.0")' 2>/dev/null ||
    missing+=(python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-good)
if $faults; then command -v nats-server >/dev/null || missing+=(nats-server); fi
if $browser; then [[ -x /usr/bin/chromedriver ]] || missing+=(chromium chromium-driver); fi
if $node; then command -v npm >/dev/null || missing+=(npm); fi
if ((${#missing[@]})) && ! { may_install_packages && apt_install "${missing[@]}"; }; then
    say "${missing[*]} may not be installed: some tests will be skipped."
fi

# The real picamera2 on a camera of software, where this project is built.
rig=$ROOT/../shared/rig/camera
if [[ -d $rig && $EUID -eq 0 ]]; then
    PYTHON=$ROOT/.venv-tests/bin/python bash tests/device/rig.sh "$rig" || say "There is no camera rig: its tests will be skipped."
fi
# not_here PROGRAM PACKAGE WHAT: it is told what is left out; fails where all must be done.
not_here() {
    say "$1 is not here (Debian: $2): $3"
    ! $complete
}

# Systemd has nothing to say of the units, and calls none of them exposed by more than 1.5 of 10.
units() {
    local unit said status=0 analyze=(systemd-analyze)
    if ! command -v systemd-analyze >/dev/null; then
        not_here systemd-analyze systemd "the units are not looked at."
        return
    fi
    # Where systemd does not run only root may make the folder that it wants; a user's own will do as well.
    if [[ $EUID -ne 0 && ! -d /run/systemd/system ]]; then
        analyze=(env -i PATH="$PATH" HOME="$scratch" XDG_RUNTIME_DIR="$scratch" systemd-analyze --user)
    fi
    for unit in systemd/*.{service,path,timer} deploy/{archive,broker}/*.{service,timer}; do
        # It ends well whatever it finds, and does not know a program that is not installed here.
        said=$("${analyze[@]}" verify "$unit" 2>&1 | grep -v 'Command /usr/.*presence-agent.* is not executable: No such file') || true
        if [[ -n $said ]]; then say "$said" && status=1; fi
        if [[ $unit != *.service ]]; then continue; fi
        "${analyze[@]}" security --offline=true --no-pager --threshold=15 "$unit" | tail -n 1 || status=1
    done
    return "$status"
}

scripts() {
    if ! command -v shellcheck >/dev/null; then
        not_here shellcheck shellcheck "the scripts are not looked at."
        return
    fi
    shellcheck --external-sources --severity=warning \
        deploy/*.sh deploy/*/*.sh deploy/debian/control/* deploy/debian/versions tests/*.sh tests/*/*.sh .ci/run systemd/presence-agent-check
}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
step "weights and footage" presence-agent models fetch --samples
step "ruff check" ruff check
step "ruff format" ruff format --check
step "mypy" mypy
step "lint-imports" lint-imports
step "units" units
step "shellcheck" scripts
if $systemd; then
    step "systemd" env PYTHON="$ROOT/.venv-tests/bin/python" bash tests/systemd/acceptance.sh
    step "systemd: centre" bash tests/systemd/central.sh
    step "systemd: faults" env PYTHON="$ROOT/.venv-tests/bin/python" bash tests/systemd/faults.sh
fi
if $packages; then
    step "packages" env PYTHON="$ROOT/.venv-tests/bin/python" bash tests/systemd/packages.sh
    step "upgrades" env PYTHON="$ROOT/.venv-tests/bin/python" bash tests/systemd/upgrade.sh
    step "arm64" env PYTHON="$ROOT/.venv-tests/bin/python" bash tests/systemd/arm64.sh
    step "archive" env PYTHON="$ROOT/.venv-tests/bin/python" bash tests/systemd/archive.sh
fi
if $pages; then
    step "pages: demo" bash deploy/demo.sh
    step "pages: booted Debians" env PYTHON="$ROOT/.venv-tests/bin/python" bash tests/systemd/pages.sh
fi
if $bench; then
    for name in accuracy nobody cost tracking motion models tamper stillness clips rules walkers starting centre centre_api; do
        step "$name" python -m "tests.bench.$name"
    done
    # The same queries on PostgreSQL, over fewer days, so that it takes minutes.
    step "centre_api: PostgreSQL" python -m tests.bench.centre_api --postgres --days 60
fi
if $faults; then
    for name in cards drain latency many long; do
        step "faults: $name" python -m "tests.faults.$name"
    done
    # The same in other storms, a fifth as long.
    less=(--events 20000 --kills 40 --partitions 10)
    step "faults: long, TLS" python -m tests.faults.long --tls "${less[@]}"
    step "faults: long, MQTT 3.1.1" python -m tests.faults.long --protocol 311 "${less[@]}"
    step "faults: long, small log" python -m tests.faults.long --small-log --rate 200 "${less[@]}"
    step "faults: crash points" python -m tests.faults.crash_points --points 2000
    step "faults: cluster" env PRESENCE_TEST_CLUSTER=1 python -m pytest -q tests/deploy/test_cluster.py
fi

if $browser; then step "browser" env PRESENCE_TEST_BROWSER=1 python -m pytest -q tests/central/web/test_browser.py; fi
if $node; then
    step "node" env PRESENCE_TEST_NODE=1 python -m pytest -q tests/wire/test_generators.py tests/central/api/test_typescript.py
fi

if ((${#failed[@]})); then
    printf 'Failed before the tests:'
    printf ' [%s]' "${failed[@]}"
    echo
fi
say "--- pytest"
status=0
if $complete; then export PRESENCE_TEST_COMPLETE=1; fi
# The same examples every time: a search for new ones is for `python -m pytest` at the desk.
# Most of them wait for processes and brokers, so more run at once than there are cores.
python -m pytest -q --hypothesis-profile=steady -n 3 --dist loadfile || status=$?
if ((${#failed[@]})); then exit 1; fi
exit "$status"
