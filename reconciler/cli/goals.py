"""Goals: what start, stop and restart share: the goal that is remembered, and the run towards it."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from reconciler.cli.exits import Exit
from reconciler.cli.failures import Told
from reconciler.cli.known import known_specs
from reconciler.cli.request import globs_of, local_now, operator, selection_of
from reconciler.cli.run import Order, carry_out
from reconciler.cli.specs import refuse_invalid
from reconciler.core.ban import Sort
from reconciler.core.change import Verdict
from reconciler.core.outcome import Noticed, Result
from reconciler.core.plan import Plan
from reconciler.core.policy import Aim, Goal, Selection
from reconciler.core.standing import standing
from reconciler.engine.config import read_config
from reconciler.engine.session import Session
from reconciler.engine.target import Target
from reconciler.report.plan_text import ban_text

_AGREED: Final = {Aim.DOWN: frozenset(Verdict), Aim.UP: frozenset({Verdict.RESTART})}
"""What a verb that takes something down is itself the consent to: what goes down was named. What a restart replaces, for its spec
was edited meanwhile, was not."""


STANDBY: Final = Goal(Aim.NONE, reason="only what is on standby is wanted now")
"""Of a run that brings up what is on standby, and nothing else."""


def pursue(
    aim: Aim,
    options: argparse.Namespace,
    *,
    restart: bool = False,
    asks: bool = False,
    check: Callable[[Sequence[Plan]], None] | None = None,
    after: Callable[[Session, Sequence[Result]], Sequence[Noticed]] | None = None,
) -> Exit:
    """Bring the named services to a goal, and remember it unless only some resources are meant.

    Stopping asks for nothing more: the service that goes down was named. An invalid spec hinders a start, not a stop,
    which goes by what was last applied. restart: what is up goes down first. asks: naming the service is not consent enough.
    check, after: as in Order.
    """
    config = read_config()
    goal = Goal(aim, operator(), datetime.now(UTC), getattr(options, "reason", ""))
    globs, selection = globs_of(options), selection_of(options)
    whole = selection.everything
    frozen: list[Target] = []

    def find(session: Session) -> tuple[Target, ...]:
        loaded = known_specs(session, config, globs)
        if refuse_invalid(loaded, globs if aim is Aim.UP else ()) and aim is Aim.UP:
            raise Told(Exit.INVALID)
        targets = session.targets(loaded, globs, aim=aim)
        frozen.extend(target for target in targets if target.frozen is not None)
        if whole:
            targets = tuple(replace(target, goal=goal, kept=True) for target in targets)
        return tuple(replace(one, restarts=_bounced(one, selection, session)) for one in targets) if restart else targets

    def told(session: Session, results: Sequence[Result]) -> Sequence[Noticed]:
        return (*(after(session, results) if after is not None else ()), *map(_still_frozen, frozen))

    agreed = _AGREED[aim] if (restart or aim is Aim.DOWN) and not asks else frozenset()
    order = Order(options.verb, find, check=check, after=told, agreed=agreed, whole_undo=aim is Aim.UP and whole)
    return carry_out(order, options, config)


def _still_frozen(target: Target) -> Noticed:
    assert target.frozen is not None
    said = ban_text(Sort.FROZEN.value, target.frozen, local_now())
    return Noticed(target.name, f"it is {said}: apply, watch and boot leave it as it is now → osvc thaw {target.name}")


def _bounced(target: Target, selection: Selection, session: Session) -> frozenset[str]:
    """What a restart takes down: what a stop would."""
    resources = target.service.resources if target.service is not None else {}
    taken = {rid for rid, one in resources.items() if selection.takes(rid, one.type, one.common.tags, one.subset)}
    return frozenset(taken) - standing(target.service, Goal(Aim.DOWN), selection, session.kinds)
