#!/bin/bash
# On a machine of the lab: what Docker's client knows as busybox:latest is there to be pulled, from a registry on the loopback. No
# machine of the lab reaches the real one.
#
#   hub.sh ARCHIVE
set -euo pipefail
name=registry-1.docker.io folder=/run/hub
mkdir -p $folder
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=$name" -addext "subjectAltName=DNS:$name" \
    -keyout $folder/key -out $folder/certificate 2>/dev/null
cat $folder/certificate $folder/key >$folder/both
install -D -m 644 $folder/certificate /etc/ssl/certs/ca-certificates.crt
grep -q "$name" /etc/hosts || echo "127.0.0.1 $name" >>/etc/hosts
cd /lab/src
setsid python3 -m tests.contract.registry 443 "$1" library/busybox:latest $folder/both >$folder/log 2>&1 </dev/null &
until grep -q ready $folder/log; do sleep 0.2; done
