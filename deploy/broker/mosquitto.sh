#!/usr/bin/env bash
# A broker for one central place: mosquitto on Debian 12 or 13, with TLS, a login for each device, and queues that keep
# what an absent central system has not fetched yet.
#
#   bash deploy/broker/mosquitto.sh --name broker.example    installs it and starts it, as root
#   bash deploy/broker/mosquitto.sh --dir FOLDER [--run]     without root: all files in this folder; --run starts it here
#
# --name NAME            a host name or address at which devices reach it; again for each; this machine's without it
# --port N               for logins with a password, 8883
# --certificate-port N   for logins with a certificate, 8884
# --websockets-port N    for dashboards in a browser, 8084, and with --dir none; 0: none. Debian 12's mosquitto has no websockets
# --plain-port N         without TLS, and on this machine only, 0 (none)
# --bind ADDRESS         where it listens, but for the plain port: everywhere
# --queue-mb N           what is kept for each central system that is away, at most: 512
# --upstream HOST        what the agents of one site say also goes to this broker, of a province, and what that asks of them comes here.
#                        Wants --site SITE, --upstream-login NAME and --upstream-password-file FILE (account.sh add-office, there)
#                        and --upstream-ca FILE, its authority's certificate; --upstream-port N, 8883. It stays until --upstream none
#
# The list of revoked certificates is good for 30 days; as root a timer is put in place that makes it again each day.
#
# Run again, it changes only what was asked for; authority, certificates, accounts and queues stay.
set -euo pipefail
# shellcheck source=deploy/broker/shared.sh
source "$(dirname "${BASH_SOURCE[0]}")/shared.sh"
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)

names=()
port=8883
certificate_port=8884
websockets_port=
plain_port=0
bind=
queue_mb=512
run=false
upstream=
upstream_port=8883
upstream_login=
upstream_password_file=
upstream_ca=
site=
while (($#)); do
    case $1 in
        -h | --help) tell_usage ;;
        --name) need_value "$1" $# && names+=("$2") && shift 2 ;;
        --dir) need_value "$1" $# && dir=$2 && shift 2 ;;
        --port) need_value "$1" $# && port=$2 && shift 2 ;;
        --certificate-port) need_value "$1" $# && certificate_port=$2 && shift 2 ;;
        --websockets-port) need_value "$1" $# && websockets_port=$2 && shift 2 ;;
        --plain-port) need_value "$1" $# && plain_port=$2 && shift 2 ;;
        --bind) need_value "$1" $# && bind=$2 && shift 2 ;;
        --queue-mb) need_value "$1" $# && queue_mb=$2 && shift 2 ;;
        --upstream) need_value "$1" $# && upstream=$2 && shift 2 ;;
        --upstream-port) need_value "$1" $# && upstream_port=$2 && shift 2 ;;
        --upstream-login) need_value "$1" $# && upstream_login=$2 && shift 2 ;;
        --upstream-password-file) need_value "$1" $# && upstream_password_file=$2 && shift 2 ;;
        --upstream-ca) need_value "$1" $# && upstream_ca=$2 && shift 2 ;;
        --site) need_value "$1" $# && site=$2 && shift 2 ;;
        --run) run=true && shift ;;
        *) wrong "$1 is not known; the beginning of deploy/broker/mosquitto.sh says what there is." ;;
    esac
done

need_number() {
    if ! [[ $2 =~ ^[0-9]{1,6}$ ]] || ((10#$2 < $3 || 10#$2 > $4)); then wrong "$1 $2: give a number, $3 to $4."; fi
}
need_number --port "$port" 1 65535
need_number --certificate-port "$certificate_port" 1 65535
need_number --websockets-port "${websockets_port:-0}" 0 65535
need_number --plain-port "$plain_port" 0 65535
need_number --queue-mb "$queue_mb" 1 100000
need_number --upstream-port "$upstream_port" 1 65535
if [[ -n $upstream && $upstream != none ]]; then
    [[ $upstream =~ ^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$ ]] || wrong "--upstream $upstream: give a host name or an address."
    need_name "a site" "$site"
    need_name "an account" "$upstream_login"
    [[ -r $upstream_password_file ]] || wrong "--upstream-password-file: give a file with the password of $upstream_login that can be read."
    read -r upstream_password <"$upstream_password_file" || true
    [[ $upstream_password =~ ^[^[:space:]]+$ ]] || wrong "$upstream_password_file has no password in its first line."
    grep -qs 'BEGIN CERTIFICATE' "$upstream_ca" || wrong "--upstream-ca: give the certificate (ca.pem) of the authority of $upstream."
fi
[[ $bind =~ ^[0-9A-Fa-f.:]*$ ]] || wrong "--bind $bind: give an address."
[[ -n $dir ]] || wrong "--dir needs a folder."
if $run && is_system; then wrong "--run goes with --dir only; as root the service is started."; fi
dir=$(realpath -m "$dir")

# ---- what must be there ----------------------------------------------------------------------------------------------

if is_system && [[ $EUID -ne 0 ]]; then
    stop "Run this as root, or with --dir FOLDER for a broker of your own."
fi
missing=()
command -v mosquitto >/dev/null || missing+=(mosquitto)
command -v mosquitto_sub >/dev/null || missing+=(mosquitto-clients)
command -v openssl >/dev/null || missing+=(openssl)
if ((${#missing[@]})); then
    may_install_packages || stop "Not installed: ${missing[*]}. Run 'apt-get install ${missing[*]}' as root, then this again."
    if is_system; then
        apt_install "${missing[@]}" || stop "The Debian packages ${missing[*]} could not be installed; the lines above say why."
    else
        # A broker of one's own must not bring another one into every boot.
        { install_mosquitto && { command -v openssl >/dev/null || apt_install openssl; }; } ||
            stop "The Debian packages ${missing[*]} could not be installed; the lines above say why."
    fi
fi

# Debian 12's is made without websockets, Debian 13's with.
has_websockets() { ldd "$(command -v mosquitto)" 2>/dev/null | grep -q libwebsockets; }
if ! has_websockets; then
    if ((10#${websockets_port:-0})); then
        stop "This mosquitto is made without websockets (Debian 13's has them); leave --websockets-port out."
    fi
    websockets_port=0
    ! is_system || say "This mosquitto is made without websockets (Debian 13's has them): no listener for browsers."
fi
# A broker of one's own takes no port that was not asked for: there may be others on this machine.
if is_system; then websockets_port=${websockets_port:-8084}; else websockets_port=${websockets_port:-0}; fi

if is_system; then
    for file in /etc/mosquitto/conf.d/*.conf; do
        [[ ! -e $file || $file == */presence.conf ]] ||
            stop "$file sets up this mosquitto for something else; move it away, or give the broker a machine of its own."
    done
fi

# What the scripts below would say of a timer that is not there yet.
export PRESENCE_SETTING_UP=yes

# ---- certificates and accounts ---------------------------------------------------------------------------------------

mkdir -p "$dir" 2>/dev/null || true
need_dir
if is_system; then chmod 755 "$dir"; else chmod 700 "$dir"; fi

if [[ ! -s $dir/ca/ca.key ]]; then bash "$here/certificates.sh" ca --dir "$dir"; fi
if ((${#names[@]} == 0)) && [[ ! -s $dir/server.pem ]]; then
    read -r -a addresses < <(hostname -I 2>/dev/null || echo)
    fqdn=$(hostname -f 2>/dev/null || hostname)
    names=("$fqdn" "$(hostname)" localhost 127.0.0.1 "${addresses[@]}")
fi
if ((${#names[@]})); then
    # Whoever runs this again with the same names keeps the certificate.
    wanted=$(printf '%s\n' "${names[@]}" | awk 'NF && !seen[$0]++')
    if [[ ! -s $dir/server.pem || $(cat "$dir/ca/names" 2>/dev/null) != "$wanted" ]]; then
        mapfile -t names <<<"$wanted"
        bash "$here/certificates.sh" server "${names[@]}" --dir "$dir"
        printf '%s\n' "$wanted" >"$dir/ca/names"
    fi
fi
if is_system; then chown mosquitto: "$dir/server.key"; fi

# ---- what ends sessions ----------------------------------------------------------------------------------------------

# Debian's mosquitto comes with it. Here it decides nothing: it knows no login but for the moment in which one is put out.
plugin=
for file in /usr/lib/*/mosquitto_dynamic_security.so /usr/lib/mosquitto_dynamic_security.so; do
    if [[ -e $file ]]; then plugin=$file; fi
done
plugin_file=$dir/data/sessions.json
if is_system; then plugin_file=/var/lib/mosquitto/presence-sessions.json; else mkdir -p "$dir/data"; fi
if [[ -n $plugin && ! -e $plugin_file ]]; then
    (umask 077 && : >"$plugin_file")
    private_file "$plugin_file"
fi

# ---- the province's broker -----------------------------------------------------------------------------------------

# bridge: what mosquitto does for it. The office's own system goes on whatever becomes of the line; what came meanwhile
# waits in a queue as that of a central system does.
bridge() {
    local part
    cat <<CONF

# The broker of the province ($upstream): what the agents of the site $site say goes there, what is asked of them comes here.
connection presence-upstream
address $upstream:$((10#$upstream_port))
bridge_cafile $dir/upstream-ca.pem
bridge_tls_version tlsv1.2
remote_username $upstream_login
remote_password $upstream_password
# A number by chance: who came under the same name there would empty the queue that waits for this broker.
remote_clientid $1
local_clientid presence-upstream
cleansession false
local_cleansession false
try_private true
# Whether the line is there is told here only: \$SYS/broker/connection/presence-upstream/state.
notifications true
notifications_local_only true
bridge_attempt_unsubscribe false
restart_timeout 2 30
keepalive_interval 30
CONF
    for part in status info health 'state/#' 'event/#' 'replay/#'; do
        printf 'topic presence/v1/%s/+/%s out 1\n' "$site" "$part"
    done
    printf 'topic presence/v1/%s/+/cmd/# in 1\n' "$site"
}

if [[ $upstream == none ]]; then
    rm -f "$dir/upstream.conf" "$dir/upstream-ca.pem"
elif [[ -n $upstream ]]; then
    client_id=$(sed -n 's/^remote_clientid //p' "$dir/upstream.conf" 2>/dev/null || true)
    cp "$upstream_ca" "$dir/upstream-ca.pem.new"
    chmod 644 "$dir/upstream-ca.pem.new"
    publish_file "$dir/upstream-ca.pem.new" "$dir/upstream-ca.pem"
    (umask 077 && bridge "${client_id:-presence-office-$(openssl rand -hex 8)}" >"$dir/upstream.conf.new")
    private_file "$dir/upstream.conf.new"
    publish_file "$dir/upstream.conf.new" "$dir/upstream.conf"
fi

# ---- the configuration -----------------------------------------------------------------------------------------------

# listener PORT [ADDRESS]
listener() { printf '\nlistener %s%s\n' "$1" "${2:+ $2}"; }
tls() {
    cat <<CONF
certfile $dir/server.pem
keyfile $dir/server.key
tls_version tlsv1.2
CONF
}

sessions_plugin() {
    [[ -n $plugin ]] || return 0
    cat <<CONF
# Only for its order to end a login's connections (deploy/broker/logins.sh); what each may do is in the files above.
plugin $plugin
plugin_opt_config_file $plugin_file

CONF
}

configuration() {
    cat <<CONF
# Made by deploy/broker/mosquitto.sh; what is changed here is lost when that is run again.

# Nobody without a login, and no login without rights. One list for all listeners: with per_listener_settings
# Debian 13's mosquitto 2.0.21 was seen to pass nothing on that came while its reader was away.
allow_anonymous false
password_file $dir/passwords
acl_file $dir/rights

$(sessions_plugin)
# A central system that is away (persistent session, QoS 1) finds here what came meanwhile. The default is 1000
# messages for each, and what comes then is dropped without a word to anybody. Here the bytes are the bound; beyond it
# the newest go, and who counts their numbers asks the agents for them (cmd/replay). Not 0, which is no bound at
# all: with that Debian's mosquittos hang up on whoever publishes what it may not, instead of saying so.
max_queued_messages 100000000
max_queued_bytes $((10#$queue_mb * 1000000))
# Messages under way at once to or from each client; the default of 20 makes a backlog wait for the network's round trip.
max_inflight_messages 100
# Sessions of readers that never come back go, or their queues would stay for ever.
persistent_client_expiration 60d
# Nothing of an agent is near as long; 256 MB would be let in by default.
max_packet_size 262144
set_tcp_nodelay true

# Sessions, queues and retained messages outlive a restart. They are written at an orderly end, and every minute:
# what a power cut takes is at most that, and is asked for again by number. The default is 30 minutes. All of it is
# written each time, so more often is not better.
persistence true
autosave_interval 60

log_type error
log_type warning
log_type notice
log_type information
connection_messages true
CONF
    if ! is_system; then
        cat <<CONF

# A broker of one's own.
user $(id -un)
pid_file $dir/mosquitto.pid
persistence_location $dir/data/
log_dest stderr
CONF
    fi
    printf '\n# A login and a password.'
    listener "$port" "$bind"
    tls
    printf '\n# A certificate of our authority, whose name is the login; mosquitto asks for no password here.'
    listener "$certificate_port" "$bind"
    tls
    cat <<CONF
cafile $dir/ca.pem
crlfile $dir/crl.pem
require_certificate true
use_identity_as_username true
CONF
    if ((10#$websockets_port)); then
        printf '\n# Dashboards in browsers: MQTT over websockets, a login and a password.'
        listener "$websockets_port" "$bind"
        echo "protocol websockets"
        tls
    fi
    if ((10#$plain_port)); then
        printf '\n# No TLS, this machine only.'
        listener "$plain_port" 127.0.0.1
    fi
    if [[ -s $dir/upstream.conf ]]; then cat "$dir/upstream.conf"; fi
}

config=$dir/mosquitto.conf
if is_system; then config=/etc/mosquitto/conf.d/presence.conf; fi
before=$(cat "$config" 2>/dev/null || true)
(umask 077 && configuration >"$config.new")
# With a password in it, it is the broker's alone.
if [[ -s $dir/upstream.conf ]]; then private_file "$config.new"; else chmod 644 "$config.new"; fi
mv -f "$config.new" "$config"
# The broker that runs before the first configuration of ours is another one, which knows no login of ours.
if [[ -z $before ]]; then export PRESENCE_NO_NETWORK=yes; fi
bash "$here/certificates.sh" crl --dir "$dir"
bash "$here/account.sh" rights --dir "$dir"

# ---- start -----------------------------------------------------------------------------------------------------------

if ! is_system; then
    if $run; then exec mosquitto -c "$config"; fi
    say "Start the broker with: mosquitto -c $config"
    say "No timer renews the list of revoked certificates here: run 'certificates.sh crl --dir $dir' within 30 days."
elif [[ -d /run/systemd/system ]]; then
    mkdir -p /etc/systemd/system/mosquitto.service.d
    cat >/etc/systemd/system/mosquitto.service.d/presence.conf <<'UNIT'
[Unit]
StartLimitIntervalSec=0

[Service]
# Whatever ends it, and however often: every agent and central system waits for it.
Restart=always
RestartSec=2
# A connection each; the default is 1024.
LimitNOFILE=65536
# It writes its sessions to the card at the end.
TimeoutStopSec=90
UNIT
    systemctl daemon-reload
    systemctl --quiet enable mosquitto.service
    if ! systemctl --quiet is-active mosquitto.service || [[ $before != "$(cat "$config")" ]]; then
        systemctl restart mosquitto.service || stop "mosquitto did not start; 'journalctl -u mosquitto' and /var/log/mosquitto/mosquitto.log say why."
    fi
    # Copies: the timer needs them when this folder is gone.
    install -d /usr/local/lib/presence-broker/broker
    install -m 644 "$here/../environment.sh" /usr/local/lib/presence-broker/
    install -m 644 "$here"/{account,certificates,logins,shared}.sh /usr/local/lib/presence-broker/broker/
    install -m 644 "$here"/presence-broker-revocations.{service,timer} /etc/systemd/system/
    systemctl daemon-reload
    systemctl --quiet enable --now presence-broker-revocations.timer
    say "mosquitto runs, and starts at every boot."
else
    say "There is no systemd here; start the broker with: mosquitto -c /etc/mosquitto/mosquitto.conf"
fi
say "Devices reach it on port $port with a password, on port $certificate_port with a certificate; both with ca_file = a copy of $dir/ca.pem."
say "Next: 'bash deploy/broker/account.sh add-device SITE NAME' for each device, 'add-central NAME' for the central system."
