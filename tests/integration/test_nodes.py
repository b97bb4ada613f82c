"""Specs of 2014 and of several nodes on the real machine: a shell of the older dialect stays up, and scopes, references and nodes
decide what is made."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.lab import Lab, laboratory

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]

OLD = """\
[DEFAULT]
autostart_node = lab.opensvc.com
app = OSVCLAB
service_type = DEV
nodes = lab.opensvc.com
docker_data_dir = {{fs#1.mnt}}/appdata

[container#1]
type = docker
run_image = osvc/demo:1
run_command = /bin/sh
run_args = -v {{env.VOL}}:/vol1:rw --net none
image_archive = {archive}
stop_timeout = 1

[fs#1]
mnt_opts = size=64m
mnt = {root}/wrong
mnt@drpnodes = {root}/wrong
mnt@nodes = {root}/{{svcname}}
dev = tmpfs
type = tmpfs

[env]
VOL = {root}/wrong
VOL@nodes = {root}/vol1
"""


@pytest.fixture
def lab() -> Iterator[Lab]:
    with laboratory() as lab:
        yield lab


def written(lab: Lab, **changes: str) -> None:
    (lab.root / "vol1").mkdir(exist_ok=True)
    text = OLD.format(root=lab.root, archive=lab.archive())
    for key, value in changes.items():
        text = text.replace(f"{key} = lab.opensvc.com", f"{key} = {value}")
    lab.write("docker.opensvc.com.env", text)


def goal(lab: Lab) -> dict[str, Any]:
    (service,) = json.loads(lab.osvc("status", "--json").stdout)["services"]
    found: dict[str, Any] = service["goal"] | {"overall": service["overall"]}
    return found


def test_a_shell_of_the_older_dialect_stays_up(lab: Lab) -> None:
    written(lab)
    lab.apply()
    lab.converged()
    found = lab.containers("docker.opensvc.com")["docker.opensvc.com.container.1"]
    assert (found["Config"]["Tty"], found["Config"]["OpenStdin"], found["Config"]["Cmd"]) == (True, True, ["/bin/sh"])
    assert found["State"]["Running"] and found["RestartCount"] == 0
    assert [(mount["Source"], mount["Destination"], mount["RW"]) for mount in found["Mounts"]] == [
        (f"{lab.root}/vol1", "/vol1", True)
    ]
    assert goal(lab)["overall"] == "up"


def test_where_it_comes_up_and_where_it_is_left_alone(lab: Lab) -> None:
    written(lab, autostart_node="other", nodes="lab.opensvc.com other")
    assert "left alone" in lab.apply().stdout
    assert (goal(lab)["aim"], goal(lab)["overall"]) == ("none", "down")
    lab.osvc("start", "docker.opensvc.com")
    assert (goal(lab)["aim"], goal(lab)["overall"]) == ("up", "up")
    lab.converged()
    written(lab, autostart_node="other", nodes="other")
    assert "not for this node: nodes = other; left alone" in lab.apply("--prune").stdout
    assert lab.containers("docker.opensvc.com")["docker.opensvc.com.container.1"]["State"]["Running"]
    lab.osvc("stop", "docker.opensvc.com")
    written(lab, autostart_node="other", nodes="lab.opensvc.com other")
    assert goal(lab)["overall"] == "down"
