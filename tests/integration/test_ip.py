"""Addresses on a real machine: osvc as a user runs it, in a network of its own, with neighbours who have addresses, too."""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.osvc import Ended, Place
from tests.integration.netlab import own_network
from tests.neighbour import Neighbour, run

pytestmark = pytest.mark.real

SWITCH = "/proc/sys/net/ipv4/conf/o-a/promote_secondaries"


class Net(Place):
    """A place in a network of its own: links o-a and o-b, each to a neighbour. 10.77.0.0/24 and 2001:db8:77::/64 are on o-a."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.a = Neighbour("o-a", "10.77.0.2/24", "2001:db8:77::2/64")
        self.b = Neighbour("o-b", "10.78.0.2/24")
        for cidr, link in (("10.77.0.1/24", "o-a"), ("2001:db8:77::1/64", "o-a"), ("10.78.0.1/24", "o-b")):
            run("ip", "addr", "add", cidr, "dev", link, *(["nodad"] if ":" in cidr else []))
        Path(SWITCH).write_text("0\n")
        self.before = self.network()

    def service(self, **ips: dict[str, object]) -> None:
        """The spec of web: ip1={…} is ip#1."""
        self.spec("web.yaml", json.dumps({"resources": {f"ip#{name[2:]}": words for name, words in ips.items()}}))

    def addresses(self, link: str) -> dict[str, dict[str, object]]:
        """CIDR -> what ip(8) says of it; without those that the kernel makes up."""
        (shown,) = json.loads(run("ip", "-j", "addr", "show", "dev", link))
        return {f"{one['local']}/{one['prefixlen']}": one for one in shown["addr_info"] if one["scope"] != "link"}

    def network(self) -> dict[str, object]:
        routes = {line for family in ("-4", "-6") for line in run("ip", family, "route").splitlines() if "fe80" not in line}
        return {"a": self.addresses("o-a"), "b": self.addresses("o-b"), "routes": routes, "switch": Path(SWITCH).read_text()}

    def apply(self, code: int = 0) -> Ended:
        done = self.osvc("apply", "--yes")
        assert done.code == code, done.out + done.err
        return done

    def at_rest(self) -> None:
        plan = self.osvc("plan")
        assert plan.code == 0, plan.out

    def close(self) -> None:
        self.a.close()
        self.b.close()


@pytest.fixture
def net() -> Iterator[Net]:
    root = Path(tempfile.mkdtemp(prefix="o-", dir="/tmp"))
    try:
        with own_network():
            net = Net(root)
            try:
                yield net
            finally:
                net.close()
    finally:
        shutil.rmtree(root)
        assert not {"o-a", "o-b"} & {link["ifname"] for link in json.loads(run("ip", "-j", "link"))}, (
            "not the machine's own network"
        )


def test_up_again_mended_and_down(net: Net) -> None:
    net.service(
        ip1={"name": "10.77.0.5", "dev": "o-a"},
        ip2={"name": "2001:db8:77::5", "dev": "o-a"},
        ip3={"ipname": "10.99.0.5", "ipdev": "o-a", "netmask": "255.255.255.224", "label": "o-a:web"},
        ip4={"name": "10.99.1.5", "dev": "lo", "netmask": 32},
    )
    plan = net.osvc("plan")
    asked = "      $ arping -D -c 1 -w 1 -I o-a 10.77.0.5\n"
    assert f"{asked}      $ ip addr add 10.77.0.5/24 dev o-a\n{asked}      $ arping -U -c 3 -w 2 -I o-a 10.77.0.5\n" in plan.out
    assert "ip addr add 10.99.0.5/27 dev o-a label o-a:web" in plan.out
    assert "ip addr add 10.99.1.5/32 dev lo\n" in plan.out
    net.apply()
    found = net.addresses("o-a")
    assert {"10.77.0.5/24", "2001:db8:77::5/64", "10.99.0.5/27"} <= set(found)
    assert found["10.99.0.5/27"]["label"] == "o-a:web" and "10.99.1.5/32" in net.addresses("lo")
    net.at_rest()
    run("ip", "addr", "del", "10.77.0.5/24", "dev", "o-a")
    assert "create: 10.77.0.5 is not on o-a (drift)" in net.osvc("plan").out
    net.apply()
    net.at_rest()
    status = net.osvc("status").out
    assert "ip#1" in status and "10.77.0.5@o-a" in status
    assert net.osvc("stop", "web").code == 0
    assert net.network() == net.before and "10.99.1.5/32" not in net.addresses("lo")


@pytest.mark.parametrize("name", ["10.77.0.5", "2001:db8:77::5"])
def test_an_address_that_a_neighbour_has_is_refused_and_nothing_stays(net: Net, name: str) -> None:
    net.a.has(f"{name}/{64 if ':' in name else 24}")
    net.service(ip1={"name": "10.99.0.5", "dev": "o-b", "netmask": 24}, ip2={"name": name, "dev": "o-a"})
    done = net.osvc("start", "web")
    assert done.code == 3, done.out + done.err
    said = done.out + done.err
    assert (net.a.mac in said) if ":" not in name else ("duplicate address detection" in said), said
    assert net.network() == net.before, "a start that fails is undone as a whole"


def test_it_moves_and_changes_its_prefix_and_its_name(net: Net) -> None:
    for first, second in (
        ({"dev": "o-a"}, {"dev": "o-b", "netmask": 24}),
        ({"dev": "o-a", "netmask": 25}, {"dev": "o-a"}),
        ({"dev": "o-a", "label": "o-a:x"}, {"dev": "o-a", "label": "o-a:y"}),
    ):
        for words in (first, second):
            net.service(ip1={"name": "10.77.0.5", **words})
            net.apply()
            net.at_rest()
            (cidr,) = [cidr for cidr in net.addresses(words["dev"]) if cidr.startswith("10.77.0.5/")]
            assert cidr == f"10.77.0.5/{words.get('netmask', 24)}"
            other = "o-b" if words["dev"] == "o-a" else "o-a"
            assert not [cidr for cidr in net.addresses(other) if cidr.startswith("10.77.0.5/")]
            assert net.addresses(words["dev"])[cidr]["label"] == words.get("label", words["dev"])
    assert net.osvc("stop", "web").code == 0
    assert net.network() == net.before


def test_an_ipv6_address_moves_and_changes_its_prefix(net: Net) -> None:
    for words in ({"dev": "o-a"}, {"dev": "o-a", "netmask": 56}, {"dev": "o-b", "netmask": 64}, {"dev": "o-a"}):
        net.service(ip1={"name": "2001:db8:77::5", **words})
        net.apply()
        net.at_rest()
        shown = net.addresses(str(words["dev"]))[f"2001:db8:77::5/{words.get('netmask', 64)}"]
        assert "tentative" not in shown
    assert net.osvc("stop", "web").code == 0
    assert net.network() == net.before


def test_a_move_that_fails_leads_back_to_the_very_address(net: Net) -> None:
    net.service(ip1={"name": "10.77.0.5", "dev": "o-a", "label": "o-a:web"}, ip2={"name": "2001:db8:77::5", "dev": "o-a"})
    net.apply()
    before = net.network()
    net.b.has("10.77.0.5/24")
    net.b.has("2001:db8:77::5/64")
    moved = {"dev": "o-b", "netmask": 24, "label": "o-b:web"}
    net.service(ip1={"name": "10.77.0.5", **moved}, ip2={"name": "2001:db8:77::5", "dev": "o-a"})
    done = net.apply(code=3)
    assert f"{net.b.mac} answers for it on the network of o-b" in done.out + done.err
    assert net.network() == before
    net.service(
        ip1={"name": "10.77.0.5", "dev": "o-a", "label": "o-a:web"}, ip2={"name": "2001:db8:77::5", "dev": "o-b", "netmask": 64}
    )
    done = net.apply(code=3)
    assert "duplicate address detection" in done.out + done.err
    assert net.network() == before


def test_the_neighbours_are_told(net: Net) -> None:
    for address in ("10.77.0.5", "2001:db8:77::5"):
        net.a.mislead(address)
        assert not net.a.knows(address)
    net.service(ip1={"name": "10.77.0.5", "dev": "o-a"}, ip2={"name": "2001:db8:77::5", "dev": "o-a"})
    net.apply()
    assert net.a.knows("10.77.0.5") and net.a.knows("2001:db8:77::5")


def test_a_stop_leaves_what_hangs_on_its_address_and_the_way_out(net: Net) -> None:
    net.service(ip1={"name": "10.99.0.5", "dev": "o-a", "netmask": 24})
    net.apply()
    run("ip", "addr", "add", "10.99.0.6/24", "dev", "o-a", "label", "o-a:other")
    run("ip", "addr", "add", "10.99.0.7/24", "dev", "o-a")
    run("ip", "route", "add", "default", "via", "10.99.0.9", "dev", "o-a")
    stopped = net.osvc("stop", "web")
    assert stopped.code == 0 and "sysctl -q -w net/ipv4/conf/o-a/promote_secondaries=1" in stopped.out, stopped.out
    found = net.addresses("o-a")
    assert {"10.99.0.6/24", "10.99.0.7/24"} <= set(found) and "10.99.0.5/24" not in found
    assert found["10.99.0.6/24"]["label"] == "o-a:other"
    assert "default via 10.99.0.9 dev o-a" in run("ip", "-4", "route")
    assert Path(SWITCH).read_text() == "0\n"


def test_what_osvc_did_not_make_is_adopted_as_it_is_or_left_alone(net: Net) -> None:
    run("ip", "addr", "add", "10.77.0.5/24", "dev", "o-a", "label", "o-a:old")
    net.service(ip1={"name": "10.77.0.5", "dev": "o-a", "netmask": 28})
    refused = net.osvc("apply", "--yes")
    assert refused.code != 0 and "not made by osvc, and differs in netmask" in refused.out + refused.err
    net.service(ip1={"name": "10.77.0.5", "dev": "o-b"})
    assert "10.77.0.5 is on o-a already, where osvc did not put it" in net.osvc("plan").out
    assert net.addresses("o-a")["10.77.0.5/24"]["label"] == "o-a:old"
    net.service(ip1={"name": "10.77.0.5", "dev": "o-a"})
    net.apply()
    net.at_rest()
    assert net.addresses("o-a")["10.77.0.5/24"]["label"] == "o-a:old"
    assert net.osvc("stop", "web").code == 0
    assert net.network() == net.before


def test_the_machines_own_address_is_not_taken_over(net: Net) -> None:
    run("ip", "route", "add", "default", "via", "10.77.0.2", "dev", "o-a")
    net.service(ip1={"name": "10.77.0.1", "dev": "o-a"}, ip2={"name": "2001:db8:77::1", "dev": "o-a"})
    said = net.osvc("plan").out
    assert "10.77.0.1 on o-a is this machine's own: it goes out into the world by it" in said
    assert "1 to adopt" in said, "there is no way out by IPv6"


def test_a_host_name_is_what_the_machine_knows_it_as(net: Net) -> None:
    """/etc/hosts is another file for these runs of osvc only, in a mount namespace of theirs."""
    hosts = net.root / "hosts"

    def osvc(*words: str) -> subprocess.CompletedProcess[str]:
        script = f'mount --bind {hosts} /etc/hosts && exec {sys.executable} -m reconciler "$@"'
        argv = ["unshare", "--mount", "sh", "-c", script, "osvc", *words]
        return subprocess.run(argv, env=net.env, cwd=net.root, capture_output=True, text=True, timeout=60, check=False)

    hosts.write_text("10.77.0.5 docker.opensvc.com\n")
    net.service(ip1={"ipname": "docker.opensvc.com", "ipdev": "o-a"})
    done = osvc("apply", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "docker.opensvc.com@o-a" in osvc("status").stdout
    assert osvc("plan").returncode == 0
    hosts.write_text("10.77.0.6 docker.opensvc.com\n")
    assert "name  10.77.0.5 → docker.opensvc.com" in osvc("plan").stdout
    assert osvc("apply", "--yes").returncode == 0
    assert "10.77.0.6/24" in net.addresses("o-a") and "10.77.0.5/24" not in net.addresses("o-a")
    hosts.write_text("")
    assert osvc("plan").returncode == 0, "what it stood for counts while nothing else is known"
    assert "10.77.0.6 stays, as applied" in osvc("status").stdout
    assert osvc("stop", "web").returncode == 0
    assert net.network() == net.before


def test_a_device_that_is_missing_or_down_is_said(net: Net) -> None:
    run("ip", "link", "set", "o-b", "down")
    net.service(ip1={"name": "10.77.0.5", "dev": "o-c"}, ip2={"name": "10.78.0.5", "dev": "o-b", "netmask": 24})
    said = net.osvc("plan").out
    assert "there is no network device o-c → make it, or correct dev" in said
    assert "o-b is down → ip link set o-b up" in said
