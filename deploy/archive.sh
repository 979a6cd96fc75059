#!/usr/bin/env bash
# A signed apt archive of the packages that deploy/packages.sh makes. Debian 12 or 13, with its reprepro, gpg and gpg-agent.
#
#   sudo bash deploy/archive.sh init                  folders, key, suites, and the timer that signs again each week
#   sudo bash deploy/archive.sh add FILE.deb...       into trixie-canary (versions ending in ~deb13) or bookworm-canary (~deb12)
#   sudo bash deploy/archive.sh promote VERSION       canary to stable, for each Debian that has it; VERSION without ~deb…
#   sudo bash deploy/archive.sh withdraw VERSION      out of all suites; devices that have it keep it
#   sudo bash deploy/archive.sh list                  what is in each suite, and until when its index is good
#   sudo bash deploy/archive.sh resign                all indexes again, with the same contents; the timer does it
#   sudo bash deploy/archive.sh export TARGET         what devices read, to a stick, a folder, or HOST:FOLDER (rsync over ssh)
#   sudo bash deploy/archive.sh device --url URL --channel canary|stable >set-up.sh     for a device: there, sudo sh set-up.sh
#
# --dir FOLDER        the archive's folder, /srv/presence-archive without it; a folder of your own needs no root, and has no timer
# --valid-days N      with init: how long a signed index is good, 28; devices take none that is older
# --publish-to TARGET with init: where each change and each signing is exported to by itself; "" again for nowhere
#
# What a web server or a stick offers is public/ in that folder: plain files, signed. The key is in gnupg/, and leaves it never.
set -euo pipefail
# shellcheck source=deploy/environment.sh
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)

SYSTEM_DIR=/srv/presence-archive
CODE_DIR=/usr/local/lib/presence-archive
NAME=presence-agent
declare -rA SUFFIXES=([trixie]=~deb13 [bookworm]=~deb12)
dir=$SYSTEM_DIR
valid_days=
publish_to=
sets_target=false
url=
channel=
words=()
while (($#)); do
    case $1 in
        -h | --help) tell_usage ;;
        --dir) need_value "$1" $# && dir=$2 && shift 2 ;;
        --valid-days) need_value "$1" $# && valid_days=$2 && shift 2 ;;
        --publish-to) need_value "$1" $# && publish_to=$2 && sets_target=true && shift 2 ;;
        --url) need_value "$1" $# && url=$2 && shift 2 ;;
        --channel) need_value "$1" $# && channel=$2 && shift 2 ;;
        --*) wrong "$1 is not known; the beginning of deploy/archive.sh says what there is." ;;
        *) words+=("$1") && shift ;;
    esac
done
set -- "${words[@]}"
[[ $valid_days =~ ^([1-9][0-9]{0,3})?$ ]] || wrong "--valid-days $valid_days: give a number of days, 1 to 9999."
[[ -n $dir ]] || wrong "--dir needs a folder."
dir=$(realpath -m "$dir")
public=$dir/public
home=$dir/gnupg
umask 022

is_system() { [[ $dir == "$SYSTEM_DIR" ]]; }

need_archive() {
    [[ -e $dir/conf/distributions ]] || stop "There is no archive in $dir yet: run 'bash deploy/archive.sh init' first."
    [[ -w $dir ]] || stop "$dir can't be written: run this as root."
    # One writer at a time; reprepro's own lock does not cover what is copied afterwards.
    exec 9>"$dir/.lock"
    flock -w 60 9 || stop "Another archive.sh has been at work in $dir for 60 s; try again later."
    trap 'quiet_gpgconf' EXIT
}

# No agent of gpg's stays behind with the key in its memory.
quiet_gpgconf() { gpgconf --homedir "$home" --kill gpg-agent 2>/dev/null || true; }

# What left a suite stays in the pool: devices may be fetching it, and `promote` may still want it.
# What reprepro says goes to stderr; stdout is for what was asked for.
keep() {
    reprepro --silent --basedir "$dir" --outdir "$public" --gnupghome "$home" --keepunreferencedfiles "$@"
}

suites() { printf '%s\n' {trixie,bookworm}-{canary,stable}; }

# version_in SUITE ARCHITECTURE: prints the version of the agent there; nothing: there is none.
version_in() { keep --architecture "$2" --list-format '${version}\n' list "$1" "$NAME"; }

make_key() {
    install -d -m 700 "$home"
    [[ -z $(gpg --homedir "$home" --batch --trust-model always --list-secret-keys --with-colons 2>/dev/null) ]] || return 0
    # No passphrase: the timer has nobody to ask. Whoever can read this folder can sign.
    gpg --homedir "$home" --batch --quiet --pinentry-mode loopback --passphrase '' \
        --quick-generate-key 'presence-agent archive' ed25519 sign 10y ||
        stop "gpg could not make a key in $home; the lines above say why."
}

fingerprint() {
    gpg --homedir "$home" --batch --trust-model always --list-secret-keys --with-colons | awk -F: '$1 == "fpr" { print $10; exit }'
}

distributions() {
    local suite key
    key=$(fingerprint)
    echo "# Made by deploy/archive.sh init; what is changed here is lost when that is run again."
    while read -r suite; do
        cat <<CONF
Origin: $NAME
Label: $NAME
Suite: $suite
Codename: $suite
Architectures: amd64 arm64
Components: main
Description: presence-agent for Debian ${suite%-*}, ${suite#*-} places
SignWith: $key
ValidFor: ${valid_days}d

CONF
    done < <(suites)
}

make_archive() {
    local missing=() program
    if is_system && [[ $EUID -ne 0 ]]; then stop "Run this as root, or with --dir FOLDER for an archive of your own."; fi
    # gpg only recommends its agent, without which it makes no key.
    for program in reprepro gpg gpg-agent; do command -v "$program" >/dev/null || missing+=("$program"); done
    if ((${#missing[@]})); then
        { may_install_packages && apt_install "${missing[@]}"; } ||
            stop "Not installed: ${missing[*]}. Run 'apt-get install ${missing[*]}' as root, then this again."
    fi
    mkdir -p "$dir/conf" "$public" || stop "$dir can't be written: run this as root."
    if [[ -z $valid_days && -e $dir/conf/distributions ]]; then
        valid_days=$(awk '$1 == "ValidFor:" { print +$2; exit }' "$dir/conf/distributions")
    fi
    valid_days=${valid_days:-28}
    trap 'quiet_gpgconf' EXIT
    make_key
    distributions >"$dir/conf/distributions.new"
    mv -f "$dir/conf/distributions.new" "$dir/conf/distributions"
    if $sets_target; then printf '%s' "$publish_to" >"$dir/conf/publish-to"; fi
    gpg --homedir "$home" --batch --export >"$public/$NAME.gpg.new"
    mv -f "$public/$NAME.gpg.new" "$public/$NAME.gpg"
    need_archive
    sign_again
    if is_system && [[ -d /run/systemd/system ]]; then
        # Copies: the timer needs them when this folder is gone.
        install -D -m 644 -t "$CODE_DIR" "$here/environment.sh" "$here/archive.sh"
        install -m 644 "$here"/archive/presence-archive-resign.{service,timer} /etc/systemd/system/
        systemctl daemon-reload
        systemctl --quiet enable --now presence-archive-resign.timer
        say "presence-archive-resign.timer signs each week."
    else
        say "No timer signs here: run 'bash deploy/archive.sh resign --dir $dir' each week."
    fi
    say "The key is in $home: back it up. Without it every device has to be set up again."
    say "Next: 'bash deploy/archive.sh add FILE.deb...', and let a web server offer $public."
}

# suite_of VERSION: prints the Debian that it is for; fails where it is for none.
suite_of() {
    local suite
    for suite in "${!SUFFIXES[@]}"; do
        if [[ $1 == *"${SUFFIXES[$suite]}" ]]; then echo "$suite" && return; fi
    done
    return 1
}

# put SUITE VERSION ARCHITECTURE FILE: reprepro passes over what is older without failing.
put() {
    local there
    keep --component main --section net --priority optional includedeb "$1" "$4" >&2 ||
        stop "$4 could not be put into $1; the lines above say why. A version that was there once never changes its contents."
    there=$(version_in "$1" "$3")
    [[ $there == "$2" ]] || stop "$1 has $there for $3, which is newer than $2: devices never go back. Make a newer version of what is to be installed."
    say "$1: $NAME $2 ($3)"
}

add_files() {
    local file name version architecture suite
    (($#)) || wrong "add wants packages: archive.sh add FILE.deb..."
    # All are looked at before the first goes in.
    for file in "$@"; do
        name=$(dpkg-deb --field "$file" Package) || stop "$file is no Debian package."
        version=$(dpkg-deb --field "$file" Version)
        [[ $name == "$NAME" ]] || stop "$file is $name; only $NAME goes into this archive, since devices install by themselves what is in it."
        suite_of "$version" >/dev/null || stop "$file has version $version, which ends neither in ~deb13 nor in ~deb12: make it with deploy/packages.sh."
    done
    for file in "$@"; do
        version=$(dpkg-deb --field "$file" Version)
        architecture=$(dpkg-deb --field "$file" Architecture)
        suite=$(suite_of "$version")
        put "$suite-canary" "$version" "$architecture" "$file"
    done
    publish
}

promote_version() {
    local suite version architecture file count=0
    [[ $# -eq 1 && $1 =~ ^[0-9][A-Za-z0-9.+]*$ ]] || wrong "promote wants one version as presence-agent --version says it, like 1.0.1."
    for suite in "${!SUFFIXES[@]}"; do
        version=$1${SUFFIXES[$suite]}
        for architecture in amd64 arm64; do
            # The pool has only what was in canary.
            file=$public/pool/main/p/$NAME/${NAME}_${version}_$architecture.deb
            if [[ -e $file ]]; then
                put "$suite-stable" "$version" "$architecture" "$file"
                count=$((count + 1))
            fi
        done
    done
    ((count)) || stop "$1 was never in a canary suite: run 'archive.sh add' first, and let some places try it."
    publish
}

withdraw_version() {
    local suite architecture count=0
    [[ $# -eq 1 && $1 =~ ^[0-9][A-Za-z0-9.+]*$ ]] || wrong "withdraw wants one version, like 1.0.1."
    while read -r suite; do
        for architecture in amd64 arm64; do
            if [[ $(version_in "$suite" "$architecture") == "$1${SUFFIXES[${suite%-*}]}" ]]; then
                keep --architecture "$architecture" remove "$suite" "$NAME" >&2
                say "$suite: without $NAME $1${SUFFIXES[${suite%-*}]} ($architecture)"
                count=$((count + 1))
            fi
        done
    done < <(suites)
    ((count)) || stop "No suite has $1; 'archive.sh list' says what there is."
    publish
}

list_suites() {
    local suite architecture version
    while read -r suite; do
        say "$suite: good until $(sed -n 's/^Valid-Until: //p' "$public/dists/$suite/Release")"
        for architecture in amd64 arm64; do
            version=$(version_in "$suite" "$architecture")
            say "  $architecture ${version:-none}"
        done
    done < <(suites)
}

sign_again() {
    keep export >&2 || stop "The indexes could not be signed; the lines above say why."
}

# copy_to TARGET: packages first, so that no index names what is not there yet.
copy_to() {
    local target=$1 part
    if [[ $target == *:* ]]; then
        command -v rsync >/dev/null || { may_install_packages && apt_install rsync; } || stop "rsync is not installed: run 'apt-get install rsync' as root."
        rsync -rt --chmod=D755,F644 "$public/pool" "$public/$NAME.gpg" "$target/" && rsync -rt --delete-after --chmod=D755,F644 "$public/dists" "$target/" ||
            stop "$target could not be reached; the lines above say why."
        return
    fi
    [[ -d $target ]] || stop "$target is no folder: mount the stick first."
    mkdir -p "$public/pool" "$target/pool"
    # A stick has no owners and modes to keep.
    for part in pool "$NAME.gpg"; do cp -r --update --no-preserve=mode,ownership "$public/$part" "$target/"; done
    rm -rf "$target/dists.new"
    cp -r --no-preserve=mode,ownership "$public/dists" "$target/dists.new"
    rm -rf "$target/dists"
    mv "$target/dists.new" "$target/dists"
    sync -f "$target"
}

publish() {
    local target
    target=$(cat "$dir/conf/publish-to" 2>/dev/null) || return 0
    if [[ -n $target ]]; then
        copy_to "$target"
        say "$target has it."
    fi
}

set_up_script() {
    [[ $channel == canary || $channel == stable ]] || wrong "device wants --channel canary or --channel stable."
    [[ $url =~ ^(https?|file|copy):[A-Za-z0-9._~:/%-]+$ ]] ||
        wrong "device wants --url with the address of the folder that has dists and pool, like https://archive.example/presence or file:/media/stick."
    sed -e "s|@URL@|$url|g; s|@CHANNEL@|$channel|g" -e "/^@KEY@\$/{
        r /dev/stdin
        d
    }" "$here/archive/device.sh" < <(base64 "$public/$NAME.gpg")
}

[[ ${1-} == @(init|add|promote|withdraw|list|resign|export|device) ]] ||
    wrong "Give one of init, add, promote, withdraw, list, resign, export, device; the beginning of deploy/archive.sh says what each does."
if [[ $1 != init ]]; then need_archive; fi
case $1 in
    init) make_archive ;;
    add) shift && add_files "$@" ;;
    promote) shift && promote_version "$@" ;;
    withdraw) shift && withdraw_version "$@" ;;
    list) list_suites ;;
    resign)
        sign_again
        publish
        say "All suites are good until $(sed -n 's/^Valid-Until: //p' "$public/dists/trixie-stable/Release")."
        ;;
    export)
        (($# == 2)) || wrong "export wants a target: archive.sh export FOLDER"
        copy_to "$2"
        say "$2 has it; its indexes are good until $(sed -n 's/^Valid-Until: //p' "$public/dists/trixie-stable/Release")."
        ;;
    device) set_up_script ;;
esac
