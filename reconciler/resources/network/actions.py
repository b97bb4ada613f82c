"""Actions: what can be done to a network. Pure data; driver.py performs them."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence

from pydantic import Field

from reconciler.core import shell
from reconciler.core.action import Action, Barrier
from reconciler.core.observed import Absent, Present, Seen
from reconciler.core.tags import tags
from reconciler.resources.inside import Around
from reconciler.resources.network.model import Desired, State, pools


class NetworkAction(Action):
    """want: the network that is meant, settled."""

    want: Desired = Field(repr=False)

    @abstractmethod
    def words(self) -> Sequence[str]:
        """The words after `docker -H …`."""

    def command(self) -> str:
        return shell.join(("docker", "-H", f"unix://{self.want.socket}", *self.words()))

    @property
    def secrets(self) -> Mapping[str, str]:
        return shell.variables(self.words())


class Create(NetworkAction):
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
        words += _each("--opt", want.options)
        words += _each("--label", {**tags(want.service, want.rid, self.store), **want.labels})
        return (*words, want.called)

    def after(self, seen: Seen) -> Seen:
        return Present(made(self.want), seen.around)

    def shown(self, seen: Seen) -> bool:
        return isinstance(seen, Present)

    def undo(self, before: Seen) -> tuple[Action, ...] | Barrier:
        return () if isinstance(before, Present) else (Remove(want=self.want),)


class Remove(NetworkAction):
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
        was, around = before.state, before.around
        assert isinstance(around, Around)
        values = {name: getattr(was, name) for name in State.model_fields if name in Desired.model_fields}
        return (Create(want=self.want.model_copy(update=values), store=around.store),)


def made(want: Desired) -> State:
    """The network that creating this makes; what the engine chooses is left empty."""
    return State(**{name: getattr(want, name) for name in State.model_fields if name in Desired.model_fields})


def _each(option: str, pairs: dict[str, str]) -> list[str]:
    return [word for name, text in pairs.items() for word in (option, f"{name}={text}")]
