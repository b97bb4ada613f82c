"""The keywords of every resource: their values, and what they make of a plan."""

import pytest

from reconciler.core.action import Effect, Slot
from reconciler.core.change import Verdict
from reconciler.core.common import PLAIN, Common
from reconciler.core.node import Node, Place
from reconciler.core.policy import UP, Aim, Goal, Selection
from reconciler.core.rules import Impact, keywords_of, rules_of
from reconciler.core.standing import standing
from reconciler.core.status import status_of
from reconciler.core.trigger import Trigger
from reconciler.resources.registry import TYPES, kind_of
from tests.unit.core.toys import TOYS, ToyDesired, absent, kinds, line, owned, plan_toys, service, up

STOPPED = Goal(Aim.DOWN, "alice")


def stack(**common):
    """A disk, a mount on it, and two boxes: one on the mount, one on nothing."""
    return service(
        common={rid.replace("_", "#"): one for rid, one in common.items()},
        disk_1=ToyDesired(gives="d"),
        mount_1=ToyDesired(gives="m", needs=("d",)),
        box_1=ToyDesired(needs=("m",)),
        box_2=ToyDesired(),
    )


def here(spec, **others):
    seen = {rid: up(resource.desired) for rid, resource in spec.resources.items()}
    return {**seen, **{rid.replace("_", "#"): one for rid, one in others.items()}}


def plan(spec, goal=UP, selection=None, **others):
    return plan_toys(spec, here(spec, **others), owned(spec), goal, selection)


def verdicts(plan):
    return {change.rid: change.verdict for change in plan.changes}


def words(plan, kinds=TOYS):
    status = status_of(plan, kinds)
    return {line.rid: line.status.value for line in status.resources}, status.avail.value, status.overall.value


# the record


def test_nothing_of_it_is_ever_compared():
    assert {rule.impact for rule in rules_of(Common).values()} == {Impact.NONE}


def test_what_says_nothing_is_plain():
    assert Common() == PLAIN and not PLAIN.idle and not PLAIN.dispensable and PLAIN.counts


@pytest.mark.parametrize("type_name", TYPES)
def test_no_type_has_a_keyword_of_the_same_name(type_name):
    assert not keywords_of(kind_of(type_name).desired).keys() & keywords_of(Common).keys()


def test_a_trigger_is_a_list_of_words_or_a_line():
    assert Common(pre_start="/bin/say 'a b'").pre_start == ("/bin/say", "a b")
    assert Common(pre_start=["/bin/say", "a && b", "|"]).pre_start == ("/bin/say", "a && b", "|")


def test_the_older_form_of_standby_names_nodes():
    def on(value):
        return Common.model_validate({"standby": value}, context=Place("web", "fs#1", Node("deb1"))).standby

    assert [on("deb1 deb2"), on("deb1.opensvc.com"), on("deb2"), on("yes"), on("false")] == [True, True, False, True, False]


def test_what_is_tagged_noaction_is_optional_unless_it_says_otherwise():
    assert Common(tags="noaction").dispensable
    assert not Common(tags="noaction", optional=False).dispensable


def test_of_an_orphan_only_the_triggers_hold():
    common = Common(disable=True, standby=True, optional=True, tags="a", pre_stop="/bin/x", trigger_timeout=3)
    assert common.orphaned == Common(pre_stop="/bin/x", trigger_timeout=3)


# disable, tags


def test_nothing_is_done_to_what_is_disabled_and_what_needs_it_does_not_wait():
    spec = stack(mount_1=Common(disable=True))
    assert line(plan(spec, mount_1=absent(), box_1=absent())) == ["box#1 prepare make", "box#1 up start"]
    assert words(plan(spec, mount_1=absent())) == ({"disk#1": "up", "mount#1": "n/a", "box#1": "up", "box#2": "up"}, "up", "up")


def test_nothing_goes_from_under_what_is_disabled_and_up():
    found = plan(stack(box_1=Common(disable=True)), STOPPED)
    assert verdicts(found) == {
        "disk#1": Verdict.DEFER,
        "mount#1": Verdict.DEFER,
        "box#1": Verdict.KEEP,
        "box#2": Verdict.STOP,
    }


def test_what_is_tagged_nostatus_does_not_count_and_is_brought_up():
    found = plan(stack(box_2=Common(tags="nostatus")), box_2=absent())
    assert verdicts(found)["box#2"] is Verdict.CREATE
    assert words(found)[0]["box#2"] == "n/a" and words(found)[1] == "up"


def test_a_selection_by_tags_is_of_any_set_of_which_a_resource_has_all():
    spec = stack(box_1=Common(tags="a b"), box_2=Common(tags="a"), disk_1=Common(tags="c"))
    gone = {"box_1": absent(), "box_2": absent()}

    def worked(*tags, rids=()):
        found = plan(spec, UP, Selection(rids, tuple(map(frozenset, tags))), **gone)
        return {step.rid for step in found.steps}

    assert worked({"a", "b"}) == {"box#1"}
    assert worked({"a"}, {"c"}) == {"box#1", "box#2"}
    assert worked({"c"}, rids=("box#2",)) == {"box#2"}
    assert worked({"b", "c"}) == set()


# optional


def test_what_is_optional_does_not_count_for_avail():
    found = plan(stack(box_2=Common(optional=True)), box_2=absent())
    assert words(found)[1:] == ("up", "warn")


def test_what_is_left_open_of_the_optional_is_not_lacking():
    spec = stack(box_2=Common(optional=True), disk_1=Common(optional=True))
    foreign = absent().__class__(absent().around.model_copy(update={"foreign": True}))
    found = plan(spec, box_2=foreign)
    assert [change.rid for change in found.open] == ["box#2"] and not found.lacking
    assert found.spares("box#2") and not found.spares("box#1")
    found = plan(spec, disk_1=absent(), mount_1=absent(), box_1=absent())
    assert not found.spares("disk#1"), "what needs it is not optional"


# standby


def test_what_is_on_standby_stays_with_all_that_it_needs():
    spec = stack(mount_1=Common(standby=True))
    assert standing(spec, STOPPED, Selection(), kinds) == {"disk#1", "mount#1"}
    assert line(plan(spec, STOPPED)) == ["box#2 down stop", "box#1 down stop"]
    down = {"box_1": up(ToyDesired(), up=False), "box_2": absent()}
    said = {"disk#1": "stdby up", "mount#1": "stdby up", "box#1": "down", "box#2": "down"}
    assert words(plan(spec, STOPPED, **down)) == (said, "stdby up", "stdby up")
    assert words(plan(spec, STOPPED, mount_1=absent(), **down))[0]["mount#1"] == "stdby down"
    assert words(plan(spec))[1:] == ("up", "up")


def test_what_is_on_standby_goes_down_by_its_very_rid_and_with_it_what_rests_on_it():
    spec = stack(mount_1=Common(standby=True), box_1=Common(standby=True))
    assert line(plan(spec, STOPPED, Selection(("mount#1",)))) == ["box#1 down stop", "mount#1 down stop"]
    assert line(plan(spec, STOPPED, Selection(("mount",)))) == []


def test_what_is_on_standby_comes_up_again_in_a_stopped_service():
    spec = stack(mount_1=Common(standby=True))
    found = plan(spec, STOPPED, mount_1=absent(), box_1=absent(), box_2=absent())
    assert line(found) == ["mount#1 prepare make", "mount#1 up start"]


# triggers

TRIGGERS = Common(pre_start="/a", post_start="/b", pre_stop="/c", blocking_post_stop="/d", trigger_timeout=7)


def test_triggers_stand_around_the_moves():
    spec = stack(box_2=TRIGGERS)
    assert line(plan(spec, box_2=absent())) == [
        "box#2 prepare make",
        "box#2 up run pre_start: /a",
        "box#2 up start",
        "box#2 up run post_start: /b",
    ]
    assert line(plan(spec, STOPPED, Selection(("box#2",)))) == [
        "box#2 down run pre_stop: /c",
        "box#2 down stop",
        "box#2 down run blocking_post_stop: /d",
    ]
    assert line(plan(spec)) == []
    assert line(plan(spec, box_2=up(ToyDesired(), live=1))) == ["box#2 live tune"]


def test_what_is_down_already_runs_no_trigger_of_a_stop():
    spec = stack(box_2=TRIGGERS)
    assert not plan(spec, STOPPED, Selection(("box#2",)), box_2=up(ToyDesired(), up=False)).steps


def test_a_trigger_before_an_interruption_interrupts_and_no_other_does():
    found = plan(stack(box_2=TRIGGERS), box_2=up(ToyDesired(), restart=1))
    costs = [(step.slot, step.action.costs) for step in found.steps if isinstance(step.action, Trigger)]
    assert costs == [(Slot.DOWN, Effect.DISRUPTIVE), (Slot.DOWN, Effect.SAFE), (Slot.UP, Effect.SAFE), (Slot.UP, Effect.SAFE)]


def test_a_trigger_is_shown_as_it_is_run_but_for_secrets():
    trigger = Trigger(service="web", rid="fs#1", keyword="pre_start", words=("/bin/x", "--token=abc", "a b"), limit=5)
    assert trigger.command() == "/bin/x --token=\"$token\" 'a b'  # pre_start"
    assert trigger.secrets == {"token": "abc"}
    assert trigger.script() == (
        "env OSVC_SERVICE=web 'OSVC_RID=fs#1' OSVC_ACTION=start OSVC_NODE=\"${OSVC_NODE:-$(uname -n)}\""
        " timeout -s KILL 5 /bin/x --token=\"$token\" 'a b' || echo 'pre_start failed, which changes nothing' >&2"
    )


def test_what_is_spared_is_left_open_and_so_is_what_it_holds():
    spec = stack()
    found = plan_toys(spec, here(spec), owned(spec), STOPPED, spared={"box#1": "tried in vain"})
    assert {rid: (verdict.value) for rid, verdict in verdicts(found).items()} == {
        "disk#1": "defer",
        "mount#1": "defer",
        "box#1": "defer",
        "box#2": "stop",
    }


def test_what_is_left_alone_is_not_interrupted_for_what_it_holds():
    by_hand = Goal(Aim.NONE, reason="here it is started by hand")
    found = plan(stack(mount_1=Common(standby=True)), by_hand, mount_1=up(ToyDesired(gives="m", needs=("d",), replace=1)))
    assert not found.steps and verdicts(found)["box#1"] is Verdict.KEEP
    change = found.change("mount#1")
    assert (change.verdict, change.reason) == (Verdict.DEFER, f"box#1 holds it, and is left alone: {by_hand.reason}")
