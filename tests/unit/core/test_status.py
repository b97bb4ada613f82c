"""The merge table is a commutative monoid, and says of a part that is down what the reference says."""

from itertools import product

from reconciler.core.observed import Unknown
from reconciler.core.policy import UP, Aim, Goal
from reconciler.core.status import Status, merge, merge_all, status_of
from tests.unit.core.toys import TOYS, ToyDesired, ToyKind, absent, owned, plan_toys, service, up


def test_merging_is_commutative_and_associative():
    for a, b, c in product(Status, repeat=3):
        assert merge(a, b) is merge(b, a)
        assert merge(merge(a, b), c) is merge(a, merge(b, c)), (a, b, c)


def test_the_reference_table():
    assert merge(Status.UP, Status.DOWN) is Status.WARN
    assert merge(Status.UP, Status.NA) is Status.UP
    assert merge(Status.DOWN, Status.UNDEF) is Status.DOWN
    assert merge(Status.WARN, Status.DOWN) is Status.WARN
    assert merge_all([]) is Status.NA


def test_unknown_is_never_taken_for_down():
    assert merge(Status.UNKNOWN, Status.DOWN) is Status.UNKNOWN
    assert merge(Status.UNKNOWN, Status.UP) is Status.WARN


SPEC = service(disk_1=ToyDesired(), box_1=ToyDesired())


def statuses(disk, box):
    status = status_of(plan_toys(SPEC, {"disk#1": disk, "box#1": box}, owned(SPEC)), TOYS)
    return [line.status.value for line in status.resources], status.avail.value, status.overall.value


def test_a_service_adds_up():
    here = up(ToyDesired())
    assert statuses(here, here) == (["up", "up"], "up", "up")
    assert statuses(here, absent()) == (["up", "down"], "warn", "warn")
    assert statuses(absent(), absent()) == (["down", "down"], "down", "down")
    assert statuses(here, Unknown("the engine does not answer"))[0] == ["up", "unknown"]


def test_drift_of_what_is_up_is_a_warning():
    assert statuses(up(ToyDesired()), up(ToyDesired(), live=1)) == (["up", "up"], "up", "warn")


def test_what_cannot_be_seen_is_down_by_the_evidence_of_the_plan_only():
    def word(goal, seen):
        hidden = Unknown("its engine is not running", "disk#1", seen, "its files say so")
        plan = plan_toys(SPEC, {"disk#1": absent(), "box#1": hidden}, owned(SPEC), goal=goal)
        status = status_of(plan, TOYS)
        return status.resources[1].status.value, status.avail.value

    for goal in (UP, Goal(Aim.DOWN)):
        assert word(goal, up(ToyDesired(), up=False)) == ("down", "down")
        assert word(goal, absent()) == ("down", "down")
        assert word(goal, up(ToyDesired())) == ("unknown", "unknown")
        assert word(goal, None) == ("unknown", "unknown")


def test_what_is_behind_an_engine_of_others_is_unknown_whatever_the_evidence():
    class OfOthers(ToyKind):
        def manages(self, desired):
            return False

    hidden = Unknown("its engine does not answer", "disk#1", absent(), "never seen here")
    plan = plan_toys(SPEC, {"disk#1": absent(), "box#1": hidden}, owned(SPEC))
    assert status_of(plan, TOYS).resources[1].status is Status.DOWN
    assert status_of(plan, {**TOYS, "disk": OfOthers("disk", 20)}).resources[1].status is Status.UNKNOWN
