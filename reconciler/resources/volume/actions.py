"""Actions: what can be done to a volume. Pure data; driver.py performs it. What holds data is never removed."""

from collections.abc import Mapping, Sequence

from pydantic import Field

from reconciler.core import shell
from reconciler.core.action import Action, Barrier, Facet
from reconciler.core.observed import Present, Seen
from reconciler.core.tags import tags
from reconciler.resources.volume.model import Desired, State


class Create(Action):
    """want: the volume that is meant."""

    op = "create"
    facets = frozenset({Facet.VOLUME})
    want: Desired = Field(repr=False)
    store: str = Field("", exclude=True)

    def says(self) -> str:
        return f"create volume {self.want.called}"

    def command(self) -> str:
        return shell.join(self.words())

    @property
    def secrets(self) -> Mapping[str, str]:
        return shell.variables(self.words())

    def words(self) -> Sequence[str]:
        """The words of the command."""
        want = self.want
        words = ["docker", "-H", f"unix://{want.socket}", "volume", "create", "--driver", want.driver]
        for option, pairs in (("--opt", want.options), ("--label", {**tags(want.service, want.rid, self.store), **want.labels})):
            words += [word for name, text in pairs.items() for word in (option, f"{name}={text}")]
        return (*words, want.called)

    def after(self, seen: Seen) -> Seen:
        want = self.want
        return Present(State(called=want.called, driver=want.driver, options=want.options, labels=want.labels), seen.around)

    def shown(self, seen: Seen) -> bool:
        return isinstance(seen, Present)

    def undo(self, before: Seen) -> tuple[Action, ...] | Barrier:
        """It stays: a container may have written to it."""
        return ()
