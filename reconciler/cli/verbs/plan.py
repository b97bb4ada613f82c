"""osvc plan: what is different, why, and what would be done. Nothing is changed."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.cli import saved
from reconciler.cli.display import note, say, show_document
from reconciler.cli.ends import plan_exit
from reconciler.cli.exits import Exit, worst
from reconciler.cli.planned import plans_text
from reconciler.cli.request import Named, check_selection, globs_of, policy_of, selection_of
from reconciler.cli.specs import in_the_way, read_specs, refuse_invalid
from reconciler.cli.verb import Usage
from reconciler.core.nodes import same_node
from reconciler.core.plan import Plan
from reconciler.engine.config import Config, read_config
from reconciler.engine.session import Session
from reconciler.report.json_out import error_record, plan_document
from reconciler.spec.load import Loaded

if TYPE_CHECKING:
    from reconciler.cli.recorded import Recorded


def run(options: argparse.Namespace) -> Exit:
    """Plan every selected service, on this machine or on a recorded snapshot of one."""
    config = read_config()
    snapshot = _recorded(options, config)
    loaded = read_specs(
        options.path, snapshot.placed(config) if snapshot else config, may_be_empty=options.prune_all, prune=options.prune
    )
    globs = globs_of(options)
    if in_the_way(loaded, globs):
        return _invalid(options, loaded)
    if not options.json:
        refuse_invalid(loaded)
    selection, policy = selection_of(options), policy_of(options)
    if snapshot is not None:
        plans: Sequence[Plan] = snapshot.plans(loaded, globs, selection, policy)
    else:
        with Session.open(config, write=False) as session:
            targets = session.targets(loaded, globs, stored=not loaded.errors)
            plans = session.plans(targets, selection=selection, policy=policy, prune_all=options.prune_all)
    check_selection(options, [Named.of(change) for plan in plans for change in plan.changes])
    code = worst(map(plan_exit, plans))
    services = {service.name: service for service in loaded.services}
    if options.output:
        saved.write(options, plans, services, code)
    if options.script:
        from reconciler.report.plan_script import plan_script

        say(plan_script(plans))
    elif options.json:
        errors = [error_record(error.origin, error.message) for error in loaded.errors]
        show_document(plan_document([(plan, services.get(plan.service)) for plan in plans], errors, code))
    else:
        say(plans_text(options, plans, services))
    return code


def _recorded(options: argparse.Namespace, config: Config) -> Recorded | None:
    """What to plan against instead of this machine: a snapshot, or nothing at all for another node. None for this machine.

    Raises Usage where a node is named of which the snapshot is not: what one node has says nothing of another.
    """
    away = bool(options.node) and not same_node(options.node, config.node)
    if not options.snapshot and not away:
        return None
    from reconciler.cli import recorded

    if options.snapshot:
        found = recorded.read(options.snapshot)
        if options.node and not same_node(options.node, found.node.name):
            raise Usage(f"{options.snapshot} is of {found.node.name}, and says nothing of {options.node}")
        return found
    if options.output:
        raise Usage(f"a plan of {options.node} is not for this machine, and cannot be saved to be applied here; leave --output out")
    note(f"note: planned as {options.node}, as if it were empty: nothing of it can be seen here; --snapshot FILE shows what it has")
    return recorded.nothing_of(replace(config.place, name=options.node))


def _invalid(options: argparse.Namespace, loaded: Loaded) -> Exit:
    if options.json:
        errors = [error_record(error.origin, error.message) for error in loaded.errors]
        show_document(plan_document([], errors, Exit.INVALID))
    else:
        refuse_invalid(loaded, globs_of(options))
    return Exit.INVALID
