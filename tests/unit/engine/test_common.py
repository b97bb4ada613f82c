"""What a run makes of the keywords that every resource has: what is optional, tried again, on standby, and triggers."""

from dataclasses import replace

import pytest

from reconciler.core.common import Common
from reconciler.core.observed import Present
from reconciler.core.outcome import End, Status, StepSaid
from reconciler.core.policy import Aim, Goal, Policy
from reconciler.core.secrets import learn
from reconciler.engine.triggers import shortened
from reconciler.host.errors import NotFound, Permanent, Transient
from reconciler.host.ports import Completed
from reconciler.report.run_text import result_text
from tests.unit.core.toys import ToyDesired, service
from tests.unit.engine.bench import Bench, World, became, of

OPTIONAL = Common(optional=True)


def stack(**common):
    return service(
        common={rid.replace("_", "#"): one for rid, one in common.items()},
        disk_1=ToyDesired(gives="d"),
        mount_1=ToyDesired(gives="m", needs=("d",)),
        box_1=ToyDesired(needs=("m",)),
        box_2=ToyDesired(),
    )


def is_up(bench, rid):
    seen = bench.world.see(rid)
    return isinstance(seen, Present) and seen.state.up


def said(bench):
    return [event.text for event in bench.events if isinstance(event, StepSaid)]


def broken(*names, times=1):
    return Bench(World(faults={name: [Permanent("broken")] * times for name in names}))


# optional


def test_an_optional_failure_fails_nothing_else():
    bench = broken("box#2 start")
    result = bench.converge(stack(box_2=OPTIONAL))
    assert result.end is End.CONVERGED and [one.step.rid for one in result.failures] == ["box#2"]
    assert is_up(bench, "box#1") and not isinstance(bench.world.see("box#2"), Present), "it was led back, and nothing else was"
    assert "box#2" not in bench.owned and bench.owned["box#1"].applied is not None
    assert result.casefile


def test_it_is_tried_once_in_a_run_and_again_in_the_next():
    bench = broken("box#2 start")
    bench.converge(stack(box_2=OPTIONAL))
    assert bench.world.tried.count("box#2 start") == 1
    result = bench.converge(stack(box_2=OPTIONAL))
    assert result.end is End.CONVERGED and not result.failures and is_up(bench, "box#2")


def test_with_rollback_off_it_stays_as_it_is():
    bench = broken("box#2 start")
    result = bench.converge(stack(box_2=OPTIONAL), policy=Policy(rollback=False))
    assert result.end is End.CONVERGED and isinstance(bench.world.see("box#2"), Present)


def test_what_of_it_cannot_be_led_back_is_told_and_owned():
    bench = broken("box#2 start", "box#2 put back")
    result = bench.converge(stack(box_2=OPTIONAL))
    assert result.end is End.CONVERGED and [left.step.rid for left in result.left] == ["box#2"]
    assert "box#2" in bench.owned
    assert "box#2: make is not undone: cannot put back: broken" in result_text(result)


def test_what_needs_it_by_a_fact_makes_its_failure_one_of_the_run():
    bench = broken("mount#1 start")
    result = bench.converge(stack(mount_1=OPTIONAL))
    assert result.end is End.ROLLED_BACK
    bench = broken("mount#1 start")
    result = bench.converge(stack(mount_1=OPTIONAL, box_1=OPTIONAL))
    assert result.end is End.CONVERGED and is_up(bench, "disk#1") and is_up(bench, "box#2") and not is_up(bench, "box#1")
    assert became(result)["box#1 start"] is Status.SKIPPED


def test_a_start_is_not_undone_for_it():
    bench = broken("box#2 start")
    assert bench.converge(stack(box_2=OPTIONAL), verb="start", whole_undo=True).end is End.CONVERGED
    assert is_up(bench, "box#1")


def test_an_optional_stop_that_fails_keeps_what_it_holds():
    spec = stack(box_1=OPTIONAL)
    bench = Bench()
    bench.converge(spec)
    bench.world.faults["box#1 stop"] = [Permanent("broken")]
    result = bench.converge(spec, goal=Goal(Aim.DOWN))
    assert is_up(bench, "box#1") and is_up(bench, "mount#1") and not is_up(bench, "box#2")
    assert result.end is not End.CONVERGED, "what it holds is not optional"


# restart


def test_a_start_that_fails_is_tried_again_so_often():
    bench = broken("box#2 start", times=2)
    result = bench.converge(stack(box_2=Common(restart=2, restart_delay=5)))
    assert result.end is End.CONVERGED and bench.world.tried.count("box#2 start") == 3
    assert bench.machine.ticks >= 10
    assert said(bench)[-1] == "cannot start: broken; again in 5 s (restart 2 of 2)"


def test_and_no_more():
    bench = broken("box#2 start", times=9)
    result = bench.converge(stack(box_2=Common(restart=2)))
    assert result.end is End.ROLLED_BACK and bench.world.tried.count("box#2 start") == 3


def test_a_stop_is_not_tried_again():
    spec = stack(box_2=Common(restart=2))
    bench = Bench()
    bench.converge(spec)
    bench.world.faults["box#2 stop"] = [Permanent("broken")] * 9
    bench.converge(spec, goal=Goal(Aim.DOWN))
    assert bench.world.tried.count("box#2 stop") == 1


# standby, disable


def test_what_is_on_standby_is_left_up_by_a_stop_and_counts_as_applied():
    spec = stack(mount_1=Common(standby=True))
    bench = Bench()
    bench.converge(spec)
    assert bench.converge(spec, goal=Goal(Aim.DOWN)).end is End.CONVERGED
    assert [rid for rid in spec.resources if is_up(bench, rid)] == ["disk#1", "mount#1"]
    assert [rid for rid, one in bench.owned.items() if one.applied is not None] == ["disk#1", "mount#1"]
    del bench.world.things["mount#1"]
    assert bench.converge(spec, goal=Goal(Aim.DOWN)).end is End.CONVERGED and is_up(bench, "mount#1")


@pytest.mark.parametrize("optional", [None, True])
@pytest.mark.parametrize("edit", [{"replace": 1}, {"restart": 1}])
def test_what_fails_on_standby_is_led_back_and_the_stop_is_not(edit, optional):
    def spec(**edited):
        standby = Common(standby=True, optional=optional)
        return service(common={"box#1": standby}, box_1=ToyDesired(**edited), box_2=ToyDesired())

    fault = "box#1 tune" if "restart" in edit else "box#1 start"
    bench = Bench(World(faults={fault: []}))
    bench.converge(spec())
    before = bench.world.see("box#1")
    bench.world.faults[fault].append(Permanent("broken"))
    result = bench.converge(spec(**edit), goal=Goal(Aim.DOWN))
    assert result.end is (End.CONVERGED if optional else End.ROLLED_BACK) and bench.world.see("box#1") == before
    assert bench.owned["box#1"].applied == bench.owned["box#1"].wanted == ToyDesired()
    assert bench.converge(spec(**edit), goal=Goal(Aim.DOWN)).end is End.CONVERGED
    assert (is_up(bench, "box#1"), is_up(bench, "box#2")) == (True, False)


def test_what_is_disabled_is_not_written_down_as_applied():
    bench = Bench()
    bench.converge(stack())
    edited = service(
        common={"box#2": Common(disable=True)},
        **{rid.replace("#", "_"): one.desired for rid, one in stack().resources.items() if rid != "box#2"},
        box_2=ToyDesired(live=1),
    )
    assert bench.converge(edited).end is End.CONVERGED
    assert bench.owned["box#2"].applied == ToyDesired()


# triggers


class Commands:
    """Commands that are noted, each with its end: an exit code, or an error."""

    def __init__(self, **ends):
        self.ends, self.ran = ends, []

    def run(self, argv, *, timeout=30.0, ok=(0,), env=None, most=None):
        self.ran.append((tuple(argv), timeout, dict(env or {})))
        end = self.ends.get(argv[0].strip("/"), 0)
        if isinstance(end, Exception):
            raise end
        return Completed(tuple(argv), end, f"{' '.join(argv)} was here\n", "")


def with_commands(**ends):
    bench, commands = Bench(), Commands(**ends)
    bench.means = replace(bench.means, host=replace(bench.means.host, commands=commands))
    return bench, commands


TRIGGERS = Common(
    pre_start="/pre",
    post_start="/post",
    blocking_pre_stop="/drain",
    post_stop="/gone",
    blocking_post_start="/prove",
    trigger_timeout=9,
)


def test_triggers_run_around_the_moves_and_are_told_what_they_are_for():
    bench, commands = with_commands()
    spec = stack(box_2=TRIGGERS)
    assert bench.converge(spec).end is End.CONVERGED
    told = {"OSVC_SERVICE": "toys", "OSVC_RID": "box#2", "OSVC_ACTION": "start", "OSVC_NODE": bench.means.host.name}
    assert commands.ran == [((path,), 9.0, told) for path in ("/pre", "/post", "/prove")]
    assert "pre_start said: /pre was here" in said(bench)
    bench.converge(spec)
    assert len(commands.ran) == 3, "nothing moves"
    bench.converge(spec, goal=Goal(Aim.DOWN))
    assert [(argv, env["OSVC_ACTION"]) for argv, _, env in commands.ran[3:]] == [(("/drain",), "stop"), (("/gone",), "stop")]


def test_a_plain_trigger_that_fails_is_told_and_changes_nothing():
    for end in (3, Transient("/pre did not end within 9 s, and was killed"), NotFound("cannot run /pre: no such file")):
        bench, commands = with_commands(pre=end)
        assert bench.converge(stack(box_2=TRIGGERS)).end is End.CONVERGED
        assert len(commands.ran) == 3 and is_up(bench, "box#2"), "and it is not tried again"
        assert any(text.startswith("pre_start failed, which changes nothing: ") for text in said(bench))


def test_a_blocking_trigger_that_fails_fails_the_move():
    bench, _ = with_commands(prove=3)
    result = bench.converge(stack(box_2=TRIGGERS))
    assert result.end is End.ROLLED_BACK and not is_up(bench, "box#2")
    outcome = of(result, "box#2 run blocking_post_start: /prove")
    assert outcome.message == "cannot run blocking_post_start: /prove: /prove failed, exit 3"
    assert outcome.output == "/prove was here"


@pytest.mark.parametrize("keyword", ["blocking_pre_start", "blocking_post_start"])
def test_a_blocking_trigger_runs_once_for_a_start_however_often_that_is_tried(keyword):
    bench, commands = with_commands(prove=3)
    result = bench.converge(stack(box_2=Common(**{keyword: "/prove"}, restart=3)))
    assert result.end is End.ROLLED_BACK and len(commands.ran) == 1
    bench, commands = with_commands()
    bench.world.faults["box#2 start"] = [Permanent("broken")] * 2
    assert bench.converge(stack(box_2=Common(**{keyword: "/prove"}, restart=3))).end is End.CONVERGED
    assert bench.world.tried.count("box#2 start") == 3 and len(commands.ran) == 1


def test_of_what_a_trigger_says_the_beginning_and_the_end_are_told():
    many = "\n".join(f"line {n}" for n in range(1000))
    assert shortened(many).splitlines() == [
        *(f"line {n}" for n in range(5)),
        "… 975 lines are left out here …",
        *(f"line {n}" for n in range(980, 1000)),
    ]
    assert shortened("a\nb") == "a\nb" and shortened("") == ""
    assert len(shortened("x" * 5000)) == 1001


def test_what_a_blocking_trigger_refuses_to_stop_stays_up():
    spec = stack(box_2=TRIGGERS)
    bench, _ = with_commands(drain=1)
    bench.converge(spec)
    assert bench.converge(spec, goal=Goal(Aim.DOWN)).end is End.FAILED
    assert is_up(bench, "box#2")


def test_secrets_in_a_trigger_and_in_what_it_says_are_hidden():
    bench, commands = with_commands()
    bench.converge(stack(box_2=Common(pre_start=["/say", "--token=geheimnis"])))
    assert commands.ran[0][0] == ("/say", "--token=geheimnis")
    assert said(bench) == ["pre_start said: /say --token=(hidden) was here"]
    assert "geheimnis" not in str(bench.store._rows("SELECT record FROM owned")) + str(bench.store._rows("SELECT * FROM journal"))


def test_a_secret_that_a_reference_put_into_a_trigger_is_hidden_although_nothing_beside_it_says_so():
    learn("geheimnis", "HOOK_TOKEN", ("pre_start",))
    bench, commands = with_commands()
    result = bench.converge(stack(box_2=Common(pre_start=["/say", "X-Hook: geheimnis"])))
    assert commands.ran[0][0] == ("/say", "X-Hook: geheimnis")
    assert said(bench) == ["pre_start said: /say X-Hook: (hidden) was here"]
    outcome = of(result, "box#2 run pre_start: /say 'X-Hook: '\"$HOOK_TOKEN\"")
    assert outcome.step.action.secrets == {"HOOK_TOKEN": "geheimnis"}
    assert "geheimnis" not in str(bench.store._rows("SELECT record FROM owned")) + str(bench.store._rows("SELECT * FROM journal"))


def test_a_secret_that_is_known_by_its_mark_only_is_sent_nowhere():
    bench, commands = with_commands()
    spec = stack(box_2=Common(pre_stop=["/say", "--token=geheimnis"]))
    bench.converge(spec)
    bench.converge(None, policy=Policy(prune=True))
    assert not commands.ran and not is_up(bench, "box#2")
    assert any("its spec is gone" in text for text in said(bench))


def test_the_triggers_of_an_orphan_are_kept():
    bench, commands = with_commands()
    bench.converge(stack(box_2=TRIGGERS))
    bench.converge(None, policy=Policy(prune=True))
    assert [argv for argv, _, _ in commands.ran[3:]] == [("/drain",), ("/gone",)]


def test_a_program_that_others_may_write_is_not_run():
    bench, commands = with_commands()
    bench.machine.tree.write("/usr/bin/x", "", 0o777)
    result = bench.converge(stack(box_2=Common(blocking_pre_start="/usr/bin/x")))
    assert result.end is End.ROLLED_BACK and not commands.ran
    assert result.message.endswith("/usr/bin/x can be written by others: chmod go-w /usr/bin/x")


def test_it_is_kept_with_what_is_owned():
    bench, _ = with_commands()
    bench.converge(stack(box_2=TRIGGERS))
    assert bench.owned["box#2"].common == TRIGGERS
    later = Common(pre_stop="/other")
    assert bench.converge(stack(box_2=later)).touched == frozenset()
    assert bench.owned["box#2"].common == later
