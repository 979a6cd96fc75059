#!/usr/bin/env bash
# A secret that is changed under systemd: a booted Debian 12 with the units, the broker of deploy/broker and the agent on
# a recording, and a receiver that counts. Not in tests/run.sh: it wants root, mmdebstrap, systemd-container, about
# 400 MB from Debian's mirror and three minutes.
#
#   bash tests/systemd/rotation.sh [FOLDER]     the folder keeps Debian for the next time
#
# Python's packages are taken from the environment of the python3.11 that runs here (PYTHON=...).
set -euo pipefail
# shellcheck source=deploy/environment.sh
source "$(dirname "${BASH_SOURCE[0]}")/../../deploy/environment.sh"

[[ $EUID -eq 0 ]] || stop "Run this as root."
for program in mmdebstrap systemd-nspawn nsenter; do
    command -v "$program" >/dev/null || stop "$program is not installed (Debian: mmdebstrap, systemd-container, util-linux)."
done
folder=$(realpath -m "${1:-$(mktemp -d)}")
root=$folder/bookworm
python=${PYTHON:-$ROOT/.venv-tests/bin/python}
packages=$("$python" -c 'import sys, sysconfig; assert sys.version_info[:2] == (3, 11); print(sysconfig.get_path("purelib"))') ||
    stop "Give a Python 3.11 that has the agent's packages: PYTHON=/.../bin/python bash tests/systemd/rotation.sh"
[[ -e $ROOT/models/vtest.avi ]] || stop "The footage is not here: presence-agent models fetch --samples"

if [[ ! -e $root/done ]]; then
    mirror=$(grep -hoE 'https?://[^ ]+' /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null |
        grep -vE 'security|snapshot' | head -n 1)
    mkdir -p "$folder"
    rm -rf "$root"
    say "Making a Debian 12 in $root ..."
    mmdebstrap --quiet --variant=minbase --aptopt='Acquire::Check-Valid-Until "false"' \
        --include=systemd-sysv,dbus,python3,mosquitto,mosquitto-clients,openssl,ca-certificates,procps,iproute2 \
        bookworm "$root" "$mirror" </dev/null
    touch "$root/done"
fi
mkdir -p "$root"/opt/presence-agent/{bin,lib} "$root/opt/src" "$root/etc/presence-agent"
rm -rf "$root"/etc/mosquitto/{presence,conf.d/presence.conf} "$root"/var/lib/{private/,}presence-agent "$root"/root/* \
    "$root"/etc/presence-agent/* "$root"/var/log/journal
cp "$ROOT"/systemd/presence-agent* "$root/etc/systemd/system/"
echo "127.0.0.1 localhost" >"$root/etc/hosts"
cat >"$root/opt/presence-agent/bin/presence-agent" <<'SH'
#!/bin/sh
PYTHONPATH=/opt/src:/opt/presence-agent/lib PYTHONDONTWRITEBYTECODE=1 exec /usr/bin/python3 -m agent "$@"
SH
chmod 755 "$root/opt/presence-agent/bin/presence-agent"
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
[mqtt]
host = "localhost"
port = 8883
username = "que-phong/one-stop"
password_file = "/run/credentials/presence-agent.service/mqtt-password"
ca_file = "/etc/presence-agent/ca.pem"
[log]
path = "/var/lib/presence-agent/events.db"
TOML

cat >"$root/root/inside.sh" <<'SH'
set -u
cd /opt/src/deploy/broker
file=/etc/presence-agent/mqtt-password
used=/run/credentials/presence-agent.service/mqtt-password
bad=0
check() { if "${@:2}"; then echo "good: $1"; else echo "BAD:  $1"; bad=1; fi; }
pid() { systemctl show presence-agent -p MainPID --value; }
starts() { journalctl -u presence-agent-credentials -o cat | grep -c "started again"; }
secret() { bash account.sh new-password que-phong one-stop --password-file /root/new >/dev/null; }
within() { # within S COMMAND...
    local end=$((SECONDS + $1)); shift
    until "$@"; do ((SECONDS < end)) || return 1; sleep 0.1; done
}
given() { cmp -s /root/new "$used" && [ "$(pid)" != 0 ] && [ "$(pid)" != "$before" ]; }
in_touch() { journalctl -u presence-agent _PID="$(pid)" -o cat 2>/dev/null | grep -q "connected to the broker"; }

ip link set lo up
bash mosquitto.sh --name localhost >/dev/null
bash account.sh add-device que-phong one-stop --password-file $file >/dev/null
bash account.sh add-central hub --password-file /root/hub >/dev/null
cp /etc/mosquitto/presence/ca.pem /etc/presence-agent/
mosquitto_sub -V 5 -x 100000 -c -i hub -q 1 -h localhost -p 8883 --cafile /etc/presence-agent/ca.pem -u hub \
    -P "$(cat /root/hub)" -t 'presence/v1/#' -F '%t %p' >/root/heard &
sleep 1
systemctl daemon-reload
said=$(systemd-analyze verify presence-agent.service presence-agent-credentials.path presence-agent-credentials.service 2>&1)
check "systemd has nothing to say of the units" [ -z "$said" ]
systemctl start presence-agent
within 30 in_touch

while IFS='|' read -r name change; do
    before=$(pid)
    secret
    eval "$change" &
    within 15 [ -e $file ]
    begin=${EPOCHREALTIME//./}
    wait $!
    closed=${EPOCHREALTIME//./}
    within 15 given
    took=$(((${EPOCHREALTIME//./} - closed) / 100000))
    check "$name: in force $((took / 10)).$((took % 10)) s after it was closed" given
    check "$name: within 5 s" [ $took -le 50 ]
    check "$name: connected" within 20 in_touch
    sleep 5
done <<'CHANGES'
echo >|cat /root/new >$file
mv|cp /root/new $file.new; mv $file.new $file
in two writes, each closed|: >$file; head -c 9 /root/new >>$file; sleep 0.3; tail -c +10 /root/new >>$file
a slow writer|(head -c 9 /root/new; sleep 2; tail -c +10 /root/new) >$file
CHANGES

count=$(starts)
touch $file; cat /root/new >$file; echo "# a note" >>/etc/presence-agent/agent.toml; echo >/etc/presence-agent/other
sleep 6
check "what is no new secret starts nothing" [ "$(starts)" = "$count" ]
for number in $(seq 40); do echo "wrong$number" >$file; sleep 0.1; [ $((number % 8)) != 0 ] || sleep 0.8; done
cat /root/new >$file
sleep 12
check "41 changes in a row: the last one is in force after $(($(starts) - count)) starts" cmp -s /root/new $used
check "the agent runs" systemctl -q is-active presence-agent
check "and is watched" systemctl -q is-active presence-agent-credentials.path
within 30 in_touch
systemctl stop presence-agent
check "its runtime folder stays" [ -d /run/presence-agent ]
sleep 2
python3 - <<'PY' || bad=1
import json, sqlite3, sys
kept = {seq for seq, in sqlite3.connect("/var/lib/presence-agent/events.db").execute("SELECT seq FROM event")}
got = [json.loads(line.split(" ", 1)[1])["seq"] for line in open("/root/heard") if "/event/" in line]
print(f"in the log {len(kept)}, received {len(got)}, different {len(set(got))}, missing {sorted(kept - set(got))}")
sys.exit(not kept or bool(kept - set(got)))
PY
for found in $(cat /root/hub /root/new $file); do
    check "no secret in the journal" [ "$(journalctl -o cat --no-pager | grep -cF -- "$found")" = 0 ]
done
exit $bad
SH

systemd-nspawn -q -D "$root" --boot --machine="rotation$$" --register=no --keep-unit --private-network \
    --bind-ro="$packages:/opt/presence-agent/lib" --bind-ro="$ROOT:/opt/src" </dev/null >"$folder/boot.log" 2>&1 &
nspawn=$!
leader=
inside() { nsenter -t "$leader" -a -- env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 "$@"; }
end() {
    if [[ -n $leader ]]; then inside systemctl poweroff 2>/dev/null || true; fi
    wait "$nspawn" || true
}
trap end EXIT
for _ in $(seq 100); do
    leader=$(pgrep -P "$nspawn" | head -n 1 || true)
    if [[ -n $leader ]] && inside systemctl is-system-running 2>/dev/null | grep -qE 'running|degraded'; then break; fi
    sleep 0.2
done
inside bash /root/inside.sh
