#!/usr/bin/env bash
# Who may log in at the broker, and what for:
#
#   bash deploy/broker/account.sh add-device SITE NAME                  a login of its own; prints its password once
#   bash deploy/broker/account.sh add-device SITE NAME --certificate    a certificate instead of a password
#   bash deploy/broker/account.sh new-password SITE NAME                the old one, or its certificate, is refused from now on
#   bash deploy/broker/account.sh remove-device SITE NAME               login, certificates and rights
#   bash deploy/broker/account.sh add-reader NAME      reads what all agents say, writes nothing: dashboards, archives
#   bash deploy/broker/account.sh add-central NAME     the same, and may ask agents (cmd/...): the system that finds gaps
#   bash deploy/broker/account.sh add-admin NAME       the same, and may clear what is retained (presence-agent retire)
#   bash deploy/broker/account.sh add-home-assistant NAME    reads what all agents say, and tells them that it is there
#   bash deploy/broker/account.sh add-office NAME --site SITE    the broker of an office, which passes on what its site's agents say
#   bash deploy/broker/account.sh new-password NAME    of a reader, central, admin or office
#   bash deploy/broker/account.sh remove NAME
#   bash deploy/broker/account.sh list
#
# Who is connected with what is taken away is put out at once, before anything new is given to the same name.
# --site SITE, with add-reader and add-central, again for each: it hears and asks the agents of these sites only. With add-office: once.
# --password-file FILE: the password goes into this file, which only its owner can read, instead of onto the screen.
# --dir FOLDER: the broker's folder, /etc/mosquitto/presence without it. A running broker is told; nothing is restarted.
set -euo pipefail
# shellcheck source=deploy/broker/logins.sh
source "$(dirname "${BASH_SOURCE[0]}")/logins.sh"
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)

password_file=
certificate=false
sites=()
words=()
while (($#)); do
    case $1 in
        -h | --help) tell_usage ;;
        --dir) need_value "$1" $# && dir=$2 && shift 2 ;;
        --password-file) need_value "$1" $# && password_file=$2 && shift 2 ;;
        --site) need_value "$1" $# && sites+=("$2") && shift 2 ;;
        --certificate) certificate=true && shift ;;
        --*) wrong "$1 is not known; the beginning of deploy/broker/account.sh says what there is." ;;
        *) words+=("$1") && shift ;;
    esac
done
set -- "${words[@]}"
umask 077

usage() {
    wrong "usage: account.sh add-device SITE NAME [--certificate] | remove-device SITE NAME | add-reader|add-central NAME [--site SITE]... |" \
        "add-admin|add-home-assistant NAME | add-office NAME --site SITE | remove NAME | new-password SITE NAME|NAME | list [--password-file FILE] [--dir FOLDER]"
}

# ---- the commands ----------------------------------------------------------------------------------------------------

# prepare_password: made, and where it goes found good, before anything is taken away.
prepare_password() {
    password=$(openssl rand -base64 24)
    if [[ -n $password_file ]]; then
        (printf '%s\n' "$password" >"$password_file.new") 2>/dev/null || stop "$password_file can't be written."
    fi
}

# hand_over LOGIN: the password that was prepared is its own from now on, and said once.
hand_over() {
    set_password "$1" "$password"
    reload_broker
    if [[ -n $password_file ]]; then
        mv -f "$password_file.new" "$password_file"
        say "The password of $1 is in $password_file."
    else
        say "The password of $1 is shown only now: $password"
    fi
}

begin() {
    command -v mosquitto_passwd >/dev/null || stop "mosquitto is not installed: run 'bash deploy/broker/mosquitto.sh' as root."
    begin_logins
    remark_crl
}

# add ROLE LOGIN SITE...
add() {
    local role=$1 login=$2
    shift 2
    begin
    need_free "$login" "$@"
    if $certificate; then
        set_role "$login" "$role"
        reload_broker
        exec 9>&-
        bash "$here/certificates.sh" device "${login%/*}" "${login#*/}" --dir "$dir"
        return
    fi
    prepare_password
    # What somebody made for this name before there was an account of it.
    if has_secret "$login"; then take_away all "$login"; fi
    set_role "$login" "$role" "$@"
    hand_over "$login"
}

remove() {
    local login=$1
    begin
    [[ -n $(role_of "$login") ]] || stop "There is no $login; 'account.sh list' shows who there is."
    take_away all "$login"
    set_role "$login"
    reload_broker
    say "$login is removed, and whoever was connected as $login is not any more. What it left retained is cleared with 'presence-agent retire'."
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
if ((${#sites[@]})); then
    [[ $command == add-@(reader|central|office) ]] || wrong "--site goes with 'add-reader', 'add-central' and 'add-office' only."
    for site in "${sites[@]}"; do need_name "a site" "$site"; done
    mapfile -t sites < <(printf '%s\n' "${sites[@]}" | sort -u)
fi
case $command in
    add-device)
        (($# == 2)) || usage
        need_pair "$@"
        add device "$1/$2"
        ;;
    add-reader | add-central | add-admin | add-home-assistant | add-office)
        (($# == 1)) || usage
        [[ $command != add-office ]] || ((${#sites[@]} == 1)) || wrong "An office's broker speaks for one site: add-office NAME --site SITE."
        login_of "$@"
        add "${command#add-}" "$login" "${sites[@]}"
        ;;
    remove-device | remove)
        (($# == 2)) || [[ $command == remove && $# == 1 ]] || usage
        login_of "$@"
        remove "$login"
        ;;
    new-password)
        login_of "$@"
        begin
        [[ -n $(role_of "$login") ]] || stop "There is no $login; 'account.sh list' shows who there is."
        prepare_password
        take_away all "$login"
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
