"""Page: what a verb shows of the machine, once or (`--watch`) again and again in place."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from reconciler.cli.display import say, show_document, show_line
from reconciler.cli.exits import Exit
from reconciler.cli.failures import complain
from reconciler.cli.request import local_now
from reconciler.cli.screen import Screen
from reconciler.cli.terminal import width_of
from reconciler.cli.verb import Usage
from reconciler.core.lazy import dataclass
from reconciler.engine.config import Config
from reconciler.engine.errors import EngineError
from reconciler.engine.session import Session
from reconciler.report.texts import duration, folded

_EVERY = 2.0
"""Seconds between two looks at the machine, where nobody says otherwise."""
_GLANCE = 0.1
"""Seconds between two looks at whether the terminal has another size."""


@dataclass(frozen=True, slots=True)
class Page:
    """What was seen at one moment. text: of so many columns, 0 being no end of them. errors: what is wrong with the specs."""

    text: Callable[[int], str]
    document: Callable[[], dict[str, Any]]
    errors: tuple[str, ...]
    code: Exit


def show(options: argparse.Namespace, config: Config, look: Callable[[Session], Page]) -> Exit:
    """Show one page and end; or, with `--watch`, one after the other until a signal ends it."""
    if options.watch:
        return _watched(options, config, look)
    if options.interval is not None:
        raise Usage("--interval belongs to --watch")
    with Session.open(config, write=False) as session:
        page = look(session)
    if options.json:
        show_document(page.document())
    else:
        say(page.text(width_of(sys.stdout)))
        for error in page.errors:
            complain(error)
    return page.code


class _Ended(BaseException):
    """A signal has come."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.code = Exit(128 + number)


def _watched(options: argparse.Namespace, config: Config, look: Callable[[Session], Page]) -> Exit:
    """Once there has been a page, only a signal, or a reader who leaves, ends it."""
    page: Page | None = None
    before: Session | None = None
    trouble, seconds = "", options.interval or _EVERY
    try:
        with _signals(), Screen(sys.stdout) as screen:
            while True:
                try:
                    with Session.open(config, write=False, after=before) as before:
                        page, trouble = look(before), ""
                except EngineError as err:
                    if page is None:
                        raise
                    trouble = str(err)
                if options.json:
                    show_line(page.document())
                    time.sleep(seconds)
                else:
                    _stay(screen, page, [*page.errors, *trouble.splitlines()], seconds)
    except _Ended as end:
        return end.code


def _stay(screen: Screen, page: Page, errors: list[str], seconds: float) -> None:
    """Show a page for so long; anew whenever the terminal has another size meanwhile."""
    head, until, drawn = f"{local_now():%H:%M:%S}, every {duration(seconds)}", time.monotonic() + seconds, None
    while (left := until - time.monotonic()) > 0:
        size = screen.size
        if drawn != size:
            told = [line for error in errors for line in folded(f"error: {error}", size[0])]
            screen.show("\n".join([*folded(head, size[0]), "", page.text(size[0]), *told]))
            drawn = size
        time.sleep(min(left, _GLANCE))


@contextmanager
def _signals() -> Iterator[None]:
    """The first SIGINT or SIGTERM raises _Ended, wherever it finds us; those behind it are too late to matter."""
    numbers = (signal.SIGINT, signal.SIGTERM)

    def on_signal(number: int, frame: FrameType | None) -> None:
        for each in numbers:
            signal.signal(each, signal.SIG_IGN)
        raise _Ended(number)

    before = {number: signal.signal(number, on_signal) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
