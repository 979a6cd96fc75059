#!/bin/sh
# Sets a device up for updates from the archive of presence-agent, and Debian's security updates, at night:
#
#   sudo sh set-up.sh
#
# Made by `archive.sh device`, which puts in the address, the channel and the key's public half. Run again, or another
# one run, it puts its files in the place of the old ones. ROOT=FOLDER: into that folder, as for a card.
set -eu

root=${ROOT-}
suite=$(. "$root/etc/os-release" && echo "${VERSION_CODENAME-}")
case $suite in
    trixie | bookworm) ;;
    *)
        echo "This is Debian \"$suite\"; the archive is for trixie and bookworm." >&2
        exit 1
        ;;
esac
[ -w "$root/etc" ] || {
    echo "$root/etc can't be written: run this as root." >&2
    exit 1
}

# put FILE: what comes on stdin, readable by all, in one step.
put() {
    mkdir -p "$root${1%/*}"
    cat >"$root$1.new"
    chmod 644 "$root$1.new"
    mv -f "$root$1.new" "$root$1"
}

base64 -d <<'KEY' | put /etc/apt/keyrings/presence-agent.gpg
@KEY@
KEY

put /etc/apt/sources.list.d/presence-agent.sources <<SOURCES
# The channel of this place: $suite-canary gets versions first, $suite-stable those that have proved good there.
Types: deb
URIs: @URL@
Suites: $suite-@CHANNEL@
Components: main
Signed-By: /etc/apt/keyrings/presence-agent.gpg
SOURCES

# apt takes another suite's index, rightly signed, in the place of the one asked for, with a warning only. With this it
# installs nothing from it, and nothing else than the agent from this archive at all.
put /etc/apt/preferences.d/presence-agent <<PINS
Package: presence-agent
Pin: release o=presence-agent,n=$suite-@CHANNEL@
Pin-Priority: 500

Package: *
Pin: release o=presence-agent
Pin-Priority: -1
PINS

# Upgrades of all of Debian have left devices in the field that did not boot again; so of Debian only what is urgent.
put /etc/apt/apt.conf.d/60presence-agent <<'CONF'
APT::Periodic::Update-Package-Lists "1";
APT::Periodic::Unattended-Upgrade "1";
APT::Periodic::AutocleanInterval "7";
// What 50unattended-upgrades allows goes, or these would be added to it.
#clear Unattended-Upgrade::Origins-Pattern;
#clear Unattended-Upgrade::Allowed-Origins;
Unattended-Upgrade::Origins-Pattern {
    "origin=Debian,codename=${distro_codename}-security,label=Debian-Security";
    "origin=presence-agent,codename=${distro_codename}-@CHANNEL@,label=presence-agent";
};
Unattended-Upgrade::Automatic-Reboot "false";
// Nobody is there to be asked: what was changed by hand stays.
Dpkg::Options { "--force-confdef"; "--force-confold"; };
CONF

# Persistent, as Debian has it, would make up for a night without power in the morning, with the office open.
put /etc/systemd/system/apt-daily-upgrade.timer.d/presence-agent.conf <<'TIMER'
[Timer]
OnCalendar=
OnCalendar=*-*-* 02:00
RandomizedDelaySec=2h
Persistent=false
TIMER
# An hour before, so that the night's upgrade has the day's list.
put /etc/systemd/system/apt-daily.timer.d/presence-agent.conf <<'TIMER'
[Timer]
OnCalendar=
OnCalendar=*-*-* 00:30
RandomizedDelaySec=1h
Persistent=false
TIMER

if [ -z "$root" ]; then
    if [ -d /run/systemd/system ]; then
        systemctl daemon-reload
        # With their new times.
        systemctl try-restart apt-daily.timer apt-daily-upgrade.timer
    fi
    apt-get update || echo "The lists could not be fetched; the lines above say why." >&2
    if ! command -v unattended-upgrade >/dev/null; then
        apt-get install -qy --no-install-recommends unattended-upgrades ||
            echo "unattended-upgrades is not installed, so nothing is upgraded by itself: install it when Debian can be reached." >&2
    fi
fi
echo "Updates of presence-agent come from $suite-@CHANNEL@ at @URL@, between 02:00 and 04:00."
