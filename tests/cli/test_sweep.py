"""--prune-all: which of it ends a sweep of watch, over a fake machine."""

import os

import pytest

from reconciler.engine.config import read_config
from reconciler.engine.session import Session
from reconciler.host.errors import Permanent
from tests.fakehost import FakeHost


def swept(desk):
    """Whether the sweep of the specs folder is over."""
    config = read_config()
    with Session.open(config, write=False, host=FakeHost(desk.machine, config.place)) as session:
        return session.store.swept([os.path.realpath(desk.place.specs)]) > 0


@pytest.mark.parametrize(
    ("words", "ends"),
    [
        (["--prune-all", "--yes"], True),
        (["--prune", "--yes"], False),
        (["--prune-all", "--rid", "fs#2", "--yes"], False),
        (["--prune-all", "--dry-run"], False),
    ],
)
def test_a_sweep_ends_by_whoever_agrees_to_all_that_is_pruned(desk, words, ends):
    desk.apply("1m", "1m")
    desk.web("1m")
    desk.osvc("apply", *words)
    assert swept(desk) is ends


def test_a_sweep_ends_where_a_whole_service_is_pruned(desk):
    desk.apply("1m")
    desk.web("1m").unlink()
    assert desk.osvc("apply", "--prune-all", "--yes").code == 0 and desk.mounts() == {}
    assert swept(desk)


def test_a_sweep_goes_on_where_what_was_to_be_pruned_is_still_there(desk):
    desk.apply("1m", "1m")
    desk.web("1m")
    desk.machine.fail_next(lambda label: label.startswith("umount "), Permanent("busy"))
    assert desk.osvc("apply", "--prune-all", "--yes").code != 0
    assert not swept(desk)
