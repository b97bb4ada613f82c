"""An agent: a watch whose parts hear what it does, and end after it."""

from threading import get_ident

import pytest

from reconciler.agent.agent import Agent
from reconciler.core.outcome import Ended
from reconciler.engine.errors import StoreError
from tests.unit.engine.node import Node


class Listener:
    """A part that keeps what it hears. fails: it cannot begin. machine: its clock waits for the runs of the watch."""

    def __init__(self, log, name, fails=False, machine=None):
        self.machine = machine
        self.log, self.name, self.fails, self.heard = log, name, fails, []

    def start(self, watch):
        if self.fails:
            raise StoreError("cannot begin")
        self.log.append(f"{self.name} starts")
        if self.machine is not None:
            self.machine.keeper, self.machine.busy = get_ident(), lambda: watch.busy

    def tell(self, event):
        self.heard.append(event)

    def close(self):
        self.log.append(f"{self.name} closes")


@pytest.fixture
def node(tmp_path):
    return Node(tmp_path)


def test_parts_hear_the_watch_and_close_in_the_other_order(node):
    node.write("web")
    log = []
    parts = [Listener(log, "one", machine=node.machine), Listener(log, "two")]
    with node.session() as session:
        agent = Agent(session, on_event=node.events.append, parts=parts)
        node.machine.agenda.append((5, node.stop.terminate))
        node.machine.agenda.append((5, lambda: [wake() for wake in node.stop.wakes]))
        assert agent.run() == 15
    assert log == ["one starts", "two starts", "two closes", "one closes"]
    assert [event.result.service for event in parts[0].heard if isinstance(event, Ended)] == ["web"]
    assert parts[0].heard == parts[1].heard == node.events


def test_a_part_that_cannot_begin_ends_those_before_it(node):
    log = []
    with node.session() as session, pytest.raises(StoreError):
        Agent(session, parts=[Listener(log, "one"), Listener(log, "two", fails=True)]).run()
    assert log == ["one starts", "one closes"]
