"""Planned: plans as text, for the verbs that show them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence

from reconciler.cli.display import paint_for
from reconciler.cli.request import local_now
from reconciler.cli.terminal import width_of
from reconciler.core.plan import Plan
from reconciler.core.service import Service
from reconciler.report.plan_text import plan_text


def plans_text(options: argparse.Namespace, plans: Sequence[Plan], services: Mapping[str, Service]) -> str:
    """The plans as text: services that nothing has to be said of take one line each, and come first."""
    paint, now, width = paint_for(options, sys.stdout), local_now(), width_of(sys.stdout)
    texts = [
        plan_text(plan, services.get(plan.service), verbose=options.verbose, paint=paint, now=now, width=width) for plan in plans
    ]
    short = [text for text in texts if "\n\n" not in text]
    long = [text for text in texts if "\n\n" in text]
    if not texts:
        return "no services: nothing to do\n"
    return "".join(short) + ("\n" if short and long else "") + "\n".join(long)
