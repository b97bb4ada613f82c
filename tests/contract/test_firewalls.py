"""Firewalls, compared: the same random commands on the fake and in a network namespace, and the same rules after each of them.

The same sequences in each run, so that no run fails by luck; to look further, raise max_examples and drop derandomize.
"""

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from reconciler.host.errors import HostError
from tests.contract.stage import FakeStage, RealStage, own_network

tables = st.sampled_from(("filter", "nat"))
own = st.sampled_from(("OSVC-1", "OSVC-2"))
chains = st.sampled_from(("OSVC-1", "OSVC-2", "FORWARD"))
leading = st.sampled_from(
    (
        "! -s 10.7.1.9 -d 192.0.2.2 -p tcp --dport 8080 -m comment --comment osvc:web -j DNAT --to-destination 10.7.1.9:80",
        "-p udp -m udp --dport 53 -j DNAT --to-destination 10.7.1.9:53",
    )
)
rules = st.sampled_from(
    (
        "-i osvc-1 -j ACCEPT",
        "! -o osvc-1 -s 10.0.0.1 -m comment --comment osvc:web -j RETURN",
        "-j OSVC-1",
        "-m comment --comment x -j OSVC-2",
        "-o osvc-1 -m conntrack --ctstate DNAT,RELATED -m comment --comment osvc:web/network#lan -j ACCEPT",
        "! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j OSVC-1",
        "-o osvc-1 -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT",
    )
)
command = st.one_of(
    st.tuples(tables, st.sampled_from(("-N", "-X", "-F")), own),
    st.tuples(tables, st.sampled_from(("-A", "-D", "-C")), chains, rules),
    st.tuples(tables, st.sampled_from(("-A", "-I")), chains, rules),
    st.tuples(tables, st.just("-I"), chains, st.just("1"), rules),
    st.tuples(st.just("nat"), st.sampled_from(("-A", "-D")), own, leading),
)


def perform(stage, table, *words) -> str:
    try:
        stage.host.commands.run(["iptables", "-w", "-t", table, *" ".join(words).split()])
    except HostError as error:
        return type(error).__name__
    return ""


def picture(stage):
    """Rules and chains. Built-in chains come into being at different moments, and are left out."""
    return {rule for rule in stage.host.net.rules() if " -P " not in rule}


@pytest.mark.real
@settings(max_examples=40, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(command, min_size=1, max_size=12))
@example([("filter", "-A", "OSVC-1", "-j OSVC-1"), ("filter", "-A", "FORWARD", "-j OSVC-1")])
def test_the_fake_does_what_the_machine_does(commands):
    fake, real = FakeStage(), RealStage()
    try:
        with own_network():
            for table in ("filter", "nat"):
                for stage in (fake, real):
                    perform(stage, table, "-N", "OSVC-1")
            for n, action in enumerate(commands):
                ends = [perform(stage, *action) for stage in (fake, real)]
                assert ends[0] == ends[1], (
                    f"{action} ended as {ends[0] or 'done'} on the fake, as {ends[1] or 'done'} on the machine"
                )
                assert picture(fake) == picture(real), f"after {commands[: n + 1]}"
    finally:
        real.close()
