"""The Docker tutorial of OpenSVC, from its first command to its last, once and twice: its service file, on a machine as it has it.

The file is the tutorial's own, but for one word: the image is one of 2014 that no machine of the lab can fetch, so its id is that
of the image that stands for busybox:latest here. The commands are the tutorial's own, typed by the link that it makes, and each
`print status` is what it shows, but for that id and the container's.
"""

from pathlib import Path

import pytest

from tests.lab.machine import Machine
from tests.lab.place import Place
from tools.make_image import image_id

pytestmark = [pytest.mark.real, pytest.mark.lab, pytest.mark.timeout(7200)]

NAME = "docker.opensvc.com"
SPEC = Path(__file__).with_name("tutorial.env").read_text()
OF_2014 = "f66342b343ae"
IMAGE = image_id(1).removeprefix("sha256:")[:12]

ROOT, DATA = "/dev/mapper/vgdocker-lvdockerroot", "/dev/mapper/vgdocker-lvdockerdata"
ADDRESS = "37.59.71.25"
TREES = Path(__file__).parents[1] / "svcmgr" / "tutorial"
LINK = f"/opt/opensvc/etc/{NAME}"
RIDS = ("container#1", "vg#1", "fs#1", "fs#2", "ip#1")


def prepare(machine: Machine) -> None:
    """The prerequisites: a disk, an address with a name, the image to be had, and the folder that the container is given.

    `docker run -v` would make that folder; osvc does not, and the tutorial does not tell where it comes from.
    """
    machine.run(
        f"""
        pvcreate -q -y /dev/vdc && vgcreate -q vgdocker /dev/vdc
        lvcreate -q -n lvdockerroot -L 128M vgdocker && lvcreate -q -n lvdockerdata -L 600M vgdocker
        mkfs.ext4 -q {ROOT} && mkfs.ext4 -q {DATA}
        mount {ROOT} /mnt && mkdir /mnt/vol1 && umount /mnt
        vgchange -q -a n vgdocker
        echo '{ADDRESS} {NAME}' >>/etc/hosts
        mkdir -p /etc/osvc && printf 'node: deb1.opensvc.com\nspecs: /opt/opensvc/etc\n' >/etc/osvc/osvc.yaml
        /lab/src/tests/lab/hub.sh /lab/images/demo-1.tar
        """
    )
    assert SPEC.count(OF_2014) == 1
    machine.write(f"/opt/opensvc/etc/{NAME}.env", SPEC.replace(OF_2014, IMAGE), mode="644")
    machine.run(f"cd /opt/opensvc/etc && mkdir {NAME}.dir && ln -s {NAME}.dir {NAME}.d && ln -s /lab/bin/svcmgr {NAME}")


def shows(machine: Machine, tree: str, container: str = "") -> None:
    """That `print status` shows what the tutorial shows at this place."""
    shown = (TREES / f"status-{tree}.txt").read_text().replace(OF_2014, IMAGE)
    assert machine.run(f"{LINK} print status").out == shown.replace("20f6aabc5ce1", container or "20f6aabc5ce1")


def observed(machine: Machine, *up: str) -> None:
    """That these are up, by what the machine itself says."""
    seen = {
        "vg#1": machine.run("vgs --noheadings -o tags vgdocker").out.strip() == "deb1.opensvc.com"
        and machine.run(f"test -b {ROOT} && test -b {DATA}", ok=(0, 1)).code == 0,
        "fs#1": machine.run(f"findmnt -n -o SOURCE /opt/{NAME}", ok=(0, 1)).out.strip() == ROOT,
        "fs#2": machine.run(f"findmnt -n -o SOURCE /opt/{NAME}/appdata", ok=(0, 1)).out.strip() == DATA,
        "ip#1": f"inet {ADDRESS}/27" in machine.run("ip address show eth0").out,
        "container#1": bool(machine.run(f"docker -H unix:///run/osvc/{NAME}/docker.sock ps -q", ok=(0, 1)).out),
    }
    assert {rid for rid, there in seen.items() if there} == {*up}


@pytest.mark.parametrize("times", [pytest.param(1, marks=pytest.mark.core), 2])
def test_the_tutorial(place: Place, times: int) -> None:
    with place.machine("deb1.opensvc.com", address="37.59.71.1/27", disks=[place.disk(900)]) as deb1:
        prepare(deb1)
        shows(deb1, "down")
        observed(deb1)

        found = {walk(deb1, pull=time == 0) for time in range(times)}
        assert len(found) == 1, "the same container"


def walk(deb1: Machine, *, pull: bool) -> str:
    """From the service that is down to the service that is down again. The container's id. pull: whether it is the first time."""
    deb1.run(f"{LINK} startvg")
    shows(deb1, "vg-up")
    observed(deb1, "vg#1")

    deb1.run(f"{LINK} startfs")
    shows(deb1, "fs-up")
    observed(deb1, "vg#1", "fs#1", "fs#2")

    deb1.run(f"{LINK} startip")
    shows(deb1, "ip-up")
    observed(deb1, "vg#1", "fs#1", "fs#2", "ip#1")

    listed = "docker images --format '{{.Repository}}:{{.Tag}} {{.ID}}'"
    assert deb1.run(f"{LINK} {listed}").out.split() == ([] if pull else ["busybox:latest", IMAGE]), "it is started silently"
    if pull:
        shows(deb1, "engine-up")
        assert "Status: Downloaded newer image for busybox:latest" in deb1.run(f"{LINK} docker pull busybox:latest").out
        assert deb1.run(f"{LINK} {listed}").out.split() == ["busybox:latest", IMAGE]
        shows(deb1, "pulled")

    deb1.run(f"{LINK} start")
    container = deb1.run(f"{LINK} docker ps --format '{{{{.ID}}}} {{{{.Command}}}} {{{{.Names}}}}'").out.split()
    assert container[1:] == ['"/bin/sh"', f"{NAME}.container.1"]
    shows(deb1, "started", container[0])
    observed(deb1, *RIDS)
    deb1.osvc("plan")

    log = deb1.run(f"{LINK} stop").out
    assert f" INFO    {NAME.upper()}.FS#2    umount -- /opt/{NAME}/appdata\n" in log
    shows(deb1, "stopped")
    observed(deb1)
    return container[0]
