"""osvc logs: what the containers of services say, of several in the order of its time."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from reconciler.cli.display import note, paint_for, say
from reconciler.cli.exits import Exit, worst
from reconciler.cli.inside import containers_of
from reconciler.cli.named import the_targets
from reconciler.cli.request import globs_of
from reconciler.cli.verb import Usage
from reconciler.core.policy import Selection
from reconciler.engine.config import read_config
from reconciler.engine.logs import Heard, Logs, Place, Trouble
from reconciler.engine.session import Session
from reconciler.host.text import printable
from reconciler.report.paint import Paint
from reconciler.report.texts import listed
from reconciler.resources.container.model import Desired

_FOLLOWED = 10
"""Lines of each container that are shown before the new ones."""


def run(options: argparse.Namespace) -> Exit:
    """Show what was said, and with -f what is said, until somebody interrupts it. Raises Usage for a rid that none of the services
    has."""
    selection = Selection(tuple(word for item in options.rid for word in item.split(",") if word))
    with Session.open(read_config(), write=False) as session:
        targets = the_targets(session, session.config, globs_of(options))
        containers = {target.name: _chosen(containers_of(target, session), selection) for target in targets}
        _check(options, containers)
        places = [
            Place(name, socket, store)
            for name, found in containers.items()
            for socket, store in dict.fromkeys((one.socket, None if one.private else session.store.uuid) for one in found.values())
        ]
        host = session.host
    tail = options.tail if options.tail is not None else _FOLLOWED if options.follow else 0
    logs = Logs(host, places, selection=selection, tail=tail, since=options.since or 0)
    shown = Shown(options, paint_for(options, sys.stdout), [(name, rid) for name, found in containers.items() for rid in found])
    try:
        for said in logs.so_far():
            shown.tell(said)
        _missing(containers, logs.found, shown)
        if options.follow:
            sys.stdout.flush()
            for more in logs.from_now_on():
                if more is None:
                    sys.stdout.flush()
                else:
                    shown.tell(more)
    finally:
        logs.close()
    return worst(shown.codes)


class Shown:
    """Lines on their way to stdout, each behind the name of its container, and what is to be said beside them."""

    def __init__(self, options: argparse.Namespace, paint: Paint, names: Iterable[tuple[str, str]]) -> None:
        self._paint = paint
        self._prefixed = not options.no_prefix
        self._timed = options.timestamps
        self._names: dict[tuple[str, str], int] = {}
        self._width = 0
        self.codes: list[Exit] = []
        for name in names:
            self._number(name)

    def tell(self, said: Heard | Trouble) -> None:
        if isinstance(said, Trouble):
            self._trouble(said)
            return
        head = ""
        if self._prefixed:
            number = self._number((said.service, said.rid))
            head = f"{self._paint.name(number, f'{_called(said.service, said.rid):<{self._width}} |')} "
        if self._timed:
            head += f"{_stamp(said.at)} "
        say("".join(f"{head}{line}\n" for line in printable(said.text).split("\n")))

    def _number(self, name: tuple[str, str]) -> int:
        """Which of all names it is; a new one makes room for itself."""
        self._width = max(self._width, len(_called(*name)))
        return self._names.setdefault(name, len(self._names))

    def _trouble(self, said: Trouble) -> None:
        if said.driver:
            self.codes.append(Exit.ERROR)
            note(
                f"error: {_called(said.service, said.rid)}: its log driver, {said.driver}, keeps nothing that can be read here"
                f" → read it where {said.driver} sends it, or take log_driver out of its spec"
            )
            return
        self.codes.append(Exit.UNKNOWN)
        name = _called(said.service, said.rid)
        note(f"error: {name}: {said.message} → osvc status -s {said.service}")


def _called(service: str, rid: str) -> str:
    return f"{service}/{rid}" if rid else service


def _stamp(at: int) -> str:
    """A moment as an engine writes it."""
    second, rest = divmod(at, 1_000_000_000)
    return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


def _chosen(found: Mapping[str, Desired], selection: Selection) -> dict[str, Desired]:
    return {rid: one for rid, one in found.items() if selection.takes(rid, "container")}


def _check(options: argparse.Namespace, containers: Mapping[str, Mapping[str, Desired]]) -> None:
    """Raises Usage where nothing is chosen."""
    if any(containers.values()):
        return
    names = listed(list(containers))
    if not options.rid:
        raise Usage(f"{names} {'have' if len(containers) > 1 else 'has'} no container, and what else it runs keeps no log here")
    raise Usage(f"{names} {'have' if len(containers) > 1 else 'has'} no container {','.join(options.rid)!r}")


def _missing(containers: Mapping[str, Mapping[str, Desired]], found: set[tuple[str, str]], shown: Shown) -> None:
    """Tell of containers that are not there, where their engine was seen."""
    unseen = Exit.UNKNOWN in shown.codes
    for name, rids in containers.items():
        for rid in rids:
            if (name, rid) not in found and not unseen:
                note(f"note: {_called(name, rid)}: there is no such container yet → osvc start {name}")
