"""watch: for as long as it lasts, it holds what there is, and not what there once was. Time is the fake machine's."""

import gc
from collections import Counter
from functools import partial

import pytest

from reconciler.host.errors import Permanent
from tests.unit.engine.node import Node
from tests.unit.engine.timeline import Timeline

pytestmark = pytest.mark.usefixtures("no_jitter")
ROUND = 1000.0
"""Seconds; after them nothing rests any more."""


def held():
    """How many of each of our own types there are."""
    gc.collect()
    types = (type(one) for one in gc.get_objects())
    return Counter(type.__qualname__ for type in types if str(type.__module__).startswith("reconciler."))


def test_what_comes_drifts_fails_and_goes_leaves_nothing_behind(tmp_path):
    line = Timeline(Node(tmp_path, interval=300.0, prune=True))
    node, machine, counts = line.node, line.machine, []
    for name in ("app", "db", "web"):
        node.write(name)

    for number in range(12):
        begins, name = number * ROUND, f"new{number}"
        line.at(begins + 20, partial(node.write, name))
        line.at(begins + 40, partial(machine.tear_off, "/mnt/web"))
        line.at(begins + 60, partial(machine.fail_next, "umount", Permanent(f"{name} is busy")))
        line.at(begins + 80, (node.specs / f"{name}.yaml").unlink)
        line.at(begins + 200, partial((node.specs / "app.yaml").write_text, f"resources: [{name}"))
        line.at(begins + 220, partial(node.write, "app"))
        line.at(begins + 890, line.rang.clear)  # what this test's own listener keeps
        line.at(begins + 900, lambda: counts.append(held()))
    line.run(12 * ROUND)
    assert sorted(node.mounts()) == ["/mnt/app", "/mnt/db", "/mnt/web"]
    assert sum(name.startswith("new") for _, name in line.done) == 36, "it comes, fails to go, and goes"
    assert counts[-1] - counts[2] == Counter()
