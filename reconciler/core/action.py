"""Action: one thing to do to one resource; it knows its command, its effect, its proof and its undoing."""

import shlex
from abc import abstractmethod
from enum import Enum, IntEnum
from typing import ClassVar, Final

from reconciler.core.model import Model
from reconciler.core.observed import Seen


class Effect(IntEnum):
    """SAFE interrupts nothing. DISRUPTIVE interrupts something that runs. DESTRUCTIVE loses data."""

    SAFE = 0
    DISRUPTIVE = 1
    DESTRUCTIVE = 2


class Slot(IntEnum):
    """When in a change an action is done (architecture, section 6)."""

    PREPARE = 0
    DOWN = 1
    LIVE = 2
    UP = 3
    COMMIT = 4


class Barrier(Enum):
    """What cannot or must not be undone: undo stops here."""

    BARRIER = "barrier"


BARRIER: Final = Barrier.BARRIER


class Action(Model):
    """One thing to do to one resource. Pure data: the type's driver performs it, the simulation applies it.

    A subclass's fields hold all that performing it takes. Its `op` is one word ("mount", "create", "stop").
    """

    op: ClassVar[str]
    effect: ClassVar[Effect] = Effect.SAFE
    shared: ClassVar[bool] = False
    """Whether it touches what the services of a node share (subnets, firewall chains, loop devices): done under the node's lock."""

    blind: ClassVar[bool] = False
    """Nothing of its effect can be seen for certain: it is always performed, and that it ended without an error is its proof."""

    @abstractmethod
    def says(self) -> str:
        """A short clause for people: "create busybox:latest"."""

    @abstractmethod
    def command(self) -> str:
        """The shell text that does the same; a person may paste it. No secret stands in it."""

    @abstractmethod
    def after(self, seen: Seen) -> Seen:
        """What will be observed of the resource once this is done, given what was observed before."""

    @abstractmethod
    def shown(self, seen: Seen) -> bool:
        """Whether an observation shows that this has been done. A step whose effect cannot be seen has failed."""

    @abstractmethod
    def undo(self, before: Seen) -> "tuple[Action, ...] | Barrier":
        """The actions that lead back to `before` (the observation just before this step); () when nothing has to be done."""

    @property
    def costs(self) -> Effect:
        """The effect of this very action; the class's, unless its fields say more (stopping what does not run is safe)."""
        return self.effect

    @property
    def loses(self) -> str:
        """What is lost by its nature, as a clause, or "": the impact of a plan names it. It needs no permission of its own."""
        return ""


class CommandAction(Action):
    """An action that is one command of the host: what `command` shows is what is run."""

    @abstractmethod
    def argv(self) -> tuple[str, ...]:
        """The words of the command."""

    def command(self) -> str:
        return shlex.join(self.argv())
