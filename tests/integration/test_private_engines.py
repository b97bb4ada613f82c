"""Private engines on the real machine (private-engine.md): each test leaves the machine as it found it, and compares."""

import os
import signal
import subprocess

import pytest

from reconciler.core.change import Verdict
from reconciler.core.observed import Absent
from tests.integration.enginelab import EngineLab, picture
from tests.integration.netlab import Lab, free_port

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]


@pytest.fixture
def lab():
    with EngineLab() as made:
        yield made


def test_a_start_is_adopted_and_a_stop_leaves_nothing(lab):
    before = picture(lab)
    web = lab.service("web")
    assert web.plan_up().verdict is Verdict.CREATE
    web.up()
    state = web.state()
    assert state.running and state.answers and state.containerd and state.bridge_up
    assert web.plan_up().verdict is Verdict.KEEP, web.plan_up().fields
    web.load(lab.archive)
    port = free_port()
    web.web("a", port, "hello")
    assert web.plan_up().verdict is Verdict.KEEP, web.plan_up().fields
    assert len(web.state().shims) == 1
    forgotten = lab.service("web")
    assert forgotten.plan_up().verdict is Verdict.ADOPT
    done = web.down()
    assert [action.op for action in done][:2] == ["stop", "stop-containerd"]
    assert isinstance(web.observe(), Absent)
    assert picture(lab) == before
    assert web.plan_up().verdict is Verdict.CREATE
    web.up()
    assert "a" in web.docker("ps", "-a", "--format", "{{.Names}}")
    web.down()
    assert picture(lab) == before
