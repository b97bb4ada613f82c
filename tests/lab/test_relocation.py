"""A service moves, by hand, from one machine to another over a disk that both have: the same containers, data and address."""

import time

import pytest

from tests.lab.machine import Machine
from tests.lab.place import Place
from tests.lab.test_power import containers, lives

pytestmark = [pytest.mark.real, pytest.mark.lab, pytest.mark.timeout(3600)]

SPEC = """
nodes: a b
autostart_node: a
docker_data_dir: /srv/web/engine
resources:
  ip#1: {name: 10.9.0.50, dev: eth0}
  vg#1: {name: shared}
  fs#1: {type: ext4, dev: /dev/shared/web, mnt: /srv/web}
  container#db:
    type: docker
    image: osvc/demo:1
    image_archive: /lab/images/demo-1.tar
    command: [sh, -c, "echo life >>/data/lives; sync; exec sleep 100000"]
    volume_mounts: ["/srv/web/data:/data"]
"""
ADDRESS = "10.9.0.50"


def prepare(a: Machine, b: Machine) -> None:
    a.run("vgcreate -q -y shared /dev/vdc && lvcreate -q -n web -L 500M shared && mkfs.ext4 -q /dev/shared/web")
    a.run("mount /dev/shared/web /mnt && mkdir /mnt/data && umount /mnt && vgchange -q -a n shared")
    for machine in (a, b):
        machine.write("/etc/osvc/services.d/web.yaml", SPEC)


def reached(who: Machine) -> str:
    """The hardware address that answers for the service's address."""
    who.run(f"ping -c 1 -W 20 {ADDRESS}")
    return who.run(f"ip neighbour show {ADDRESS}").out.split("lladdr ")[1].split()[0]


def own(machine: Machine) -> str:
    return machine.read("/sys/class/net/eth0/address").strip()


def move(here: Machine, there: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    """Stop it on one machine and start it on the other."""
    began = time.monotonic()
    stopped = here.osvc("stop", "web")
    started = there.osvc("start", "web")
    took = time.monotonic() - began
    with capsys.disabled():
        shares = f"stop {stopped.seconds:.0f} s, start {started.seconds:.0f} s"
        print(f"\nrelocation from {here.name} to {there.name}: {took:.0f} s ({shares}), emulated")


def test_a_service_moves_to_another_machine_and_back(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    disk = place.disk(600, shared=True)
    with (
        place.machine("a", address="10.9.0.1/24", disks=[disk], memory=1024) as a,
        place.machine("b", address="10.9.0.2/24", disks=[disk], memory=1024) as b,
    ):
        prepare(a, b)
        a.osvc("apply", "--yes")
        a.converged()
        first = containers(a, running=True)
        assert list(first) == ["web.container.db"]
        assert reached(b) == own(a)

        b.osvc("apply", "--yes")
        refused = b.osvc("start", "web", ok=range(1, 256))
        assert "shared" in refused.err + refused.out
        b.run(f"! mountpoint -q /srv/web && ! test -e /dev/shared && ! ip address | grep -q {ADDRESS}")
        assert reached(b) == own(a)
        assert containers(a, running=True) == first, "what runs elsewhere is neither taken nor touched"

        move(a, b, capsys)
        assert containers(b, running=True) == first, "the very same container"
        assert lives(b) == 2
        assert reached(a) == own(b)
        b.converged()
        a.osvc("apply", "--yes")
        a.run(f"! mountpoint -q /srv/web && ! pgrep -x dockerd && ! ip address | grep -q {ADDRESS}")

        move(b, a, capsys)
        assert containers(a, running=True) == first
        assert lives(a) == 3
        assert reached(b) == own(a)
        a.converged()
