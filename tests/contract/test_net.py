"""Net, and the ip, iptables and sysctl that change it. The real one runs in a network namespace of the test's own."""

import pytest

from reconciler.host.errors import Conflict, HostError, NotFound
from reconciler.host.linux.commands import LinuxCommands
from reconciler.host.linux.net import LinuxNet, parse
from reconciler.host.ports import Completed, Link, Route


@pytest.fixture
def run(net_stage):
    """Run a command line."""

    def call(line: str):
        return net_stage.host.commands.run(line.split())

    return call


@pytest.fixture
def net(net_stage):
    return net_stage.host.net


def link(net, name) -> Link | None:
    return next((found for found in net.links() if found.name == name), None)


class TestLinks:
    def test_an_empty_machine(self, net):
        lo = link(net, "lo")
        assert (lo.kind, lo.up) == ("", True)
        assert set(lo.addresses) == {"127.0.0.1/8", "::1/128"}
        assert net.routes() == ()

    def test_a_bridge_comes_and_goes(self, net, run):
        run("ip link add osvc-1 type bridge")
        assert link(net, "osvc-1") == Link("osvc-1", "bridge", False, ())
        run("ip addr add 10.208.4.1/24 dev osvc-1")
        assert link(net, "osvc-1").addresses == ("10.208.4.1/24",)
        run("ip link set osvc-1 up")
        assert link(net, "osvc-1").up is True
        run("ip link set osvc-1 down")
        assert link(net, "osvc-1").up is False
        run("ip addr del 10.208.4.1/24 dev osvc-1")
        assert link(net, "osvc-1").addresses == ()
        run("ip link del osvc-1")
        assert link(net, "osvc-1") is None

    def test_twice(self, run):
        run("ip link add osvc-1 type bridge")
        with pytest.raises(Conflict, match="File exists"):
            run("ip link add osvc-1 type bridge")
        run("ip addr add 10.208.4.1/24 dev osvc-1")
        with pytest.raises(Conflict, match="already assigned"):
            run("ip addr add 10.208.4.1/24 dev osvc-1")

    @pytest.mark.parametrize("line", ["ip link del nope1", "ip link set nope1 up", "ip addr add 10.0.0.1/8 dev nope1"])
    def test_no_such_link(self, run, line):
        with pytest.raises(NotFound, match='Cannot find device "nope1"'):
            run(line)

    def test_a_name_that_is_too_long(self, run):
        with pytest.raises(HostError, match="failed policy validation"):
            run("ip link add osvc-0123456789a type bridge")


class TestRoutes:
    def test_an_address_brings_its_network_while_the_link_is_up(self, net, run):
        route = Route("10.208.4.0/24", "osvc-1")
        run("ip link add osvc-1 type bridge")
        run("ip addr add 10.208.4.1/24 dev osvc-1")
        assert route not in net.routes()
        run("ip link set osvc-1 up")
        assert route in net.routes()
        run("ip link del osvc-1")
        assert route not in net.routes()


class TestFirewall:
    def ours(self, net):
        return {rule for rule in net.rules() if "OSVC" in rule}

    def test_chains(self, net, run):
        run("iptables -w -t nat -N OSVC-1")
        assert self.ours(net) == {"nat -N OSVC-1"}
        with pytest.raises(Conflict, match="already exists"):
            run("iptables -w -t nat -N OSVC-1")
        run("iptables -w -t nat -X OSVC-1")
        assert self.ours(net) == set()
        for line in ("-F OSVC-1", "-X OSVC-1", "-A OSVC-1 -j ACCEPT", "-D FORWARD -j OSVC-1"):
            with pytest.raises(NotFound):
                run(f"iptables -w -t filter {line}")

    @pytest.mark.parametrize(
        ("given", "saved"),
        [
            ("-i osvc-1 -j ACCEPT", "-i osvc-1 -j ACCEPT"),
            ("-s 10.208.4.0/24 ! -o osvc-1 -j MASQUERADE", "-s 10.208.4.0/24 ! -o osvc-1 -j MASQUERADE"),
            ("! -o osvc-1 -s 10.208.4.9 -j RETURN", "-s 10.208.4.9/32 ! -o osvc-1 -j RETURN"),
            ("-i osvc-1 ! -o osvc-+ -j ACCEPT", "-i osvc-1 ! -o osvc-+ -j ACCEPT"),
            (
                "-o osvc-1 -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT",
                "-o osvc-1 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
            ),
            ("-m comment --comment osvc:web -j ACCEPT", '-m comment --comment "osvc:web" -j ACCEPT'),
            ("-m comment --comment osvc:a_b-c.d -j ACCEPT", '-m comment --comment "osvc:a_b-c.d" -j ACCEPT'),
            ("-m comment --comment plain_word-1 -j ACCEPT", "-m comment --comment plain_word-1 -j ACCEPT"),
            ("-p tcp --dport 80 -j DROP", "-p tcp -m tcp --dport 80 -j DROP"),
        ],
    )
    def test_rules_as_they_are_saved(self, net, run, given, saved):
        table = "nat" if "MASQUERADE" in given else "filter"
        run(f"iptables -w -t {table} -N OSVC-1")
        run(f"iptables -w -t {table} -A OSVC-1 {given}")
        assert self.ours(net) == {f"{table} -N OSVC-1", f"{table} -A OSVC-1 {saved}"}
        run(f"iptables -w -t {table} -C OSVC-1 {given}")
        run(f"iptables -w -t {table} -D OSVC-1 {given}")
        assert self.ours(net) == {f"{table} -N OSVC-1"}
        with pytest.raises(NotFound, match="matching rule"):
            run(f"iptables -w -t {table} -C OSVC-1 {given}")

    def test_a_chain_in_use_stays(self, net, run):
        run("iptables -w -t filter -N OSVC-1")
        run("iptables -w -t filter -I FORWARD 1 -j OSVC-1")
        with pytest.raises(HostError, match="busy"):
            run("iptables -w -t filter -X OSVC-1")
        run("iptables -w -t filter -D FORWARD -j OSVC-1")
        run("iptables -w -t filter -A OSVC-1 -j DROP")
        with pytest.raises(HostError, match="busy"):
            run("iptables -w -t filter -X OSVC-1")
        run("iptables -w -t filter -F OSVC-1")
        run("iptables -w -t filter -X OSVC-1")
        assert self.ours(net) == set()

    def test_a_jump_to_nowhere(self, run):
        with pytest.raises(NotFound):
            run("iptables -w -t filter -A FORWARD -j OSVC-1")

    def test_policies_are_told(self, net, run):
        run("iptables -w -t filter -N OSVC-1")
        run("iptables -w -t filter -P FORWARD DROP")
        assert "filter -P FORWARD DROP" in net.rules()
        assert "filter -P INPUT ACCEPT" in net.rules()


def test_forwarding(net, run):
    run("sysctl -w net.ipv4.ip_forward=1")
    assert net.forwarding() is True
    run("sysctl -w net.ipv4.ip_forward=0")
    assert net.forwarding() is False


def test_names(net):
    assert "127.0.0.1" in net.resolve("localhost")
    assert net.resolve("127.0.0.9") == ("127.0.0.9",)
    assert net.resolve("a..b") == ()


def test_saved_text_is_parsed():
    text = "# x\n*nat\n:POSTROUTING ACCEPT [1:2]\n:OSVC-1 - [0:0]\n-A POSTROUTING -j OSVC-1\nCOMMIT\n"
    text += "*filter\n:FORWARD DROP [0:0]\nCOMMIT\n"
    assert parse(text) == {"nat -P POSTROUTING ACCEPT", "nat -N OSVC-1", "nat -A POSTROUTING -j OSVC-1", "filter -P FORWARD DROP"}


class Answers:
    """Commands that answer from a table, for what this machine cannot be made to say."""

    def __init__(self, **answers):
        self.answers = answers

    def run(self, argv, *, timeout=30.0, ok=(0,)):
        if argv[0] == "iptables-save":
            return LinuxCommands().run(["no-iptables-save-here"])
        return Completed(tuple(argv), 0, self.answers[argv[2]], "")


def test_without_iptables_there_are_no_rules():
    assert LinuxNet(Answers()).rules() == frozenset()


def test_routes_of_all_kinds():
    several = '{"dst":"default","nexthops":[{"dev":"a"},{"dev":"b"}]}'
    four = f'[{several},{{"type":"blackhole","dst":"10.9.0.0/16"}},{{"dst":"10.1.1.1","dev":"c"}}]'
    six = '[{"dst":"default","dev":"a"},{"dst":"fd00::1","dev":"a"}]'
    found = [(route.destination, route.device) for route in LinuxNet(Answers(**{"-4": four, "-6": six})).routes()]
    assert found == [
        ("default", "a"),
        ("default", "b"),
        ("10.9.0.0/16", ""),
        ("10.1.1.1/32", "c"),
        ("default", "a"),
        ("fd00::1/128", "a"),
    ]
