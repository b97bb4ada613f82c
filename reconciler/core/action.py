"""Action: one thing to do to one resource; it knows its command, its effect, its proof and its undoing, and what that leaves."""

from abc import abstractmethod
from collections.abc import Mapping
from enum import Enum, IntEnum
from typing import ClassVar, Final, NamedTuple

from reconciler.core import shell
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


class Facet(Enum):
    """A part of the machine that undoing a step does not bring back as it was. The value is the clause that people read.

    Whatever no facet of an undone step names is as it was before: tests compare whole machines by this. The rules behind the
    words: nothing that may hold data is deleted to get back (architecture, section 2.6), an engine's `prune` and `rm -v` are
    never used (safety), and nothing can give a process its pid, its start time and its silence back.
    """

    IMAGE = "the image that was fetched stays"
    VOLUME = "a volume that the engine made for the container stays"
    RUN = "what runs again is another run: pid, times, exit code, restart count, addresses"
    OUTPUT = "what it wrote meanwhile stays: its log, its own layer, its volumes, its data root"
    LEFTOVERS = "what an interrupted run or a dead process had left, and held nothing, is gone"
    HALFWAY = (
        "what an interrupted replacement had left half done is led back to its beginning: the old one is in its place, and runs"
    )
    LIMIT = "a limit that there was not is now the largest there is: an engine cannot take one away again"
    FILESYSTEM = "what mounting writes stays: its times, its journal, what e2fsck -p mended"
    DEVICE = "the loop device or the anonymous device is another one"
    CONTENT = "what a tmpfs held is lost"
    ENDED = "a process that kept the filesystem busy has ended"
    MADE = "a filesystem, or a file for one, that was made stays"
    FOLDER = "a folder that was made for data stays; one that was there and held nothing may be gone"
    MARKER = "the marker that says whose a data root is stays"
    TURN = "an address that is back is the last of its network on its device, and no longer the first"
    TRIGGER = "what a trigger did stays"
    LINK = "the engine's own bridge is another link: index, hardware address, and that it is up"


class Brought(NamedTuple):
    """What is brought from outside to a place where it stays, whatever becomes of the resource: an image, to an engine's socket."""

    place: str
    name: str


class Action(Model):
    """One thing to do to one resource. Pure data: the type's driver performs it, the simulation applies it.

    A subclass's fields hold all that performing it takes. Its `op` is one word ("mount", "create", "stop").
    """

    op: ClassVar[str]
    effect: ClassVar[Effect] = Effect.SAFE
    shared: ClassVar[bool] = False
    """Whether it touches what the services of a node share (subnets, firewall chains, loop devices): done under the node's lock."""

    takes: ClassVar[bool] = False
    """Whether it takes what was free when it was planned (a subnet): of services side by side one at a time plans and takes."""

    blind: ClassVar[bool] = False
    """Nothing of its effect can be seen for certain: it is always performed, and that it ended without an error is its proof."""

    bearable: ClassVar[bool] = False
    """Whether the rest of what goes down goes on although this failed, but for what it still holds."""

    facets: ClassVar[frozenset[Facet]] = frozenset()
    """What `undo` does not bring back exactly; see Facet."""

    @abstractmethod
    def says(self) -> str:
        """A short clause for people: "create busybox:latest"."""

    @abstractmethod
    def command(self) -> str:
        """The shell text that does the same; a person may paste it. No secret stands in it: see `secrets`."""

    def script(self) -> str:
        """As `command`, for a shell that goes on at once: with what the driver waits for, looks at and writes down beside it.

        Commands stand on lines of their own: in a list joined by `&&` a failure would not end the script.
        """
        return "\n".join(shell.commands_of(self.command()))

    @property
    def secrets(self) -> Mapping[str, str]:
        """Variable -> the secret that `command` expects in it (`-e NAME` counts as well). Never shown."""
        return {}

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
    def brings(self) -> Brought | None:
        """What it fetches from outside, if it does. That may take long, or not come at all: nothing is interrupted before it is
        there. What osvc brought is remembered by the store, and is osvc's to remove."""
        return None

    def came(self, seen: Seen) -> str:
        """The id of what an observation shows under the name of what `brings` names; "" when nothing is there."""
        return ""

    def made(self, seen: Seen) -> str:
        """What tells the storage that this action has made from any other of its name, in an observation after it; "" for nothing
        that osvc would ever destroy again."""
        return ""

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
        return shell.join(self.argv())
