"""The Linux host: every port with its adapter."""

from reconciler.core.node import Node
from reconciler.host.docker_ports import Docker, Engine
from reconciler.host.doorbells import Doorbells
from reconciler.host.linux.clock import LinuxClock, Stop
from reconciler.host.linux.commands import LinuxCommands
from reconciler.host.linux.files import LinuxFiles
from reconciler.host.linux.lvm import LinuxLvm
from reconciler.host.linux.mounts import LinuxMounts
from reconciler.host.linux.net import LinuxNet
from reconciler.host.linux.patience import Patience
from reconciler.host.linux.processes import LinuxProcesses
from reconciler.host.ports import Host


class _DockerOnDemand:
    """The Docker adapter, imported when an engine is first asked for: specs without containers do not pay for the SDK."""

    def __init__(self) -> None:
        self._docker: Docker | None = None

    def engine(self, socket: str) -> Engine:
        if self._docker is None:
            from reconciler.host.linux.docker import LinuxDocker

            self._docker = LinuxDocker()
        return self._docker.engine(socket)


def _doorbells() -> Doorbells:
    """Imported when somebody watches."""
    from reconciler.host.linux.doorbells import LinuxDoorbells

    return LinuxDoorbells()


def linux_host(node: Node, store: str = "", stop: Stop | None = None) -> Host:
    """This machine.

    node: its name and folders. store: the uuid of the state folder, or "" when there is none.
    stop: ends sleeps and waits early once it is set; a threading.Event, or None.
    """
    commands, patience = LinuxCommands(), Patience()
    return Host(
        commands=commands,
        files=LinuxFiles(patience),
        mounts=LinuxMounts(commands, patience),
        processes=LinuxProcesses(stop),
        net=LinuxNet(commands),
        lvm=LinuxLvm(commands),
        docker=_DockerOnDemand(),
        clock=LinuxClock(stop),
        doorbells=_doorbells,
        store=store,
        state_dir=node.state_dir,
        run_dir=node.run_dir,
        name=node.name,
        subnet_pool=node.subnet_pool,
    )
