"""Target and Survey: a service to be worked on, and what is known of it at one moment."""

from collections.abc import Mapping
from dataclasses import field, replace

from reconciler.core.ban import Ban
from reconciler.core.lazy import dataclass
from reconciler.core.observed import Observed
from reconciler.core.ownership import Ownership
from reconciler.core.plan import Plan
from reconciler.core.policy import UP, Goal
from reconciler.core.service import Service


@dataclass(frozen=True, slots=True)
class Target:
    """A service to be worked on.

    service: what its spec says; None for an orphan (the store owns resources of it, its spec is gone from its folder).
    goal: what is to be reached now; the store's goal unless a verb gave another. kept: this run makes it the store's, once it has
    the service's lock and nothing forbids it.
    was: its goal when it was looked at: the store's, or what follows from its nodes.
    remembered: nobody gave another goal by hand, and a run ends where `was` has changed meanwhile, or the service was frozen.
    frozen: who froze it; where a run goes by itself its goal follows from that.
    gone: the spec file is not there any more; `service` is then what the store kept of it (secrets masked), or None.
    source: where its spec is, or was ("services.d/web.yaml").
    spared: rid -> why it is not tried now, as a clause. restarts: the rids that go down and come up again, whatever they are like.
    undoes: the past run that is to be undone. after: the newest run of the service by then; another one since ends this run.
    """

    name: str
    service: Service | None
    goal: Goal = UP
    gone: bool = False
    source: str = ""
    remembered: bool = False
    was: Goal = UP
    undoes: str = ""
    after: str = ""
    kept: bool = False
    frozen: Ban | None = None
    spared: Mapping[str, str] = field(default_factory=dict)
    restarts: frozenset[str] = frozenset()

    @property
    def thawed(self) -> "Target":
        """The same as if nobody had frozen it: to show how it differs from what is wanted of it."""
        return replace(self, goal=self.was) if self.goal.frozen else self


@dataclass(frozen=True, slots=True)
class Survey:
    """What is known of one target: observed, owned and planned, from one snapshot. For status, and for plan --json.

    at: when it was observed, on the host's monotonic clock; for a recorded snapshot, never.
    run: the last run of the service by then (see Store.last_run): who finds another one knows that somebody was there since.
    newest: the last run of any service by then. before: the services that are worked on before it, of those that were looked at.
    """

    target: Target
    observed: Mapping[str, Observed]
    ownership: Ownership
    plan: Plan
    at: float = float("-inf")
    run: tuple[str, str | None] | None = None
    newest: str = ""
    before: tuple[str, ...] = ()
