#!/usr/bin/env bash
# The service on booted Debians 12 and 13, with the agent on a recording, a broker and a receiver: ready, watchdog,
# sandbox, reload, stop, a power cut, restarts, a camera that never comes. `bash tests/run.sh --systemd` runs it.
#
#   bash tests/systemd/acceptance.sh [FOLDER [SUITE...]]     the folder keeps the Debians for the next time
set -euo pipefail
# shellcheck source=tests/systemd/debian.sh
source "$(dirname "${BASH_SOURCE[0]}")/debian.sh"

folder=$(realpath -m "${1:-$(mktemp -d)}")
if (($# > 1)); then suites=("${@:2}"); else suites=(bookworm trixie); fi

# What both halves inside start with.
common() {
    cat <<'SH'
set -u
bad=0
drop=/etc/systemd/system/presence-agent.service.d
log=/var/lib/presence-agent/events.db
check() { if "${@:2}"; then echo "good: $1"; else echo "BAD:  $1"; bad=1; fi; }
not() { ! "$@"; }
now() { echo "${EPOCHREALTIME//[!0-9]/}"; }
of() { systemctl show presence-agent -p "$1" --value; }
is() { [ "$(of "$1")" = "$2" ]; }
within() { # within S COMMAND...
    local end=$((SECONDS + $1)); shift
    until "$@"; do ((SECONDS < end)) || return 1; sleep 0.1; done
}
another() { local pid; pid=$(of MainPID); [ "$pid" != 0 ] && [ "$pid" != "$before" ] && is ActiveState active; }
said() { journalctl -u presence-agent -o cat --no-pager | grep -q "$1"; }
with() { # with LINE...: the unit has these lines too, in [Service]
    mkdir -p $drop; { echo "[Service]"; printf '%s\n' "$@"; } >$drop/test.conf; systemctl daemon-reload
}
without() { rm -f $drop/test.conf; systemctl daemon-reload; }
receive() {
    mosquitto_sub -V 5 -x 100000 -c -i hub -q 1 -h localhost -p 8883 --cafile /etc/presence-agent/ca.pem -u hub \
        -P "$(cat /root/hub)" -t 'presence/v1/#' -F '%t %p' >>/root/heard 2>/root/heard.err &
}
events() { grep -c /event/ /root/heard; }
more_events() { [ "$(events)" -gt "$count" ]; }
SH
}

# shellcheck disable=SC2016  # expanded inside
first_half() {
    cat <<'SH'
ip link set lo up
cd /opt/src/deploy/broker
bash mosquitto.sh --name localhost >/dev/null
bash account.sh add-device que-phong one-stop --password-file /etc/presence-agent/mqtt-password >/dev/null
bash account.sh add-central hub --password-file /root/hub >/dev/null
cp /etc/mosquitto/presence/ca.pem /etc/presence-agent/
# What is taken away on the broker's own machine, and the timer that keeps certificates going.
broker() { systemctl show mosquitto -p MainPID --value; }
listed() { openssl crl -in /etc/mosquitto/presence/crl.pem -noout -crlnumber; }
lurk() { # lurk NAME: a device's certificate, and somebody who is connected with it and would not come back
    bash account.sh add-device elsewhere "$1" --certificate >/dev/null
    cp "/etc/mosquitto/presence/issued/elsewhere_$1".* /root/
    mosquitto_sub -V 5 -h localhost -p 8884 --cafile /etc/mosquitto/presence/ca.pem --cert "/root/elsewhere_$1.pem" \
        --key "/root/elsewhere_$1.key" -t "presence/v1/elsewhere/$1/cmd/x" -d >"/root/lurk-$1" 2>&1 &
    lurker=$!
    within 30 grep -q SUBACK "/root/lurk-$1"
}
gone() { ! kill -0 "$lurker" 2>/dev/null; }
for name in presence-broker-revocations.service presence-broker-revocations.timer; do
    said=$(systemd-analyze verify $name 2>&1)
    check "$name: systemd has nothing to say $said" [ -z "$said" ]
done
check "the timer of the list of revoked certificates waits" systemctl -q is-active presence-broker-revocations.timer
lurk one
runs=$(broker)
bash account.sh remove-device elsewhere one >/dev/null
check "who is connected with a certificate that is taken away is put out" within 30 gone
check "the broker is not restarted for it" [ "$runs" = "$(broker)" ]
list=$(listed)
check "the service of the list ends well" systemctl start presence-broker-revocations.service
check "the list is another one" [ "$list" != "$(listed)" ]
check "the broker has read it, and is the same" [ "$runs" = "$(broker)" ]
lurk two
echo all elsewhere/two >/etc/mosquitto/presence/ending
check "the service ends what a script had started" systemctl start presence-broker-revocations.service
check "who was connected then is put out" within 30 gone
check "nothing of it is left" [ ! -s /etc/mosquitto/presence/ending ]
install -m 600 /dev/stdin /etc/presence-agent/camera-password <<<of-the-camera

# What deploy/README.md names, and nothing else.
check "apt installs the package" install_agent
check "its user is there" grep -q ^presence-agent: /etc/passwd
check "the command is where everybody finds it" [ "$(bash -c 'command -v presence-agent')" = /usr/bin/presence-agent ]
for page in $(sed -n 's|^Documentation=file:||p' /usr/lib/systemd/system/presence-agent* | sort -u) \
    $(sed -n 's|^Documentation: file:||p' /usr/lib/systemd/catalog/presence-agent* | sort -u); do
    check "what units and journal name is there: $page" [ -s "$page" ]
done
check "secrets are root's alone" [ "$(stat -c %U:%a /etc/presence-agent/*-password | sort -u)" = root:600 ]
for name in presence-agent.service presence-agent-credentials.path presence-agent-credentials.service \
    presence-agent-check.service presence-agent-check.timer; do
    said=$(systemd-analyze verify $name 2>&1)
    check "$name: systemd has nothing to say $said" [ -z "$said" ]
done
timer() { systemctl -q is-active presence-agent-check.timer && [ -n "$(systemctl show presence-agent-check.timer -p NextElapseUSecRealtime --value)" ]; }
check "the daily check waits for its time, without a restart of the machine" timer
check "the agent starts with the machine" systemctl -q is-enabled presence-agent
check "the agent does not start by itself before that" is ActiveState inactive
receive

# As an older version left it, whose user systemd made up.
mkdir -p /var/lib/private/presence-agent /run/private/presence-agent
chmod 700 /var/lib/private /run/private
echo kept >/var/lib/private/presence-agent/old
chown -R 62000:62000 /var/lib/private/presence-agent /run/private/presence-agent
ln -s private/presence-agent /var/lib/presence-agent
ln -s private/presence-agent /run/presence-agent

systemctl daemon-reload
# What the sandbox leaves: started with all that the agent itself has; on Debian 12 ExecStartPost= would have no credentials.
cat >/root/probe.sh <<'PROBE'
#!/bin/sh
try() { if eval "$2" >/dev/null 2>&1; then echo "$1"; fi; }
{
    try "reads shadow" "cat /etc/shadow"
    try "reads the secret's file" "cat /etc/presence-agent/mqtt-password"
    try "reads root's home" "ls /root"
    try "sees home" "ls /home/somebody"
    try "writes etc" "echo >/etc/presence-agent/x"
    try "writes usr" "echo >/usr/x"
    try "writes home" "echo >/home/x"
    try "writes var" "echo >/var/tmp/../x"
    try "writes opt" "echo >/opt/x"
    try "sees tmp of others" "ls /tmp/of-others"
    try "sees others' processes" "cat /proc/1/cmdline"
    try "reads the kernel's log" "dmesg"
    try "sets the clock" "date -s 2030-01-01"
    try "has a new namespace" "unshare -r true"
    try "writes the kernel's settings" "echo 1 >/proc/sys/kernel/panic"
    try "reads the disk" "head -c 1 /dev/vda"
    try "reads the network's tap" "head -c 1 /dev/net/tun"
    try "LEAVES: credential" "grep -q of-the-camera /run/credentials/presence-agent.service/camera-password"
    try "LEAVES: state" "echo >\$STATE_DIRECTORY/probe && rm \$STATE_DIRECTORY/probe"
    try "LEAVES: null" "echo >/dev/null && head -c 1 /dev/urandom"
    try "LEAVES: memory" "cat /proc/meminfo /proc/sys/kernel/random/boot_id"
    try "LEAVES: video" "id -nG | grep -qw video"
} >"$RUNTIME_DIRECTORY/probe"
PROBE
install -m 755 /root/probe.sh /usr/local/bin/probe
mkdir -p /home/somebody; echo >/tmp/of-others
with "ExecStartPre=/usr/local/bin/probe" "WatchdogSec=5" "TimeoutStartSec=60"

begin=$(now)
systemctl start --no-block presence-agent
within 10 is ActiveState activating
check "it is activating first" is ActiveState activating
systemctl start presence-agent
check "ready after $((($(now) - begin) / 100000)) tenths of a second" is ActiveState active
is ActiveState active || { journalctl -u presence-agent -o cat --no-pager | tail -n 20; exit 1; }
check "ready only after it was said to watch" said "watches"
check "an event is logged by then" [ -s $log ]
check "what an older version left is kept, and its own" [ "$(stat -c %U:%a /var/lib/presence-agent/old 2>&1) $(stat -c %F:%a /var/lib/presence-agent)" = "presence-agent:644 directory:700" ]
check "its runtime folder too" [ "$(stat -c %U:%F:%a /run/presence-agent)" = presence-agent:directory:700 ]
within 10 [ -e /run/presence-agent/probe ]
sleep 0.5
found=$(grep -v ^LEAVES /run/presence-agent/probe)
check "the rest of the system is closed to it $found" [ -z "$found" ]
found=$(grep -c ^LEAVES /run/presence-agent/probe)
check "credentials, its state, video, memory are open to it" [ "$found" = 5 ]
[ "$found" = 5 ] || cat /run/presence-agent/probe
within 20 said "connected to the broker"
within 20 [ -s /root/heard ]
count=0; check "events come" within 30 more_events

# No memory of ours gets onto the card or to other users: as systemd has it, and as the kernel does.
for unit in presence-agent presence-agent-check presence-agent-credentials; do
    for kept in LimitCORE=0 LimitCORESoft=0 CoredumpFilter=0x10 UMask=0077 MemorySwapMax=0; do
        said=$(systemctl show $unit -p "${kept%%=*}")
        check "$unit: $kept (is $said)" [ "$said" = "$kept" ]
    done
done
pid=$(of MainPID)
check "the kernel dumps nothing of it" grep -Eq '^Max core file size +0 +0 ' "/proc/$pid/limits"
check "nor to a program" [ "$(cat "/proc/$pid/coredump_filter")" = 00000010 ]
check "its files are its own" grep -Eq '^Umask:.0077$' "/proc/$pid/status"
check "the log, too" [ "$(stat -c %a $log)" = 600 ]

before=$(of MainPID)
if [ -n "$before" ] && [ "$before" -gt 1 ]; then kill -STOP "$before"; fi
begin=$(now)
check "stopped: the watchdog restarts it" within 90 another
check "after $((($(now) - begin) / 1000000)) s" is ActiveState active
check "and it was the watchdog" journalctl -q -u presence-agent -g 'Watchdog timeout' -o cat -n 1 --output-fields=MESSAGE
check "no dump of its memory is left" [ -z "$(find / -xdev -name 'core*' -type f -size +100k 2>/dev/null | grep -v '/usr/\|/opt/\|/presence-agent-versions/')" ]

digest() { grep '/info ' /root/heard | tail -n 1 | grep -o '"config_digest":"[^"]*"'; }
another_digest() { [ "$(digest)" != "$old" ]; }
times() { journalctl -u presence-agent -o cat --no-pager | grep -c "$1"; }
says_more() { [ "$(times "$1")" -gt "$2" ]; }
unbroken() { [ "$(of MainPID) $(of NRestarts) $(of ActiveState)" = "$before $starts active" ]; }
reload() { # reload NAME LINE [bad]: the agent says LINE, and goes on as the same process
    local count
    count=$(times "$2")
    check "reload, $1: systemctl says ${3:-good}" ${3:+not} systemctl reload presence-agent
    check "reload, $1: the journal says so" within 15 says_more "$2" "$count"
    check "reload, $1: same process, no restart, active" within 10 unbroken
}
before=$(of MainPID); starts=$(of NRestarts)
within 20 [ -n "$(digest)" ]
old=$(digest)
sed -i 's/min_dwell_s = 0.5/min_dwell_s = 1.5/' /etc/presence-agent/agent.toml
reload "a zone" "the configuration was read again; new: .*zone"
check "reload, a zone: the broker has another digest" within 10 another_digest
old=$(digest)
cp /etc/presence-agent/agent.toml /root/good.toml
echo "nonsense = 1" >>/etc/presence-agent/agent.toml
reload "a wrong file" "the new configuration was refused, the old one stays in force: .*nonsense" bad
check "reload, a wrong file: health says so" within 10 said "health .*configuration_refused"
check "reload, a wrong file: the digest stays" not another_digest
cp /root/good.toml /etc/presence-agent/agent.toml
sed -i 's/^\[camera\]/&\nfps = 4/' /etc/presence-agent/agent.toml
reload "the camera" "restarting the pipeline"
check "reload, the camera: the broker has another digest" within 20 another_digest
check "reload, the camera: still the same" unbroken
cp /root/good.toml /etc/presence-agent/agent.toml
reload "the camera back" "restarting the pipeline"

begin=$(now)
systemctl stop presence-agent
took=$((($(now) - begin) / 100000))
check "stopped in $took tenths of a second" [ $took -le 50 ]
check "in order" is Result success

cp /etc/presence-agent/agent.toml /root/good.toml
echo "nonsense = 1" >>/etc/presence-agent/agent.toml
systemctl start presence-agent 2>/dev/null
sleep 5
check "a wrong configuration: exit code 2, no restart" [ "$(of ExecMainStatus) $(of ActiveState) $(of NRestarts)" = "2 failed 0" ]
cp /root/good.toml /etc/presence-agent/agent.toml
systemctl reset-failed presence-agent
with "Type=exec" "ExecStart=" "ExecStart=/bin/sh -c 'exit 1'"
systemctl start presence-agent
sleep 17
number=$(of NRestarts)
check "a process that always ends: $number restarts in 17 s" [ "$number" -ge 4 -a "$number" -le 6 ]
check "and not given up" is ActiveState activating
systemctl stop presence-agent
without

sed -i 's|^source = .*|source = "rtsp://127.0.0.1:1/nothing"|' /etc/presence-agent/agent.toml
# As long as a busy machine takes to start Python.
with "TimeoutStartSec=30"
systemctl start --no-block presence-agent
within 10 eval '[ "$(of MainPID)" != 0 ]'
before=$(of MainPID)
sleep 34
check "a camera that is not there: the same process for longer than a start may take" [ "$(of MainPID) $(of ActiveState)" = "$before activating" ]
check "it is online at the broker" eval 'grep /status /root/heard | tail -n 1 | grep -q online'
check "the camera is told as lost" eval 'grep /event/ /root/heard | tail -n 3 | grep -q "\"lost\""'
kill -9 "$before"
check "killed while it waits for the camera: restarted" within 20 eval '[ "$(of MainPID)" != 0 ] && [ "$(of MainPID)" != "$before" ]'
begin=$(now)
systemctl stop presence-agent
took=$((($(now) - begin) / 100000))
check "stopped without a camera in $took tenths of a second" [ $took -le 50 ]
cp /root/good.toml /etc/presence-agent/agent.toml
without

systemctl start presence-agent
check "the daily look is good" systemctl start presence-agent-check.service
journalctl -u presence-agent-check -o cat --no-pager | grep card
check "the journal is on the card" [ -n "$(ls -A /var/log/journal)" ]

# Doctor sees what the kernel makes of the limits, and the daily check.
# examined [COMMAND...]: what doctor finds, a line each, beside an agent that has just been started.
examined() {
    systemctl restart presence-agent
    "$@" presence-agent doctor --json >/root/doctor.json 2>/root/doctor.err
    python3 -c 'import json
for check in json.load(open("/root/doctor.json"))["checks"]: print(check["code"], "|", check["found"], "|", check["remedy"])'
}
finds() { grep -q "$1" <<<"$found"; }
group=/sys/fs/cgroup/$(systemctl show presence-agent -p ControlGroup --value)
found=$(examined)
check "doctor: the daily check is on" not finds service.no_daily_check
if [ -e "$group/memory.max" ]; then
    check "doctor: the limits are in force" finds '^memory.limited | the service may take 450 MiB'
    systemctl set-property --runtime presence-agent MemorySwapMax=64M
    found=$(examined)
    check "doctor: it may be swapped" finds '^memory.swapped '
    systemctl revert presence-agent 2>/dev/null
else
    # As on Raspberry Pi OS, where the kernel has no controller of memory for systemd.
    check "doctor: no limit is in force" finds '^memory.no_controller .*cgroup_enable=memory.*/boot/firmware/cmdline.txt'
    mkdir -p /boot/firmware
    echo "console=tty1 root=/dev/mmcblk0p2 rootwait" >/boot/firmware/cmdline.txt
    echo "coherent_pool=1M cgroup_disable=memory $(cat /boot/firmware/cmdline.txt)" >/root/cmdline
    mount --bind /root/cmdline /proc/cmdline
    systemctl -q stop presence-agent-check.timer
    found=$(examined setpriv --reuid=65534 --regid=65534 --clear-groups)
    check "doctor: the firmware's word, as an ordinary user" finds '^memory.controller_off .*cgroup_disable=memory.*cgroup_enable=memory'
    check "doctor: the daily check is off" finds '^service.no_daily_check .*enable --now presence-agent-check.timer'
    systemctl -q start presence-agent-check.timer
    umount /proc/cmdline
fi

# Rights: doctor looks as the service, `run` ends with 2, and the command that both name fixes it.
mkdir -p /home/somebody && cp /opt/src/models/vtest.avi /home/somebody/clip.avi
cp -r /opt/src/models /srv/models; chmod -R a+rX /srv/models
of_root() { # of_root NAME CODE: doctor finds CODE, the service does not start, and does once the sentence is obeyed
    local words code=$2
    systemctl stop presence-agent
    systemctl start presence-agent 2>/dev/null
    check "$1: the service ends with 2, and stays so" eval '[ "$(of ExecMainStatus) $(of ActiveState)" = "2 failed" ]'
    presence-agent doctor --json >/root/doctor.json 2>/root/doctor.err
    found=$(python3 -c 'import json
for check in json.load(open("/root/doctor.json"))["checks"]: print(check["code"], "|", check["found"])')
    check "$1: doctor looks as the service" finds '^whose.service '
    check "$1: doctor finds $2, and the last words" eval 'finds "^$code " && finds "^service.failed_saying "'
    words=$(sed -n "s/^${2//./\\.} .*\`sudo \([^\`]*\)\`.*/\1/p" <<<"$found" | head -n 1)
    check "$1: told to do: $words" [ -n "$words" ]
    $words
    case $2 in camera.*) sed -i "s|^source = .*|source = \"/srv/clip.avi\"|" /etc/presence-agent/agent.toml ;; esac
    systemctl restart presence-agent
    check "$1: then it works" is ActiveState active
    cp /root/good.toml /etc/presence-agent/agent.toml
}
with "Environment=PRESENCE_AGENT_MODELS=/srv/models"
sed -i 's|^source = .*|source = "/home/somebody/clip.avi"|' /etc/presence-agent/agent.toml
of_root "a recording in /home" camera.closed
chmod 600 /etc/presence-agent/ca.pem
of_root "the authority for root only" broker_tls.closed
chmod 600 /etc/presence-agent/agent.toml
of_root "the configuration for root only" configuration.closed
chmod 700 /srv/models/prepared
of_root "weights prepared under umask 077" weights.closed
without
systemctl restart presence-agent
# A bundle by the real journal and systemd: the password is in a line of the unit, a variable in a drop-in.
with "Environment=API_TOKEN=quince-in-a-drop-in"
password=$(cat /etc/presence-agent/mqtt-password)
printf 'MESSAGE=refused: que-phong/one-stop:%s by all\nPRIORITY=6\nOBJECT_PID=%s\n' "$password" "$(of MainPID)" | logger --journald
within 10 said "refused: que-phong"
rm -rf /media/stick && mkdir -p /media/stick
check "doctor writes a bundle" [ -n "$(presence-agent doctor --bundle /media/stick | grep 'no secret')" ]
check "for its owner only" [ "$(stat -c %U:%a /media/stick/*.tar.gz)" = root:600 ]
tar -xzf /media/stick/*.tar.gz -C /media/stick
in_bundle() { grep -rqF -- "$1" /media/stick/presence-agent-bundle; }
for part in journal.txt units.txt health.json events.json; do
    check "bundle: $part is there" not grep -q not_had /media/stick/presence-agent-bundle/$part
done
check "bundle: all could be had" grep -q '^All of it could be had' /media/stick/presence-agent-bundle/README.txt
check "bundle: the line is there without the password" in_bundle "refused: que-phong/one-stop:*** by all"
check "bundle: the unit is there without the variable" in_bundle "Environment=***"
check "bundle: the service's state" in_bundle "ActiveState=active"
check "bundle: how it is" in_bundle "health verdict="
for secret in "$password" "$(printf %s "$password" | base64)" "$(printf 'que-phong/one-stop:%s' "$password" | base64)" quince-in-a-drop-in; do
    check "bundle: none of $(printf %s "$secret" | sha256sum | cut -c 1-8)" not in_bundle "$secret"
done
check "bundle: no event of a person" not grep -rqE '"track"|zone.left.*dwell' /media/stick/presence-agent-bundle
without

for language in en_US vi_VN; do localedef -i $language -f UTF-8 $language.UTF-8; done
# explained LANGUAGE CATALOGUE: a line of the agent is explained by the subject that the catalogue has for its id.
explained() {
    local id subject shown told=
    shown=$(LC_ALL=$1 journalctl -u presence-agent -x -n 200 --no-pager)
    for id in $(journalctl -u presence-agent -n 200 -o json --output-fields=MESSAGE_ID --no-pager | grep -o '"MESSAGE_ID":"[0-9a-f]*"' | cut -d '"' -f 4 | sort -u); do
        subject=$(grep -A 1 "^-- $id" "$2" | sed -n 's/^Subject: //p')
        if [ -z "$subject" ] || [[ $subject == *@* ]]; then continue; fi
        echo "explained: $subject"
        grep -qF -- "Subject: $subject" <<<"$shown" || return 1
        told=1
    done
    [ -n "${told:-}" ]
}
check "journalctl -x explains in English" explained en_US.UTF-8 /opt/src/systemd/presence-agent.catalog
check "and in Vietnamese" explained vi_VN.UTF-8 /opt/src/systemd/presence-agent.vi.catalog

# A recording ends, and the next check wants events.
systemctl restart presence-agent
# The next start of the machine finds an agent whose camera never comes.
mkdir -p $drop
printf '[Service]\nExecStart=\nExecStart=/bin/sleep infinity\nTimeoutStartSec=infinity\n' >$drop/never.conf
count=$(events); check "events come before the power is cut" within 30 more_events
exit $bad
SH
}

# shellcheck disable=SC2016
second_half() {
    cat <<'SH'
ip link set lo up
check "the daily check waits for its time after a restart, too" systemctl -q is-active presence-agent-check.timer
check "multi-user.target is reached beside an agent that is never ready" systemctl is-active -q multi-user.target
within 10 is ActiveState activating
check "which is activating" is ActiveState activating
check "one can log in" [ ! -e /run/nologin -a "$(systemctl is-active systemd-user-sessions)" = active ]
echo "told: is-system-running says $(systemctl is-system-running)"
rm $drop/never.conf
systemctl daemon-reload
receive
kept_before=$(python3 -c "import sqlite3; print(sqlite3.connect('file:$log?mode=ro', uri=True).execute('SELECT max(seq) FROM event').fetchone()[0])")
systemctl restart presence-agent
check "it goes on after the power cut" is ActiveState active
check "the log is whole" eval "presence-agent log verify >/dev/null"
count=$(events); check "events come" within 40 more_events
systemctl stop presence-agent
sleep 2
check "it stops in order" is Result success
python3 - "$kept_before" <<'PY' || bad=1
import json, sqlite3, sys

kept = {seq: body for seq, body in sqlite3.connect("/var/lib/presence-agent/events.db").execute("SELECT seq, body FROM event")}
heard = {}
for line in open("/root/heard", errors="replace"):
    if "/event/" in line and line.rstrip().endswith("}"):
        event = json.loads(line.split(" ", 1)[1])
        heard[event["seq"]] = event
gaps = sorted(set(range(1, max(kept) + 1)) - set(kept))
unlogged, missing = sorted(set(heard) - set(kept)), sorted(set(kept) - set(heard))
print(f"logged {len(kept)}, of them {sys.argv[1]} before the cut; received {len(heard)}; missing in the log {gaps}; "
      f"received and not logged {unlogged}; logged and not received {missing}")
good = not gaps and not unlogged and not missing and max(kept) > int(sys.argv[1])
print("good: nothing logged is lost" if good else "BAD:  something is lost")
sys.exit(not good)
PY
for found in $(cat /root/hub /etc/presence-agent/mqtt-password) of-the-camera; do
    # But for the line that the bundle was tried with.
    check "no secret in the journal" [ "$(journalctl -o cat --no-pager | grep -v '^refused: que-phong' | grep -cF -- "$found")" = 0 ]
done
check "the journal of before the cut is there" [ "$(journalctl --list-boots -q --no-pager | wc -l)" -ge 2 ]
exit $bad
SH
}

suite_holds() {
    local status=0 started=$SECONDS
    trap shut_down EXIT
    debian "$1" "$folder"
    package_for "$1" "$folder"
    say "--- $1"
    { common; by_page; first_half; } >"$root/root/first.sh"
    { common; second_half; } >"$root/root/second.sh"
    boot # by no more options
    inside systemctl --version | head -n 1
    if ! inside bash /root/first.sh; then
        status=1
        # Without an event there is nothing that could be lost.
        if [[ ! -s $root/root/heard ]]; then return 1; fi
    fi
    say "The container is killed."
    cut_off
    boot # by no more options
    inside bash /root/second.sh || status=1
    shut_down
    say "--- $1: $(if ((status)); then echo FAILED; else echo good; fi), $((SECONDS - started)) s"
    return $status
}

# Side by side: most of it is waiting.
outputs=() jobs=() failed=0
for suite in "${suites[@]}"; do
    output=$(mktemp)
    (suite_holds "$suite") >"$output" 2>&1 &
    jobs+=("$!")
    outputs+=("$output")
done
for number in "${!jobs[@]}"; do
    wait "${jobs[number]}" || failed=1
    cat "${outputs[number]}"
    rm -f "${outputs[number]}"
done
exit $failed
