"""A machine with systemd, and what osvc starts beside it."""

import pytest

from tests.lab.place import Place
from tests.lab.test_power import containers, lives, prepare

pytestmark = [pytest.mark.real, pytest.mark.lab, pytest.mark.timeout(3600)]


def test_a_service_with_an_engine_of_its_own_comes_up_and_goes_down_under_systemd(place: Place) -> None:
    with place.machine("deb1.opensvc.com", disks=[place.disk(600), place.disk(320)], systemd=True) as machine:
        assert machine.read("/proc/1/comm") == "systemd\n"
        assert machine.run("stat -f -c %T /sys/fs/cgroup").out == "cgroup2fs\n"
        before = machine.run("systemctl list-units --failed --plain --no-legend").out
        prepare(machine)

        machine.osvc("apply", "--yes")
        machine.converged()
        first = containers(machine, running=True)
        assert len(first) == 2
        machine.run("systemctl daemon-reload")
        machine.converged()
        assert containers(machine, running=True) == first, "systemd has taken nothing away"

        machine.osvc("stop", "web")
        machine.converged()
        machine.run("! mountpoint -q /srv/web && ! pgrep -x dockerd && ! pgrep -x containerd")
        machine.osvc("start", "web")
        assert containers(machine, running=True) == first
        assert lives(machine) == 2

        machine.cut()
        machine.boot()
        machine.osvc("apply", "--yes")
        machine.converged()
        assert containers(machine, running=True) == first
        assert lives(machine) == 3
        assert machine.run("systemctl list-units --failed --plain --no-legend").out == before
