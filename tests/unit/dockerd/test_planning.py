"""What the planner is told of engines: every verdict's moves, simulated, and undone."""

from dataclasses import replace

import pytest

from reconciler.core.action import BARRIER, Effect
from reconciler.core.change import Verdict
from reconciler.core.diff import diff_down, diff_up
from reconciler.core.facts import Bond, Fact, Kind
from reconciler.core.node import SYSTEM_SOCKET, Node, Place
from reconciler.core.observed import Absent, Present
from reconciler.core.ownership import Owned
from reconciler.core.policy import Policy
from reconciler.resources import firewall
from reconciler.resources.dockerd.action import state_of
from reconciler.resources.dockerd.actions import StartDaemon
from reconciler.resources.dockerd.model import Around, Desired
from reconciler.resources.dockerd.planning import KIND

UUID = "0b3c3f0e-6d1b-4c53-9d53-0d2f6d2d2f10"
NEW = Absent(Around(data_root="missing", taken=("192.0.2.0/24",)))


def engine(**raw):
    place = Place("web", "dockerd", Node(name="n1", run_dir="/run/osvc"))
    return Desired.model_validate({"container_data_dir": "/srv/d", **raw}, context=place)


def up(seen, owned=None, force=(), **raw):
    return diff_up(KIND, "dockerd", engine(**raw), seen, owned, Policy(force=frozenset(force)))


def down(seen, owned=None):
    return diff_down(KIND, "dockerd", engine(), seen, owned, remove=False)


def steps(change):
    moves = KIND.moves(change)
    return (*moves.prepare, *moves.down, *moves.live, *moves.up, *moves.commit)


def ops(change):
    return [action.op for action in steps(change)]


def done(change, seen):
    """What is seen after the change's moves, each of which is shown by what comes of it."""
    for action in steps(change):
        seen = action.after(seen)
        assert action.shown(seen), action.op
    return seen


def running(**update):
    """A running engine, and that the store knows it."""
    seen = done(up(NEW), NEW)
    around = seen.around.model_copy(update={"marker": UUID, "known_marker": UUID})
    return Present(seen.state.model_copy(update=update), around), owned()


def owned():
    settled = KIND.settle(engine(), None, NEW.around)[0]
    return Owned("dockerd", settled, settled)


def test_a_new_engine_is_made_in_order_and_then_as_wanted():
    change = up(NEW)
    assert change.verdict is Verdict.CREATE
    assert ops(change) == ["mkdir", "mark", "configure", "bridge", "firewall", "forward", "containerd", "start"]
    seen = done(change, NEW)
    again = up(seen, owned())
    assert again.verdict is Verdict.KEEP, again.fields


def test_undoing_a_start_leads_back_to_nothing():
    seen, trail = NEW, []
    for action in steps(up(NEW)):
        before, seen = seen, action.after(seen)
        trail.append((action, before))
    for action, before in reversed(trail):
        for back in action.undo(before):
            seen = back.after(seen)
            assert back.shown(seen), back.op
    assert isinstance(seen, Absent)
    assert seen.around.forwarding is False


def test_config_files_that_were_written_into_a_folder_that_was_there_are_removed_again():
    folder = Present(state_of(NEW).model_copy(update={"folders": True}), NEW.around)
    write = next(action for action in steps(up(folder)) if action.op == "configure")
    after = write.after(folder)
    (back,) = write.undo(folder)
    assert not back.shown(after)
    assert back.after(after) == folder and back.shown(folder)


def test_a_stop_takes_what_its_networks_left_in_the_firewall_and_their_bridges_along():
    seen, store = running()
    chain = firewall.chain(seen.state.rules[0].split()[2].removeprefix("OSVC-"), "89ef0000")
    inner = firewall.way_out(chain, "osvc-89ef0000", "10.7.1.0/24", "web/network#lan")
    seen = Present(seen.state.model_copy(update={"inner_rules": inner, "inner_bridges": ("osvc-89ef0000",)}), seen.around)
    change = down(seen, store)
    unbridge, unfirewall = KIND.moves(change).down[3:5]
    assert unbridge.says().endswith(" osvc-89ef0000") and len(unfirewall.found) == 18
    assert isinstance(done(change, seen), Absent)
    left = unfirewall.after(seen)
    (again,) = unfirewall.undo(seen)
    assert unfirewall.shown(left) and not again.shown(left)
    back = again.after(left)
    assert again.shown(back) and set(back.state.inner_rules) == set(inner) and back.state.rules == seen.state.rules
    only = Present(type(seen.state)(private=True, inner_rules=inner), seen.around)
    assert ops(down(only, store)) == ["unfirewall", "unforward", "rmdir"], "a crash after the bridges were removed"


def test_a_stop_takes_everything_down_in_order():
    seen, store = running()
    change = down(seen, store)
    assert ops(change) == ["stop", "stop-containerd", "clear", "unbridge", "unfirewall", "unforward", "rmdir"]
    after = done(change, seen)
    assert isinstance(after, Absent)
    assert after.around.known_marker == UUID
    assert down(after, store).verdict is Verdict.KEEP


def test_an_absent_engine_has_nothing_to_stop():
    assert steps(down(NEW)) == ()


def test_strays_are_listed_and_stopped_first():
    seen, store = running(strays=("debug", "shell"))
    change = down(seen, store)
    first = steps(change)[0]
    assert first.op == "stop-strays" and first.costs is Effect.DISRUPTIVE
    assert first.says() == "stop containers that were started by hand: debug, shell"
    assert first.command() == "docker -H unix:///run/osvc/web/docker.sock stop debug shell"
    assert first.undo(seen) is BARRIER


@pytest.mark.parametrize(
    ("update", "fields", "verdict", "expected"),
    [
        ({"bridge_up": False}, ["bridge_up"], Verdict.LIVE, ["bridge"]),
        ({"rules": ()}, ["rules"], Verdict.LIVE, ["firewall"]),
        ({"docker_socket_group": "staff"}, ["docker_socket_group"], Verdict.LIVE, ["share"]),
        ({"socket_mode": "0666", "folder_mode": "0755"}, ["socket_mode", "folder_mode"], Verdict.LIVE, ["share"]),
        ({"forwarding": False}, ["forwarding"], Verdict.LIVE, ["forward"]),
        ({"containerd": False}, ["containerd"], Verdict.LIVE, ["containerd"]),
        ({"loaded": False, "disk": {}}, ["loaded"], Verdict.LIVE, ["configure", "reload"]),
        ({"loaded": False}, ["loaded"], Verdict.LIVE, ["reload"]),
        ({"settings": {"live-restore": True, "debug": True}}, ["settings.debug"], Verdict.LIVE, ["reload"]),
        ({"docker_daemon_args": ("--ip=1.2.3.4",)}, ["docker_daemon_args"], Verdict.RESTART, ["stop", "mkdir", "start"]),
    ],
)
def test_drift_takes_the_smallest_moves(update, fields, verdict, expected):
    seen, store = running(**update)
    change = up(seen, store)
    assert [field.path for field in change.fields] == fields
    assert change.verdict is verdict
    assert ops(change) == expected
    assert not KIND.releases(change.desired, change)
    after = done(change, seen)
    assert up(after, store).verdict is Verdict.KEEP, up(after, store).fields


def test_another_group_is_given_the_socket_and_its_folder_live_and_taken_it_again():
    seen, store = running()
    change = up(seen, store, docker_socket_group="team")
    assert change.verdict is Verdict.LIVE and ops(change) == ["share"]
    (share,) = steps(change)
    assert share.command() == "chgrp -- team /run/osvc/web && chgrp -- team /run/osvc/web/docker.sock"
    after = done(change, seen)
    assert up(after, store, docker_socket_group="team").verdict is Verdict.KEEP
    (back,) = share.undo(seen)
    assert back.after(after) == seen and back.says() == "let only root use /run/osvc/web/docker.sock"
    assert [field.path for field in up(after, store).fields] == ["docker_socket_group", "folder_group"], "taken out of the spec"


def test_an_engine_that_comes_up_has_its_folder_shared_before_it_listens():
    change = up(NEW, docker_socket_group="team")
    assert ops(change)[:2] == ["mkdir", "share"] and ops(change)[-1] == "start"
    assert steps(change)[1].command() == "chgrp -- team /run/osvc/web"
    seen = done(change, NEW)
    assert up(seen, owned(), docker_socket_group="team").verdict is Verdict.KEEP
    assert isinstance(done(down(seen), seen), Absent)


def test_a_group_that_is_not_there_is_refused_and_so_it_is_for_an_engine_that_runs():
    for seen in (NEW, running()[0]):
        seen = replace(seen, around=seen.around.model_copy(update={"no_group": "team"}))
        change = up(seen, owned(), docker_socket_group="team")
        assert change.verdict is Verdict.REFUSE and "groupadd --system team" in change.remedy
        assert up(seen, owned()).verdict is not Verdict.REFUSE, "it was seen for a spec that asked for it"


@pytest.mark.parametrize("update", [{"data_root_in_place": False}, {"bridge_there": False, "bridge_up": False, "subnet": ""}])
def test_what_a_live_restore_cannot_mend_takes_the_containers_down(update):
    seen, store = running(**update)
    change = up(seen, store)
    assert change.verdict is Verdict.RESTART
    assert KIND.releases(change.desired, change)
    assert "stop-containerd" in ops(change)
    assert up(done(change, seen), store).verdict is Verdict.KEEP


def test_a_restart_from_below_takes_the_containers_down():
    """The filesystem under the data root moves: no field of the engine differs, or only what is mended live."""
    for update in ({}, {"rules": ()}):
        seen, store = running(**update)
        change = up(seen, store)._replace(verdict=Verdict.RESTART, reason="fs#1 moves")
        assert KIND.releases(change.desired, change)
        names = ops(change)
        assert names.index("stop-containerd") < names.index("containerd") < names.index("start")
        assert up(done(change, seen), store).verdict is Verdict.KEEP


def test_a_restart_without_live_restore_takes_the_containers_down():
    seen, store = running(settings={"live-restore": False}, docker_daemon_args=("--ip=1.2.3.4",))
    change = up(seen, store)
    assert change.verdict is Verdict.RESTART and KIND.releases(change.desired, change)


def test_a_dead_engine_is_started_and_its_containers_live_on():
    seen, store = running(running=False, answers=False, stale=("/run/osvc/web/docker.sock",), shims=("aa",), mounts=("/m",))
    change = up(seen, store)
    assert change.verdict is Verdict.START and "1 of its containers live on" in change.reason
    assert ops(change) == ["mkdir", "start"], "its containers use the mounts, and its socket goes when it is started"
    start = steps(change)[-1]
    assert start.costs is Effect.SAFE and start.marker == UUID
    assert start.command().startswith("rm -f /run/osvc/web/docker.sock && "), "and the plan says so"


def test_a_start_without_live_restore_says_what_it_kills():
    seen, store = running(running=False, answers=False, shims=("aa", "bb"))
    change = up(seen, store, docker_daemon_args="--live-restore=false")
    start = steps(change)[-1]
    assert isinstance(start, StartDaemon)
    assert start.costs is Effect.DISRUPTIVE and "this kills 2 containers" in start.says()


def test_a_dead_engine_with_live_containers_is_started_to_be_stopped():
    seen, store = running(running=False, answers=False, containerd=False, shims=("aa",))
    names = ops(down(seen, store))
    assert names.index("start") < names.index("stop") < names.index("stop-containerd")
    assert isinstance(done(down(seen, store), seen), Absent)


def test_a_daemon_whose_socket_is_gone_is_ended_first():
    seen, store = running(answers=False)
    change = up(seen, store)
    assert change.verdict is Verdict.START
    assert ops(change)[0] == "stop" and ops(change)[-1] == "start"


def test_another_data_root_is_refused():
    seen, store = running()
    change = up(seen, store, container_data_dir="/srv/other")
    assert change.verdict is Verdict.REFUSE and change.fields[0].path == "container_data_dir"
    stopped = Absent(Around(data_root="missing", known_marker=UUID, known_data_root="/srv/d"))
    change = up(stopped, store, container_data_dir="/srv/other")
    assert change.verdict is Verdict.REFUSE and "the data root moves from /srv/d to /srv/other" in change.reason
    moved = Absent(Around(data_root="used", marker=UUID, known_marker=UUID, known_data_root="/srv/d"))
    assert up(moved, store, container_data_dir="/srv/other").verdict is Verdict.CREATE


@pytest.mark.parametrize("marker", ["", "11111111-1111-4111-8111-111111111111"])
def test_a_data_root_without_its_marker_is_never_started_on(marker):
    bare = Absent(Around(data_root="empty", marker=marker, known_marker=UUID, known_data_root="/srv/d"))
    change = up(bare, owned())
    assert change.verdict is Verdict.REFUSE and "lost its filesystem?" in change.reason and change.remedy
    forced = up(bare, owned(), force=["data-root"])
    assert forced.verdict is Verdict.CREATE
    assert steps(forced)[-1].marker == marker


def test_a_data_root_that_was_in_use_is_adopted_with_the_reason_shown():
    change = up(Absent(Around(data_root="used", storage=("overlay2",))))
    mark = next(action for action in steps(change) if action.op == "mark")
    assert "has been in use, and is adopted" in mark.says()
    known = up(Absent(Around(data_root="used", marker=UUID)))
    assert "mark" not in ops(known)


@pytest.mark.parametrize(
    ("storage", "args"),
    [(("overlay2",), "--storage-driver vfs"), (("overlay2",), "--userns-remap default"), (("165536.165536",), "")],
)
def test_what_makes_everything_look_absent_is_refused(storage, args):
    change = up(Absent(Around(data_root="used", marker=UUID, storage=storage)), docker_daemon_args=args)
    assert change.verdict is Verdict.REFUSE and "look absent" in change.reason
    fresh = up(Absent(Around(data_root="empty")), docker_daemon_args=args)
    assert fresh.verdict is Verdict.CREATE


def test_missing_programs_foreign_daemons_and_full_pools_are_refused():
    assert "apt-get install --no-remove docker.io" in up(Absent(Around(missing=("dockerd",)))).remedy
    assert "pid 7" in up(Absent(Around(foreign="pid 7 dockerd on /x"))).reason
    assert "no free subnet" in up(Absent(Around(taken=("10.0.0.0/8",)))).reason


def test_the_subnet_stays_what_the_bridge_has():
    seen, _ = running()
    taken = seen.around.model_copy(update={"taken": (seen.state.subnet,)})
    want, _ = KIND.settle(engine(), seen.state, taken)
    assert want.subnet == seen.state.subnet
    assert KIND.settle(want, seen.state, taken)[0] == want


def test_needs_facts_and_claims():
    desired = engine()
    (need,) = KIND.needs(desired)
    assert need.fact == Fact(Kind.PATH, "/srv/d") and need.bond is Bond.HOLD
    assert KIND.provides(desired) == (Fact(Kind.ENGINE, "/run/osvc/web/docker.sock"),)
    assert KIND.claims(desired)[0].key == "/srv/d"


def test_the_system_engine_is_only_looked_at():
    desired = Desired.model_validate({}, context=Place("web", "dockerd", Node(name="n1")))
    gone = Absent(Around())
    change = diff_up(KIND, "dockerd", desired, gone, None, Policy())
    assert change.verdict is Verdict.REFUSE and SYSTEM_SOCKET in change.reason and "systemctl start docker" in change.remedy
    assert diff_down(KIND, "dockerd", desired, gone, None, remove=False).verdict is Verdict.KEEP
    there = Present(state_of(gone).model_copy(update={"private": False, "running": True, "answers": True}), Around())
    assert diff_up(KIND, "dockerd", desired, there, None, Policy()).verdict is Verdict.KEEP
    for verdict in (diff_down(KIND, "dockerd", desired, there, Owned("dockerd", desired, desired), remove=False),):
        assert steps(verdict) == ()


def test_it_is_implied_by_containers_and_data_dirs():
    assert KIND.implied({}, {"container", "fs"}) and KIND.implied({"docker_data_dir": "/x"}, ())
    assert not KIND.implied({}, {"fs"})
    assert not KIND.implied({"docker_data_dir": "/x", "docker_daemon_private": "false"}, ())


def test_actions_survive_json_and_print_commands():
    for change in (up(NEW), down(*running())):
        for action in steps(change):
            assert type(action).model_validate_json(action.model_dump_json()) == action
            assert action.command() and action.says()


def test_a_daemon_without_its_containerd_gets_it_back_before_it_stops_its_containers():
    seen, store = running(containerd=False, shims=("aa",))
    change = down(seen, store)
    assert [action.op for action in KIND.moves(change).prepare] == ["containerd"]
    assert isinstance(done(change, seen), Absent)
    idle, store = running(containerd=False)
    assert not KIND.moves(down(idle, store)).prepare, "nothing lives that would have to be stopped"


def test_a_dead_engine_that_is_started_to_be_stopped_stops_what_a_person_started_in_it():
    seen, store = running(running=False, answers=False, containerd=False, shims=("aa",), strays=("debug",))
    names = ops(down(seen, store))
    assert names.index("start") < names.index("stop-strays") < names.index("stop")


@pytest.mark.parametrize("verdict", [Verdict.CREATE, Verdict.START, Verdict.LIVE])
def test_an_engine_that_comes_up_takes_no_container_down(verdict):
    change = up(running()[0])._replace(verdict=verdict)
    assert not KIND.releases(change.desired, change)
