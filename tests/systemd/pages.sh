#!/usr/bin/env bash
# The commands of the pages for installers, brokers' keepers and technicians, as they stand there: on a booted Debian
# without anything of ours, by a user with sudo, in a copy of the checkout. `bash tests/run.sh --pages` runs it.
#
#   bash tests/systemd/pages.sh [FOLDER [SUITE...]]     the folder keeps the Debians for the next time
#
# What is left to people in the pages is done here: the package is made and copied, the camera is a recording, the
# password that the broker's keeper gets is pasted.
set -euo pipefail
# shellcheck source=tests/systemd/debian.sh
source "$(dirname "${BASH_SOURCE[0]}")/debian.sh"

folder=$(realpath -m "${1:-$(mktemp -d)}")
if (($# > 1)); then suites=("${@:2}"); else suites=(trixie bookworm); fi
pages=(deploy/broker/README.md deploy/README.md systemd/README.md)

# shellcheck disable=SC2016  # expanded inside
inside_script() {
    cat <<'SH'
set -u
home=/home/technician
checkout=$home/presence-agent
blocks=/opt/blocks
bad=0
check() { if "${@:2}"; then echo "good: $1"; else echo "BAD:  $1"; bad=1; fi; }
within() { local end=$((SECONDS + $1)); shift; until "$@"; do ((SECONDS < end)) || return 1; sleep 0.5; done; }
ends_well() { # ends_well NUMBER: a block by the technician; what it says is kept
    # The broker's keeper has the project, the installer only what is copied onto the Pi.
    local folder=$home
    [[ $line != *deploy/broker/* ]] || folder=$checkout
    (cd "$folder" && runuser -u technician -- env -i HOME=$home LANG=C.UTF-8 \
        PATH=/usr/local/bin:/usr/bin:/bin bash "$blocks/$1.sh") >"$blocks/$1.out" 2>&1 <"${given:-/dev/null}"
    local status=$?
    ((status == 0)) || tail -n 30 "$blocks/$1.out"
    return $status
}
says() { grep -q -- "$2" "$blocks/$1.out"; }

ip link set lo up
echo "127.0.0.1 broker.example" >>/etc/hosts
useradd --create-home --shell /bin/bash --groups systemd-journal technician
echo 'technician ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/technician
mkdir -p $checkout /media/stick
cp /opt/package/presence-agent_*.deb /tmp/
tar -C $checkout -xf /root/checkout.tar
chown -R technician: $checkout
chmod 755 $blocks && chmod 644 $blocks/*.sh
check "there is no network" [ -z "$(ip route)" ]
python3 -P -c 'import sys; sys.path.insert(0, "/opt/src")
from tests.systemd.booted import keep_time
keep_time()'

# What the broker's keeper does after a device is lost comes last: it takes this device away.
mapfile -t list <$blocks/list
first=("${list[0]}") later=()
for line in "${list[@]:1}"; do
    if [[ $line == *deploy/broker/* ]]; then later+=("$line"); else first+=("$line"); fi
done
for line in "${first[@]}" "${later[@]}"; do
    number=${line%% *}
    text=$(tail -n +2 "$blocks/$number.sh")
    given=
    case $text in
        *mqtt-password*)
            sed -n 's/^The password of .* is shown only now: //p' "$blocks/00.out" | head -n 1 >/root/pasted
            check "the broker's keeper was shown a password" [ -s /root/pasted ]
            given=/root/pasted
            cp /etc/mosquitto/presence/ca.pem /tmp/
            ;;
        *"presence-agent doctor"*) within 60 systemctl -q is-active presence-agent ;;
        *"log tail"*) within 60 eval '[ "$(/usr/bin/presence-agent log tail --no-follow | wc -l)" -gt 5 ]' ;;
    esac
    check "${line#* }: $(echo "$text" | tr '\n' ';')" ends_well "$number"
    case $text in
        *"--example"*)
            sed -i -e 's|^source = .*|source = "/srv/hall.mp4"|' -e 's|^# \(ca_file = \)|\1|' /etc/presence-agent/agent.toml
            check "the example has a line for ca_file" grep -q '^ca_file = "/etc/presence-agent/ca.pem"' /etc/presence-agent/agent.toml
            ;;
        *"log tail"*) check "people were counted" says "$number" "somebody" ;;
        *"doctor --bundle"*) check "the bundle is on the stick" eval 'ls /media/stick/*.tar.gz' ;;
    esac
done
check "systemd knows the page of the service" eval 'systemctl status presence-agent --no-pager | grep -q "Docs: file:/usr/share/doc/presence-agent/"'
exit $bad
SH
}

suite_holds() {
    trap shut_down EXIT
    debian "$1" "$folder"
    # Nothing of ours is there: that is what the pages are for.
    rm -rf "$root"/{opt/presence-agent,etc/presence-agent,home/technician,media/stick,opt/blocks,srv/hall.mp4}
    sed -i '/^technician:/d' "$root"/etc/{passwd,group,shadow,gshadow}
    sed -i 's/,technician//; s/technician//' "$root"/etc/{group,gshadow}
    mkdir -p "$root/opt/blocks" "$root/opt/src"
    cp "$recording" "$root/srv/hall.mp4"
    "$python" -P -c 'import sys; sys.path.insert(0, sys.argv[1])
from tests.pages import main
main(*sys.argv[2:])' "$ROOT" "$root/opt/blocks" "${pages[@]}"
    (cd "$ROOT" && git ls-files -z --cached --others --exclude-standard | tar -cf "$root/root/checkout.tar" --null -T -)
    package_for "$1" "$folder"
    inside_script >"$root/root/inside.sh"
    hold_inside "$1"
}

recording=$folder/hall.mp4
walkers_in "$recording"
failed=0
for suite in "${suites[@]}"; do
    (suite_holds "$suite") || failed=1
done
exit $failed
