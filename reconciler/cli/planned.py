"""Planned: plans as text, for the verbs that show them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence

from reconciler.cli.display import paint_for
from reconciler.cli.request import local_now
from reconciler.core.plan import Plan
from reconciler.core.service import Service
from reconciler.report.plan_text import plan_text


def plans_text(options: argparse.Namespace, plans: Sequence[Plan], services: Mapping[str, Service]) -> str:
    """The plans as text: services that nothing has to be said of take one line each, and come first."""
    paint, now = paint_for(options, sys.stdout), local_now()
    texts = [plan_text(plan, services.get(plan.service), verbose=options.verbose, paint=paint, now=now) for plan in plans]
    short = [text for text in texts if text.count("\n") == 1]
    long = [text for text in texts if text.count("\n") > 1]
    if not texts:
        return "no services: nothing to do\n"
    return "".join(short) + ("\n" if short and long else "") + "\n".join(long)
