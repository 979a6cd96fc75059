# shellcheck shell=bash
# What the scripts of this folder share: where the broker's files are, and how it is told of new ones.
#
#   ca/            the authority's key and its book; only for who signs, no broker reads it
#   issued/        certificates and keys of devices, to be taken to them
#   ca.pem crl.pem server.pem server.key    what the broker shows and checks
#   accounts       who may do what, a line each; passwords and rights are made from it
# shellcheck source=deploy/environment.sh
source "$(dirname "${BASH_SOURCE[0]}")/../environment.sh"

SYSTEM_DIR=/etc/mosquitto/presence
dir=$SYSTEM_DIR

# What was asked for makes no sense: one sentence, and the exit code for that.
wrong() {
    printf '%s\n' "$*" >&2
    exit 2
}

# need_value OPTION COUNT: the option has something behind it.
need_value() { (($2 > 1)) || wrong "$1 needs a value behind it."; }

is_name() { [[ $1 =~ ^[a-z0-9-]{1,32}$ ]]; }

need_name() {
    is_name "$2" || wrong "\"$2\" can't be the name of $1: only a-z, 0-9 and '-', at most 32 of them."
}

need_openssl() {
    command -v openssl >/dev/null || stop "openssl is not installed: run 'apt-get install openssl' as root."
}

# In a folder of one's own the broker runs as whoever started it; on a real machine as mosquitto.
is_system() { [[ $dir == "$SYSTEM_DIR" ]]; }

need_dir() {
    dir=$(realpath -m "$dir")
    [[ -d $dir ]] || stop "There is no broker in $dir yet: run 'bash deploy/broker/mosquitto.sh' first."
    [[ -w $dir ]] || stop "$dir can't be written: run this as root."
}

# private_file FILE: only the broker reads it, after its drop of privileges too (it reads again at each reload).
private_file() {
    chmod 600 "$1"
    if is_system; then chown mosquitto: "$1"; fi
}

# publish_file NEW FILE: puts a finished file in its place in one step; a broker that reads then sees the old or the new.
publish_file() {
    sync "$1"
    mv -f "$1" "$2"
}

# One writer at a time.
lock_dir() {
    exec 9>"$dir/.lock"
    flock -w 30 9 || stop "Another of these scripts has been at work in $dir for 30 s; try again later."
}

# Lets a running broker read accounts, rights, certificates and revocations again. Connections stay, but of those whose
# password is no longer right.
reload_broker() {
    local pid
    if is_system; then
        if [[ -d /run/systemd/system ]] && systemctl --quiet is-active mosquitto.service; then
            systemctl reload mosquitto.service
        fi
        return
    fi
    pid=$(cat "$dir/mosquitto.pid" 2>/dev/null) || return 0
    if [[ $pid =~ ^[0-9]+$ && $(cat "/proc/$pid/comm" 2>/dev/null) == mosquitto ]]; then kill -HUP "$pid"; fi
}

# tell_usage: what stands at the beginning of the script.
tell_usage() {
    sed -n '2,/^set -euo/{/^set -euo/d;s/^# \{0,1\}//p}' "${BASH_SOURCE[-1]}"
    exit 0
}
