"""iptables(8) on the fake machine. Rules are kept as iptables-save prints them."""

import ipaddress
import re

from tests.fakehost.machine import Machine
from tests.fakehost.network import BUILT_IN
from tests.fakehost.said import Said, Unknown

_FIRST = {"-s": 0, "-d": 1, "-i": 2, "-o": 3, "-p": 4}
_LONG = {
    "--source": "-s",
    "--destination": "-d",
    "--in-interface": "-i",
    "--out-interface": "-o",
    "--protocol": "-p",
    "--jump": "-j",
}
_STATES = ("INVALID", "NEW", "RELATED", "ESTABLISHED", "UNTRACKED", "SNAT", "DNAT")
_MATCHES = {
    "conntrack": ("--ctstate",),
    "comment": ("--comment",),
    "addrtype": ("--dst-type",),
    "tcp": ("--dport", "--sport"),
    "udp": ("--dport", "--sport"),
}
_TARGETS = {"ACCEPT", "DROP", "RETURN", "MASQUERADE", "REJECT", "DNAT"}
_NO_CHAIN = "iptables: No chain/target/match by that name.\n"
_NO_RULE = "iptables: Bad rule (does a matching rule exist in that chain?).\n"


def run_iptables(machine: Machine, words: list[str]) -> str:
    table, rest = _table(words)
    chains = machine.net.table(table)
    match rest:
        case ["-N", chain]:
            if chain in chains:
                raise Said(1, "iptables: Chain already exists.\n")
            chains[chain] = []
        case ["-X", chain]:
            _delete_chain(table, chains, chain)
        case ["-F", chain]:
            _chain(chains, chain).clear()
        case ["-P", chain, "ACCEPT" | "DROP" as policy] if chain in BUILT_IN[table]:
            machine.net.policies[(table, chain)] = policy
        case ["-A", chain, *rule]:
            _insert(table, chains, chain, len(_chain(chains, chain)), rule)
        case ["-I", chain, number, *rule] if number.isdigit():
            _insert(table, chains, chain, int(number) - 1, rule)
        case ["-I", chain, *rule]:
            _insert(table, chains, chain, 0, rule)
        case ["-D" | "-C" as verb, chain, *rule]:
            found, text = _chain(chains, chain), normalise(rule, chains)
            if text not in found:
                raise Said(1, _NO_RULE)
            if verb == "-D":
                found.remove(text)
        case _:
            raise Unknown("iptables")
    return ""


def normalise(words: list[str], chains: dict[str, list[str]]) -> str:
    """A rule as iptables-save prints it."""
    first: dict[str, str] = {}
    matches: list[str] = []
    target, negated, seen = "", "", {""}
    more = ""
    todo = list(words)
    while todo:
        word = todo.pop(0)
        word = _LONG.get(word, word)
        if word == "!":
            negated = "! "
            continue
        if word in _FIRST:
            first[word] = f"{negated}{word} {_value(word, todo.pop(0))}"
        elif word == "-m":
            name = todo.pop(0)
            if name not in _MATCHES:
                raise Unknown(f"-m {name}")
            seen.add(name)
            matches.append(f"-m {name}")
        elif word in ("--dport", "--sport", "--ctstate", "--comment", "--dst-type"):
            if word in ("--dport", "--sport") and not {"tcp", "udp"} & seen:
                protocol = first["-p"].split()[-1]
                seen.add(protocol)
                matches.append(f"-m {protocol}")
            matches.append(f"{negated}{word} {_value(word, todo.pop(0))}")
        elif word == "-j":
            target = todo.pop(0)
            if target not in _TARGETS and target not in chains:
                raise Said(2, f"iptables v1.8.9 (nf_tables): Chain '{target}' does not exist\n")
        elif word == "--to-destination" and target == "DNAT":
            more = f" {word} {todo.pop(0)}"
        else:
            raise Unknown(word)
        negated = ""
    parts = [first[option] for option in sorted(first, key=_FIRST.__getitem__)] + matches
    return " ".join([*parts, *([f"-j {target}{more}"] if target else [])])


def _table(words: list[str]) -> tuple[str, list[str]]:
    table, todo = "filter", list(words)
    while todo and todo[0] in ("-w", "--wait", "-t", "--table"):
        if todo.pop(0) in ("-t", "--table"):
            table = todo.pop(0)
    if table not in BUILT_IN:
        raise Said(3, f"iptables v1.8.9 (nf_tables): table '{table}' does not exist\n")
    return table, todo


def _chain(chains: dict[str, list[str]], name: str) -> list[str]:
    if name not in chains:
        raise Said(1, _NO_CHAIN)
    return chains[name]


def _insert(table: str, chains: dict[str, list[str]], name: str, place: int, rule: list[str]) -> None:
    found = _chain(chains, name)
    found.insert(place, normalise(rule, chains))
    if any(_goes_round(chains, chain, ()) for chain in BUILT_IN[table]):
        del found[place]
        raise Said(4, f"iptables v1.8.9 (nf_tables):  RULE_APPEND failed (Too many links): rule in chain {name}\n")


def _goes_round(chains: dict[str, list[str]], chain: str, above: tuple[str, ...]) -> bool:
    """Whether jumps from a chain lead back to one above: the kernel refuses that where packets come by."""
    if chain in above:
        return True
    targets = {rule.rpartition("-j ")[2] for rule in chains[chain]} & set(chains)
    return any(_goes_round(chains, target, (*above, chain)) for target in targets)


def _delete_chain(table: str, chains: dict[str, list[str]], name: str) -> None:
    rules = _chain(chains, name)
    if (
        name in BUILT_IN[table]
        or rules
        or any(f"-j {name}" == rule[-len(name) - 3 :] for other in chains.values() for rule in other)
    ):
        raise Said(4, f"iptables v1.8.9 (nf_tables):  CHAIN_DEL failed (Device or resource busy): chain {name}\n")
    del chains[name]


def _value(option: str, value: str) -> str:
    if option in ("-s", "-d"):
        return str(ipaddress.ip_network(value, strict=False))
    if option == "--ctstate":
        return ",".join(sorted(value.split(","), key=_STATES.index))
    if option == "--comment" and not re.fullmatch(r"[A-Za-z0-9_-]+", value):
        return '"' + re.sub(r'(["\\\'])', r"\\\1", value) + '"'
    return value
