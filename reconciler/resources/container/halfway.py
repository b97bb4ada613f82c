"""halfway: the actions of a replacement that is not sure yet: whether the new container stays up, and what becomes of the old one
where an earlier run did not live to the end. Pure data, as the other actions."""

from collections.abc import Sequence
from typing import ClassVar, Final

from reconciler.core import shell
from reconciler.core.action import Action, Barrier, Facet
from reconciler.core.observed import Seen
from reconciler.core.times import between
from reconciler.resources.container.action import ContainerAction
from reconciler.resources.container.actions import Remove, Rename, Start, Stop, Update
from reconciler.resources.container.forms import SUCCESSOR
from reconciler.resources.container.model import Container, pieces
from reconciler.resources.container.runs import SHORT

_FORM: Final = "{{.State.Status}}"


class Prove(Start):
    """See that a container that was started runs on, steadily or healthy: one that its restart policy starts again meanwhile does
    not stay up."""

    op = "prove"
    blind: ClassVar[bool] = True
    facets: ClassVar[frozenset[Facet]] = frozenset()

    def says(self) -> str:
        return f"see that {self.name} stays up"

    def words(self) -> Sequence[str]:
        return ("inspect", "-f", _FORM, self.name)

    def script(self) -> str:
        return f'sleep 1\n[ "$({self.command()})" = running ]'

    def after(self, seen: Seen) -> Seen:
        return seen

    def undo(self, before: Seen) -> tuple[Action, ...] | Barrier:
        return ()


class Resume(ContainerAction):
    """Go on with a replacement that was cut short when the old container was down already. Nothing is changed by it; undone, the
    old one is back in its place, and runs: not as this run found it, but as the one that was cut short did.

    predecessor: the name under which the old one is. aside: a free name for the new one. timeout, stop_timeout: for a start and a
    stop of the old one; policy: its restart policy; detach: whether it is to run on: a job that has ended is not run again.
    new_timeout: for a stop of the new one. All as each was made.
    """

    op = "resume"
    blind: ClassVar[bool] = True
    facets: ClassVar[frozenset[Facet]] = frozenset({Facet.HALFWAY})
    predecessor: str
    aside: str
    timeout: float
    stop_timeout: float
    policy: str
    detach: bool
    new_timeout: float

    def says(self) -> str:
        return f"go on with the replacement of {self.predecessor}, which was cut short"

    def words(self) -> Sequence[str]:
        return ("inspect", "-f", _FORM, self.predecessor)

    def script(self) -> str:
        return shell.join((*self.client, *self.words()))

    def after(self, seen: Seen) -> Seen:
        return seen

    def shown(self, seen: Seen) -> bool:
        return self.find(seen, self.predecessor) is not None

    def undo(self, before: Seen) -> tuple[Action, ...] | Barrier:
        old = self.find(before, self.predecessor)
        new = None if self.predecessor == self.home else self.find(before, self.home)
        if old is None or old.alive:
            return ()
        actions: list[Action] = []
        if new is not None:
            if new.alive:
                actions.append(Stop(**self.whose, name=self.home, timeout=self.new_timeout))
            actions.append(Rename(**self.whose, name=self.home, to=self.aside))
        if old.restart_policy != self.policy:
            actions.append(Update(**self.whose, name=old.name, values={"restart_policy": self.policy}))
        if old.name != self.home:
            actions.append(Rename(**self.whose, name=old.name, to=self.home))
        if self.detach:
            actions.append(Start(**self.whose, name=self.home, timeout=self.timeout, stop_timeout=self.stop_timeout))
        gone = {one.name for one in pieces(before) if one.name.startswith(self.home + SUCCESSOR) and _worthless(one)}
        gone |= {self.aside} if new is not None and _worthless(new) else set()
        return (*actions, *(Remove(**self.whose, name=name, used=True) for name in sorted(gone)))


def _worthless(new: Container) -> bool:
    """Whether a new container that failed goes when the old one is back. What has ever run for long, or runs, may have written
    something outside its volumes: it stays, stopped, and its removal is for a plan to show."""
    lasted = between(new.started_at, new.ended_at)
    return new.fresh or (not new.alive and lasted is not None and lasted < SHORT)


class Discard(Stop):
    """The stop of a new container that a replacement which was cut short has left running beside the old one: it was not the
    resource yet, and undoing does not start it again."""

    facets: ClassVar[frozenset[Facet]] = Stop.facets | {Facet.HALFWAY}

    def says(self) -> str:
        return f"stop {self.name}, left by a replacement that was cut short"

    def undo(self, before: Seen) -> tuple[Action, ...] | Barrier:
        return ()
