"""Scopes: which spelling of each keyword holds on a node. A pure pass over a Document; positions and spellings are kept.

`mnt@deb1` holds on deb1 and goes before `mnt@nodes`, `mnt@drpnodes`, `mnt@encapnodes` and `mnt`, in this order; an older spelling
(`mnt_opts`) counts in each rank like the newer one. Only within a section: what a section says, with any scope, goes before what it
inherits. What comes out has each keyword under its own name, with the entry that holds; what nobody knows stays as it is written.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

from reconciler.core.nodes import SETS, Nodes, same_node
from reconciler.spec import vocabulary
from reconciler.spec.document import Document, Entry, Section
from reconciler.spec.error import meant

_LATER = ("flex_primary", "drp_flex_primary")
"""Scopes of the reference that mean nothing without its topologies."""

_LAST = 2 + len(SETS)
"""The rank of what has a scope that means nothing: it stands in for a keyword that would be missed else."""

Fail = Callable[[Entry, str], None]
Meaning = Callable[[str], str | None]
"""spelling -> keyword; None for one that has no meaning there."""


def scoped(document: Document, nodes: Nodes, node: str, fail: Fail) -> Document:
    """The document as it is to be read on a node. fail: told what is wrong with scopes."""
    ranks = _Ranks(nodes, node, fail)

    def of(section: Section, meaning: Meaning, inside: str) -> Section:
        return section._replace(entries=ranks.holding(section.entries, meaning, inside))

    return replace(
        document,
        own=of(document.own, vocabulary.own_keyword, "the service's own section"),
        resources={
            rid: section if _plain(rid, section) else of(section, _meaning(rid, section), rid)
            for rid, section in document.resources.items()
        },
        subsets={name: of(section, _itself, name) for name, section in document.subsets.items()},
        variables=ranks.holding(document.variables, _itself, "the variables"),
    )


def _itself(spelling: str) -> str:
    return spelling


def _meaning(rid: str, section: Section) -> Meaning:
    """Of a section that there is no driver for every keyword stays."""
    known = vocabulary.spellings(rid, section.word("type"))
    return known.get if known else _itself


def _plain(rid: str, section: Section) -> bool:
    """Whether every keyword stands under its own name, and without a scope, as most do: it holds as it is written."""
    return section.entries.keys() <= vocabulary.plain(rid, section.word("type"))


class _Ranks:
    def __init__(self, nodes: Nodes, node: str, fail: Fail) -> None:
        self.nodes = nodes
        self.node = node
        self.fail = fail
        self.sets = nodes.sets_of(node)

    def holding(self, entries: Mapping[str, Entry], meaning: Meaning, inside: str) -> dict[str, Entry]:
        """keyword -> the entry that holds on this node."""
        found: dict[str, tuple[int, Entry]] = {}
        written: dict[tuple[str, str], Entry] = {}
        for spelling, entry in entries.items():
            plain, sign, scope = spelling.partition("@")
            name = meaning(plain)
            if name is None:
                found[spelling] = 0, entry
                continue
            key = self.known(name, scope, entry) if sign else ""
            first = written.setdefault((name, key), entry)
            if first is not entry:
                self.fail(entry, f"'{spelling}' in {inside} says again what '{first.key}' says in line {first.line}; keep one")
                continue
            rank = _LAST if key.startswith("@") else self.rank(scope)
            if rank is not None and (name not in found or rank < found[name][0]):
                found[name] = rank, entry
        return {name: entry for name, (_, entry) in found.items()}

    def rank(self, scope: str) -> int | None:
        """The smaller, the more specific; None for what does not hold here."""
        if scope in self.sets:
            return 1 + SETS.index(scope)
        if not scope:
            return 1 + len(SETS)
        return 0 if scope not in SETS and same_node(scope, self.node) else None

    def known(self, name: str, scope: str, entry: Entry) -> str:
        """A scope as one word for all its spellings; one that means nothing is told, and begins with "@"."""
        if name in vocabulary.UNSCOPED:
            self.fail(entry, f"'{entry.key}': '{name}' takes no scope; {vocabulary.UNSCOPED[name]}")
            return f"@{scope}"
        if scope in SETS:
            return scope
        if scope in _LATER:
            self.fail(entry, f"the scope '@{scope}' of '{entry.key}' is not supported yet; name the node itself")
            return f"@{scope}"
        several = self.nodes.named(scope)
        if not several:
            own = self.nodes.all
            close = meant(scope, [*SETS, *own]) or f"; write one of {', '.join(SETS)}, or name it in one of them"
            self.fail(entry, f"'{scope}' in '{entry.key}' is no node set and none of the service's nodes ({' '.join(own)}){close}")
            return f"@{scope}"
        if len(several) > 1:
            self.fail(entry, f"'{scope}' in '{entry.key}' may be {' or '.join(several)}; write the whole name")
        return several[0]
