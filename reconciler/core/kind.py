"""ResourceKind: the contract between a resource type's pure half and the core.

A resource type is one folder; its planning.py holds one instance of this contract, named KIND.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

from reconciler.core.lazy import dataclass
from reconciler.core.reading import Reading

if TYPE_CHECKING:
    from datetime import datetime

    from reconciler.core.action import Action
    from reconciler.core.bells import Bell
    from reconciler.core.change import Change
    from reconciler.core.facts import Claim, Fact, Need
    from reconciler.core.model import Model


class Moves(NamedTuple):
    """The actions that a change takes, by slot (and in the order of Slot); each slot is done in sequence."""

    prepare: tuple[Action, ...] = ()
    down: tuple[Action, ...] = ()
    live: tuple[Action, ...] = ()
    up: tuple[Action, ...] = ()
    commit: tuple[Action, ...] = ()


class Awaited(NamedTuple):
    """A fact that another resource may bring, and the surroundings as they can be expected to be then."""

    fact: Fact
    around: Any


class Occupant(NamedTuple):
    """Another resource of the service that has the place of this one, and the surroundings as they are once it has left that."""

    rid: str
    around: Any


@dataclass(frozen=True, slots=True)
class Objection:
    """Why a resource must not be touched as things are. permission: the policy flag that lifts it, or "".

    awaits: of one that is absent, what is lacking only: there is no objection while a resource that is to bring it is still down.
    occupant: who has its place: there is no objection where that leaves it in the same plan.
    """

    reason: str
    remedy: str
    permission: str = ""
    awaits: Awaited | None = None
    occupant: Occupant | None = None


@dataclass(frozen=True, slots=True)
class Remark:
    """What is to be known of a resource that is up.

    text: what is unusual about it, as a clause, or "". remedy: what to do about it.
    failing: it is so in name only: it fails again and again, and is left to whoever has been told to bring it up each time (an
    engine, by a restart policy).
    since: when what is up now came up. health: the word of a check that somebody set up. restarts: how often it was brought up
    again by somebody else than osvc. All three only where they are known, and where `now` was given.
    """

    text: str = ""
    remedy: str = ""
    failing: bool = False
    since: datetime | None = None
    health: str = ""
    restarts: int = 0


@runtime_checkable
class Unmakes(Protocol):
    """What the planner may ask of a type that makes storage (a start with --provision), beside the rest."""

    def unmake(self, desired: Any, state: Any | None, around: Any, made: str) -> Sequence[Action] | Objection:
        """What destroys what was made, once it is down: () where there is nothing of it; an objection where that is not osvc's to
        do. made: what the store says it made (Action.made), "" where it says nothing."""

    def within(self, state: Any) -> Sequence[Fact]:
        """What lies in it, whoever made that: it is destroyed only if all of this is."""


class ResourceKind(Protocol):
    """What the planner may ask of a type. All of it is pure. D is the type's Desired, S its State, A its Around."""

    name: str
    rank: int
    """Default order between types: ip 10, volume groups and loop devices 20, filesystems 30, engines 40, containers 50, apps 60."""
    desired: type[Model]
    state: type[Model]
    around: type[Model]

    def implied(self, keywords: Mapping[str, Any], types: Collection[str]) -> bool:
        """Whether a service with these keywords (those of an engine) in its own section, and resources of these types, has a
        resource of this type without a section for it. Its rid is then the type's name. Only the engine is; others answer False."""

    def settle(self, desired: Any, state: Any | None, around: Any) -> tuple[Any, Any | None]:
        """Fill in every default on both sides, so that each field with a rule can be compared. Idempotent."""

    def is_up(self, state: Any) -> bool:
        """Whether a resource in this state does its work (mounted, running)."""

    def holds(self, state: Any) -> bool:
        """Whether a resource in this state keeps what it needs in use: when it is up, and when it is paused."""

    def manages(self, desired: Any) -> bool:
        """Whether osvc brings it up and down. False for what it only looks at: the system's engine."""

    def ours(self, state: Any) -> bool:
        """Whether the state itself proves that osvc made it (labels, a marker): identity travels with the storage.
        False for a plain mount, which only the store can know as ours."""

    def objection(self, desired: Any, state: Any | None, around: Any) -> Objection | None:
        """What forbids to bring it up as things are (a foreign container has the name); None when nothing does."""

    def obstacle(self, state: Any) -> Objection | None:
        """What forbids to take it down as things are (somebody mounted over it); None when nothing does."""

    def needs(self, desired: Any) -> Sequence[Need]:
        """The facts that it cannot be up without."""

    def provides(self, desired: Any) -> Sequence[Fact]:
        """The facts that hold once it is up."""

    def reads(self, desired: Any) -> Sequence[Reading]:
        """What is read of the machine as a whole to see it, in any case: so it may be begun before it is asked for."""

    def claims(self, desired: Any) -> Sequence[Claim]:
        """What it holds exclusively; first what it is told from others by on the machine (its mount point, its name)."""

    def releases(self, desired: Any, change: Change) -> bool:
        """Whether what holds this resource (HOLD) must go down when `change` takes it down. False for an engine that
        restarts with live-restore: its containers live on."""

    def sequence(self, desired: Any) -> tuple[Any, ...]:
        """Sort key of resources of this type that start one after the other (path components of a mount point)."""

    def gates(self, desired: Any) -> bool:
        """Whether what comes up after it, by its place in the order, waits for it to be well, and else is not brought up."""

    def moves(self, change: Change) -> Moves:
        """The actions for this change's verdict: CREATE, START, LIVE, RESTART, REPLACE, STOP or REMOVE."""

    def label(self, desired: Any, state: Any | None) -> str:
        """What it is, in a word or two, for status: "busybox:latest", or "20f6aabc5ce1@busybox:latest" once it is there."""

    def evidence(self, desired: Any, state: Any | None, around: Any) -> str:
        """What happened to a resource that is not up ("died 03:12:44, exit 137"), or ""."""

    def remark(self, desired: Any, state: Any, now: datetime | None) -> Remark | None:
        """What is to be known of a resource that is up, or None. now: None in a plan, which is the same at any time: then what
        only a clock can tell is left out."""

    def bells(self, desired: Any, state: Any | None) -> Sequence[Bell]:
        """What rings when something happens to it, so that watch looks; rather one too many than one too few. () where nothing
        does: it is looked at now and then. state: None where it is absent, or was not looked at yet."""


class PlainKind(ResourceKind):
    """A plain resource: what is there is up, and a plain type says the same of it as most do. Each type derives from this, and says
    only what differs. `name`, `rank`, the three models, `label` and `moves` are its own in any case.
    """

    def implied(self, keywords: Mapping[str, Any], types: Collection[str]) -> bool:
        return False

    def within(self, state: Any) -> Sequence[Fact]:
        return ()

    def settle(self, desired: Any, state: Any | None, around: Any) -> tuple[Any, Any | None]:
        return desired, state

    def is_up(self, state: Any) -> bool:
        return True

    def holds(self, state: Any) -> bool:
        return self.is_up(state)

    def manages(self, desired: Any) -> bool:
        return True

    def ours(self, state: Any) -> bool:
        return False

    def objection(self, desired: Any, state: Any | None, around: Any) -> Objection | None:
        return None

    def obstacle(self, state: Any) -> Objection | None:
        return None

    def needs(self, desired: Any) -> Sequence[Need]:
        return ()

    def provides(self, desired: Any) -> Sequence[Fact]:
        return ()

    def reads(self, desired: Any) -> Sequence[Reading]:
        return ()

    def claims(self, desired: Any) -> Sequence[Claim]:
        return ()

    def releases(self, desired: Any, change: Change) -> bool:
        return True

    def sequence(self, desired: Any) -> tuple[Any, ...]:
        return ()

    def gates(self, desired: Any) -> bool:
        return False

    def evidence(self, desired: Any, state: Any | None, around: Any) -> str:
        return ""

    def remark(self, desired: Any, state: Any, now: datetime | None) -> Remark | None:
        return None

    def bells(self, desired: Any, state: Any | None) -> Sequence[Bell]:
        return ()
