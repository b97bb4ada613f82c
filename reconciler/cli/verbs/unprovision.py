"""osvc unprovision: bring storage down, and destroy what osvc made of it. The goal stays as it is."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence

from reconciler.cli.exits import Exit
from reconciler.cli.goals import pursue
from reconciler.core.change import Change, Verdict
from reconciler.core.devices import canonical
from reconciler.core.outcome import End, Noticed, Result
from reconciler.core.plan import Plan
from reconciler.core.policy import Aim
from reconciler.engine.errors import Refused
from reconciler.engine.session import Session


def run(options: argparse.Namespace) -> Exit:
    """A stop of the storage and of what holds it; then what osvc made goes: volumes and groups, of which LVM's uuid proves that.
    It asks, in so many words. One thing that cannot be destroyed, and nothing is done at all."""
    return pursue(Aim.DOWN, options, check=_check, after=_after, asks=True)


def _check(plans: Sequence[Plan]) -> None:
    """Raises Refused, with what a person would do, for what is not osvc's to destroy, or cannot be brought down."""
    for plan in plans:
        for change in plan.open:
            why = f"{change.rid}: {change.reason} → {change.remedy}"
            raise Refused(f"cannot unprovision {plan.service}: {why}; --rid chooses what else is to go")


def _after(session: Session, results: Sequence[Result]) -> Sequence[Noticed]:
    """What stays although it was made: a filesystem on a device that stays."""
    return [note for result in results if result.end is End.CONVERGED for note in _stays(result)]


def _stays(result: Result) -> Iterator[Noticed]:
    steps = {outcome.step.rid for outcome in result.outcomes if outcome.happened}
    changes: Sequence[Change] = result.plan.changes if result.plan is not None else ()
    gone = {outcome.step.action.loses for outcome in result.outcomes if outcome.step.action.loses}
    for change in changes:
        device = getattr(change.desired, "dev", "")
        if change.rid not in steps or not getattr(change.desired, "provision", False) or not device.startswith("/dev/"):
            continue
        if change.verdict is Verdict.KEEP and not any(canonical(device).removeprefix("/dev/") in what for what in gone):
            yield Noticed(result.service, f"{change.rid}: what is on {device} stays → wipefs -a {device}, if nobody needs it")
