"""The specs of tests/specs_good load as they are, on the node that they were written for."""

from pathlib import Path

import pytest

from reconciler.core.node import Node
from reconciler.core.policy import UP, Aim
from reconciler.spec.load import load

FOLDER = Path(__file__).parents[2] / "specs_good"
TUTORIAL = "docker.opensvc.com"


def tutorial(node):
    loaded = load([str(FOLDER / f"{TUTORIAL}.env")], Node(name=node))
    assert [str(error) for error in loaded.errors] == []
    (service,) = loaded.services
    return service


@pytest.mark.parametrize("node", ["deb1", "deb1.opensvc.com"])
def test_the_service_of_the_tutorial(node):
    service = tutorial(node)
    assert (service.name, service.app, service.env, service.goal) == (TUTORIAL, "OSVCLAB", "DEV", UP)
    assert list(service.resources) == ["container#1", "ip#1", "vg#1", "fs#1", "fs#2", "dockerd"]
    container = service.resources["container#1"].desired
    assert (container.name, container.image, container.command) == (f"{TUTORIAL}.container.1", "f66342b343ae", ("/bin/sh",))
    assert (container.tty, container.interactive, container.private) == (True, True, True)
    assert container.volume_mounts == (f"/opt/{TUTORIAL}/vol1:/vol1",)
    assert service.resources["dockerd"].desired.data_root == f"/opt/{TUTORIAL}/appdata"
    assert service.resources["fs#1"].desired.mnt_opt == service.resources["fs#2"].desired.mnt_opt == ("rw",)
    assert (service.resources["ip#1"].desired.name, service.resources["ip#1"].desired.dev) == (TUTORIAL, "eth0")
    assert service.resources["vg#1"].desired.name == "vgdocker"


def test_elsewhere_it_is_left_alone():
    service = tutorial("deb2")
    assert (service.here, service.goal.aim, service.goal.reason) == (
        False,
        Aim.NONE,
        "not for this node: nodes = deb1.opensvc.com",
    )
