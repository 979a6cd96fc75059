#!/usr/bin/env bash
# Faults made on purpose on booted Debians 12 and 13: what doctor, `systemctl status` and `journalctl -x` say of each, and
# whether their remedy fixes it; a table (tests/systemd/faults.py). `bash tests/run.sh --systemd` runs it.
#
#   bash tests/systemd/faults.sh [FOLDER [SUITE...]]     the folder keeps the Debians and the recording for the next time
#
# FAULTS="word,other word" makes only those with such a word in their name. BUSY=3 gives everything three
# times as long, on a machine with much else to do. All that was said of a fault is in FOLDER/SUITE/root/faults.
set -euo pipefail
# shellcheck source=tests/systemd/debian.sh
source "$(dirname "${BASH_SOURCE[0]}")/debian.sh"

folder=$(realpath -m "${1:-$(mktemp -d)}")
if (($# > 1)); then suites=("${@:2}"); else suites=(trixie bookworm); fi
IFS=, read -r -a wanted <<<"${FAULTS:-}"

recording=$folder/hall.mp4
walkers_in "$recording"

suite_holds() {
    local status=0 started=$SECONDS
    trap shut_down EXIT
    debian "$1" "$folder"
    package_for "$1" "$folder"
    rm -rf "$root"/{srv/footage,home/technician,root/good} "$root/etc/systemd/system/presence-agent.service.d"
    mkdir -p "$root/srv/footage"
    cp "$recording" "$root/srv/footage/"
    sed -i -e 's|^source = .*|source = "/srv/footage/hall.mp4"|' -e 's|^place = .*|place = "Hall"|' \
        -e '$a keep_mb = 50' "$root/etc/presence-agent/agent.toml"
    # The kernel's clock is this machine's: the agent can go by what the keeper of the time leaves in /run only.
    boot "--system-call-filter=~adjtimex clock_adjtime"
    say "--- $1, $(inside systemctl --version | head -n 1)"
    # As a service of that Debian: what nsenter starts has this machine's rights.
    inside systemd-run -q --pipe --wait --setenv=PYTHONPATH=/opt/src --setenv=HOME=/root \
        --setenv=LANG=C.UTF-8 --setenv=BUSY="${BUSY:-1}" /usr/bin/python3 -P -m tests.systemd.faults "${wanted[@]}" || status=1
    # A container that dies ends all of it without a word.
    [[ -e $root/root/faults/all-good ]] || status=1
    shut_down
    say "--- $1: $(if ((status)); then echo FAILED; else echo good; fi), $((SECONDS - started)) s"
    return $status
}

# One after the other: each waits for seconds that count.
failed=0
for suite in "${suites[@]}"; do
    (suite_holds "$suite") || failed=1
done
exit $failed
