"""Diff: whose doing a difference is, what is shown of it, and what goes down."""

import pytest

from reconciler.core.change import Cause, Verdict
from reconciler.core.diff import diff_down, diff_up, shown
from reconciler.core.observed import Absent, Unknown
from reconciler.core.ownership import Owned
from reconciler.core.policy import Policy
from reconciler.resources.container.model import Around, Container, Desired
from reconciler.resources.container.planning import KIND as CONTAINER
from tests.unit.core.toys import ToyDesired, kinds, up

BOX = kinds("box")


def changed(desired, observed, owned):
    return diff_up(BOX, "box#1", desired, observed, owned, Policy())


def test_nothing_has_drifted_that_was_never_applied():
    wanted = ToyDesired(env={"A": "2"})
    change = changed(wanted, up(ToyDesired(env={"A": "1", "B": "1"})), Owned("box", wanted))
    assert {field.path: field.cause for field in change.fields} == {"env.A": Cause.SPEC, "env.B": Cause.SPEC}


def test_an_edit_beside_a_drift_is_both():
    wanted = ToyDesired(live=2)
    change = changed(wanted, up(ToyDesired(live=1, restart=1)), Owned("box", wanted, ToyDesired(live=1)))
    assert [field.cause for field in change.fields] == [Cause.SPEC, Cause.DRIFT]
    assert change.cause is Cause.BOTH


@pytest.mark.parametrize("remove", [False, True], ids=["stop", "remove"])
def test_what_cannot_be_seen_is_not_taken_down(remove):
    change = diff_down(BOX, "box#1", ToyDesired(), Unknown("no answer"), None, remove=remove)
    assert (change.verdict, change.reason, change.remedy) == (Verdict.DEFER, "no answer", "osvc status")


@pytest.mark.parametrize(("remove", "verdict"), [(False, Verdict.STOP), (True, Verdict.REMOVE)])
def test_what_is_left_of_it_elsewhere_goes_down_by_the_operators_wish(remove, verdict):
    wanted = Desired(image="busybox:1", name="web.1", socket="/s", service="web", rid="container#1", private=True)
    left = Container(socket="/other", name="web.1", status="running")
    seen = Absent(Around(elsewhere=(left,)))
    change = diff_down(CONTAINER, "container#1", wanted, seen, Owned("container", wanted, wanted), remove=remove)
    assert (change.verdict, change.cause) == (verdict, Cause.SPEC)


@pytest.mark.parametrize("remove", [False, True], ids=["stop", "remove"])
def test_going_down_is_no_mending(remove):
    assert diff_down(BOX, "box#1", ToyDesired(), up(ToyDesired()), None, remove=remove).cause is Cause.SPEC


@pytest.mark.parametrize(
    ("value", "text"), [(True, "true"), (False, "false"), (None, "(none)"), ((), "(none)"), ("", "(none)"), (("a", "b"), "a b")]
)
def test_values_are_shown_as_a_spec_writes_them(value, text):
    assert shown(value) == text
