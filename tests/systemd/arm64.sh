#!/usr/bin/env bash
# The arm64 package in an arm64 Debian under emulation: installed without a network; boxes and events compared with those
# of this machine; instructions of a look and of a frame. `bash tests/run.sh --packages` runs it.
#
#   bash tests/systemd/arm64.sh [FOLDER [SUITE...]]     the folder keeps the Debians for the next time
#
# Wants qemu-user-static; instructions also qemu-user, a C compiler and ../shared/rig/aarch64 beside the checkout. While it
# runs this machine's kernel starts programs for arm64 with qemu. How fast a Pi is can't be seen here.
set -euo pipefail
# shellcheck source=tests/systemd/debian.sh
source "$(dirname "${BASH_SOURCE[0]}")/debian.sh"

folder=$(realpath -m "${1:-$(mktemp -d)}")
if (($# > 1)); then suites=("${@:2}"); else suites=(trixie bookworm); fi
formats=/proc/sys/fs/binfmt_misc
counter=$ROOT/../shared/rig/aarch64/insn.c
# What the package depends on.
included=systemd,python3,ca-certificates
failed=0
check() { if "${@:2}"; then say "good: $1"; else say "BAD:  $1" && failed=1; fi; }

command -v qemu-aarch64-static >/dev/null || stop "qemu-aarch64-static is not installed (Debian: qemu-user-static)."
[[ -e $formats/register ]] || mount -t binfmt_misc binfmt_misc "$formats"
if [[ ! -e $formats/qemu-aarch64 ]]; then
    cat /usr/lib/binfmt.d/qemu-aarch64.conf >"$formats/register"
    trap 'echo -1 >"$formats/qemu-aarch64"' EXIT
fi

# pictures_in FOLDER: five seconds of people who walk, as pictures: a video may be decoded otherwise on another machine.
pictures_in() {
    mkdir -p "$1/walk"
    "$python" - "$ROOT/models/vtest.avi" "$1/walk" <<'PY'
import sys

import cv2

video = cv2.VideoCapture(sys.argv[1])
for number in range(50):
    cv2.imwrite(f"{sys.argv[2]}/{number:03d}.png", video.read()[1])
PY
    cat >"$1/agent.toml" <<'TOML'
[device]
site = "que-phong"
name = "one-stop"
place = "x"
timezone = "Asia/Ho_Chi_Minh"
[camera]
source = "/srv/walk"
[[line]]
id = "across"
start = [0.5, 0.0]
end = [0.5, 1.0]
inside = [0.9, 0.5]
[[zone]]
id = "yard"
polygon = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]
min_dwell_s = 0.5
TOML
}

# As on a Pi 4. With the vectors of later processors (SVE), qemu 7.2 gives sums that are no numbers.
export QEMU_CPU=cortex-a72

# emulated WORD...: in the Debian, without a network; /sys of this machine would lead onnxruntime astray.
emulated() {
    unshare --mount --net -- bash -c 'mount -t proc proc "$0/proc" && mount -t tmpfs tmpfs "$0/sys" && exec chroot "$0" "$@"' \
        "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive QEMU_CPU="$QEMU_CPU" "$@"
}

# agree HERE THERE: boxes within a tenth of a pixel, scores within 1e-4; events the same but for such a score.
agree() {
    "$python" - "$1" "$2" <<'PY'
import json
import sys


def differs(one, other, at=""):
    """How far numbers are apart; None where anything else differs."""
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        return max((differs(one[key], other[key], key) for key in one), default=0.0)
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        if len(one) == 5 and all(isinstance(value, (int, float)) for value in one):
            # A box and its score.
            apart = max(abs(a - b) for a, b in zip(one[:4], other[:4]))
            return max(apart / 0.1, abs(one[4] - other[4]) / 1e-4)
        return max((differs(a, b, at) for a, b in zip(one, other)), default=0.0)
    if at == "confidence":
        # It is rounded to a hundredth.
        return abs(one - other) / 0.0101
    # How long it took is no matter.
    return 0.0 if one == other or at == "ms" else 1e9


here, there = ([json.loads(line) for line in open(path)] for path in sys.argv[1:])
worst = max((differs(one, other) for one, other in zip(here, there)), default=1e9) if len(here) == len(there) else 1e9
print(f"{len(here)} lines here, {len(there)} there; the worst is {worst:.3f} of what is allowed")
sys.exit(worst > 1)
PY
}

# counted WORD...: prints how many instructions the command takes, on one processor: threads that wait for work count too,
# five times as many as the work on two.
counted() {
    unshare --mount --net -- bash -c 'mount -t tmpfs tmpfs /sys && exec "$@"' - \
        taskset -c 0 qemu-aarch64 -L "$root" -plugin "$folder/insn.so" "$root/usr/bin/python3" -IB "$agent" "$@" 2>&1 >/dev/null |
        sed -n 's/^INSNS //p'
}

# instructions: of a look at a picture and of a frame, as differences, so that the start is in neither.
instructions() {
    local one three few many
    if [[ ! -e $counter ]] || ! command -v qemu-aarch64 cc >/dev/null; then
        say "not counted: instructions (there is no qemu-user, cc or rig beside the checkout)"
        return
    fi
    cc -shared -fPIC -O2 -w -o "$folder/insn.so" "$counter"
    agent=$root/var/lib/presence-agent-versions/$(readlink "$root/var/lib/presence-agent-versions/current")/bin/presence-agent
    one=$(counted detect "$root/srv/walk/000.png")
    three=$(counted detect "$root/srv/walk/000.png" "$root/srv/walk/010.png" "$root/srv/walk/020.png")
    mkdir -p "$root/srv/few" "$root/srv/many"
    # Nothing moves in them, so that there is a look now and then only.
    for number in $(seq -w 100); do ln -f "$root/srv/walk/000.png" "$root/srv/many/$number.png"; done
    for number in $(seq -w 50); do ln -f "$root/srv/walk/000.png" "$root/srv/few/$number.png"; done
    few=$(counted replay "$root/srv/few" --config "$root/srv/agent.toml" --events /dev/null)
    many=$(counted replay "$root/srv/many" --config "$root/srv/agent.toml" --events /dev/null)
    check "instructions were counted" [ -n "$one" -a -n "$three" -a -n "$few" -a -n "$many" ]
    say "told: $(((three - one) / 2000000)) million instructions a look at a whole picture of 768x576, with reading it"
    say "told: $(((many - few) / 50000)) thousand instructions a frame in which nothing moves, with reading it and what looks there are"
}

suite_holds() {
    local mirror started=$SECONDS
    root=$folder/$1-arm64
    if [[ $(cat "$root/done" 2>/dev/null) != "$included" ]]; then
        mirror=$(debian_mirror) || exit
        mkdir -p "$folder"
        rm -rf "$root"
        say "Making a Debian ($1, arm64) in $root ..."
        mmdebstrap --quiet --arch=arm64 --variant=minbase --aptopt='Acquire::Check-Valid-Until "false"' \
            --include="$included" "$1" "$root" "$mirror" </dev/null
        echo "$included" >"$root/done"
    fi
    emulated dpkg --purge --force-all presence-agent >/dev/null 2>&1 || true
    rm -rf "$root"/srv/* "$root"/root/*.deb "$root/var/lib/presence-agent-versions"
    say "--- $1, $(emulated uname -m)"
    bash "$ROOT/deploy/packages.sh" --suite "$1" --arch arm64 --quick --out "$folder/package-arm64-$1" ||
        stop "There is no package to try."
    cp "$folder/package-arm64-$1"/presence-agent_*_arm64.deb "$root/root/"
    check "apt installs it without a network" emulated bash -c 'apt-get install -qy --no-install-recommends /root/presence-agent_*.deb >/root/said 2>&1 || { tail -n 20 /root/said; false; }'
    check "dpkg finds all files as they were" [ -z "$(emulated dpkg --verify presence-agent)" ]
    say "told: $(emulated presence-agent --version)"
    pictures_in "$root/srv"
    check "weights are whole" emulated bash -c 'presence-agent models verify >/dev/null'
    "$python" -P -m agent detect "$root"/srv/walk/0[0-4]0.png | sed "s#$root##g" >"$folder/boxes.here"
    emulated bash -c 'presence-agent detect /srv/walk/0[0-4]0.png' >"$folder/boxes.there"
    check "somebody is found" grep -q persons "$folder/boxes.here"
    check "it finds what is found here" agree "$folder/boxes.here" "$folder/boxes.there"
    "$python" -P -m agent replay "$root/srv/walk" --config "$root/srv/agent.toml" --events "$folder/events.here"
    emulated presence-agent replay /srv/walk --config /srv/agent.toml --events /srv/events.there
    check "a line is crossed" grep -q line.crossed "$folder/events.here"
    check "the events are the same" agree "$folder/events.here" "$root/srv/events.there"
    instructions
    say "--- $1, arm64: $(if ((failed)); then echo FAILED; else echo good; fi), $((SECONDS - started)) s"
    return "$failed"
}

status=0
for suite in "${suites[@]}"; do
    (suite_holds "$suite") || status=1
done
exit "$status"
