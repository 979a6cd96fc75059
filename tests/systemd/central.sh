#!/usr/bin/env bash
# The centre as deploy/central/README.md sets it up, in a booted Debian: `presence-central init` from a checkout below
# /opt, users, sandboxes, an event from the broker to the API, processes killed, the power cut. Not in tests/run.sh:
# three minutes, and it takes the locked packages from an index.
#
#   bash tests/systemd/central.sh [FOLDER [SUITE]]     the folder keeps Debian for the next time
set -euo pipefail
# shellcheck source=tests/systemd/debian.sh
source "$(dirname "${BASH_SOURCE[0]}")/debian.sh"

folder=$(realpath -m "${1:-$(mktemp -d)}")
suite=${2:-trixie}
included+=,python3-venv
debian "$suite" "$folder"
rm -rf "$root"/etc/presence-central "$root"/var/lib/presence-central{,-web} "$root/usr/local/bin/presence-central" \
    "$root"/etc/systemd/system/{,*.wants/}presence-central* "$root/etc/sysusers.d/presence-central.conf"
sed -i '/^presence-/d' "$root"/etc/{passwd,group,shadow,gshadow}
mkdir -p "$root/opt/presence-agent"
git -C "$ROOT" ls-files -z | tar -C "$ROOT" --null --files-from=- -c | tar -C "$root/opt/presence-agent" -x
# The index that this machine takes packages from, while they are fetched.
cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
trust=$root/opt/index.pem
cp -L "${PIP_CERT:-/etc/ssl/certs/ca-certificates.crt}" "$trust"
chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
    {PIP_CERT,SSL_CERT_FILE,REQUESTS_CA_BUNDLE}=/opt/index.pem bash /opt/presence-agent/deploy/environment.sh central
rm -f "$trust"
echo "127.0.0.1 localhost" >"$root/etc/hosts"

cat >"$root/root/inside.sh" <<'SH'
set -u
program=/opt/presence-agent/.venv-central/bin/presence-central
python=/opt/presence-agent/.venv-central/bin/python
accounts=/opt/presence-agent/deploy/broker/account.sh
bad=0
check() { if "${@:2}"; then echo "good: $1"; else echo "BAD:  $1"; bad=1; fi; }
not() { ! "$@"; }
pid() { systemctl show "presence-central-$1" -p MainPID --value; }
within() { # within S COMMAND...
    local end=$((SECONDS + $1)); shift
    until "$@"; do ((SECONDS < end)) || return 1; sleep 0.2; done
}
digest() { find /etc/presence-central /etc/mosquitto/presence /etc/systemd/system/presence-central* -type f -exec sha256sum {} + | sort | sha256sum; }
get() { # get PATH [TOKEN]
    "$python" - "$@" <<'PY'
import ssl, sys, urllib.request
context = ssl.create_default_context(cafile="/etc/mosquitto/presence/ca.pem")
asked = urllib.request.Request(f"https://localhost:8443{sys.argv[1]}")
if len(sys.argv) > 2:
    asked.add_header("Authorization", f"Bearer {sys.argv[2]}")
print(urllib.request.urlopen(asked, context=context, timeout=10).read().decode())
PY
}
answers() { get /login >/dev/null 2>&1; }
has_event() { get /api/v1/events "$(cat /root/token)" 2>/dev/null | grep -q '"seq":1[,}]'; }
again_with() { systemctl -q is-active "presence-central-$1" && [ "$(pid "$1")" != 0 ] && [ "$(pid "$1")" != "$2" ]; }

ip link set lo up
if [ ! -e /root/second ]; then
    check "init" "$program" init --name localhost
    before=$(digest)
    check "again" "$program" init --name localhost
    check "changes nothing" [ "$before" = "$(digest)" ]
    said=$(systemd-analyze verify presence-central-receive.service presence-central-web.service 2>&1)
    check "systemd has nothing to say of the units ($said)" [ -z "$said" ]
    for unit in receive web; do
        exposure=$(systemd-analyze security --no-pager "presence-central-$unit" | grep -o 'level.*: [0-9.]*' | grep -o '[0-9.]*$')
        check "exposure of $unit: $exposure" [ "${exposure%.*}" -lt 2 ]
    done
    check "it is in the path" [ "$(command -v presence-central)" = /usr/local/bin/presence-central ]

    bash "$accounts" add-device que-phong one-stop --password-file /root/device >/dev/null
    mosquitto_pub -h localhost -p 8883 --cafile /etc/mosquitto/presence/ca.pem -u que-phong/one-stop -P "$(cat /root/device)" -q 1 \
        -t presence/v1/que-phong/one-stop/event/gate/line/crossed -m "{\"v\":1,\"log\":\"5f3a9c21\",\"seq\":1,\"id\":\"5f3a9c21/1\",\"type\":\"line.crossed\",\"ts\":\"$(date -u +%FT%T.000Z)\",\"clock\":\"synced\",\"site\":\"que-phong\",\"device\":\"one-stop\",\"rule\":\"gate\",\"direction\":\"in\",\"track\":\"t1\",\"confidence\":0.9}"
    presence-central token add trial --days 1 >/root/token
    echo 'a long enough password of ours' >/root/leader
    check "a person added by root" presence-central user add chairman --role leader --password-file /root/leader
    check "the page answers" within 30 answers
    check "an event goes from the broker to the API" within 30 has_event
    check "files of people are the web process's alone" [ "$(stat -c '%U %a' /var/lib/presence-central-web/people.db*  | sort -u)" = "presence-web 600" ]
    check "web has no login of the broker" not runuser -u presence-web -- cat /etc/presence-central/broker-password 2>/dev/null
    check "web can't write the store" not runuser -u presence-web -- touch /var/lib/presence-central/store.db 2>/dev/null
    check "web has no key of the authority" not runuser -u presence-web -- cat /etc/mosquitto/presence/ca/ca.key 2>/dev/null
    check "receive has no key of the pages" not runuser -u presence-receive -- cat /etc/presence-central/web.key 2>/dev/null
    check "receive knows no people" not runuser -u presence-receive -- cat /var/lib/presence-central-web/people.db 2>/dev/null
    for unit in receive web; do
        before=$(pid "$unit")
        [ "$unit" = web ] && other=receive || other=web
        kept=$(pid "$other")
        kill -9 "$before"
        check "$unit is back after kill -9" within 30 again_with "$unit" "$before"
        check "and $other did not notice" [ "$(pid "$other")" = "$kept" ]
    done
    check "the page answers again" within 30 answers
    faults=$(presence-central doctor --json | "$python" -c '
import json, sys
print(*(one["code"] for one in json.load(sys.stdin)["checks"] if one["status"] in {"fault", "unknown"}))')
    # Nobody may set this clock.
    check "doctor finds nothing wrong but the clock: $faults" not grep -qv '^time\.[a-z_]*$' <<<"${faults:-time.ok}"
    check "no journal line has a password" not grep -qFf /etc/presence-central/broker-password <(journalctl -o cat)
    touch /root/second
    sync
else
    for unit in receive web; do check "$unit runs after a power cut" within 60 systemctl -q is-active "presence-central-$unit"; done
    check "the event is there" within 60 has_event
    check "status" presence-central status
fi
[ $bad = 0 ] || journalctl -o short-precise -u 'presence-central-*' | tail -n 60
exit $bad
SH
rm -f "$root/root/second"
status=0
for time in "first boot" "after a power cut"; do
    boot_bare
    say "--- $suite, $time"
    run_inside /root/inside.sh || status=1
    if [[ $time == first* ]]; then cut_off; else shut_down; fi
done
say "--- $suite: $(if ((status)); then echo FAILED; else echo good; fi), $SECONDS s"
exit $status
