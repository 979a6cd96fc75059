#!/usr/bin/env bash
# Puts the service onto this machine: units, user, folders, journal, explanations of its lines, the daily check, the
# command and its pages. Run it again after an update. Before it, the agent itself is in /opt/presence-agent:
# `sudo bash deploy/environment.sh device` puts it there.
#
#   sudo bash deploy/install.sh
set -euo pipefail
# shellcheck source=deploy/environment.sh
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

[[ $EUID -eq 0 ]] || stop "Run this as root: sudo bash deploy/install.sh"
[[ -d /run/systemd/system ]] || stop "systemd does not run here, so there is nothing to install the service into."
[[ -x /opt/presence-agent/bin/presence-agent ]] ||
    stop "There is no /opt/presence-agent/bin/presence-agent: run 'sudo bash deploy/environment.sh device' first."
# It ends with a sentence where the package is there without what a device needs.
/opt/presence-agent/bin/presence-agent models list >/dev/null || stop "Put that into /opt/presence-agent, then run this again."

# put PATH FILE [MODE]: a file of systemd/, readable for everybody.
put() { install -D -m "${3-644}" "$ROOT/systemd/$2" "$1"; }

for unit in "$ROOT"/systemd/*.{service,path,timer}; do
    unit=${unit##*/}
    put "/usr/lib/systemd/system/$unit" "$unit"
    if [[ -f /etc/systemd/system/$unit ]]; then
        say "/etc/systemd/system/$unit hides the one of this version: remove it, then run this again."
    fi
done
put /usr/lib/sysusers.d/presence-agent.conf presence-agent.sysusers.conf
put /usr/lib/tmpfiles.d/presence-agent.conf presence-agent.tmpfiles.conf
put /etc/systemd/journald.conf.d/90-presence-agent.conf presence-agent.journald.conf
put /usr/lib/systemd/catalog/presence-agent.catalog presence-agent.catalog
put /usr/lib/systemd/catalog/presence-agent.vi.catalog presence-agent.vi.catalog
put /usr/lib/presence-agent/check presence-agent-check 755
put /usr/share/presence-agent/clock.conf presence-agent-clock.conf
# The command where everybody finds it, sudo and the units too; an older version put it into /usr/local.
ln -sf /opt/presence-agent/bin/presence-agent /usr/bin/presence-agent
rm -f /usr/local/bin/presence-agent /opt/presence-agent/bin/presence-agent-check
# The pages that units and journal name, as they lie in a checkout.
(cd "$ROOT" && find README.md LICENSE deploy models systemd -name '*.md' -o -name LICENSE -o -name demo.jpg) |
    while IFS= read -r page; do
        install -D -m 644 "$ROOT/$page" "/usr/share/doc/presence-agent/$page"
    done
for keeper in chrony ntpsec openntpd ntp; do
    if systemctl --quiet is-active "$keeper.service"; then
        # Else the service could not know that the clock is right; doctor tells where such a program comes later.
        put /etc/systemd/system/presence-agent.service.d/clock.conf presence-agent-clock.conf
    fi
done

systemd-sysusers presence-agent.conf
systemd-tmpfiles --create presence-agent.conf
systemctl restart systemd-journald
journalctl --flush
journalctl --update-catalog
systemctl daemon-reload
systemctl --quiet enable presence-agent.service
# It is active from now on, not only from the next start of the machine.
systemctl --quiet enable --now presence-agent-check.timer

say "The service is installed. When /etc/presence-agent/agent.toml and the secrets beside it are right:"
say "  sudo systemctl restart --no-block presence-agent"
