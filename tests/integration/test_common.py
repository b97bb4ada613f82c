"""The keywords of every resource on a real machine: a trigger that hangs, what is optional and fails, what is on standby."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.core.node import Node
from reconciler.host.linux.host import linux_host
from tests.integration.lab import Lab, laboratory

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]
HANGS = "sleep 300 & echo $! > {root}/child; echo about to hang; wait"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with laboratory() as lab:
        yield lab


def statuses(lab: Lab) -> dict[str, str]:
    (service,) = json.loads(lab.osvc("status", "--json", "-s", "web").stdout)["services"]
    found = {line["rid"]: line["status"] for line in service["resources"]}
    return {**found, "avail": service["avail"], "overall": service["overall"]}


def is_gone(pid: int) -> bool:
    processes = linux_host(Node()).processes
    deadline = time.monotonic() + 10
    while processes.lives(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def is_mounted(path: Path) -> bool:
    return any(mount.target == str(path) for mount in linux_host(Node()).mounts.table())


def write(lab: Lab, **more: Any) -> None:
    warm = {"dev": "tmpfs", "mnt": f"{lab.root}/warm", "type": "tmpfs", "standby": True}
    spec = {
        "fs#warm": {**warm, "post_start": ["sh", "-c", f"env > {lab.root}/told"], **more},
        "fs#cold": {"dev": "tmpfs", "mnt": f"{lab.root}/cold", "type": "tmpfs", "tags": "cold"},
        "container#fails": lab.container(network="none", command=["false"], optional=True),
        "container#runs": lab.container(network="none", command=["sleep", "100000"]),
    }
    lab.write("web.yaml", {"docker_data_dir": f"{lab.root}/d/web", "resources": spec})


def test_a_life(lab: Lab) -> None:
    write(lab, pre_start=["sh", "-c", HANGS.format(root=lab.root)], trigger_timeout="1s")
    began = time.monotonic()
    done = lab.osvc("apply", "--yes", ok=(0,))
    assert "pre_start failed, which changes nothing: sh did not end within 1 s, and was killed" in done.stderr
    assert time.monotonic() - began < 60
    assert is_gone(int((lab.root / "child").read_text()))

    assert "without container#fails, which is optional" in done.stdout
    assert statuses(lab) == {
        **{"fs#warm": "stdby up", "fs#cold": "up", "dockerd": "up", "container#runs": "up", "container#fails": "down"},
        **{"avail": "up", "overall": "warn"},
    }
    told = dict(line.split("=", 1) for line in (lab.root / "told").read_text().splitlines())
    assert {name: told[name] for name in told if name.startswith("OSVC_")} == {
        **{"OSVC_SERVICE": "web", "OSVC_RID": "fs#warm", "OSVC_ACTION": "start", "OSVC_NODE": "lab"},
    }

    (lab.root / "warm" / "kept").touch()
    lab.osvc("stop", "web", ok=(0,))
    assert is_mounted(lab.root / "warm") and not is_mounted(lab.root / "cold")
    assert (lab.root / "warm" / "kept").exists(), "it was not even remounted"
    assert statuses(lab)["overall"] == "stdby up"
    lab.osvc("start", "--tags", "cold", "web", ok=(0,))
    assert is_mounted(lab.root / "cold")
    lab.osvc("stop", "--rid", "fs#warm", "web", ok=(0,))
    assert not is_mounted(lab.root / "warm")


def test_a_blocking_trigger_leads_the_start_back(lab: Lab) -> None:
    first, last = ({"dev": "tmpfs", "mnt": f"{lab.root}/{name}", "type": "tmpfs"} for name in ("first", "last"))
    lab.write("gate.yaml", {"resources": {"fs#1": first, "fs#2": {**last, "blocking_post_start": ["false"]}}})
    lab.osvc("start", "gate", ok=(3,))
    assert not is_mounted(lab.root / "first") and not is_mounted(lab.root / "last")
