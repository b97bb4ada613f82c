"""A glance at the machine: the firewall is read once, whoever looks at it, and what went wrong is told to each."""

from dataclasses import replace

import pytest

from reconciler.core.node import Node
from reconciler.core.ownership import Owned, Ownership
from reconciler.engine.observe import observe, type_of, wanted_of
from reconciler.host.errors import Transient
from reconciler.host.glance import glance
from reconciler.resources.registry import driver_of, kind_of
from reconciler.spec.load import load_text


class Counting:
    """The Net port of a host, counting how often its firewall is read."""

    def __init__(self, net, fails=None):
        self.net, self.fails, self.reads = net, fails, 0

    def __getattr__(self, name):
        return getattr(self.net, name)

    def rules(self):
        self.reads += 1
        if self.fails:
            raise self.fails
        return self.net.rules()


def test_the_firewall_is_read_once_and_everything_else_each_time(host):
    net = Counting(host.net)
    seen = glance(replace(host, net=net))
    host.commands.run(["iptables", "-w", "-N", "OSVC-1"])
    assert seen.net.rules() == seen.net.rules() == host.net.rules()
    host.commands.run(["ip", "link", "add", "name", "osvc-1", "type", "bridge"])
    assert "osvc-1" in {link.name for link in seen.net.links()} and net.reads == 1
    assert (seen.net.routes(), seen.net.forwarding(), seen.net.resolve("localhost")) == (
        host.net.routes(),
        host.net.forwarding(),
        host.net.resolve("localhost"),
    )


def test_who_looks_second_hears_the_same_error(host):
    net = Counting(host.net, fails=Transient("no answer in 30 s"))
    seen = glance(replace(host, net=net))
    for _ in range(2):
        with pytest.raises(Transient, match="no answer"):
            seen.net.rules()
    assert net.reads == 1


def test_engines_networks_and_containers_are_observed_with_one_reading(host):
    keywords = "docker_data_dir: /srv/d\nresources:\n  network#1: {subnet: 10.7.1.0/24}\n  network#2: {}\n"
    for n in (1, 2):
        ports = f"client_address: true, ports: '{8080 + n}:80'"
        keywords += f"  container#{n}: {{image: a, network: 'network#{n}', ip: 10.7.1.{n + 8}, {ports}}}\n"
    (service,) = load_text(keywords, "yaml", "web", "web.yaml", Node()).services
    net, wanted = Counting(host.net), wanted_of("web", service, Ownership())
    owned = [replace(item, owned=Owned(type_of(item), item.desired, item.desired)) for item in wanted]
    seen = observe(owned, replace(host, net=net), kinds=kind_of, drivers=driver_of)
    assert len(seen.observed) == 5 and net.reads == 1
