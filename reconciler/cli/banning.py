"""Banning: what freeze, thaw, disable and enable share: a person's word is written down or taken back. Nothing on the machine is
touched, and no run is waited for."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby

from reconciler.cli.display import note, say, show_document
from reconciler.cli.exits import Exit
from reconciler.cli.known import known_specs
from reconciler.cli.request import Named, check_selection, globs_of, local_now, operator, selection_of
from reconciler.cli.specs import refuse_invalid
from reconciler.core.ban import WHOLE, Ban, Sort
from reconciler.core.ids import group_of
from reconciler.core.lazy import dataclass
from reconciler.core.policy import Aim
from reconciler.engine.bans import Said
from reconciler.engine.config import read_config
from reconciler.engine.session import Session
from reconciler.engine.target import Target
from reconciler.report.json_out import bans_document
from reconciler.report.plan_text import ban_text
from reconciler.report.texts import moment


@dataclass(frozen=True, slots=True)
class _Word:
    """What is to be said of a service, or (rid) of one of its resources. said: what was said of the service before."""

    target: Target
    sort: Sort
    rid: str
    said: Said

    @property
    def stood(self) -> Ban | None:
        return self.said.get((self.sort, self.rid))

    @property
    def about(self) -> str:
        return f"{self.target.name} {self.rid}".rstrip()


_MEANS = {
    Sort.FROZEN: "apply, watch and boot leave it alone; start, stop and restart work on it",
    Sort.DISABLED: "nothing is done to it, whatever becomes of it, and its status does not count",
}


def ban(sort: Sort, options: argparse.Namespace) -> Exit:
    """Say it of the named services, or of a part of them. What was said before stays as it was said, unless it gets another end."""
    fresh = Ban(operator(), datetime.now(UTC), options.reason, until=getattr(options, "until", None))
    words, now = _words(sort, options), local_now()
    new = [word for word in words if word.stood is None or fresh.until not in (None, word.stood.until)]
    if new and not options.dry_run:
        with Session.open(read_config(), write=True) as session:
            for word in new:
                session.store.ban(word.target.name, sort, (word.rid,), fresh)
            for target in {word.target.name: word.target for word in new}.values():
                _tell_holder(session, target)
    lines = [
        f"{word.about}: {sort.value}{_ends(fresh, now)}; {_MEANS[sort]} → {_taken_back(word.target.name, sort, word.rid)}\n"
        if word.stood is None or word in new
        else f"{word.about}: {ban_text(sort.value, word.stood, now)} already\n"
        for word in words
    ]
    return _end(options, [(word, fresh if word in new else word.stood, word in new) for word in words], lines)


def lift(sort: Sort, options: argparse.Namespace) -> Exit:
    """Take it back. Whoever disabled a whole service is answered by enabling the whole, and so is a part of it."""
    words, now = _words(sort, options), local_now()
    said = [word for word in words if word.stood is not None]
    if said and not options.dry_run:
        with Session.open(read_config(), write=True) as session:
            for word in said:
                session.store.lift(word.target.name, sort, (word.rid,), Ban(operator(), datetime.now(UTC)))
    does = "thawed" if sort is Sort.FROZEN else "enabled"
    lines = [
        f"{word.about}: {does}; was {ban_text(sort.value, word.stood, now)}\n"
        if word.stood is not None
        else f"{word.about}: was not {sort.value}{' as a whole' if sort is Sort.DISABLED and not word.rid else ''}\n"
        for word in words
    ]
    code = _end(options, [(word, None, word.stood is not None) for word in words], lines)
    for text in _still(words, now) if sort is Sort.DISABLED else ():
        note(f"note: {text}")
    return code


def _words(sort: Sort, options: argparse.Namespace) -> Sequence[_Word]:
    """What the options name. Raises Usage, Unselected, before anything is touched."""
    config, globs, selection = read_config(), globs_of(options), selection_of(options)
    with Session.open(config, write=False) as session:
        loaded = known_specs(session, config, globs)
        refuse_invalid(loaded)
        targets = session.targets(loaded, globs, aim=Aim.DOWN, does=options.verb)
        bans = session.store.bans(session.host.clock.now())
        parts = {target.name: _parts(target, bans.get(target.name, {}), session) for target in targets}
        check_selection(options, [part for some in parts.values() for part in some])
    words: list[_Word] = []
    for target in targets:
        taken = [part.rid for part in parts[target.name] if selection.takes(*part)]
        rids = [WHOLE] if selection.everything else taken
        words += [_Word(target, sort, rid, bans.get(target.name, {})) for rid in rids]
    return words


def _parts(target: Target, said: Said, session: Session) -> list[Named]:
    """What there is of a service: what its spec names, and what it owns or was disabled once, and no spec names any more."""
    resources = target.service.resources if target.service is not None else {}
    owned = {rid: one.type for rid, one in session.store.ownership(target.name).owned.items()}
    gone = {rid: group_of(rid) for _, rid in said if rid != WHOLE} | owned
    return [*map(Named.of, resources.values()), *(Named(rid, kind) for rid, kind in gone.items() if rid not in resources)]


def _tell_holder(session: Session, target: Target) -> None:
    holder = session.holder(target.name)
    if holder:
        note(f"note: {target.name}: a run works on it, and goes on: {holder}")


def _still(words: Sequence[_Word], now: datetime) -> Iterator[str]:
    """What is disabled all the same, once these were enabled."""
    for name, own in groupby(words, lambda word: word.target.name):
        enabled = {word.rid: word for word in own}
        service, said = next(iter(enabled.values())).target.service, next(iter(enabled.values())).said
        for rid, one in (service.resources if service is not None else {}).items():
            if one.common.disable and (rid in enabled or WHOLE in enabled):
                place = one.fields.get("disable", one.origin).place
                yield f"{name} {rid} is disabled by its spec ({place}); edit that to enable it"
        for (sort, rid), ban in said.items():
            if sort is Sort.DISABLED and rid not in enabled and (rid == WHOLE or WHOLE in enabled):
                yield f"{name} {rid}".rstrip() + f" is still {ban_text(sort.value, ban, now)} → {_taken_back(name, sort, rid)}"


def _ends(ban: Ban, now: datetime) -> str:
    return f" until {moment(ban.until, now)}" if ban.until is not None else ""


def _taken_back(name: str, sort: Sort, rid: str) -> str:
    """The command that takes a ban back."""
    return f"osvc {'thaw' if sort is Sort.FROZEN else 'enable'} {name}" + (f" --rid {rid}" if rid else "")


def _end(options: argparse.Namespace, told: Sequence[tuple[_Word, Ban | None, bool]], lines: Sequence[str]) -> Exit:
    """told: what was said, what stands now, whether that is new."""
    code = Exit.PENDING if options.dry_run and any(new for _, _, new in told) else Exit.OK
    if options.json:
        records = [(word.target.name, word.rid, stands, new) for word, stands, new in told]
        show_document(bans_document(options.verb, records, code))
        return code
    say("".join(lines))
    if options.dry_run:
        note("note: a dry run: nothing was done")
    return code
