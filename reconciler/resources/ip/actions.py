"""ip: what can be done to an address."""

from typing import ClassVar

from reconciler.core import shell
from reconciler.core.action import Action, Barrier, Effect, Facet
from reconciler.core.observed import Absent, Present, Seen
from reconciler.resources.ip import addresses
from reconciler.resources.ip.model import State


def _state(seen: Seen) -> State | None:
    return seen.state if isinstance(seen, Present) and isinstance(seen.state, State) else None


def _same(state: State | None, other: State) -> bool:
    """Whether it is the same address at the same place, whatever it is called."""
    return state is not None and (state.address, state.netmask, state.dev) == (other.address, other.netmask, other.dev)


class _Address(Action):
    """state: the address, as it shall be or as it is."""

    state: State

    @property
    def cidr(self) -> str:
        return f"{self.state.address}/{self.state.netmask}"

    def command(self) -> str:
        return " && ".join(shell.join(words) for words in self.lines())

    def lines(self) -> tuple[tuple[str, ...], ...]:
        """The words of each command, in turn."""
        raise NotImplementedError


class Add(_Address):
    """Add an address, once nobody on the device's network has it, prove that it is still so, and make it known there.

    asks: whether anybody is asked; not where it was this machine's a moment ago.
    IPv6: the kernel itself asks, after the address was added, and osvc waits for what it finds.
    """

    op: ClassVar[str] = "add"
    asks: bool = True

    def says(self) -> str:
        return f"add {self.cidr} to {self.state.dev}"

    @property
    def probes(self) -> bool:
        """Whether arping asks for it."""
        return self.asks and self.state.arp and not addresses.sixth(self.state.address)

    @property
    def announces(self) -> bool:
        """Whether arping makes it known."""
        return self.state.arp and not addresses.sixth(self.state.address)

    def probe(self) -> tuple[str, ...]:
        return ("arping", "-D", "-c", "1", "-w", "1", "-I", self.state.dev, self.state.address)

    def argv(self) -> tuple[str, ...]:
        state = self.state
        words = ["ip", "addr", "add", self.cidr, "dev", state.dev]
        words += ["brd", state.broadcast] if state.broadcast else []
        words += ["label", state.label] if state.label else []
        words += ["scope", state.scope] if state.scope not in ("", addresses.scope_of(state.address)) else []
        return (*words, *state.options)

    def announcement(self) -> tuple[str, ...]:
        return ("arping", "-U", "-c", "3", "-w", "2", "-I", self.state.dev, self.state.address)

    def lines(self) -> tuple[tuple[str, ...], ...]:
        asked = (self.probe(),) if self.probes else ()
        return (*asked, self.argv(), *asked, *((self.announcement(),) if self.announces else ()))

    def script(self) -> str:
        """IPv6: with the wait for what the kernel finds out."""
        if not addresses.sixth(self.state.address):
            return super().script()
        look = f"ip -6 -o addr show dev {self.state.dev} to {self.state.address}"
        return (
            f"{self.command()}\n"
            f'while [ -n "$({look} tentative -dadfailed)" ]; do sleep 0.1; done\n'
            f'if [ -n "$({look} dadfailed)" ]; then {shell.join(Remove(state=self.state).argv())}; exit 1; fi'
        )

    def after(self, seen: Seen) -> Seen:
        return Present(self.state, seen.around)

    def shown(self, seen: Seen) -> bool:
        state = _state(seen)
        return _same(state, self.state) and state is not None and (state.label, state.doubt) == (self.state.label, "")

    def undo(self, before: Seen) -> tuple[Action, ...] | Barrier:
        return () if _same(_state(before), self.state) else (Remove(state=self.state),)


class Remove(_Address):
    """Take an address away. Those of others that the kernel would take along with it stay: for that moment it is told to let the
    next of the network take its place."""

    op: ClassVar[str] = "remove"
    effect: ClassVar[Effect] = Effect.DISRUPTIVE
    shared: ClassVar[bool] = True
    facets: ClassVar[frozenset[Facet]] = frozenset({Facet.TURN})

    @property
    def costs(self) -> Effect:
        """One that another host has is nobody's to lose."""
        return Effect.SAFE if self.state.doubt == "duplicate" else self.effect

    def says(self) -> str:
        return f"remove {self.cidr} from {self.state.dev}"

    def argv(self) -> tuple[str, ...]:
        return ("ip", "addr", "del", self.cidr, "dev", self.state.dev)

    def promote(self, on: bool) -> tuple[str, ...]:
        return ("sysctl", "-q", "-w", f"net/ipv4/conf/{self.state.dev}/promote_secondaries={int(on)}")

    def lines(self) -> tuple[tuple[str, ...], ...]:
        if not self.state.hangs:
            return (self.argv(),)
        return (self.promote(True), self.argv(), self.promote(False))

    def after(self, seen: Seen) -> Seen:
        return Absent(seen.around)

    def shown(self, seen: Seen) -> bool:
        return not _same(_state(seen), self.state)

    def undo(self, before: Seen) -> tuple[Action, ...] | Barrier:
        """One that another host has does not come back: the kernel would find that host again, and osvc take it away again."""
        state = _state(before)
        if state is None or not _same(state, self.state) or state.doubt == "duplicate":
            return ()
        return (Add(state=state.model_copy(update={"doubt": "", "hangs": ()})),)
