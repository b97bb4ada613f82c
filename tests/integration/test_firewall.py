"""What the firewall does for containers on networks of services' own engines, asked from another network namespace."""

import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

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


def ask(lab: Lab, service: str, container: str, address: str, port: int) -> str:
    """What a container is answered over HTTP; "" for nothing."""
    script = f"printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 3 {address} {port}"
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
