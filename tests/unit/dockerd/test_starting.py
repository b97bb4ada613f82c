"""How it is noticed that a daemon has come up. Time is the fake machine's."""

import math

import pytest

from reconciler.core.ids import ResourceId
from reconciler.host.errors import Transient
from reconciler.resources.dockerd.action import EngineAction
from reconciler.resources.dockerd.actions import MakeFolders, StartContainerd, StartDaemon, WriteConfig
from reconciler.resources.dockerd.driver import DRIVER
from reconciler.resources.dockerd.network_actions import MakeBridge
from tests.fakehost import FakeHost
from tests.fakehost.machine import Machine
from tests.unit.dockerd.test_planning import engine


def started(refusals: float) -> float:
    """Seconds that a start takes of an engine that answers when it was asked so often."""
    machine = Machine()
    host = FakeHost(machine)
    want = engine().with_subnet("10.208.0.0/22")

    def perform(action: EngineAction) -> None:
        DRIVER.perform(ResourceId("web", "dockerd"), action, host, lambda said: None)

    host.files.make_dir(want.data_root)
    for make in (MakeFolders, WriteConfig, MakeBridge, StartContainerd):
        perform(make(want=want))
    machine.fail_next(" ping", Transient("not yet"), refusals)
    began = machine.ticks
    perform(StartDaemon(want=want))
    return machine.ticks - began


@pytest.mark.parametrize("refusals", [5, 20])
def test_a_daemon_that_comes_up_soon_is_noticed_soon(refusals):
    assert started(refusals) == pytest.approx(0.005 * refusals, abs=0.002)


def test_one_that_takes_long_is_asked_ever_more_seldom():
    assert 2.2 < started(100) < 4


def test_one_that_never_answers_is_given_up():
    with pytest.raises(Transient, match="does not answer after 60 s"):
        started(math.inf)
