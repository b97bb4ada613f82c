"""Outcome, Result and Event: what became of steps and runs. The engine makes them, reports show them."""

from collections.abc import Callable, Collection
from datetime import datetime
from enum import Enum
from typing import NamedTuple, TypeAlias

from reconciler.core.action import Action, Slot
from reconciler.core.bells import Rings
from reconciler.core.change import Cause
from reconciler.core.lazy import dataclass
from reconciler.core.observed import Observed
from reconciler.core.plan import Plan, Step


def cannot(says: str, why: str) -> str:
    """ "cannot unmount /srv/web: busy": what could not be done, said once although the reason may begin with it, and why; with what
    to do, where that is always the same."""
    head = f"cannot {says}"
    again = [at for at in range(len(why)) if why.startswith(": ", at) and head.startswith(why[:at])]
    reason = why[again[-1] + 2 :] if again else why
    return f"{head}: {reason}" + (_ROOM if reason.lower().endswith(_FULL) else "")


_FULL = "no space left on device"
_ROOM = "; make room there, and try again"


class Status(Enum):
    """What became of a step. The value is the word that people read."""

    DONE = "done"
    ALREADY = "already done"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"
    UNDONE = "undone"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one step.

    before, after: what was observed of the resource just before and after; None where the step was not tried.
    message: why it failed, was skipped or cancelled, as a clause; output: the last lines of what the machine said.
    order: the place in the run's sequence of completion, from 1; 0 when it was not tried.
    lasting: it failed, and trying again cannot help unless something else changes.
    """

    step: Step
    status: Status
    before: Observed | None = None
    after: Observed | None = None
    began: datetime | None = None
    seconds: float = 0.0
    message: str = ""
    output: str = ""
    order: int = 0
    lasting: bool = False

    @property
    def happened(self) -> bool:
        """Whether the step's effect was made by this run and is there."""
        return self.status is Status.DONE


@dataclass(frozen=True, slots=True)
class Left:
    """A step that should have been undone, and was not, or not wholly.

    why: as a clause. commands: what leads back, as a person may paste it; () where nothing does, or it is not known.
    """

    step: Step
    why: str
    commands: tuple[str, ...] = ()

    def says(self) -> str:
        """ "container#1: stop web is not undone: it mended drift"."""
        return f"{self.step.rid}: {self.step.action.says()} is not undone: {self.why}"


class End(Enum):
    """How the run for one service ended. The value is the word that people read."""

    CONVERGED = "converged"
    DEFERRED = "deferred"
    """Something needed cannot be seen, and nothing may be assumed of it."""
    ROLLED_BACK = "rolled back"
    """A step failed, and its lane was undone."""
    REFUSED = "refused"
    """A permission is missing, or something disruptive appeared that was not shown."""
    STUCK = "stuck"
    """The same plan again after it succeeded, or too many rounds."""
    FAILED = "failed"
    """A step failed, and its lane was not (or not wholly) undone."""
    STOPPED = "stopped"
    """The operator asked to stop (a signal)."""
    LOCKED = "locked"
    """Another run holds the service."""


@dataclass(frozen=True, slots=True)
class Result:
    """What one run did to one service.

    plan: the last plan; what is left to do when the run did not converge.
    outcomes: of every step of every round, in the order of completion.
    uncovered: the disruptive steps that were not shown before (REFUSED). undone: whether undoing is complete.
    message: the reason, as a clause; remedy: what to do next.
    held: rollback was off, so that the failed lane was left as it is. left: what undoing did not lead back.
    """

    service: str
    end: End
    run: str = ""
    plan: Plan | None = None
    outcomes: tuple[Outcome, ...] = ()
    rounds: int = 0
    seconds: float = 0.0
    message: str = ""
    remedy: str = ""
    uncovered: tuple[Step, ...] = ()
    undone: bool = True
    held: bool = False
    left: tuple[Left, ...] = ()
    casefile: str = ""

    @property
    def touched(self) -> frozenset[str]:
        """The rids that a step of this run changed."""
        return frozenset(outcome.step.rid for outcome in self.outcomes if outcome.status in (Status.DONE, Status.UNDONE))

    @property
    def taken_back(self) -> frozenset[str]:
        """The rids that were to become another, by an edit, were interrupted for it, and are as before since something failed."""
        back = {one.step.rid for one in self.outcomes if one.status is Status.UNDONE and one.step.slot is Slot.DOWN}
        changes = self.plan.changes if self.plan is not None and self.end is End.ROLLED_BACK else ()
        return frozenset(change.rid for change in changes if change.rid in back and change.cause is not Cause.DRIFT)

    @property
    def failures(self) -> tuple[Outcome, ...]:
        return tuple(outcome for outcome in self.outcomes if outcome.status is Status.FAILED)


class Waiting(NamedTuple):
    """A run waits for a lock. holder: who has it, as a clause ("pid 812, apply, since 07:41:03")."""

    service: str
    holder: str


class Began(NamedTuple):
    """A round of a run begins with this plan."""

    service: str
    run: str
    round: int
    plan: Plan


class StepBegan(NamedTuple):
    service: str
    run: str
    step: Step


class StepSaid(NamedTuple):
    """A line about what is at work ("loading busybox:latest from /srv/busybox.tar"), or the announcement of a retry."""

    service: str
    run: str
    step: Step
    text: str


class Progress(NamedTuple):
    """How far something is that takes long: so many parts of those that are known ("layers"), so many bytes of those whose number
    is known (0: none is). It stands until the next, and is never more than a few a second."""

    done: int
    total: int
    unit: str
    current: int = 0
    size: int = 0


Said: TypeAlias = str | Progress
"""What a driver says while it is at work: a line for people, or how far it is."""


class StepMoved(NamedTuple):
    service: str
    run: str
    step: Step
    progress: Progress


class CommandBegan(NamedTuple):
    """A command of the machine is run for a step, or for undoing it: as shell text, without secrets."""

    service: str
    run: str
    step: Step
    command: str


class CommandEnded(NamedTuple):
    """That command ended well, and said this. Of one that did not end well, StepEnded tells."""

    service: str
    run: str
    step: Step
    output: str


class StepEnded(NamedTuple):
    service: str
    run: str
    outcome: Outcome


class UndoBegan(NamedTuple):
    """The steps of these rids are going to be undone, because of a failure of `rid`."""

    service: str
    run: str
    rid: str
    lane: tuple[str, ...]


class Undid(NamedTuple):
    """One action that leads back was done in so many seconds, or (error) could not be."""

    service: str
    run: str
    step: Step
    action: Action
    error: str = ""
    seconds: float = 0.0


class Ended(NamedTuple):
    service: str
    run: str
    result: Result


class Noticed(NamedTuple):
    """Something that a watch has to tell once: a spec that is not valid, a plan that needs a permission. service: or ""."""

    service: str
    text: str


class Rang(NamedTuple):
    """Something rang, and for that a watch looks at these services now. service: ""."""

    service: str
    bells: Rings
    services: Collection[str]


Event: TypeAlias = (
    Noticed
    | Rang
    | Waiting
    | Began
    | StepBegan
    | StepSaid
    | StepMoved
    | CommandBegan
    | CommandEnded
    | StepEnded
    | UndoBegan
    | Undid
    | Ended
)
OnEvent: TypeAlias = Callable[[Event], None]
"""Called from several threads, one at a time. It must not raise and must not block for long."""


def silent(event: Event) -> None:
    """The listener of a run that nobody watches."""
