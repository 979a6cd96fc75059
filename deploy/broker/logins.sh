# shellcheck shell=bash
# What account.sh and certificates.sh share: who may do what, and how a login is taken away while its holder is
# connected.
# shellcheck source=deploy/broker/shared.sh
source "$(dirname "${BASH_SOURCE[0]}")/shared.sh"

# How long a list of revoked certificates is good, and when it is time to say that nobody renews it. Who has an expired
# one lets no certificate in.
CRL_DAYS=30
CRL_REMARK_DAYS=10
TIMER=presence-broker-revocations.timer
# Who asks the broker for something in the name of these scripts. No account can have this name.
KEEPER=.keeper

need_ca() { [[ -s $dir/ca/ca.key ]] || stop "There is no authority in $dir/ca; 'certificates.sh ca' makes one."; }

# quiet COMMAND...: its words are shown only if it fails.
quiet() {
    local said
    said=$("$@" 2>&1) || stop "openssl failed: $(tail -n 2 <<<"$said" | tr '\n' ' ')"
}

# ---- accounts and rights ---------------------------------------------------------------------------------------------

# "ROLE LOGIN SITE...": without sites a reader or central system hears all of them.

# role_of LOGIN: nothing for who isn't there.
role_of() { awk -v login="$1" '$2 == login { print $1 }' "$dir/accounts"; }

# need_free LOGIN SITE...: the name of an account is a topic level of its own in the patterns below, so that it can't be
# that of a site too; SITE are those that the account is limited to.
need_free() {
    local login=$1 site found
    shift
    found=$(role_of "$login")
    [[ -z $found ]] || wrong "$login is there already, as $found; 'account.sh new-password' makes a new password."
    need_no_account_for_site "${login%%/*}" "$login"
    for site in "$@"; do
        if [[ $site == "$login" ]]; then wrong "$login can't be limited to a site of its own name; choose another name for the account."; fi
        need_no_account_for_site "$site" "$site/"
    done
    [[ $login != */* ]] || return 0
    # Of devices, of those that only have a certificate, and of accounts that are limited to sites.
    found=$({
        awk '$2 ~ "/" { sub("/.*", "", $2); print $2 } { for (i = 3; i <= NF; i++) print $i }' "$dir/accounts"
        entries | awk '$1 == "V" && $4 ~ "/" { sub("/.*", "", $4); print $4 }'
    } | awk -v login="$login" '$1 == login { found = 1 } END { if (found) print login }')
    [[ -z $found ]] || wrong "$login is the name of a site, of which this account would hear nothing; choose another name for it."
}

# need_no_account_for_site SITE LOGIN: only a LOGIN with a '/' is one of a site.
need_no_account_for_site() {
    [[ $2 == */* && -n $(role_of "$1") ]] || return 0
    wrong "$1 can't be a site: it is the name of an account ($(role_of "$1")), which would hear nothing of it; choose another name for the site."
}

# set_role LOGIN [ROLE SITE...]: without a role it is forgotten. What the broker reads is made of it.
set_role() {
    local login=$1 role=${2-}
    shift $(($# > 1 ? 2 : 1))
    awk -v login="$login" '$2 != login' "$dir/accounts" >"$dir/accounts.new"
    if [[ -n $role ]]; then printf '%s\n' "$role $login${*:+ $*}" >>"$dir/accounts.new"; fi
    sort -o "$dir/accounts.new" "$dir/accounts.new"
    publish_file "$dir/accounts.new" "$dir/accounts"
    write_rights
}

# The patterns hold for every login: %u is it, so that a device SITE/NAME has its own root. Logins without a '/' are
# those of central systems; what a pattern would give them they are denied, as nothing may be written there.
# write_rights [ENDING]: without a file of logins that are being taken away it is the one that has them.
write_rights() {
    local role login sites ending=${1-$dir/ending}
    {
        cat <<'RIGHTS'
# Made by deploy/broker/account.sh; what is changed here is lost at the next account.
pattern readwrite presence/v1/%u/status
pattern readwrite presence/v1/%u/health
pattern write presence/v1/%u/info
pattern write presence/v1/%u/state/#
pattern write presence/v1/%u/event/#
pattern write presence/v1/%u/replay/#
pattern read presence/v1/%u/cmd/#
RIGHTS
        while read -r role login sites; do
            if ! is_ending "$login" "$ending"; then rights_of "$role" "$login" "$sites"; fi
        done <"$dir/accounts"
        while read -r _ login; do
            printf '\nuser %s\ntopic deny #\n' "$login"
        done <"$ending"
        if [[ -s $ending ]]; then
            printf '\nuser %s\n' "$KEEPER"
            printf 'topic readwrite %s\n' "\$CONTROL/dynamic-security/#" 'presence/v1/+/+/status'
            printf 'topic read %s\n' "\$SYS/broker/version"
        fi
    } >"$dir/rights.new"
    private_file "$dir/rights.new"
    publish_file "$dir/rights.new" "$dir/rights"
}

# rights_of ROLE LOGIN SITES: SITES are in one word, with spaces.
rights_of() {
    local role=$1 login=$2 sites=() roots commands
    read -r -a sites <<<"$3"
    roots=("${sites[@]/%//#}")
    commands=("${sites[@]/%//+/cmd/#}")
    printf '\nuser %s\n' "$login"
    case $role in
        device)
            printf 'topic write homeassistant/device/%s/config\n' "${login/\//_}"
            printf 'topic read homeassistant/status\n'
            ;;
        office)
            # The patterns above are for who is called like a device; this one is called like nothing.
            printf 'topic deny presence/v1/%s/#\n' "$login"
            printf "topic write presence/v1/${sites[0]}/+/%s\n" status info health 'state/#' 'event/#' 'replay/#'
            printf 'topic read presence/v1/%s\n' "${commands[@]}"
            ;;
        *)
            printf 'topic deny presence/v1/%s/#\n' "$login"
            printf 'topic read presence/v1/%s\n' "${roots[@]:-#}"
            # How the broker fares, and what it had to drop.
            ((${#sites[@]})) || printf 'topic read %s\n' "\$SYS/broker/#"
            ;;
    esac
    case $role in
        central | admin) printf 'topic write presence/v1/%s\n' "${commands[@]:-+/+/cmd/#}" ;;
        home-assistant) printf 'topic %s\n' 'read homeassistant/#' 'write homeassistant/status' ;;
    esac
    if [[ $role == admin ]]; then
        printf 'topic write presence/v1/+/+/%s\n' status info health 'state/#'
        printf 'topic readwrite homeassistant/device/+/config\n'
    fi
}

# set_password LOGIN [PASSWORD]: without one the login goes. The password is in no argument, where all could see it.
set_password() {
    local others
    others=$(awk -F : -v login="$1" '$1 != login' "$dir/passwords")
    (umask 077 && printf '%s' "${2:+$1:$2}" >"$dir/passwords.new")
    if [[ -n ${2-} ]]; then
        printf '\n' >>"$dir/passwords.new"
        mosquitto_passwd -U "$dir/passwords.new" || stop "mosquitto_passwd could not make the password's hash."
    fi
    if [[ -n $others ]]; then printf '%s\n' "$others" >>"$dir/passwords.new"; fi
    private_file "$dir/passwords.new"
    publish_file "$dir/passwords.new" "$dir/passwords"
}

# ---- certificates ----------------------------------------------------------------------------------------------------

# entries: state, end, serial number and name of each certificate ever signed, a line each.
entries() {
    [[ -s $dir/ca/index.txt ]] || return 0
    awk -F '\t' '{ name = $6; sub(/^\/CN=/, "", name); gsub(/\\/, "", name); print $1, $2, $4, name }' "$dir/ca/index.txt"
}

# revoke LOGIN: the broker does not know before make_crl.
revoke() {
    local state serial name
    while read -r state _ serial name; do
        if [[ $state == V && $name == "$1" ]]; then
            quiet openssl ca -config "$dir/ca/ca.conf" -revoke "$dir/ca/signed/$serial.pem"
        fi
    done < <(entries)
}

make_crl() {
    quiet openssl ca -config "$dir/ca/ca.conf" -gencrl -crldays "$CRL_DAYS" -out "$dir/crl.pem.new"
    chmod 644 "$dir/crl.pem.new"
    publish_file "$dir/crl.pem.new" "$dir/crl.pem"
}

crl_end() { date -d "$(openssl crl -in "$dir/crl.pem" -noout -nextupdate | cut -d = -f 2)" "+$1"; }

# A word to whoever stands before the screen, while there is time.
remark_crl() {
    [[ -s $dir/crl.pem && -z ${PRESENCE_SETTING_UP-} ]] || return 0
    if has_systemd && ! systemctl --quiet is-active "$TIMER"; then
        say "$TIMER does not run, so nobody renews the list of revoked certificates, which ends on $(crl_end %F): run 'bash deploy/broker/mosquitto.sh' again." >&2
    fi
    if (($(crl_end %s) - $(date +%s) < CRL_REMARK_DAYS * 86400)); then
        say "The list of revoked certificates ends on $(crl_end %F); from then on no certificate is let in. Renew it: certificates.sh crl." >&2
    fi
}

# ---- telling the broker ----------------------------------------------------------------------------------------------

# Lets a running broker read accounts, rights, certificates and revocations again. Connections stay, but of those whose
# password is no longer right; the others are ended below. mosquitto forgets a signal that comes while it still does what
# the one before asked for, so it is asked for until a login is let in that was made for this: the keeper's. It is in the
# file for that moment only; what the broker remembers of it has no rights and a password that nobody knows.
reload_broker() {
    local tries=0
    broker_runs || return 0
    if ! may_ask; then
        signal_broker
        return
    fi
    prepare_keeper
    signal_broker
    until as_keeper sub -E -W 5 -t "\$SYS/broker/version" >/dev/null || ! broker_runs; do
        if ((++tries == 20)); then
            say "The broker was told to read its files again, but can't be asked whether it has." >&2
            break
        fi
        sleep 0.5
        signal_broker
    done
    set_password "$KEEPER"
}

# The timer's service reaches no network.
may_ask() { [[ -z ${PRESENCE_NO_NETWORK-} && -e $(broker_config) ]] && command -v mosquitto_sub >/dev/null && command -v mosquitto_passwd >/dev/null; }

broker_config() { if is_system; then printf /etc/mosquitto/conf.d/presence.conf; else printf '%s' "$dir/mosquitto.conf"; fi; }

# The options of mosquitto's programs are in files: arguments are seen by all users of this machine. The address is this
# machine, which the certificate need not name; that our authority signed it is looked at.
prepare_keeper() {
    local program port address password
    read -r port address < <(awk '$1 == "listener" { print $2, $3; exit }' "$(broker_config)")
    case ${address:-0.0.0.0} in
        0.0.0.0) address=127.0.0.1 ;;
        ::) address=::1 ;;
    esac
    if [[ -z ${keeper-} ]]; then
        keeper=$(mktemp -d)
        trap 'rm -rf "$keeper"' EXIT
    fi
    password=$(openssl rand -hex 24)
    for program in rr pub sub; do
        printf '%s\n' "-h $address" "-p $port" "--cafile $dir/ca.pem" --insecure "-u $KEEPER" "-P $password" >"$keeper/mosquitto_$program"
    done
    set_password "$KEEPER" "$password"
}

# as_keeper pub|sub|rr ARGUMENT...
as_keeper() { XDG_CONFIG_HOME=$keeper "mosquitto_$1" "${@:2}" 2>/dev/null; }

# ---- taking away -----------------------------------------------------------------------------------------------------

# Whatever stops the script, what it began is found in the file 'ending' and done by the next one (or the timer's).
# A line is "all LOGIN" (password and certificates) or "certificates LOGIN". While a login stands there it has no rights,
# whatever it shows, so that no moment is left in which an old session and a new secret both work.

is_ending() { awk -v login="$1" '$2 == login { found = 1 } END { exit !found }' "$2"; }

has_certificate() { entries | awk -v login="$1" '$1 == "V" && $4 == login { found = 1 } END { exit !found }'; }

has_secret() {
    awk -F : -v login="$1" '$1 == login { found = 1 } END { exit !found }' "$dir/passwords" || has_certificate "$1"
}

# take_away all|certificates LOGIN: when this returns nothing opens with the old secrets, and no session is left that
# was opened with them.
take_away() {
    if has_certificate "$2"; then need_ca; fi
    printf '%s\n' "$1 $2" >"$dir/ending.new"
    publish_file "$dir/ending.new" "$dir/ending"
    finish_endings
}

finish_endings() {
    local line lines
    [[ -s $dir/ending ]] || return 0
    mapfile -t lines <"$dir/ending"
    # The denial first: whenever somebody else lets the broker read again it is there before all that follows.
    write_rights
    for line in "${lines[@]}"; do
        if [[ $line == all\ * ]]; then set_password "${line#* }"; fi
        revoke "${line#* }"
    done
    if [[ -s $dir/ca/ca.key ]]; then make_crl; fi
    end_sessions "${lines[@]#* }"
    # Forgotten only when nothing is left of it.
    write_rights /dev/null
    reload_broker
    : >"$dir/ending.new"
    publish_file "$dir/ending.new" "$dir/ending"
    rm -f "$dir/ending.broker"
}

# end_sessions LOGIN...: mosquitto looks at certificates when a connection is made, and a denial leaves it open; its
# dynamic security plugin has an order that ends connections.
end_sessions() {
    local login tries=0
    if ! broker_runs || is_another_broker; then return; fi
    reload_broker
    until order_end "$@"; do
        if ! broker_runs; then return; fi
        if ((++tries == 3)) || ! may_ask; then
            restart_broker "$*"
            return
        fi
        sleep 1
        reload_broker
    done
    for login in "$@"; do tell_lost "$login"; done
}

# order_end LOGIN...: those who are connected and have not said who they are yet go too: they may have shown a
# certificate before it was revoked.
order_end() {
    local login orders='{"command":"createGroup","groupname":"nobody"},{"command":"setAnonymousGroup","groupname":"nobody"}' answer
    for login in "$@"; do
        orders+=",{\"command\":\"createClient\",\"username\":\"$login\"},{\"command\":\"deleteClient\",\"username\":\"$login\"}"
    done
    may_ask || return 1
    answer=$(as_keeper rr -q 1 -W 5 -t "\$CONTROL/dynamic-security/v1" -e "\$CONTROL/dynamic-security/v1/response" \
        -m "{\"commands\":[$orders]}") || return 1
    [[ $answer == *'{"command":"setAnonymousGroup"}'* ]] &&
        (($(grep -o '{"command":"deleteClient"}' <<<"$answer" | wc -l) == $#))
}

# A broker that was started before it had that plugin. Where systemd does not have it somebody else starts it again; that
# it is another one then is known by the number and the beginning of its process.
restart_broker() {
    if ! has_systemd; then
        broker_process >"$dir/ending.broker"
        stop "The connections of $1 have no rights any more, but this broker can't end them: run mosquitto.sh for it again, restart it, then run this again."
    fi
    say "The broker does not end the connections of $1, so it is restarted; all come back by themselves."
    systemctl restart mosquitto.service || stop "mosquitto did not start; 'journalctl -u mosquitto' and /var/log/mosquitto/mosquitto.log say why."
}

broker_process() {
    local pid
    pid=$(broker_pid) && sed 's/.*) //' "/proc/$pid/stat" | awk -v pid="$pid" '{ print pid, $20 }'
}

is_another_broker() { [[ -s $dir/ending.broker && $(broker_process) != "$(cat "$dir/ending.broker")" ]]; }

# tell_lost LOGIN: who is put out has no last word; what a device retained would call it online for ever.
tell_lost() {
    local from said='' line log session topic=presence/v1/$1/status
    [[ $1 == */* ]] || return 0
    # What every broker retains comes behind it: then there was nothing else.
    while read -r from line; do
        if [[ $from == "$topic" ]]; then said=$line; else break; fi
    done < <(XDG_CONFIG_HOME=$keeper exec mosquitto_sub -v -W 10 -t "$topic" -t "\$SYS/broker/version" 2>/dev/null)
    kill "$!" 2>/dev/null || true
    [[ $said =~ \"state\":\ ?\"online\" ]] || return 0
    [[ $said =~ \"log\":\ ?\"([0-9a-f]{8})\" ]] && log=${BASH_REMATCH[1]} || return 0
    [[ $said =~ \"session\":\ ?\"([0-9a-f]{8})\" ]] && session=${BASH_REMATCH[1]} || return 0
    as_keeper pub -q 1 -r -t "$topic" \
        -m "{\"v\":1,\"state\":\"offline\",\"why\":\"lost\",\"log\":\"$log\",\"session\":\"$session\"}" || true
}

# ---- the beginning of each command -----------------------------------------------------------------------------------

begin_logins() {
    local file
    need_openssl
    need_dir
    export PRESENCE_CA=$dir/ca
    lock_dir
    for file in accounts passwords ending; do
        if [[ ! -e $dir/$file ]]; then : >"$dir/$file"; fi
    done
    if [[ -O $dir/passwords ]]; then private_file "$dir/passwords"; fi
    # openssl puts these in place in two steps, and may be stopped between them.
    for file in index.txt crlnumber; do
        if [[ ! -e $dir/ca/$file && -e $dir/ca/$file.new ]]; then mv "$dir/ca/$file.new" "$dir/ca/$file"; fi
    done
    if grep -q "^$KEEPER:" "$dir/passwords"; then set_password "$KEEPER"; fi
    adopt_removed
    finish_endings
}

# These scripts used to keep a removed login that had a certificate among the accounts, with its denial.
adopt_removed() {
    if ! grep -q '^removed ' "$dir/accounts"; then return; fi
    {
        awk '$1 == "removed" { print "all", $2 }' "$dir/accounts"
        cat "$dir/ending"
    } >"$dir/ending.new"
    publish_file "$dir/ending.new" "$dir/ending"
    awk '$1 != "removed"' "$dir/accounts" >"$dir/accounts.new"
    publish_file "$dir/accounts.new" "$dir/accounts"
}
