"""Net, and the ip, iptables and sysctl that change it. The real one runs in a network namespace of the test's own."""

import json
import socket
from typing import Any

import pytest

from reconciler.host.errors import Conflict, HostError, NotFound, Transient
from reconciler.host.linux import rtnetlink
from reconciler.host.linux.commands import LinuxCommands
from reconciler.host.linux.net import LinuxNet, parse
from reconciler.host.ports import Address, Link, Route
from tests.contract.stage import own_network


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

    def test_what_was_begun_is_what_is_read(self, net, run):
        run("iptables -w -N OSVC-1")
        begun = net.begin()
        assert begun() == net.rules() and "filter -N OSVC-1" in net.rules()

    def test_a_bridge_comes_and_goes(self, net, run):
        run("ip link add osvc-1 type bridge")
        assert link(net, "osvc-1") == Link("osvc-1", "bridge", False, (), carrier=False)
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


V4, V6, MORE_V6 = "10.7.1.5", "2001:db8::5", "2001:db8::6"


def assigned(net, name) -> dict:
    """CIDR -> the address of a link, in its order."""
    return {str(one): one for one in link(net, name).assigned}


def certain(stage, name, cidr):
    """The address, once the kernel has found out whether another host has it."""
    for _ in range(60):
        one = assigned(stage.host.net, name)[cidr]
        if "tentative" not in one.flags or "dadfailed" in one.flags:
            return one
        stage.host.clock.sleep(0.1)
    raise AssertionError(f"{cidr} is tentative for ever")


class TestAddresses:
    def test_what_is_told_of_them(self, net, run):
        run("ip link add osvc-1 type bridge")
        run("ip addr add 10.7.1.1/24 dev osvc-1")
        run("ip addr add 10.7.1.5/24 dev osvc-1 brd 10.7.1.255 label osvc-1:web noprefixroute")
        run("ip addr add 10.7.2.5/24 dev osvc-1 metric 77 scope link")
        found = assigned(net, "osvc-1")
        assert list(found) == ["10.7.2.5/24", "10.7.1.1/24", "10.7.1.5/24"]
        assert found["10.7.1.1/24"] == Address("10.7.1.1", 24, "osvc-1")
        web = Address("10.7.1.5", 24, "osvc-1:web", "global", "10.7.1.255", flags=frozenset({"secondary", "noprefixroute"}))
        assert found["10.7.1.5/24"] == web
        assert (found["10.7.2.5/24"].metric, found["10.7.2.5/24"].scope) == (77, "link")
        with pytest.raises(HostError, match="Invalid scope value"):
            run("ip addr add 10.7.2.6/24 dev osvc-1")
        assert link(net, "osvc-1").arp and not link(net, "lo").arp
        assert {one.scope for one in link(net, "lo").assigned} == {"host"}

    def test_a_label_that_is_too_long(self, net, run):
        run("ip link add osvc-1 type bridge")
        with pytest.raises(HostError, match="failed policy validation"):
            run("ip addr add 10.7.1.5/24 dev osvc-1 label osvc-1:0123456789")
        assert link(net, "osvc-1").addresses == ()

    @pytest.mark.parametrize(("first", "second"), [("10.7.1.5/24", "10.7.1.5/25"), ("2001:db8::5/64", "2001:db8::5/48")])
    def test_another_prefix_is_another_address_but_for_ipv6(self, net, run, first, second):
        run("ip link add osvc-1 type bridge")
        run(f"ip addr add {first} dev osvc-1")
        with pytest.raises(Conflict, match="already assigned"):
            run(f"ip addr add {first} dev osvc-1")
        if ":" in first:
            with pytest.raises(Conflict, match="already assigned"):
                run(f"ip addr add {second} dev osvc-1")
        else:
            run(f"ip addr add {second} dev osvc-1")
            assert set(link(net, "osvc-1").addresses) == {first, second}

    @pytest.mark.parametrize("cidr", ["10.7.1.9/24", "2001:db8::9/64"])
    def test_one_that_is_not_there(self, run, cidr):
        run("ip link add osvc-1 type bridge")
        with pytest.raises(HostError, match="ddress not found"):
            run(f"ip addr del {cidr} dev osvc-1")

    def test_the_first_of_a_network_takes_the_others_along(self, net, run):
        run("ip link add osvc-1 type bridge")
        run("sysctl -q -w net/ipv4/conf/osvc-1/promote_secondaries=0")
        for cidr in ("10.7.1.1/24", "10.7.1.2/24", "10.7.1.3/25", "10.7.2.1/24"):
            run(f"ip addr add {cidr} dev osvc-1")
        flags = {cidr: one.flags for cidr, one in assigned(net, "osvc-1").items()}
        assert [cidr for cidr in flags if flags[cidr]] == ["10.7.1.2/24"]
        run("ip addr del 10.7.1.1/24 dev osvc-1")
        assert link(net, "osvc-1").addresses == ("10.7.1.3/25", "10.7.2.1/24")

    def test_unless_the_next_one_takes_its_place(self, net_stage, net, run):
        run("ip link add osvc-1 type bridge")
        path = "/proc/sys/net/ipv4/conf/osvc-1/promote_secondaries"
        run("sysctl -q -w net/ipv4/conf/osvc-1/promote_secondaries=1")
        assert net_stage.host.files.read(path) == "1\n"
        for cidr in ("10.7.1.1/24", "10.7.1.2/24", "10.7.1.3/24", "10.7.2.1/24"):
            run(f"ip addr add {cidr} dev osvc-1")
        run("ip addr del 10.7.1.1/24 dev osvc-1")
        found = assigned(net, "osvc-1")
        assert {cidr: "secondary" in one.flags for cidr, one in found.items()} == {
            "10.7.2.1/24": False,
            "10.7.1.2/24": False,
            "10.7.1.3/24": True,
        }
        run("sysctl -q -w net/ipv4/conf/osvc-1/promote_secondaries=0")
        assert net_stage.host.files.read(path) == "0\n"
        with pytest.raises(HostError, match="No such file"):
            run("sysctl -q -w net/ipv4/conf/nope1/promote_secondaries=1")


class TestNeighbours:
    """What others on a link's network have, and are told."""

    def test_a_free_address(self, net_stage, run):
        net_stage.join("o-1", "10.7.1.2/24")
        assert link(net_stage.host.net, "o-1").carrier
        said = run("arping -D -c 1 -w 1 -I o-1 10.7.1.5")
        assert said.stdout.splitlines()[1:] == ["Sent 1 probes (1 broadcast(s))", "Received 0 response(s)"]

    def test_one_that_another_host_has(self, net_stage):
        mac = net_stage.join("o-1", f"{V4}/24")
        said = net_stage.host.commands.run(["arping", "-D", "-c", "1", "-w", "1", "-I", "o-1", V4], ok=(0, 1))
        assert said.code == 1
        assert f"reply from {V4} [{mac.upper()}]" in said.stdout and "Received 1 response(s)" in said.stdout

    def test_where_nobody_can_be_asked(self, net_stage, run):
        net_stage.join("o-1")
        assert "is not ARPable" in run("arping -D -c 1 -w 1 -I lo 10.7.1.5").stdout
        with pytest.raises(HostError, match="not available"):
            run("arping -D -c 1 -w 1 -I nope1 10.7.1.5")
        run("ip link set o-1 down")
        with pytest.raises(HostError, match="is down"):
            run("arping -D -c 1 -w 1 -I o-1 10.7.1.5")

    def test_an_ipv4_address_is_made_known(self, net_stage, run):
        net_stage.join("o-1", "10.7.1.2/24")
        with pytest.raises(HostError, match="Cannot assign requested address"):
            run(f"arping -U -c 3 -w 2 -I o-1 {V4}")
        run(f"ip addr add {V4}/24 dev o-1")
        net_stage.mislead(V4)
        assert not net_stage.is_told(V4)
        run(f"arping -U -c 3 -w 2 -I o-1 {V4}")
        assert net_stage.is_told(V4)

    def test_an_ipv6_address_is_made_known(self, net_stage, net, run):
        net_stage.join("o-1", "2001:db8::2/64")
        run(f"ip addr add {V6}/64 dev o-1")
        certain(net_stage, "o-1", f"{V6}/64")
        net_stage.mislead(V6)
        assert not net_stage.is_told(V6)
        net.announce("o-1", V6)
        for _ in range(20):
            if net_stage.is_told(V6):
                break
            net_stage.host.clock.sleep(0.05)
        assert net_stage.is_told(V6)
        with pytest.raises(HostError, match="nope1"):
            net.announce("nope1", V6)

    def test_the_kernel_asks_for_an_ipv6_address(self, net_stage, net, run):
        net_stage.join("o-1", f"{V6}/64")
        run(f"ip addr add {V6}/64 dev o-1")
        run(f"ip addr add {MORE_V6}/64 dev o-1")
        assert "tentative" in assigned(net, "o-1")[f"{MORE_V6}/64"].flags
        assert "dadfailed" in certain(net_stage, "o-1", f"{V6}/64").flags
        assert certain(net_stage, "o-1", f"{MORE_V6}/64").flags == frozenset()
        run(f"ip addr del {V6}/64 dev o-1")
        run(f"ip addr add {V6}/64 dev o-1 nodad")
        assert assigned(net, "o-1")[f"{V6}/64"].flags == {"nodad"}


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


class NoCommands:
    """Where no program is."""

    def run(self, argv, *, timeout=30.0, ok=(0,)):
        return LinuxCommands().run(["no-program-here"])


def test_without_iptables_there_are_no_rules():
    assert LinuxNet(NoCommands()).rules() == frozenset()


MACHINE = """
ip link set lo up
ip link add o-1 type bridge
ip link set o-1 arp off
ip link set o-1 up
ip link add o-2 type veth peer name o-3
ip link set o-3 master o-1
ip link set o-2 up
ip addr add 10.7.1.1/24 dev o-1
ip addr add 10.7.1.5/24 dev o-1 brd + label o-1:web noprefixroute
ip addr add 10.7.2.5/24 dev o-1 metric 77 scope link
ip addr add 10.7.3.5/24 dev o-1 scope 17
ip addr add 10.9.0.1 peer 10.9.0.2/32 dev o-2
ip addr add 2001:db8::5/64 dev o-2 valid_lft 300 preferred_lft 100
ip addr add 2001:db8::6/128 peer 2001:db8::7/128 dev o-2 nodad
ip addr add fd00::1/64 dev o-2 valid_lft 100 preferred_lft 0
ip route add default nexthop via 10.7.1.9 nexthop via 10.9.0.2 dev o-2 onlink
ip route add blackhole 10.99.0.0/16
ip route add 10.55.1.1 dev o-1
ip route add 10.56.0.0/16 dev o-1 table 77
ip route add 0.0.0.0/1 dev o-1
ip -6 route add default dev o-2
ip -6 route add blackhole fd09::/64
ip -6 route add fd01::9 dev o-1
"""


def told(*words: str) -> list[dict[str, Any]]:
    """What ip(8) says."""
    return [entry for entry in json.loads(LinuxCommands().run(["ip", "-j", *words]).stdout or "[]") if entry]


@pytest.fixture
def rich():
    """A network that has some of everything."""
    with own_network():
        for line in MACHINE.strip().splitlines():
            LinuxCommands().run(line.split())
        yield LinuxNet(NoCommands())


@pytest.mark.real
def test_links_and_addresses_are_those_that_ip_shows(rich):
    expected = {
        (
            entry["ifname"],
            entry.get("linkinfo", {}).get("info_kind", ""),
            "UP" in entry["flags"],
            {"LOOPBACK", "NOARP"}.isdisjoint(entry["flags"]),
            "LOWER_UP" in entry["flags"],
            tuple(shown(item) for item in entry["addr_info"]),
        )
        for entry in told("-d", "addr", "show")
    }
    assert {(one.name, one.kind, one.up, one.arp, one.carrier, one.assigned) for one in rich.links()} == expected
    every = [address for *_, held in expected for address in held]
    assert len(every) >= 10 and {"secondary", "nodad", "dynamic", "deprecated", "noprefixroute"} <= {
        flag for address in every for flag in address.flags
    }


def shown(item: dict[str, Any]) -> Address:
    flags = frozenset(name for name, value in item.items() if value is True)
    words = (str(item.get(name, "")) for name in ("label", "scope", "broadcast", "address"))
    return Address(item["local"], item["prefixlen"], *words, item.get("metric", 0), flags)


@pytest.mark.real
def test_routes_are_those_that_ip_shows(rich):
    found = rich.routes()
    for version, bits in ((4, 32), (6, 128)):
        expected = [
            (entry["dst"] if entry["dst"] == "default" or "/" in entry["dst"] else f"{entry['dst']}/{bits}", device)
            for entry in told(f"-{version}", "route", "show", "table", "main")
            for device in ([entry["dev"]] if "dev" in entry else [hop["dev"] for hop in entry.get("nexthops", ())] or [""])
        ]
        assert [(one.destination, one.device) for one in found if one.version == version] == expected
    destinations = {(one.destination, one.device) for one in found}
    assert {("default", "o-1"), ("default", "o-2"), ("10.99.0.0/16", ""), ("10.55.1.1/32", "o-1"), ("fd01::9/128", "o-1")} <= (
        destinations
    )
    assert all("10.56.0.0" not in destination for destination, _ in destinations), "it is of another table"


@pytest.mark.real
def test_what_changes_while_it_is_read_is_read_once_more(rich, monkeypatch):
    """The kernel says of an answer that it is of two minds."""
    asked = []

    class Line(socket.socket):
        def recv(self, size):
            data = super().recv(size)
            if len(asked) == 1:
                data = data[:6] + (0x10).to_bytes(2, "little") + data[8:]
            return data

        def send(self, data):
            asked.append(data)
            return super().send(data)

    monkeypatch.setattr(rtnetlink.socket, "socket", Line)
    names = [one.name for one in rich.links()]
    assert sorted(names) == ["lo", "o-1", "o-2", "o-3"] and len(asked) == 3


@pytest.mark.real
def test_what_changes_all_the_time_is_not_taken_for_gone(rich, monkeypatch):
    class Line(socket.socket):
        def recv(self, size):
            data = super().recv(size)
            return data[:6] + (0x10).to_bytes(2, "little") + data[8:]

    monkeypatch.setattr(rtnetlink.socket, "socket", Line)
    with pytest.raises(Transient, match="cannot read the machine's links: it changes faster than it can be read"):
        rich.links()


@pytest.mark.real
def test_a_kernel_without_ipv6_answers_with_what_it_has(rich, monkeypatch):
    asked, four = rtnetlink._asked, set(rich.routes())

    def answer(kind, question):
        return asked(kind, bytes([socket.AF_INET]) + question[1:] if kind == rtnetlink._ROUTES else question)

    monkeypatch.setattr(rtnetlink, "_asked", answer)
    assert set(rich.routes()) == {route for route in four if route.version == 4}


@pytest.mark.real
def test_what_the_kernel_refuses_is_told(rich, monkeypatch):
    monkeypatch.setattr(rtnetlink, "_LINKS", 9999)
    monkeypatch.setitem(rtnetlink._ANSWERS, 9999, 16)
    with pytest.raises(HostError, match="cannot read the machine's links: operation not supported"):
        rich.links()
