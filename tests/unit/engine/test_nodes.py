"""The nodes of a service: where apply brings it up, where only a start does, and where it is none of this machine's affair."""

from dataclasses import replace

import pytest

from reconciler.cli.verbs.undo import way_back
from reconciler.core.outcome import End
from reconciler.core.policy import Aim, Goal, Policy, Selection
from reconciler.core.status import Status, status_of
from reconciler.engine.errors import Refused, Unselected
from reconciler.report.plan_text import plan_text
from reconciler.resources.registry import kind_of
from tests.unit.engine.node import SPEC, Node

STANDBY = [
    ("nodes: other here\nautostart_node: other\n", "here it is started by hand: autostart_node = other"),
    ("nodes: other\ndrpnodes: here\n", "here it is started by hand: drpnodes = here"),
    ("nodes: other\ndrpnode: here.example.com\n", "here it is started by hand: drpnodes = here.example.com"),
]
ELSEWHERE = "nodes: other\n"


@pytest.fixture
def node(tmp_path):
    return Node(tmp_path, node="here")


def spec(head, mnt="web"):
    return head + SPEC % mnt


def plan_of(node, name="web", **more):
    with node.session(write=False) as session:
        (plan,) = session.plans(session.targets(session.load(), (name,)), **more)
    return plan


def pursue(node, aim, *globs, rid=()):
    """As osvc start and osvc stop do."""
    with node.session() as session:
        targets = session.targets(session.load(), globs, aim=aim)
        if not rid:
            session.set_goal([target.name for target in targets], Goal(aim))
        return session.converge(targets, verb=aim.value, selection=Selection(rid))


@pytest.mark.parametrize(
    "head", ["", "nodes: here\n", "nodes: here.example.com other\n", "nodes: other here\nautostart_node: here other\n"]
)
def test_apply_brings_it_up_where_it_belongs(node, head):
    node.write("web", spec(head))
    assert [result.end for result in node.apply()] == [End.CONVERGED]
    assert node.mounts() == ["/mnt/web"]


@pytest.mark.parametrize(("head", "reason"), STANDBY)
def test_apply_leaves_it_alone_where_it_is_started_by_hand(node, head, reason):
    node.write("web", spec(head))
    plan = plan_of(node)
    assert (plan.empty, plan.goal, plan.change("fs#1").reason) == (True, Goal(Aim.NONE, reason=reason), reason)
    assert plan_text(plan) == f"web: {reason}; left alone\n"
    (result,) = node.apply()
    assert (result.end, node.mounts(), node.machine.effects) == (End.CONVERGED, [], 0)
    with node.session() as session:
        assert (session.store.kept(), session.store.owners()) == ({}, ())


@pytest.mark.parametrize(("head", "_"), STANDBY)
def test_what_a_person_wants_goes_before_it(node, head, _):
    node.write("web", spec(head))
    assert [result.end for result in pursue(node, Aim.UP, "web")] == [End.CONVERGED]
    assert node.mounts() == ["/mnt/web"]
    node.write("web", spec(head, "web2"))
    node.apply()
    assert node.mounts() == ["/mnt/web2"], "once it was started, apply keeps it as its spec says"
    assert [result.end for result in pursue(node, Aim.DOWN, "web")] == [End.CONVERGED]
    node.apply()
    assert node.mounts() == []


def test_where_it_is_started_by_hand_what_runs_is_left_as_it_is(node):
    node.write("web", spec(""))
    node.apply()
    node.write("web", spec(STANDBY[0][0], "web2"))
    plan = plan_of(node, policy=Policy(prune=True))
    assert (plan.empty, plan.goal.aim) == (True, Aim.NONE)
    node.apply()
    assert node.mounts() == ["/mnt/web"]
    (line,) = status_of(plan, {"fs": kind_of("fs")}).resources
    assert (line.status, line.drifted) == (Status.UP, False)


def test_an_undo_of_a_first_start_stops_it_again(node):
    node.write("web", spec(STANDBY[0][0]))
    (result,) = pursue(node, Aim.UP, "web")
    with node.session(write=False) as session:
        (run,) = session.store.runs(result.run)
        assert way_back(session.store, run).goal.aim is Aim.DOWN


def test_a_partial_start_does_not_make_it_wanted(node):
    node.write("web", spec(STANDBY[0][0]))
    pursue(node, Aim.UP, "web", rid=("fs#1",))
    assert (node.mounts(), plan_of(node).goal.aim) == (["/mnt/web"], Aim.NONE)


def test_for_other_nodes_nothing_is_done_and_nothing_started(node):
    node.write("web", spec(ELSEWHERE))
    plan = plan_of(node)
    assert (plan.changes, plan_text(plan)) == ((), "web: not for this node: nodes = other; left alone\n")
    node.apply()
    assert node.machine.effects == 0
    for aim, verb in ((Aim.UP, "start"), (Aim.DOWN, "stop")):
        with pytest.raises(Refused, match=f"^cannot {verb} web: it is not for this node: nodes = other$"):
            pursue(node, aim, "web")
        with pytest.raises(Unselected):
            pursue(node, aim, "w*")


def test_what_moved_away_is_left_alone_and_can_be_stopped(node):
    node.write("web", spec("nodes: here\n"))
    node.write("db", spec("nodes: here\n", "db"))
    node.apply()
    node.write("web", spec(ELSEWHERE))
    for policy in (Policy(), Policy(prune=True)):
        plan = plan_of(node, policy=policy)
        assert (plan.empty, [change.reason for change in plan.changes]) == (True, ["not for this node: nodes = other"])
        with node.session() as session:
            session.converge(session.targets(session.load()), policy=policy)
        assert sorted(node.mounts()) == ["/mnt/db", "/mnt/web"]
    assert [result.end for result in pursue(node, Aim.DOWN, "web")] == [End.CONVERGED]
    assert node.mounts() == ["/mnt/db"]
    assert plan_of(node).goal.aim is Aim.NONE


def test_nothing_of_what_moved_away_stands_by(node):
    """It would be mounted on two nodes at once."""

    def write(name, head):
        node.write(name, spec(head, name).replace("}", ", standby: true}"))

    write("web", "")
    write("db", "")
    node.apply()
    assert sorted(node.mounts()) == ["/mnt/db", "/mnt/web"]
    write("web", ELSEWHERE)
    (node.specs / "db.yaml").unlink()
    for name in ("web", "db"):
        assert [result.end for result in pursue(node, Aim.DOWN, name)] == [End.CONVERGED]
    assert node.mounts() == []
    effects = node.machine.effects
    for name in ("web", "db"):
        pursue(node, Aim.DOWN, name)
    assert (node.mounts(), node.machine.effects) == ([], effects)


def test_what_is_left_alone_keeps_what_it_claims(node):
    node.write("web", spec("nodes: here\n"))
    node.apply()
    node.write("web", spec(ELSEWHERE))
    node.write("db", spec("", "web"))
    with node.session(write=False) as session, pytest.raises(Refused, match="is left alone here; osvc stop web first"):
        session.plans(session.targets(session.load()))


def test_a_service_of_another_environment_is_left_alone_on_a_node_for_production(tmp_path):
    node = Node(tmp_path, node="here", env="PRD")
    reason = "not for this node: the service is TST, and the node for production only (env: PRD)"
    node.write("web", spec("env: TST\n"))
    node.write("db", spec("env: PRD\n", "web"))
    node.write("own", spec("", "own"))
    assert plan_text(plan_of(node)) == f"web: {reason}; left alone\n"
    assert [result.end for result in node.apply()] == [End.CONVERGED] * 3
    assert sorted(node.mounts()) == ["/mnt/own", "/mnt/web"], "what it would take is free for others"
    with pytest.raises(Refused, match=r"^cannot start web: it is not for this node: the service is TST"):
        pursue(node, Aim.UP, "web")


def test_what_lies_behind_an_engine_that_was_never_started_is_down(node):
    text = STANDBY[0][0] + "docker_data_dir: /mnt/web/d\nresources:\n  container#1: {image: 'x:1'}\n"
    node.write("web", text)
    node.config = replace(node.config, run_dir="/r")  # the path of a socket is short
    status = status_of(plan_of(node), {name: kind_of(name) for name in ("dockerd", "container")})
    assert (status.overall, [line.status for line in status.resources]) == (Status.DOWN, [Status.DOWN] * 2)


def test_a_watch_leaves_it_alone_too(node):
    from reconciler.engine.watch import Watch

    node.write("web", spec(STANDBY[1][0]))
    node.write("db", spec(ELSEWHERE, "db"))
    with node.session() as session:
        Watch(session, (node.config.specs,), on_event=node.events.append).look()
    assert (node.machine.effects, node.events) == (0, [])


PASSIVE = """\
nodes: other
drpnodes: here
resources:
  fs#1: {dev: tmpfs, mnt: /mnt/web, type: tmpfs}
  fs#2: {dev: tmpfs, mnt: /mnt/web/in, type: tmpfs, mnt_opt: size=1m, standby@drpnodes: true}
  fs#3: {dev: tmpfs, mnt: /mnt/out, type: tmpfs, mnt_opt: size=1m}
"""


def test_where_it_is_started_by_hand_what_is_on_standby_is_up_all_the_same(node):
    node.write("web", PASSIVE)
    assert plan_text(plan_of(node)).startswith("web: nothing is interrupted; 2 created; data at risk: none\n")
    assert [result.end for result in node.apply()] == [End.CONVERGED]
    assert sorted(node.mounts()) == ["/mnt/web", "/mnt/web/in"]
    assert plan_text(plan_of(node)) == "web: here it is started by hand: drpnodes = here; left alone\n"
    status = status_of(plan_of(node), {"fs": kind_of("fs")})
    found = {line.rid: line.status for line in status.resources}
    assert found == {"fs#1": Status.STDBY_UP, "fs#2": Status.STDBY_UP, "fs#3": Status.DOWN}

    assert [result.end for result in pursue(node, Aim.UP, "web")] == [End.CONVERGED]
    assert sorted(node.mounts()) == ["/mnt/out", "/mnt/web", "/mnt/web/in"]


def test_what_is_left_alone_beside_what_is_on_standby_is_not_taken_for_applied(node):
    node.write("web", PASSIVE)
    pursue(node, Aim.UP, "web")
    with node.session() as session:
        session.store.drop("web")
        before = session.store.ownership("web").owned["fs#3"]
    node.write("web", PASSIVE.replace("size=1m", "size=2m"))
    node.apply()
    with node.session() as session:
        owned = session.store.ownership("web").owned
    assert (owned["fs#3"], owned["fs#2"].applied.mnt_opt) == (before, ("size=2048k",))
