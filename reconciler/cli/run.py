"""Run: what apply, start and stop have in common: show the plan, ask where it interrupts something, converge, tell the end."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from reconciler.cli.display import consent, paint_for, say, show_line
from reconciler.cli.ends import plan_exit, result_exit
from reconciler.cli.exits import Exit, worst
from reconciler.cli.planned import plans_text
from reconciler.cli.progress import listener
from reconciler.cli.request import check_selection, operator, policy_of, selection_of
from reconciler.cli.svcmgr.log import under_svcmgr
from reconciler.cli.voice import speak, wrong
from reconciler.core.outcome import End, Noticed, Result
from reconciler.core.plan import Plan, Step
from reconciler.engine.config import Config
from reconciler.engine.session import Session
from reconciler.engine.signals import Stop
from reconciler.engine.target import Target
from reconciler.report.json_out import Record, event_record, plan_document, results_record
from reconciler.report.run_text import result_text, summary
from reconciler.report.texts import listed, many


@dataclass(frozen=True, slots=True)
class Order:
    """One run, as a verb orders it.

    find: the targets, from an open session. check: a look at the plans before anything is done; it may raise Refused.
    agreed: the verb itself is the consent (stop). begin: what is kept before the first step (a goal). after: what is to be said of
    what the run came to.
    """

    verb: str
    find: Callable[[Session], tuple[Target, ...]]
    check: Callable[[Sequence[Plan]], None] | None = None
    begin: Callable[[Session, Sequence[Target]], None] | None = None
    after: Callable[[Session, Sequence[Result]], Sequence[Noticed]] | None = None
    agreed: bool = False
    exact: bool = False
    whole_undo: bool = False
    errors: tuple[Record, ...] = ()


def carry_out(order: Order, options: argparse.Namespace, config: Config) -> Exit:
    """Plan, show, ask, converge, and tell what it came to.

    The plan is made without writing anything: what is refused here leaves no trace, not even a state folder.
    """
    speak(options.log_format or config.log_format)
    selection, policy = selection_of(options), policy_of(options)
    prune_all = getattr(options, "prune_all", False)
    stop = Stop()
    with Session.open(config, write=False, stop=stop) as before:
        targets = order.find(before)
        surveys = before.survey(targets, selection=selection, policy=policy, prune_all=prune_all)
    plans = tuple(survey.plan for survey in surveys)
    check_selection(options, plans)
    if order.check is not None:
        order.check(plans)
    quiet = {plan.service for plan in plans if plan.empty}
    dry, brief = getattr(options, "dry_run", False), under_svcmgr(options) or options.quiet
    if not options.json and (not brief or (dry and not options.quiet) or _asks(order, options, plans)):
        services = {target.name: target.service for target in targets if target.service is not None}
        say(plans_text(options, plans, services))
    if dry:
        return _only_shown(options, plans)
    if not _agreed(order, options, plans):
        return _finish(options, (), quiet, 0.0, order, Exit.REFUSED)

    shown = None if (options.yes or order.agreed) and not order.exact else {plan.service: plan for plan in plans}
    began = time.monotonic()
    with stop.catching(), Session.open(config, write=True, stop=stop, after=before, by=operator()) as session:
        if order.begin is not None:
            order.begin(session, targets)
        results = session.converge(
            targets,
            shown,
            surveys=surveys,
            selection=selection,
            policy=policy,
            prune_all=prune_all,
            exact=order.exact,
            verb=order.verb,
            lock_wait=config.lock_wait if options.wait is None else options.wait,
            whole_undo=order.whole_undo,
            on_event=listener(options),
        )
        seconds = time.monotonic() - began
        notes = order.after(session, results) if order.after is not None else ()
    code = worst(result_exit(result, stop.number) for result in results)
    if options.json:
        for one in notes:
            show_line(event_record(one, datetime.now(UTC)))
    code = _finish(options, results, quiet, seconds, order, code)
    if not options.json:
        say("".join(f"note: {one.service}: {one.text}\n" for one in notes))
    return code


def _only_shown(options: argparse.Namespace, plans: Sequence[Plan]) -> Exit:
    """The end of a dry run."""
    code = worst(map(plan_exit, plans))
    if options.json:
        show_line(plan_document([(plan, None) for plan in plans], [], code))
    return code


def _asks(order: Order, options: argparse.Namespace, plans: Sequence[Plan]) -> list[tuple[str, Step]]:
    """What the plans interrupt, of each service, to which nobody has agreed."""
    return [] if options.yes or order.agreed else [(plan.service, step) for plan in plans for step in plan.disruptive]


def _agreed(order: Order, options: argparse.Namespace, plans: Sequence[Plan]) -> bool:
    """Whether what the plans interrupt may be interrupted."""
    steps = _asks(order, options, plans)
    if not steps:
        return True
    what = listed(list(dict.fromkeys(f"{service} {step.rid}" for service, step in steps)))
    if not options.json and consent(f"\n{what}: {many(len(steps), 'step')} interrupt what runs. Go on?"):
        return True
    wrong(f"error: refused: the plan interrupts {what}; nothing was done → add --yes")
    return False


def _finish(
    options: argparse.Namespace, results: Sequence[Result], quiet: Collection[str], seconds: float, order: Order, code: Exit
) -> Exit:
    """quiet: the services whose plan has said already that there is nothing to do."""
    code = worst([code, Exit.INVALID]) if order.errors else code
    if options.json:
        show_line(results_record(results, order.errors, code))
        return code
    for result in results:
        if result.end is not End.CONVERGED or ((result.service not in quiet or result.touched) and not options.quiet):
            _tell(result, options)
    if len(results) > 1 and not options.quiet and not under_svcmgr(options):
        say(summary(tuple(results), seconds))
    return code


def _tell(result: Result, options: argparse.Namespace) -> None:
    """A good end on stdout, any other on stderr. Under svcmgr the log has told of a good one."""
    if result.end is End.CONVERGED and under_svcmgr(options):
        return
    if result.end is End.CONVERGED:
        say(result_text(result, paint=paint_for(options, sys.stdout)))
    else:
        wrong(result_text(result, paint=paint_for(options, sys.stderr)).rstrip("\n"))
