"""osvc case: what failed runs left behind: listed, shown, and planned again. No machine, engine or root is needed for that."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

from reconciler.cli.display import note, paint_for, say
from reconciler.cli.exits import Exit
from reconciler.cli.verb import Usage
from reconciler.engine import cases
from reconciler.engine.casefile import Case, CaseError, read
from reconciler.engine.config import read_config
from reconciler.report.plan_text import plan_text
from reconciler.report.texts import plain


def run(options: argparse.Namespace) -> Exit:
    """Do what the action says."""
    if options.action == "ls":
        if options.file:
            raise Usage(f"osvc case ls takes no file; osvc case show {options.file} shows one")
        return _list(read_config().state_dir)
    if not options.file:
        raise Usage(f"osvc case {options.action} takes a case file, or the id of its run; osvc case ls lists them")
    case = cases.find(read_config().state_dir, options.file)
    if options.action == "show":
        say("\n".join(_lines(case)) + "\n")
        return Exit.OK
    return _replay(case, options)


def _list(state_dir: str) -> Exit:
    """A line for each case, the newest first. A file that cannot be read is told, and hinders nothing."""
    paths = cases.paths(state_dir)
    if not paths:
        say("no cases: no run has failed here, or it is longer ago than they are kept\n")
    for path in paths:
        try:
            case = read(path)
            say(f"{case.run}  {_first_line(case.about)} ({case.verb}: {case.end})\n")
        except (CaseError, OSError) as err:
            note(f"note: {err}")
    return Exit.OK


def _replay(case: Case, options: argparse.Namespace) -> Exit:
    """Plan again. PENDING when that gives another plan than the recorded one."""
    plan = case.replan()
    say(plan_text(plan, verbose=True, paint=paint_for(options, sys.stdout)))
    difference = case.difference(plan)
    if not difference:
        return Exit.OK
    say(f"\n{difference}")
    note(f"this osvc plans otherwise than the one that recorded the case ({case.osvc or 'of an unknown version'})")
    return Exit.PENDING


def _lines(case: Case) -> Iterator[str]:
    yield plain(case.about)
    yield f"  {case.verb} at {case.at}: {case.end} in round {case.round} (run {case.run}, osvc {case.osvc})"
    yield from ("", "  plan", *(f"    {line}" for line in case.plan.splitlines()))
    if case.outcomes:
        yield from ("", "  outcomes")
    for outcome in case.outcomes:
        seconds = outcome.get("seconds")
        yield f"    {outcome['n']} {outcome['rid']} {outcome['step']}: {outcome['became']}" + (f", {seconds} s" if seconds else "")
        yield from (f"      $ {line}" for line in str(outcome.get("command", "")).splitlines())
        yield from (f"      {line}" for line in plain(outcome.get("message", "")).splitlines())
        yield from (f"      | {line}" for line in plain(outcome.get("output", "")).splitlines())
    yield from (f"  {line}" for line in case.crash.splitlines())
    yield from ("", f"  → osvc case replay {case.run}")


def _first_line(text: str) -> str:
    return plain(text).partition("\n")[0]
