"""Keeping: what watch and agent do alike: a session that lasts until a signal ends it, and what is said of that."""

from __future__ import annotations

import argparse
import gc
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from reconciler.cli.display import note, show_line
from reconciler.cli.exits import Exit
from reconciler.cli.progress import listener
from reconciler.cli.request import operator
from reconciler.cli.voice import speak
from reconciler.core.outcome import OnEvent
from reconciler.engine.config import Config, read_config
from reconciler.engine.early import import_all
from reconciler.engine.session import Session
from reconciler.engine.signals import Stop
from reconciler.host.linux.heap import share_heap
from reconciler.host.manager import Manager
from reconciler.report.json_out import results_record
from reconciler.report.texts import duration

_MANY = 10_000
"""New objects before cycles are looked for: a tenth of what a verb has that ends soon (main.py), so that memory stays bounded."""


class Keeper(Protocol):
    """A Watch, or an Agent."""

    @property
    def paths(self) -> Sequence[str]: ...

    def run(self) -> int: ...


class Hire(Protocol):
    """What makes one."""

    def __call__(
        self, session: Session, paths: Sequence[str], *, on_event: OnEvent, configure: Callable[[], Config], manager: Manager
    ) -> Keeper: ...


def keep(options: argparse.Namespace, hire: Hire) -> Exit:
    """Converge now, and whenever a spec or the machine changes; SIGINT and SIGTERM end it, SIGHUP has the configuration read."""

    def configure() -> Config:
        config = read_config()
        return replace(config, interval=options.interval or config.interval, prune=options.prune or config.prune)

    config, stop, manager = configure(), Stop(), Manager(os.environ)
    speak(options.log_format or config.log_format)
    with stop.catching(reread=True), Session.open(config, write=True, stop=stop, by=operator()) as session:
        keeper = hire(session, options.path, on_event=listener(options, ends=True), configure=configure, manager=manager)
        if not options.json and not options.quiet:
            note(f"watching {', '.join(keeper.paths)}, everything every {duration(config.interval)}; Ctrl-C ends it")
        import_all()
        gc.freeze()  # what was imported stays
        gc.set_threshold(_MANY)
        share_heap()
        number = keeper.run()
    code = {2: Exit.INTERRUPTED, 15: Exit.TERMINATED}.get(number, Exit.OK)
    if options.json:
        show_line(results_record((), (), code))
    elif not options.quiet:
        note(f"{options.verb} ended; what runs is left as it is")
    return code
