"""Firewall, on the machine: rules are added and taken away by the commands that the plan showed, as far as there is need."""

from collections.abc import Collection, Sequence

from reconciler.host.ports import Host
from reconciler.resources import firewall


def add(wanted: Sequence[str], missing: Collection[str], host: Host) -> None:
    """Have these rules, in this order; missing: those of them that there are to be. Raises HostError."""
    have = host.net.rules()
    for words in firewall.mend(wanted, {rule for rule in missing if rule not in have}):
        host.commands.run(words)


def take(found: Collection[str], host: Host) -> None:
    """Have none of these rules. Raises HostError."""
    have = host.net.rules()
    for words in firewall.remove([rule for rule in found if rule in have]):
        host.commands.run(words)
