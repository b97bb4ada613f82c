"""Ends: what plans and runs come to, as exit codes."""

from __future__ import annotations

from reconciler.cli.exits import Exit
from reconciler.core.change import Verdict
from reconciler.core.outcome import End, Result
from reconciler.core.plan import Plan


def plan_exit(plan: Plan) -> Exit:
    """What `osvc plan` says of one plan by its exit code."""
    for verdict, code in ((Verdict.REFUSE, Exit.REFUSED), (Verdict.DEFER, Exit.UNKNOWN)):
        if any(change.verdict is verdict for change in plan.lacking):
            return code
    return Exit.PENDING if plan.steps or plan.adopted or plan.released else Exit.OK


def result_exit(result: Result, signal_number: int = 0) -> Exit:
    """What a run came to for one service, as an exit code."""
    match result.end:
        case End.CONVERGED:
            return Exit.OK
        case End.ROLLED_BACK:
            return Exit.ROLLED_BACK
        case End.REFUSED:
            return Exit.REFUSED
        case End.LOCKED:
            return Exit.LOCKED
        case End.STOPPED:
            return Exit.TERMINATED if signal_number == 15 else Exit.INTERRUPTED
        case End.FAILED:
            return Exit.ERROR if result.undone else Exit.UNSETTLED
        case _:
            return Exit.UNSETTLED
