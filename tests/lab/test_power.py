"""The power fails in the middle of a start, and of a stop. The next apply, on the machine that came back, mends it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from tests.lab.machine import Machine
from tests.lab.place import Place

pytestmark = [pytest.mark.real, pytest.mark.lab, pytest.mark.timeout(3600)]

SPEC = """
docker_data_dir: /srv/web/engine
resources:
  fs#1: {type: ext4, dev: /dev/vdc, mnt: /srv/web}
  container#db:
    type: docker
    subset: 1-db
    image: osvc/demo:1
    image_archive: /lab/images/demo-1.tar
    network: none
    command: [sh, -c, "echo life >>/data/lives; sync; exec sleep 100000"]
    volume_mounts: ["/srv/web/data:/data"]
  container#web:
    type: docker
    subset: 2-web
    image: osvc/demo:1
    image_archive: /lab/images/demo-1.tar
    command: sleep 100000
"""
NAMES = ["web.container.db", "web.container.web"]


@dataclass(frozen=True)
class Moment:
    """When the power fails: before, during or after a step."""

    when: str
    step: str

    def strike(self, machine: Machine, verb: str) -> None:
        """Run osvc, cut the power then, and power on again."""
        announced = machine.cut_during(f"python3 -m tests.lab.cut {self.when} '{self.step}' {verb}")
        assert announced == f"{self.when} {self.step}"
        machine.boot()

    def __str__(self) -> str:
        return f"{self.when} {self.step}"


STARTS = [
    Moment("during", "web dockerd start 1"),
    Moment("during", "web fs#1 mount 1"),
    Moment("after", "web dockerd mark 1"),
    Moment("during", "web container#db load 1"),
    Moment("after", "web container#db create 1"),
    Moment("during", "web container#web start 1"),
]
STOPS = [
    Moment("during", "web container#db stop 1"),
    Moment("before", "web container#web stop 1"),
    Moment("during", "web dockerd stop 1"),
    Moment("after", "web dockerd stop-containerd 1"),
    Moment("before", "web fs#1 unmount 1"),
    Moment("after", "web fs#1 unmount 1"),
]


def prepare(machine: Machine) -> None:
    """The service's disk, with something of somebody else's on it, and a disk that is nobody's business."""
    machine.run("mkfs.ext4 -q /dev/vdc && mkfs.xfs -q /dev/vdd && mount /dev/vdc /mnt")
    machine.run("mkdir /mnt/data && echo theirs >/mnt/theirs && umount /mnt && sync")
    machine.write("/etc/osvc/services.d/web.yaml", SPEC)
    machine.run("sync")


def containers(machine: Machine, *, running: bool = False) -> dict[str, str]:
    """name -> id, as the service's engine lists them."""
    words = f"ps {'' if running else '-a'} --no-trunc --format '{{{{.Names}}}} {{{{.ID}}}}'"
    return dict(line.split() for line in machine.run(f"docker -H unix:///run/osvc/web/docker.sock {words}").out.splitlines())


def lives(machine: Machine) -> int:
    return machine.read("/srv/web/data/lives").count("life")


@contextmanager
def prepared(place: Place) -> Iterator[Machine]:
    """A machine with the service's spec, where whatever happens to the service, nothing of others does."""
    own, foreign = place.disk(600), place.disk(320)
    with place.machine("deb1.opensvc.com", address="10.9.0.1/24", disks=[own, foreign]) as machine:
        prepare(machine)
        before = foreign.digest()
        yield machine
        machine.run("sync")
        assert machine.read("/srv/web/theirs") == "theirs\n"
        assert foreign.digest() == before


def up(machine: Machine) -> dict[str, str]:
    """The containers that run, of a service that a plan finds up."""
    machine.converged()
    running = containers(machine, running=True)
    assert sorted(running) == NAMES
    return running


@pytest.mark.parametrize(
    "moment", [pytest.param(one, id=str(one), marks=[] if n else [pytest.mark.core]) for n, one in enumerate(STARTS)]
)
def test_the_power_fails_in_a_start(place: Place, moment: Moment) -> None:
    with prepared(place) as machine:
        moment.strike(machine, "apply --yes")
        machine.osvc("apply", "--yes")
        assert containers(machine) == up(machine), "and none was made twice"
        assert lives(machine) == (2 if moment.step == "web container#web start 1" else 1)


@pytest.mark.parametrize("moment", STOPS, ids=str)
def test_the_power_fails_in_a_stop(place: Place, moment: Moment) -> None:
    with prepared(place) as machine:
        machine.osvc("apply", "--yes")
        first = up(machine)
        machine.osvc("docker", "web", "create", "--name", "stranger", "osvc/demo:1", "sleep", "1")
        everybody = containers(machine)

        moment.strike(machine, "stop web --reason maintenance")
        machine.osvc("apply", "--yes")
        machine.converged()
        assert "osvc start web" in machine.osvc("status").out, "it was to go down, and it stays down"
        machine.run("! mountpoint -q /srv/web && ! pgrep -x dockerd && ! pgrep -x containerd")

        machine.osvc("start", "web")
        assert up(machine) == first
        assert containers(machine) == everybody, "the same containers as ever, and the stranger's"
        assert lives(machine) == 2
