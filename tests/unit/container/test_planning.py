"""Which actions each verdict takes, and what they come to. Every sequence is simulated, and undone."""

import pytest

from reconciler.core.action import BARRIER, Effect
from reconciler.core.change import Cause, Change, Verdict
from reconciler.core.diff import diff_down, diff_up
from reconciler.core.observed import Absent, Present
from reconciler.core.ownership import Owned
from reconciler.core.policy import Policy
from reconciler.resources.container.model import Around, Container, Held, ImageFacts, State, assemble, pieces
from reconciler.resources.container.normal import expected
from reconciler.resources.container.planning import KIND
from tests.unit.container.bench import ACTS, desired, steps

FACTS = ImageFacts(
    id="sha256:" + "a" * 64,
    command=("sh",),
    environment={"PATH": "/bin", "REVISION": "1"},
    labels={"made": "here"},
    settings={"workdir": "/"},
)
OTHER = ImageFacts(id="sha256:" + "b" * 64)
NAME = "web.container.1"


def made(want, name=NAME, facts=FACTS, **fields) -> Container:
    return expected(KIND.settle(want, None, Around(image=facts))[0], name, facts).model_copy(update={"status": "running", **fields})


def seen(want, *found, facts=FACTS, **around):
    return assemble(found, want.name, want.socket, Around(image=facts, cpus=4, **around))


def planned(want, before, applied=None) -> Change:
    owned = Owned("container", applied, applied) if applied else None
    return diff_up(KIND, "container#1", want, before, owned, Policy())


def run(change: Change):
    """The state after the change, and with it the observation before each action."""
    now, trail = change.seen, []
    for action in steps(change):
        trail.append((action, now))
        assert action.blind or not action.shown(now) or action.op in ("pull", "load"), f"{action.says()} is there already"
        now = action.after(now)
        assert action.shown(now), action.says()
    return now, trail


def check(want, before, *, verdict, does, undo=True):
    """The change has this verdict and these actions; it leads to what is wanted, and its undoing back again."""
    change = planned(want, before)
    assert change.verdict is verdict, change
    after, trail = run(change)
    assert [action.says() for action, _ in trail] == does
    assert planned(want, after).verdict in (Verdict.KEEP, Verdict.ADOPT), planned(want, after)
    for action, was in reversed(trail):
        undoing = action.undo(was)
        if undoing is BARRIER:
            assert not undo
            break
        for back in undoing:
            after = back.after(after)
        assert pieces_of(after) == pieces_of(was), action.says()
    return change


def pieces_of(found):
    """What matters of each container; one that ended and one that never ran are both not running."""
    return sorted((one.name, one.alive and one.status, one.image, one.restart_policy, one.memory) for one in pieces(found))


def test_create():
    want = desired()
    check(want, seen(want), verdict=Verdict.CREATE, does=[f"create {NAME} from osvc/demo:1", f"start {NAME}"])
    check(
        want,
        seen(want, facts=None),
        verdict=Verdict.CREATE,
        does=["pull osvc/demo:1", f"create {NAME} from osvc/demo:1", f"start {NAME}"],
    )
    archived = desired(image_archive="/srv/demo.tar")
    check(
        archived,
        seen(archived, facts=None),
        verdict=Verdict.CREATE,
        does=["load osvc/demo:1 from /srv/demo.tar", f"create {NAME} from osvc/demo:1", f"start {NAME}"],
    )
    always = desired(image_pull_policy="always")
    change = planned(always, seen(always))
    assert [action.op for action in steps(change)] == ["pull", "create", "start"]


def test_an_image_named_by_its_id_is_never_pulled():
    want = desired(image=FACTS.id)
    change = planned(want, seen(want, facts=None))
    assert [action.op for action in steps(change)] == ["create", "start"]


def test_start_and_unpause():
    want = desired()
    check(want, seen(want, made(want, status="exited")), verdict=Verdict.START, does=[f"start {NAME}"])
    check(want, seen(want, made(want, status="paused")), verdict=Verdict.START, does=[f"unpause {NAME}"])
    more = desired(memory="64m")
    check(
        more, seen(more, made(want, status="exited")), verdict=Verdict.START, does=[f"update {NAME}: memory 64m", f"start {NAME}"]
    )


def test_a_container_that_was_paused_is_paused_again_by_undoing():
    want, old = desired(), desired(command="sleep 2000")
    change = planned(want, seen(want, made(old, status="paused")))
    stop, was = next((action, was) for action, was in run(change)[1] if action.op == "stop")
    assert [back.says() for back in stop.undo(was)] == [f"start {NAME}", f"pause {NAME}"]


def test_swap_that_was_set_by_hand_comes_back_by_undoing():
    want, old = desired(memory="128m"), desired(memory="64m")
    before = seen(want, made(old, memory_swap=100 << 20))
    (update,) = steps(planned(want, before))
    (back,) = update.undo(before)
    assert back.words()[1:5] == ("--memory", "64m", "--memory-swap", "100m")
    found = pieces(back.after(update.after(before)))[0]
    assert (found.memory, found.memory_swap) == (64 << 20, 100 << 20)


def test_restart():
    want = desired()
    change = check(
        want, seen(want, made(want, health="unhealthy")), verdict=Verdict.RESTART, does=[f"stop {NAME}", f"start {NAME}"]
    )
    assert [field.path for field in change.fields] == ["health"]


def test_update_in_place():
    old = desired(memory="64m", cpus=2)
    for want, does in (
        (desired(memory="256m", cpus=2), "memory 256m"),
        (desired(memory="64m"), "cpus without limit"),
        (desired(cpus=2), "memory without limit"),
        (desired(memory="64m", cpus=2, restart_policy="on-failure:3"), "restart policy on-failure:3"),
        (desired(memory="1g", cpus=1), "memory 1g, cpus 1"),
    ):
        check(want, seen(want, made(old)), verdict=Verdict.LIVE, does=[f"update {NAME}: {does}"])
    change = planned(desired(memory="256m", cpus=2), seen(old, made(old)))
    assert "update --memory 256m --memory-swap 512m" in steps(change)[0].command()


def test_swap_that_was_changed_by_hand_is_set_again():
    want = desired(memory="64m")
    check(want, seen(want, made(want, memory_swap=64 << 20)), verdict=Verdict.LIVE, does=[f"update {NAME}: memory 64m"])


def test_a_limit_of_all_processors_is_none():
    want = desired(cpus=4)
    assert planned(want, seen(want, made(desired()))).verdict is Verdict.ADOPT


def test_renamed_by_hand():
    want = desired()
    check(want, seen(want, made(want, name="foo")), verdict=Verdict.LIVE, does=[f"rename foo to {NAME}"])


REPLACED = [
    f"create {NAME}.osvc-new from osvc/demo:1",
    f"stop {NAME}",
    f"rename {NAME} to {NAME}.osvc-old",
    f"rename {NAME}.osvc-new to {NAME}",
    f"start {NAME}",
    f"remove {NAME}.osvc-old",
]


@pytest.mark.parametrize(
    "keywords",
    [
        {"command": "sleep 1"},
        {"entrypoint": "sleep", "command": "1000"},
        {"environment": "A=b"},
        {"environment": "REVISION=2"},
        {"volume_mounts": "/srv:/srv"},
        {"ports": "8080:80"},
        {"network": "host"},
        {"user": "1"},
        {"hostname": "h1"},
        {"workdir": "/srv"},
        {"tty": True},
        {"interactive": True},
        {"privileged": True},
        {"read_only": True},
        {"labels": "a=b"},
    ],
)
def test_replace_stops_first(keywords):
    old, want = desired(), desired(**keywords)
    change = check(want, seen(want, made(old)), verdict=Verdict.REPLACE, does=REPLACED, undo=False)
    assert {field.path.partition(".")[0] for field in change.fields} <= {*keywords, "command"}
    moves = KIND.moves(change)
    assert [action.costs for action in moves.down] == [Effect.DISRUPTIVE]
    assert [action.op for action in moves.commit] == ["remove"]


def test_replacing_is_undone_up_to_its_commit():
    old, want = desired(restart_policy="unless-stopped"), desired(restart_policy="unless-stopped", command="sleep 1")
    change = planned(want, seen(want, made(old)))
    now, trail = run(change)
    assert trail[2][0].says() == f"update {NAME}: restart policy no"
    last, was = trail.pop()
    assert last.undo(was) is BARRIER
    now = was
    for action, was in reversed(trail):
        for back in action.undo(was):
            now = back.after(now)
    assert pieces_of(now) == pieces_of(change.seen)


def test_another_image_and_a_moved_tag():
    want = desired()
    moved = planned(want, seen(want, made(want), facts=OTHER))
    assert moved.verdict is Verdict.REPLACE and "image" in {field.path for field in moved.fields}
    field = next(field for field in moved.fields if field.path == "image")
    assert (field.before, field.after) == ("aaaaaaaaaaaa@osvc/demo:1", "osvc/demo:1")
    assert [field.path for field in moved.fields] == ["image"], "defaults of the two images are no differences"
    newer = desired(image="osvc/demo:2")
    assert planned(newer, seen(newer, made(want), facts=None)).verdict is Verdict.REPLACE
    alias = desired(image="docker.io/osvc/demo:1")
    assert planned(alias, seen(alias, made(want))).verdict is Verdict.ADOPT, "another name of the same image"


def test_an_image_whose_name_is_gone_from_the_engine_is_still_the_same():
    want = desired()
    assert planned(want, seen(want, made(want), facts=None)).verdict is Verdict.ADOPT
    by_id = desired(image="a" * 12)
    assert planned(by_id, seen(by_id, made(want), facts=None)).verdict is Verdict.ADOPT


def test_what_the_image_says_already_is_no_difference():
    want = desired(environment="PATH=/bin", labels="made=here", workdir="/", command="sh")
    bare = made(desired(command=""))
    assert planned(want, seen(want, bare)).verdict is Verdict.ADOPT
    unknown = bare.model_copy(update={"based": False, "environment": FACTS.environment, "command": ("sh",), "workdir": "/"})
    assert planned(desired(command=""), seen(want, unknown, facts=None)).verdict is Verdict.ADOPT


def test_a_field_that_leaves_the_spec_returns_to_its_default():
    applied, want = desired(environment="A=b", memory="64m"), desired()
    change = planned(want, seen(want, made(applied)), applied)
    assert {(field.path, field.cause) for field in change.fields} == {("environment.A", Cause.SPEC), ("memory", Cause.SPEC)}


def test_settling_twice_changes_nothing():
    want = desired(environment="PATH=/bin B=c", entrypoint="", command="sh", cpus=9, workdir="/")
    for facts in (FACTS, OTHER, None):
        for found in (made(want), made(want, name="foo", status="exited", based=False), made(desired(), facts=OTHER)):
            before = seen(want, found, made(want, name=f"{NAME}.osvc-old"), facts=facts)
            once = KIND.settle(want, before.state, before.around)
            assert KIND.settle(*once, before.around) == once


def test_the_old_and_the_new_of_an_interrupted_replacement():
    """After a crash between any two steps of a replacement, planning again leads to the same end, and so does the old spec."""
    old, want = desired(), desired(command="sleep 1")
    change = planned(want, seen(want, made(old)))
    now = change.seen
    for action in (None, *steps(change)):
        now = action.after(now) if action else now
        for spec in (want, old):
            state, rounds = now, 0
            while (again := planned(spec, state)).verdict in ACTS:
                state, rounds = run(again)[0], rounds + 1
                assert rounds < 3
            assert pieces_of(state) == [(NAME, "running", "osvc/demo:1", "no", 0)]
            assert planned(spec, state).verdict is Verdict.ADOPT


def test_a_leftover_that_runs_is_stopped_before_it_is_removed():
    want = desired()
    twin = made(want, name="twin")
    check(want, seen(want, made(want), twin), verdict=Verdict.LIVE, does=["stop twin", "remove twin"], undo=False)


def test_a_container_left_on_another_engine_stops_before_the_new_one_starts():
    want = desired()
    stray = made(want, socket="/run/osvc/web/docker.sock")
    change = check(
        want,
        seen(want, stray),
        verdict=Verdict.CREATE,
        does=[f"create {NAME} from osvc/demo:1", f"stop {NAME}", f"start {NAME}", f"remove {NAME}"],
        undo=False,
    )
    assert [action.command().split()[2] for action in steps(change)] == [
        "unix:///var/run/docker.sock",
        "unix:///run/osvc/web/docker.sock",
        "unix:///var/run/docker.sock",
        "unix:///run/osvc/web/docker.sock",
    ]


def test_a_dead_container_makes_way():
    want = desired()
    check(
        want,
        seen(want, made(want, status="dead")),
        verdict=Verdict.CREATE,
        does=[f"remove {NAME}", f"create {NAME} from osvc/demo:1", f"start {NAME}"],
        undo=False,
    )


def test_stop_and_remove():
    want = desired()
    running = seen(want, made(want), made(want, name=f"{NAME}.osvc-old", status="exited"))
    stop = diff_down(KIND, "container#1", want, running, Owned("container", want, want), remove=False)
    assert [action.says() for action in steps(stop)] == [f"stop {NAME}"]
    gone = diff_down(KIND, "container#1", want, running, Owned("container", want, want), remove=True)
    assert [action.says() for action in steps(gone)] == [f"stop {NAME}", f"remove {NAME}", f"remove {NAME}.osvc-old"]
    assert isinstance(run(gone)[0], Absent)
    still = diff_down(KIND, "container#1", want, run(stop)[0], Owned("container", want, want), remove=False)
    assert steps(still) == []


def test_no_action_removes_volumes_or_uses_force():
    want = desired(volume_mounts="data:/data")
    for change in (
        planned(desired(command="sleep 1"), seen(want, made(want))),
        diff_down(KIND, "container#1", want, seen(want, made(want)), None, remove=True),
    ):
        for action in steps(change):
            assert not {"-v", "-f", "--volumes", "--force"} & set(action.command().split()), action.command()


def test_objections():
    want = desired(ports="8080:80")
    taken = planned(want, seen(want, holder=Held(what=NAME, by="container 0123456789ab of nginx")))
    assert (taken.verdict, taken.reason) == (
        Verdict.REFUSE,
        f"the name {NAME} is taken by container 0123456789ab of nginx, not ours",
    )
    port = planned(want, seen(want, ports=(Held(what="8080", by="pid 812 nginx"),)))
    assert (port.verdict, port.reason) == (Verdict.REFUSE, "port 8080 is held by pid 812 nginx, not ours")
    assert planned(want, seen(want, made(want), ports=(Held(what="8080", by="x"),))).verdict is Verdict.ADOPT


def test_evidence_says_what_happened():
    want = desired()
    dead = made(want, status="exited", exit_code=137, out_of_memory=True, memory=64 << 20, ended_at="2026-01-05T03:12:44Z")
    assert planned(want, seen(want, dead)).reason == "died 03:12:44, exit 137, out of memory at 64m"
    assert planned(want, seen(want, made(want, status="paused"))).reason == "paused"


def test_the_create_command_can_be_pasted():
    want = desired(
        environment="A=b DB_TOKEN=x",
        volume_mounts="/a:/b:ro data:/c",
        ports="80:80",
        user="1",
        tty=True,
        cpus=0.5,
        entrypoint="e f",
    )
    assert steps(planned(want, seen(want)))[0].command() == (
        "docker -H unix:///var/run/docker.sock create --name web.container.1"
        " --label osvc.service=web --label 'osvc.rid=container#1' -e A=b -e DB_TOKEN"
        " --mount type=bind,source=/a,target=/b,readonly --mount type=volume,source=data,target=/c -p 80:80/tcp"
        " --user 1 --tty --cpus 0.5 --entrypoint e osvc/demo:1 f sleep 1000"
    )


def test_after_only_ever_gives_what_can_be_observed():
    want = desired()
    now, _ = run(planned(want, seen(want)))
    assert isinstance(now, Present) and isinstance(now.state, State)
    assert State.model_validate_json(now.state.model_dump_json()) == now.state


def test_what_runs_is_stopped_and_brought_back_within_the_times_it_was_made_with():
    old = desired(stop_timeout=90, start_timeout=300)
    want = desired(command="sleep 1", stop_timeout=1, start_timeout=2)
    before = seen(want, made(old))
    change = planned(want, before, old)
    stop = next(action for action in steps(change) if action.op == "stop")
    assert stop.timeout == 90
    (back,) = stop.undo(before)
    assert (back.timeout, back.stop_timeout, back.awaited) == (300, 90, True)
    start, was = next((action, was) for action, was in run(change)[1] if action.op == "start")
    assert start.timeout == 2
    assert [action.timeout for action in start.undo(was)] == [1], "the new one's own"
    unknown = next(action for action in steps(planned(want, before)) if action.op == "stop")
    assert unknown.timeout == 1, "nothing is known of how it was made"


@pytest.mark.parametrize("fields", [{"health": "unhealthy"}, {"status": "restarting", "restarts": 4}])
def test_what_did_not_run_well_is_brought_back_and_not_waited_for(fields):
    old, want = desired(), desired(command="sleep 1")
    before = seen(want, made(old, **fields))
    stop = next(action for action in steps(planned(want, before, old)) if action.op == "stop")
    (back,) = stop.undo(before)
    assert not back.awaited and back.shown(seen(want, made(old, status="restarting")))


def test_what_its_policy_would_hide_is_looked_at_before_the_old_one_goes():
    want = desired(restart_policy="on-failure", command="sleep 1")
    ops = [action.op for action in steps(planned(want, seen(want, made(desired()))))]
    assert ops[-3:] == ["start", "prove", "remove"]
    assert [action.op for action in steps(planned(want, seen(want)))][-1] == "prove"
    assert "prove" not in [action.op for action in steps(planned(desired(), seen(desired())))]


OLD = f"{NAME}.osvc-old"


NEW = f"{NAME}.osvc-new"
BRIEF = {"status": "exited", "started_at": "2026-01-01T00:00:00Z", "ended_at": "2026-01-01T00:00:09Z"}
LONG = {"status": "exited", "started_at": "2026-01-01T00:00:00Z", "ended_at": "2026-01-01T00:00:10Z"}


@pytest.mark.parametrize(
    ("found", "does", "stays"),
    [
        ((BRIEF, {"name": OLD}), [f"start {NAME}", f"remove {OLD}"], []),
        ((LONG, {"name": OLD}), [f"start {NAME}", f"remove {OLD}"], [NEW]),
        (({"status": "running"}, {"name": OLD}), [f"see that {NAME} stays up", f"remove {OLD}"], [NEW]),
        (
            ({"status": "created", "name": f"{NAME}.osvc-new"}, {"name": OLD}),
            [f"rename {NAME}.osvc-new to {NAME}", f"start {NAME}", f"remove {OLD}"],
            [],
        ),
    ],
    ids=["ended at once", "ended", "runs", "not yet renamed"],
)
def test_a_replacement_that_was_cut_short_is_gone_on_with_and_led_back_to_the_old_one(found, does, stays):
    """A new one that ran for long may have written something: it is stopped, and stays until a plan has shown that it goes."""
    old, want = desired(restart_policy="on-failure", stop_timeout=90, start_timeout=300), desired(command="sleep 1")
    new, aside = made(want, **found[0]), made(old, status="exited", restart_policy="no", **found[1])
    before = seen(want, new, aside)
    change = planned(want, before, old)
    assert change.cause is Cause.BOTH, "else it would be mending of drift, which is never undone"
    now, trail = run(change)
    assert [action.says() for action, _ in trail] == [f"go on with the replacement of {OLD}, which was cut short", *does]
    assert planned(want, now, want).verdict is Verdict.KEEP
    (last, was), *rest = reversed(trail)
    assert last.undo(was) is BARRIER
    now = was
    for action, was in rest:
        for back in action.undo(was):
            if not back.shown(now):
                now = back.after(now)
            if back.op == "start":
                assert (back.timeout, back.stop_timeout) == (300, 90)
    left, *others = pieces(now)
    assert (left.name, left.status, left.command, left.restart_policy) == (NAME, "running", old.command, "on-failure")
    assert [(one.name, one.alive) for one in others] == [(name, False) for name in stays]


def test_a_job_that_has_ended_is_not_run_again_by_leading_back():
    old = desired(detach=False, command="migrate --to 2")
    want = desired(detach=False, command="migrate --to 3")
    before = seen(want, made(want, **BRIEF, exit_code=1), made(old, status="exited", name=OLD))
    (resume,) = (action for action in KIND.moves(planned(want, before, old)).prepare if action.op == "resume")
    assert [action.says() for action in resume.undo(before)] == [
        f"rename {NAME} to {NEW}",
        f"rename {OLD} to {NAME}",
        f"remove {NEW}",
    ]


def test_a_container_that_somebody_stopped_is_not_started_by_undoing():
    old, want = desired(), desired(command="sleep 1")
    stopped = seen(want, made(old, status="exited"))
    assert "resume" not in [action.op for action in steps(planned(want, stopped, old))]
    begun = seen(want, made(old, status="exited"), made(want, name=f"{NAME}.osvc-new", status="created"))
    assert "resume" in [action.op for action in steps(planned(want, begun, old))], "a replacement had begun"


def test_a_new_one_that_was_left_running_beside_the_old_one_is_stopped_for_good():
    want = desired(command="sleep 1")
    beside = seen(want, made(desired()), made(want, name=f"{NAME}.osvc-new"))
    change = planned(want, beside, desired())
    (stop,) = (action for action in KIND.moves(change).down if action.name.endswith(".osvc-new"))
    assert stop.says() == f"stop {NAME}.osvc-new, left by a replacement that was cut short"
    assert stop.costs is Effect.DISRUPTIVE and stop.undo(beside) == ()
    twin = seen(want, made(want), made(want, name="twin"))
    (stop,) = KIND.moves(planned(want, twin, want)).down
    assert stop.undo(twin), "what somebody made by hand is not"
