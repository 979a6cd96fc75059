#!/usr/bin/env bash
# The Debian packages: built twice, looked into; then on booted Debians without a network: installed by apt and by
# dpkg, run on a recording with a broker, upgraded, removed, purged, installed again, and in the place of an agent that
# was put there by hand. `bash tests/run.sh --packages` runs it.
#
#   bash tests/systemd/packages.sh [FOLDER [SUITE...]]     the folder keeps the Debians for the next time
#
# With suites only the second half is done, for these.
set -euo pipefail
# shellcheck source=tests/systemd/debian.sh
source "$(dirname "${BASH_SOURCE[0]}")/debian.sh"

folder=$(realpath -m "${1:-$(mktemp -d)}")
if (($# > 1)); then suites=("${@:2}"); else suites=(trixie bookworm); fi
build_too=$(($# < 2))
# The last commit before there was a way to install; its README said which file goes where.
by_hand=7667f9d

# built_hold: all four are within their size, and what they say of themselves is so; Debian's lintian finds no error that
# is not overridden with a reason; a copy of this checkout in another place makes the same bytes.
built_hold() {
    local status=0 again=$folder/again package mirror
    rm -rf "$folder/packages" "$folder/packages-again" "$again"
    bash "$ROOT/deploy/packages.sh" --out "$folder/packages" || return 1
    (cd "$ROOT" && PYTHONPATH=$ROOT "$python" -P -m tests.systemd.package_contents "$folder"/packages/*.deb) || status=1
    if [[ ! -e $folder/lintian/done ]]; then
        rm -rf "$folder/lintian"
        mirror=$(debian_mirror) || return 1
        mmdebstrap --quiet --variant=minbase --aptopt='Acquire::Check-Valid-Until "false"' --include=lintian \
            trixie "$folder/lintian" "$mirror" </dev/null || return 1
        touch "$folder/lintian/done"
    fi
    for package in "$folder"/packages/*.deb; do
        cp "$package" "$folder/lintian/root/"
        if chroot "$folder/lintian" lintian --allow-root --tag-display-limit 0 --fail-on error "/root/${package##*/}"; then
            say "good: lintian finds no error in ${package##*/}"
        else
            say "BAD:  lintian on ${package##*/}" && status=1
        fi
        rm "$folder/lintian/root/${package##*/}"
    done
    mkdir -p "$again/build"
    (cd "$ROOT" && git ls-files -z --cached --others --exclude-standard | tar -cf - --null -T -) | tar -xf - -C "$again"
    cp -a "$ROOT"/models/. "$again/models/"
    ln -s "$ROOT/build/packages" "$again/build/packages"
    (umask 077 && SOURCE_DATE_EPOCH=$(git -C "$ROOT" log -1 --format=%ct) \
        bash "$again/deploy/packages.sh" --out "$folder/packages-again") || return 1
    for package in "$folder"/packages/*.deb; do
        if cmp "$package" "$folder/packages-again/${package##*/}"; then
            say "good: ${package##*/} has the same bytes, from another folder"
        else
            say "BAD:  ${package##*/} has other bytes" && status=1
        fi
    done
    rm -rf "$again"
    return "$status"
}

# shellcheck disable=SC2016  # expanded inside
inside_script() {
    cat <<'SH'
set -u
export DEBIAN_FRONTEND=noninteractive
bad=0
log=/var/lib/presence-agent/events.db
versions=/var/lib/presence-agent-versions
old=/opt/presence-agent
check() { if "${@:2}"; then echo "good: $1"; else echo "BAD:  $1"; bad=1; fi; }
not() { ! "$@"; }
within() { local end=$((SECONDS + $1)); shift; until "$@"; do ((SECONDS < end)) || return 1; sleep 0.3; done; }
of() { systemctl show presence-agent -p "$1" --value; }
is() { [ "$(of "$1")" = "$2" ]; }
runs_from() { grep -q "$1/site-packages/" "/proc/$(of MainPID)/maps"; }
# by_apt FILE, by_dpkg FILE: what the installer says is kept.
by_apt() { apt-get install -qy --allow-downgrades "$1" >/root/said 2>&1 || { tail -n 20 /root/said; false; }; }
by_dpkg() { dpkg -i "$1" >/root/said 2>&1 || { tail -n 20 /root/said; false; }; }
apt_does() { apt-get "$1" -qy presence-agent >/root/said 2>&1 || { tail -n 20 /root/said; false; }; }
told() { grep '^presence-agent: ' /root/said; }
events() { python3 -c "import sqlite3; print(*sqlite3.connect('file:$log?mode=ro', uri=True).execute('SELECT $1 FROM event').fetchone())"; }
# Ids of the log are in each event; the client id at the broker is made from it.
log_id() { python3 -c "
import json, sqlite3
print(json.loads(sqlite3.connect('file:$log?mode=ro', uri=True).execute('SELECT body FROM event ORDER BY seq DESC').fetchone()[0])['log'])"; }
more_events() { [ "$(events 'max(seq)')" -gt "$count" ]; }
heard() { grep -q /event/ /root/heard; }
healthy() { presence-agent doctor >/root/doctor 2>&1; }
configure() {
    mkdir -p /etc/presence-agent
    install -m 644 /root/agent.toml /etc/presence-agent/agent.toml
    install -m 600 /root/password /etc/presence-agent/mqtt-password
    install -m 644 /etc/mosquitto/presence/ca.pem /etc/presence-agent/ca.pem
}
# Names of ours that are left on the machine.
left() {
    find / -xdev \( -path /proc -o -path /opt/src -o -path /opt/package -o -path /out -o -path /root \) -prune -o -name '*presence-agent*' -print |
        grep -v '^/tmp/systemd-private\|^/run/log\|^/var/tmp/systemd-private'
}

ip link set lo up
echo "127.0.1.1 $(uname -n)" >>/etc/hosts
check "there is no network" [ -z "$(ip route)" ]
python3 -P -c 'import sys; sys.path.insert(0, "/opt/src")
from tests.systemd.booted import keep_time
keep_time()'
cd /opt/src/deploy/broker
bash mosquitto.sh --name localhost >/dev/null
bash account.sh add-device que-phong one-stop --password-file /root/password >/dev/null
bash account.sh add-central hub --password-file /root/hub >/dev/null
cd /
mosquitto_sub -V 5 -x 100000 -c -i hub -q 1 -h localhost -p 8883 --cafile /etc/mosquitto/presence/ca.pem -u hub \
    -P "$(cat /root/hub)" -t 'presence/v1/#' -F '%t %p' >>/root/heard 2>/root/heard.err &

echo "--- installed by apt"
check "apt installs it" by_apt /out/now.deb
check "three lines say what to do next" [ "$(told | wc -l)" = 3 ]
told
check "nothing runs" [ "$(of ActiveState) $(pgrep -cf site-packages)" = "inactive 0" ]
check "the agent starts with the machine" systemctl -q is-enabled presence-agent
check "the daily check waits for its time" eval '[ -n "$(systemctl show presence-agent-check.timer -p NextElapseUSecRealtime --value)" ]'
check "systemd lists nothing of it as failed" eval 'systemctl start presence-agent; [ -z "$(systemctl list-units --failed --no-legend "presence-agent*")" ]'
check "the command is on the path" [ "$(command -v presence-agent)" = /usr/bin/presence-agent ]
check "it runs from its own copy" [ "$(readlink -f /usr/bin/presence-agent)" = "$versions/$(dpkg-query -Wf '${Version}' presence-agent)/bin/presence-agent" ]
check "which takes the card's room once" [ "$(du -sm /usr/lib/presence-agent $versions | awk 'NR == 1 { first = $1 } END { print ($1 < first / 5) }')" = 1 ]
check "and is compiled" [ -n "$(find $versions/current/site-packages/agent -name '*.pyc')" ]
check "weights are whole" eval "presence-agent models verify >/dev/null"
check "dpkg finds all files as they were" [ -z "$(dpkg --verify presence-agent)" ]
for unit in presence-agent.service presence-agent-check.service presence-agent-check.timer presence-agent-credentials.path presence-agent-credentials.service; do
    said=$(systemd-analyze verify $unit 2>&1)
    check "$unit: systemd has nothing to say $said" [ -z "$said" ]
done
for page in $(sed -n 's|^Documentation=file:||p' /usr/lib/systemd/system/presence-agent* | sort -u) \
    $(sed -n 's|^Documentation: file:||p' /usr/lib/systemd/catalog/presence-agent* | sort -u); do
    check "what units and journal name is there: $page" [ -s "$page" ]
done
check "the journal explains its lines" eval 'journalctl --list-catalog | grep -q presence'
check "the journal is on the card" [ -n "$(ls -A /var/log/journal)" ]

echo "--- running"
configure
systemctl start --no-block presence-agent
check "ready" within 90 is ActiveState active
is ActiveState active || { journalctl -u presence-agent -o cat --no-pager | tail -n 20; exit 1; }
check "from its own copy" runs_from "$versions/$(readlink $versions/current)"
check "events reach the broker" within 60 heard
check "doctor ends with 0" within 60 healthy
healthy || cat /root/doctor
check "the daily check is good" systemctl start presence-agent-check.service
before=$(log_id)
count=$(events 'max(seq)')

echo "--- upgraded by dpkg"
process=$(of MainPID)
check "dpkg upgrades it" by_dpkg /out/next.deb
check "nothing has to be done" [ -z "$(told)" ]
another() { is ActiveState active && [ "$(of MainPID)" != "$process" ]; }
check "the new one runs" within 240 another
check "from the new copy" runs_from "$versions/$(dpkg-query -Wf '${Version}' presence-agent)"
check "the one before is whole" eval "$versions/previous/bin/presence-agent models verify >/dev/null"
check "it goes on in its log" within 60 more_events
check "under the same id" [ "$(log_id)" = "$before" ]
sha256sum /etc/presence-agent/* >/root/kept

echo "--- removed, and installed again"
check "apt removes it" apt_does remove
check "nothing runs" eval '! pgrep -f site-packages'
check "configuration and secrets stay" sha256sum --quiet -c /root/kept
count=$(events 'max(seq)')
check "the log stays" [ "$count" -gt 0 ]
# Debian's helper remembers what was enabled until the package is purged.
check "and nothing else: $(left | tr '\n' ' ')" [ -z "$(left | grep -v '^/etc/presence-agent$\|^/var/lib/presence-agent$\|deb-systemd-helper\|/etc/systemd/system/.*wants/\|/timers/stamp-\|/dpkg/info/')" ]
check "dpkg installs it again" by_dpkg /out/now.deb
check "it runs by itself" within 90 is ActiveState active
check "in the log of before" eval 'within 60 more_events && [ "$(log_id)" = "$before" ]'

echo "--- purged"
check "apt purges it" apt_does purge
check "nothing is left: $(left | tr '\n' ' ')" [ -z "$(left)$(ls -d /run/presence-agent 2>/dev/null)" ]
check "dpkg installs on the bare machine" by_dpkg /out/now.deb
check "nothing runs" is ActiveState inactive
apt_does purge

echo "--- put there by hand before"
tag=$(python3 -c 'import sys; print("python%d.%d" % sys.version_info[:2])')
mkdir -p /root/files $old
dpkg-deb -x /out/now.deb /root/files
python3 -m venv --without-pip --system-site-packages $old
cp -a /root/files/usr/lib/presence-agent/payload/site-packages/. $old/lib/$tag/site-packages/
rm -rf $old/lib/$tag/site-packages/{agent,share,presence_agent-*} /root/files
cp -a /root/old/agent $old/lib/$tag/site-packages/
mkdir -p $old/lib/$tag/site-packages/presence_agent-0.1.0.dist-info $old/share/presence-agent
printf 'Metadata-Version: 2.1\nName: presence-agent\nVersion: 0.1.0\n' >$old/lib/$tag/site-packages/presence_agent-0.1.0.dist-info/METADATA
cp -a /root/old/models $old/share/presence-agent/
printf '#!%s/bin/python3\nfrom agent.cli import main\nmain()\n' $old >$old/bin/presence-agent
install -m 755 /root/old/systemd/presence-agent-check $old/bin/presence-agent-check
chmod 755 $old/bin/presence-agent
$old/bin/presence-agent models fetch --from /opt/src/models >/dev/null || echo "BAD: weights"
cp /root/old/systemd/*.{service,path,timer} /etc/systemd/system/
install -D -m 644 /root/old/systemd/presence-agent.sysusers.conf /usr/lib/sysusers.d/presence-agent.conf
install -D -m 644 /root/old/systemd/presence-agent.tmpfiles.conf /usr/lib/tmpfiles.d/presence-agent.conf
install -D -m 644 /root/old/systemd/presence-agent.journald.conf /etc/systemd/journald.conf.d/90-presence-agent.conf
cp /root/old/systemd/*.catalog /usr/lib/systemd/catalog/
ln -s $old/bin/presence-agent /usr/local/bin/presence-agent
systemd-sysusers; systemd-tmpfiles --create presence-agent.conf
systemctl daemon-reload
configure
systemctl -q enable presence-agent presence-agent-check.timer
systemctl start --no-block presence-agent
check "the old one is ready" within 90 is ActiveState active
is ActiveState active || journalctl -u presence-agent -o cat --no-pager | tail -n 20
check "and is the old one" runs_from $old/lib/$tag
count=0
check "it logs" within 60 more_events
before=$(log_id)
sha256sum /etc/presence-agent/* >/root/kept
process=$(of MainPID)
check "apt installs the package over it" by_apt /out/now.deb
told
count=$(events 'max(seq)')
check "the package's runs" within 90 another
check "from the package's copy" runs_from "$versions/$(readlink $versions/current)"
check "configuration and secrets are as they were" sha256sum --quiet -c /root/kept
check "it goes on in the old log" eval 'within 60 more_events && [ "$(log_id)" = "$before" ]'
check "whose first event is there" [ "$(events 'min(seq)')" = 1 ]
check "every unit is the package's" eval '! systemctl show -p FragmentPath --value presence-agent.service presence-agent-check.timer presence-agent-check.service presence-agent-credentials.path presence-agent-credentials.service | grep -v "^\(/usr\)\?/lib/systemd/system/\|^$"'
check "nor its command" [ "$(bash -c 'command -v presence-agent')" = /usr/bin/presence-agent ]
check "the old environment is gone" [ ! -e $old ]
check "doctor ends with 0" within 60 healthy
healthy || cat /root/doctor
check "apt purges it" apt_does purge
check "nothing is left of the old one either: $(left | tr '\n' ' ')" [ -z "$(left)" ]
exit $bad
SH
}

suite_holds() {
    trap shut_down EXIT
    debian "$1" "$folder"
    sed 's#^source = .*#source = "/srv/hall.mp4"#' "$root/etc/presence-agent/agent.toml" >"$root/root/agent.toml"
    # Nothing of ours is there: that is what a package is for.
    rm -rf "$root"/{opt/presence-agent,etc/presence-agent,out,srv/hall.mp4}
    mkdir -p "$root/out" "$root/opt/src" "$root/root/old"
    package_for "$1" "$folder"
    cp "$packages"/presence-agent_*.deb "$root/out/now.deb"
    next_version "$root/out/now.deb" 9.9.9 "$root/out/next.deb" || stop "There is no next version to try."
    cp "$recording" "$root/srv/hall.mp4"
    git -C "$ROOT" archive "$by_hand" agent systemd models | tar -xf - -C "$root/root/old" ||
        stop "The commit $by_hand, whose installation is taken over, is not in this clone."
    inside_script >"$root/root/inside.sh"
    hold_inside "$1"
}

recording=$folder/hall.mp4
walkers_in "$recording"
failed=0
if ((build_too)); then built_hold || failed=1; fi
for suite in "${suites[@]}"; do
    (suite_holds "$suite") || failed=1
done
exit $failed
