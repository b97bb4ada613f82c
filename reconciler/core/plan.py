"""Step and Plan: the ordered actions for one service, with every reason."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from hashlib import sha256
from typing import NamedTuple

from reconciler.core.action import Action, Effect, Slot
from reconciler.core.change import Change, Verdict
from reconciler.core.lazy import dataclass
from reconciler.core.policy import Aim, Goal

_GROUNDS = 3
"""Resources whose reasons are told of a run."""


class Step(NamedTuple):
    """An action with its place in the order.

    n: from 1, in the order of the plan. after: the steps that must be done first.
    needs: those of `after` whose failure makes this step pointless (it is then SKIPPED); the rest are sequence only.
    repair: the step only mends drift, and is never undone. What is replaced is no such thing: it worked, and comes back.
    provisional: planned on an assumption; never executed, but planned again once the thing can be seen.
    """

    n: int
    rid: str
    slot: Slot
    action: Action
    after: tuple[int, ...] = ()
    needs: tuple[int, ...] = ()
    reason: str = ""
    repair: bool = False
    provisional: bool = False

    def key(self) -> tuple[str, str, str, str]:
        """What this step is, whatever its number: for comparing what was shown with what is about to be done."""
        return (self.rid, self.slot.name, self.action.op, self.action.says())


@dataclass(frozen=True)
class Plan:
    """What will be done to one service.

    changes: one per resource, the untouched included, each with a reason.
    lanes: rid -> the rids that go down with it (its dependents and what it bounces): the scope of undo.
    """

    service: str
    goal: Goal
    changes: tuple[Change, ...]
    steps: tuple[Step, ...] = ()
    lanes: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def empty(self) -> bool:
        """Nothing has to be done or claimed, and nothing is left open."""
        return not self.steps and not self.adopted and not self.open and not self.released

    @property
    def adopted(self) -> tuple[Change, ...]:
        return tuple(change for change in self.changes if change.verdict is Verdict.ADOPT)

    @property
    def released(self) -> tuple[Change, ...]:
        return tuple(change for change in self.changes if change.verdict is Verdict.RELEASE)

    @property
    def deferred(self) -> tuple[Change, ...]:
        return tuple(change for change in self.changes if change.verdict is Verdict.DEFER)

    @property
    def refused(self) -> tuple[Change, ...]:
        return tuple(change for change in self.changes if change.verdict is Verdict.REFUSE)

    @property
    def open(self) -> tuple[Change, ...]:
        return self.deferred + self.refused

    @property
    def lacking(self) -> tuple[Change, ...]:
        """Of what is left open, what the service cannot do without."""
        return tuple(change for change in self.open if not change.common.dispensable)

    @property
    def differing(self) -> str:
        """What differs, in words: "container#1 memory". The steps, where no resource does."""
        differs = (change for change in self.changes if change.verdict not in (Verdict.KEEP, Verdict.RELEASE))
        named = [f"{change.rid} {' '.join(part.path for part in change.fields) or change.reason}" for change in differs]
        return ", ".join(named or (f"{step.rid} {step.action.says()}" for step in self.steps))

    def spares(self, rid: str) -> bool:
        """Whether the service does without a resource, and without all that goes down with it."""
        return all(self.change(other).common.dispensable for other in dict(self.lanes).get(rid, (rid,)))

    @property
    def whole(self) -> bool:
        """Whether every step can be done now: none is planned behind something that cannot be seen yet."""
        return not any(step.provisional for step in self.steps)

    @property
    def certain(self) -> tuple[Step, ...]:
        return tuple(step for step in self.steps if not step.provisional)

    @property
    def disruptive(self) -> tuple[Step, ...]:
        """The steps that interrupt something or lose data: they need consent."""
        return tuple(step for step in self.steps if step.action.costs >= Effect.DISRUPTIVE)

    @property
    def grounds(self) -> str:
        """Why there is something to do, for whoever asks later: "container#1 start: died 07:41:03, exit 137"."""
        worked = {step.rid for step in self.steps}
        found = [f"{change.rid} {change.verdict.value}: {change.reason}" for change in self.changes if change.rid in worked]
        more = [f"and {len(found) - _GROUNDS} more"] if len(found) > _GROUNDS else []
        said = [self.goal.reason] if self.goal.aim is Aim.DOWN and self.goal.reason else []
        return "; ".join([*said, *found[:_GROUNDS], *more])

    @property
    def digest(self) -> str:
        """The same for the same steps in the same order on the same grounds."""
        text = "\n".join(
            f"{step.n} {step.after} {step.key()} {step.action.model_dump_json()} {step.provisional}" for step in self.steps
        )
        verdicts = "\n".join(f"{change.rid} {change.verdict.value}" for change in self.changes)
        return sha256(f"{self.service}\n{text}\n{verdicts}".encode()).hexdigest()

    def change(self, rid: str) -> Change:
        """The change of one resource. Raises KeyError when the plan has none."""
        return self._changes[rid]

    @cached_property
    def _changes(self) -> Mapping[str, Change]:
        return {change.rid: change for change in self.changes}


def uncovered(shown: Sequence[Step], plan: Plan) -> tuple[Step, ...]:
    """The disruptive steps of `plan` that were not among the steps shown: they need a new consent."""
    known = {step.key() for step in shown}
    return tuple(step for step in plan.disruptive if step.key() not in known)
