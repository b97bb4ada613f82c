"""sight: what a run sees of its service, and plans from it: no more than it has to see."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import NamedTuple

from reconciler.core.observed import Absent, Observed, Present, Seen
from reconciler.core.outcome import Status
from reconciler.core.ownership import Ownership
from reconciler.core.plan import Plan
from reconciler.core.planner import make_plan
from reconciler.engine.course import Course
from reconciler.engine.means import Means
from reconciler.engine.observe import observe, wanted_of
from reconciler.engine.owning import Owning
from reconciler.engine.target import Survey
from reconciler.engine.work import WATCH, Work

_GLANCE = 10.0
"""Seconds for which it holds that there is nothing to do for a service: level-triggered, so that who looks later looks again."""
_FRESH = 2.0
"""Seconds for which what was seen is what a step begins from: it has to be the machine's state, for undo leads back to it."""


class Sight(NamedTuple):
    """What is owned and seen at one moment, and the plan that is made from it."""

    ownership: Ownership
    seen: Mapping[str, Observed]
    plan: Plan


class Sights:
    """stands: what stands by in a stopped service. owned, seen: what the round at hand is made from. at: when that was seen, on the
    host's monotonic clock. latest: rid -> what was seen of it last, for certain. first_owned: what was owned when the run began."""

    def __init__(self, work: Work, means: Means, owning: Owning, stands: Collection[str], course: Course) -> None:
        self._work, self._means, self._owning, self._stands, self._course = work, means, owning, stands, course
        self.owned = self.first_owned = Ownership()
        self.seen: Mapping[str, Observed] = {}
        self.at = float("-inf")
        self.latest: dict[str, Seen] = {}

    def next(self) -> Sight:
        """What the next round is made from."""
        return self._glanced() or self._looked_at_moved() or self.looked()

    def looked(self) -> Sight:
        """All of it, seen now."""
        self.at = self._means.host.clock.monotonic()
        ownership = self._owning.now()
        seen = self._observe(ownership)
        self._begin(ownership, seen)
        return Sight(ownership, seen, self.plan(ownership, seen))

    def plan(self, ownership: Ownership, seen: Mapping[str, Observed]) -> Plan:
        """What is to be done about this, by what was done so far."""
        work, course = self._work, self._course
        made = course.made()
        owned = {rid: replace(item, applied=item.wanted) if rid in made else item for rid, item in ownership.owned.items()}
        known = replace(ownership, owned=owned) if made else ownership
        how = (work.policy, self._means.kinds, course.spared, course.restarts())
        return make_plan(work.service, work.name, work.goal, work.selection, seen, known, *how)

    def note(self, observed: Mapping[str, Observed]) -> None:
        """This was seen."""
        self.latest.update({rid: seen for rid, seen in observed.items() if isinstance(seen, (Present, Absent))})

    def _glanced(self) -> Sight | None:
        """What was seen a moment ago, while it holds: nobody has worked on the service since, and where something is to be done, on
        no other either but runs beside this one, as long as none took from what services share. Else None."""
        glance = self._work.glance
        age = float("inf") if glance is None else self._means.host.clock.monotonic() - glance.at
        if self._course.plans or glance is None or age > _GLANCE:
            return None
        store = self._means.store
        if store.last_run(self._work.name) != glance.run:
            return None
        ownership = self._owning.now()
        same = ownership == glance.ownership
        plan = glance.plan if same else self.plan(ownership, glance.observed)
        acts = plan.steps and not (plan.open or plan.adopted or plan.released)
        if not plan.empty and not (acts and same and age <= _FRESH and self._undisturbed(glance)):
            return None
        self.at = glance.at
        self._begin(ownership, glance.observed)
        return Sight(ownership, glance.observed, plan)

    def _undisturbed(self, glance: Survey) -> bool:
        crew = self._means.crew
        return not crew.turns and self._means.store.began_since(glance.newest) <= crew.runs

    def _looked_at_moved(self) -> Sight | None:
        """After a plan that was done whole: what it moved, and what goes down with that, seen again, and the rest as it was seen a
        moment ago. Good enough to find that nothing is left but to let go of what is gone; None where it is not found."""
        last = self._course.plans[-1] if self._course.plans else None
        if last is None or last.open or not last.whole or self._means.host.clock.monotonic() - self.at > _GLANCE:
            return None
        moved = {rid for _, lane in last.lanes for rid in lane}
        ownership = self._owning.now()
        seen = {**self.seen, **(self._left(moved) or self._observe(ownership, moved))}
        plan = self.plan(ownership, seen)
        if plan.steps or plan.adopted or plan.open or not moved.issuperset(change.rid for change in plan.released):
            return None
        self.note(seen)
        return Sight(ownership, seen, plan)

    def _left(self, moved: Collection[str]) -> Mapping[str, Observed]:
        """What was seen after the last step, where all of them were of one resource: nothing of ours has moved it since. Whether
        somebody else has, a watch hears, and looks again in a second; who applies once is told by one look more (`stuck`)."""
        last = self._course.outcomes[-1]
        alone = moved == {last.step.rid} and last.status is Status.DONE and len(self._course.plans) == 1
        return {last.step.rid: last.after} if alone and self._work.verb == WATCH and last.after is not None else {}

    def _observe(self, ownership: Ownership, only: Collection[str] | None = None) -> Mapping[str, Observed]:
        """rid -> what is seen of it; of these alone, or of all that is wanted or owned."""
        wanted = wanted_of(self._work.name, self._work.service, ownership, self._work.goal.aim, self._stands)
        snapshot = observe(
            (item for item in wanted if only is None or item.id.rid in only),
            self._means.host,
            kinds=self._means.kinds,
            drivers=self._means.drivers,
            workers=self._means.workers,
        )
        return snapshot.of(self._work.name)

    def _begin(self, ownership: Ownership, seen: Mapping[str, Observed]) -> None:
        if not self._course.plans:
            self.first_owned = ownership
        self.note(seen)
