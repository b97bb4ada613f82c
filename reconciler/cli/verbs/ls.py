"""osvc ls: a line for each service."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from reconciler.cli.display import paint_for
from reconciler.cli.exits import Exit
from reconciler.cli.looking import NOBODY, Looked, look
from reconciler.cli.page import Page, show
from reconciler.cli.request import local_now
from reconciler.engine.config import read_config
from reconciler.engine.session import Session
from reconciler.report.status_table import status_table


def run(options: argparse.Namespace) -> Exit:
    """Show what is known; an invalid spec is told, and hides no other service."""
    config = read_config()

    def page(session: Session) -> Page:
        looked = look(options, config, session)

        def document() -> dict[str, Any]:
            from reconciler.report.status_json import ls_document

            return ls_document(looked.shown, looked.error_records, looked.code)

        return Page(lambda width: _text(looked, options, width), document, looked.told, looked.code)

    return show(options, config, page)


def _text(looked: Looked, options: argparse.Namespace, width: int) -> str:
    if not looked.shown:
        return "" if looked.errors else NOBODY
    return status_table(looked.shown, paint=paint_for(options, sys.stdout), now=local_now(), width=width)
