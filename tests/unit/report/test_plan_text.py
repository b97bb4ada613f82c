"""A plan as people read it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from reconciler.core.change import Cause, Change, FieldChange, Verdict
from reconciler.core.plan import Plan, Step
from reconciler.core.policy import Aim, Goal, Policy
from reconciler.core.rules import Impact
from reconciler.core.service import Origin
from reconciler.core.shell import commands_of
from reconciler.report.paint import Paint
from reconciler.report.plan_text import golden, impact_line, plan_text
from tests.plans.golden import FOLDER, read
from tests.unit.core.toys import ToyAround, ToyDesired, absent, owned, plan_toys, service, up

FOREIGN = ToyAround(foreign=True)


def scenario(name):
    found = read(FOLDER / f"{name}.yaml")
    return found.plan(), found.service


def test_a_replacement_opens_with_its_impact_and_proves_it_by_the_line_of_the_spec():
    plan, spec = scenario("container-replace-spec")
    text = plan_text(plan, spec)
    first, blank, change, field, *_ = text.splitlines()
    impact = "web: container#2 down for about 10 s; nothing else touched"
    assert first == f"{impact}; data at risk: container#2 (what it wrote outside its volumes)"
    assert blank == ""
    assert change == "  ± container#2  replace: image changed"
    assert field.split() == ["image", "busybox:1", "→", "busybox:2", "web.yaml:8"]
    assert text.splitlines()[-1] == "  1 to replace; 6 steps; 3 left alone"


def test_every_certain_step_shows_its_command_and_what_it_waits_for():
    plan, spec = scenario("container-replace-spec")
    shown = [line for line in plan_text(plan, spec).splitlines() if "docker -H" in line]
    assert len(shown) == len(plan.steps)
    for step, line in zip(plan.steps, shown, strict=True):
        number, *_ = line.split()
        assert int(number) == step.n
        assert line.endswith(step.action.command())
        assert f" {step.rid} " in line and f" {step.slot.name.lower()} " in line
    assert shown[1].split()[1] == "1"


def test_steps_behind_an_engine_that_is_down_are_provisional_and_say_on_what_grounds():
    plan, spec = scenario("container-create-new")
    lines = plan_text(plan, spec).splitlines()
    guessed = [line for line in lines if " ~ " in line]
    assert [line.partition("expected: ")[2] for line in guessed] == ["new engine, empty data root"] * 2
    assert " ~+ container#1  create: new (web.yaml:3)   expected: new engine, empty data root" in lines
    assert "2 of them provisional" in lines[-1]


def test_nothing_to_do_is_one_line():
    want = ToyDesired()
    spec = service(box_1=want)
    plan = plan_toys(spec, {"box#1": up(want)}, owned(spec))
    assert plan_text(plan, spec) == "toys: nothing to do\n"


def test_verbose_says_why_each_resource_is_left_alone():
    want = ToyDesired()
    spec = service(box_1=want)
    plan = plan_toys(spec, {"box#1": up(want)}, owned(spec))
    assert plan_text(plan, spec, verbose=True).splitlines()[2] == "  = box#1  keep: as wanted"


def test_what_is_left_alone_but_asks_for_something_is_shown_without_verbose():
    want = ToyDesired()
    spec = service(box_1=want)
    plan = plan_toys(service(), {"box#1": up(want)}, owned(spec))
    assert "  = box#1  keep: no longer in the spec; left alone → osvc plan --prune" in plan_text(plan).splitlines()


def test_a_refused_resource_says_what_to_do():
    from reconciler.core.observed import Absent

    spec = service(box_1=ToyDesired())
    plan = plan_toys(spec, {"box#1": Absent(FOREIGN)})
    text = plan_text(plan, spec)
    assert "  x box#1  refused: somebody else has it → ask them" in text.splitlines()
    assert text.splitlines()[0] == "toys: 1 left open"
    assert text.splitlines()[-1] == "  1 refused"


@pytest.mark.parametrize(
    ("cause", "proof"), [(Cause.SPEC, "toys.yaml:7"), (Cause.DRIFT, "drift"), (Cause.BOTH, "toys.yaml:7 (spec and drift)")]
)
def test_the_evidence_of_a_field_follows_its_cause(cause, proof):
    want = ToyDesired(live=2)
    spec = service(box_1=want)
    spec.resources["box#1"].fields["live"] = Origin("toys.yaml", 7, 3)
    plan = plan_toys(spec, {"box#1": up(want, live=1)}, owned(spec))
    (change,) = plan.changes
    changed = change._replace(fields=(FieldChange("live", 1, 2, Impact.LIVE, cause),), cause=cause)
    text = plan_text(replace(plan, changes=(changed,)), spec)
    assert f"  live  1 → 2   {proof}" in text


def test_a_goal_of_down_that_is_reached_says_who_when_and_how_to_go_back():
    want = ToyDesired()
    spec = service(box_1=want)
    at = datetime(2026, 11, 23, 6, 41, tzinfo=UTC)
    goal = Goal(Aim.DOWN, "alice", at, "maintenance")
    plan = plan_toys(spec, {"box#1": up(want, up=False)}, owned(spec), goal)
    here = timezone(timedelta(hours=1))
    text = plan_text(plan, spec, now=datetime(2026, 11, 23, 9, 0, tzinfo=here))
    assert text == "toys: stopped by alice 07:41 (maintenance); left alone → osvc start toys\n"
    later = plan_text(plan, spec, now=datetime(2026, 11, 25, 9, 0, tzinfo=here))
    assert "stopped by alice 2026-11-23 07:41" in later


def test_stopping_says_what_goes_down():
    want = ToyDesired()
    spec = service(box_1=want, box_2=want)
    plan = plan_toys(spec, {"box#1": up(want), "box#2": up(want)}, owned(spec), Goal(Aim.DOWN))
    assert impact_line(plan) == "toys: box#2, box#1 go down; nothing else touched; data at risk: none"


def test_destructive_steps_are_named_as_data_at_risk():
    from reconciler.core.action import Effect, Slot
    from tests.unit.core.toys import Drop

    class Wipe(Drop):
        op = "wipe"
        effect = Effect.DESTRUCTIVE

    want = ToyDesired()
    change = Change("box#1", "box", Verdict.REMOVE, "gone", want, up(want))
    plan = Plan("toys", Goal(), (change,), (Step(1, "box#1", Slot.COMMIT, Wipe(all=True)),))
    assert impact_line(plan).endswith("; data at risk: box#1 (wipe)")


def test_secret_values_do_not_appear():
    want = ToyDesired(env={"DB_PASSWORD": "hunter2", "LANG": "C"})
    spec = service(box_1=want)
    plan = plan_toys(spec, {"box#1": up(want, env={"DB_PASSWORD": "old-hunter", "LANG": "de"})}, owned(spec))
    text = plan_text(plan, spec)
    assert "hunter" not in text
    assert "env.DB_PASSWORD  (hidden) → (hidden)" in text
    assert "env.LANG         de → C" in text


def test_sizes_are_shown_as_a_spec_writes_them():
    plan, spec = scenario("container-live-both")
    assert "memory  128m → 256m   web.yaml:6 (spec and drift)" in plan_text(plan, spec)


def test_long_lists_are_told_by_what_goes_and_comes():
    plan, spec = scenario("dockerd-live-drift")
    lines = plan_text(plan, spec).splitlines()
    at = next(number for number, line in enumerate(lines) if "differences" in line)
    assert lines[at].split()[0] == "rules"
    assert all(line.strip()[:2] in ("+ ", "- ") for line in lines[at + 1 : lines.index("", at)])


def test_colours_are_added_and_nothing_else():
    import re

    plan, spec = scenario("container-replace-spec")
    coloured = plan_text(plan, spec, paint=Paint(True))
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[\d+m", "", coloured) == plan_text(plan, spec)


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        ("a && b", ["a", "b"]),
        ("printf %s 'a && b' && c", ["printf %s 'a && b'", "c"]),
        ('x "y && \'z" && w', ['x "y && \'z"', "w"]),
        ("echo \\' && b", ["echo \\'", "b"]),
        ("plain", ["plain"]),
    ],
)
def test_joined_commands_are_taken_apart_outside_of_quotes(line, parts):
    assert commands_of(line) == parts
    assert " && ".join(commands_of(line)) == line


@pytest.mark.parametrize("name", sorted(path.stem for path in FOLDER.glob("*.yaml")))
def test_every_golden_plan_renders_the_same_twice_and_without_trailing_blanks(name):
    plan, spec = scenario(name)
    again, _ = scenario(name)
    for text in (plan_text(plan, spec, verbose=True), golden(plan)):
        assert text.endswith("\n") and not text.endswith("\n\n")
        assert all(line == line.rstrip() for line in text.splitlines())
    assert plan_text(plan, spec, verbose=True) == plan_text(again, spec, verbose=True)


def test_what_is_not_known_is_deferred_with_a_remedy():
    from reconciler.core.observed import Unknown

    spec = service(box_1=ToyDesired())
    plan = plan_toys(spec, {"box#1": Unknown("the machine does not answer")}, policy=Policy())
    assert "  ? box#1  deferred: the machine does not answer → osvc status" in plan_text(plan, spec).splitlines()


def test_absent_and_new_says_where_it_is_written():
    spec = service(box_1=ToyDesired())
    plan = plan_toys(spec, {"box#1": absent()})
    assert "  + box#1  create: new (toys.yaml:1)" in plan_text(plan, spec).splitlines()


def test_what_everything_rests_on_is_said_once():
    from reconciler.core.observed import Absent, Unknown

    far = "it cannot be seen from here: it is on far"
    unseen = Unknown("far", assume=Absent(ToyAround()), basis=far)
    spec = service(box_1=ToyDesired(), box_2=ToyDesired())
    text = plan_text(plan_toys(spec, {"box#1": unseen, "box#2": unseen}, policy=Policy()), spec)
    assert text.count(far) == 1 and text.splitlines()[1] == f"  all of this is expected: {far}"
    other = Unknown("far", assume=Absent(ToyAround()), basis="another")
    text = plan_text(plan_toys(spec, {"box#1": unseen, "box#2": other}, policy=Policy()), spec)
    assert "all of this" not in text and text.count(f"   expected: {far}") == text.count("   expected: another") == 3
