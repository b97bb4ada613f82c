"""osvc undo: take a service back to what it was before a run. Nothing is replayed: that is planned towards, like any wish."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from reconciler.cli.display import say, show_line
from reconciler.cli.exits import Exit
from reconciler.cli.known import known_specs
from reconciler.cli.past import run_called, runs_beside
from reconciler.cli.request import operator
from reconciler.cli.run import Order, carry_out
from reconciler.cli.verb import Usage
from reconciler.core.action import Slot
from reconciler.core.change import Change, Verdict
from reconciler.core.lazy import dataclass
from reconciler.core.outcome import End, Noticed, Result
from reconciler.core.plan import Plan
from reconciler.core.policy import UP, Aim
from reconciler.core.service import Service
from reconciler.engine.back import Back, service_before, way_back, without_secrets
from reconciler.engine.config import Config, read_config
from reconciler.engine.errors import EngineError, Locked, Refused
from reconciler.engine.session import Session
from reconciler.engine.target import Target
from reconciler.report.json_out import results_record
from reconciler.report.plan_text import origin_of
from reconciler.report.texts import listed


def run(options: argparse.Namespace) -> Exit:
    """Undo one run of one service. Raises Usage for a run that is not there, Refused for one that cannot be undone,
    Locked while another works on the service: what it comes to decides."""
    config = read_config()
    with Session.open(config, write=False) as session:
        meant = run_called(options.run, session)
        beside = [one.id for one in runs_beside(meant, session)] if options.run == "last" else []
        if beside:
            raise Usage(f"the last run is one of several that went side by side: name one: {', '.join([meant.id, *beside])}")
        holder = session.holder(meant.service)
        if holder:
            raise Locked(f"cannot undo {meant.id}: a run works on {meant.service} ({holder}); wait for it, and look again", holder)
        back = way_back(session.store, meant)
    if back.idle:
        return _idle(back, options)
    if back.made and not options.prune:
        raise Refused(
            f"cannot undo {back.run.id}: it made, or took over, {listed(back.made)} of {back.run.service};"
            " to remove that again, as osvc apply --prune would, add --prune"
        )
    options.prune_all = options.prune
    options.rid, options.tags = [] if back.goal is not None else list(back.rids), []
    undoing = _Undoing(back, config)
    order = Order("undo", undoing.find, check=undoing.check, after=undoing.after, whole_undo=True)
    return carry_out(order, options, config)


def _idle(back: Back, options: argparse.Namespace) -> Exit:
    if options.json:
        show_line(results_record((), (), Exit.OK))
    elif not options.quiet:
        say(f"{back.run.service}: nothing to undo: all that {back.run.id} worked on is wanted as it was before\n")
    return Exit.OK


@dataclass(frozen=True, slots=True)
class _Undoing:
    """What an undo is, beside what every run is."""

    back: Back
    config: Config

    @property
    def name(self) -> str:
        return self.back.run.service

    def find(self, session: Session) -> tuple[Target, ...]:
        """The service as it was, and the goal that it had. Raises Refused where that goal is not wanted on this node."""
        spec, store = self._spec(session), session.store
        default = spec.goal if spec is not None else UP
        was, goal = store.goal(self.name, default), self.back.goal
        wish = was if goal is None else replace(goal, by=operator(), at=datetime.now(UTC))
        if spec is not None and wish.aim is not Aim.DOWN and (wish.aim is Aim.NONE or not spec.here):
            raise Refused(f"cannot undo {self.back.run.id}: {self.name} is left alone here: {spec.goal.reason}")
        before = service_before(store, self.back, spec, session.kinds)
        return (
            Target(
                self.name,
                session.banned(before) if before is not None else None,
                wish,
                source=store.kept()[self.name].file,
                remembered=goal is None,
                was=was,
                undoes=self.back.run.id,
                after=self.back.after,
                kept=goal is not None,
            ),
        )

    def check(self, plans: Sequence[Plan]) -> None:
        """Raises Refused when the way back is not open to its end: half of it would be neither now nor then."""
        for plan in plans:
            for change in plan.open:
                raise Refused(f"cannot undo {self.back.run.id}: {change.rid}: {change.reason}; {change.remedy or 'osvc status'}")
            hidden = without_secrets(plan)
            if hidden:
                raise Refused(
                    f"cannot undo {self.back.run.id}: {listed(hidden)} had secrets that its spec has not now,"
                    f" and they are never kept; put the spec back as it was, and: osvc apply -s {self.name}"
                )

    def after(self, session: Session, results: Sequence[Result]) -> tuple[Noticed, ...]:
        """What the undo did not bring back, and what the spec still says otherwise."""
        if any(result.end is not End.CONVERGED for result in results):
            return ()
        return tuple(Noticed(self.name, text) for text in (*self._lost(results), *self._otherwise(session)))

    def _lost(self, results: Sequence[Result]) -> Iterator[str]:
        """What begins anew now began anew then as well: the same was lost."""
        steps = [outcome.step for result in results for outcome in result.outcomes]
        up = {step.rid for step in steps if step.slot is Slot.UP}
        for rid, loses in {step.rid: step.action.loses for step in steps if step.action.loses and step.rid in up}.items():
            yield f"{rid} begins anew; what it lost in {self.back.run.id} does not come back ({loses})"

    def _otherwise(self, session: Session) -> Iterator[str]:
        """Where the spec, as it is now, would undo the undo."""
        loaded = known_specs(session, self.config, (self.name,))
        if loaded.errors and all(service.name != self.name for service in loaded.services):
            yield f"its spec may say otherwise, and is not valid: {loaded.errors[0]}"
            return
        try:
            (target,) = session.targets(loaded, (self.name,), stored=not loaded.errors)
            (plan,) = session.plans((target.thawed,))
        except EngineError as err:
            if self.name in session.store.kept():
                yield f"what its spec says now cannot be told: {err}"
            return
        wanted = [_told(change, target.service) for change in plan.changes if change.verdict is not Verdict.KEEP]
        if wanted:
            yield (
                f"the spec still says otherwise: {listed(wanted)} → edit it, or else osvc apply -s {self.name}, and osvc watch,"
                " bring that back"
            )
        named = target.service.resources if target.service is not None else {}
        gone = [change.rid for change in plan.changes if change.verdict is Verdict.KEEP and change.rid not in named]
        if gone:
            yield f"no spec names {listed(gone)} → write it into one, or else osvc apply --prune removes it again"

    def _spec(self, session: Session) -> Service | None:
        """The spec as it is now: whose secrets may be those of then, and which says what is left alone."""
        loaded = known_specs(session, self.config, (self.name,))
        return next((session.banned(service) for service in loaded.services if service.name == self.name), None)


def _told(change: Change, service: Service | None) -> str:
    """ "container#web memory (services.d/web.yaml:17)"."""
    path = change.fields[0].path if change.fields else ""
    origin = origin_of(service, change.rid, path)
    fields = ", ".join(dict.fromkeys(field.path for field in change.fields)) or change.verdict.value
    return f"{change.rid} {fields}" + (f" ({origin.place})" if origin else "")
