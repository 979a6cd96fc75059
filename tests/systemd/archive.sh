#!/usr/bin/env bash
# The archive and a device of it on booted Debians without a network: signed by its timer's service in the sandbox, set
# up by the script, upgraded by Debian's own nightly service. `bash tests/run.sh --packages` runs it.
#
#   bash tests/systemd/archive.sh [FOLDER [SUITE...]]     the folder keeps the Debians for the next time
set -euo pipefail
# shellcheck source=tests/systemd/debian.sh
source "$(dirname "${BASH_SOURCE[0]}")/debian.sh"

folder=$(realpath -m "${1:-$(mktemp -d)}")/archive
if (($# > 1)); then suites=("${@:2}"); else suites=(trixie bookworm); fi
# Read by debian.sh.
# shellcheck disable=SC2034
included=systemd-sysv,dbus,python3,ca-certificates,procps,reprepro,gpg,gpg-agent,unattended-upgrades

# shellcheck disable=SC2016  # expanded inside
inside_script() {
    cat <<'SH'
set -u
export DEBIAN_FRONTEND=noninteractive
bad=0
check() { if "${@:2}"; then echo "good: $1"; else echo "BAD:  $1"; bad=1; fi; }
public=/srv/presence-archive/public
release=dists/$1-stable/Release
next_hour() { date -d "$(systemctl show "$1" -p NextElapseUSecRealtime --value)" +%H; }
version() { dpkg-query -Wf '${Version}' presence-agent; }
archive() { bash /opt/src/deploy/archive.sh "$@" >/root/said 2>&1 || { cat /root/said; false; }; }

check "there is no network" [ "$(wc -l </proc/net/route)" -le 1 ]
mkdir -p /srv/www
check "the archive is made" archive init --publish-to /srv/www
check "its timer waits" eval '[ -n "$(systemctl show presence-archive-resign.timer -p NextElapseUSecRealtime --value)" ]'
check "a version goes in" archive add /out/1.0.0.deb
check "and to all" archive promote 1.0.0
before=$(sed -n 's/^Date: //p' $public/$release)
# It has whole seconds.
until [ "$(LC_ALL=C date -u '+%a, %d %b %Y %T UTC')" != "$before" ]; do sleep 0.1; done
check "its service signs, in its sandbox" systemctl start presence-archive-resign.service
check "with a later date" [ "$(sed -n 's/^Date: //p' $public/$release)" != "$before" ]
check "where devices read" cmp $public/$release /srv/www/$release
check "and leaves nobody behind who has the key" eval '! pgrep gpg-agent >/dev/null'

archive device --url file:/srv/www --channel stable && cp /root/said /root/set-up.sh
check "a device is set up" eval 'sh /root/set-up.sh >/root/said 2>&1'
check "its lists come after midnight" eval '[[ $(next_hour apt-daily.timer) == 0[01] ]]'
check "its upgrades come at night" eval '[[ $(next_hour apt-daily-upgrade.timer) == 0[234] ]]'
for unit in apt-daily.timer apt-daily-upgrade.timer; do
    check "$unit: a night without power is not made up for" [ "$(systemctl show $unit -p Persistent --value)" = no ]
done
check "the agent is installed" eval 'apt-get install -qy --no-install-recommends presence-agent >/root/said 2>&1'
check "the first version" eval '[[ $(version) == 1.0.0~* ]]'
check "another version comes" eval 'archive add /out/1.0.1.deb && archive promote 1.0.1'
systemctl start apt-daily.service
check "the night's service runs" systemctl start apt-daily-upgrade.service
check "and has upgraded it: $(version)" eval '[[ $(version) == 1.0.1~* ]]'
exit "$bad"
SH
}

# tried SUITE
tried() {
    local number=13 status=0
    [[ $1 == trixie ]] || number=12
    debian "$1" "$folder"
    rm -rf "$root"/{srv,out} "$root"/etc/apt/{sources.list.d,preferences.d}/presence* "$root"/etc/apt/apt.conf.d/60presence* \
        "$root"/etc/systemd/system/{apt-daily*,presence-archive*,*.wants/presence-archive*} "$root"/var/lib/apt/periodic/*
    mkdir -p "$root"/{srv,out}
    if [[ -e $root/var/lib/dpkg/info/presence-agent.list ]]; then chroot "$root" dpkg --purge presence-agent >/dev/null 2>&1; fi
    (cd "$ROOT" && "$python" -P -c '
import sys
sys.path.insert(0, ".")
from pathlib import Path
from tempfile import TemporaryDirectory
from tests.deploy.packaging import small_package
suite, out = sys.argv[1], Path(sys.argv[2])
for version in ("1.0.0", "1.0.1"):
    with TemporaryDirectory() as work:
        small_package(Path(work), version, suite).rename(out / f"{version}.deb")
' "$1" "$root/out")
    boot_bare --bind-ro="$ROOT:/opt/src"
    inside bash -c "$(inside_script)" archive "$1" || status=1
    shut_down
    if ((status)); then say "BAD:  the archive on $1 (Debian $number)"; else say "good: the archive on $1 (Debian $number)"; fi
    return "$status"
}

trap shut_down EXIT
status=0
for suite in "${suites[@]}"; do
    say "=== $suite"
    tried "$suite" || status=1
done
exit "$status"
