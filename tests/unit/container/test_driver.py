"""The driver on the fake machine: what it sees, what it does, what it says, and what is left after a crash anywhere."""

import contextlib
import itertools
import math
from dataclasses import replace

import pytest

from reconciler.core.action import Effect
from reconciler.core.change import Verdict
from reconciler.core.ids import ResourceId
from reconciler.core.model import changed
from reconciler.core.observed import Absent, Present, Unknown
from reconciler.core.outcome import Progress
from reconciler.core.ownership import Owned
from reconciler.host.errors import Busy, Conflict, HostError, NotFound, Permanent, Transient
from reconciler.host.ports import Process
from reconciler.resources.container.driver import ContainerDriver
from reconciler.resources.container.ends import ended
from reconciler.resources.container.image_actions import PullAgain
from reconciler.resources.container.model import State
from reconciler.resources.container.settings import NO_LIMIT
from reconciler.resources.driver import Wanted
from tests.fakehost import Crash, FakeHost, Machine
from tests.fakehost.docker import SYSTEM, FakeDocker
from tests.fakehost.docker_records import FakeImage, Script, demo_image
from tests.unit.container.bench import Bench, around, desired, steps

NAME = "web.container.1"
ROOT = "/var/lib/docker"


class Lab:
    """A machine with its own engine and the demo image."""

    def __init__(self) -> None:
        self.machine = Machine()
        self.host = FakeHost(self.machine)
        self.docker: FakeDocker = self.machine.docker
        self.docker.add_image(ROOT, "osvc/demo:1", demo_image())
        self.docker.add_image(ROOT, "osvc/demo:2", demo_image(2))
        self.engine_process = self.docker.system()
        self.bench = Bench(self.host)
        self.hand = self.docker.by_hand()

    def ours(self) -> dict[str, str]:
        """name -> status of all containers."""
        return {record["Names"][0][1:]: record["State"] for record in self.hand.containers()}


@pytest.fixture
def lab() -> Lab:
    return Lab()


def refusal(lab: Lab, kind: type[HostError], want, *, bench: Bench | None = None) -> HostError:
    with pytest.raises(kind) as caught:
        (bench or lab.bench).apply(want)
    return caught.value


def test_a_fresh_apply_and_then_nothing(lab):
    want = desired(environment="A=b", ports="8080:80", memory="64m", labels="x=y", volume_mounts="data:/data", workdir="/")
    assert lab.bench.apply(want) == [f"create {NAME} from osvc/demo:1", f"start {NAME}"]
    assert lab.bench.change(want).verdict is Verdict.KEEP
    record = lab.hand.inspect(NAME)
    labels = {"osvc.service": "web", "osvc.rid": "container#1", "osvc.store": "store-1"}
    assert labels.items() <= record["Config"]["Labels"].items()
    assert record["HostConfig"]["Binds"] is None and record["HostConfig"]["AutoRemove"] is False


def test_seeing_costs_two_calls_an_engine_at_any_number(lab):
    wants = [desired("web", f"container#{n}") for n in range(20)]
    for want in wants:
        Bench(lab.host, lab.bench.driver).apply(want)
    wanted = [Wanted(ResourceId("web", want.rid), want, None) for want in wants]
    first = lab.bench.driver.observe(wanted, lab.host)
    before = lab.host.docker.engine(SYSTEM).calls.reads
    assert lab.bench.driver.observe(wanted, lab.host) == first
    assert lab.host.docker.engine(SYSTEM).calls.reads - before == 2
    lab.hand.update("web.container.7", {"Memory": 64 << 20, "MemorySwap": 128 << 20})
    before = lab.host.docker.engine(SYSTEM).calls.reads
    second = lab.bench.driver.observe(wanted, lab.host)
    assert lab.host.docker.engine(SYSTEM).calls.reads - before == 3
    assert [id.rid for id in second if second[id] != first[id]] == ["container#7"]


def test_what_did_not_change_is_the_same_object_and_what_did_another(lab):
    """Whoever compares what was seen with what was seen before, as a long-lived process does, has little to compare."""
    wants = [desired("web", f"container#{n}", ports=f"{8000 + n}:80") for n in range(3)]
    for want in wants:
        Bench(lab.host, lab.bench.driver).apply(want)
    wanted = [Wanted(ResourceId("web", want.rid), want, None) for want in wants]

    def moved():
        nonlocal last
        before, last = last, lab.bench.driver.observe(wanted, lab.host)
        assert last == ContainerDriver().observe(wanted, lab.host), "what a process sees that remembers nothing"
        return [id.rid for id in last if last[id] is not before[id]]

    last = lab.bench.driver.observe(wanted, lab.host)
    last = lab.bench.driver.observe(wanted, lab.host)
    assert moved() == []
    lab.hand.stop("web.container.1", 1)
    assert moved() == ["container#1"]
    lab.hand.rename("web.container.2", "other")
    lab.hand.create("web.container.2", {"Image": "osvc/demo:1"})
    assert moved() == ["container#2"], "its name is somebody else's"
    lab.hand.start("web.container.1")
    lab.docker.add_image(ROOT, "osvc/demo:1", demo_image(3))
    assert moved() == ["container#0", "container#1", "container#2"], "the reference means another image"
    wanted[0] = Wanted(wanted[0].id, desired("web", "container#0", name="front"), None)
    assert moved() == ["container#0"]


def test_a_look_after_a_step_costs_one_call_whatever_lies_beside(lab):
    for n in range(10):
        Bench(lab.host, lab.bench.driver).apply(desired("web", f"container#{n}", ports=f"{8000 + n}:80"))
    engine, want = lab.host.docker.engine(SYSTEM), desired("web", "container#3", ports="8003:80")
    seen = lab.bench.look(want)
    before = engine.calls.reads
    assert lab.bench.look(want) == seen
    assert engine.calls.reads - before == 1
    lab.hand.stop("web.container.3", 1)
    before = engine.calls.reads
    assert lab.bench.look(want).state.status == "exited"
    assert engine.calls.reads - before == 1


def test_what_was_seen_is_not_looked_for_again_by_what_is_done_to_it(lab):
    """The engine is asked as often as it takes: to see that what was started lives, and what each step came to."""
    want, engine = desired(), lab.host.docker.engine(SYSTEM)
    Bench(lab.host, lab.bench.driver).apply(desired("web", "container#2"))
    create, start = steps(lab.bench.change(want))
    asked = {}

    def do(action):
        before = engine.calls.reads
        lab.bench.driver.perform(ResourceId("web", want.rid), action, lab.host, print)
        done = engine.calls.reads
        assert action.shown(lab.bench.look(want))
        asked[action.op] = (done - before, engine.calls.reads - done)

    do(create)
    do(start)
    lab.bench.applied = want
    for action in steps(lab.bench.falling(want, remove=True)):
        do(action)
    assert asked == {"create": (0, 1), "start": (1, 1), "stop": (0, 1), "remove": (0, 2)}, "a list tells that the last is gone"


def test_what_was_made_at_the_second_try_does_not_hide_what_was_there(lab):
    """A create that failed leaves it open which containers there are; that the next one succeeds does not settle it."""
    lab.bench.apply(desired())
    want = desired(image="osvc/demo:2")
    create = steps(lab.bench.change(want))[0]
    lab.machine.fail_at(lab.machine.effects + 1, "before", Transient("not now"))
    with pytest.raises(Transient):
        lab.bench.driver.perform(ResourceId("web", "container#1"), create, lab.host, print)
    lab.bench.driver.perform(ResourceId("web", "container#1"), create, lab.host, print)
    seen = lab.bench.look(want)
    assert (seen.state.name, [other.name for other in seen.state.others]) == (NAME, [f"{NAME}.osvc-new"])


def test_what_holds_the_mark_of_a_secret_is_inspected_again(lab):
    """It was remembered by its mark, and its spec does not say it any more: a mark is no value to compare with."""
    mark = "hmac:" + "0" * 40
    lab.bench.apply(desired(environment="DB_PASSWORD=hunter2"))
    seen = lab.bench.see(desired())
    marked = replace(seen, state=seen.state.model_copy(update={"environment": {"DB_PASSWORD": mark}}))
    lab.bench.driver, lab.bench.remembered = ContainerDriver(), marked
    assert lab.bench.see(desired()).state.environment == {"DB_PASSWORD": "hunter2"}
    image = seen.around.image.model_copy(update={"environment": {"GPG_KEY": mark}})
    marked = replace(seen, around=seen.around.model_copy(update={"image": image}))
    lab.bench.driver, lab.bench.remembered = ContainerDriver(), marked
    assert lab.bench.see(desired()).around.image == seen.around.image


def test_what_came_of_a_step_that_failed_is_seen(lab):
    lab.bench.apply(desired())
    create = steps(lab.bench.change(desired(image="osvc/demo:2")))[0]
    lab.machine.fail_at(lab.machine.effects + 1, "after", Permanent("no"))
    with pytest.raises(Permanent):
        lab.bench.driver.perform(ResourceId("web", "container#1"), create, lab.host, print)
    assert create.shown(lab.bench.look(desired(image="osvc/demo:2")))


def test_what_was_removed_and_made_anew_by_hand_is_found_by_its_name(lab):
    lab.bench.apply(desired())
    stop = next(action for action in steps(lab.bench.falling(desired(), remove=True)) if action.op == "stop")
    config = lab.hand.inspect(NAME)["Config"]
    lab.hand.stop(NAME, 1)
    lab.hand.remove(NAME)
    lab.hand.create(NAME, {"Image": "osvc/demo:1", "Cmd": ["sleep", "1000"], "Labels": config["Labels"]})
    lab.hand.start(NAME)
    lab.bench.driver.perform(ResourceId("web", "container#1"), stop, lab.host, print)
    assert lab.ours() == {NAME: "exited"}


def test_what_is_just_being_removed_is_waited_for_and_made_anew(lab):
    """An engine tells that a container has died, and lists it, while it still takes it down."""
    lab.bench.apply(desired())
    lab.hand.stop(NAME, 1)
    state = lab.docker.alive(SYSTEM).data.containers[lab.hand.inspect(NAME)["Id"]].record["State"]
    state["Status"] = "removing"
    create, start = steps(lab.bench.change(desired()))
    assert (create.op, start.op) == ("create", "start") and not create.shown(lab.bench.see(desired()))
    with pytest.raises(Busy, match="is still being removed"):
        lab.bench.driver.perform(ResourceId("web", "container#1"), create, lab.host, print)
    state["Status"] = "exited"
    lab.hand.remove(NAME)
    lab.bench.do(desired(), [create, start])
    assert lab.ours() == {NAME: "running"}


def test_what_a_killed_engine_left_of_a_start_is_ended_and_it_is_started(lab):
    """The next engine finds the task of that start in its way, until a moment after the shim that has it has ended."""
    lab.bench.do(desired(), steps(lab.bench.change(desired()))[:1])
    ident = lab.hand.inspect(NAME)["Id"]
    left = lab.machine.start_process(("containerd-shim-runc-v2", "-namespace", "moby", "-id", ident, "-address", "/run/c.sock"))
    other = lab.machine.start_process(("containerd-shim-runc-v2", "-namespace", "moby", "-id", "0" * 64, "-address", "/run/c.sock"))
    refused = Permanent(f"cannot start {NAME}: task {ident}: already exists")
    lab.machine.fail_next(lambda label: label.endswith(f" start {NAME}") and left.pid in lab.machine.processes, refused, math.inf)
    lab.machine.fail_next(lambda label: label.endswith(f" start {NAME}") and left.pid not in lab.machine.processes, refused, 2)
    assert lab.bench.apply(desired()) == [f"start {NAME}"]
    assert lab.ours() == {NAME: "running"} and other.pid in lab.machine.processes
    assert any("ending what is left of that start" in text for text in lab.bench.said)


def test_a_task_in_the_way_that_is_nobodys_is_told(lab):
    lab.bench.do(desired(), steps(lab.bench.change(desired()))[:1])
    ident = lab.hand.inspect(NAME)["Id"]
    lab.machine.fail_next(f" start {NAME}", Permanent(f"cannot start {NAME}: task {ident}: already exists"), math.inf)
    assert "already exists" in str(refusal(lab, Permanent, desired()))


def test_what_was_removed_and_made_anew_by_a_stranger_is_not_touched(lab):
    lab.bench.apply(desired())
    stop = next(action for action in steps(lab.bench.falling(desired(), remove=True)) if action.op == "stop")
    lab.hand.stop(NAME, 1)
    lab.hand.remove(NAME)
    lab.hand.create(NAME, {"Image": "osvc/demo:1", "Cmd": ["sleep", "1000"]})
    lab.hand.start(NAME)
    with pytest.raises(Conflict, match="is not ours"):
        lab.bench.driver.perform(ResourceId("web", "container#1"), stop, lab.host, print)
    assert lab.ours() == {NAME: "running"}


def test_another_process_inspects_nothing_that_is_as_it_was_remembered(lab):
    wants = [desired("web", f"container#{n}") for n in range(5)]
    for want in wants:
        Bench(lab.host, lab.bench.driver).apply(want)
    items = [Wanted(ResourceId("web", want.rid), want, None) for want in wants]
    first = lab.bench.driver.observe(items, lab.host)
    again = [Wanted(item.id, item.desired, Owned("container", item.desired, item.desired, first[item.id])) for item in items]
    engine = lab.host.docker.engine(SYSTEM)
    before = engine.calls.reads
    assert ContainerDriver().observe(again, lab.host) == first
    assert engine.calls.reads - before == 3, "two lists, and where its data root is"
    lab.hand.update("web.container.2", {"Memory": 64 << 20, "MemorySwap": 128 << 20})
    assert ContainerDriver().observe(again, lab.host)[items[2].id].state.memory == 64 << 20


def test_a_reference_that_means_another_image_by_now_is_seen_by_whoever_fetched_it(lab):
    want = desired(image="osvc/demo:3")
    lab.docker.registry["osvc/demo:3"] = demo_image(3)
    lab.bench.apply(want)
    lab.docker.add_image(ROOT, "osvc/demo:3", demo_image(4))
    assert lab.bench.look(want).around.image.id == demo_image(3).id, "a look does not ask for what only another step changes"
    assert lab.bench.see(want).around.image.id == demo_image(4).id
    assert lab.bench.look(want).around.image.id == demo_image(4).id


def test_a_fresh_driver_sees_the_same(lab):
    want = desired(memory="64m")
    lab.bench.apply(want)
    assert Bench(lab.host, ContainerDriver()).see(want) == lab.bench.see(want)


@pytest.mark.parametrize(
    ("by_hand", "does"),
    [
        (lambda hand: hand.stop(NAME, 1), [f"start {NAME}"]),
        (lambda hand: hand.rename(NAME, "foo"), [f"rename foo to {NAME}"]),
        (lambda hand: hand.pause(NAME), [f"unpause {NAME}"]),
        (
            lambda hand: hand.update(NAME, {"Memory": 64 << 20, "MemorySwap": 128 << 20}),
            [f"update {NAME}: memory without limit"],
        ),
        (lambda hand: hand.update(NAME, {"RestartPolicy": {"Name": "always"}}), [f"update {NAME}: restart policy no"]),
        (lambda hand: (hand.stop(NAME, 1), hand.remove(NAME)), [f"create {NAME} from osvc/demo:1", f"start {NAME}"]),
    ],
)
def test_what_is_done_by_hand_is_mended_with_the_smallest_step(lab, by_hand, does):
    lab.bench.apply(desired())
    by_hand(lab.hand)
    assert lab.bench.apply(desired()) == does
    assert lab.ours() == {NAME: "running"}


def test_limits_come_and_go_without_a_restart(lab):
    lab.bench.apply(desired(memory="64m"))
    started = lab.hand.inspect(NAME)["State"]["StartedAt"]
    for want in (desired(memory="512m", cpus=0.5), desired(restart_policy="on-failure:2"), desired(memory="8m")):
        assert [word.split(":")[0] for word in lab.bench.apply(want)] == [f"update {NAME}"]
    lab.bench.apply(desired())
    host = lab.hand.inspect(NAME)["HostConfig"]
    assert (host["Memory"], host["MemorySwap"]) == (NO_LIMIT, 2 * NO_LIMIT)
    assert lab.hand.inspect(NAME)["State"]["StartedAt"] == started


def test_one_image_of_many_touches_one_container(lab):
    for n in range(5):
        Bench(lab.host).apply(desired("web", f"container#{n}"))
    ids = {record["Names"][0]: record["Id"] for record in lab.hand.containers()}
    Bench(lab.host).apply(desired("web", "container#3", image="osvc/demo:2"))
    now = {record["Names"][0]: record["Id"] for record in lab.hand.containers()}
    assert [name for name in ids if ids[name] != now[name]] == ["/web.container.3"]
    assert now.keys() == ids.keys()


def test_a_moved_tag_is_a_replacement(lab):
    lab.bench.apply(desired())
    lab.docker.add_image(ROOT, "osvc/demo:1", demo_image(3))
    assert lab.bench.change(desired()).verdict is Verdict.REPLACE
    assert f"remove {NAME}.osvc-old" in lab.bench.apply(desired())
    assert lab.hand.inspect(NAME)["Image"] == demo_image(3).id


def test_always_pulls_whenever_it_creates(lab):
    lab.docker.registry["osvc/demo:1"] = demo_image(3)
    assert lab.bench.apply(desired(image_pull_policy="always"))[0] == "pull osvc/demo:1"
    assert lab.hand.inspect(NAME)["Image"] == demo_image(3).id
    first, *_, last = lab.bench.said
    assert (first, last) == (Progress(1, 1, "layers"), Progress(2, 2, "layers", 1024, 1024))


def test_a_tag_that_moved_in_the_registry_is_seen_and_its_image_used(lab):
    want = desired(image="far:1", image_pull_policy="always")
    lab.docker.registry["far:1"] = demo_image()
    lab.bench.apply(want)
    assert lab.bench.change(want).verdict is Verdict.KEEP
    lab.docker.registry["far:1"] = demo_image(2)
    change = Bench(FakeHost(lab.machine)).change(want)
    assert (change.verdict, change.reason) == (Verdict.REPLACE, "image changed")
    assert Bench(FakeHost(lab.machine)).change(desired(image="far:1")).verdict is Verdict.ADOPT, "nobody asked for the newest"
    assert Bench(FakeHost(lab.machine)).apply(want)[0] == "pull far:1"
    assert lab.hand.inspect(NAME)["Image"] == demo_image(2).id


def test_what_several_are_to_pull_again_is_pulled_once(lab):
    """All were planned on one answer of the registry; who comes second finds that very image."""
    lab.docker.registry["osvc/demo:1"] = demo_image(3)
    wants = [desired(rid=f"container#{n}", image_pull_policy="always") for n in range(4)]
    pulls = [steps(lab.bench.change(want))[0] for want in wants]
    assert all(isinstance(action, PullAgain) for action in pulls)
    for want, action in zip(wants, pulls, strict=True):
        lab.bench.driver.perform(ResourceId("web", want.rid), action, lab.host, lab.bench.said.append)
    assert [label for label in lab.machine.done if " pull " in label] == [f"docker {SYSTEM} pull osvc/demo:1"]
    lab.bench.driver.perform(ResourceId("web", "c"), changed(pulls[0], digest=""), lab.host, lab.bench.said.append)
    assert len([label for label in lab.machine.done if " pull " in label]) == 2, "nobody knows which one is meant"


def test_a_platform_that_is_asked_for_is_pulled_whatever_the_digest(lab):
    """One digest stands for the images of all platforms."""
    lab.docker.registry["osvc/demo:1"] = demo_image(3)
    (pull, *_) = steps(lab.bench.change(desired(image_pull_policy="always", platform="linux/arm64")))
    assert pull.digest == ""


def test_a_registry_that_does_not_answer_moves_nothing(lab):
    want = desired(image="far:1", image_pull_policy="always")
    lab.docker.registry["far:1"] = demo_image()
    lab.bench.apply(want)
    lab.docker.registry_fault = Transient("connection refused")
    assert Bench(FakeHost(lab.machine)).change(want).verdict is Verdict.ADOPT


def test_a_registry_is_asked_once_for_all_that_use_a_reference(lab):
    lab.docker.registry["far:1"] = demo_image()
    wants = [desired(rid=f"container#{n}", image="far:1", image_pull_policy="always") for n in range(5)]
    driver = ContainerDriver()
    driver.observe([lab.bench.wanted(want) for want in wants], lab.host)
    driver.observe([lab.bench.wanted(want) for want in wants], lab.host)
    assert [look for look in lab.machine.looks if "distribution" in look] == [f"docker {SYSTEM} distribution far:1"]


def test_an_image_that_is_never_pulled(lab):
    lab.docker.registry["far:1"] = demo_image()
    err = refusal(lab, Permanent, desired(image="far:1", image_pull_policy="never"))
    assert "the engine has no image far:1" in str(err)


def test_an_image_of_another_platform_is_pulled_again(lab):
    lab.docker.registry["osvc/demo:1"] = demo_image(5)
    want = desired(platform="linux/arm64")
    moves = [action.command() for action in steps(lab.bench.change(want))]
    assert moves[0] == f"docker -H unix://{SYSTEM} pull --platform linux/arm64 osvc/demo:1"
    assert lab.bench.change(desired(platform="linux/amd64")).verdict is Verdict.CREATE
    lab.bench.apply(desired(platform="linux/amd64"))
    assert lab.bench.change(desired()).verdict is Verdict.KEEP


def test_who_pulls_is_in_a_file_that_is_named_and_never_read_for_a_plan(lab):
    want = desired(image="far:1", registry_creds="/etc/osvc/creds/config.json")
    assert steps(lab.bench.change(want))[0].command() == f"docker --config /etc/osvc/creds -H unix://{SYSTEM} pull far:1"


def test_a_missing_image_is_loaded_from_its_archive(lab):
    lab.docker.add_archive("/srv/other.tar", FakeImage({"Cmd": ["sh"]}, "other"), "other:1")
    want = desired(image="other:1", image_archive="/srv/other.tar")
    assert lab.bench.apply(want)[0] == "load other:1 from /srv/other.tar"
    err = refusal(lab, NotFound, desired(rid="container#2", image="third:1", image_archive="/srv/third.tar"))
    assert str(err) == "cannot load third:1: there is no file /srv/third.tar; put it there, or correct image_archive"


def test_a_pull_that_is_refused_says_what_to_do(lab):
    err = refusal(lab, NotFound, desired(image="nope:1"))
    assert str(err).startswith("cannot pull nope:1: pull access denied for nope") and str(err).endswith(
        "; give it an image_archive"
    )
    assert "image" in str(refusal(lab, Permanent, desired(image="sha256:" + "0" * 64)))
    assert lab.ours() == {}


def test_a_bind_source_that_is_missing_is_never_made(lab):
    err = refusal(lab, Permanent, desired(volume_mounts="/srv/nope:/x"))
    assert str(err) == "volume source /srv/nope does not exist; make it, or correct volume_mounts"
    assert lab.host.files.stat("/srv/nope") is None and lab.ours() == {}
    lab.host.files.make_dir("/srv/data")
    want = desired(volume_mounts="/srv/data:/x")
    lab.bench.apply(want)
    lab.hand.stop(NAME, 1)
    lab.host.files.remove_dir("/srv/data")
    assert "/srv/data does not exist" in str(refusal(lab, Permanent, want))
    assert lab.host.files.stat("/srv/data") is None


def test_a_name_that_somebody_else_has(lab):
    lab.hand.create(NAME, {"Image": "osvc/demo:1"})
    change = lab.bench.change(desired())
    assert change.verdict is Verdict.REFUSE
    assert change.reason.startswith(f"the name {NAME} is taken by container ") and change.reason.endswith(", not ours")
    assert f"rename {NAME} OTHER" in change.remedy
    for action in steps(lab.bench.change(desired(name="other-name"))):
        hostile = action.model_copy(update={"name": NAME})
        with pytest.raises(Conflict, match="not ours"):
            lab.bench.driver.perform(None, hostile, lab.host, print)


def test_what_another_store_made_is_not_ours(lab):
    Bench(FakeHost(lab.machine, store="store-2")).apply(desired())
    assert lab.bench.change(desired()).verdict is Verdict.REFUSE
    bench = Bench(FakeHost(lab.machine, store="store-2"))
    for action in steps(bench.falling(desired(), remove=True)):
        with pytest.raises(Conflict, match="not ours"):
            lab.bench.driver.perform(None, action, lab.host, print)
    assert lab.ours() == {NAME: "running"}


def test_labels_that_come_from_an_image_make_nothing_ours(lab):
    labels = {"osvc.service": "web", "osvc.rid": "container#1", "osvc.store": "store-1"}
    lab.docker.add_image(ROOT, "snapshot:1", FakeImage({"Cmd": ["sh"], "Labels": labels}, "snapshot"))
    lab.hand.create("experiment", {"Image": "snapshot:1"})
    assert isinstance(lab.bench.see(desired()), Absent)
    lab.bench.apply(desired())
    assert lab.ours() == {NAME: "running", "experiment": "created"}


def test_a_port_that_is_taken_names_who_has_it(lab):
    want = desired(ports="8080:80")
    process = lab.machine.start_process(("/usr/sbin/nginx",), exe="/usr/sbin/nginx", ports=[("tcp", "0.0.0.0", 8080)])
    change = lab.bench.change(want)
    assert (change.verdict, change.reason) == (Verdict.REFUSE, f"port 8080 is held by pid {process.pid} nginx, not ours")
    lab.machine.end_process(process, clean=True)
    host = {"PortBindings": {"80/tcp": [{"HostIp": "", "HostPort": "8080"}]}}
    lab.hand.create("stranger", {"Image": "osvc/demo:1", "Cmd": ["sleep", "9"], "ExposedPorts": {"80/tcp": {}}, "HostConfig": host})
    lab.hand.start("stranger")
    assert lab.bench.change(want).reason == "port 8080 is held by container stranger, not ours"


def test_a_port_taken_between_plan_and_start(lab):
    want = desired(ports="8080:80")
    create, start = steps(lab.bench.change(want))
    lab.bench.do(want, [create])
    process = lab.machine.start_process(("/usr/sbin/nginx",), exe="/usr/sbin/nginx", ports=[("tcp", "0.0.0.0", 8080)])
    with pytest.raises(Conflict) as caught:
        lab.bench.do(want, [start])
    assert str(caught.value) == f"port 8080 is held by pid {process.pid} nginx, not ours; free it, or publish another one"


def test_an_exit_right_after_start_shows_the_last_words(lab):
    lab.docker.script(lambda record: True, Script(code=3, output="reading config\nno such file: app.conf\n"))
    err = refusal(lab, Permanent, desired())
    assert str(err) == f"{NAME} exited right after its start, exit 3"
    assert err.output == "reading config\nno such file: app.conf"
    lab.docker.script(lambda record: True, Script(code=0))
    assert "has to keep running" in str(refusal(lab, Permanent, desired()))


def ends_unnoticed(lab: Lab, *, noticed: float) -> None:
    """The next container's process ends right after its start, and the engine takes so many seconds to notice."""
    daemon = lab.docker.alive(SYSTEM)

    def end() -> None:
        (container,) = daemon.data.containers.values()
        lab.docker.stop_process(container)
        lab.machine.agenda.append((lab.machine.ticks + noticed, lambda: lab.docker.ended(daemon, container, 3)))

    lab.machine.agenda.append((lab.machine.ticks + 0.005, end))


def test_an_exit_right_after_start_is_seen_before_the_engine_sees_it(lab):
    create, start = steps(lab.bench.change(desired()))
    lab.bench.do(desired(), [create])
    ends_unnoticed(lab, noticed=0.12)
    with pytest.raises(Permanent, match="exited right after its start, exit 3"):
        lab.bench.do(desired(), [start])
    assert lab.machine.ticks < 0.3


def test_what_the_engine_does_not_notice_is_not_waited_for_without_end(lab):
    create, start = steps(lab.bench.change(desired()))
    lab.bench.do(desired(), [create])
    ends_unnoticed(lab, noticed=60)
    lab.bench.do(desired(), [start])
    assert lab.machine.ticks < 1.2


@pytest.mark.parametrize("peer", [Process(0, 0, ()), Process(7, 0, ("/usr/bin/socat", "unix-listen:/run/docker.sock")), None])
def test_an_engine_that_is_not_seen_itself_is_believed(lab, monkeypatch, peer):
    """Behind a proxy, say, and so in a pid namespace of its own."""
    create, start = steps(lab.bench.change(desired()))
    lab.bench.do(desired(), [create])
    monkeypatch.setattr(type(lab.host.processes), "peer", lambda processes, socket: peer)
    ends_unnoticed(lab, noticed=60)
    lab.bench.do(desired(), [start])
    assert lab.machine.ticks < 0.1


def test_a_command_that_is_not_in_the_image(lab):
    err = refusal(lab, Permanent, desired(command="/nonesuch"))
    assert str(err).startswith(f"cannot start {NAME}: exec:") and "/nonesuch" in str(err) and "OCI" not in str(err)


def test_stop_and_remove(lab):
    want = desired()
    lab.bench.apply(want)
    lab.bench.do(want, steps(lab.bench.falling(want, remove=False)))
    assert lab.ours() == {NAME: "exited"}
    assert steps(lab.bench.falling(want, remove=False)) == []
    lab.bench.do(want, steps(lab.bench.falling(want, remove=True)))
    assert lab.ours() == {}


def test_performing_twice_does_no_harm(lab):
    for want in (desired(), desired(memory="64m"), desired(command="sleep 1"), desired()):
        for action in steps(lab.bench.change(want)):
            lab.bench.do(want, [action, action])
    assert lab.ours() == {NAME: "running"}


def test_replacing_and_undoing_each_step(lab):
    old, want = desired(restart_policy="unless-stopped"), desired(restart_policy="unless-stopped", command="sleep 1")
    lab.bench.apply(old)
    first = lab.hand.inspect(NAME)
    trail = []
    for action in steps(lab.bench.change(want))[:-1]:
        trail.append((action, lab.bench.see(want)))
        lab.bench.do(want, [action])
    assert lab.ours() == {NAME: "running", f"{NAME}.osvc-old": "exited"}
    for action, was in reversed(trail):
        lab.bench.do(want, action.undo(was))
    now = lab.hand.inspect(NAME)
    assert (now["Id"], now["State"]["Running"], now["HostConfig"]["RestartPolicy"]["Name"]) == (first["Id"], True, "unless-stopped")
    assert lab.ours() == {NAME: "running"}


SCENARIOS = {
    "create": (None, desired()),
    "pull": (None, desired(image="far:1")),
    "replace": (desired(), desired(image="osvc/demo:2", restart_policy="on-failure")),
    "update": (desired(), desired(memory="64m")),
    "rename": (desired(), desired(name="other-name")),
    "start first": (desired(replace="start-first"), desired(replace="start-first", command="sleep 2")),
    "replace and rename": (desired(restart_policy="unless-stopped"), desired(name="other-name", command="sleep 1")),
}


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("name", SCENARIOS)
@pytest.mark.parametrize("back", [False, True], ids=["again", "the old spec"])
def test_killed_at_any_effect_the_next_apply_converges(name, when, back):
    old, want = SCENARIOS[name]
    for k in itertools.count(1):
        lab = Lab()
        lab.docker.registry["far:1"] = demo_image()
        if old is not None:
            lab.bench.apply(old)
        lab.machine.die_at(len(lab.machine.done) + k, when)
        try:
            lab.bench.apply(want)
        except Crash:
            lab.machine.revive()
        else:
            break
        end = old if back and old is not None else want
        life = Bench(FakeHost(lab.machine))
        life.apply(end)
        assert lab.ours() == {end.name: "running"}, f"killed {when} effect {k}"
        assert life.apply(end) == []
    assert k > 1


# Engines that are down

PRIVATE = {"container_data_dir": "/srv/web/docker"}
SOCKET = "/run/osvc/web/docker.sock"


def start_private(lab: Lab):
    lab.host.files.make_dir("/run/osvc/web")
    words = ["dockerd", "-H", f"unix://{SOCKET}", "--data-root", PRIVATE["container_data_dir"], "-p", "/run/osvc/web/docker.pid"]
    words += ["--exec-root", "/run/osvc/web/x", "--live-restore"]
    return lab.host.processes.spawn(words, log="/run/osvc/web/log", env={}, cgroup="osvc/web")


def end(lab: Lab, process, *, clean: bool) -> None:
    lab.machine.end_process(lab.machine.processes[process.pid], clean=clean)


def lose_its_end(lab: Lab) -> None:
    """The one container's process ends, and its engine never hears of it."""
    ((container,),) = (daemon.data.containers.values() for daemon in lab.docker.daemons if daemon.data.containers)
    lab.docker.stop_process(container)


@pytest.fixture
def private(lab) -> Lab:
    lab.docker.add_image(PRIVATE["container_data_dir"], "osvc/demo:1", demo_image())
    lab.engine_process = start_private(lab)
    lab.hand = lab.docker.by_hand(SOCKET)
    return lab


def test_a_new_engine_with_no_data_root_has_nothing_for_certain(lab):
    seen = lab.bench.see(desired(container_data_dir="/srv/new"))
    assert isinstance(seen, Unknown) and seen.behind == "dockerd"
    assert isinstance(seen.assume, Absent) and seen.basis == "new engine, no data root yet"
    lab.host.files.make_dir("/srv/new")
    assert lab.bench.see(desired(container_data_dir="/srv/new")).basis == "new engine, empty data root"


def test_a_container_whose_process_is_gone_behind_its_engine_is_stopped_and_started(private):
    want = desired(**PRIVATE)
    private.bench.apply(want)
    lose_its_end(private)
    assert private.hand.inspect(NAME)["State"]["Running"] is True
    change = private.bench.change(want)
    assert change.verdict is Verdict.START and "its process is gone" in ended(change.seen.state)
    assert private.bench.apply(want) == [f"stop {NAME}, whose process is gone", f"start {NAME}"]
    assert private.bench.change(want).verdict is Verdict.KEEP


@pytest.mark.parametrize("stopped", [False, True], ids=["killed", "stopped"])
@pytest.mark.parametrize("more", [PRIVATE, {}], ids=["private", "system"])
def test_a_container_that_is_listed_as_running_while_its_engine_sees_to_its_end_has_ended(request, lab, more, stopped):
    """An engine of version 20 to 25 tells that a container died, and only then lets go of its network, and lists it as exited. That
    somebody stops a container it writes down before."""
    if more:
        request.getfixturevalue("private")
    else:
        lab.hand = lab.docker.by_hand(SYSTEM)
    want = desired(**more)
    lab.bench.apply(want)
    ((daemon, container),) = ((one, it) for one in lab.docker.daemons for it in one.data.containers.values())
    lab.bench.see(want)
    lab.docker.stop_process(container)
    if stopped:
        lab.machine.pass_time(1)
        lab.docker.save(daemon, container)
    waited = []

    def look(label: str) -> bool:
        if f"inspect {container.record['Id']}" in label and not waited:
            waited.append(label)
            lab.docker.ended(daemon, container, 137)
        return False

    lab.machine.fail_next(look, Permanent("never"))
    change = lab.bench.change(want)
    assert waited and change.verdict is Verdict.START and "exit 137" in ended(change.seen.state)
    assert lab.bench.apply(want) == [f"start {NAME}"]
    assert lab.bench.change(want).verdict is Verdict.KEEP


def test_a_container_that_is_removed_while_its_engine_sees_to_its_end_is_not_there(private):
    want = desired(**PRIVATE)
    private.bench.apply(want)
    ((daemon, container),) = ((one, it) for one in private.docker.daemons for it in one.data.containers.values())
    private.docker.stop_process(container)
    removed = []

    def look(label: str) -> bool:
        if " inspect " in label and not removed:
            removed.append(label)
            private.docker.ended(daemon, container, 137)
            private.hand.remove(NAME)
        return False

    private.machine.fail_next(look, Permanent("never"))
    change = private.bench.change(want)
    assert removed and change.verdict is Verdict.CREATE


def test_a_system_engine_that_has_not_noticed_is_believed(lab):
    want = desired()
    lab.bench.apply(want)
    lab.hand = lab.docker.by_hand(SYSTEM)
    lose_its_end(lab)
    assert lab.bench.change(want).verdict is Verdict.KEEP


def test_a_container_that_runs_again_is_not_stopped_as_one_whose_process_is_gone(private):
    want = desired(**PRIVATE)
    private.bench.apply(want)
    lose_its_end(private)
    (bury, _) = steps(private.bench.change(want))
    private.hand.stop(NAME, 1)
    private.hand.start(NAME)
    with pytest.raises(Conflict, match="runs again; plan again"):
        private.bench.do(want, [bury])
    assert private.ours() == {NAME: "running"}


def test_an_engine_that_cannot_be_seen_is_believed(private, monkeypatch):
    """It is in another pid namespace, or processes are hidden: that a pid is not there says nothing."""
    want = desired(**PRIVATE)
    private.bench.apply(want)
    lose_its_end(private)
    assert private.bench.change(want).verdict is Verdict.START
    monkeypatch.setattr(type(private.host.processes), "peer", lambda self, socket: Process(0, 0, ()))
    assert private.bench.change(want).verdict is Verdict.KEEP


def test_what_is_remembered_without_a_pid_is_inspected_again(private):
    """As a record has it that an older version wrote."""
    want = desired(**PRIVATE)
    private.bench.apply(want)
    seen = private.bench.see(want)
    private.bench.remembered = Present(changed(seen.state, pid=0), seen.around)
    lose_its_end(private)
    assert Bench(private.host).change(want).verdict is Verdict.START
    other = Bench(private.host)
    other.applied, other.remembered = want, private.bench.remembered
    assert other.change(want).verdict is Verdict.START


def test_stopping_a_service_stops_a_container_whose_process_is_gone(private):
    want = desired(**PRIVATE)
    private.bench.apply(want)
    lose_its_end(private)
    assert [action.says() for action in steps(private.bench.falling(want, remove=False))] == [f"stop {NAME}"]
    before = private.bench.see(want)
    (stop,) = steps(private.bench.falling(want, remove=False))
    assert stop.undo(before) == ()
    private.bench.do(want, [stop])
    assert private.ours() == {NAME: "exited"}


def test_the_files_of_a_stopped_engine_are_read(private):
    want = desired(**PRIVATE)
    private.bench.apply(want)
    alive = private.bench.see(want)
    private.hand.stop(NAME, 1)
    end(private, private.engine_process, clean=True)
    seen = private.bench.see(want)
    assert isinstance(seen, Unknown) and seen.behind == "dockerd" and seen.basis == "read from the stopped engine's files"
    assert isinstance(seen.assume, Present) and isinstance(seen.assume.state, State)
    assert seen.assume.state.status == "exited" and seen.assume.state.name == alive.state.name
    assert seen.assume.state.id == alive.state.id and seen.assume.state.command == ("sleep", "1000")
    assert private.bench.change(want).verdict is Verdict.START and private.bench.change(want).provisional


def test_containers_of_a_killed_engine_run_while_their_shims_do(private):
    want = desired(**PRIVATE)
    private.bench.apply(want)
    end(private, private.engine_process, clean=False)
    seen = private.bench.see(want)
    assert isinstance(seen, Unknown) and seen.assume.state.status == "running"
    assert private.bench.change(want).verdict is Verdict.KEEP


def test_what_was_seen_last_is_assumed_when_there_is_nothing_to_read(private):
    want = desired(**PRIVATE)
    private.bench.apply(want)
    private.bench.remembered = private.bench.see(want)
    private.hand.stop(NAME, 1)
    end(private, private.engine_process, clean=True)
    elsewhere = desired(container_data_dir="/srv/unmounted")
    private.bench.applied = elsewhere
    seen = private.bench.see(elsewhere)
    assert seen.basis == "as last seen of the same engine" and seen.assume.state.status == "exited"


def test_the_system_engine_down(lab):
    end(lab, lab.engine_process, clean=False)
    seen = lab.bench.see(desired())
    assert isinstance(seen, Unknown) and (seen.behind, seen.basis) == ("dockerd", "never seen here")


def test_one_dead_engine_leaves_the_others_alone(private):
    end(private, private.engine_process, clean=True)
    one, other = desired(**PRIVATE), desired("app")
    wanted = [Wanted(ResourceId(want.service, want.rid), want, None) for want in (one, other)]
    seen = private.bench.driver.observe(wanted, private.host)
    assert isinstance(seen[wanted[0].id], Unknown) and isinstance(seen[wanted[1].id], Absent)


def test_an_inspect_that_fails_makes_one_resource_unknown(lab):
    for n in (1, 2):
        Bench(lab.host).apply(desired("web", f"container#{n}"))
    ident = lab.hand.inspect("web.container.2")["Id"]
    lab.machine.fail_next(f"inspect {ident}", Transient("no answer in time"))
    wants = [desired("web", f"container#{n}") for n in (1, 2)]
    wanted = [Wanted(ResourceId(want.service, want.rid), want, None) for want in wants]
    seen = ContainerDriver().observe(wanted, lab.host)
    assert isinstance(seen[wanted[0].id], Present)
    assert seen[wanted[1].id] == Unknown("its engine does not say: no answer in time")


def test_a_service_that_moves_to_an_engine_of_its_own_takes_its_container_along(private):
    old, want = desired(), desired(**PRIVATE)
    private.bench.apply(old)
    assert private.bench.apply(want) == [
        f"create {NAME} from osvc/demo:1",
        f"stop {NAME}",
        f"start {NAME}",
        f"remove {NAME}",
    ]
    assert private.ours() == {NAME: "running"}
    assert private.docker.by_hand(SYSTEM).containers() == []


def test_an_engine_that_keeps_the_endpoint_of_a_container_that_is_gone(lab):
    lab.docker.alive(SYSTEM).kept.add(NAME)
    assert lab.bench.apply(desired()) == [f"create {NAME} from osvc/demo:1", f"start {NAME}"]
    assert lab.ours() == {NAME: "running"}
    assert "the engine keeps an endpoint" in lab.bench.said[0]
    assert list(lab.hand.inspect(NAME)["NetworkSettings"]["Networks"]) == ["bridge"]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("k", range(1, 7))
def test_killed_while_an_endpoint_is_being_freed(lab, k, when):
    """create, the start that is refused (no effect), rename, disconnect, rename, start."""
    lab.docker.alive(SYSTEM).kept.add(NAME)
    lab.machine.die_at(k, when)
    with contextlib.suppress(Crash):
        lab.bench.apply(desired())
    lab.machine.revive()
    Bench(FakeHost(lab.machine)).apply(desired())
    assert lab.ours() == {NAME: "running"}
    assert list(lab.hand.inspect(NAME)["NetworkSettings"]["Networks"]) == ["bridge"]


def test_a_command_that_is_to_end_is_waited_for_and_counts_as_up(lab):
    lab.docker.script(lambda record: record["Path"] == "init", Script(code=0))
    want = desired(command="init", detach=False)
    assert lab.bench.apply(want) == [f"create {NAME} from osvc/demo:1", f"run {NAME} to its end"]
    assert lab.ours() == {NAME: "exited"}
    assert lab.bench.change(want).verdict is Verdict.KEEP
    assert lab.bench.change(desired(command="init")).verdict is Verdict.START


def test_a_command_that_is_to_end_and_ends_badly(lab):
    lab.docker.script(lambda record: record["Path"] == "init", Script(code=3, output="no such table\n"))
    err = refusal(lab, Permanent, desired(command="init", detach=False))
    assert "ended with exit 3" in str(err) and err.output == "no such table"
    assert lab.bench.change(desired(command="init", detach=False)).verdict is Verdict.START


def test_a_command_that_is_to_end_and_does_not(lab):
    err = refusal(lab, Permanent, desired(detach=False, start_timeout=2))
    assert "still runs after 2 s" in str(err)
    assert lab.bench.change(desired(detach=False)).verdict is Verdict.START, "what comes after it waits still"


def test_a_container_that_goes_with_its_service(lab):
    want = desired(rm=True)
    lab.bench.apply(want)
    change = lab.bench.falling(want, remove=False)
    assert [action.says() for action in steps(change)] == [f"stop {NAME}", f"remove {NAME}"]
    lab.bench.do(want, steps(change))
    assert lab.ours() == {}
    assert steps(lab.bench.falling(want, remove=False)) == []


FIRST = {"replace": "start-first", "health_cmd": "true"}


def test_start_first_has_the_old_one_run_until_the_new_one_does(lab):
    lab.bench.apply(desired(**FIRST))
    old = lab.hand.inspect(NAME)["Id"]
    change = lab.bench.change(desired(**FIRST, command="sleep 2"))
    assert [action.says() for action in steps(change)] == [
        f"create {NAME}.osvc-new from osvc/demo:1",
        f"start {NAME}.osvc-new",
        f"stop {NAME}, whose successor runs",
        f"rename {NAME} to {NAME}.osvc-old",
        f"rename {NAME}.osvc-new to {NAME}",
        f"remove {NAME}.osvc-old",
    ]
    assert {action.costs for action in steps(change)} == {Effect.SAFE}
    lab.bench.apply(desired(**FIRST, command="sleep 2"))
    assert lab.ours() == {NAME: "running"} and lab.hand.inspect(NAME)["Id"] != old


def test_start_first_whose_new_one_dies_leaves_the_old_one_alone(lab):
    lab.bench.apply(desired(**FIRST))
    before = lab.hand.inspect(NAME)
    lab.docker.script(lambda record: record["Path"] == "broken", Script(code=4, output="no config"))
    want = desired(**FIRST, command="broken")
    with pytest.raises(Permanent, match="exit 4") as caught:
        lab.bench.apply(want)
    assert caught.value.output == "no config"
    now = lab.hand.inspect(NAME)
    assert (now["Id"], now["State"]["StartedAt"]) == (before["Id"], before["State"]["StartedAt"])
    Bench(FakeHost(lab.machine)).apply(desired(**FIRST))
    assert lab.ours() == {NAME: "running"} and lab.hand.inspect(NAME)["Id"] == before["Id"]


def test_start_first_of_one_that_does_not_run_is_an_ordinary_replacement(lab):
    lab.bench.apply(desired(**FIRST))
    lab.hand.stop(NAME, 0)
    says = [action.says() for action in steps(lab.bench.change(desired(**FIRST, command="sleep 2")))]
    assert not any("successor runs" in word for word in says)


# What an image brings

BIG = {"Cmd": ["sh"], "Volumes": {"/data": {}}, "ExposedPorts": {"80/tcp": {}}, "User": "app"}


def test_nameless_volumes_follow_to_an_image_that_is_pulled_first(lab):
    lab.docker.registry.update({"db:1": FakeImage(BIG, "1"), "db:2": FakeImage(BIG, "2"), "db:3": FakeImage({"Cmd": ["sh"]}, "3")})
    lab.bench.apply(desired(image="db:1", volume_mounts="/more"))
    before = {mount["Destination"]: mount["Name"] for mount in lab.hand.inspect(NAME)["Mounts"]}
    assert set(before) == {"/data", "/more"}
    lab.bench.apply(desired(image="db:2", volume_mounts="/more"))
    assert {mount["Destination"]: mount["Name"] for mount in lab.hand.inspect(NAME)["Mounts"]} == before
    lab.bench.apply(desired(image="db:3", volume_mounts="/more"))
    assert {mount["Destination"]: mount["Name"] for mount in lab.hand.inspect(NAME)["Mounts"]} == {"/more": before["/more"]}


def test_what_the_spec_says_and_the_image_too_is_taken_also_when_the_image_comes_first(lab):
    lab.docker.registry["app:1"] = FakeImage(BIG)
    lab.bench.apply(desired(image="app:1", user="app", expose="80"))
    assert lab.ours() == {NAME: "running"}


def test_an_image_that_an_older_osvc_read_is_read_again(lab):
    """It knew nothing of what an image exposes, mounts and checks: taken for the whole of it, every container would be replaced."""
    lab.docker.registry["db:1"] = FakeImage(BIG)
    want = desired(image="db:1")
    lab.bench.apply(want)
    seen = lab.bench.see(want)
    older = {
        **around(seen).image.model_dump(include={"id", "command", "entrypoint", "environment", "labels"}),
        "user": "app",
        "workdir": "",
    }
    stale = around(seen).model_copy(update={"image": type(around(seen).image).model_validate(older)})
    life = Bench(FakeHost(lab.machine))
    life.applied, life.remembered = want, replace(seen, around=stale)
    assert life.change(want).verdict is Verdict.KEEP
    assert life.change(want).fields == ()


def test_a_volume_that_is_named_by_its_id_is_named(lab):
    named = "ab" * 32
    want = desired(volume_mounts=f"{named}:/data")
    lab.bench.apply(want)
    assert Bench(FakeHost(lab.machine)).change(want).verdict is Verdict.ADOPT
    assert lab.bench.change(desired(volume_mounts="/data")).verdict is Verdict.KEEP, "the same volume, and nobody says which"
    data = lab.docker.data(ROOT)
    data.images.clear()
    data.tags.clear()
    change = Bench(FakeHost(lab.machine)).change(want)
    assert not {"volume_mounts", "user"} & {field.path for field in change.fields}, (
        "its image is gone, and what that brought unknown"
    )


def test_an_ended_job_has_no_health(lab):
    lab.docker.script(lambda record: record["Path"] == "init", Script(code=0))
    want = desired(command="init", detach=False, health_cmd="true")
    lab.bench.apply(want)
    record = lab.docker.alive(SYSTEM).data.containers[lab.hand.inspect(NAME)["Id"]].record
    record["State"]["Health"] = {"Status": "unhealthy", "FailingStreak": 0, "Log": []}
    assert Bench(FakeHost(lab.machine)).change(want).verdict is Verdict.ADOPT


def test_limits_that_an_engine_adds_to_every_container(lab):
    want = desired(ulimits="nofile=1024")
    lab.bench.apply(want)
    record = lab.docker.alive(SYSTEM).data.containers[lab.hand.inspect(NAME)["Id"]].record
    record["HostConfig"]["Ulimits"].append({"Name": "memlock", "Soft": -1, "Hard": -1})
    assert Bench(FakeHost(lab.machine)).change(want).fields == ()
    assert [field.path for field in lab.bench.change(desired()).fields] == ["ulimits.nofile"]


# Restarts


def restarted(lab, count: int, **state) -> None:
    """The engine has started it again so often."""
    daemon = lab.docker.alive(SYSTEM)
    container = daemon.data.containers[lab.hand.inspect(NAME)["Id"]]
    container.record["RestartCount"] = count
    container.record["State"].update(state)
    lab.docker.save(daemon, container)


def test_restarts_are_seen_and_counted_from_the_start_and_are_no_drift(lab):
    want = desired(restart_policy="on-failure")
    lab.bench.apply(want)
    began = lab.hand.inspect(NAME)["State"]["StartedAt"]
    restarted(lab, 4, StartedAt="2036-01-01T00:00:09Z", FinishedAt="2036-01-01T00:00:08Z")
    found = lab.bench.see(want).state
    assert (found.restarts, found.started_at, found.counted_from) == (4, "2036-01-01T00:00:09Z", began)
    assert lab.bench.change(want).verdict is Verdict.KEEP
    lab.hand.stop(NAME, 0)
    assert lab.bench.change(want).reason.endswith("after 4 restarts")


def test_what_fails_again_and_again_says_its_last_words(lab):
    want = desired(restart_policy="on-failure")
    lab.bench.apply(want)
    daemon = lab.docker.alive(SYSTEM)
    lab.docker.say(daemon.data.containers[lab.hand.inspect(NAME)["Id"]], "no config")
    state = lab.bench.see(want).state
    assert lab.bench.driver.words(state, lab.host) == "no config"
    lab.hand.stop(NAME, 0)
    lab.hand.remove(NAME)
    assert lab.bench.driver.words(state, lab.host) == ""


def test_one_that_its_policy_is_about_to_start_again_does_not_stay_up_and_one_that_runs_on_does(lab):
    """How often it was restarted says nothing: it may have waited for what came up after it."""
    want = desired(restart_policy="on-failure")
    *others, prove = steps(lab.bench.change(want))
    lab.bench.do(want, others)
    restarted(lab, 1)
    lab.bench.do(want, [prove])
    restarted(lab, 1, Status="restarting", Restarting=True, ExitCode=3)
    with pytest.raises(Permanent, match="exited right after its start, exit 3"):
        lab.bench.do(want, [prove])
    restarted(lab, 0, Status="running", Restarting=False, ExitCode=0)
    lab.bench.do(want, [prove])


def test_the_last_words_of_an_unhealthy_one_are_its_own_and_its_checks(lab):
    want = desired(health_cmd="false")
    create, start = steps(lab.bench.change(want))
    lab.bench.do(want, [create, start])
    daemon = lab.docker.alive(SYSTEM)
    lab.docker.say(daemon.data.containers[lab.hand.inspect(NAME)["Id"]], "listening")
    restarted(lab, 0, Health={"Status": "unhealthy", "Log": [{"Output": "no\x1b answer\n"}]})
    with pytest.raises(Permanent, match="runs, but its health check fails") as caught:
        lab.bench.driver.perform(ResourceId("web", "container#1"), start, lab.host, lab.bench.said.append)
    assert caught.value.output.splitlines() == ["listening", "health check: no answer"]
    lab.bench.driver.perform(ResourceId("web", "container#1"), changed(start, awaited=False), lab.host, lab.bench.said.append)
