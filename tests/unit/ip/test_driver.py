"""The driver on the fake machine: what the real one is tested for as root, without being root; and what strikes in between."""

from dataclasses import replace

import pytest

from reconciler.core.ids import ResourceId
from reconciler.core.node import Node
from reconciler.core.observed import Absent, Present, Unknown
from reconciler.host.errors import Conflict, NotFound, Permanent, Transient
from reconciler.host.glance import glance
from reconciler.host.ports import Route
from reconciler.resources.driver import Wanted
from reconciler.resources.ip.actions import Add, Remove
from reconciler.resources.ip.driver import DRIVER
from reconciler.resources.ip.model import State
from reconciler.resources.ip.planning import KIND
from tests.fakehost import FakeHost, Machine
from tests.fakehost.network import FakeLink, plain
from tests.unit.core.test_scale import calls
from tests.unit.ip.bench import Bench, ip

MAC = "02:00:00:00:00:99"


@pytest.fixture
def machine():
    machine = Machine()
    machine.net.links["eth1"] = FakeLink(up=True, assigned=[plain("198.51.100.2/24", "eth1")])
    machine.net.names |= {"shop": ("192.0.2.53", "2001:db8::53"), "six": ("2001:db8::6",), "two": ("192.0.2.7", "192.0.2.8")}
    return machine


@pytest.fixture
def bench(machine):
    return Bench(FakeHost(machine, Node()))


def eth(machine, n=0):
    return machine.net.links[f"eth{n}"].addresses


class TestWays:
    """There and back, and from one place to another."""

    @pytest.mark.parametrize(
        "spec",
        [
            ip("192.0.2.9"),
            ip("192.0.2.9", netmask=32),
            ip("192.0.2.9", netmask=24, label="eth0:web"),
            ip("2001:db8::9", netmask=64),
            ip("10.9.9.9", "lo", netmask=32),
            ip("127.0.0.9", "lo"),
            ip("shop"),
            ip("six", netmask=64, label="eth0:six"),
        ],
        ids=lambda spec: f"{spec.name}/{spec.netmask}",
    )
    def test_up_again_and_down(self, machine, bench, spec):
        before = eth(machine)
        assert bench.up("ip#1", {"ip#1": spec}) == "create"
        effects = machine.effects
        assert bench.up("ip#1", {"ip#1": spec}) == "keep"
        assert machine.effects == effects
        assert (bench.down("ip#1"), bench.down("ip#1")) == ("stop", "keep")
        assert eth(machine) == before
        assert bench.said == []

    @pytest.mark.parametrize("name", ["192.0.2.9", "2001:db8::9"])
    @pytest.mark.parametrize("other", [{"dev": "eth1"}, {"netmask": 28}, {"name": "192.0.2.10"}, {"name": "2001:db8::10"}], ids=str)
    def test_from_one_to_another(self, machine, bench, name, other):
        first = ip(name, netmask=24)
        bench.up("ip#1", {"ip#1": first})
        second = first.model_copy(update=other)
        assert bench.up("ip#1", {"ip#1": second}) == "replace"
        assert bench.up("ip#1", {"ip#1": second}) == "keep"
        assert f"{first.name}/24" not in eth(machine)
        assert f"{second.name}/{second.netmask}" in machine.net.links[second.dev].addresses

    def test_it_is_asked_for_before_and_after_and_made_known(self, machine, bench):
        machine.looks.clear()
        bench.up("ip#1", {"ip#1": ip("192.0.2.9")})
        asked = "arping -D -c 1 -w 1 -I eth0 192.0.2.9"
        assert [look for look in machine.looks if "arping -" in look] == [asked, asked, "arping -U -c 3 -w 2 -I eth0 192.0.2.9"]
        assert machine.done == ["ip addr add 192.0.2.9/24 dev eth0"]
        bench.up("ip#2", {"ip#2": ip("2001:db8::9", netmask=64)})
        assert machine.net.announced == [("eth0", "192.0.2.9"), *[("eth0", "2001:db8::9")] * 3]

    def test_where_there_are_no_neighbours_nobody_is_asked(self, machine, bench):
        bench.up("ip#1", {"ip#1": ip("10.9.9.9", "lo", netmask=32)})
        bench.up("ip#2", {"ip#2": ip("2001:db8::9", "lo", netmask=128)})
        assert not any("arping -" in look for look in machine.looks) and machine.net.announced == []

    def test_another_prefix_asks_nobody_for_what_was_here(self, machine, bench):
        bench.up("ip#1", {"ip#1": ip("192.0.2.9", netmask=24)})
        machine.net.peers["eth0", "192.0.2.9"] = MAC
        machine.looks.clear()
        bench.up("ip#1", {"ip#1": ip("192.0.2.9", netmask=25)})
        assert not any("arping -D" in look for look in machine.looks)

    def test_the_label_alone(self, machine, bench):
        bench.up("ip#1", {"ip#1": ip("192.0.2.9", label="eth0:a")})
        assert bench.up("ip#1", {"ip#1": ip("192.0.2.9", label="eth0:b")}) == "replace"
        assert [held.record.label for held in machine.net.links["eth0"].assigned] == ["eth0", "eth0:b"]
        assert bench.up("ip#1", {"ip#1": ip("192.0.2.9")}) == "replace"
        assert [held.record.label for held in machine.net.links["eth0"].assigned] == ["eth0", "eth0"]


class TestWhoHasIt:
    @pytest.mark.parametrize(
        ("spec", "words"),
        [
            (ip("192.0.2.9"), "02:00:00:00:00:99 answers for it on the network of eth0"),
            (ip("2001:db8::9", netmask=64), "another host on the network of eth0 has it (duplicate address detection)"),
        ],
        ids=["v4", "v6"],
    )
    def test_another_host(self, machine, bench, spec, words):
        machine.net.peers["eth0", spec.name] = MAC
        before = eth(machine)
        with pytest.raises(Conflict) as caught:
            bench.up("ip#1", {"ip#1": spec})
        assert str(caught.value) == words
        assert eth(machine) == before and machine.net.announced == []

    def test_another_host_that_takes_it_between_the_asking_and_the_adding(self, machine, bench):
        machine.on_tick.append(lambda: machine.net.peers.setdefault(("eth0", "192.0.2.9"), MAC))
        with pytest.raises(Conflict, match=MAC):
            bench.up("ip#1", {"ip#1": ip("192.0.2.9")})
        assert machine.done == ["ip addr add 192.0.2.9/24 dev eth0", "ip addr del 192.0.2.9/24 dev eth0"]
        assert eth(machine) == ["192.0.2.2/24"] and machine.net.announced == []

    def test_somebody_on_this_machine_who_takes_it_meanwhile(self, machine, bench):
        other = FakeHost(machine)
        machine.on_tick.append(lambda: other.commands.run(["ip", "addr", "add", "192.0.2.9/24", "dev", "eth0"]))
        with pytest.raises(Conflict, match="already assigned"):
            bench.up("ip#1", {"ip#1": ip("192.0.2.9")})
        assert eth(machine) == ["192.0.2.2/24", "192.0.2.9/24"], "it is not ours, and stays"

    def test_another_device_of_this_machine(self, machine, bench):
        machine.net.links["eth1"].assigned.append(plain("192.0.2.9/24", "eth1"))
        change = bench.change("ip#1", {"ip#1": ip("192.0.2.9")})
        assert change.verdict.value == "refuse"
        assert change.reason == "192.0.2.9 is on eth1 already, where osvc did not put it"
        add = Add(state=State(address="192.0.2.9", dev="eth0", netmask=24))
        with pytest.raises(Conflict, match=r"eth1 has it already, as 192\.0\.2\.9/24"):
            bench.do("ip#1", add)

    def test_a_device_that_this_resource_leaves_may_be_where_somebody_has_the_other_address(self, machine, bench):
        bench.up("ip#1", {"ip#1": ip("192.0.2.9", "eth1", netmask=24)})
        machine.net.links["eth1"].assigned.append(plain("192.0.2.10/24", "eth1"))
        change = bench.change("ip#1", {"ip#1": ip("192.0.2.10")})
        assert (change.verdict.value, change.reason.partition(",")[0]) == ("refuse", "192.0.2.10 is on eth1 already")

    def test_one_that_somebody_moved_by_hand_is_not_taken_away_from_there(self, machine, bench):
        bench.up("ip#1", {"ip#1": ip("192.0.2.9")})
        held = machine.net.links["eth0"].assigned.pop()
        machine.net.links["eth1"].assigned.append(held)
        change = bench.change("ip#1", {"ip#1": ip("192.0.2.9")})
        assert (change.verdict.value, change.remedy) == ("refuse", "ip addr del 192.0.2.9 dev eth1, or correct dev")
        assert bench.down("ip#1") == "keep"
        assert "192.0.2.9/24" in eth(machine, 1)

    def test_two_resources_for_one_address(self, machine, bench):
        specs = {"ip#1": ip("192.0.2.53"), "ip#2": ip("shop")}
        assert bench.change("ip#1", specs).verdict.value == "create"
        assert bench.change("ip#2", specs).reason == "ip#1 stands for 192.0.2.53 as well"

    def test_one_that_is_there_is_taken_over_as_it_is(self, machine, bench):
        machine.net.links["eth0"].assigned.append(plain("192.0.2.9/24", "eth0:old"))
        assert bench.change("ip#1", {"ip#1": ip("192.0.2.9")}).verdict.value == "adopt"
        assert "differs in netmask" in bench.change("ip#1", {"ip#1": ip("192.0.2.9", netmask=28)}).reason

    def test_one_that_comes_from_dhcp_is_left_alone(self, machine, bench):
        held = plain("192.0.2.9/24", "eth0")
        held.record = replace(held.record, flags=frozenset({"dynamic"}))
        machine.net.links["eth0"].assigned.append(held)
        change = bench.change("ip#1", {"ip#1": ip("192.0.2.9")})
        assert (change.verdict.value, "DHCP" in change.reason) == ("refuse", True)

    @pytest.mark.parametrize("name", ["192.0.2.2", "2001:db8::2"])
    def test_the_machines_own_is_not_taken_over(self, machine, bench, name):
        """Or a stop would cut the machine off."""
        machine.net.links["eth0"].assigned.append(plain("2001:db8::2/64"))
        machine.net.more_routes = [Route("default", "eth0", 6 if ":" in name else 4)]
        spec = {"ip#1": ip(name)}
        change = bench.change("ip#1", spec)
        assert (change.verdict.value, change.reason) == (
            "refuse",
            f"{name} on eth0 is this machine's own: it goes out into the world by it",
        )
        machine.net.more_routes.clear()
        assert bench.change("ip#1", spec).verdict.value == "adopt"


class TestWhatHangsOnIt:
    @pytest.mark.parametrize("promotes", [False, True])
    def test_addresses_of_others_in_its_network_stay(self, machine, bench, promotes):
        link = machine.net.links["eth0"]
        link.promotes = promotes
        bench.up("ip#1", {"ip#1": ip("10.1.0.5", netmask=24)})
        link.assigned += [plain("10.1.0.6/24", "eth0:x"), plain("10.1.0.7/24", "eth0")]
        machine.done.clear()
        assert bench.down("ip#1") == "stop"
        assert link.addresses == ["192.0.2.2/24", "10.1.0.6/24", "10.1.0.7/24"]
        remove = "ip addr del 10.1.0.5/24 dev eth0"
        switch = "sysctl -q -w net/ipv4/conf/eth0/promote_secondaries"
        assert machine.done == ([remove] if promotes else [f"{switch}=1", remove, f"{switch}=0"])
        assert link.promotes is promotes

    @pytest.mark.parametrize("what", ["=1", "ip addr del"])
    def test_the_switch_is_put_back_when_something_fails(self, machine, bench, what):
        bench.up("ip#1", {"ip#1": ip("10.1.0.5", netmask=24)})
        machine.net.links["eth0"].assigned.append(plain("10.1.0.6/24", "eth0"))
        machine.fail_next(what, Permanent("no"))
        with pytest.raises(Permanent, match="no"):
            bench.down("ip#1")
        assert machine.net.links["eth0"].promotes is False
        assert "10.1.0.5/24" in eth(machine)

    def test_the_plan_shows_it(self, machine, bench):
        spec = {"ip#1": ip("10.1.0.5", netmask=24)}
        bench.up("ip#1", spec)
        machine.net.links["eth0"].assigned.append(plain("10.1.0.6/24", "eth0"))
        seen = bench.look(spec)["ip#1"]
        assert seen.state.hangs == ("10.1.0.6/24",)


class TestNames:
    def test_each_is_asked_once_and_the_links_too(self, machine, bench):
        machine.looks.clear()
        specs = {f"ip#{n}": ip(name, label="") for n, name in enumerate(["shop", "six", "shop"] * 20)}
        bench.look(specs)
        assert [look for look in machine.looks if look in ("links",) or look.startswith("resolve name")] == [
            "links",
            "resolve name shop",
            "resolve name six",
        ]

    @pytest.mark.parametrize("count", [1, 40])
    def test_the_number_of_looks_does_not_grow(self, machine, bench, count):
        machine.looks.clear()
        bench.look({f"ip#{n}": ip(f"192.0.2.{10 + n}") for n in range(count)})
        assert len([look for look in machine.looks if not look.startswith("stat")]) == 1
        assert len(machine.looks) <= 7

    @pytest.mark.parametrize(
        ("name", "words"),
        [
            ("nobody", "nobody does not resolve to an address"),
            ("two", "two resolves to several addresses: 192.0.2.7, 192.0.2.8"),
            ("localhost", "localhost resolves to 127.0.0.1, a loopback address"),
        ],
    )
    def test_one_that_stands_for_no_one_address(self, bench, name, words):
        change = bench.change("ip#1", {"ip#1": ip(name)})
        assert (change.verdict.value, change.reason) == ("refuse", words)
        assert change.remedy == "correct name, or what it resolves to (/etc/hosts, DNS)"

    def test_a_name_service_that_does_not_answer_is_asked_once(self, machine, bench):
        machine.net.no_names = True
        specs = {"ip#1": ip("shop"), "ip#2": ip("six", netmask=64), "ip#3": ip("192.0.2.9")}
        seen = bench.look(specs)
        assert isinstance(seen["ip#1"], Unknown) and isinstance(seen["ip#2"], Unknown) and isinstance(seen["ip#3"], Absent)
        assert seen["ip#1"].reason == "shop is not known: cannot resolve shop: the name service does not answer"
        assert len([look for look in machine.looks if look.startswith("resolve name")]) == 1

    @pytest.mark.parametrize("how", ["silent", "forgotten"])
    def test_what_it_stood_for_counts_while_nothing_else_is_known(self, machine, bench, how):
        spec = {"ip#1": ip("shop")}
        bench.up("ip#1", spec)
        machine.net.no_names = how == "silent"
        machine.net.names.pop("shop")
        assert bench.change("ip#1", spec).verdict.value == "keep"
        seen = bench.look(spec)["ip#1"]
        remark = KIND.remark(spec["ip#1"], seen.state, None)
        why = "cannot be resolved now" if how == "silent" else "does not resolve to an address"
        assert remark.text == f"shop {why}; 192.0.2.53 stays, as applied"
        assert bench.down("ip#1") == "stop"
        assert eth(machine) == ["192.0.2.2/24"]

    def test_another_answer_moves_it_and_one_more_does_not(self, machine, bench):
        spec = {"ip#1": ip("shop")}
        bench.up("ip#1", spec)
        machine.net.names["shop"] = ("192.0.2.99", "192.0.2.53")
        assert bench.change("ip#1", spec).verdict.value == "keep"
        machine.net.names["shop"] = ("192.0.2.99",)
        change = bench.change("ip#1", spec)
        assert (change.verdict.value, change.cause.value) == ("replace", "drift")
        assert bench.up("ip#1", spec) == "replace"
        assert eth(machine) == ["192.0.2.2/24", "192.0.2.99/24"]

    def test_a_name_that_gives_its_addresses_in_turn_moves_nothing(self, machine, bench):
        spec = {"ip#1": ip("shop")}
        bench.up("ip#1", spec)
        machine.net.turns["shop"] = ["192.0.2.99", "192.0.2.53", "192.0.2.98"]
        for _ in range(4):
            assert bench.change("ip#1", spec).verdict.value == "keep"
        machine.net.turns["shop"] = ["192.0.2.99", "192.0.2.98"]
        change = bench.change("ip#1", spec)
        assert (change.verdict.value, change.reason[:52]) == ("refuse", "shop resolves to several addresses: 192.0.2.99, 192."), (
            change
        )
        machine.net.turns["shop"] = ["192.0.2.99"]
        assert bench.change("ip#1", spec).verdict.value == "replace"

    def test_a_name_for_what_is_there_changes_nothing(self, machine, bench):
        bench.up("ip#1", {"ip#1": ip("192.0.2.53")})
        assert bench.change("ip#1", {"ip#1": ip("shop")}).verdict.value == "keep"


class TestFaults:
    def test_no_device(self, machine, bench):
        with pytest.raises(Permanent, match="there is no network device eth9"):
            bench.do("ip#1", Add(state=State(address="192.0.2.9", dev="eth9", netmask=24)))
        machine.net.links["eth1"].up = False
        with pytest.raises(Permanent, match="eth1 is down"):
            bench.do("ip#1", Add(state=State(address="192.0.2.9", dev="eth1", netmask=24)))

    def test_no_arping(self, machine, bench):
        machine.tree.remove("/usr/bin/arping")
        change = bench.change("ip#1", {"ip#1": ip("192.0.2.9")})
        assert (change.verdict.value, change.remedy) == ("refuse", "apt-get install iputils-arping")
        with pytest.raises(NotFound, match="cannot run arping"):
            bench.do("ip#1", Add(state=State(address="192.0.2.9", dev="eth0", netmask=24)))
        assert bench.up("ip#2", {"ip#2": ip("2001:db8::9", netmask=64)}) == "create"

    def test_an_arping_that_asks_nobody(self, machine, bench):
        machine.net.links["eth0"].arp = False
        with pytest.raises(Permanent, match=r"arping cannot tell whether another host has it: Interface .eth0. is not ARPable"):
            bench.do("ip#1", Add(state=State(address="192.0.2.9", dev="eth0", netmask=24)))

    def test_ip_that_fails(self, machine, bench):
        machine.fail_next("ip addr add", Permanent("no"))
        with pytest.raises(Permanent, match="no"):
            bench.up("ip#1", {"ip#1": ip("192.0.2.9")})
        assert eth(machine) == ["192.0.2.2/24"]

    def test_one_that_cannot_be_announced_is_there_all_the_same(self, machine, bench):
        machine.fail_next("arping -U", Permanent("no"))
        bench.up("ip#1", {"ip#1": ip("192.0.2.9")})
        assert bench.said == ["192.0.2.9 is there, but was not announced: no"]
        machine.fail_next("announce", Permanent("no"))
        bench.up("ip#2", {"ip#2": ip("2001:db8::9", netmask=64)})
        assert bench.said[1:] == ["2001:db8::9 is there, but was not announced: no"]

    def test_an_address_of_which_nothing_becomes_known_is_taken_away(self, machine, bench):
        def unplug():
            machine.net.links["eth1"].up = machine.ticks < 0.5

        machine.on_tick.append(unplug)
        with pytest.raises(Permanent, match="nothing tells within 15 s whether another host has it; is eth1 connected"):
            bench.up("ip#1", {"ip#1": ip("2001:db8::9", "eth1", netmask=64)})
        assert "2001:db8::9/64" not in eth(machine, 1)

    @pytest.mark.parametrize("taken", [False, True])
    def test_one_that_a_killed_run_added_is_waited_for(self, machine, bench, taken):
        spec = {"ip#1": ip("2001:db8::9", netmask=64)}
        if taken:
            machine.net.peers["eth0", "2001:db8::9"] = MAC
        bench.host.commands.run(["ip", "addr", "add", "2001:db8::9/64", "dev", "eth0"])
        change = bench.change("ip#1", spec)
        assert (change.verdict.value, change.reason) == ("start", "it is not certain yet that no other host has 2001:db8::9")
        if taken:
            with pytest.raises(Conflict):
                bench.up("ip#1", spec)
            assert "2001:db8::9/64" not in eth(machine)
        else:
            assert bench.up("ip#1", spec) == "start"
            assert machine.done == ["ip addr add 2001:db8::9/64 dev eth0"]

    def test_one_that_another_host_was_found_to_have_is_tried_again(self, machine, bench):
        spec = {"ip#1": ip("2001:db8::9", netmask=64)}
        bench.up("ip#1", spec)
        machine.net.links["eth0"].assigned[-1].taken = True
        assert bench.change("ip#1", spec).reason == "another host has 2001:db8::9"
        assert bench.up("ip#1", spec) == "start"

    def test_links_that_cannot_be_read(self, machine, bench):
        machine.fail_next("links", Transient("no answer"))
        seen = bench.look({"ip#1": ip("192.0.2.9")})["ip#1"]
        assert seen == Unknown("the machine's addresses cannot be read: no answer")

    def test_a_link_that_goes_down_takes_its_address_out_of_service(self, machine, bench):
        spec = {"ip#1": ip("192.0.2.9")}
        bench.up("ip#1", spec)
        machine.net.links["eth0"].up = False
        change = bench.change("ip#1", spec)
        assert (change.verdict.value, change.remedy) == ("refuse", "ip link set eth0 up")
        seen = bench.look(spec)["ip#1"]
        assert not KIND.is_up(seen.state) and KIND.evidence(spec["ip#1"], seen.state, seen.around) == "eth0 is down"


def test_an_address_is_put_back_as_it_was(machine, bench):
    held = plain("192.0.2.9/24", "eth0:old")
    held.record = replace(held.record, broadcast="192.0.2.255", metric=7, flags=frozenset({"noprefixroute"}))
    machine.net.links["eth0"].assigned.append(held)
    before = machine.net.link_records(machine.ticks)
    seen = bench.look({"ip#1": ip("192.0.2.9", netmask=24)})["ip#1"]
    bench.do("ip#1", Remove(state=seen.state))
    assert eth(machine) == ["192.0.2.2/24"]
    for action in Remove(state=seen.state).undo(seen):
        bench.do("ip#1", action)
    assert machine.net.link_records(machine.ticks) == before


def test_an_orphan_is_found_where_it_was_applied(machine, bench):
    bench.up("ip#1", {"ip#1": ip("shop")})
    machine.net.names.pop("shop")
    orphan = Wanted(ResourceId("t", "ip#1"), None, bench.owned["ip#1"])
    seen = DRIVER.observe([orphan], bench.host)[orphan.id]
    assert isinstance(seen, Present)
    assert (seen.state.address, seen.state.dev, seen.state.unresolved) == ("192.0.2.53", "eth0", "")


class TestScale:
    """Calls are counted, not seconds."""

    @pytest.mark.parametrize("pattern", ["10.77.{}.{}/32", "10.77.{}.{}/16", "2001:db8::{}:{}/64"])
    @pytest.mark.parametrize("ours", [True, False])
    def test_four_times_the_addresses_of_a_device_take_four_times_the_work(self, machine, pattern, ours):
        def work(count):
            known = [pattern.format(n // 200, n % 200 + 1) for n in range(count)]
            machine.net.links["eth1"].assigned = [plain(one, "eth1") for one in known]
            host = glance(FakeHost(machine, Node()))
            host.net.links()
            wanted = known if ours else [pattern.format(n // 200 + 100, n % 200 + 1) for n in range(count)]
            specs = {f"ip#{n}": ip(one.partition("/")[0], "eth1") for n, one in enumerate(wanted)}
            return calls(lambda: Bench(host).look(specs))

        work(1)  # what is kept from look to look is kept
        few, many = work(25), work(100)
        assert many < 4.2 * few
