"""What engines of different ages answer means the same to osvc (recorded by record_inspects.py)."""

import pytest

from reconciler.core.rules import compared_of
from reconciler.resources.container.entry import Entry, entry_in
from reconciler.resources.container.model import Container, Desired
from reconciler.resources.container.normal import container_of, facts_of
from reconciler.resources.network.driver import DRIVER as NETWORKS
from reconciler.resources.volume.driver import DRIVER as VOLUMES
from tests.contract.record_inspects import BODIES, COMMAND_LINE, VERSIONS, recorded

OLDEST, *NEWER = VERSIONS
CONTAINERS = (*COMMAND_LINE, *BODIES, "exited", "created", "stopped")


def container(version: str, name: str) -> Container:
    return container_of(recorded(version, name), "/srv/o/s", facts_of(recorded(version, "image")))


def entries(version: str) -> dict[str, Entry]:
    return {found.name: found for found in map(entry_in, recorded(version, "list"))}


def test_there_are_records_of_several_engines():
    assert OLDEST == "20.10" and len(NEWER) >= 2


@pytest.mark.parametrize("version", NEWER)
@pytest.mark.parametrize("name", CONTAINERS)
def test_a_container_is_the_same_to_every_engine(version, name):
    """Where a newer engine fills in what nobody asked for, the rule of the field knows that. A MAC address is drawn by lot."""
    old, new = container(OLDEST, name), container(version, name)
    assert (old.name, old.status, old.image, old.image_id) == (new.name, new.status, new.image, new.image_id)
    for field, rule in compared_of(Desired):
        if field in Container.model_fields and field != "mac_address":
            before = getattr(old, field)
            assert rule.relevant(before, getattr(new, field), None) == before, field


@pytest.mark.parametrize("version", NEWER)
def test_a_list_is_the_same_to_every_engine(version):
    old, new = entries(OLDEST), entries(version)
    assert set(old) == set(new)
    for name, entry in old.items():
        assert (entry.image, entry.status, entry.labels) == (new[name].image, new[name].status, new[name].labels)
        assert set(entry.published) == set(new[name].published)


@pytest.mark.parametrize("version", NEWER)
def test_an_image_is_the_same_to_every_engine(version):
    assert facts_of(recorded(OLDEST, "image")) == facts_of(recorded(version, "image"))


@pytest.mark.parametrize("version", NEWER)
@pytest.mark.parametrize(("what", "driver", "name"), [("networks-made", NETWORKS, "lan"), ("volumes", VOLUMES, "named")])
def test_networks_and_volumes_are_the_same_to_every_engine(version, what, driver, name):
    old, new = (
        next(driver.state_of(record) for record in recorded(each, what) if record["Name"] == name) for each in (OLDEST, version)
    )
    assert old.labels == {"made.by": "a person"}
    assert old.model_copy(update={"id": ""}) == new.model_copy(update={"id": ""})
