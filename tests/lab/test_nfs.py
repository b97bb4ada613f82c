"""A filesystem that another machine serves; when its server is gone that costs a time-out, and it is waited for."""

import json
import time

import pytest

from tests.lab.machine import Machine
from tests.lab.place import Place

pytestmark = [pytest.mark.real, pytest.mark.lab, pytest.mark.timeout(3600)]

SPEC = """
resources:
  fs#1: {dev: "10.9.0.1:/srv/pictures", mnt: /srv/pictures, type: nfs, mnt_opt: "vers=4.2,hard,timeo=100", stat_timeout: 5s}
  fs#2: {dev: tmpfs, mnt: /srv/fast, type: tmpfs, mnt_opt: size=8m}
"""
SERVE = """
mkdir -p /srv/pictures /var/lib/nfs/v4recovery /run/rpc_pipefs
modprobe nfsd && mount -t nfsd nfsd /proc/fs/nfsd
exportfs -o rw,no_root_squash,no_subtree_check,sync 10.9.0.0/24:/srv/pictures
rpc.mountd --no-nfs-version 3
rpc.nfsd --no-nfs-version 3 --lease-time 10 --grace-time 10 2
"""
ANY = range(256)


def statuses(client: Machine) -> dict[str, str]:
    (service,) = json.loads(client.osvc("status", "--json", ok=ANY).out)["services"]
    return {resource["rid"]: resource["status"] for resource in service["resources"]}


def test_a_filesystem_of_another_machine(place: Place) -> None:
    with (
        place.machine("server", address="10.9.0.1/24", memory=768) as server,
        place.machine("client", address="10.9.0.2/24", memory=768) as client,
    ):
        server.run(SERVE)
        client.write("/etc/osvc/services.d/web.yaml", SPEC)
        client.osvc("apply", "--yes")
        client.converged()
        assert client.run("findmnt -n -o FSTYPE,SOURCE /srv/pictures").out.split() == ["nfs4", "10.9.0.1:/srv/pictures"]
        client.run("echo hello >/srv/pictures/from-client && sync")
        assert server.read("/srv/pictures/from-client") == "hello\n"
        server.run("sync")

        server.cut()
        began = time.monotonic()
        assert statuses(client) == {"fs#1": "unknown", "fs#2": "up"}
        refused = client.osvc("plan", ok=(7,))
        assert "10.9.0.1:/srv/pictures is gone or slow" in refused.out + refused.err
        assert time.monotonic() - began < 120, "it costs a time-out, no hang"
        client.run("umount /srv/fast")
        client.osvc("apply", "--yes", ok=(8,))
        assert statuses(client)["fs#2"] == "up", "what has nothing to do with it is mended meanwhile"

        server.boot()
        server.run(SERVE)
        deadline = time.monotonic() + 300
        while statuses(client)["fs#1"] != "up":
            assert time.monotonic() < deadline
            time.sleep(5)
        client.converged()
        assert client.read("/srv/pictures/from-client") == "hello\n"
        client.osvc("stop", "web")
        client.run("! mountpoint -q /srv/pictures && ! mountpoint -q /srv/fast")
