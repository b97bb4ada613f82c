"""The Docker tutorial of OpenSVC, typed at a terminal from its first to its last command, once and twice: what it says is what a
machine says, but for what is a row of docs/migration.md.

Its service file is its own, but for one word: the image is one of 2014 that no machine of the lab can fetch, so its id is that of
the image that stands for busybox:latest here.
"""

from collections.abc import Sequence

import pytest

from tests.lab.machine import Machine
from tests.lab.page import Typed, answer
from tests.lab.place import Place
from tests.svcmgr.beside import Said, disordered, surplus, unlisted
from tests.svcmgr.tutorial import NAME, TYPED, is_status, spec, tree_of, ups, words_of
from tools.make_image import image_id

pytestmark = [pytest.mark.real, pytest.mark.lab, pytest.mark.timeout(7200)]

OF_2014 = "f66342b343ae"
IMAGE = image_id(1).removeprefix("sha256:")[:12]
SPEC = spec().replace(OF_2014, IMAGE)

ROOT, DATA = "/dev/mapper/vgdocker-lvdockerroot", "/dev/mapper/vgdocker-lvdockerdata"
ADDRESS = "37.59.71.25"


def prepare(machine: Machine) -> None:
    """The prerequisites: a disk, an address with a name, the image to be had, osvc where OpenSVC has its programs, the service's
    file, and the folder that the container is given.

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
        mkdir -p /opt/opensvc/bin && ln -s /lab/bin/svcmgr /opt/opensvc/bin/svcmgr
        ln -s /opt/opensvc/etc/{NAME} /usr/local/bin/{NAME}  # its folder is on the PATH there
        /lab/src/tests/lab/hub.sh /lab/images/demo-1.tar
        """
    )
    machine.write(f"/opt/opensvc/etc/{NAME}.env", SPEC, mode="644")


def observed(machine: Machine) -> set[str]:
    """What is up, by what the machine itself says."""
    seen = {
        "vg#1": machine.run("vgs --noheadings -o tags vgdocker").out.strip() == "deb1.opensvc.com"
        and machine.run(f"test -b {ROOT} && test -b {DATA}", ok=(0, 1)).code == 0,
        "fs#1": machine.run(f"findmnt -n -o SOURCE /opt/{NAME}", ok=(0, 1)).out.strip() == ROOT,
        "fs#2": machine.run(f"findmnt -n -o SOURCE /opt/{NAME}/appdata", ok=(0, 1)).out.strip() == DATA,
        "ip#1": f"inet {ADDRESS}/27" in machine.run("ip address show eth0").out,
        "container#1": bool(container(machine)),
    }
    return {rid for rid, there in seen.items() if there}


def container(machine: Machine) -> str:
    """The id of the one that runs, or ""."""
    return machine.run(f"docker -H unix:///run/osvc/{NAME}/docker.sock ps -q --no-trunc", ok=(0, 1)).out.strip()


@pytest.mark.parametrize("times", [1, 2])
def test_the_tutorial(place: Place, times: int) -> None:
    with place.machine("deb1.opensvc.com", address="37.59.71.1/27", disks=[place.disk(900)]) as deb1:
        prepare(deb1)
        said, first = walk(deb1, TYPED)
        assert (unlisted(said), surplus(said), disordered(said)) == ([], [], [])
        for _ in range(1, times):
            assert walk(deb1, [typed for typed in TYPED if typed.command.startswith(f"{NAME} ")])[1] == first, "the same container"


def walk(deb1: Machine, commands: Sequence[Typed]) -> tuple[list[Said], str]:
    """Type them. What they say there and here, and the container's id. Where a status is shown, the machine is as it is there."""
    said, started = [], ""
    for typed in commands:
        said.append(Said.of(typed.command, typed.answer, answer(deb1, typed)))
        if words_of(typed.command) == ["start"]:
            started = container(deb1)
            deb1.converged()
        if is_status(typed):
            assert observed(deb1) == ups(tree_of(typed)), f"tutorial.md:{typed.first}"
    return said, started
