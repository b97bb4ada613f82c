"""names: the services that one word means, by how they are: allservices, allupservices, alldownservices."""

from __future__ import annotations

import argparse

from reconciler.cli.exits import Exit
from reconciler.cli.svcmgr.seen import seen
from reconciler.core.status import Status
from reconciler.engine.config import read_config
from reconciler.engine.session import Session

_STATUS = {
    "allservices": frozenset(Status),
    "allupservices": frozenset({Status.UP, Status.WARN}),
    "alldownservices": frozenset({Status.DOWN, Status.STDBY_DOWN, Status.STDBY_UP}),
}


def run(options: argparse.Namespace) -> Exit:
    """Leave the names of options.set in options.found."""
    config, meant = read_config(), _STATUS[options.set]
    with Session.open(config, write=False) as session:
        options.found = [status.service for status, _ in seen(session, config, ()) if status.overall in meant]
    return Exit.OK
