"""Containers on a real engine: what is changed by hand is mended with the smallest step, and a run cut short is picked up again."""

import time

import pytest

from reconciler.core.change import Verdict
from reconciler.core.node import Node
from reconciler.core.observed import Present, Unknown
from reconciler.host.errors import Conflict, HostError, Permanent
from reconciler.host.linux.host import linux_host
from reconciler.resources.container.model import Desired
from tests.contract.engine_fixture import PrivateEngine
from tests.unit.container import bench
from tests.unit.container.bench import Bench, steps

pytestmark = pytest.mark.real
NAME = "web.container.1"


@pytest.fixture(scope="module")
def private():
    with PrivateEngine() as private:
        private.load_demo()
        private.load_demo("osvc/demo:2", revision=2)
        yield private


class Lab:
    def __init__(self, private: PrivateEngine) -> None:
        self.private = private
        self.node = Node(run_dir=str(private.dir), state_dir=f"{private.dir}/state")
        self.engine = private.engine
        self.bench = self.life()

    def life(self) -> Bench:
        """Another run of osvc, which remembers nothing."""
        return Bench(linux_host(self.node, store="store-1"))

    def want(self, **keywords) -> Desired:
        keywords = {"network": "none", "stop_timeout": 0, "container_data_dir": self.private.data_root, **keywords}
        return bench.desired(node=self.node, **keywords).model_copy(update={"socket": self.private.socket})

    def ours(self) -> dict[str, str]:
        return {record["Names"][0][1:]: record["State"] for record in self.engine.containers()}

    def clear(self) -> None:
        for record in self.engine.containers():
            if record["State"] == "paused":
                self.engine.unpause(record["Id"])
            self.engine.stop(record["Id"], 0)
            self.engine.remove(record["Id"])


@pytest.fixture
def lab(private):
    lab = Lab(private)
    yield lab
    lab.clear()


EVERYTHING = {
    "image": "osvc/demo:2",
    "environment": "A=b DB_PASSWORD=x",
    "labels": "a=b",
    "hostname": "h1",
    "workdir": "/data",
    "user": "0",
    "tty": True,
    "interactive": True,
    "read_only": True,
    "restart_policy": "unless-stopped",
    "memory": "64m",
    "cpus": 0.5,
    "entrypoint": "sleep",
    "command": "1000",
    "network": "bridge",
    "ports": "127.0.0.1:8080:80 8081:81/udp",
}


def test_a_fresh_apply_of_everything_and_then_nothing(lab):
    want = lab.want(**EVERYTHING, volume_mounts=f"data:/data {lab.private.dir}:/conf:ro")
    assert lab.bench.apply(want) == [f"create {NAME} from osvc/demo:2", f"start {NAME}", f"see that {NAME} stays up"]
    reads = lab.bench.host.docker.engine(want.socket).calls.reads
    assert lab.bench.change(want).verdict is Verdict.KEEP
    assert lab.bench.host.docker.engine(want.socket).calls.reads - reads == 2
    assert lab.life().change(want).verdict is Verdict.ADOPT


def test_every_kind_of_change_and_back(lab):
    lab.bench.apply(lab.want())
    lab.bench.apply(lab.want(**EVERYTHING))
    lab.bench.apply(lab.want(entrypoint=[""], command="sleep 1000"))
    lab.bench.apply(lab.want())
    assert lab.ours() == {NAME: "running"}


def test_limits_come_and_go_in_place(lab):
    lab.bench.apply(lab.want(memory="64m"))
    started = lab.engine.inspect(NAME)["State"]["StartedAt"]
    for want in (lab.want(memory="512m", cpus=0.5), lab.want(), lab.want(memory="8m"), lab.want(restart_policy="on-failure:2")):
        assert [word.split(":")[0] for word in lab.bench.apply(want)] == [f"update {NAME}"]
    assert lab.engine.inspect(NAME)["State"]["StartedAt"] == started


@pytest.mark.parametrize(
    ("by_hand", "does"),
    [
        (lambda engine: engine.stop(NAME, 0), [f"start {NAME}"]),
        (lambda engine: engine.rename(NAME, "foo"), [f"rename foo to {NAME}"]),
        (
            lambda engine: engine.update(NAME, {"Memory": 64 << 20, "MemorySwap": 128 << 20}),
            [f"update {NAME}: memory without limit"],
        ),
        (lambda engine: (engine.stop(NAME, 0), engine.remove(NAME)), [f"create {NAME} from osvc/demo:1", f"start {NAME}"]),
    ],
    ids=["stopped", "renamed", "updated", "removed"],
)
def test_what_is_done_by_hand_is_mended_with_the_smallest_step(lab, by_hand, does):
    lab.bench.apply(lab.want())
    by_hand(lab.engine)
    assert lab.bench.apply(lab.want()) == does
    assert lab.ours() == {NAME: "running"}


@pytest.mark.parametrize("back", [False, True], ids=["again", "the old spec"])
@pytest.mark.parametrize("cut", range(1, 8))
def test_a_replacement_that_was_cut_short(lab, cut, back):
    old, want = lab.want(restart_policy="unless-stopped"), lab.want(restart_policy="unless-stopped", image="osvc/demo:2")
    lab.bench.apply(old)
    lab.bench.do(want, steps(lab.bench.change(want))[:cut])
    end = old if back else want
    lab.life().apply(end)
    assert lab.ours() == {NAME: "running"}
    assert lab.engine.inspect(NAME)["HostConfig"]["RestartPolicy"]["Name"] == "unless-stopped"


def test_errors_say_what_happened(lab):
    def says(kind: type[HostError], **keywords) -> HostError:
        """On a busy machine a container may end later than it is waited for; then another one is made."""
        with pytest.raises(kind) as caught:
            for _ in range(50):
                lab.life().apply(lab.want(**keywords))
                lab.clear()
        lab.clear()
        return caught.value

    died = says(Permanent, command=["sh", "-c", "echo reading; echo no config >&2; exit 3"])
    assert str(died) == f"{NAME} exited right after its start, exit 3"
    assert sorted(died.output.splitlines()) == ["no config", "reading"]
    assert str(says(Permanent, command="/nonesuch")).startswith(f'cannot start {NAME}: exec: "/nonesuch"')
    assert "does not exist" in str(says(Permanent, volume_mounts=f"{lab.private.dir}/nope:/x"))
    assert not (lab.private.dir / "nope").exists()
    greedy = "x=aaaaaaaaaaaaaaaa; while :; do x=$x$x; done"
    assert "out of memory at 6m" in str(says(Permanent, memory="6m", command=["sh", "-c", greedy]))


def test_an_exit_soon_after_the_start_is_told_by_the_next_start(lab):
    want = lab.want(command=["sh", "-c", "echo reading; sleep 0.3; exit 3"])
    lab.bench.do(want, steps(lab.bench.change(want)))
    while lab.engine.inspect(NAME)["State"]["Running"]:
        time.sleep(0.02)
    change = lab.bench.change(want)
    assert change.verdict is Verdict.START and change.reason.endswith(", exit 3")
    with pytest.raises(Permanent, match="exited right after its start, exit 3") as caught:
        lab.bench.do(want, steps(change))
    assert caught.value.output.splitlines() == ["reading", "reading"]


def test_a_port_that_another_container_has(lab):
    lab.engine.create(
        "stranger",
        {
            "Image": "osvc/demo:1",
            "Cmd": ["sleep", "1000"],
            "ExposedPorts": {"80/tcp": {}},
            "HostConfig": {"PortBindings": {"80/tcp": [{"HostIp": "", "HostPort": "8080"}]}},
        },
    )
    want = lab.want(network="bridge", ports="8080:80")
    create, start = steps(lab.bench.change(want))
    lab.bench.do(want, [create])
    lab.engine.start("stranger")
    assert lab.bench.change(want).reason == "port 8080 is held by container stranger, not ours"
    with pytest.raises(Conflict, match="8080"):
        lab.bench.do(want, [start])


def test_the_files_of_an_engine_that_is_down(lab):
    want = lab.want(environment="A=b")
    lab.bench.apply(want)
    up = lab.bench.see(want)
    lab.engine.stop(NAME, 0)
    lab.private.kill()
    try:
        down = lab.life().see(want)
        assert isinstance(down, Unknown) and down.basis == "read from the stopped engine's files"
        assert isinstance(down.assume, Present) and isinstance(up, Present)
        assert down.assume.around.image == up.around.image
        volatile = {"status", "ended_at", "exit_code", "pid", "bound"}
        assert down.assume.state.model_dump(exclude=volatile) == up.state.model_dump(exclude=volatile)
        assert down.assume.state.status == "exited"
        assert lab.life().change(want).verdict is Verdict.START
    finally:
        lab.private.start()
    assert lab.life().apply(want) == [f"start {NAME}"]
