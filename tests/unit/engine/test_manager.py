"""What the service manager hears of a watch, and when. Time is the fake machine's."""

from dataclasses import replace

import pytest

from reconciler.engine.errors import StoreError
from tests.unit.engine.node import Node
from tests.unit.engine.timeline import Timeline

pytestmark = pytest.mark.usefixtures("no_jitter")

ADDRESS = "resources:\n  ip#1: {name: 10.9.8.7, dev: eth0, netmask: 24}\n"


class Manager:
    """heard: (when, what) of what is said once. beat: as of the real one."""

    beat = 30.0

    def __init__(self, line):
        self.line, self.heard = line, []

    def alive(self): ...

    def says(self, text): ...

    def __getattr__(self, word):
        return lambda: self.heard.append((self.line.now, word))


@pytest.fixture
def line(tmp_path):
    line = Timeline(Node(tmp_path, interval=300.0))
    line.node.write("web")
    line.watch._manager = Manager(line)
    return line


def hang_up(line, **settings):
    def reload():
        line.node.config = replace(line.node.config, **settings)
        line.node.stop.reread.set()
        line.wake()

    return reload


def unreadable(*_, **__):
    raise StoreError("cannot use the store: disk I/O error")


def test_it_is_ready_once_everything_was_looked_at_and_worked_on(line):
    line.node.write("addr", ADDRESS)
    line.run(20)
    assert line.watch._manager.heard == [(4.0, "ready"), (20.0, "stopping")]


def test_a_reload_is_over_once_everything_was_looked_at_by_the_new_configuration(line):
    line.at(20, hang_up(line, prune=True))
    line.run(60)
    assert line.watch._manager.heard[1:] == [(20.0, "reloading"), (20.0, "ready"), (60.0, "stopping")]


def test_a_reload_waits_for_no_run(line):
    line.node.write("addr", ADDRESS)
    line.at(20, lambda: (line.machine.net.links["eth0"].assigned.clear(), hang_up(line)()))
    line.run(60)
    assert line.watch._manager.heard[1:3] == [(20.0, "reloading"), (20.0, "ready")]
    assert (24.0, "addr") in line.done


def test_a_reload_that_could_not_look_is_not_over(line):
    targets = line.session.targets
    line.at(19, lambda: setattr(line.session, "targets", unreadable))
    line.at(20, hang_up(line))
    line.at(22, lambda: line.machine.tear_off("/mnt/web"))
    line.at(25, lambda: setattr(line.session, "targets", targets))
    line.run(60)
    assert line.watch._manager.heard[1:] == [(20.0, "reloading"), (32.0, "ready"), (60.0, "stopping")]
    assert (32.0, "web") in line.after


def test_a_reload_while_it_begins_makes_it_ready_no_sooner(line):
    line.node.write("addr", ADDRESS)
    line.at(2, hang_up(line))
    line.run(20)
    assert line.watch._manager.heard == [(2.0, "reloading"), (4.0, "ready"), (20.0, "stopping")]


def test_a_reload_whose_configuration_brings_out_a_bug_is_over_by_the_old_one(line):
    def configure():
        raise KeyError("bug")

    line.watch._configure = configure
    line.at(20, hang_up(line))
    line.run(60)
    assert line.watch._manager.heard[1:] == [(20.0, "reloading"), (30.0, "ready"), (60.0, "stopping")]
