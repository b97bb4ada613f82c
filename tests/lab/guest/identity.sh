#!/bin/bash
# Who this machine is: lab.name=NAME and lab.address=ADDRESS/PREFIX on the kernel's command line.
for word in $(cat /proc/cmdline); do
    case $word in
        lab.name=*) name=${word#*=} ;;
        lab.address=*) address=${word#*=} ;;
    esac
done
echo "$name" >/proc/sys/kernel/hostname
echo "$name" >/etc/hostname
modprobe virtio_console
modprobe -a virtio_net loop
ip link set lo up
for _ in $(seq 100); do [ -e /sys/class/net/eth0 ] && break; sleep 0.1; done
ip link set eth0 up
[ -z "$address" ] || ip address add "$address" dev eth0
