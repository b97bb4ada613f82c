"""Volumes of an engine: one suite, on the fake engine and on a real one."""

from typing import Any

import pytest

from reconciler.core.change import Verdict
from reconciler.core.diff import diff_down, diff_up
from reconciler.core.ids import ResourceId
from reconciler.core.node import Place
from reconciler.core.observed import Absent, Present, Unknown
from reconciler.core.ownership import Owned
from reconciler.core.policy import Policy
from reconciler.host.errors import Conflict
from reconciler.resources.container.driver import ContainerDriver
from reconciler.resources.driver import Wanted
from reconciler.resources.volume.actions import Create
from reconciler.resources.volume.driver import DRIVER
from reconciler.resources.volume.model import Desired
from reconciler.resources.volume.planning import KIND
from tests.contract.test_networks import Lab, lab, private
from tests.unit.container import bench as containers

__all__ = ["lab", "private"]
NAME = "web.volume.1"
ID = ResourceId("web", "volume#1")


def want(lab: Lab, **keywords: Any) -> Desired:
    found = Desired.model_validate({"container_data_dir": lab.data_root, **keywords}, context=Place("web", "volume#1", lab.node))
    return found.model_copy(update={"socket": lab.socket})


def see(lab: Lab, desired: Desired, owned: Owned | None = None) -> Any:
    return DRIVER.observe([Wanted(ID, desired, owned)], lab.host)[ID]


def apply(lab: Lab, desired: Desired) -> list[str]:
    change = diff_up(KIND, "volume#1", desired, see(lab, desired), None, Policy())
    assert change.verdict in (Verdict.CREATE, Verdict.ADOPT), change.reason
    actions = KIND.moves(change).up if change.verdict is Verdict.CREATE else ()
    for action in actions:
        DRIVER.perform(ID, action, lab.host, print)
        assert action.shown(see(lab, desired))
    return [action.says() for action in actions]


@pytest.mark.parametrize(
    "keywords",
    [{}, {"labels": "a=b"}, {"options": {"type": "tmpfs", "device": "tmpfs", "o": "size=1m"}}],
    ids=["plain", "labels", "tmpfs"],
)
def test_what_was_applied_is_found_and_used(lab: Lab, keywords: dict[str, Any]) -> None:
    lab.remove_volumes()
    desired = want(lab, **keywords)
    assert apply(lab, desired) == [f"create volume {NAME}"]
    assert apply(lab, desired) == []
    bench = containers.Bench(lab.host, ContainerDriver())
    container = lab.container(network="none", volume_mounts="volume#1:/data")
    bench.apply(container)
    assert [mount["Name"] for mount in lab.engine.inspect("web.container.1")["Mounts"]] == [NAME]
    assert containers.Bench(lab.host, ContainerDriver()).change(container).fields == ()


def test_a_volume_is_never_changed_and_never_removed(lab: Lab) -> None:
    lab.remove_volumes()
    desired = want(lab)
    apply(lab, desired)
    owned = Owned("volume", desired, desired)
    other = want(lab, labels="a=b")
    change = diff_up(KIND, "volume#1", other, see(lab, other), owned, Policy())
    assert change.verdict is Verdict.REFUSE and "cannot be changed in place" in change.reason
    for remove in (False, True):
        assert not any(KIND.moves(diff_down(KIND, "volume#1", desired, see(lab, desired), owned, remove=remove)))
    (create,) = KIND.moves(diff_up(KIND, "volume#1", desired, Absent(KIND.around()), owned, Policy())).up
    assert create.undo(Absent(KIND.around())) == ()


def test_the_name_of_a_volume_that_is_not_ours(lab: Lab) -> None:
    lab.remove_volumes()
    lab.engine.create_volume({"Name": NAME, "Driver": "local", "DriverOpts": {}, "Labels": {}})
    desired = want(lab)
    change = diff_up(KIND, "volume#1", desired, see(lab, desired), None, Policy())
    assert change.verdict is Verdict.REFUSE and "not made by osvc" in change.reason
    with pytest.raises(Conflict):
        DRIVER.perform(ID, Create(want=desired), lab.host, print)


def test_an_engine_that_is_down(lab: Lab) -> None:
    lab.remove_volumes()
    desired = want(lab)
    apply(lab, desired)
    seen = see(lab, desired)
    assert isinstance(seen, Present)
    gone = desired.model_copy(update={"socket": f"{lab.node.run_dir}/no.sock"})
    found = see(lab, gone)
    assert isinstance(found, Unknown) and isinstance(found.assume, Absent) and found.behind == "dockerd"
    found = see(lab, gone, Owned("volume", gone, gone, seen))
    assert isinstance(found, Unknown) and isinstance(found.assume, Present)


@pytest.mark.parametrize(
    ("keywords", "said"),
    [({"driver": "a b"}, "'a b' is not the name of a volume driver"), ({"labels": "osvc.rid=x"}, "label 'osvc.rid' is osvc's own")],
)
def test_bad_values(lab: Lab, keywords: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        want(lab, **keywords)
