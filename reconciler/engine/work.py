"""work: what is to be done for one service."""

from collections.abc import Mapping
from dataclasses import field
from typing import Final

from reconciler.core.common import PLAIN
from reconciler.core.lazy import dataclass
from reconciler.core.plan import Plan
from reconciler.core.policy import UP, Goal, Policy, Selection
from reconciler.core.service import Service
from reconciler.engine.codec import Codec
from reconciler.engine.target import Survey

WATCH: Final = "watch"
"""The verb of what a watch does by itself, and by whose name it stops and freezes. It listens to what becomes of what it did."""


@dataclass(frozen=True, slots=True)
class Work:
    """What is to be done for one service.

    gone: its spec is not there any more; `service` is then what was kept of it, or None for an orphan to be pruned.
    shown: the plan that was consented to; None consents to anything. exact: the first plan must have its digest.
    spared: rid -> why it is not tried.
    whole_undo: a failure undoes the whole service, not only a lane. glance: what was seen of it a moment ago.
    was: the goal that it had before the verb set another; where nothing was wanted, an undo stops it.
    undoes: the run that is undone by this one. restarts: the rids that go down and come up again once, whatever they are like.
    yielded: see Ownership.
    """

    name: str
    service: Service | None
    goal: Goal = UP
    gone: bool = False
    selection: Selection = field(default_factory=Selection)
    policy: Policy = field(default_factory=Policy)
    shown: Plan | None = None
    exact: bool = False
    spared: Mapping[str, str] = field(default_factory=dict)
    verb: str = "apply"
    whole_undo: bool = False
    glance: Survey | None = None
    was: Goal | None = None
    undoes: str = ""
    restarts: frozenset[str] = frozenset()
    yielded: Mapping[str, str] = field(default_factory=dict)

    def digest(self, codec: Codec) -> str:
        """What is wished for, for remembering that it failed: an edited spec or another goal is another wish."""
        desired = "".join(
            f"{rid} {resource.desired.model_dump_json()}{'' if common == PLAIN else common.model_dump_json()}\n"
            for rid, resource in sorted((self.service.resources if self.service else {}).items())
            for common in [resource.in_force]
        )
        return codec.mark(f"{self.name}\n{self.goal.aim.value}\n{desired}")
