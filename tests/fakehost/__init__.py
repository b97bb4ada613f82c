"""A fake machine, and a Host over it: see machine.py."""

from reconciler.core.node import Node
from reconciler.host.ports import Host
from tests.fakehost.doorbells import FakeDoorbells
from tests.fakehost.lvm import FakeLvm
from tests.fakehost.machine import Crash, FakeProcess, Machine, UnmodelledCommand
from tests.fakehost.ports import FakeClock, FakeFiles, FakeMounts, FakeNet
from tests.fakehost.processes import FakeProcesses
from tests.fakehost.programs import FakeCommands

__all__ = ["Crash", "FakeHost", "FakeProcess", "Machine", "UnmodelledCommand"]


def FakeHost(machine: Machine, node: Node | None = None, store: str = "store-1") -> Host:
    """Every port over one machine. Several hosts over one machine are several lives of osvc, or several osvc's."""
    from tests.fakehost.docker import FakeDocker

    node = node or Node(name="node1", run_dir="/run/osvc", state_dir="/var/lib/osvc")
    if machine.docker is None:
        machine.docker = FakeDocker(machine)
    return Host(
        commands=FakeCommands(machine),
        files=FakeFiles(machine),
        mounts=FakeMounts(machine),
        processes=FakeProcesses(machine),
        net=FakeNet(machine),
        lvm=FakeLvm(machine),
        docker=machine.docker,
        clock=FakeClock(machine),
        doorbells=lambda: FakeDoorbells(machine),
        store=store,
        state_dir=node.state_dir,
        run_dir=node.run_dir,
        name=node.name,
        subnet_pool=node.subnet_pool,
    )
