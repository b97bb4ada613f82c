#!/usr/bin/env bash
# Python on a machine of its own, as far as a kernel can be shared: its processes, network, mounts and /run are nobody else's, and
# what is left of them ends with it. Loop devices, control groups and files elsewhere are the machine's. As root.
#
#   tools/apart.sh ARGUMENTS...     as those of .venv/bin/python
set -euo pipefail
export OSVC_APART_PYTHON
OSVC_APART_PYTHON=$(dirname "$0")/../.venv/bin/python

# The first process of such a machine takes in what others leave; Python would not, the shell does.
# /sys shows the links of who mounts it; the control groups below it stay.
exec unshare --net --mount --propagation private --pid --fork --kill-child --ipc --uts -- bash -euo pipefail -c '
mount -t proc proc /proc
groups=$(mktemp -d)
mount --rbind /sys/fs/cgroup "$groups"
mount -t sysfs sysfs /sys
mount --move "$groups" /sys/fs/cgroup
rmdir "$groups"
mount -t tmpfs -o mode=755 tmpfs /run
ip link set lo up
code=0
"$OSVC_APART_PYTHON" "$@" || code=$?
exit "$code"' apart "$@"
