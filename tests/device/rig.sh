#!/usr/bin/env bash
# Sets up the real picamera2 on a camera of software, for tests/device/test_picamera.py and others:
#
#   bash tests/device/rig.sh FOLDER      FOLDER has camera-rig-*.tar.zst and softcam.py
#
# Its place, /opt/camera-rig, is compiled in. Does nothing where it is there already. PYTHON chooses the
# interpreter, which has to be the one that the rig was built for.
set -euo pipefail
# shellcheck source=deploy/environment.sh
source "$(dirname "${BASH_SOURCE[0]}")/../../deploy/environment.sh"

if (($# != 1)); then
    echo "usage: bash tests/device/rig.sh FOLDER" >&2
    exit 2
fi
from=$1
rig=/opt/camera-rig
python=${PYTHON:-python3}
tag=$("$python" -c 'import sys; print("py%d%d" % sys.version_info[:2])')
archive=$from/camera-rig-$tag-$(dpkg --print-architecture).tar.zst
# picamera2 and what it imports; numpy is the agent's own.
packages=(picamera2==0.3.38 pillow piexif simplejpeg videodev2 python-prctl av libarchive-c tqdm pidng)

[[ -e $archive ]] || stop "There is no camera rig for this Python and processor: $archive is not there."
content="$(digest "$archive" "$from/softcam.py") ${packages[*]}"
if [[ $(cat "$rig/stamp" 2>/dev/null) == "$content" ]]; then
    say "The camera rig is in $rig."
    exit
fi
mkdir -p "$rig" 2>/dev/null || true
[[ -w $rig ]] || stop "$rig can't be written: run this as root."

missing=()
for package in zstd libyuv0 libcap-dev libarchive13 gcc; do
    dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
done
if ((${#missing[@]})); then
    { may_install_packages && apt_install "${missing[@]}"; } ||
        stop "The camera rig needs the Debian packages ${missing[*]}: install them, then run this again."
fi
rm -rf "$rig"
tar --zstd -xf "$archive" -C /
cp "$from/softcam.py" "$rig/"
say "Installing ${packages[*]} ..."
# One of them has no wheel; none brings further ones, for those would shadow the agent's own.
"$python" -m pip install -qq --no-deps --disable-pip-version-check --target "$rig/python" "${packages[@]}"
printf '%s\n' "$content" >"$rig/stamp"
say "The camera rig is in $rig; tests find it there. For a program of your own:"
say "  PYTHONPATH=$rig:$rig/lib/python${tag:2:1}.${tag:3}/site-packages:$rig/python LD_LIBRARY_PATH=$rig/lib"
