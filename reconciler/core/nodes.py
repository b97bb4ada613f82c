"""Nodes: the machines that a service is for, and what is wanted of it on each of them while nobody has said otherwise.

A node has a short name (deb1) and perhaps a long one (deb1.opensvc.com); case does not matter. A short name means every node
whose long name begins with it; two long names are the same only where they are equal.
"""

from typing import Final

from reconciler.core.lazy import dataclass
from reconciler.core.policy import UP, Aim, Goal

SETS: Final = ("nodes", "drpnodes", "encapnodes")
"""The node sets, the most specific one first."""


PRODUCTION: Final = "PRD"
"""The environment whose nodes are for nothing else."""


def misplaced(env: str, node_env: str) -> str:
    """Why a service of one environment is not for a node of another, as a clause; "" where it may be."""
    if node_env != PRODUCTION or env == PRODUCTION:
        return ""
    return f"not for this node: the service is {env}, and the node for production only (env: {PRODUCTION})"


def same_node(one: str, other: str) -> bool:
    """Whether two names mean the same machine."""
    one, other = one.lower(), other.lower()
    if "." in one and "." in other:
        return one == other
    return one.partition(".")[0] == other.partition(".")[0]


@dataclass(frozen=True, slots=True)
class Nodes:
    """nodes: where the service runs. drpnodes: where it is started by hand, after a disaster. encapnodes: inside its containers.
    autostart: where it comes up by itself; () is all of `nodes`."""

    nodes: tuple[str, ...] = ()
    drpnodes: tuple[str, ...] = ()
    encapnodes: tuple[str, ...] = ()
    autostart: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[str, ...]:
        return (*self.nodes, *self.drpnodes, *self.encapnodes)

    def named(self, name: str) -> tuple[str, ...]:
        """The nodes of the service that a name may mean, each once."""
        return tuple(dict.fromkeys(one.lower() for one in self.all if same_node(one, name)))

    def sets_of(self, node: str) -> tuple[str, ...]:
        """The sets that hold a node, the most specific one first."""
        return tuple(name for name in SETS if _holds(getattr(self, name), node))

    def here(self, node: str) -> bool:
        """Whether the service may run on this node."""
        return _holds((*self.nodes, *self.drpnodes), node)

    def goal(self, node: str) -> Goal:
        """What is wanted of the service on a node, as long as nobody there has said otherwise."""
        if not self.here(node):
            return Goal(Aim.NONE, reason=f"not for this node: nodes = {' '.join(self.nodes)}{self._more()}")
        if _holds(self.autostart, node) or (not self.autostart and _holds(self.nodes, node)):
            return UP
        if self.autostart:
            return Goal(Aim.NONE, reason=f"here it is started by hand: autostart_node = {' '.join(self.autostart)}")
        return Goal(Aim.NONE, reason=f"here it is started by hand: drpnodes = {' '.join(self.drpnodes)}")

    def _more(self) -> str:
        return f", drpnodes = {' '.join(self.drpnodes)}" if self.drpnodes else ""


def _holds(names: tuple[str, ...], node: str) -> bool:
    return any(same_node(name, node) for name in names)
