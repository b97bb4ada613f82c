"""Subnets of private engines."""

from hypothesis import given
from hypothesis import strategies as st

from reconciler.resources.dockerd import network

POOL = "10.208.0.0/12"


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


def test_a_share_that_was_the_engines_is_so_again_unless_its_bridge_cannot_be():
    assert network.is_still_free("10.208.4.0/22", POOL, ("10.208.5.1/28", "10.208.8.1/24"))
    assert not network.is_still_free("10.208.4.0/22", POOL, ("10.208.4.0/24",))
    assert not network.is_still_free("10.208.4.0/22", "10.224.0.0/12", ())
