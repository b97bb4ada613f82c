"""A service without a data dir uses the system's engine: its containers come and go, the engine itself is never touched.

Where no engine of the system runs, the test starts one of its own on the system's socket, and ends it.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.host.docker_ports import Engine
from reconciler.host.linux.docker import LinuxDocker
from tests.contract.engine_fixture import PrivateEngine
from tests.integration.lab import Lab

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

SOCKET = "/var/run/docker.sock"


class SystemEngine(PrivateEngine):
    def __init__(self) -> None:
        super().__init__()
        self.socket = SOCKET

    def close(self) -> None:
        super().close()
        Path(SOCKET).unlink(missing_ok=True)


@pytest.fixture
def system() -> Iterator[Engine]:
    if Path(SOCKET).exists():
        yield LinuxDocker().engine(SOCKET)
        return
    with SystemEngine() as private:
        yield private.engine


def spec(lab: Lab, count: int = 2, **more: object) -> None:
    name = f"{lab.root.name}-sys"
    lab.write(f"{name}.yaml", {"name": name, "resources": {f"container#{n}": lab.container(**more) for n in range(1, count + 1)}})


def names(engine: Engine, lab: Lab, state: str = "running") -> set[str]:
    mine = f"/{lab.root.name}-sys."
    found = (record for record in engine.containers() if record["Names"][0].startswith(mine) and record["State"] == state)
    return {record["Names"][0].removeprefix(mine) for record in found}


def test_the_systems_engine_is_used_and_never_started(lab: Lab) -> None:
    if Path(SOCKET).exists():
        pytest.fail("this test needs a machine whose system engine is not running")
    spec(lab)
    done = lab.plan(ok=(4, 7, 8))
    assert "systemctl start docker" in done.stdout
    lab.apply(ok=(4, 7, 8))
    assert not Path(SOCKET).exists()


def test_containers_on_the_systems_engine(lab: Lab, system: Engine) -> None:
    service = f"{lab.root.name}-sys"
    spec(lab)
    stranger = system.containers()
    lab.apply()
    lab.converged()
    assert names(system, lab) == {"container.1", "container.2"}
    lab.osvc("stop", service)
    assert names(system, lab) == set() and names(system, lab, "exited") == {"container.1", "container.2"}
    system.ping()
    status = json.loads(lab.osvc("status", "--json", str(lab.specs)).stdout)["services"][0]
    assert status["avail"] == "down", "an engine that is not the service's does not make it partly up"
    lab.osvc("start", service)
    assert names(system, lab) == {"container.1", "container.2"}
    lab.write(f"{service}.yaml", {"name": service, "resources": {"container#1": lab.container()}})
    for again in (True, False):
        lab.apply("--prune")
        assert names(system, lab) == {"container.1"} and names(system, lab, "exited") == set()
        if again:
            assert "no spec names container#2" in lab.osvc("undo", "last").stdout
            assert names(system, lab) == {"container.1", "container.2"}
    (lab.specs / f"{service}.yaml").unlink()
    spec_of_another = {"name": "keeper", "resources": {"container#1": lab.container()}}
    lab.write("keeper.yaml", spec_of_another)
    lab.apply("--prune-all")
    assert names(system, lab) == set() and names(system, lab, "exited") == set()
    (lab.specs / "keeper.yaml").unlink()
    lab.write("other.yaml", {"docker_data_dir": f"{lab.root}/d/other", "resources": {"container#1": lab.container()}})
    lab.apply("--prune-all")
    assert {record["Id"] for record in stranger} <= {record["Id"] for record in system.containers()}
    lab.osvc("stop", "other")


def test_a_data_dir_that_is_of_no_account_is_not_touched(lab: Lab, system: Engine) -> None:
    service, root = f"{lab.root.name}-sys", lab.root / "d" / "sys"
    said = {"docker_data_dir": str(root), "docker_daemon_private": False}
    lab.write(f"{service}.yaml", {"name": service, **said, "resources": {"container#1": lab.container()}})
    lab.apply()
    lab.converged()
    assert names(system, lab) == {"container.1"}
    assert not root.exists() and not lab.processes()
    lab.osvc("stop", service)
    assert names(system, lab, "exited") == {"container.1"}
    system.ping()
    system.remove(f"{service}.container.1")


def test_what_another_store_made_is_not_ours(lab: Lab, system: Engine) -> None:
    service = f"{lab.root.name}-sys"
    spec(lab, 1)
    lab.apply()
    (made,) = [record["Id"] for record in system.containers() if record["Names"][0].startswith(f"/{service}")]
    lab.state.rename(lab.root / "elsewhere")
    try:
        text = lab.plan(ok=(2, 4, 7)).stdout
        assert "not ours" in text
        lab.apply(ok=(4, 8))
        assert system.inspect(made)["State"]["Running"]
        lab.osvc("stop", service, ok=tuple(range(9)))
        assert system.inspect(made)["State"]["Running"]
    finally:
        system.stop(made, 1)
        system.remove(made)
