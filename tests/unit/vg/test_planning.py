"""The decisions about a volume group that no golden plan shows."""

import pytest

from reconciler.resources.vg.model import Around, Desired, State, Volume
from reconciler.resources.vg.planning import KIND

DATA = Desired(name="data", tag="deb1")
ON, OFF, SKIPPED = Volume(name="a", active=True), Volume(name="b"), Volume(name="c", skipped=True)


def state(*volumes, tags=("deb1",), **more):
    return State(name="data", uuid="u", tag="deb1", tags=tags, volumes=volumes, **more)


@pytest.mark.parametrize(
    ("seen", "up", "label", "evidence"),
    [
        (state(ON), True, "data", ""),
        (state(ON, OFF), True, "data (1 of 2 active)", ""),
        (state(OFF), False, "data", "not active"),
        (state(), True, "data", "not active"),
        (state(SKIPPED), True, "data", "not active"),
        (state(ON, OFF, tags=()), False, "data (1 of 2 active)", "1 of 2 active, and not claimed for deb1"),
        (state(tags=()), False, "data", "not active"),
        (state(OFF, tags=("deb2",)), False, "data", "claimed by deb2"),
    ],
)
def test_a_group_is_up_when_it_is_claimed_and_something_of_it_is_active(seen, up, label, evidence):
    assert KIND.is_up(seen) is up
    assert KIND.label(DATA, seen) == label
    assert up or KIND.evidence(DATA, seen, Around()) == evidence


def test_settling_twice_is_settling_once_and_takes_nothing_away():
    seen = state(ON, OFF, tags=("deb1", "deb2"))
    want, have = KIND.settle(DATA, seen, Around())
    assert (want.uuid, have.others, have.inactive) == ("u", ("deb2",), ("b",))
    assert KIND.settle(want, have, Around()) == (want, have)
    assert (have.tags, have.volumes) == (seen.tags, seen.volumes)
    down = KIND.settle(DATA, state(OFF, tags=("deb2",)), Around())[1]
    assert (down.others, down.inactive) == ((), ())


def test_all_that_speaks_against_a_group_is_told_at_once():
    seen = state(OFF, tags=("deb2", "deb3"), missing=("x", "y"))
    objection = KIND.objection(DATA, seen, Around(was="v"))
    assert objection.permission == "force"
    assert objection.reason == (
        "data is claimed by deb2, deb3; data is another group than before (u, not v); data lacks 2 physical volumes (x, y)"
    )
    assert "its data is damaged if deb2, deb3 still uses it; its data is not what it was; some of its data" in objection.remedy


def test_a_group_that_is_up_and_loses_a_disk_is_left_as_it_is_and_remarked_on():
    seen = state(ON, missing=("x",))
    assert KIND.objection(DATA, seen, Around()) is None
    assert KIND.remark(DATA, seen, None).text == "1 physical volume not there: x"
    assert KIND.remark(DATA, state(ON), None) is None


def test_what_lies_on_an_inactive_volume_holds_nothing():
    assert KIND.obstacle(state(Volume(name="a", holders=("x",)))) is None
    assert "x lies on /dev/data/a" in KIND.obstacle(state(Volume(name="a", active=True, holders=("x",)))).reason
