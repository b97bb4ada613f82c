"""What the firewall does for containers on networks of services' own engines, asked from another network namespace."""

import http.client
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.integration.enginelab import SystemEngine, docker
from tests.integration.lab import Lab, laboratory
from tests.integration.netlab import Lab as Net
from tests.integration.netlab import own_network, run

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]


@pytest.fixture
def lab() -> Iterator[Lab]:
    with own_network(), laboratory() as place:
        yield place


@pytest.fixture
def net(lab: Lab) -> Iterator[Net]:
    """The world outside: it has no way back to addresses of containers."""
    with Net() as net:
        net.serve(lab.root / "www", "outside", 8080)
        yield net


def ask(lab: Lab, service: str, container: str, address: str, port: int, path: str = "/") -> str:
    """What a container is answered over HTTP; "" for nothing. It keeps its side open: docker-proxy may cut off who does not."""
    script = f"(printf 'GET {path} HTTP/1.0\\r\\n\\r\\n'; sleep 1) | nc -w 3 {address} {port}"
    words = ["docker", "-H", f"unix://{lab.engine(service).socket}", "exec", f"{service}.container.{container}", "sh", "-c", script]
    done = subprocess.run(words, capture_output=True, text=True, timeout=30, check=False)
    return done.stdout.splitlines()[-1] if done.stdout else ""


def left() -> set[str]:
    """What there is of osvc in the firewall, among the links, and of forwarding."""
    rules = {line for line in run("iptables-save").splitlines() if "OSVC-" in line or "osvc" in line}
    links = {line.split()[0] for line in run("ip", "-br", "link").splitlines() if line.startswith(("osvc-", "br-"))}
    return rules | links | ({"forwarding"} if run("sysctl", "-n", "net.ipv4.ip_forward").strip() == "1" else set())


def spec(lab: Lab, name: str, subnet: str, **more: Any) -> dict[str, Any]:
    """A service with three networks, and a container on each."""
    return {
        "docker_data_dir": f"{lab.root}/d/{name}",
        "resources": {
            "network#lan": {"subnet": subnet},
            "network#any": {},
            "network#cell": {"internal": True},
            "container#lan": {
                **lab.container(),
                "command": f"sh -c 'mkdir -p /w && echo {name} >/w/index.html && exec httpd -f -p 80 -h /w'",
                "network": "network#lan",
                "ip": subnet.replace("0/24", "9"),
                "client_address": True,
                **more,
            },
            "container#any": {**lab.container(), "network": "network#any"},
            "container#cell": {**lab.container(), "network": "network#cell"},
        },
    }


def test_containers_on_networks_reach_out_and_not_into_another_engine(lab: Lab, net: Net) -> None:
    for name, subnet in (("one", "10.213.7.0/24"), ("two", "10.213.8.0/24")):
        lab.write(f"{name}.yaml", spec(lab, name, subnet))
    lab.apply()
    lab.converged()
    for name, other in (("one", "10.213.8.9"), ("two", "10.213.7.9")):
        for container in ("lan", "any"):
            assert ask(lab, name, container, net.there, 8080) == "outside", (name, container)
            assert ask(lab, name, container, other, 80) == "", "another engine's container, by its own address"
        assert ask(lab, name, "cell", net.there, 8080) == "", "an internal network has no way out"
    assert ask(lab, "one", "lan", "10.213.7.9", 80) == "one"

    (chain,) = {line.split()[1] for line in run("iptables-save").splitlines() if "-s 10.213.7.0/24" in line}
    run("iptables", "-w", "-t", "nat", "-F", chain)
    assert ask(lab, "one", "lan", net.there, 8080) == ""
    assert lab.touched() == {"network#lan"}
    lab.apply()
    lab.converged()
    assert ask(lab, "one", "lan", net.there, 8080) == "outside"

    ids = lab.running("one")
    lab.osvc("stop", "one")
    assert not [line for line in left() if "osvc:one" in line]
    assert ask(lab, "two", "lan", net.there, 8080) == "outside"
    lab.osvc("start", "one")
    assert lab.running("one") == ids
    lab.converged()
    assert ask(lab, "one", "any", net.there, 8080) == "outside"
    lab.osvc("stop", "two")
    lab.osvc("stop", "one")
    assert {line for line in left() if not line.startswith("br-")} == set(), "but for the bridges of internal networks"


WHO = "/cgi-bin/who"
SERVER = """
mkdir -p /w/cgi-bin
printf '#!/bin/sh\\necho Content-type: text/plain\\necho\\necho $REMOTE_ADDR\\n' >/w/cgi-bin/who
chmod +x /w/cgi-bin/who
exec httpd -f -p 80 -h /w
"""
"""Tells each client its address over HTTP."""
DATAGRAMS = """
import socket
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.settimeout(10)
server.bind(("", 53))
print("ready", flush=True)
print(server.recvfrom(9)[1][0], flush=True)
"""
"""Tells who sent the first datagram."""


def served(lab: Lab, name: str, subnet: str, port: int) -> dict[str, Any]:
    """A service whose container has a fixed address and published ports, on its loopback as well."""
    ports = [f"{port}:80", f"127.0.0.1:{port + 1}:80", f"{port}:53/udp"]
    more = {"command": ["sh", "-c", SERVER], "ports": ports, "restart_policy": "on-failure"}
    return spec(lab, name, subnet, **more)


def here(address: str, port: int) -> str:
    """What this machine is answered when it asks itself."""
    asked = http.client.HTTPConnection(address, port, timeout=5)
    asked.request("GET", WHO)
    return plain(asked.getresponse().read().decode())


def plain(address: str) -> str:
    """An address of IPv4, as a server of IPv6 sees it ("[::ffff:198.18.0.2]")."""
    return address.strip().strip("[]").rpartition(":")[2]


def eventually(what: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_container_sees_who_its_clients_are_whatever_engines_come_and_go(lab: Lab, net: Net) -> None:
    ports, system = {"one": 21080, "two": 22080}, SystemEngine(lab.root / "sys0")
    specs = {name: served(lab, name, f"10.213.{7 + n}.0/24", port) for n, (name, port) in enumerate(ports.items())}
    for name, words in specs.items():
        lab.write(f"{name}.yaml", words)
    lab.osvc("validate", str(lab.specs))

    def start(name: str) -> None:
        if name == "sys":
            system.start(lab.archive())
            system.web("sys", 23080, "sys")
        else:
            lab.apply("-s", name)
            lab.osvc("start", name)

    def stop(name: str) -> None:
        if name == "sys":
            docker(system.socket, "rm", "-f", "sys")
            system.stop()
        else:
            lab.osvc("stop", name)

    def check(running: tuple[str, ...]) -> None:
        for name in running:
            if name == "sys":
                assert net.ask(net.here, 23080) == "sys", running
            else:
                assert plain(net.ask(net.here, ports[name], WHO)) == net.there, (name, running)
                assert ask(lab, name, "any", net.there, 8080) == "outside", (name, running)
                lab.plan("-s", name, ok=(0,))
        for name in ports:
            assert name in running or net.ask(net.here, ports[name], WHO) == "", (name, running)

    try:
        for starts, stops in ((("one", "sys", "two"), ("sys", "two", "one")), (("sys", "two", "one"), ("one", "sys", "two"))):
            for n, name in enumerate(starts):
                start(name)
                check(starts[: n + 1])
            for n, name in enumerate(stops):
                stop(name)
                check(stops[n + 1 :])
            system.clean()
            run("sysctl", "-w", "net.ipv4.ip_forward=0")
            assert {line for line in left() if not line.startswith("br-")} == set()
    finally:
        system.clean()


def test_every_way_to_a_published_port(lab: Lab, net: Net) -> None:
    port, gateway = 21080, "10.213.7.1"
    lab.write("one.yaml", served(lab, "one", "10.213.7.0/24", port))
    lab.write("two.yaml", served(lab, "two", "10.213.8.0/24", 22080))
    lab.apply()
    lab.converged()
    assert plain(net.ask(net.here, port, WHO)) == net.there
    assert here(net.here, port) == net.here, "from this machine, by an address of its own"
    assert here("127.0.0.1", port) == here("127.0.0.1", port + 1) == gateway, "the loopback is left to docker-proxy"
    assert net.ask(net.here, port + 1, WHO) == ""
    assert plain(ask(lab, "one", "lan", net.here, port, WHO)) == gateway, "itself, by way of this machine"
    assert ask(lab, "one", "any", net.here, port, WHO) != "", "another network of the engine"
    assert ask(lab, "two", "lan", net.here, port, WHO) != "", "another engine, by way of this machine"
    assert ask(lab, "two", "lan", "10.213.7.9", 80, WHO) == "", "and not directly"
    first = lab.containers("one")["one.container.lan"]["State"]["Pid"]
    words = ["nsenter", f"--net=/proc/{first}/ns/net", sys.executable, "-I", "-S", "-c", DATAGRAMS]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None and server.stdout.readline() == "ready\n"
        sent = f"import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('{net.here}', {port}))"
        net.inside(sys.executable, "-I", "-S", "-c", sent)
        assert server.stdout.readline().strip() == net.there, "a datagram"

    ids = lab.running("one")
    lab.kill(first)
    eventually(lambda: lab.containers("one")["one.container.lan"]["State"]["Pid"] not in (0, first))
    eventually(lambda: plain(net.ask(net.here, port, WHO)) == net.there)
    assert lab.running("one") == ids
    lab.converged()

    lab.kill(lab.daemon("one"))
    assert plain(net.ask(net.here, port, WHO)) == net.there, "without its engine, and so without docker-proxy"
    lab.apply()
    lab.converged()
    assert plain(net.ask(net.here, port, WHO)) == net.there and lab.running("one") == ids

    lab.write("one.yaml", served(lab, "one", "10.213.7.0/24", 24080))
    lab.apply()
    lab.converged()
    assert net.ask(net.here, port, WHO) == "" and plain(net.ask(net.here, 24080, WHO)) == net.there
    lab.osvc("stop", "--rid", "container#lan", "one")
    assert net.ask(net.here, 24080, WHO) == "" and not [line for line in left() if "container#lan" in line and "osvc:one" in line]


def test_a_container_that_is_published_on_an_address_of_the_service_comes_and_goes_with_it(lab: Lab, net: Net) -> None:
    """Asked from outside, on an address that the machine has only while the service is up."""
    address = "198.18.0.65"
    net.inside("ip", "route", "add", f"{address}/32", "dev", "eth0")
    words = "sh -c 'mkdir -p /w && echo up >/w/index.html && exec httpd -f -p 80 -h /w'"
    spec = {
        "docker_data_dir": f"{lab.root}/d/web",
        "resources": {
            "ip#1": {"name": address, "dev": net.link, "netmask": 32},
            "container#1": {**lab.container(), "command": words, "ports": f"{address}:8088:80"},
        },
    }
    lab.write("web.yaml", spec)
    lab.apply()
    lab.converged()
    assert net.ask(address, 8088) == "up\n"
    run("ip", "addr", "del", f"{address}/32", "dev", net.link)
    assert lab.touched() == {"ip#1"} and net.ask(address, 8088) == ""
    lab.apply()
    assert net.ask(address, 8088) == "up\n", "the container is as it was"
    lab.osvc("stop", "web")
    assert address not in run("ip", "-br", "addr")
    net.inside("ip", "addr", "add", f"{address}/32", "dev", "eth0")
    refused = lab.osvc("start", "web", ok=(3,))
    assert "answers for it on the network of" in refused.stdout + refused.stderr
    assert lab.touched() >= {"ip#1", "container#1"}, "nothing of it is up"
