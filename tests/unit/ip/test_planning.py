"""Addresses, decided: values, defaults, facts and claims, commands, and what leads back."""

import shlex
import subprocess

import pytest

from reconciler.core.facts import Fact, Kind
from reconciler.core.node import Node, Place
from reconciler.core.observed import Absent, Present
from reconciler.core.providers import Providers, match
from reconciler.core.shell import commands_of
from reconciler.resources.ip import addresses
from reconciler.resources.ip.actions import Add, Remove
from reconciler.resources.ip.model import Around, Desired, State
from reconciler.resources.ip.planning import KIND
from reconciler.resources.registry import kind_of
from tests.plans.golden import service_of
from tests.unit.ip.bench import ip

PLACE = Place("web", "ip#1", Node())


def there(name="10.0.0.5", dev="eth0", netmask=24, **more):
    return State(address=name, dev=dev, netmask=netmask, **more)


@pytest.mark.parametrize(
    ("written", "length"),
    [
        ("24", 24),
        (24, 24),
        ("/24", 24),
        ("255.255.255.224", 27),
        ("255.255.255.255", 32),
        ("ffff:ffff:ffff:ffff::", 64),
        (128, 128),
    ],
)
def test_a_netmask_is_the_length_of_a_prefix(written, length):
    desired = Desired.model_validate({"name": "2001:db8::5", "dev": "eth0", "netmask": written}, context=PLACE)
    assert desired.netmask == length


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("010.0.0.5", None),
        ("2001:DB8:0::5", "2001:db8::5"),
        ("Shop.example.com.", "Shop.example.com."),
        ("a_b-c", "a_b-c"),
        ("-a", None),
    ],
)
def test_names(written, name):
    data = {"name": written, "dev": "eth0"}
    if name is None:
        with pytest.raises(ValueError, match="expected a host name or an IP address"):
            Desired.model_validate(data, context=PLACE)
    else:
        assert Desired.model_validate(data, context=PLACE).name == name


@pytest.mark.parametrize("desired", [ip("shop"), ip("shop", address="10.0.0.5", netmask=24), ip("10.0.0.5", label="eth0:x")])
def test_what_is_stored_is_read_back(desired):
    assert Desired.model_validate(desired.model_dump(mode="json")) == desired


class TestSettle:
    @pytest.mark.parametrize(
        ("written", "around", "state", "netmask"),
        [
            (None, 24, None, 24),
            (28, 24, None, 28),
            (None, 24, there(netmask=28), 24),
            (None, 0, there(netmask=28), 28),
            (None, 0, there(netmask=28, dev="eth1"), None),
            (None, 0, None, None),
        ],
    )
    def test_the_netmask(self, written, around, state, netmask):
        want, have = KIND.settle(ip("10.0.0.5", netmask=written), state, Around(prefix=around))
        assert want.netmask == netmask
        assert KIND.settle(want, have, Around(prefix=around)) == (want, have)

    @pytest.mark.parametrize(("is_at", "name"), [("10.0.0.5", "shop"), ("10.0.0.9", "10.0.0.9")])
    def test_a_name_is_compared_by_its_address(self, is_at, name):
        around = Around(address="10.0.0.5", prefix=24)
        want, have = KIND.settle(ip("shop"), there(is_at), around)
        assert (want.name, want.address, have.name) == ("shop", "10.0.0.5", name)
        assert KIND.settle(want, have, around) == (want, have)

    def test_a_name_that_is_an_ipv6_address_has_no_label(self):
        want, _ = KIND.settle(ip("shop", label="eth0:shop"), None, Around(address="2001:db8::5", prefix=64))
        assert want.label == ""


class TestFacts:
    def test_a_host_name_is_claimed_as_written_and_as_known(self):
        keys = lambda desired: [claim.key for claim in KIND.claims(desired)]  # noqa: E731
        assert keys(ip("Shop.Example.com.")) == ["shop.example.com"]
        assert keys(ip("shop", address="10.0.0.5")) == ["shop", "10.0.0.5"]
        assert keys(ip("10.0.0.5")) == keys(ip("10.0.0.5", address="10.0.0.5")) == ["10.0.0.5"]

    def test_what_is_published_on_it_needs_it(self):
        spec = {
            "docker_data_dir": "/srv/web",
            "docker_daemon_args": "--ip 10.0.0.5",
            "resources": {
                "ip#1": {"name": "10.0.0.5", "dev": "eth0"},
                "ip#2": {"name": "2001:db8:0::5", "dev": "eth0", "netmask": 64},
                "container#1": {"image": "a", "ports": ["[2001:db8::5]:80:80", "8081:80"]},
                "container#2": {"image": "a", "ports": ["10.0.0.9:80:80", "0.0.0.0:8082:80"]},
            },
        }
        resources = service_of(spec).resources
        providers = Providers((fact, rid) for rid, one in resources.items() for fact in kind_of(one.type).provides(one.desired))
        needs = {rid: set(match(kind_of(one.type).needs(one.desired), providers)) for rid, one in resources.items()}
        assert needs == {
            **{"ip#1": set(), "ip#2": set(), "dockerd": {"ip#1"}},
            **{"container#1": {"ip#2", "dockerd"}, "container#2": {"dockerd"}},
        }
        assert KIND.provides(ip("shop")) == ()
        assert KIND.provides(ip("shop", address="10.0.0.5")) == (Fact(Kind.ADDRESS, "10.0.0.5"),)


class TestCommands:
    @pytest.mark.parametrize(
        ("state", "asks", "lines"),
        [
            (
                there(label="eth0:web"),
                True,
                [
                    "arping -D -c 1 -w 1 -I eth0 10.0.0.5",
                    "ip addr add 10.0.0.5/24 dev eth0 label eth0:web",
                    "arping -D -c 1 -w 1 -I eth0 10.0.0.5",
                    "arping -U -c 3 -w 2 -I eth0 10.0.0.5",
                ],
            ),
            (there(), False, ["ip addr add 10.0.0.5/24 dev eth0", "arping -U -c 3 -w 2 -I eth0 10.0.0.5"]),
            (there(arp=False), True, ["ip addr add 10.0.0.5/24 dev eth0"]),
            (
                there(scope="link", broadcast="10.0.0.255", options=("metric", "7", "noprefixroute"), arp=False),
                True,
                ["ip addr add 10.0.0.5/24 dev eth0 brd 10.0.0.255 scope link metric 7 noprefixroute"],
            ),
            (there("2001:db8::5", netmask=64, scope="global"), True, ["ip addr add 2001:db8::5/64 dev eth0"]),
            (there("fe80::5", netmask=64, scope="link"), True, ["ip addr add fe80::5/64 dev eth0"]),
        ],
    )
    def test_adding(self, state, asks, lines):
        assert commands_of(Add(state=state, asks=asks).command()) == lines

    @pytest.mark.parametrize("state", [there(hangs=("10.0.0.6/24",), dev="eth0.100"), there("2001:db8::5", netmask=64)])
    def test_scripts_are_of_the_shell(self, state):
        for action in (Add(state=state), Remove(state=state)):
            subprocess.run(["sh", "-n"], input=action.script(), text=True, check=True)
            assert shlex.split(action.command())

    def test_removing(self):
        assert Remove(state=there()).command() == "ip addr del 10.0.0.5/24 dev eth0"
        assert commands_of(Remove(state=there(hangs=("10.0.0.6/24",), dev="eth0.100")).command()) == [
            "sysctl -q -w net/ipv4/conf/eth0.100/promote_secondaries=1",
            "ip addr del 10.0.0.5/24 dev eth0.100",
            "sysctl -q -w net/ipv4/conf/eth0.100/promote_secondaries=0",
        ]


class TestBack:
    @pytest.mark.parametrize(
        "before", [Absent(Around()), Present(there("10.0.0.9"), Around()), Present(there(netmask=25), Around())]
    )
    def test_what_was_added_goes(self, before):
        add = Add(state=there())
        assert add.shown(add.after(before)) and not add.shown(before)
        assert add.undo(before) == (Remove(state=there()),)

    def test_what_was_there_stays(self):
        assert Add(state=there()).undo(Present(there(doubt="tentative"), Around())) == ()

    @pytest.mark.parametrize(
        "state", [there(), there(label="eth0:x", scope="link", options=("nodad",)), there(hangs=("10.0.0.6/24",))]
    )
    def test_what_was_removed_comes_back_as_it_was(self, state):
        before, removal = Present(state, Around()), Remove(state=state)
        assert removal.shown(removal.after(before)) and not removal.shown(before)
        (back,) = removal.undo(before)
        assert back.state == state.model_copy(update={"hangs": ()})
        assert removal.undo(Absent(Around())) == ()

    def test_what_another_host_has_does_not_come_back(self):
        state = there(doubt="duplicate")
        assert Remove(state=state).undo(Present(state, Around())) == ()

    @pytest.mark.parametrize(
        "change", [{"netmask": 25}, {"dev": "eth1"}, {"address": "10.0.0.6"}, {"label": "x"}, {"doubt": "tentative"}]
    )
    def test_only_the_very_one_proves_it(self, change):
        assert not Add(state=there()).shown(Present(there().model_copy(update=change), Around()))


@pytest.mark.parametrize(
    ("answers", "known", "chosen"),
    [
        (("10.0.0.5",), "", ("10.0.0.5", "")),
        (("2001:db8::5", "10.0.0.5"), "", ("10.0.0.5", "")),
        (("2001:db8::5",), "", ("2001:db8::5", "")),
        (("fe80::1%eth0",), "", ("", "does not resolve to an address")),
        (("10.0.0.5", "10.0.0.6"), "", ("", "resolves to several addresses: 10.0.0.5, 10.0.0.6")),
        (("10.0.0.5", "10.0.0.6"), "10.0.0.6", ("10.0.0.6", "")),
        (("2001:db8::5", "10.0.0.6"), "2001:db8::5", ("2001:db8::5", "")),
        ((), "10.0.0.6", ("10.0.0.6", "does not resolve to an address")),
    ],
)
def test_the_address_of_a_name(answers, known, chosen):
    assert addresses.choose(answers, known) == chosen


@pytest.mark.parametrize(
    ("address", "others", "prefix"),
    [
        ("10.0.0.5", ("10.0.0.1/24",), 24),
        ("10.0.0.5", ("10.0.0.1/8", "10.0.0.2/24", "10.0.0.5/32"), 24),
        ("10.0.0.5", ("10.0.1.1/24", "10.0.0.9/32"), 0),
        ("2001:db8::5", ("10.0.0.1/24", "fe80::1/64", "2001:db8::1/64"), 64),
        ("2001:db8::5", ("2001:db8::1/128",), 0),
    ],
)
def test_the_prefix_of_the_devices_network(address, others, prefix):
    assert addresses.Networks(others).prefix_for(address) == prefix
