# shellcheck shell=bash
# Booted Debians for the scripts beside this one, which source it. Wants root, mmdebstrap, systemd-container and about
# 400 MB from Debian's mirror for each.
# shellcheck source=deploy/environment.sh
source "$(dirname "${BASH_SOURCE[0]}")/../../deploy/environment.sh"

[[ $EUID -eq 0 ]] || stop "Run this as root."
for program in mmdebstrap systemd-nspawn nsenter; do
    command -v "$program" >/dev/null || stop "$program is not installed (Debian: mmdebstrap, systemd-container, util-linux)."
done
[[ -e $ROOT/models/vtest.avi ]] || stop "The footage is not here: presence-agent models fetch --samples"
python=${PYTHON:-$ROOT/.venv-tests/bin/python}
# The folder that the package is in; of the booted Debian its folder, systemd-nspawn, its process 1.
packages=
root=
nspawn=
leader=
included=systemd-sysv,dbus,python3,mosquitto,mosquitto-clients,openssl,ca-certificates,procps,iproute2,locales,sudo,systemd-timesyncd

# package_for SUITE FOLDER: makes the package of this checkout for that Debian; sets `packages` to the folder it is in.
package_for() {
    packages=$2/package-$1
    rm -rf "$packages"
    bash "$ROOT/deploy/packages.sh" --suite "$1" --arch "$(dpkg --print-architecture)" --quick --out "$packages" ||
        stop "There is no package to install."
}

# next_version PACKAGE NUMBER FILE [COMMAND...]: the same package with this higher number, once the command, run in the
# folder of its Python packages, has changed them.
next_version() {
    local tree version
    tree=$(mktemp -d "$folder/next.XXXXXX")
    dpkg-deb -R "$1" "$tree" || return 1
    version=$2$(sed -n 's/^Version: [^~]*//p' "$tree/DEBIAN/control")
    sed -i "s/^Version: .*/Version: $version/" "$tree/DEBIAN/control"
    echo "$version" >"$tree/usr/lib/presence-agent/payload/version"
    if (($# > 3)); then (cd "$tree/usr/lib/presence-agent/payload/site-packages" && "${@:4}") || return 1; fi
    dpkg-deb --root-owner-group -Znone -b "$tree" "$3" >/dev/null
    rm -rf "$tree"
}

# walkers_in FILE: twenty minutes of people who walk to and fro, for a service that must not end by itself; kept if there.
walkers_in() {
    [[ ! -e $1 ]] || return 0
    mkdir -p "$(dirname "$1")"
    "$python" - "$ROOT/models/vtest.avi" "$1.new.mp4" <<'PY'
import sys

import cv2

video = cv2.VideoCapture(sys.argv[1])
pictures = []
while (read := video.read())[0]:
    pictures.append(read[1])
# Every second one, at half the pace: as fast as it was, with half the work.
there = pictures[::2]
cycle = [*there, *reversed(there[1:-1])]
film = cv2.VideoWriter(sys.argv[2], cv2.VideoWriter_fourcc(*"mp4v"), 5, there[0].shape[1::-1])
for number in range(20 * 60 * 5):
    film.write(cycle[number % len(cycle)])
film.release()
PY
    mv "$1.new.mp4" "$1"
}

# debian_mirror: prints the address that this machine takes Debian from.
debian_mirror() {
    local mirror
    mirror=$(grep -hoE 'https?://[^ ]+' /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null |
        grep -vE 'security|snapshot' | head -n 1) || true # one of the files is not there
    [[ -n $mirror ]] || stop "There is no mirror of Debian in /etc/apt."
    echo "$mirror"
}

# debian SUITE FOLDER: makes the root, or cleans the one that is there, and puts a configuration in.
debian() {
    local mirror
    root=$2/$1
    if [[ $(cat "$root/done" 2>/dev/null) != "$included" ]]; then
        mirror=$(debian_mirror) || exit
        mkdir -p "$2"
        rm -rf "$root"
        say "Making a Debian ($1) in $root ..."
        mmdebstrap --quiet --variant=minbase --aptopt='Acquire::Check-Valid-Until "false"' \
            --include="$included" \
            "$1" "$root" "$mirror" </dev/null
        echo "$included" >"$root/done"
    fi
    # Nothing is left of an earlier run.
    chroot "$root" dpkg --purge --force-all presence-agent >/dev/null 2>&1 || true
    rm -rf "$root"/var/lib/{presence-agent-versions,systemd/deb-systemd-helper-*/*presence-agent*} "$root/var/backups/presence-agent" \
        "$root/usr/local/lib/stand-in" "$root/etc/systemd/system/systemd-timesyncd.service.d"
    rm -rf "$root"/etc/mosquitto/{presence,conf.d/presence.conf} "$root"/var/lib/{private/,}presence-agent \
        "$root"/root/* "$root/etc/presence-agent" "$root/opt/presence-agent" "$root/var/log/journal" \
        "$root"/etc/systemd/journald.conf.d "$root"/{etc,usr/lib}/systemd/system/presence-agent* \
        "$root"/etc/systemd/system/{,*.wants/}presence-broker* "$root/usr/local/lib/presence-broker" \
        "$root"/usr/{bin,lib,share/doc}/presence-agent \
        "$root"/etc/systemd/system/*.wants/presence-agent* "$root"/usr/lib/{sysusers.d,tmpfiles.d,systemd/catalog}/presence-agent* \
        "$root"/var/lib/systemd/{timers/stamp-presence-agent*,catalog/database} "$root"/var/lib/mosquitto/* \
        "$root/boot/firmware"
    sed -i '/^presence-agent:/d' "$root"/etc/{passwd,group,shadow,gshadow}
    mkdir -p "$root/opt/src" "$root/etc/presence-agent"
    echo "127.0.0.1 localhost" >"$root/etc/hosts"
    cat >"$root/etc/presence-agent/agent.toml" <<'TOML'
[device]
site = "que-phong"
name = "one-stop"
place = "x"
timezone = "Asia/Ho_Chi_Minh"
[camera]
source = "/opt/src/models/vtest.avi"
[[zone]]
id = "yard"
polygon = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]
min_dwell_s = 0.5
[calendar]
country = "VN"
[[hours]]
days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
periods = [["00:00", "12:00"], ["12:00", "00:00"]]
[mqtt]
host = "localhost"
port = 8883
username = "que-phong/one-stop"
password_file = "/run/credentials/presence-agent.service/mqtt-password"
ca_file = "/etc/presence-agent/ca.pem"
[log]
path = "/var/lib/presence-agent/events.db"
TOML
}

# by_page: a function for scripts inside, which installs the package as deploy/README.md does. There is no configuration
# yet then: that comes after it.
by_page() {
    cat <<'SH'
install_agent() {
    mv /etc/presence-agent /root/configured
    apt-get install -y --no-install-recommends /opt/package/presence-agent_*.deb || return 1
    cp -a /root/configured/. /etc/presence-agent/ && rm -rf /root/configured
}
SH
}

inside() { nsenter -t "$leader" -a -- env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 "$@"; }

# Two Debians in the same control groups would kill each other's services.
own_groups() {
    local tree
    for tree in /sys/fs/cgroup{,/unified,/systemd}; do
        [[ ! -e $tree/cgroup.procs ]] || { mkdir -p "$tree/presence$BASHPID" && echo "$BASHPID" >"$tree/presence$BASHPID/cgroup.procs"; } || true
    done
}

# They are of no more use when their Debian is gone.
drop_groups() {
    local tree
    for tree in /sys/fs/cgroup{,/unified,/systemd}; do
        [[ ! -d $tree/presence$nspawn ]] || find "$tree/presence$nspawn" -depth -type d -exec rmdir {} + 2>/dev/null || true
    done
}

# boot [OPTION...]: starts the root, with checkout and package beside it, by these options of systemd-nspawn too.
boot() { boot_bare "--bind-ro=$ROOT:/opt/src" "--bind-ro=$packages:/opt/package" "$@"; }

# boot_bare OPTION...: starts the root by these options of systemd-nspawn, and waits until its systemd answers.
boot_bare() {
    # Control groups as both Debians have them, whatever this machine has.
    (
        own_groups
        SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 exec systemd-nspawn -q -D "$root" --boot --machine="presence$BASHPID" --register=no \
            --keep-unit --private-network "$@"
    ) </dev/null >>"$root.boot.log" 2>&1 &
    nspawn=$!
    for _ in $(seq 150); do
        leader=$(pgrep -P "$nspawn" | head -n 1 || true)
        if [[ -n $leader ]] && inside systemctl is-active -q multi-user.target 2>/dev/null; then return; fi
        sleep 0.2
    done
    stop "Debian in $root does not come up; see $root.boot.log."
}

# The container's process 1 dies, and with it all others at once.
cut_off() {
    kill -9 "${leader:?}"
    wait "$nspawn" || true
    drop_groups
    leader=
}

shut_down() {
    if [[ -n $leader ]]; then inside systemctl poweroff 2>/dev/null || true; fi
    if [[ -n $nspawn ]]; then
        wait "$nspawn" || true
        drop_groups
    fi
    leader=
    nspawn=
}

# run_inside SCRIPT: as a service of that Debian: what nsenter starts has this machine's rights.
run_inside() { inside systemd-run -q --pipe --wait --setenv=HOME=/root --setenv=LANG=C.UTF-8 /bin/bash "$1"; }

# hold_inside SUITE NSPAWN-OPTION...: boots what debian has made, runs /root/inside.sh there, and says how it went.
hold_inside() {
    local status=0 started=$SECONDS
    boot "--system-call-filter=~adjtimex clock_adjtime" "${@:2}"
    say "--- $1, $(inside systemctl --version | head -n 1)"
    run_inside /root/inside.sh || status=1
    shut_down
    say "--- $1: $(if ((status)); then echo FAILED; else echo good; fi), $((SECONDS - started)) s"
    return $status
}
