#!/usr/bin/env bash
# Sets this folder up: the Debian packages that osvc's engines, demo and tests need, and .venv with the pinned requirements.
# Idempotent, and quick when everything is there. Removes no package, and starts no service.
#
#   tools/setup.sh [PACKAGE...]     other packages that are wanted as well (the tests of a type may need some)
set -euo pipefail
cd "$(dirname "$0")/.."

python=${PYTHON:-python3}

say() { printf '%s\n' "$*" >&2; }
fail() { say "error: $*"; exit 1; }

# --- Debian packages ---------------------------------------------------------------------------------------------------

missing=()
want() { # want PACKAGE COMMAND...: the package is missing when one of its commands is
    local package=$1 command
    shift
    for command in "$@"; do
        PATH="$PATH:/usr/sbin:/sbin" command -v "$command" >/dev/null || { missing+=("$package"); return 0; }
    done
}
static_busybox() { [ -x /bin/busybox ] && ! ldd /bin/busybox >/dev/null 2>&1; }
docker_client() { # its package of its own in newer releases
    if apt-cache show docker-cli >/dev/null 2>&1; then echo docker-cli; else echo docker.io; fi
}

look() {
    missing=()
    want docker.io dockerd containerd
    command -v docker >/dev/null || [[ " ${missing[*]} " == *" docker.io "* ]] || missing+=("$(docker_client)")
    want docker-registry docker-registry
    want iproute2 ip
    want iputils-arping arping
    want iptables iptables
    want e2fsprogs mkfs.ext4 e2fsck debugfs
    want xfsprogs mkfs.xfs xfs_repair
    want btrfs-progs mkfs.btrfs btrfs
    want dosfstools mkfs.vfat fsck.fat
    want nfs-common mount.nfs
    want util-linux losetup blkid wipefs unshare nsenter
    want mount mount umount
    want lvm2 lvm vgchange
    want kpartx kpartx
    want zsh zsh
    want fish fish
    want groff-base groff
    want prometheus prometheus promtool
    static_busybox || missing+=(busybox-static)
    "$python" -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
    local package
    for package in "$@"; do
        [ "$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null)" = "install ok installed" ] || missing+=("$package")
    done
}

policy=/usr/sbin/policy-rc.d
policy_made=
forget_policy() {
    [ -z "$policy_made" ] || rm -f "$policy"
    policy_made=
}

install_missing() {
    # A package that brings a daemon starts it unless this file says no. One that was there before is left as it is.
    if [ ! -e "$policy" ]; then
        trap forget_policy EXIT
        policy_made=yes
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
    fi
    say "setup: installing ${missing[*]}"
    apt-get update -q >&2
    DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-remove --no-install-recommends "${missing[@]}" >&2
    if ! command -v docker >/dev/null; then
        DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-remove --no-install-recommends "$(docker_client)" >&2
    fi
    forget_policy
}

look "$@"
if [ ${#missing[@]} -gt 0 ]; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        install_missing
        look "$@"
        [ ${#missing[@]} -eq 0 ] || fail "still missing after the installation: ${missing[*]}"
    else
        say "setup: missing here: install them as root with: apt-get install --no-remove --no-install-recommends ${missing[*]}"
    fi
fi

# --- Python ------------------------------------------------------------------------------------------------------------

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
    || fail "osvc needs Python 3.11 or newer; name one with PYTHON=/path/to/python3.11 make setup"

stamp=.venv/.osvc-setup
# The folder is part of it: a virtual environment does not survive being moved.
state=$({ pwd; "$python" -V; cat requirements/run.txt requirements/dev.txt pyproject.toml; } | sha256sum)
if [ -x .venv/bin/python ] && [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$state" ]; then
    exit 0
fi
say "setup: making .venv"
.venv/bin/python -c 'import pip' 2>/dev/null || "$python" -m venv --clear .venv
.venv/bin/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements/dev.txt
.venv/bin/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation --no-index --editable .
printf '%s\n' "$state" >"$stamp"
