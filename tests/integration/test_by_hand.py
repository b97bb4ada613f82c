"""What an operator does by hand, on a real engine: restart, a part of a service, freeze, shutdown and boot."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.core.node import Node
from reconciler.host.linux.host import linux_host
from tests.integration.lab import Lab, laboratory

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with laboratory() as lab:
        yield lab


def is_mounted(path: Path) -> bool:
    return any(mount.target == str(path) for mount in linux_host(Node()).mounts.table())


def statuses(lab: Lab) -> dict[str, str]:
    (service,) = json.loads(lab.osvc("status", "--json", "-s", "web", ok=(0,)).stdout)["services"]
    return {line["rid"]: line["status"] for line in service["resources"]}


def began(lab: Lab) -> str:
    """When the container was started."""
    return lab.osvc("docker", "web", "inspect", "-f", "{{.State.StartedAt}}", "web.container.1", ok=(0,)).stdout.strip()


UP = {"fs#1": "up", "dockerd": "up", "container#1": "up"}


def test_a_day(lab: Lab) -> None:
    resources = {
        "fs#1": {"dev": "tmpfs", "mnt": f"{lab.root}/files", "type": "tmpfs"},
        "container#1": lab.container(network="none", command=["sleep", "100000"], volume_mounts=f"{lab.root}/files:/files"),
    }
    lab.write("web.yaml", {"docker_data_dir": f"{lab.root}/d/web", "resources": resources})
    lab.osvc("startfs", "web", ok=(0,))
    assert is_mounted(lab.root / "files") and statuses(lab)["container#1"] != "up"
    said = lab.osvc("start", "web", ok=(0,))
    assert statuses(lab) == UP, said.stderr

    first = began(lab)
    done = lab.osvc("restart", "web", ok=(0,))
    assert statuses(lab) == UP and began(lab) > first, done.stderr
    first = began(lab)
    done = lab.osvc("restart", "web", "--rid", "fs#1", ok=(0,))
    assert "holds fs#1, which restarts" in done.stdout and statuses(lab) == UP and began(lab) > first
    assert lab.osvc("plan", ok=(0,)).stdout == "web: nothing to do\n"

    lab.osvc("freeze", "web", "--reason", "a look inside", ok=(0,))
    lab.osvc("docker", "web", "kill", "web.container.1", ok=(0,))
    assert "(a look inside); left alone" in lab.osvc("apply", ok=(0,)).stdout
    assert statuses(lab)["container#1"] == "down"
    lab.osvc("thaw", "web", ok=(0,))
    lab.osvc("apply", ok=(0,))
    assert statuses(lab) == UP

    lab.osvc("shutdown", "web", ok=(0,))
    assert not is_mounted(lab.root / "files") and "up" not in statuses(lab).values()
    lab.osvc("boot", ok=(0,))
    assert statuses(lab) == UP and is_mounted(lab.root / "files")
    done = lab.osvc("stopfs", "web", ok=(0,))
    assert "adding container#1: it holds fs#1" in done.stdout and statuses(lab) == {**UP, "fs#1": "down", "container#1": "down"}
