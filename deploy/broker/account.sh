#!/usr/bin/env bash
# Who may log in at the broker, and what for:
#
#   bash deploy/broker/account.sh add-device SITE NAME                  a login of its own; prints its password once
#   bash deploy/broker/account.sh add-device SITE NAME --certificate    a certificate instead of a password
#   bash deploy/broker/account.sh new-password SITE NAME                the old one is refused from now on
#   bash deploy/broker/account.sh remove-device SITE NAME               login, certificates and rights
#   bash deploy/broker/account.sh add-reader NAME      reads what all agents say, writes nothing: dashboards, archives
#   bash deploy/broker/account.sh add-central NAME     the same, and may ask agents (cmd/...): the system that finds gaps
#   bash deploy/broker/account.sh add-admin NAME       the same, and may clear what is retained (presence-agent retire)
#   bash deploy/broker/account.sh add-home-assistant NAME    reads what all agents say, and tells them that it is there
#   bash deploy/broker/account.sh new-password NAME    of a reader, central or admin
#   bash deploy/broker/account.sh remove NAME
#   bash deploy/broker/account.sh list
#
# --password-file FILE: the password goes into this file, which only its owner can read, instead of onto the screen.
# --dir FOLDER: the broker's folder, /etc/mosquitto/presence without it. A running broker is told; nothing is restarted.
set -euo pipefail
# shellcheck source=deploy/broker/shared.sh
source "$(dirname "${BASH_SOURCE[0]}")/shared.sh"
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)

password_file=
certificate=false
words=()
while (($#)); do
    case $1 in
        -h | --help) tell_usage ;;
        --dir) need_value "$1" $# && dir=$2 && shift 2 ;;
        --password-file) need_value "$1" $# && password_file=$2 && shift 2 ;;
        --certificate) certificate=true && shift ;;
        --*) wrong "$1 is not known; the beginning of deploy/broker/account.sh says what there is." ;;
        *) words+=("$1") && shift ;;
    esac
done
set -- "${words[@]}"
umask 077

usage() {
    wrong "usage: account.sh add-device SITE NAME [--certificate] | remove-device SITE NAME | add-reader|add-central|add-admin|add-home-assistant NAME |" \
        "remove NAME | new-password SITE NAME|NAME | list [--password-file FILE] [--dir FOLDER]"
}

# ---- what is known of an account -------------------------------------------------------------------------------------

# role_of LOGIN: nothing for who isn't there. The file has "ROLE LOGIN" on each line.
role_of() { awk -v login="$1" '$2 == login { print $1 }' "$dir/accounts"; }

# set_role LOGIN [ROLE]: without a role it is forgotten. What the broker reads is made of it.
set_role() {
    awk -v login="$1" '$2 != login' "$dir/accounts" >"$dir/accounts.new"
    if [[ -n ${2-} ]]; then printf '%s %s\n' "$2" "$1" >>"$dir/accounts.new"; fi
    sort -o "$dir/accounts.new" "$dir/accounts.new"
    publish_file "$dir/accounts.new" "$dir/accounts"
    write_rights
}

# The patterns hold for every login: %u is it, so that a device SITE/NAME has its own root. Logins without a '/' are
# those of central systems; what a pattern would give them they are denied, as nothing may be written there.
write_rights() {
    local role login
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
        while read -r role login; do
            printf '\nuser %s\n' "$login"
            case $role in
                device)
                    printf 'topic write homeassistant/device/%s/config\n' "${login/\//_}"
                    printf 'topic read homeassistant/status\n'
                    ;;
                removed) printf 'topic deny #\n' ;;
                *)
                    printf 'topic deny presence/v1/%s/#\n' "$login"
                    printf 'topic read presence/v1/#\n'
                    # How the broker fares, and what it had to drop.
                    printf 'topic read %s\n' "\$SYS/broker/#"
                    ;;
            esac
            case $role in
                central | admin) printf 'topic write presence/v1/+/+/cmd/#\n' ;;
                home-assistant) printf 'topic %s\n' 'read homeassistant/#' 'write homeassistant/status' ;;
            esac
            if [[ $role == admin ]]; then
                printf 'topic write presence/v1/+/+/%s\n' status info health 'state/#'
                printf 'topic readwrite homeassistant/device/+/config\n'
            fi
        done <"$dir/accounts"
    } >"$dir/rights.new"
    private_file "$dir/rights.new"
    publish_file "$dir/rights.new" "$dir/rights"
}

# set_password LOGIN [PASSWORD]: without one the login goes. The password is in no argument, where all could see it.
set_password() {
    local others
    others=$(awk -F : -v login="$1" '$1 != login' "$dir/passwords")
    printf '%s' "${2:+$1:$2}" >"$dir/passwords.new"
    if [[ -n ${2-} ]]; then
        printf '\n' >>"$dir/passwords.new"
        mosquitto_passwd -U "$dir/passwords.new" || stop "mosquitto_passwd could not make the password's hash."
    fi
    if [[ -n $others ]]; then printf '%s\n' "$others" >>"$dir/passwords.new"; fi
    private_file "$dir/passwords.new"
    publish_file "$dir/passwords.new" "$dir/passwords"
}

# hand_over LOGIN: a new password for it, said once.
hand_over() {
    local password
    password=$(openssl rand -base64 24)
    if [[ -n $password_file ]]; then
        (printf '%s\n' "$password" >"$password_file.new") 2>/dev/null || stop "$password_file can't be written."
        mv -f "$password_file.new" "$password_file"
    fi
    set_password "$1" "$password"
    reload_broker
    if [[ -n $password_file ]]; then
        say "The password of $1 is in $password_file."
    else
        say "The password of $1 is shown only now: $password"
    fi
}

has_certificate() {
    [[ -s $dir/ca/index.txt ]] && awk -F '\t' -v name="/CN=$1" '{ gsub(/\\/, "", $6) } $1 == "V" && $6 == name { found = 1 } END { exit !found }' "$dir/ca/index.txt"
}

# ---- the commands ----------------------------------------------------------------------------------------------------

begin() {
    need_openssl
    command -v mosquitto_passwd >/dev/null || stop "mosquitto is not installed: run 'bash deploy/broker/mosquitto.sh' as root."
    need_dir
    lock_dir
    local file
    for file in accounts passwords; do
        if [[ ! -e $dir/$file ]]; then : >"$dir/$file"; fi
    done
    private_file "$dir/passwords"
}

add() {
    local role=$1 login=$2 has
    begin
    has=$(role_of "$login")
    [[ -z $has || $has == removed ]] || stop "$login is there already, as $has; 'account.sh new-password' makes a new password."
    set_role "$login" "$role"
    if $certificate; then
        reload_broker
        exec 9>&-
        bash "$here/certificates.sh" device "${login%/*}" "${login#*/}" --dir "$dir"
    else
        hand_over "$login"
    fi
}

remove() {
    local login=$1 has
    begin
    has=$(role_of "$login")
    [[ -n $has && $has != removed ]] || stop "There is no $login; 'account.sh list' shows who there is."
    set_password "$login"
    if has_certificate "$login"; then
        # A certificate is looked at only when a connection is made; one that stands has no rights from now on.
        set_role "$login" removed
        exec 9>&-
        bash "$here/certificates.sh" revoke "${login%/*}" "${login#*/}" --dir "$dir"
    else
        set_role "$login"
        reload_broker
    fi
    say "$login is removed. What it left retained is cleared with 'presence-agent retire'."
}

# login_of WORDS: SITE NAME of a device, or the NAME of another.
login_of() {
    if (($# == 2)); then
        need_name "a site" "$1"
        need_name "a device" "$2"
    elif (($# == 1)); then
        need_name "an account" "$1"
    else
        usage
    fi
    login=$1${2:+/$2}
}

command=${1-}
shift || true
if $certificate && [[ $command != add-device ]]; then wrong "--certificate goes with 'add-device' only."; fi
case $command in
    add-device)
        (($# == 2)) || usage
        login_of "$@"
        add device "$login"
        ;;
    add-reader | add-central | add-admin | add-home-assistant)
        (($# == 1)) || usage
        login_of "$@"
        add "${command#add-}" "$login"
        ;;
    remove-device | remove)
        (($# == 2)) || [[ $command == remove && $# == 1 ]] || usage
        login_of "$@"
        remove "$login"
        ;;
    new-password)
        login_of "$@"
        begin
        [[ ! $(role_of "$login") =~ ^(|removed)$ ]] || stop "There is no $login; 'account.sh list' shows who there is."
        hand_over "$login"
        ;;
    list)
        (($# == 0)) || usage
        begin
        cat "$dir/accounts"
        ;;
    rights)
        # What the broker reads, made again; the script that starts it wants that.
        begin
        write_rights
        reload_broker
        ;;
    *) usage ;;
esac
