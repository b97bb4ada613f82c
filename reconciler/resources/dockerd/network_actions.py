"""Network actions: an engine's bridge, firewall rules and forwarding. What the services of a node share is done under its lock."""

import shlex
from typing import ClassVar

from reconciler.core.action import Action, Barrier, Facet
from reconciler.core.observed import Seen
from reconciler.resources import firewall
from reconciler.resources.dockerd import network, script
from reconciler.resources.dockerd.action import CommandsAction, EngineAction, around_of, around_with, state_of, state_with


class MakeBridge(CommandsAction):
    """there, up, address: what is done already."""

    op: ClassVar[str] = "bridge"
    facets: ClassVar[frozenset[Facet]] = frozenset({Facet.LINK})
    shared: ClassVar[bool] = True
    takes: ClassVar[bool] = True
    there: bool = False
    address: bool = False
    up: bool = False

    def says(self) -> str:
        return f"bridge {self.want.bridge} with {network.gateway(self.want.subnet)}"

    def commands(self) -> tuple[tuple[str, ...], ...]:
        name = self.want.bridge
        lines: list[tuple[str, ...]] = []
        if not self.there:
            lines.append(("ip", "link", "add", "name", name, "type", "bridge"))
        if not self.address:
            lines.append(("ip", "addr", "add", network.gateway(self.want.subnet), "dev", name))
        if not self.up:
            lines.append(("ip", "link", "set", name, "up"))
        return tuple(lines)

    def after(self, seen: Seen) -> Seen:
        return state_with(seen, bridge_there=True, bridge_up=True, subnet=self.want.subnet)

    def shown(self, seen: Seen) -> bool:
        state = state_of(seen)
        return state.bridge_there and state.bridge_up and state.subnet == self.want.subnet

    def undo(self, before: Seen) -> tuple[Action, ...] | Barrier:
        return () if self.there else (RemoveBridge(want=self.want, names=(self.want.bridge,)),)


class AddRules(CommandsAction):
    """missing: rules of the engine's own chain. inner: rules of what is inside of it, that were taken away with those."""

    op: ClassVar[str] = "firewall"
    shared: ClassVar[bool] = True
    missing: tuple[str, ...] = ()
    inner: tuple[str, ...] = ()

    def says(self) -> str:
        return f"let {self.want.bridge} out: {len(self.missing) + len(self.inner)} rules in chain {self.want.chain}"

    def commands(self) -> tuple[tuple[str, ...], ...]:
        return firewall.mend((*self.want.rules, *self.inner), (*self.missing, *self.inner))

    def after(self, seen: Seen) -> Seen:
        have, inner = state_of(seen).rules, state_of(seen).inner_rules
        return state_with(
            seen,
            rules=(*have, *(rule for rule in self.missing if rule not in have)),
            inner_rules=firewall.in_order({*inner, *self.inner}),
        )

    def shown(self, seen: Seen) -> bool:
        state = state_of(seen)
        return {*self.missing, *self.inner} <= {*state.rules, *state.inner_rules}

    def undo(self, before: Seen) -> tuple[Action, ...] | Barrier:
        had = state_of(before).rules
        new = tuple(rule for rule in self.missing if rule not in had)
        return (RemoveRules(want=self.want, found=new),) if new else ()


class Forward(EngineAction):
    """Have the machine forward IPv4, and remember in the run folder what it did before."""

    op: ClassVar[str] = "forward"
    shared: ClassVar[bool] = True

    def says(self) -> str:
        return "turn IPv4 forwarding on"

    def command(self) -> str:
        return f"echo 0 > {shlex.quote(f'{self.want.run_dir}/forwarding')} && sysctl -w net.ipv4.ip_forward=1"

    def after(self, seen: Seen) -> Seen:
        around = around_of(seen)
        was = around.was_forwarding and around.forwarding
        return around_with(state_with(seen, forwarding=True), forwarding=True, was_forwarding=was)

    def shown(self, seen: Seen) -> bool:
        return state_of(seen).forwarding

    def undo(self, before: Seen) -> tuple[Action, ...] | Barrier:
        return () if state_of(before).forwarding else (Unforward(want=self.want),)


class RemoveRules(CommandsAction):
    """found: rules of the engine's own chain, and of what is inside of it."""

    op: ClassVar[str] = "unfirewall"
    facets: ClassVar[frozenset[Facet]] = frozenset({Facet.LEFTOVERS})
    shared: ClassVar[bool] = True
    found: tuple[str, ...] = ()

    def says(self) -> str:
        return f"take {len(self.found)} rules of {self.want.bridge} away"

    def commands(self) -> tuple[tuple[str, ...], ...]:
        return firewall.remove(self.found)

    def after(self, seen: Seen) -> Seen:
        state = state_of(seen)
        left = {name: tuple(rule for rule in getattr(state, name) if rule not in self.found) for name in ("rules", "inner_rules")}
        return state_with(seen, **left)

    def shown(self, seen: Seen) -> bool:
        state = state_of(seen)
        return not set(self.found) & {*state.rules, *state.inner_rules}

    def undo(self, before: Seen) -> tuple[Action, ...] | Barrier:
        again = tuple(rule for rule in self.want.rules if rule in self.found)
        inner = tuple(rule for rule in state_of(before).inner_rules if rule in self.found)
        return (AddRules(want=self.want, missing=again, inner=inner),) if again or inner else ()


class RemoveBridge(CommandsAction):
    """names: the engine's own bridge, and those that its networks have left. These come again by themselves with the engine."""

    op: ClassVar[str] = "unbridge"
    facets: ClassVar[frozenset[Facet]] = frozenset({Facet.LINK})
    shared: ClassVar[bool] = True
    names: tuple[str, ...]

    def says(self) -> str:
        return f"remove bridge {' '.join(self.names)}"

    def commands(self) -> tuple[tuple[str, ...], ...]:
        return tuple(("ip", "link", "delete", name, "type", "bridge") for name in self.names)

    def after(self, seen: Seen) -> Seen:
        gone = {"bridge_there": False, "bridge_up": False, "subnet": ""} if self.want.bridge in self.names else {}
        left = tuple(name for name in state_of(seen).inner_bridges if name not in self.names)
        return state_with(seen, **gone, inner_bridges=left)

    def shown(self, seen: Seen) -> bool:
        state = state_of(seen)
        own = state.bridge_there and self.want.bridge in self.names
        return not own and not set(self.names) & set(state.inner_bridges)

    def undo(self, before: Seen) -> tuple[Action, ...] | Barrier:
        return (MakeBridge(want=self.want),) if state_of(before).bridge_there and self.want.bridge in self.names else ()


class Unforward(EngineAction):
    """Put forwarding back to what it was before the first private engine, unless another engine still needs it."""

    op: ClassVar[str] = "unforward"
    shared: ClassVar[bool] = True
    blind: ClassVar[bool] = True

    def says(self) -> str:
        return "turn IPv4 forwarding off again, unless another engine needs it"

    def command(self) -> str:
        return "sysctl -w net.ipv4.ip_forward=0"

    def script(self) -> str:
        return script.unforwarded(self.want)

    def after(self, seen: Seen) -> Seen:
        return around_with(state_with(seen, forwarding=False), forwarding=False, was_forwarding=True)

    def shown(self, seen: Seen) -> bool:
        return True

    def undo(self, before: Seen) -> tuple[Action, ...] | Barrier:
        return (Forward(want=self.want),) if state_of(before).forwarding else ()
