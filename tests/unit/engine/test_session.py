"""Session: which services, in which order, and what pruning must not do. With the real types, on the fake machine."""

import dataclasses
import os
from datetime import UTC, datetime

import pytest

from reconciler.core.ban import Ban, Sort
from reconciler.core.change import Verdict
from reconciler.core.outcome import End
from reconciler.core.policy import Aim, Goal, Policy, Selection
from reconciler.engine.errors import Refused, StoreError, Unselected
from reconciler.engine.locks import Locks
from tests.fakehost import FakeHost
from tests.unit.engine.node import SPEC, Node

PRUNE = Policy(prune=True)


@pytest.fixture
def node(tmp_path):
    made = Node(tmp_path)
    for name in ("web", "db", "app"):
        made.write(name)
    return made


def names(found):
    return [target.name for target in found]


def test_apply_then_nothing_is_left_to_do(node):
    assert [result.end for result in node.apply()] == [End.CONVERGED] * 3
    assert sorted(node.mounts()) == ["/mnt/app", "/mnt/db", "/mnt/web"]
    with node.session(write=False) as session:
        assert all(plan.empty for plan in session.plans(session.targets(session.load())))
    effects = node.machine.effects
    node.apply()
    assert node.machine.effects == effects


def converge_on_surveys(node, after=lambda: None, globs=()):
    """Survey, let something happen, converge on what was surveyed: the ends, and the looks at the mount table that it took."""
    with node.session() as session:
        targets = session.targets(session.load(), globs)
        surveys = session.survey(targets)
        after()
        before = len(node.machine.looks)
        results = session.converge(targets, surveys=surveys)
    return [result.end for result in results], sum("table" in look for look in node.machine.looks[before:])


def test_what_had_nothing_to_do_a_moment_ago_is_not_looked_at_again(node):
    node.apply()
    assert converge_on_surveys(node) == ([End.CONVERGED] * 3, 0)
    node.write("web", SPEC % "web2")
    ends, looks = converge_on_surveys(node)
    assert ends == [End.CONVERGED] * 3 and looks > 0
    assert sorted(node.mounts()) == ["/mnt/app", "/mnt/db", "/mnt/web2"]


def test_what_was_seen_this_moment_is_not_looked_at_again_before_the_first_step(node):
    node.apply()
    at_once = changed_on_surveys(node, "first", 0)
    assert changed_on_surveys(node, "second", 3) == at_once + 1


def changed_on_surveys(node, name, seconds):
    """The looks at the mount table that a changed service takes, when it is worked on so long after it was seen."""
    node.write("web", SPEC % name)
    ends, looks = converge_on_surveys(node, lambda: FakeHost(node.machine).clock.sleep(seconds))
    assert ends == [End.CONVERGED] * 3 and f"/mnt/{name}" in node.mounts()
    return looks


def test_what_comes_after_a_service_that_had_nothing_to_do_is_not_looked_at_again(node):
    node.write("web", SPEC % "db/deep")
    node.apply()
    assert converge_on_surveys(node) == ([End.CONVERGED] * 3, 0)


def test_what_an_earlier_service_of_the_run_changed_is_looked_at_again(node):
    """A mount moves from one service to another: the second one must not count on it as it stood under the first."""
    node.apply()
    node.write("app", SPEC % "app2")
    node.write(
        "db", "resources:\n  fs#1: {dev: tmpfs, mnt: /mnt/db, type: tmpfs}\n  fs#2: {dev: tmpfs, mnt: /mnt/app, type: tmpfs}\n"
    )
    ends, _ = converge_on_surveys(node)
    assert sorted(node.mounts()) == ["/mnt/app", "/mnt/app2", "/mnt/db", "/mnt/web"], ends
    assert ends == [End.CONVERGED] * 3


def test_what_another_run_changed_for_another_service_is_looked_at_again(node):
    node.apply()
    node.write("db", SPEC % "db2")
    ends, quiet = converge_on_surveys(node, globs=["db"])
    node.write("db", SPEC % "db3")
    node.write("web", SPEC % "web2")
    after, looks = converge_on_surveys(node, lambda: node.apply("web"), globs=["db"])
    assert (ends, after, looks) == ([End.CONVERGED], [End.CONVERGED], quiet + 1)


def test_what_was_seen_long_ago_is_looked_at_again(node):
    node.apply()
    clock = FakeHost(node.machine).clock

    def wait_and_unmount():
        clock.sleep(60)
        FakeHost(node.machine).commands.run(["umount", "/mnt/web"])

    ends, looks = converge_on_surveys(node, wait_and_unmount)
    assert ends == [End.CONVERGED] * 3 and looks >= 3
    assert "/mnt/web" in node.mounts()


def test_what_another_run_did_meanwhile_is_looked_at(node):
    """That run stopped owning what this one saw: what it saw does not count any more."""
    node.apply()

    def forget():
        with node.session() as other:
            other.store.release("web", ["fs#1"])

    ends, looks = converge_on_surveys(node, forget)
    assert ends == [End.CONVERGED] * 3 and looks >= 1


def test_what_another_run_worked_on_meanwhile_is_looked_at(node):
    node.apply()
    before = sorted(node.mounts())
    with node.session() as session:
        targets = session.targets(session.load())
        surveys = session.survey(targets)
        node.write("web", SPEC % "other")
        node.apply("web")
        results = session.converge(targets, surveys=surveys)
    assert [result.end for result in results] == [End.CONVERGED] * 3
    assert sorted(node.mounts()) == before, "this run's own text, not what the other one made"


def test_planning_makes_nothing(node):
    with node.session(write=False) as session:
        plans = session.plans(session.targets(session.load()))
    assert all(plan.steps for plan in plans)
    assert not os.path.exists(node.config.state_dir)
    assert not os.path.exists(node.config.run_dir)
    assert node.machine.effects == 0


def test_services_are_seen_together(node):
    """One look at the mount table, however many services there are."""
    for n in range(20):
        node.write(f"more{n}")
    with node.session(write=False) as session:
        targets = session.targets(session.load())
        before = len(node.machine.looks)
        session.observe(targets[:1])
        one = len(node.machine.looks) - before
        session.observe(targets)
        tables = [look for look in node.machine.looks[before + one :] if "mountinfo" in look or "table" in look]
    assert len(tables) <= 1


def test_the_store_is_asked_as_often_for_many_services_as_for_one(node):
    def statements():
        asked = []
        with node.session(write=False) as session:
            loaded = session.load()
            session.store._db.set_trace_callback(asked.append)
            session.survey(session.targets(loaded))
        return len(asked)

    node.apply()
    few = statements()
    for n in range(20):
        node.write(f"more{n}")
    node.apply()
    assert statements() == few


def test_globs(node):
    with node.session(write=False) as session:
        loaded = session.load()
        assert names(session.targets(loaded)) == ["app", "db", "web"]
        assert names(session.targets(loaded, ["w*", "db"])) == ["db", "web"]
        with pytest.raises(Unselected, match="no service 'wep'; did you mean 'web'"):
            session.targets(loaded, ["web", "wep"])


def test_a_spec_that_is_gone_is_an_orphan_and_left_alone_until_it_is_pruned(node):
    node.apply()
    (node.specs / "web.yaml").unlink()
    with node.session() as session:
        orphan = next(target for target in session.targets(session.load()) if target.name == "web")
        assert (orphan.service, orphan.gone) == (None, True)
        plan = session.plans([orphan])[0]
        assert (plan.empty, plan.changes[0].remedy) == (True, "osvc plan --prune")
    node.apply()
    assert "/mnt/web" in node.mounts()
    node.apply(policy=PRUNE)
    assert sorted(node.mounts()) == ["/mnt/app", "/mnt/db"]
    with node.session() as session:
        assert names(session.targets(session.load())) == ["app", "db"]


def test_a_spec_from_another_folder_is_no_orphan_of_this_one(node, tmp_path):
    node.apply()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o755)
    (elsewhere / "one.yaml").write_text(SPEC % "one")
    with node.session() as session:
        assert names(session.targets(session.load([str(elsewhere)]))) == ["one"]


def test_an_invalid_spec_is_not_gone(node):
    node.apply()
    node.write("web", "resources: {fs#1: {dev: tmpfs\n")
    node.write("db", "resources: {fs#1: {dev: tmpfs, mnt: relative, type: tmpfs}}\n")
    with node.session() as session:
        loaded = session.load()
        assert loaded.errors
        assert names(session.targets(loaded)) == ["app"]
        with pytest.raises(Unselected, match=r"no service 'new' is known by a valid spec → osvc validate"):
            node.write("new", "resources: {fs#1: {dev: tmpfs, mnt: relative, type: tmpfs}}\n")
            session.targets(session.load(), ["new"])


def test_pruning_more_than_half_needs_a_word_more(node):
    node.apply()
    for name in ("web", "db"):
        (node.specs / f"{name}.yaml").unlink()
    effects = node.machine.effects
    with pytest.raises(Refused, match=r"2 of 3 owned resources would go .db fs#1, web fs#1.; if that is meant, say --prune-all"):
        node.apply(policy=PRUNE)
    with node.session() as session, pytest.raises(Refused):
        session.plans(session.targets(session.load()), policy=PRUNE)
    assert node.machine.effects == effects
    node.apply(policy=PRUNE, prune_all=True)
    assert node.mounts() == ["/mnt/app"]


def test_an_empty_folder_prunes_nothing(node):
    node.apply()
    for file in node.specs.iterdir():
        file.unlink()
    with node.session() as session:
        loaded = session.load()
        assert (len(loaded.errors), session.targets(loaded)) == (1, ())
        taken_as_it_is = dataclasses.replace(loaded, errors=(), folders=(os.path.realpath(node.specs),))
        targets = session.targets(taken_as_it_is)
        assert names(targets) == ["app", "db", "web"]
        with pytest.raises(Refused, match="no spec is left"):
            session.plans(targets, policy=PRUNE)
        with pytest.raises(Refused, match="no spec is left"):
            session.converge(targets, policy=PRUNE)
    assert len(node.mounts()) == 3


def test_a_glob_does_not_get_around_the_guard(node):
    node.apply()
    for file in node.specs.iterdir():
        file.unlink()
    for name in ("web", "db"):
        node.write(name + "2")
    with node.session() as session:
        targets = [target for target in session.targets(session.load()) if target.service is None]
        with pytest.raises(Refused):
            session.plans(targets, policy=PRUNE)


def test_a_service_whose_spec_is_gone_can_be_stopped(node):
    node.apply()
    (node.specs / "web.yaml").unlink()
    with node.session() as session:
        targets = session.targets(session.load(), ["web"], aim=Aim.DOWN)
        session.set_goal(["web"], Goal(Aim.DOWN, "alice"))
        assert [result.end for result in session.converge(targets, verb="stop")] == [End.CONVERGED]
    assert sorted(node.mounts()) == ["/mnt/app", "/mnt/db"]
    with node.session() as session, pytest.raises(Refused, match=r"cannot start web: its spec .*web.yaml is gone"):
        session.targets(session.load(), ["web"], aim=Aim.UP)


def test_a_goal_is_remembered_and_left_alone(node):
    node.apply()
    with node.session() as session:
        targets = session.targets(session.load(), ["web"], aim=Aim.DOWN)
        session.set_goal(["web"], Goal(Aim.DOWN, "alice", reason="disk swap"))
        session.converge(targets, verb="stop")
    results = {result.service: result for result in node.apply()}
    assert results["web"].outcomes == ()
    assert "/mnt/web" not in node.mounts()
    assert results["web"].plan.goal.by == "alice"
    with node.session() as session:
        session.set_goal(["web"], Goal())
        session.converge(session.targets(session.load(), ["web"], aim=Aim.UP), verb="start")
    assert "/mnt/web" in node.mounts()


def test_a_claim_moves_from_one_service_to_another_in_one_run(node):
    node.apply()
    node.write("app", SPEC % "web")
    node.write("web", SPEC % "elsewhere")
    results = node.apply()
    assert [result.service for result in results] == ["db", "web", "app"]
    assert {result.end for result in results} == {End.CONVERGED}
    assert sorted(node.mounts()) == ["/mnt/db", "/mnt/elsewhere", "/mnt/web"]


DISK = "resources:\n  fs#1: {dev: /dev/sdb, mnt: /mnt/%s, type: ext4}\n"
FLAG = "resources:\n  fs#9: {type: flag}\n"


def test_one_disk_is_never_mounted_by_two_services(node):
    node.machine.add_disk("/dev/sdb", "ext4")
    node.write("web", DISK % "web")
    node.apply()
    node.write("mail", DISK % "mail")
    node.write("web", FLAG)
    with pytest.raises(Refused, match=r"mail: device /dev/sdb is held by web, as fs#1, which its spec names no more; .* --prune"):
        node.apply()
    assert sorted(node.mounts()) == ["/mnt/app", "/mnt/db", "/mnt/web"]
    assert {result.end for result in node.apply(policy=PRUNE)} == {End.CONVERGED}
    assert sorted(node.mounts()) == ["/mnt/app", "/mnt/db", "/mnt/mail"]


def test_one_disk_is_never_mounted_by_two_services_of_which_a_part_is_selected(node):
    node.machine.add_disk("/dev/sdb", "ext4")
    node.write("web", DISK % "web")
    node.apply()
    node.write("web", FLAG)
    node.write("mail", (DISK % "mail").replace("fs#1", "fs#9"))
    told = "mail: device /dev/sdb is held by web, as fs#1, which is not selected; give it too: --rid fs#1$"
    with pytest.raises(Refused, match=told):
        node.apply(policy=PRUNE, selection=Selection(("fs#9",)))
    assert sorted(node.mounts()) == ["/mnt/app", "/mnt/db", "/mnt/web"]
    assert {result.end for result in node.apply(policy=PRUNE, selection=Selection(("fs#9", "fs#1")))} == {End.CONVERGED}
    assert sorted(node.mounts()) == ["/mnt/app", "/mnt/db", "/mnt/mail"]


@pytest.mark.parametrize("back", [False, True])
def test_what_a_selection_was_to_release_and_is_up_again_by_the_time_of_its_run_is_not_taken(node, back):
    """It was not up when it was looked at, and so would have moved for the sake of what needs it."""
    for dev, number in (("/dev/sdb", "8:16"), ("/dev/sdc", "8:32")):
        node.machine.add_disk(dev, "ext4", number)
    inner = "  fs#2: {dev: tmpfs, mnt: /mnt/web/in, type: tmpfs}\n"
    node.write("web", DISK % "web")
    node.apply()
    run = FakeHost(node.machine).commands.run
    run(["umount", "/mnt/web"])
    node.write("web", DISK.replace("sdb", "sdc") % "web" + inner)
    node.write("mail", (DISK % "mail").replace("fs#1", "fs#2"))
    part = Selection(("fs#2",))
    with node.session() as session:
        targets = session.targets(session.load())
        surveys = session.survey(targets, selection=part)
        node.machine.pass_time(10)
        if back:
            run(["mount", "-t", "ext4", "/dev/sdb", "/mnt/web"])
        results = {result.service: result for result in session.converge(targets, surveys=surveys, selection=part)}
    assert results["web"].end is End.CONVERGED
    devices = {mount.target: mount.source for mount in FakeHost(node.machine).mounts.table()}
    if back:
        assert (results["mail"].end, results["mail"].outcomes) == (End.DEFERRED, ())
        assert "device /dev/sdb is held by web" in results["mail"].message
        assert devices["/mnt/web"] == "/dev/sdb" and "/mnt/mail" not in devices
    else:
        assert results["mail"].end is End.CONVERGED
        assert (devices["/mnt/web"], devices["/mnt/mail"]) == ("/dev/sdc", "/dev/sdb")


@pytest.mark.parametrize("aim", [Aim.UP, Aim.DOWN])
def test_what_is_disabled_is_not_taken_over_also_where_its_service_was_stopped(node, aim):
    node.machine.add_disk("/dev/sdb", "ext4")
    node.write("web", DISK % "web")
    node.apply()
    with node.session() as session:
        session.store.ban("web", Sort.DISABLED, ["fs#1"], Ban("alice", datetime(2026, 1, 1, tzinfo=UTC)))
        session.converge(session.targets(session.load(), ["web"], aim=aim))
        session.set_goal(["web"], Goal(aim))
    node.write("app", DISK % "app")
    node.write("web", FLAG)
    with pytest.raises(Refused, match=r"held by web, as fs#1, disabled there by alice; osvc enable web --rid fs#1"):
        node.apply(policy=PRUNE)
    with pytest.raises(Refused, match="held by web, which is not worked on here"):
        node.apply("app", policy=PRUNE)
    assert "/mnt/web" in node.mounts()


def test_what_is_another_services_by_now_is_let_go_of_and_not_removed(node):
    """As older versions left it: both own the one mount."""
    node.apply()
    with node.session() as session:
        session.store.own("app", session.store.ownership("web").owned)
    node.write("app", SPEC % "web")
    node.write("web", FLAG)
    with node.session() as session:
        plans = {plan.service: plan for plan in session.plans(session.targets(session.load()), policy=PRUNE)}
    change = plans["web"].change("fs#1")
    assert (change.verdict, change.reason) == (Verdict.RELEASE, "is app's now; stays as it is")
    results = node.apply(policy=PRUNE)
    assert {result.end for result in results} == {End.CONVERGED}
    assert [outcome.step.rid for result in results for outcome in result.outcomes] == ["fs#9"]
    assert "/mnt/web" in node.mounts()
    with node.session() as session:
        assert ("fs#1" in session.store.ownership("web").owned, "fs#1" in session.store.ownership("app").owned) == (False, True)


def test_a_locked_service_does_not_hold_up_the_others(node):
    host = FakeHost(node.machine)
    with Locks(node.config.run_dir, host.clock, verb="watch").hold("db", wait=0):
        results = {result.service: result for result in node.apply(lock_wait=0.0)}
    assert (results["db"].end, results["web"].end) == (End.LOCKED, End.CONVERGED)
    assert "osvc watch" in results["db"].message


def test_a_signal_between_two_services_begins_no_other(node):
    from reconciler.core.outcome import Ended

    with node.session() as session:
        session.crew = 1
        results = session.converge(
            session.targets(session.load()),
            on_event=lambda event: session.stop.terminate() if isinstance(event, Ended) else None,
        )
    assert [result.end for result in results] == [End.CONVERGED, End.STOPPED, End.STOPPED]
    assert node.mounts() == ["/mnt/app"]


def test_a_state_folder_that_cannot_be_written_plans_but_does_not_apply(node, monkeypatch):
    """Root may write anything: what os.access says stands in for a read-only filesystem."""
    node.apply()
    monkeypatch.setattr(os, "access", lambda path, mode: not mode & os.W_OK)
    with node.session() as session:
        targets = session.targets(session.load())
        assert all(plan.empty for plan in session.plans(targets))
        with pytest.raises(StoreError, match="it is read-only"):
            session.converge(targets)


def test_a_selection_and_a_recorded_snapshot(node):
    with node.session(write=False) as session:
        targets = session.targets(session.load(), ["web"])
        snapshot = session.observe(targets)
        looks = len(node.machine.looks)
        plan = session.plans(targets, snapshot=snapshot, selection=Selection(("container",)))[0]
        assert len(node.machine.looks) == looks
    assert [change.verdict for change in plan.changes] == [Verdict.KEEP]


def test_a_survey_says_what_a_plan_was_made_from(node):
    node.apply()
    with node.session(write=False) as session:
        survey = session.survey(session.targets(session.load(), ["web"]))[0]
    assert set(survey.observed) == {"fs#1"} == set(survey.ownership.owned)
    assert survey.target.source.endswith("web.yaml")
    assert survey.ownership.store


def test_old_runs_expire(node):
    node.apply()
    assert node.session().store.journal()
    node.machine.pass_time(91 * 86400)
    with node.session() as session:
        assert session.store.journal() == ()


def test_who_is_stopped_meanwhile_is_not_started_again(node):
    """An apply that was planned, or waited for the lock, while somebody stopped the service."""
    node.apply()
    with node.session() as late:
        targets = late.targets(late.load())
        with node.session() as session:
            session.set_goal(["web"], Goal(Aim.DOWN, "alice"))
            session.converge(session.targets(session.load(), ["web"], aim=Aim.DOWN), verb="stop")
        results = {result.service: result for result in late.converge(targets)}
    assert (results["web"].end, results["web"].message) == (End.REFUSED, "it was stopped by alice meanwhile; left alone")
    assert results["db"].end is End.CONVERGED
    assert sorted(node.mounts()) == ["/mnt/app", "/mnt/db"]


def test_what_was_not_released_is_not_taken(node):
    """web shall leave a mount point to app, and cannot."""
    node.apply()
    node.write("app", SPEC % "web")
    node.write("web", SPEC % "elsewhere")
    host = FakeHost(node.machine)
    with Locks(node.config.run_dir, host.clock, verb="watch").hold("web", wait=0):
        results = {result.service: result for result in node.apply(lock_wait=0.0)}
    assert results["web"].end is End.LOCKED
    assert (results["app"].end, results["app"].outcomes) == (End.DEFERRED, ())
    assert "mount point /mnt/web is held by web" in results["app"].message
    assert sorted(node.mounts()) == ["/mnt/app", "/mnt/db", "/mnt/web"]
    assert {result.end for result in node.apply()} == {End.CONVERGED}


def test_what_was_worked_out_from_a_run_that_is_no_longer_the_last_is_not_done(node):
    node.apply()
    with node.session() as session:
        (target,) = session.targets(session.load(), ("web",))
        last = session.store.last_run("web")
        assert last
        stale = dataclasses.replace(target, after=last[0], undoes=last[0])
        node.write("web", SPEC % "web2")
        node.apply("web")
        (result,) = session.converge((stale,))
    assert result.end is End.REFUSED and "another run of it came between" in result.message
    assert "/mnt/web2" in node.mounts() and "/mnt/web" not in node.mounts()


def test_what_lies_in_a_mount_that_came_anew_has_its_mount_point_made_again(node):
    for device in ("tmpfs", "other"):
        outer = f"resources:\n  fs#1: {{type: tmpfs, dev: {device}, mnt: /mnt/outer}}\n"
        node.write("outer", outer + "  fs#2: {type: tmpfs, dev: tmpfs, mnt: /mnt/outer/data}\n")
        assert [result.end for result in node.apply("outer")] == [End.CONVERGED]
    assert {"/mnt/outer", "/mnt/outer/data"} <= set(node.mounts())
