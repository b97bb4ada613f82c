"""A glance at the machine: the network is read once, whoever looks at it, and what went wrong is told to each."""

from collections import Counter
from dataclasses import replace

import pytest

from reconciler.core.node import Node
from reconciler.core.ownership import Owned, Ownership
from reconciler.core.reading import Reading
from reconciler.engine.observe import observe, type_of, wanted_of
from reconciler.host.errors import Transient
from reconciler.host.glance import glance
from reconciler.resources.registry import driver_of, kind_of
from reconciler.spec.load import load_text
from tests.fakehost.docker import SYSTEM
from tests.fakehost.docker_records import demo_image

READINGS = ("links", "routes", "rules")


class Counting:
    """The Net port of a host, counting how often each of READINGS is read, and how often the rules are begun to be before."""

    def __init__(self, net, fails=None):
        self.net, self.fails, self.reads, self.begun = net, fails, Counter(), 0

    def begin(self):
        self.begun += 1
        return self.rules

    def __getattr__(self, name):
        if name not in READINGS:
            return getattr(self.net, name)

        def read():
            self.reads[name] += 1
            if self.fails:
                raise self.fails
            return getattr(self.net, name)()

        return read


def test_the_network_is_read_once_and_everything_else_each_time(host):
    net = Counting(host.net)
    seen = glance(replace(host, net=net))
    host.commands.run(["iptables", "-w", "-N", "OSVC-1"])
    first = [getattr(seen.net, name)() for name in READINGS]
    assert first == [getattr(host.net, name)() for name in READINGS]
    host.commands.run(["ip", "link", "add", "name", "osvc-1", "type", "bridge"])
    host.commands.run(["iptables", "-w", "-N", "OSVC-2"])
    assert [getattr(seen.net, name)() for name in READINGS] == first, "as it was at one moment"
    assert net.reads == dict.fromkeys(READINGS, 1)
    assert "osvc-1" in {link.name for link in glance(replace(host, net=net)).net.links()}, "and anew by the next glance"
    assert (seen.net.forwarding(), seen.net.resolve("localhost")) == (host.net.forwarding(), host.net.resolve("localhost"))


@pytest.mark.parametrize("name", READINGS)
def test_who_looks_second_hears_the_same_error(host, name):
    net = Counting(host.net, fails=Transient("no answer in 30 s"))
    seen = glance(replace(host, net=net))
    for _ in range(2):
        with pytest.raises(Transient, match="no answer"):
            getattr(seen.net, name)()
    assert net.reads == {name: 1}


def test_the_containers_of_an_engine_are_listed_once(machine, host):
    machine.docker.system()
    machine.docker.add_image("/var/lib/docker", "a:1", demo_image())
    hand = machine.docker.by_hand()
    hand.create("one", {"Image": "a:1", "Labels": {"a": "b"}})
    seen = glance(host).docker
    engine, before = seen.engine(SYSTEM), host.docker.engine(SYSTEM).calls.reads
    first = engine.containers()
    hand.create("two", {"Image": "a:1", "Labels": {"a": "b"}})
    assert seen.engine(SYSTEM).containers() == first and len(first) == 1
    assert host.docker.engine(SYSTEM).calls.reads == before + 1
    assert len(engine.containers({"a": "b"})) == 2 and engine.inspect("two")["Name"] == "/two", "and everything else each time"


def test_engines_networks_and_containers_are_observed_with_one_reading(host):
    keywords = "docker_data_dir: /srv/d\nresources:\n  network#1: {subnet: 10.7.1.0/24}\n  network#2: {}\n"
    for n in (1, 2):
        ports = f"client_address: true, ports: '{8080 + n}:80'"
        keywords += f"  container#{n}: {{image: a, network: 'network#{n}', ip: 10.7.1.{n + 8}, {ports}}}\n"
    (service,) = load_text(keywords, "yaml", "web", "web.yaml", Node()).services
    net, wanted = Counting(host.net), wanted_of("web", service, Ownership())
    owned = [replace(item, owned=Owned(type_of(item), item.desired, item.desired)) for item in wanted]
    seen = observe(owned, replace(host, net=net), kinds=kind_of, drivers=driver_of)
    assert len(seen.observed) == 5 and net.reads == dict.fromkeys(READINGS, 1)


class CountingLvm:
    """The Lvm port of a host, counting readings, and those that were begun before."""

    def __init__(self, lvm):
        self.lvm, self.reads, self.begun = lvm, 0, 0

    def begin(self):
        self.begun += 1
        return self.groups

    def groups(self):
        self.reads += 1
        return self.lvm.groups()


@pytest.mark.parametrize(
    ("text", "rules", "groups"),
    [
        ("resources: {vg#1: {name: data}, lv#1: {vg: data, name: a}, vg#2: {name: more}}", 0, 1),
        ("docker_data_dir: /srv/d\n", 1, 0),
        ("docker_data_dir: /srv/d\nresources: {vg#1: {name: data}}", 1, 1),
        ("resources: {container#1: {type: docker, image: a}, fs#1: {dev: tmpfs, type: tmpfs, mnt: /srv/a}}", 0, 0),
    ],
    ids=["groups", "an engine of its own", "both", "the system's engine"],
)
def test_what_is_read_in_any_case_is_begun_before_anything_is_looked_at_and_nothing_else(host, text, rules, groups):
    (service,) = load_text(text, "yaml", "web", "web.yaml", Node()).services
    net, lvm, first = Counting(host.net), CountingLvm(host.lvm), []

    def drivers(name):
        first.append((net.begun, lvm.begun))
        return driver_of(name)

    observe(wanted_of("web", service, Ownership()), replace(host, net=net, lvm=lvm), kinds=kind_of, drivers=drivers)
    assert first[0] == (net.begun, lvm.begun) == (rules, groups)
    assert (net.reads["rules"], lvm.reads) == (rules, groups), "nothing is begun in vain, nor twice"


def test_what_cannot_be_begun_is_told_to_whoever_asks(host):
    net = Counting(host.net, fails=Transient("no answer in 30 s"))
    seen = glance(replace(host, net=net), [Reading.RULES])
    assert net.begun == 1 and not net.reads
    for _ in range(2):
        with pytest.raises(Transient, match="no answer"):
            seen.net.rules()
    assert net.reads == {"rules": 1}
