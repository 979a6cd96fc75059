#!/usr/bin/env bash
# A broker of three nodes that goes on when one of its machines is gone: nats-server with JetStream, as MQTT 3.1.1 broker
# over TLS. Agents that publish here have `protocol = 311` in [mqtt].
#
#   bash deploy/broker/nats.sh --trial [FOLDER]             three nodes on this machine, until Ctrl-C; for a look only
#
#   bash deploy/broker/nats.sh --prepare A,B,C --name HOST  once: certificates and configuration of three machines with
#                                                           these addresses; HOST is the name that has all three
#   bash deploy/broker/nats.sh --install FOLDER             on each of them, with the folder made for it: the node as a
#                                                           service, nats-server, now and at each start
#
#   bash deploy/broker/nats.sh add-device SITE NAME         an agent's account, and its password in a file
#   bash deploy/broker/nats.sh add ROLE NAME                central: reads all, writes cmd; reader: reads all;
#                                                           home-assistant: reads all, says when it is online
#   bash deploy/broker/nats.sh lock USER                    SITE/NAME or NAME: it can't log in any more, and who is
#                                                           connected with it is put out; add it again for a new password
#
# --site SITE, with central and reader, again for each: it hears and asks the agents of these sites only; it must
# subscribe below presence/v1/SITE then, as nats-server refuses what is wider.
# Further: --folder FOLDER (default /etc/presence-broker), --port 8883, --room 1GB (for what waits, on each node).
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
umask 077

say() { printf '%s\n' "$*"; }
stop() {
    printf '%s\n' "$*" >&2
    exit 2
}
usage() {
    sed -n '/^#   bash/,/^set/{/^set/d;s/^# \{0,3\}//p}' "${BASH_SOURCE[0]}" >&2
    exit 2
}

what=
folder=/etc/presence-broker
name=localhost
port=8883
cluster_port=6222
monitor_port=8222
room=1GB
sites=()
words=()
while (($#)); do
    case $1 in
        --trial | --prepare | --install)
            [[ -z $what ]] || usage
            what=$1
            ;;
        --folder | --name | --port | --cluster-port | --monitor-port | --room)
            [[ -n ${2-} ]] || usage
            variable=${1#--}
            printf -v "${variable//-/_}" %s "$2"
            shift
            ;;
        --site)
            [[ -n ${2-} ]] || usage
            sites+=("$2")
            shift
            ;;
        -*) usage ;;
        *) words+=("$1") ;;
    esac
    shift
done
if [[ -z $what ]]; then
    what=${words[0]-}
    words=("${words[@]:1}")
fi

# ---- what is needed ------------------------------------------------------------------------------------------------

need_engine() {
    PATH=$PATH:/usr/sbin
    command -v nats-server openssl >/dev/null && return
    say "Installing nats-server and openssl:"
    if ! { ((EUID == 0)) && apt-get install -y --no-install-recommends nats-server openssl; }; then
        stop "nats-server or openssl is missing and can't be installed; do: sudo apt install nats-server openssl"
    fi
}

secret() { openssl rand -base64 24 | tr '+/' '-_'; }

# ---- certificates --------------------------------------------------------------------------------------------------

make_authority() { # FOLDER
    [[ -e $1/ca.crt ]] && return
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 7300 -subj "/CN=presence broker CA" \
        -addext "basicConstraints=critical,CA:TRUE" -addext "keyUsage=critical,keyCertSign,cRLSign" \
        -addext subjectKeyIdentifier=hash -keyout "$1/ca.key" -out "$1/ca.crt" 2>/dev/null
}

make_certificate() { # FOLDER-OF-CA NODE-FOLDER ADDRESS
    [[ -e $2/node.crt ]] && return
    # The name that agents connect to is that of all three nodes, so each node's certificate has it.
    local names
    names="DNS:$name,$(kind "$3"):$3"
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$name" \
        -keyout "$2/node.key" -out "$2/node.csr" 2>/dev/null
    openssl x509 -req -in "$2/node.csr" -CA "$1/ca.crt" -CAkey "$1/ca.key" -CAcreateserial -days 3650 -out "$2/node.crt" \
        -extfile <(printf '%s\n' "subjectAltName=$names" extendedKeyUsage=serverAuth,clientAuth \
            basicConstraints=critical,CA:FALSE keyUsage=critical,digitalSignature \
            subjectKeyIdentifier=hash authorityKeyIdentifier=keyid) 2>/dev/null
    rm "$2/node.csr"
    cp "$1/ca.crt" "$2/ca.crt"
}

kind() { if [[ $1 =~ ^[0-9.]+$ || $1 == *:* ]]; then echo IP; else echo DNS; fi; }

# ---- nodes ---------------------------------------------------------------------------------------------------------

write_nodes() { # FOLDER, AT and STORE of the node itself ('' : below FOLDER), addresses
    local root=$1 at=$2 store=$3 addresses node address routes
    shift 3
    addresses=("$@")
    ((${#addresses[@]} == 3)) || stop "A cluster has three nodes: give three addresses, as in 192.0.2.1,192.0.2.2,192.0.2.3."
    mkdir -p "$root/accounts" "$root/passwords"
    [[ -e $root/node.secret ]] || secret >"$root/node.secret"
    make_authority "$root"
    routes=
    for address in "${addresses[@]}"; do
        routes+="${routes:+, }\"nats-route://node:$(<"$root/node.secret")@$address:$cluster_port\""
    done
    for node in 1 2 3; do
        address=${addresses[node - 1]}
        mkdir -p "$root/node-$node"
        make_certificate "$root" "$root/node-$node" "$address"
        local monitor=127.0.0.1:$monitor_port
        [[ -n $at ]] || monitor=$address:$monitor_port
        sed -e "s|@NODE@|$node|g; s|@ADDRESS@|$address|g; s|@PORT@|$port|g; s|@CLUSTER_PORT@|$cluster_port|g" \
            -e "s|@AT@|${at:-$root/node-$node}|g; s|@STORE@|${store:-$root/node-$node/store}|g; s|@ROOM@|$room|g" \
            -e "s|@SECRET@|$(<"$root/node.secret")|g; s|@ROUTES@|$routes|g; s|@MONITOR@|$monitor|g" \
            "$here/nats.conf" >"$root/node-$node/nats.conf"
    done
    write_accounts "$root"
}

# ---- accounts ------------------------------------------------------------------------------------------------------

# Passwords are in the configuration only as bcrypt hashes. They are 32 random characters, so that a cheap hash is enough:
# two hundred agents that come back at once must not be refused because hashing takes too long.
hash() {
    local salt
    salt=$(openssl rand -base64 48 | tr -d '+/=\n')
    SALT="\$2b\$06\$${salt:0:21}O" perl -e 'chomp(my $secret = <STDIN>); print crypt($secret, $ENV{SALT})'
}

# Topics are subjects here: '/' is '.', '+' is '*', '#' is '>' (without the topic before it, which has a line of its own).
# What the engine passes on at QoS 1 comes to a reader by way of $MQTT.sub; no MQTT client can ask for that topic itself.
add_account() { # FOLDER USER PUBLISH SUBSCRIBE (each a list of subjects, in quotes and with commas)
    local root=$1 user=$2 publish=$3 subscribe=$4 file
    file=${user//\//_}
    [[ -d $root/accounts ]] || stop "There is no broker in $root yet; start with --trial or --prepare."
    [[ -e $root/passwords/$file ]] || secret >"$root/passwords/$file"
    cat >"$root/accounts/$file.conf" <<ACCOUNT
  {
    user: "$user", password: "$(hash <"$root/passwords/$file")", allowed_connection_types: ["MQTT"]
    permissions: {
      publish: { $publish }
      subscribe: { allow: [$subscribe, "\$MQTT.sub.>"] }
    }
  }
ACCOUNT
    write_accounts "$root"
    say "$user: its password is in $root/passwords/$file; take the file to where it is used."
    tell_nodes "$root"
}

need_name() { [[ $1 =~ ^[a-z0-9-]{1,32}$ ]] || stop "'$1' is no name: a-z, 0-9 and '-', at most 32."; }

# Whether the first argument is one of the lines behind it.
is_one_of() { [[ $'\n'$2$'\n' == *$'\n'"$1"$'\n'* ]]; }

# users FOLDER: all that have an account, a line each.
users() { sed -n 's/^ *user: "\([^"]*\)".*/\1/p' "$1"/accounts/*.conf 2>/dev/null || true; }

# sites_of FOLDER: the sites of devices, and those that accounts are limited to, a line each.
sites_of() {
    users "$1" | sed -n 's|/.*||p'
    sed -n 's/.*subscribe: { allow: \["presence\.v1\.\(.*\)\].*/\1/p' "$1"/accounts/*.conf 2>/dev/null |
        grep -oE '(^|presence\.v1\.)[a-z0-9-]+"' | sed 's/.*\.//; s/"//' || true
}

# An account and a site don't have one name, as with mosquitto.sh, where one would shadow the other.
need_no_account_for_site() { # FOLDER SITE
    if is_one_of "$2" "$(users "$1")"; then stop "'$2' can't be a site: it is the name of an account; choose another name."; fi
}

# role_of FOLDER NAME: as its rights say.
role_of() {
    [[ -e $1/accounts/$2.conf ]] || return 0
    case $(grep -F 'publish: {' "$1/accounts/$2.conf") in
        *'deny: [">"]'*) echo reader ;;
        *.cmd.*) echo central ;;
        *) echo home-assistant ;;
    esac
}

add_device() { # FOLDER SITE NAME
    need_name "$2"
    need_name "$3"
    ((${#2} + ${#3} <= 60)) || stop "'$2' and '$3' are too long together: a site and a name have at most 60 characters, these $((${#2} + ${#3}))."
    need_no_account_for_site "$1" "$2"
    local own="presence.v1.$2.$3" list="" part
    for part in status info health 'state.>' 'event.>' 'replay.>'; do
        list+="\"$own.$part\", "
    done
    # Exactly this agent's topic of Home Assistant's discovery, and that it has started.
    add_account "$1" "$2/$3" "allow: [$list\"homeassistant.device.$2_$3.config\"]" \
        "\"$own.cmd\", \"$own.cmd.>\", \"$own.status\", \"$own.health\", \"homeassistant.status\""
}

add_role() { # FOLDER ROLE NAME
    local all='"presence", "presence.>"' commands='"presence.v1.*.*.cmd.>"' site found
    need_name "$3"
    # The account that nobody can use has a name too.
    [[ $3 != nobody ]] || stop "'nobody' is taken; choose another name."
    found=$(role_of "$1" "$3")
    [[ -z $found || $found == "$2" ]] || stop "'$3' is there already, as $found; choose another name."
    if ((${#sites[@]})); then
        [[ $2 == @(central|reader) ]] || stop "--site goes with central and reader only."
        all="" commands=""
        for site in "${sites[@]}"; do
            need_name "$site"
            [[ $site != "$3" ]] || stop "'$3' can't be limited to a site of its own name; choose another name for the account."
            need_no_account_for_site "$1" "$site"
            all+="${all:+, }\"presence.v1.$site\", \"presence.v1.$site.>\""
            commands+="${commands:+, }\"presence.v1.$site.*.cmd.>\""
        done
    fi
    if is_one_of "$3" "$(sites_of "$1")"; then stop "'$3' is the name of a site; choose another name for the account."; fi
    case $2 in
        central) add_account "$1" "$3" "allow: [$commands]" "$all" ;;
        reader) add_account "$1" "$3" 'deny: [">"]' "$all" ;;
        home-assistant) add_account "$1" "$3" 'allow: ["homeassistant.status"]' "$all, \"homeassistant\", \"homeassistant.>\"" ;;
        *) stop "'$2' is no role: central, reader or home-assistant." ;;
    esac
}

# The account keeps its rights and gets a password that nobody knows. nats-server 2.9.10 crashes at a reload that takes the
# right from a retained message's sender; whoever takes rights away otherwise must restart the nodes, one after the other.
lock_account() { # FOLDER USER
    local file=${2//\//_}
    [[ -e $1/accounts/$file.conf ]] || stop "There is no account '$2' in $1."
    rm -f "$1/passwords/$file"
    sed -i "s|password: \"[^\"]*\"|password: \"$(secret | hash)\"|" "$1/accounts/$file.conf"
    write_accounts "$1"
    say "$2 can't log in any more. What it retained stays; presence-agent retire clears it, with the account's password, before."
    tell_nodes "$1"
}

write_accounts() { # FOLDER: the same list for each node, put in place as a whole
    local root=$1 node file
    for node in 1 2 3; do
        {
            echo "# Written by nats.sh; one account for each file in accounts/."
            echo "authorization {"
            echo "  timeout: 10"
            echo "  users: ["
            for file in "$root"/accounts/*.conf; do
                [[ -e $file ]] && cat "$file"
            done
            # An account that nobody can use: an empty list would let everybody in.
            echo "  { user: \"nobody\", password: \"$(secret | hash)\", allowed_connection_types: [\"MQTT\"]"
            echo "    permissions: { publish: { deny: [\">\"] }, subscribe: { deny: [\">\"] } } }"
            echo "  ]"
            echo "}"
        } >"$root/node-$node/accounts.new"
        mv "$root/node-$node/accounts.new" "$root/node-$node/accounts.conf"
    done
}

tell_nodes() { # FOLDER
    local node pid running=false
    for node in 1 2 3; do
        [[ -e $1/node-$node/pid ]] || continue
        pid=$(<"$1/node-$node/pid")
        if [[ $(ps -o comm= -p "$pid") == nats-server ]] && kill -HUP "$pid"; then
            running=true
        fi
    done
    $running || say "Take accounts.conf from $1/node-1 to /etc/presence-broker/node on all three; there: systemctl reload nats-server"
}

# ---- commands ------------------------------------------------------------------------------------------------------

trial() { # FOLDER
    local root=$1 node address pids=()
    need_engine
    mkdir -p "$root"
    root=$(cd "$root" && pwd)
    write_nodes "$root" "" "" 127.0.0.1 127.0.0.2 127.0.0.3
    [[ -e $root/accounts/trial_camera.conf ]] || add_device "$root" trial camera >/dev/null
    [[ -e $root/accounts/central.conf ]] || add_role "$root" central central >/dev/null
    trap 'kill "${pids[@]}" 2>/dev/null || true; wait; exit 0' INT TERM
    for node in 1 2 3; do
        nats-server -c "$root/node-$node/nats.conf" 2>>"$root/node-$node/log" &
        pids+=($!)
        echo $! >"$root/node-$node/pid"
    done
    for node in 1 2 3; do
        address=127.0.0.$node
        until answers "$address:$monitor_port"; do
            kill -0 "${pids[node - 1]}" 2>/dev/null || { tail -3 "$root/node-$node/log" >&2; kill "${pids[@]}" 2>/dev/null; exit 1; }
            sleep 0.2
        done
    done
    say "Three nodes run: mqtts at 127.0.0.1:$port, 127.0.0.2:$port and 127.0.0.3:$port (MQTT 3.1.1)."
    say "ca_file:         $root/ca.crt"
    say "an agent:        trial/camera, password_file $root/passwords/trial_camera"
    say "central system:  central, password_file $root/passwords/central"
    say "process ids:     ${pids[*]}; their logs are $root/node-*/log"
    say "One that was ended comes back with: nats-server -c $root/node-1/nats.conf"
    say "All that happens: mosquitto_sub -V 311 -q 1 -h 127.0.0.2 -p $port --cafile $root/ca.crt -u central -P \"\$(cat $root/passwords/central)\" -t 'presence/#' -v"
    wait
}

answers() { # whether this node knows who leads
    local line
    exec {web}<>"/dev/tcp/${1/:/\/}" || return 1
    printf 'GET /healthz?js-server-only=true HTTP/1.0\r\n\r\n' >&"$web"
    read -r line <&"$web" || line=
    exec {web}>&-
    [[ $line == *" 200 "* ]]
} 2>/dev/null

prepare() { # addresses with commas
    [[ $name != localhost ]] || stop "--prepare needs --name: the host name that has all three addresses."
    need_engine
    mkdir -p "$folder"
    IFS=, read -r -a addresses <<<"$1"
    write_nodes "$folder" /etc/presence-broker/node /var/lib/presence-broker "${addresses[@]}"
    local node
    say "Prepared. Take to each machine its folder, and deploy/broker; as root there: bash nats.sh --install FOLDER"
    for node in 1 2 3; do
        say "  ${addresses[node - 1]}: $folder/node-$node"
    done
    say "Open between them port $cluster_port, to agents and central systems port $port. $name must have all three addresses."
    say "Keep ca.key, node.secret, passwords/ and accounts/ here. Agents get ca.crt and their password."
}

install_node() { # the folder that --prepare made for this machine
    ((EUID == 0)) || stop "--install puts a service in place; run it with sudo."
    [[ -e $1/nats.conf && -e $1/node.key && -e $1/accounts.conf ]] || stop "$1 is not a node's folder as --prepare makes it."
    need_engine
    getent passwd nats >/dev/null || stop "There is no user nats; install Debian's package nats-server."
    install -d -m 0755 /etc/presence-broker /etc/systemd/system/nats-server.service.d
    install -d -m 0700 -o nats -g nats /etc/presence-broker/node
    local file
    for file in nats.conf accounts.conf ca.crt node.crt node.key; do
        install -m 0600 -o nats -g nats "$1/$file" "/etc/presence-broker/node/$file"
    done
    install -m 0644 "$here/nats-service.conf" /etc/systemd/system/nats-server.service.d/presence.conf
    systemctl daemon-reload
    systemctl enable --quiet nats-server
    systemctl restart nats-server
    say "This node runs; 'journalctl -u nats-server' tells how it is, 'curl 127.0.0.1:$monitor_port/healthz?js-server-only=true' whether the others know it."
}

if ((${#sites[@]})) && [[ $what != add ]]; then usage; fi
case $what:${#words[@]} in
    --trial:0) trial "$(mktemp -d)" ;;
    --trial:1) trial "${words[0]}" ;;
    --prepare:1) prepare "${words[0]}" ;;
    --install:1) install_node "${words[0]}" ;;
    add-device:2) add_device "$folder" "${words[@]}" ;;
    add:2) add_role "$folder" "${words[@]}" ;;
    lock:1) lock_account "$folder" "${words[0]}" ;;
    *) usage ;;
esac
