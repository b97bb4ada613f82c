"""The tree of `osvc status`."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from reconciler.core.policy import UP, Aim, Goal
from reconciler.core.status import State, Status, status_of
from reconciler.report.paint import PLAIN, Paint
from reconciler.report.status_tree import COLOUR, Shown, status_tree
from reconciler.resources.registry import kind_of
from tests.plans.golden import FOLDER, read
from tests.unit.core.toys import TOYS, ToyDesired, owned, plan_toys, service, up


def tree(plan, **more):
    return status_tree(Shown(status_of(plan, TOYS), "services.d/toys.yaml", **more), now=datetime(2026, 11, 23, 12, tzinfo=UTC))


def test_up_is_quiet_and_columns_are_those_of_the_reference():
    want = ToyDesired()
    spec = service(box_1=want, box_2=want)
    text = tree(plan_toys(spec, {"box#1": up(want), "box#2": up(want)}, owned(spec)))
    assert text == (
        "toys                      up       services.d/toys.yaml\n"
        "|- box#1                  up       box\n"
        "'- box#2                  up       box\n"
    )


def test_drift_is_marked_and_ends_with_what_to_do():
    want = ToyDesired(live=2)
    spec = service(box_1=want, box_2=ToyDesired())
    text = tree(plan_toys(spec, {"box#1": up(want, live=1), "box#2": up(ToyDesired())}, owned(spec)))
    lines = text.splitlines()
    assert lines[0].split() == ["toys", "warn", "services.d/toys.yaml"]
    assert lines[2] == f"|{'':<34}≠ live changed → osvc apply -s toys"


def test_one_down_among_ups_is_warn():
    want = ToyDesired()
    spec = service(box_1=want, box_2=want)
    lines = tree(plan_toys(spec, {"box#1": up(want), "box#2": up(want, up=False)}, owned(spec))).splitlines()
    assert lines[0].split()[1] == "warn"
    assert lines[2].split()[:3] == ["'-", "box#2", "down"]
    assert lines[3].strip().endswith("→ osvc apply -s toys")


def test_a_stopped_service_says_by_whom_and_how_to_start_it():
    want = ToyDesired()
    spec = service(box_1=want)
    goal = Goal(Aim.DOWN, "alice", datetime(2026, 11, 23, 7, 41, tzinfo=UTC))
    lines = tree(plan_toys(spec, {"box#1": up(want, up=False)}, owned(spec), goal)).splitlines()
    assert lines[0] == "toys                      down     stopped by alice 07:41"
    assert lines[1] == f"|{'':<34}# → osvc start toys"


def test_a_spec_that_is_gone_is_told():
    want = ToyDesired()
    spec = service(box_1=want)
    text = tree(plan_toys(None, {"box#1": up(want)}, owned(spec), UP), note="its spec is gone", remedy="osvc plan --prune")
    assert "# its spec is gone → osvc plan --prune" in text


def test_what_fails_again_and_again_is_a_warning_with_its_last_words():
    plan = read(FOLDER / "container-keep-crash-loop.yaml").plan()
    status = status_of(plan, {change.type: kind_of(change.type) for change in plan.changes})
    assert (status.avail, status.overall) == (Status.WARN, Status.WARN)
    failing = next(line for line in status.resources if line.failing)
    lines = replace(failing, words=("no config", "bye\x1b[1m"))
    text = status_tree(Shown(replace(status, resources=(lines,)), "services.d/web.yaml"))
    assert [line.strip() for line in text.splitlines()[1:]] == [
        "'- container#1            warn     busybox:latest",
        "# crash loop: 7 restarts in 40 s, exit 1; left to restart_policy: unless-stopped"
        " → osvc docker web logs --tail 20 web.container.1",
        "| no config",
        "| bye",
    ]


def test_what_an_engine_says_of_one_that_fails_has_no_secret_in_it():
    plan = read(FOLDER / "container-keep-crash-loop.yaml").plan()
    change = plan.change("container#1")
    want = change.desired.model_copy(update={"environment": {"DB_PASSWORD": "hunter2secret"}})
    seen = replace(change.seen, state=change.seen.state.model_copy(update={"error": "exec: hunter2secret: not found"}))
    plan = replace(plan, changes=(change._replace(desired=want, observed=seen, seen=seen),))
    (line,) = status_of(plan, {"container": kind_of("container")}).resources
    assert line.failing and "exec: (hidden): not found" in line.reason


def test_long_names_move_the_columns_together():
    want = ToyDesired()
    spec = service(**{f"box_{'x' * 40}": want, "box_1": want})
    lines = tree(plan_toys(spec, {rid: up(want) for rid in spec.resources}, owned(spec))).splitlines()
    assert len({line.index(" up ") for line in lines}) == 1


def test_every_golden_scenario_has_a_tree():
    for path in sorted(FOLDER.glob("*.yaml")):
        plan = read(path).plan()
        text = status_tree(Shown(status_of(plan, {change.type: kind_of(change.type) for change in plan.changes})))
        assert len([line for line in text.splitlines() if line[:2] in ("|-", "'-")]) == len(plan.changes)
        assert all(line == line.rstrip() for line in text.splitlines())


def narrow(text, width):
    """What a terminal shows, without what paints it."""
    lines = re.sub(r"\x1b\[\d*m", "", text).splitlines()
    assert all(len(line) <= width for line in lines), [line for line in lines if len(line) > width]
    return lines


def crashing():
    plan = read(FOLDER / "container-keep-crash-loop.yaml").plan()
    return Shown(status_of(plan, {change.type: kind_of(change.type) for change in plan.changes}), "/etc/osvc/services.d/web.yaml")


def test_at_80_columns_a_reason_is_folded_and_what_to_type_is_whole():
    lines = narrow(status_tree(crashing(), width=80), 80)
    assert lines[2:-1] == [
        "|- container#1            warn     busybox:latest",
        "|                                  # crash loop: 7 restarts in 40 s, exit 1;",
        "|                                    left to restart_policy: unless-stopped",
        "|                               → osvc docker web logs --tail 20 web.container.1",
    ], "what is too long for its column begins before it"


def test_where_there_is_room_it_is_the_same_as_without_a_terminal():
    assert status_tree(crashing(), width=200) == status_tree(crashing())


def test_a_source_keeps_its_end_and_a_label_is_folded():
    want = ToyDesired()
    plan = plan_toys(service(box_1=want), {"box#1": up(want)}, owned(service(box_1=want)))
    status = status_of(plan, TOYS)
    long = replace(status.resources[0], label="20f6aabc5ce1@registry.example.com/team/" + "x" * 40)
    shown = Shown(replace(status, resources=(long,)), "/srv/" + "y" * 60 + "/services.d/toys.yaml")
    lines = narrow(status_tree(shown, width=80), 80)
    assert lines[0].endswith("/services.d/toys.yaml") and lines[0][35] == "…"
    assert "".join(line[35:] for line in lines[1:]) == long.label


def test_unknown_is_painted_as_nothing_else_is():
    paint = Paint(True)
    words = {status: paint(COLOUR[status], status.value) for status in (Status.UP, Status.DOWN, Status.WARN, Status.UNKNOWN)}
    codes = {text.partition("m")[0] for text in words.values()}
    assert len(codes) == 4


def test_how_long_it_is_up_and_how_its_check_finds_it_stand_behind_its_label():
    want, now = ToyDesired(), datetime(2026, 11, 23, 12, tzinfo=UTC)
    status = status_of(plan_toys(service(box_1=want), {"box#1": up(want)}, owned(service(box_1=want))), TOYS)
    line = replace(status.resources[0], since=now - timedelta(hours=3, minutes=20), health="healthy")

    def last(width=0, paint=PLAIN, **more):
        shown = Shown(replace(status, resources=(replace(line, **more),)), "x", state=State.STARTED)
        return status_tree(shown, now=now, width=width, paint=paint).splitlines()[1:]

    assert last() == ["'- box#1                  up       box  for 3 h 20 min, healthy"]
    assert last(label="l" * 30, width=80)[1] == " " * 35 + "for 3 h 20 min, healthy"
    assert last(since=now + timedelta(seconds=5), health="") == ["'- box#1                  up       box  for 0 s"], "another clock"
    assert "\x1b[31munhealthy\x1b[0m" in last(health="unhealthy", paint=Paint(True))[0]


def test_every_golden_scenario_fits_80_columns_but_for_what_is_to_be_typed():
    for path in sorted(FOLDER.glob("*.yaml")):
        plan = read(path).plan()
        text = status_tree(
            Shown(status_of(plan, {change.type: kind_of(change.type) for change in plan.changes}), "x" * 90), width=80
        )
        assert all(len(line) <= 80 or " → " in line for line in text.splitlines()), path.name
