#!/bin/bash
# The first process of a machine with systemd, until it has told systemd of the agent.
mount -t tmpfs -o nosuid,nodev,mode=755 tmpfs /run
units=/run/systemd/system
mkdir -p $units/multi-user.target.wants
cat >$units/lab-agent.service <<'UNIT'
[Unit]
Description=does what the lab asks this machine
[Service]
Environment=PATH=/lab/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
ExecStartPre=/lab/guest/identity.sh
ExecStart=/usr/bin/python3 /lab/guest/agent.py
Restart=always
KillMode=process
UNIT
ln -s ../lab-agent.service $units/multi-user.target.wants/
exec /lib/systemd/systemd
