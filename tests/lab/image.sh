#!/usr/bin/env bash
# The root image of the lab's machines, and the kernel and the first file system that start them: FOLDER/{root.ext4,vmlinuz,initrd}.
# Nothing of osvc is in it: that travels on a disk of its own (payload.py). What this file says decides whether an image in the
# cache is the right one, so it says everything.
#
#   image.sh FOLDER SUITE MIRROR      Debian's name of a release, and where this machine gets its packages; as root
set -Eeuo pipefail
folder=$1 suite=$2 mirror=$3
root=$folder/root
exec 3>&2 >"$folder/log" 2>&1
trap 'tail -n 30 "$folder/log" >&3' ERR

packages=(
    # a machine
    udev kmod systemd-sysv iproute2 iptables iputils-arping iputils-ping procps psmisc python3 busybox-static openssl
    # storage
    lvm2 thin-provisioning-tools kpartx e2fsprogs xfsprogs btrfs-progs dosfstools fdisk nfs-common nfs-kernel-server
    # engines
    docker.io containerd runc
)
idle=(docker.service docker.socket containerd.service apt-daily.timer apt-daily-upgrade.timer
    e2scrub_all.timer e2scrub_reap.service fstrim.timer dpkg-db-backup.timer systemd-timesyncd.service
    nfs-server.service nfs-client.target rpcbind.service rpcbind.socket)

include=$(IFS=,; echo "${packages[*]}")
debootstrap --variant=minbase --include="$include" "$suite" "$root" "$mirror"

inside() { env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root DEBIAN_FRONTEND=noninteractive chroot "$root" "$@"; }

# The kernel is unpacked, not installed: nothing has to be made for a boot loader that is not there.
inside apt-get -q update
kernel=$(inside apt-cache depends linux-image-cloud-amd64 | awk '$1 == "Depends:" { print $2; exit }')
version=${kernel#linux-image-}
inside sh -c "cd /tmp && apt-get -q download $kernel && dpkg -x ${kernel}_*.deb /tmp/kernel"
mv "$root/tmp/kernel/boot/vmlinuz-$version" "$folder/vmlinuz"
mkdir -p "$root/usr/lib/modules"
mv "$root/tmp/kernel/lib/modules/$version" "$root/usr/lib/modules/"
rm -rf "${root:?}"/tmp/*
inside depmod "$version"

# What the package manager keeps for itself, and what nobody reads here.
rm -rf "$root"/boot/* "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/var/log/*.log "$root"/usr/share/{doc,man,locale,info}
# A machine's daemons are osvc's affair here, and a console needs nobody to log in.
inside systemctl -q mask "${idle[@]}" getty@.service serial-getty@.service console-getty.service
inside systemctl -q set-default multi-user.target
: >"$root/etc/machine-id"
printf 'root\n' >"$root/etc/hostname"
printf '127.0.0.1 localhost\n::1 localhost\n' >"$root/etc/hosts"
rm -f "$root/etc/fstab" "$root/etc/resolv.conf"
mkdir -p "$root/lab"

# The first file system: what it takes to see the disks, and no more.
first=$folder/first
mkdir -p "$first"/{bin,proc,sys,dev,root}
cp "$root/bin/busybox" "$first/bin/busybox"
{
    printf '#!/bin/busybox sh\n'
    printf 'B=/bin/busybox\n$B mount -t proc proc /proc\n$B mount -t sysfs sys /sys\n$B mount -t devtmpfs dev /dev\n'
    for module in virtio_pci virtio_blk ext4; do
        inside modprobe -S "$version" --show-depends "$module" | awk '$1 == "insmod" { print $2 }'
    done | awk '!seen[$0]++' | while read -r path; do
        mkdir -p "$first/$(dirname "$path")"
        cp "$root/$path" "$first/$path"
        printf '$B insmod %s\n' "$path"
    done
    cat <<'INIT'
until [ -b /dev/vda ] && [ -b /dev/vdb ]; do $B usleep 50000; done
$B mount -t ext4 /dev/vda /root && $B mount -t ext4 -o ro /dev/vdb /root/lab || exec $B sh
init=/lab/guest/init.sh
for word in $($B cat /proc/cmdline); do
    case $word in lab.init=*) init=${word#*=} ;; esac
done
$B umount /proc
$B umount /sys
$B mount -o move /dev /root/dev
exec $B switch_root /root "$init"
INIT
} >"$first/init"
chmod 755 "$first/init"
(cd "$first" && find . | "$root/bin/busybox" cpio -o -H newc 2>/dev/null | gzip -1) >"$folder/initrd"

truncate -s 4G "$folder/root.ext4"
mkfs.ext4 -q -d "$root" "$folder/root.ext4"
inside python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])' >"$folder/python"
rm -rf "$root" "$first"
