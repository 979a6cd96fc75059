# shellcheck shell=bash
# What the scripts of this folder share: where the broker's files are, and how it is told of new ones.
#
#   ca/            the authority's key and its book; only for who signs, no broker reads it
#   issued/        certificates and keys of devices, to be taken to them
#   ca.pem crl.pem server.pem server.key    what the broker shows and checks
#   accounts       who may do what, a line each; rights are made from it
#   ending         whose secrets and sessions are being taken away; empty but for the seconds that this takes
# shellcheck source=deploy/environment.sh
source "$(dirname "${BASH_SOURCE[0]}")/../environment.sh"

SYSTEM_DIR=/etc/mosquitto/presence
dir=$SYSTEM_DIR

is_name() { [[ $1 =~ ^[a-z0-9-]{1,32}$ ]]; }

need_name() {
    is_name "$2" || wrong "\"$2\" can't be the name of $1: only a-z, 0-9 and '-', at most 32 of them."
}

need_openssl() {
    command -v openssl >/dev/null || stop "openssl is not installed: run 'apt-get install openssl' as root."
}

# need_pair SITE NAME: both are a certificate's name, which has at most 64 characters.
need_pair() {
    need_name "a site" "$1"
    need_name "a device" "$2"
    ((${#1} + ${#2} <= 60)) || wrong "\"$1\" and \"$2\" are too long together: a site and a name have at most 60 characters, these $((${#1} + ${#2}))."
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

# Where systemd has the broker; everywhere else it is known by the file with its process's number.
has_systemd() { is_system && [[ -d /run/systemd/system ]]; }

broker_pid() {
    local pid file=$dir/mosquitto.pid
    if is_system; then file=/run/mosquitto/mosquitto.pid; fi
    pid=$(cat "$file" 2>/dev/null) || return 1
    [[ $pid =~ ^[0-9]+$ && $(cat "/proc/$pid/comm" 2>/dev/null) == mosquitto ]] || return 1
    printf '%s' "$pid"
}

# One that is just starting counts: it may have read its files already.
broker_runs() {
    if has_systemd; then
        [[ $(systemctl is-active mosquitto.service) != @(inactive|failed) ]]
    else
        broker_pid >/dev/null
    fi
}

# A mosquitto that is just starting writes its number long before it takes signals, and this one would end it.
catches_hup() { [[ $(sed -n 's/^SigCgt:.*\(.\)$/\1/p' "/proc/$1/status" 2>/dev/null) == [13579bdf] ]]; }

# Nothing is known of what comes of it: logins.sh asks.
signal_broker() {
    local pid
    if has_systemd; then
        if systemctl --quiet is-active mosquitto.service; then
            systemctl reload mosquitto.service
        else
            # What waits for its next start can't be told; that start reads all.
            systemctl reload mosquitto.service 2>/dev/null || true
        fi
    elif pid=$(broker_pid) && catches_hup "$pid"; then
        kill -HUP "$pid" 2>/dev/null || true
    fi
}
