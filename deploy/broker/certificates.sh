#!/usr/bin/env bash
# Certificates for the broker and, for who wants no passwords, for its devices:
#
#   bash deploy/broker/certificates.sh ca                       the authority; made once, good for 10 years
#   bash deploy/broker/certificates.sh server NAME...           the broker's; a NAME is a host name or an address
#   bash deploy/broker/certificates.sh web NAME...              that of the centre's API and pages, made here and taken there
#   bash deploy/broker/certificates.sh renew                    the broker's again, for the same names
#   bash deploy/broker/certificates.sh device SITE NAME         a device's, made here and taken to it
#   bash deploy/broker/certificates.sh device SITE NAME --request FILE    the same for a key that never left the device
#   bash deploy/broker/certificates.sh revoke SITE NAME         refuses all of a device's certificates
#   bash deploy/broker/certificates.sh crl                      the list of revoked ones again, good for 30 days; a timer does it daily
#   bash deploy/broker/certificates.sh list                     what there is, and until when
#
# --dir FOLDER: the broker's folder, /etc/mosquitto/presence without it. --days N: how long what is made is good:
# 10 years the authority, 2 years the broker, 5 years a device. A running broker is told; nothing is restarted.
# A device's new certificate takes the place of what it logged in with before; who is connected with that is put out.
set -euo pipefail
# shellcheck source=deploy/broker/logins.sh
source "$(dirname "${BASH_SOURCE[0]}")/logins.sh"

days=
request=
words=()
while (($#)); do
    case $1 in
        -h | --help) tell_usage ;;
        --dir) need_value "$1" $# && dir=$2 && shift 2 ;;
        --days) need_value "$1" $# && days=$2 && shift 2 ;;
        --request) need_value "$1" $# && request=$2 && shift 2 ;;
        --*) wrong "$1 is not known; the beginning of deploy/broker/certificates.sh says what there is." ;;
        *) words+=("$1") && shift ;;
    esac
done
set -- "${words[@]}"
[[ $days =~ ^([1-9][0-9]{0,4})?$ ]] || wrong "--days $days: give a number of days, 1 to 99999."
[[ -z $request || ${1-} == device ]] || wrong "--request goes with 'device' only."
umask 077

new_key() { quiet openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:prime256v1 -out "$1"; }

make_ca() {
    [[ ! -e $dir/ca/ca.key ]] || stop "There is an authority in $dir/ca already; a new one would make all of its certificates worthless."
    mkdir -p "$dir/ca/signed" "$dir/issued"
    : >"$dir/ca/index.txt"
    echo 01 >"$dir/ca/crlnumber"
    # Who signs knows by this file what it signed, so that it can take it back.
    cat >"$dir/ca/ca.conf" <<CONF
[ca]
default_ca = presence
[presence]
dir = \$ENV::PRESENCE_CA
database = \$dir/index.txt
new_certs_dir = \$dir/signed
certificate = \$dir/../ca.pem
private_key = \$dir/ca.key
crlnumber = \$dir/crlnumber
rand_serial = yes
unique_subject = no
default_md = sha256
default_crl_days = $CRL_DAYS
policy = name
[name]
commonName = supplied
[req]
distinguished_name = none
[none]
CONF
    new_key "$dir/ca/ca.key"
    quiet openssl req -new -x509 -config "$dir/ca/ca.conf" -key "$dir/ca/ca.key" -sha256 -days "${days:-3650}" \
        -subj "/CN=presence-agent broker authority" -out "$dir/ca.pem" \
        -addext basicConstraints=critical,CA:TRUE,pathlen:0 -addext keyUsage=critical,keyCertSign,cRLSign \
        -addext subjectKeyIdentifier=hash
    chmod 644 "$dir/ca.pem"
    make_crl
    say "The authority's certificate is $dir/ca.pem: take it to every device (ca_file). Its key $dir/ca/ca.key stays here; back it up."
}

# sign REQUEST OUT DAYS CN EXTENSIONS: the name is the one given here, whatever the request says.
sign() {
    local extensions
    extensions=$(mktemp)
    printf '%s\n' basicConstraints=critical,CA:FALSE keyUsage=critical,digitalSignature \
        subjectKeyIdentifier=hash authorityKeyIdentifier=keyid "$5" >"$extensions"
    quiet openssl ca -batch -notext -config "$dir/ca/ca.conf" -days "$3" -subj "/CN=${4//\//\\/}" \
        -extfile "$extensions" -in "$1" -out "$2"
    rm -f "$extensions"
    chmod 644 "$2"
}

alternatives() {
    local name text=""
    for name in "$@"; do
        if [[ $name =~ ^[0-9]{1,3}(\.[0-9]{1,3}){3}$ || $name =~ ^[0-9a-fA-F:]+:[0-9a-fA-F:]*$ ]]; then
            text+=",IP:$name"
        elif [[ $name =~ ^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$ ]]; then
            text+=",DNS:$name"
        else
            wrong "\"$name\" is neither a host name nor an address."
        fi
    done
    printf '%s' "${text#,}"
}

# make_server ALTERNATIVES: the key first, so that a broker that is told in between finds a pair at the next telling.
make_server() {
    new_key "$dir/server.key.new"
    quiet openssl req -new -config "$dir/ca/ca.conf" -key "$dir/server.key.new" -subj "/CN=broker" -out "$dir/server.csr"
    sign "$dir/server.csr" "$dir/server.pem.new" "${days:-730}" "broker" "extendedKeyUsage=serverAuth
subjectAltName=$1"
    rm -f "$dir/server.csr"
    private_file "$dir/server.key.new"
    publish_file "$dir/server.key.new" "$dir/server.key"
    publish_file "$dir/server.pem.new" "$dir/server.pem"
    printf '%s\n' "$1" >"$dir/ca/server-names"
    reload_broker
    say "The broker's certificate is for ${1//,/, } and good until $(until_when "$dir/server.pem")."
}

# make_web ALTERNATIVES: of the same authority, with a key of its own.
make_web() {
    local out=$dir/issued/web
    mkdir -p "$dir/issued"
    new_key "$out.key"
    quiet openssl req -new -config "$dir/ca/ca.conf" -key "$out.key" -subj "/CN=centre" -out "$out.csr"
    sign "$out.csr" "$out.pem" "${days:-730}" "centre" "extendedKeyUsage=serverAuth
subjectAltName=$1"
    rm -f "$out.csr"
    say "$out.pem is the centre's certificate for ${1//,/, }, good until $(until_when "$out.pem"); its key is $out.key."
}

until_when() { openssl x509 -in "$1" -noout -enddate -dateopt iso_8601 2>/dev/null | cut -d = -f 2 | cut -d ' ' -f 1; }

make_device() {
    local name=$1/$2 out=$dir/issued/$1_$2
    mkdir -p "$dir/issued"
    if [[ -n $request ]]; then
        [[ -r $request ]] || wrong "$request can't be read."
        openssl req -in "$request" -noout -verify 2>/dev/null || wrong "$request is no certificate request."
        cp "$request" "$out.csr"
    else
        new_key "$out.key"
        quiet openssl req -new -config "$dir/ca/ca.conf" -key "$out.key" -subj "/CN=device" -out "$out.csr"
    fi
    if has_secret "$name"; then take_away all "$name"; fi
    sign "$out.csr" "$out.pem" "${days:-1825}" "$name" extendedKeyUsage=clientAuth
    rm -f "$out.csr"
    say "$out.pem is the certificate of $name, good until $(until_when "$out.pem")."
    if [[ -z $request ]]; then
        say "Take it and $out.key to the device (certificate_file, key_file), and delete the key here."
    fi
}

revoke_device() {
    has_certificate "$1" || stop "There is no certificate of $1 to revoke."
    take_away certificates "$1"
    say "The certificates of $1 are refused, and whoever was connected with one is not any more."
}

renew_crl() {
    make_crl
    reload_broker
    say "The list of revoked certificates is good until $(crl_end %F)."
}

list() {
    local file state serial name
    printf '%-12s %-10s %s\n' "good until" state "whose"
    printf '%-12s %-10s %s\n' "$(until_when "$dir/ca.pem")" good "the authority"
    while read -r state _ serial name; do
        file=$dir/ca/signed/$serial.pem
        case $state in
            V) state=good && openssl x509 -in "$file" -noout -checkend 0 >/dev/null || state=expired ;;
            R) state=revoked ;;
            E) state=expired ;;
        esac
        if [[ $state == good ]] && ! openssl x509 -in "$file" -noout -checkend 2592000 >/dev/null; then state=soon; fi
        printf '%-12s %-10s %s\n' "$(until_when "$file")" "$state" "$name"
    done < <(entries)
}

usage() { wrong "usage: certificates.sh ca | server NAME... | web NAME... | renew | device SITE NAME | revoke SITE NAME | crl | list [--dir FOLDER] [--days N]"; }

device_words() { (($# == 3)) || usage; }

begin() {
    need_openssl
    if [[ $1 == ca ]]; then mkdir -p "$dir" 2>/dev/null || true; fi
    begin_logins
    [[ $1 == ca ]] || need_ca
    [[ $1 == @(ca|crl) ]] || remark_crl
}

case ${1-} in
    ca)
        (($# == 1)) || usage
        begin "$1"
        make_ca
        ;;
    server)
        (($# > 1)) || wrong "For which names? Give the host names and addresses at which devices reach the broker."
        shift
        names=$(alternatives "$@")
        begin server
        make_server "$names"
        ;;
    web)
        (($# > 1)) || wrong "For which names? Give the host names and addresses at which browsers reach the centre."
        shift
        names=$(alternatives "$@")
        begin web
        make_web "$names"
        ;;
    renew)
        (($# == 1)) || usage
        begin "$1"
        [[ -s $dir/ca/server-names ]] || stop "There is no certificate of the broker to renew; 'certificates.sh server NAME...' makes one."
        make_server "$(cat "$dir/ca/server-names")"
        ;;
    device)
        device_words "$@"
        need_pair "$2" "$3"
        begin "$1"
        need_no_account_for_site "$2" "$2/$3"
        make_device "$2" "$3"
        ;;
    revoke)
        device_words "$@"
        need_name "a site" "$2"
        need_name "a device" "$3"
        begin "$1"
        revoke_device "$2/$3"
        ;;
    crl)
        (($# == 1)) || usage
        begin "$1"
        renew_crl
        ;;
    list)
        (($# == 1)) || usage
        begin "$1"
        list
        ;;
    *) usage ;;
esac
