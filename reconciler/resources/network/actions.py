"""Actions: what can be done to a network. Pure data; driver.py performs them."""

import shlex
from abc import abstractmethod
from collections.abc import Mapping, Sequence

from pydantic import Field

from reconciler.core import shell
from reconciler.core.action import Action, Barrier
from reconciler.core.observed import Absent, Present, Seen
from reconciler.core.tags import tags
from reconciler.resources import firewall
from reconciler.resources.inside import Around
from reconciler.resources.network.model import LATER, Desired, State, made, pools, rules_of


class NetworkAction(Action):
    """want: the network that is meant, settled."""

    want: Desired = Field(repr=False)


class EngineCall(NetworkAction):
    """An action that is one call of the engine."""

    @abstractmethod
    def words(self) -> Sequence[str]:
        """The words after `docker -H …`."""

    def command(self) -> str:
        return shell.join(_docker(self.want, self.words()))

    @property
    def secrets(self) -> Mapping[str, str]:
        return shell.variables(self.words())


class Create(EngineCall):
    op = "create"
    store: str = Field("", exclude=True)

    def says(self) -> str:
        return f"create network {self.want.called}"

    def words(self) -> Sequence[str]:
        want = self.want
        words = ["network", "create", "--driver", want.driver]
        for pool in pools(want):
            words += ["--subnet", pool["Subnet"]]
            words += ["--gateway", pool["Gateway"]] if "Gateway" in pool else []
            words += ["--ip-range", pool["IPRange"]] if "IPRange" in pool else []
        words += _each("--aux-address", want.aux_addresses)
        words += ["--internal"] if want.internal else []
        words += ["--ipv6"] if want.ipv6 else []
        words += _each("--opt", want.all_options())
        words += _each("--label", {**tags(want.service, want.rid, self.store), **want.labels})
        return (*words, want.called)

    def after(self, seen: Seen) -> Seen:
        return Present(made(self.want), seen.around)

    def shown(self, seen: Seen) -> bool:
        return isinstance(seen, Present)

    def undo(self, before: Seen) -> tuple[Action, ...] | Barrier:
        return () if isinstance(before, Present) else (Remove(want=self.want),)


class Remove(EngineCall):
    op = "remove"

    def says(self) -> str:
        return f"remove network {self.want.called}"

    def words(self) -> Sequence[str]:
        return ("network", "rm", self.want.called)

    def after(self, seen: Seen) -> Seen:
        return Absent(seen.around)

    def shown(self, seen: Seen) -> bool:
        return not isinstance(seen, Present)

    def undo(self, before: Seen) -> tuple[Action, ...] | Barrier:
        """The network as it was; its containers find it again by its name."""
        if not isinstance(before, Present) or not isinstance(before.state, State):
            return ()
        around = before.around
        assert isinstance(around, Around)
        return (Create(want=_as_was(self.want, before.state), store=around.store),)


class AddRules(NetworkAction):
    """Let its containers out. missing: as far as it was seen; which rules it takes follows from the network that is there."""

    op = "firewall"
    shared = True
    missing: tuple[str, ...] = ()

    def says(self) -> str:
        return f"let {self.want.called} out: {len(self.missing)} rules in chain {self.want.chain}"

    def command(self) -> str:
        commands = " && ".join(shlex.join(words) for words in firewall.mend(self.want.rules, self.missing))
        if shlex.quote(LATER) not in commands:
            return commands
        look = _docker(self.want, ("network", "inspect", "-f", "{{(index .IPAM.Config 0).Subnet}}", self.want.called))
        quoted = f'"{LATER}"'
        read = f"{LATER[1:]}=$({shell.join(look)})"
        return f"{read} && {commands.replace(shlex.quote(LATER), quoted)}"

    def after(self, seen: Seen) -> Seen:
        if not isinstance(seen, Present) or not isinstance(seen.state, State):
            return seen
        rules = dict.fromkeys((*seen.state.rules, *rules_of(self.want, seen.state)))
        return Present(seen.state.model_copy(update={"rules": tuple(rules)}), seen.around)

    def shown(self, seen: Seen) -> bool:
        if not isinstance(seen, Present) or not isinstance(seen.state, State):
            return False
        return set(rules_of(self.want, seen.state)) <= set(seen.state.rules)

    def undo(self, before: Seen) -> tuple[Action, ...] | Barrier:
        had = before.state.rules if isinstance(before, Present) and isinstance(before.state, State) else ()
        new = tuple(rule for rule in self.missing if rule not in had)
        return (RemoveRules(want=self.want, found=new),) if new else ()


class RemoveRules(NetworkAction):
    op = "unfirewall"
    shared = True
    found: tuple[str, ...] = ()

    def says(self) -> str:
        return f"take {len(self.found)} rules of {self.want.called} away"

    def command(self) -> str:
        return " && ".join(shlex.join(words) for words in firewall.remove(self.found))

    def after(self, seen: Seen) -> Seen:
        if not isinstance(seen, Present) or not isinstance(seen.state, State):
            return seen
        left = tuple(rule for rule in seen.state.rules if rule not in self.found)
        return Present(seen.state.model_copy(update={"rules": left}), seen.around)

    def shown(self, seen: Seen) -> bool:
        return not (isinstance(seen, Present) and isinstance(seen.state, State) and set(self.found) & set(seen.state.rules))

    def undo(self, before: Seen) -> tuple[Action, ...] | Barrier:
        if not isinstance(before, Present) or not isinstance(before.state, State):
            return ()
        was = _as_was(self.want, before.state)
        again = tuple(rule for rule in was.rules if rule in self.found)
        return (AddRules(want=was, missing=again),) if again else ()


def _as_was(want: Desired, state: State) -> Desired:
    """What a network was made by, as far as it shows."""
    values = {name: getattr(state, name) for name in State.model_fields if name in Desired.model_fields}
    was = want.model_copy(update=values)
    return was.model_copy(update={"rules": rules_of(was, state)})


def _docker(want: Desired, words: Sequence[str]) -> tuple[str, ...]:
    return ("docker", "-H", f"unix://{want.socket}", *words)


def _each(option: str, pairs: dict[str, str]) -> list[str]:
    return [word for name, text in pairs.items() for word in (option, f"{name}={text}")]
