#!/usr/bin/env bash
# Upgrades of the Debian package on booted Debians without a network: one that is good, ones that are bad in each way,
# the trial and dpkg itself killed at many moments. `bash tests/run.sh --packages` runs it.
#
#   bash tests/systemd/upgrade.sh [FOLDER [SUITE...]]     the folder keeps the Debians for the next time
#
# Good health is asked for so many seconds only, to be quick; what dies does so after three quarters of them.
set -euo pipefail
# shellcheck source=tests/systemd/debian.sh
source "$(dirname "${BASH_SOURCE[0]}")/debian.sh"

folder=$(realpath -m "${1:-$(mktemp -d)}")
if (($# > 1)); then suites=("${@:2}"); else suites=(trixie bookworm); fi
good_s=20

# Ways to be bad, and what is told as the cause. Each is a change to the new version's own files.
declare -A causes=([does-not-start]=ended [sees-nothing]=not_ready [reads-no-configuration]=configuration
    [reads-no-log]=log [dies]=ended [is-ill]=unhealthy)
# shellcheck disable=SC2317,SC2329  # they are called by name
in_run() { # in_run CODE: does this when the service starts
    printf '\nimport sys\nif "run" in sys.argv:\n    %s\n' "$1" >>agent/errors.py
}
# shellcheck disable=SC2317,SC2329
does-not-start() { in_run 'sys.exit("broken")'; }
# shellcheck disable=SC2317,SC2329
dies() { in_run "import os, threading; threading.Timer($((good_s * 3 / 4)), os._exit, (1,)).start()"; }
# shellcheck disable=SC2317,SC2329
sees-nothing() { sed -i 's/^            yield time_s, image.*/            import time; time.sleep(1e6)/' agent/device/recording.py; }
# shellcheck disable=SC2317,SC2329
reads-no-configuration() { sed -i 's/^    raw, model = .*/    raise ConfigError("[device] needs a key that is not there.")/' agent/config/load.py; }
# shellcheck disable=SC2317,SC2329
reads-no-log() { sed -i 's/^VERSION = .*/VERSION = 0/' agent/eventlog/schema.py; }
# shellcheck disable=SC2317,SC2329
is-ill() { sed -i 's/^        return tuple(reason for reason in found .*/        return ("too_slow",)/' agent/health/reasons.py; }

# What both halves inside start with.
# shellcheck disable=SC2016  # expanded inside
common() {
    cat <<'SH'
set -u
export DEBIAN_FRONTEND=noninteractive
bad=0
log=/var/lib/presence-agent/events.db
versions=/var/lib/presence-agent-versions
check() { if "${@:2}"; then echo "good: $1"; else echo "BAD:  $1"; bad=1; fi; }
not() { ! "$@"; }
within() { local end=$((SECONDS + $1)); shift; until "$@"; do ((SECONDS < end)) || return 1; sleep 0.3; done; }
of() { systemctl show "$1" -p "$2" --value; }
active() { [ "$(of presence-agent ActiveState)" = active ]; }
runs() { active && grep -q "$1/site-packages/" "/proc/$(of presence-agent MainPID)/maps"; }
in_force() { readlink $versions/current; }
over() { [ ! -e $versions/trial.json ] && [ "$(of presence-agent-update ActiveState)" != activating ]; }
by_dpkg() { dpkg -i "$1" >/root/said 2>&1 || { tail -n 20 /root/said; false; }; }
rows() { python3 -c "import sqlite3, sys; [print(*row) for row in sqlite3.connect('file:$log?mode=ro', uri=True).execute(sys.argv[1])]" "$1"; }
count() { rows 'SELECT count(*) FROM event'; }
more() { [ "$(count)" -gt "$1" ]; }
failures() { rows "SELECT body FROM event WHERE body LIKE '%update.failed%' ORDER BY seq"; }
ids() { rows 'SELECT body FROM event' | grep -o '"log":"[0-9a-f]*"' | sort -u | wc -l; }
told() { # told FROM TO CAUSE
    failures | tail -n 1 | grep -q "\"from_version\":\"$1\",\"to_version\":\"$2\",\"cause\":\"$3\""
}
reports() { grep -q '"update_failed"' /run/presence-agent/sight.json; }
goes_on() { # goes_on WHAT: whatever was done to it
    check "$1: the service runs $(in_force)" within 90 runs "$versions/$(in_force)"
    local before
    before=$(count)
    check "$1: events go on" within 60 more "$before"
    check "$1: one log" [ "$(ids)" = 1 ]
    check "$1: configuration and secrets are whole" sha256sum --quiet -c /root/kept
}

ip link set lo up
SH
}

# shellcheck disable=SC2016
before_the_cut() {
    cat <<'SH'
check "there is no network" [ -z "$(ip route)" ]
python3 -P -c 'import sys; sys.path.insert(0, "/opt/src")
from tests.systemd.booted import keep_time
keep_time()'
mkdir -p /etc/presence-agent /etc/systemd/system/presence-agent-update.service.d
printf '[Service]\nEnvironment=PRESENCE_AGENT_TRIAL_S=%s\nRestartSec=3\n' "$(cat /out/good_s)" >/etc/systemd/system/presence-agent-update.service.d/time.conf
install -m 644 /root/agent.toml /etc/presence-agent/agent.toml
check "it is installed" by_dpkg /out/now.deb
sha256sum /etc/presence-agent/* >/root/kept
systemctl start --no-block presence-agent
check "ready" within 90 active
active || { journalctl -u presence-agent -o cat --no-pager | tail -n 20; exit 1; }
within 60 more 3

echo "--- a good one"
check "dpkg installs it" by_dpkg /out/good.deb
check "its trial is over" within 300 over
check "it is in force" [ "$(in_force)" = "$(cat /out/good.version)" ]
check "nothing failed" [ ! -e $versions/failed.json ]
check "nor is told" [ -z "$(failures)" ]
goes_on "after it"

for way in $(cat /out/ways); do
    before=$(in_force) new=$(cat /out/$way.version) cause=$(cat /out/$way.cause) n=$(failures | wc -l)
    echo "--- one that $way"
    check "dpkg installs it" by_dpkg /out/$way.deb
    check "its trial is over" within 300 over
    check "the one before is in force" [ "$(in_force)" = "$before" ]
    goes_on "after it"
    check "the event tells both versions, and $cause" within 60 told "$before" "$new" "$cause"
    check "once" [ "$(failures | wc -l)" = $((n + 1)) ]
    check "health has it" within 60 reports
    check "so has the journal" eval "journalctl -u presence-agent -o cat --no-pager | grep -q 'the update from version $before to $new failed'"
    check "the command is the running version's" eval "presence-agent --version | grep -q '^$(presence-agent --version | cut -d' ' -f1)'"
    check "dpkg has the new one" [ "$(dpkg-query -Wf '${db:Status-Abbrev}${Version}' presence-agent)" = "ii $new" ]
    bytes=$(du -sm $versions | cut -f 1)
done
journalctl -u presence-agent-update -o cat --no-pager | tail -n 30

echo "--- a good one after them"
check "dpkg installs it" by_dpkg /out/better.deb
check "its trial is over" within 300 over
check "it is in force" [ "$(in_force)" = "$(cat /out/better.version)" ]
goes_on "after it"
check "health has nothing of it any more" within 60 not reports
check "no other version is left but the one before" [ "$(find $versions -mindepth 1 -maxdepth 1 -type d | wc -l)" -le 2 ]

echo "--- a bad one while the camera is missing"
before=$(in_force)
sed -i 's#^source = .*#source = "rtsp://127.0.0.1:1/gone"#' /etc/presence-agent/agent.toml
systemctl restart --no-block presence-agent
check "it waits for its camera" within 60 eval '[ "$(of presence-agent ActiveState)" = activating ]'
check "dpkg installs it" by_dpkg /out/does-not-start.deb
check "it is on trial" [ -e $versions/trial.json ]
check "its trial is over" within 300 over
check "the one before is in force" [ "$(in_force)" = "$before" ]
sed -i 's#^source = .*#source = "/srv/hall.mp4"#' /etc/presence-agent/agent.toml
systemctl restart --no-block presence-agent
goes_on "with the camera"
check "the event tells both versions, and ended" within 60 told "$before" "$(cat /out/does-not-start.version)" ended

echo "--- a bad one while one that never gets ready is on trial"
before=$(in_force)
for next in is-ill better; do
    by_dpkg /out/sees-nothing.deb
    check "the first is in force, on trial" within 120 eval '[ "$(cat /out/sees-nothing.version)" = "$(in_force)" ] && [ "$(of presence-agent ActiveState)" = activating ]'
    check "dpkg installs $next" by_dpkg /out/$next.deb
    check "the way back is there" [ -x "$versions/$before/bin/presence-agent" ]
    check "the trial is over" within 300 over
    wanted=$before
    [ $next = is-ill ] || wanted=$(in_force | grep -F "$(cat /out/better.version)")
    check "the right one is in force after $next" [ "$(in_force)" = "$wanted" ]
    goes_on "after $next"
done

echo "--- the trial killed"
# What dpkg unpacked last is good; the same again is one more version.
for n in $(seq 12); do
    name=$(/usr/lib/presence-agent/versions put 2>/dev/null)
    ((n % 2)) || printf '\nimport sys\nif "run" in sys.argv:\n    sys.exit("broken")\n' >$versions/$name/broken
    if ((n % 2 == 0)); then
        cp --remove-destination $versions/$name/site-packages/agent/errors.py $versions/$name/errors.py
        cat $versions/$name/broken >>$versions/$name/errors.py
        mv -f $versions/$name/errors.py $versions/$name/site-packages/agent/errors.py
        find $versions/$name/site-packages/agent -maxdepth 2 -name 'errors.*.pyc' -delete
    fi
    before=$(in_force)
    /usr/lib/presence-agent/trial ask "$name"
    systemctl start --no-block presence-agent-update
    sleep "$(python3 -c "print($n * ${step_s:-1.5})")"
    systemctl kill --signal=KILL --kill-whom=all presence-agent-update 2>/dev/null || systemctl kill --signal=KILL --kill-who=all presence-agent-update
    check "killed $n: one is in force" [ -x "$versions/$(in_force)/bin/presence-agent" ]
    check "killed $n: it goes on by itself, and is over" within 300 over
    wanted=$name
    ((n % 2)) || wanted=$before
    check "killed $n: the right one is in force ($([ "$wanted" = "$name" ] && echo new || echo before))" [ "$(in_force)" = "$wanted" ]
    goes_on "killed $n"
done

echo "--- dpkg killed"
for n in $(seq 10); do
    file=/out/good.deb
    ((n % 2)) || file=/out/better.deb
    setsid dpkg -i $file >/dev/null 2>&1 &
    process=$!
    sleep "$(python3 -c "print($n * 0.9)")"
    kill -KILL -- -$process 2>/dev/null
    wait $process
    within 30 active
    goes_on "dpkg killed $n"
done
rm -f /var/lib/dpkg/lock*
check "dpkg goes on" eval 'dpkg --configure -a >/root/said 2>&1; by_dpkg /out/better.deb'
check "its trial is over" within 300 over
goes_on "after it"

echo "--- the power cut"
in_force >/root/before
by_dpkg /out/dies.deb
check "the new one is in force, on trial" within 120 eval '[ "$(cat /out/dies.version)" = "$(in_force)" ]'
check "and runs" within 60 active
exit $bad
SH
}

# shellcheck disable=SC2016
after_the_cut() {
    cat <<'SH'
check "the trial goes on by itself, and is over" within 300 over
check "the one before is in force" [ "$(in_force)" = "$(cat /root/before)" ]
goes_on "after the cut"
check "the event tells both versions, and ended" within 60 told "$(cat /root/before)" "$(cat /out/dies.version)" ended
check "systemd found no circle" eval '! journalctl -b -o cat --no-pager | grep -i "ordering cycle"'
exit $bad
SH
}

suite_holds() {
    local way status=0 started=$SECONDS
    trap shut_down EXIT
    debian "$1" "$folder"
    sed -e 's#^source = .*#source = "/srv/hall.mp4"#' -e '/^\[mqtt\]/,/^ca_file/d' "$root/etc/presence-agent/agent.toml" >"$root/root/agent.toml"
    rm -rf "$root"/{opt/presence-agent,etc/presence-agent,out,srv/hall.mp4} "$root"/etc/systemd/system/presence-agent-update.service.d
    mkdir -p "$root/out" "$root/opt/src"
    package_for "$1" "$folder"
    cp "$packages"/presence-agent_*.deb "$root/out/now.deb"
    number=1
    for way in good does-not-start sees-nothing reads-no-configuration reads-no-log dies is-ill better; do
        number=$((number + 1))
        # shellcheck disable=SC2086  # a good one has no command
        next_version "$root/out/now.deb" "9.9.$number" "$root/out/$way.deb" ${causes[$way]:+"$way"} ||
            stop "There is no version that $way."
        dpkg-deb -f "$root/out/$way.deb" Version >"$root/out/$way.version"
        [[ -z ${causes[$way]-} ]] || echo "${causes[$way]}" >"$root/out/$way.cause"
    done
    echo does-not-start sees-nothing reads-no-configuration reads-no-log dies is-ill >"$root/out/ways"
    echo "$good_s" >"$root/out/good_s"
    cp "$recording" "$root/srv/hall.mp4"
    { common; before_the_cut; } >"$root/root/inside.sh"
    { common; after_the_cut; } >"$root/root/after.sh"
    boot "--system-call-filter=~adjtimex clock_adjtime"
    say "--- $1, $(inside systemctl --version | head -n 1)"
    run_inside /root/inside.sh || status=1
    say "The power is cut."
    cut_off
    boot "--system-call-filter=~adjtimex clock_adjtime"
    run_inside /root/after.sh || status=1
    shut_down
    say "--- $1: $(if ((status)); then echo FAILED; else echo good; fi), $((SECONDS - started)) s"
    return $status
}

recording=$folder/hall.mp4
walkers_in "$recording"
failed=0
for suite in "${suites[@]}"; do
    (suite_holds "$suite") || failed=1
done
exit $failed
