#!/usr/bin/env bash
# A secret that is changed under systemd: a booted Debian with the units, the broker of deploy/broker and the agent on
# a recording, and a receiver that counts. Not in tests/run.sh: three minutes.
#
#   bash tests/systemd/rotation.sh [FOLDER [SUITE]]     the folder keeps Debian for the next time
set -euo pipefail
# shellcheck source=tests/systemd/debian.sh
source "$(dirname "${BASH_SOURCE[0]}")/debian.sh"

folder=$(realpath -m "${1:-$(mktemp -d)}")
debian "${2:-trixie}" "$folder"
package_for "${2:-trixie}" "$folder"

{ by_page; cat; } >"$root/root/inside.sh" <<'SH'
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
install_agent || exit 1
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

trap shut_down EXIT
boot # by no more options
inside bash /root/inside.sh
