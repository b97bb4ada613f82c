"""Networks of an engine: one suite, on the fake engine and on a real one."""

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from reconciler.core.action import Action
from reconciler.core.change import Change, Verdict
from reconciler.core.diff import diff_down, diff_up
from reconciler.core.ids import ResourceId
from reconciler.core.node import Node, Place
from reconciler.core.observed import Absent, Observed, Present, Unknown
from reconciler.core.ownership import Owned
from reconciler.core.policy import Policy
from reconciler.engine.execute import settled
from reconciler.host.docker_ports import Engine
from reconciler.host.errors import Conflict, Denied, NotFound
from reconciler.host.linux.host import linux_host
from reconciler.host.ports import Host
from reconciler.resources.container.driver import ContainerDriver
from reconciler.resources.container.model import Desired as Container
from reconciler.resources.container.normal import expected
from reconciler.resources.container.published import rules_for
from reconciler.resources.driver import Wanted
from reconciler.resources.inside import Around
from reconciler.resources.network.actions import Create
from reconciler.resources.network.driver import DRIVER
from reconciler.resources.network.model import Desired, made
from reconciler.resources.network.planning import KIND
from tests.contract.engine_fixture import DEMO, PrivateEngine
from tests.contract.stage import own_network
from tests.contract.test_docker import FakeBench
from tests.fakehost.docker_records import demo_image
from tests.unit.container import bench as containers

NAME = "web.network.1"
SLOTS = ("prepare", "down", "live", "up", "commit")


class Lab:
    """An engine, and what observing and doing takes. real: whether it is one."""

    def __init__(self, host: Host, node: Node, data_root: str, socket: str, *, real: bool) -> None:
        self.host, self.node, self.data_root, self.socket, self.real = host, node, data_root, socket, real
        self.engine: Engine = host.docker.engine(socket)
        self.owned: Owned | None = None

    def want(self, **keywords: Any) -> Desired:
        place = Place("web", "network#1", self.node)
        found = Desired.model_validate({"container_data_dir": self.data_root, **keywords}, context=place)
        return found.model_copy(update={"socket": self.socket})

    def container(self, **keywords: Any) -> Container:
        keywords = {"network": "network#1", "stop_timeout": 0, "container_data_dir": self.data_root, **keywords}
        return containers.desired(node=self.node, **keywords).model_copy(update={"socket": self.socket})

    def see(self, want: Desired) -> Observed:
        item = Wanted(ResourceId("web", "network#1"), want, self.owned)
        return DRIVER.observe([item], self.host)[item.id]

    def change(self, want: Desired) -> Change:
        return diff_up(KIND, "network#1", want, self.see(want), self.owned, Policy())

    def do(self, want: Desired, actions: list[Action]) -> None:
        for action in actions:
            DRIVER.perform(ResourceId("web", "network#1"), action, self.host, print)
            seen = settled(KIND, want, self.see(want))
            assert seen is not None and action.shown(seen), action.says()

    def apply(self, want: Desired) -> list[str]:
        change = self.change(want)
        if change.verdict in (Verdict.KEEP, Verdict.ADOPT):
            return []
        actions = steps(change)
        self.do(want, actions)
        self.owned = Owned("network", want, want, None)
        assert self.change(want).fields == ()
        return [action.says() for action in actions]

    def remove_volumes(self) -> None:
        """By hand: osvc removes none."""
        self.clear()
        if self.real:
            words = ["docker", "-H", f"unix://{self.socket}", "volume", "rm", "-f", *(one["Name"] for one in self.engine.volumes())]
            subprocess.run(words, check=False, capture_output=True)

    def clear(self) -> None:
        for record in self.engine.containers():
            self.engine.stop(record["Id"], 0)
            self.engine.remove(record["Id"])
        for network in self.engine.networks():
            if network["Name"] not in ("bridge", "host", "none"):
                self.engine.remove_network(network["Id"])


def steps(change: Change) -> list[Action]:
    moves = KIND.moves(change)
    return [action for slot in SLOTS for action in getattr(moves, slot)]


@pytest.fixture(scope="module")
def private() -> Iterator[PrivateEngine]:
    with PrivateEngine() as private:
        private.load_demo()
        yield private


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.real)])
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    if request.param == "fake":
        fake = FakeBench("/srv/o")
        fake.docker.add_image(fake.data_root, DEMO, demo_image())
        yield Lab(fake.host, Node(run_dir="/srv/o"), fake.data_root, "/srv/o/s", real=False)
        return
    private = request.getfixturevalue("private")
    node = Node(run_dir=str(private.dir), state_dir=f"{private.dir}/state")
    lab = Lab(linux_host(node, store="store-1"), node, private.data_root, private.socket, real=True)
    with own_network():  # for the firewall: the engine has another one of its own
        yield lab
        lab.clear()


SAMPLES: dict[str, dict[str, Any]] = {
    "nothing": {},
    "subnet": {"subnet": "10.7.1.0/24"},
    "two subnets": {"subnet": "10.7.1.0/24 fd00:7::/64", "ipv6": True},
    "gateway": {"subnet": "10.7.2.0/24", "gateway": "10.7.2.254"},
    "range": {"subnet": "10.7.3.0/24", "ip_range": "10.7.3.128/25", "aux_addresses": "router=10.7.3.1", "gateway": "10.7.3.2"},
    "internal": {"internal": True},
    "options": {"options": {"com.docker.network.bridge.name": "osvc-t1"}},
    "labels": {"labels": "a=b"},
    "macvlan": {"driver": "macvlan", "parent": "lo", "subnet": "10.7.4.0/24"},
}


@pytest.mark.parametrize("name", [name for name in SAMPLES if name != "macvlan"])
def test_what_was_applied_is_found(lab: Lab, name: str) -> None:
    want = lab.want(**SAMPLES[name])
    rules = () if name in ("internal", "options") else (f"let {NAME} out: 12 rules in chain {want.chain}",)
    assert lab.apply(want) == [f"create network {NAME}", *rules]
    lab.owned = None
    assert lab.change(want).verdict is Verdict.ADOPT
    lab.owned = Owned("network", want, want, None)
    if name != "nothing":
        other = lab.want(subnet="10.9.9.0/24")
        assert lab.change(other).verdict is Verdict.REPLACE
        made = [f"create network {NAME}", f"let {NAME} out: 12 rules in chain {want.chain}"]
        assert lab.apply(other) == [*(f"take 12 rules of {NAME} away" for _ in rules), f"remove network {NAME}", *made]
    assert lab.apply(lab.want(internal=True, subnet="10.9.8.0/24")) != []
    assert not any("OSVC-" in rule for rule in lab.host.net.rules())


@pytest.mark.real
@pytest.mark.parametrize("name", [name for name in SAMPLES if name != "macvlan"])
def test_the_docker_client_makes_the_same(private: PrivateEngine, request: pytest.FixtureRequest, name: str) -> None:
    node = Node(run_dir=str(private.dir), state_dir=f"{private.dir}/state")
    lab = Lab(linux_host(node, store="store-1"), node, private.data_root, private.socket, real=True)
    try:
        want = lab.want(**SAMPLES[name])
        create, *_ = steps(lab.change(want))
        assert isinstance(create, Create)
        done = subprocess.run(["sh", "-c", create.command()], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert [field.path for field in lab.change(want).fields] in ([], ["rules"])
    finally:
        lab.clear()


def test_containers_find_each_other_by_name_and_alias(lab: Lab) -> None:
    lab.apply(lab.want(subnet="10.7.1.0/24"))
    bench = containers.Bench(lab.host, ContainerDriver())
    want = lab.container(network_alias="db store web.container.1", ip="10.7.1.9")
    assert [word.split()[0] for word in bench.apply(want)] == ["create", "start"]
    assert containers.Bench(lab.host, ContainerDriver()).change(want).verdict is Verdict.ADOPT
    assert bench.change(lab.container(network_alias="db", ip="10.7.1.9")).reason == "network_alias changed"
    assert bench.change(lab.container(network_alias="store db web.container.1")).reason == "ip changed"
    assert bench.change(lab.container(network="bridge")).verdict is Verdict.REPLACE
    joined = lab.engine.inspect("web.container.1")["NetworkSettings"]["Networks"]
    assert list(joined) == [NAME]
    if lab.real:
        assert joined[NAME]["IPAddress"] == "10.7.1.9"
        words = ["docker", "-H", f"unix://{lab.socket}", "exec", "web.container.1", "ping", "-c1", "-w3", "db"]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert "10.7.1.9" in done.stdout, done.stderr


def test_a_network_in_use_is_not_removed(lab: Lab) -> None:
    lab.apply(lab.want())
    containers.Bench(lab.host, ContainerDriver()).apply(lab.container())
    with pytest.raises(Denied, match="active endpoints"):
        lab.engine.remove_network(NAME)


def test_a_container_joins_the_network_that_was_made_again(lab: Lab) -> None:
    lab.apply(lab.want(subnet="10.7.1.0/24"))
    bench = containers.Bench(lab.host, ContainerDriver())
    want = lab.container(network_alias="db")
    bench.apply(want)
    before = lab.engine.inspect("web.container.1")["Id"]
    lab.engine.stop("web.container.1", 0)
    lab.apply(lab.want(subnet="10.7.2.0/24"))
    assert bench.apply(want) == ["start web.container.1"]
    assert lab.engine.inspect("web.container.1")["Id"] == before
    assert bench.change(want).verdict is Verdict.KEEP
    assert bench.change(lab.container(network_alias="db")).fields == ()


def test_the_name_of_a_network_that_is_not_ours(lab: Lab) -> None:
    lab.engine.create_network({"Name": NAME, "Driver": "bridge", "CheckDuplicate": True})
    change = lab.change(lab.want())
    assert change.verdict is Verdict.REFUSE and "is taken by network" in change.reason
    with pytest.raises(Conflict, match="not ours"):
        lab.do(lab.want(), [Create(want=lab.want())])
    with pytest.raises(Conflict):
        lab.engine.create_network({"Name": NAME, "Driver": "bridge", "CheckDuplicate": True})


def test_a_network_that_is_not_there(lab: Lab) -> None:
    with pytest.raises(NotFound):
        lab.engine.remove_network("nowhere")
    with pytest.raises(NotFound):
        lab.engine.connect("nowhere", "nobody", {})
    assert isinstance(lab.see(lab.want()), Absent)


def test_going_down_leaves_it_and_removing_takes_it(lab: Lab) -> None:
    want = lab.want()
    lab.apply(want)
    assert steps(diff_down(KIND, "network#1", want, lab.see(want), lab.owned, remove=False)) == []
    falling = diff_down(KIND, "network#1", want, lab.see(want), lab.owned, remove=True)
    lab.do(want, steps(falling))
    assert isinstance(lab.see(want), Absent)
    assert steps(diff_down(KIND, "network#1", want, lab.see(want), lab.owned, remove=True)) == []
    for step in reversed(steps(falling)):
        lab.do(want, list(step.undo(falling.seen)))  # type: ignore[arg-type]
    assert lab.change(want).fields == ()


def test_a_way_out_is_mended_where_it_has_gaps_and_more_than_its_own(lab: Lab) -> None:
    want = lab.want(subnet="10.7.1.0/24")
    lab.apply(want)
    lab.host.commands.run(["iptables", "-w", "-t", "nat", "-F", want.chain])
    lab.host.commands.run(["iptables", "-w", "-A", want.chain, "-j", "RETURN"])
    change = lab.change(want)
    assert (change.verdict, [field.path for field in change.fields]) == (Verdict.LIVE, ["rules"])
    before = lab.see(want)
    lab.do(want, steps(change))
    assert lab.change(want).verdict is Verdict.KEEP
    for step in reversed(steps(change)):
        lab.do(want, list(step.undo(before)))  # type: ignore[arg-type]
    left = [rule for rule in lab.host.net.rules() if want.chain in rule.split()]
    assert len(left) == 10 and not any("MASQUERADE" in rule for rule in left)


def test_a_network_of_an_older_osvc_keeps_its_bridge_and_gets_a_way_out(lab: Lab) -> None:
    want = lab.want(subnet="10.7.1.0/24")
    lab.apply(want.model_copy(update={"chain": ""}))
    (made,) = [one["Id"] for one in lab.engine.networks() if one["Name"] == NAME]
    change = lab.change(want)
    assert (change.verdict, [field.path for field in change.fields]) == (Verdict.LIVE, ["rules"])
    lab.do(want, steps(change))
    assert lab.change(want).verdict is Verdict.KEEP
    assert made in [one["Id"] for one in lab.engine.networks()]
    assert f"nat -A {want.chain} -s 10.7.1.0/24 ! -o br-{made[:12]} " in " ".join(sorted(lab.host.net.rules()))


def test_a_network_without_a_choice_of_its_own_is_let_out_by_the_subnet_that_it_got(lab: Lab) -> None:
    want = lab.want()
    create, let_out = steps(lab.change(want))
    text = let_out.command()
    assert text.startswith(f"net=$(docker -H unix://{lab.socket} network inspect -f ") and ' -s "$net" ' in text
    lab.do(want, [create, let_out])
    (subnet,) = next(one for one in lab.engine.networks() if one["Name"] == NAME)["IPAM"]["Config"]
    assert any(f"-s {subnet['Subnet']} " in rule and want.chain in rule for rule in lab.host.net.rules())
    lab.do(want, [*let_out.undo(Absent(Around())), *create.undo(Absent(Around()))])  # type: ignore[misc]
    assert not any("OSVC-" in rule for rule in lab.host.net.rules())


def test_no_masquerade_where_the_network_says_so(lab: Lab) -> None:
    want = lab.want(options="com.docker.network.bridge.enable_ip_masquerade=false")
    lab.apply(want)
    assert {rule.split()[0] for rule in lab.host.net.rules() if "OSVC-" in rule} == {"filter"}


def led(lab: Lab) -> set[str]:
    """Where the firewall leads clients: "[ADDRESS ]PROTOCOL PORT DESTINATION"."""
    found = set()
    for rule in lab.host.net.rules():
        words = rule.split()
        if "--to-destination" in words:
            address = f"{words[words.index('-d') + 1]} " if "-d" in words else ""
            found.add(f"{address}{words[words.index('-p') + 1]} {words[words.index('--dport') + 1]} {words[-1]}")
    return found


def test_clients_are_led_to_a_container_with_a_fixed_address_while_it_runs(lab: Lab) -> None:
    lab.apply(lab.want(subnet="10.7.1.0/24"))
    bench = containers.Bench(lab.host, ContainerDriver())
    ports = ["18080:80", "127.0.0.1:18081:81", "127.0.0.2:18082:82/udp", "83"]
    words = {"ip": "10.7.1.9", "client_address": True, "command": "sleep 1000"}
    want = lab.container(**words, ports=ports)
    publish = f"lead clients to web.container.1 on 10.7.1.9: 4 rules in chain {want.chain}"
    assert bench.apply(want) == ["create web.container.1 from osvc/demo:1", "start web.container.1", publish]
    assert led(lab) == {"tcp 18080 10.7.1.9:80"}
    assert containers.Bench(lab.host, ContainerDriver()).change(want).verdict is Verdict.ADOPT

    lab.host.commands.run(["iptables", "-w", "-t", "nat", "-F", want.chain])
    assert (bench.change(want).verdict, [field.path for field in bench.change(want).fields]) == (Verdict.LIVE, ["rules"])
    assert bench.apply(want) == [f"lead clients to web.container.1 on 10.7.1.9: 1 rules in chain {want.chain}"]

    falling = bench.falling(want, remove=False)
    gone = "lead no clients to web.container.1: take 4 rules away"
    assert [action.says() for action in containers.steps(falling)] == [gone, "stop web.container.1"]
    bench.do(want, containers.steps(falling))
    assert led(lab) == set() and bench.falling(want, remove=False).verdict is Verdict.STOP
    assert containers.steps(bench.falling(want, remove=False)) == []
    assert bench.apply(want) == ["start web.container.1", publish]

    other = lab.container(**words, ports=["18080:80", "18090:90/udp"])
    assert gone in bench.apply(other)
    assert led(lab) == {"tcp 18080 10.7.1.9:80", "udp 18090 10.7.1.9:90"}
    free = lab.container(command="sleep 1000", ports=["18080:80"])
    assert not free.rules and bench.apply(free)[1].startswith("lead no clients")
    assert led(lab) == set(), "an address of the engine's choice may be another's next time"


def test_nobody_is_led_into_an_internal_network(lab: Lab) -> None:
    """The engine publishes nothing there: what was planned comes to nothing, and is not planned again."""
    lab.apply(lab.want(subnet="10.7.1.0/24", internal=True))
    bench = containers.Bench(lab.host, ContainerDriver())
    want = lab.container(ip="10.7.1.9", client_address=True, command="sleep 1000", ports=["18080:80"])
    bench.apply(want)
    assert led(lab) == set() and bench.change(want).verdict is Verdict.KEEP


def test_what_took_clients_away_leads_them_back(lab: Lab) -> None:
    lab.apply(lab.want(subnet="10.7.1.0/24"))
    bench = containers.Bench(lab.host, ContainerDriver())
    want = lab.container(ip="10.7.1.9", client_address=True, command="sleep 1000", ports=["18080:80"])
    bench.apply(want)
    rules, before = lab.host.net.rules(), bench.see(want)
    unpublish, _ = containers.steps(bench.falling(want, remove=False))
    bench.do(want, [unpublish])
    assert led(lab) == set()
    (back,) = unpublish.undo(before)  # type: ignore[misc]
    bench.do(want, [back])
    assert lab.host.net.rules() == rules
    bench.do(want, back.undo(before))  # type: ignore[arg-type]
    (publish,) = containers.steps(bench.change(want))
    seen = bench.see(want)
    bench.do(want, [publish])
    bench.do(want, publish.undo(seen))  # type: ignore[arg-type]
    assert not any(want.chain in rule for rule in lab.host.net.rules())


def test_a_port_is_led_from_where_the_engine_has_published_it() -> None:
    """An engine may be told (--ip) to publish on one address what is to be published on all."""
    want = containers.desired(
        network="network#1", container_data_dir="/srv/d", ip="10.7.1.9", client_address=True, ports=["8080:80", "53:53/udp"]
    )
    made = expected(want, "web.container.1", None)

    def dnat(bound: tuple[str, ...] | None) -> list[str]:
        rules = rules_for(want, made.model_copy(update={"bound": bound}))
        return [rule.partition("! -s 10.7.1.9/32 ")[2].partition(" -m comment")[0] for rule in rules if "DNAT" in rule]

    assert dnat(None) == ["-p udp -m udp --dport 53", "-p tcp -m tcp --dport 8080"]
    assert dnat(("192.0.2.2:8080:80/tcp", "0.0.0.0:53:53/udp")) == [
        "-p udp -m udp --dport 53",
        "-d 192.0.2.2/32 -p tcp -m tcp --dport 8080",
    ]
    assert dnat(("127.0.0.1:8080:80/tcp",)) == dnat(()) == []


def test_the_system_engine_lets_its_networks_out_itself() -> None:
    want = Desired.model_validate({}, context=Place("web", "network#1", Node()))
    assert not want.opens and "bridge.name" not in Create(want=want).command()


def test_an_engine_that_is_down() -> None:
    fake = FakeBench("/srv/o")
    lab = Lab(fake.host, Node(run_dir="/srv/o"), fake.data_root, "/srv/o/s", real=False)
    want = lab.want()
    lab.apply(want)
    seen = lab.see(want)
    fake.kill()
    found = lab.see(want)
    assert isinstance(found, Unknown) and isinstance(found.assume, Absent) and found.behind == "dockerd"
    lab.owned = Owned("network", want, want, seen)  # type: ignore[arg-type]
    found = lab.see(want)
    assert isinstance(found, Unknown) and found.assume is not None and not isinstance(found.assume, Absent)


@pytest.mark.parametrize(
    ("keywords", "said"),
    [
        ({"driver": "overlay"}, "driver 'overlay': it needs a swarm"),
        ({"driver": "weave"}, "expected bridge or macvlan or ipvlan, not 'weave'"),
        ({"subnet": "10.1.2.3/24"}, "'10.1.2.3/24' is not a network such as 10.1.2.0/24; did you mean 10.1.2.0/24?"),
        ({"subnet": "lan"}, "'lan' is not a network such as 10.1.2.0/24"),
        ({"gateway": "10.1.2.1"}, "gateway and ip_range need subnet; write it, too"),
        ({"subnet": "10.1.2.0/24", "gateway": "10.1.3.1"}, "10.1.3.1 is in none of the subnets"),
        ({"parent": "eth0"}, "parent is for macvlan and ipvlan; a bridge has none"),
        ({"labels": "osvc.rid=x"}, "label 'osvc.rid' is osvc's own; choose another name"),
    ],
)
def test_bad_values(keywords: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError) as caught:
        Desired.model_validate(keywords, context=Place("web", "network#1", Node()))
    assert said in str(caught.value), json.dumps(str(caught.value))


@pytest.mark.parametrize(
    ("keywords", "seen"),
    [
        (
            {"ipv6": True, "subnet": "fd00:7::/64"},
            {"subnet": ("172.18.0.0/16", "fd00:7::/64"), "gateway": ("172.18.0.1", "fd00:7::1")},
        ),
        (
            {"subnet": "10.1.0.0/24", "gateway": "10.1.0.1"},
            {"subnet": ("10.1.0.0/24", "fd00::/64"), "gateway": ("10.1.0.1", "fd00::1")},
        ),
        ({}, {"subnet": ("172.18.0.0/16",), "options": {"com.docker.network.driver.mtu": "1450"}}),
    ],
)
def test_what_the_engine_chooses_is_no_difference(keywords: dict[str, Any], seen: dict[str, Any]) -> None:
    want = Desired.model_validate(keywords, context=Place("web", "network#1", Node()))
    state = made(want).model_copy(update=seen)
    assert diff_up(KIND, "network#1", want, Present(state, Around()), Owned("network", want, want), Policy()).fields == ()
    state = state.model_copy(update={"subnet": ("10.99.0.0/16",)})
    asked = diff_up(KIND, "network#1", want, Present(state, Around()), Owned("network", want, want), Policy()).fields
    assert bool(asked) == bool(want.subnet)


def test_a_secret_among_the_options_stands_in_no_command() -> None:
    want = Desired.model_validate({"options": {"auth_password": "hunter2hunter2"}}, context=Place("web", "network#1", Node()))
    create = Create(want=want)
    assert "hunter2" not in create.command() + repr(create)
    assert "hunter2hunter2" in create.secrets.values()


def test_the_parent_is_an_option() -> None:
    want = Desired.model_validate({"driver": "macvlan", "parent": "eth0"}, context=Place("web", "network#1", Node()))
    assert want.options == {"parent": "eth0"}
    assert "--driver macvlan --opt parent=eth0" in Create(want=want).command()
