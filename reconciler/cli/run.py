"""Run: what apply, start and stop have in common: show the plan, ask where it interrupts something, converge, tell the end."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from functools import partial

from reconciler.cli.display import consent, paint_for, say, show_line
from reconciler.cli.ends import plan_exit, result_exit
from reconciler.cli.exits import Exit, worst
from reconciler.cli.planned import plans_text
from reconciler.cli.progress import listener
from reconciler.cli.request import Named, check_selection, operator, policy_of, selection_of
from reconciler.cli.svcmgr.log import under_svcmgr
from reconciler.cli.voice import speak, wrong
from reconciler.core.action import Effect
from reconciler.core.change import Verdict
from reconciler.core.lazy import dataclass
from reconciler.core.outcome import End, Noticed, Result
from reconciler.core.plan import Plan, Step
from reconciler.core.policy import Selection
from reconciler.engine import sweep
from reconciler.engine.config import Config
from reconciler.engine.errors import Refused
from reconciler.engine.session import Session
from reconciler.engine.signals import Stop
from reconciler.engine.target import Survey, Target
from reconciler.report.json_out import Record, event_record, plan_document, results_record
from reconciler.report.run_text import result_text, summary
from reconciler.report.texts import listed, many


@dataclass(frozen=True, slots=True)
class Order:
    """One run, as a verb orders it.

    find: the targets, from an open session. check: a look at the plans before anything is done; it may raise Refused.
    agreed: the verdicts to which the verb itself is the consent (all of them: stop). apart: a service whose plan interrupts
    something is left as it is, and the others are worked on all the same, for nobody sits there to ask. instead: what is to be
    done for the services that did not get there. after: what is to be said of what the run came to.
    """

    verb: str
    find: Callable[[Session], tuple[Target, ...]]
    check: Callable[[Sequence[Plan]], None] | None = None
    after: Callable[[Session, Sequence[Result]], Sequence[Noticed]] | None = None
    instead: Callable[[Sequence[Result]], tuple[Target, ...]] | None = None
    agreed: frozenset[Verdict] = frozenset()
    apart: bool = False
    exact: bool = False
    whole_undo: bool = False
    errors: Sequence[Record] = ()


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
        look = partial(before.survey, selection=selection, policy=policy, prune_all=prune_all)
        surveys, unlike = _surveyed(order, targets, look)
    plans = tuple(survey.plan for survey in surveys)
    check_selection(options, [Named.of(change) for plan in plans for change in plan.changes])
    if order.check is not None:
        order.check(plans)
    quiet = {plan.service for plan in plans if plan.empty}
    dry, brief = getattr(options, "dry_run", False), under_svcmgr(options) or options.quiet
    if not options.json and (not brief or (dry and not options.quiet) or _asks(order, options, plans)):
        services = {target.name: target.service for target in targets if target.service is not None}
        say(plans_text(options, plans, services))
    if dry:
        for result in unlike:
            _tell(result, options)
        return worst([_only_shown(options, plans), *(result_exit(result, 0) for result in unlike)])
    refused = (*unlike, *_apart(order, options, plans))
    targets = tuple(target for target in targets if target.name not in {result.service for result in refused})
    if not order.apart and not _agreed(order, options, plans):
        return _finish(options, (), quiet, 0.0, order, Exit.REFUSED)

    anything = options.yes or order.agreed.issuperset(Verdict)
    shown = None if anything and not order.exact else {plan.service: plan for plan in plans}
    began = time.monotonic()
    with stop.catching(), Session.open(config, write=True, stop=stop, after=before, by=operator()) as session:
        converge = partial(
            session.converge,
            selection=selection,
            policy=policy,
            prune_all=prune_all,
            verb=order.verb,
            lock_wait=config.lock_wait if options.wait is None else options.wait,
            whole_undo=order.whole_undo,
            on_event=listener(options),
        )
        results = (*refused, *converge(targets, shown, surveys=surveys, exact=order.exact))
        if prune_all and selection == Selection():
            sweep.end(session.store, targets, results)
        instead = order.instead(results) if order.instead is not None and not stop.asked else ()
        if instead:
            look = partial(session.survey, selection=selection, policy=policy)
            results = (*results, *_instead(order, options, instead, look, converge))
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
    if options.yes:
        return []
    return [(plan.service, step) for plan in plans for step in plan.disruptive if plan.change(step.rid).verdict not in order.agreed]


def _surveyed(
    order: Order, targets: Sequence[Target], look: Callable[[Sequence[Target]], tuple[Survey, ...]]
) -> tuple[tuple[Survey, ...], tuple[Result, ...]]:
    """What is seen and planned of each service. Of an order that is carried out by itself: without those that cannot be worked on
    beside the others, which are left as they are."""
    refused: list[Result] = []
    while True:
        try:
            return look(targets), tuple(refused)
        except Refused as err:
            if not order.apart or not err.services:
                raise
            names = sorted(err.services)
            refused += [Result(name, End.REFUSED, message=str(err), remedy=f"osvc plan -s {name}") for name in names]
            targets = [target for target in targets if target.name not in err.services]


def _instead(
    order: Order,
    options: argparse.Namespace,
    targets: Sequence[Target],
    look: Callable[[Sequence[Target]], tuple[Survey, ...]],
    converge: Callable[..., tuple[Result, ...]],
) -> tuple[Result, ...]:
    """The second round, by the rules of the first: nobody saw its plans, so what interrupts something is left as it is."""
    surveys, unlike = _surveyed(order, targets, look)
    plans = tuple(survey.plan for survey in surveys)
    refused = (*unlike, *_apart(order, options, plans))
    left = {result.service for result in refused}
    shown = None if options.yes else {plan.service: plan for plan in plans}
    return (*refused, *converge([one for one in targets if one.name not in left], shown, surveys=surveys))


def _apart(order: Order, options: argparse.Namespace, plans: Sequence[Plan]) -> tuple[Result, ...]:
    """Of an order that is carried out by itself: the services that are left as they are, for their plan interrupts something."""
    found: list[Result] = []
    for plan in plans if order.apart else ():
        rids = list(dict.fromkeys(step.rid for _, step in _asks(order, options, (plan,))))
        if rids:
            message = f"left as it is: its plan interrupts {listed(rids)}"
            found.append(Result(plan.service, End.REFUSED, plan=plan, message=message, remedy=f"osvc apply -s {plan.service}"))
    return tuple(found)


def _agreed(order: Order, options: argparse.Namespace, plans: Sequence[Plan]) -> bool:
    """Whether what the plans interrupt may be interrupted."""
    steps = _asks(order, options, plans)
    if not steps:
        return True
    what = listed(list(dict.fromkeys(f"{service} {step.rid}" for service, step in steps)))
    lost = [f"{service} {step.rid}: {step.action.loses}" for service, step in steps if step.action.costs is Effect.DESTRUCTIVE]
    question = f"\n{what}: {many(len(steps), 'step')} interrupt what runs. Go on?"
    if lost:
        question = "".join(f"\n{one}" for one in lost) + "\nThis is lost, and nothing brings it back. Go on?"
    if not options.json and consent(question):
        return True
    does = f"destroys {'; '.join(lost)}" if lost else f"interrupts {what}"
    wrong(f"error: refused: the plan {does}; nothing was done → add --yes")
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
    if not options.quiet and not under_svcmgr(options):
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
