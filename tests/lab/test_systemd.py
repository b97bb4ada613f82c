"""A machine with systemd and cgroup v2: a private engine is a unit of its own, and lives as long as it is wanted."""

import re
from pathlib import Path

import pytest

from tests.lab.machine import Machine
from tests.lab.place import Place
from tests.lab.test_power import SPEC, containers, lives, prepare

pytestmark = [pytest.mark.real, pytest.mark.lab, pytest.mark.timeout(3600)]

WAIT = "sleep 100000 & wait"
ENDS = f"trap 'echo end >>/data/ends; sync; exit 0' TERM; {WAIT}"
LEAVES = f"""[sh, -c, "trap 'exit 0' TERM; {WAIT}"]"""
OPERATIONS = Path(__file__).parents[2] / "docs/operations.md"
HERE = """
[Service]
Environment=PATH=/lab/bin:/usr/sbin:/usr/bin:/sbin:/bin PYTHONPATH=/lab/lib
ExecStart=
ExecStart=/lab/bin/osvc agent
KillMode=control-group
"""
"""Where osvc is in the lab; and systemd ends whatever the unit still has, which must not be an engine."""


def unit_in_docs() -> str:
    """The unit that docs/operations.md has administrators install."""
    (found,) = re.findall(r"```ini\n(# /etc/systemd/system/osvc\.service:.*?)```", OPERATIONS.read_text(), re.DOTALL)
    return str(found)


def state_of(machine: Machine, unit: str) -> str:
    return machine.run(f"systemctl show --property=LoadState,ActiveState --value {unit} | tr '\\n' ' '").out.strip()


def stopped(machine: Machine) -> None:
    """The agent's unit is stopped, and systemd does not take that for a failure."""
    machine.run("systemctl stop osvc")
    assert state_of(machine, "osvc") == "loaded inactive"


def unit_of(machine: Machine) -> str:
    """The unit of the service's engine, as systemd lists it."""
    (line,) = machine.run("systemctl list-units --plain --no-legend 'osvc-*.scope'").out.splitlines()
    assert "loaded active running" in line
    return line.split()[0]


def daemons(machine: Machine) -> dict[str, int]:
    """The engine's daemons, all of which its unit has."""
    found = {name: int(machine.run(f"pgrep -x {name}").out) for name in ("dockerd", "containerd")}
    unit = unit_of(machine)
    for pid in found.values():
        assert machine.read(f"/proc/{pid}/cgroup").strip() == f"0::/system.slice/{unit}/daemons"
        assert unit in machine.run(f"systemctl status --no-pager {pid}").out
    return found


def inside(machine: Machine) -> None:
    """Containers and what holds them are in the unit, too."""
    unit = unit_of(machine)
    for pid in machine.run("pgrep -f 'sleep 100000'").out.split():
        assert machine.read(f"/proc/{pid}/cgroup").startswith(f"0::/system.slice/{unit}/containers/")
    for pid in machine.run("pgrep -f ^/usr/bin/containerd-shim").out.split():
        assert machine.read(f"/proc/{pid}/cgroup").strip() == f"0::/system.slice/{unit}/daemons"


def nothing(machine: Machine, unit: str) -> None:
    """Nothing is left of the engine, and of its unit."""
    machine.run("! mountpoint -q /srv/web && ! pgrep -x dockerd && ! pgrep -x containerd")
    assert state_of(machine, unit) == "not-found inactive"
    machine.run(f"! test -e /sys/fs/cgroup/system.slice/{unit}")


def test_an_engine_is_a_unit_of_its_own(place: Place) -> None:
    with place.machine("deb1.opensvc.com", disks=[place.disk(600), place.disk(320)], systemd=True) as machine:
        assert machine.read("/proc/1/comm") == "systemd\n"
        assert machine.run("stat -f -c %T /sys/fs/cgroup").out == "cgroup2fs\n"
        before = machine.run("systemctl list-units --failed --plain --no-legend").out
        prepare(machine)
        spec = SPEC.replace("exec sleep 100000", ENDS).replace("command: sleep 100000", f"command: {LEAVES}")
        assert spec.count(WAIT) == 2
        machine.write("/etc/osvc/services.d/web.yaml", spec)

        # As a plan's script has it.
        machine.write("/root/script", machine.osvc("plan", "--script", ok=(2,)).out)
        machine.run("sh /root/script")
        machine.osvc("apply", "--yes")
        machine.converged()
        unit = unit_of(machine)
        first = containers(machine, running=True)
        assert len(first) == 2
        daemons(machine)
        inside(machine)
        machine.run("systemctl daemon-reload && systemctl daemon-reexec")
        machine.converged()
        assert containers(machine, running=True) == first, "systemd has taken nothing away"
        machine.osvc("stop", "web")
        nothing(machine, unit)

        # Started in somebody's session, which ends, and everything in it.
        machine.run(
            """
            systemd-run -q --scope --unit=session-9 --slice=user.slice sh -c 'osvc start web; echo $? >/run/code; sleep 100000' &
            until [ -s /run/code ]; do sleep 1; done
            [ "$(cat /run/code)" = 0 ]
            systemctl stop session-9.scope
            """
        )
        assert unit_of(machine) == unit
        had = daemons(machine)
        assert containers(machine, running=True) == first
        machine.converged()

        # osvc as a unit, stopped with all that is in it; meanwhile both daemons die and come back.
        machine.write("/etc/systemd/system/osvc.service", unit_in_docs())
        machine.write("/etc/systemd/system/osvc.service.d/here.conf", HERE)
        machine.run("systemctl daemon-reload && systemctl start osvc")
        machine.run("kill -KILL $(pgrep -x dockerd) $(pgrep -x containerd); sleep 1")
        machine.run(
            "until [ -S /run/osvc/web/docker.sock ] && docker -H unix:///run/osvc/web/docker.sock version; do sleep 1; done"
        )
        stopped(machine)
        now = daemons(machine)
        assert set(now.values()).isdisjoint(had.values())
        machine.run("systemctl start osvc; sleep 5")
        stopped(machine)
        assert daemons(machine) == now
        assert containers(machine, running=True) == first
        assert lives(machine) == 2, "what ran has run on"
        machine.osvc("apply", "--yes")
        machine.converged()
        inside(machine)

        # The machine is shut down in good order: containers are told, while their filesystem is there, and osvc mends nothing.
        machine.run("systemctl start osvc; sleep 5; ! test -e /srv/web/data/ends")
        machine.off()
        machine.boot()
        assert state_of(machine, unit) == "not-found inactive"
        machine.osvc("apply", "--yes")
        machine.converged()
        assert machine.read("/srv/web/data/ends") == "end\n", "by TERM; osvc itself stops them as their image says, by KILL"
        assert lives(machine) == 3
        assert containers(machine, running=True) == first
        daemons(machine)

        machine.osvc("stop", "web")
        nothing(machine, unit)
        assert machine.run("systemctl list-units --failed --plain --no-legend").out == before
