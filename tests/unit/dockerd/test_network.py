"""Subnets and firewall rules of private engines."""

from hypothesis import given
from hypothesis import strategies as st

from reconciler.resources.dockerd import network

POOL = "10.208.0.0/12"
RULES = network.rules("0123abcd", "osvc-0123abcd", "10.208.4.0/22", "web")


def test_a_share_is_the_same_for_the_same_tag_and_free():
    first = network.choose(POOL, "0123abcd", ())
    assert first == network.choose(POOL, "0123abcd", ("192.168.0.0/16", "default", "fe80::/64", "0.0.0.0/0"))
    second = network.choose(POOL, "0123abcd", (first,))
    assert second and second != first
    assert network.choose(POOL, "0123abcd", ("10.0.0.0/8",)) == ""


@given(st.text("0123456789abcdef", min_size=8, max_size=8), st.lists(st.integers(0, 1023), max_size=40))
def test_a_share_never_overlaps_what_is_taken(tag, busy):
    taken = [f"10.{208 + n // 64}.{n % 64 * 4}.7/24" for n in busy]
    share = network.choose(POOL, tag, taken)
    assert network.is_free(share, taken)
    assert network.share_of(network.gateway(share), POOL) == share
    assert all(network.share_around(base) == share for base in network.pools(share))


def test_a_bridge_with_a_foreign_address_has_no_share():
    assert network.share_of("192.168.1.1/24", POOL) == ""
    assert network.share_of("10.208.4.1/16", POOL) == ""
    assert network.share_of("10.208.4.9/24", POOL) == ""


def test_rules_are_made_in_sequence_and_jumps_go_first():
    commands = [" ".join(words) for words in network.mend(RULES, RULES, "0123abcd")]
    assert commands[0] == "iptables -w -t filter -N OSVC-0123abcd"
    assert commands[4].endswith("-o osvc-0123abcd -m comment --comment osvc:web -j DROP")
    assert commands[5].startswith("iptables -w -t filter -I FORWARD 1 ")
    assert not any(" -F " in line for line in commands)


def test_a_gap_in_a_chain_fills_the_whole_chain_anew():
    missing = [rule for rule in RULES if "ESTABLISHED" in rule]
    commands = [" ".join(words) for words in network.mend(RULES, missing, "0123abcd")]
    assert commands[0] == "iptables -w -t filter -F OSVC-0123abcd"
    assert len(commands) == 5
    assert not any("-t nat" in line for line in commands)


def test_rules_go_jumps_first_and_chains_last():
    commands = network.remove(RULES, "0123abcd")
    verbs = [words[4] for words in commands]
    assert verbs == ["-D"] * 7 + ["-X"] * 2
    assert {words[5] for words in commands[:2]} == {"FORWARD", "POSTROUTING"}


def test_rules_of_others_are_not_ours():
    assert all(network.ours(rule, "0123abcd") for rule in RULES)
    assert not network.ours("filter -A FORWARD -j OSVC-0123abce", "0123abcd")
    assert not network.ours("filter -A DOCKER-USER -j RETURN", "0123abcd")
