"""Unused: osvc images --prune: remove what osvc fetched and no spec uses any more, after it was shown."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence

from reconciler.cli.display import consent, paint_for, say, show_document
from reconciler.cli.exits import Exit
from reconciler.cli.failures import Told
from reconciler.cli.known import known_specs
from reconciler.cli.request import globs_of, operator
from reconciler.cli.specs import read_specs, refuse_invalid
from reconciler.cli.voice import speak, wrong
from reconciler.core.fetched import Fetched, Judgement
from reconciler.core.service import Service
from reconciler.engine.config import Config, read_config
from reconciler.engine.images import Removal, judged, remove
from reconciler.engine.session import Session
from reconciler.engine.signals import Stop
from reconciler.report.images_text import gain, unused_text
from reconciler.report.texts import plain


def prune(options: argparse.Namespace) -> Exit:
    """Show, ask, remove, and tell what it came to. An engine that cannot be asked keeps everything, and is told."""
    config, stop = read_config(), Stop()
    speak(options.log_format or config.log_format)
    with Session.open(config, write=False, stop=stop) as before:
        shown = judged(before, _services(before, options, config), globs_of(options))
    doomed = [one for part in shown for one in part.doomed]
    if not options.json and not options.quiet:
        say(unused_text(shown, verbose=options.verbose, paint=paint_for(options, sys.stdout)))
    if options.dry_run or not doomed:
        return _end(options, shown, {}, Exit.PENDING if doomed else Exit.OK)
    if not options.yes and (options.json or not consent(f"\n{gain(doomed)}. Go on?")):
        wrong(f"error: refused: {gain(doomed)}; nothing was done → add --yes")
        return _end(options, shown, {}, Exit.REFUSED)
    done: list[Removal] = []
    with stop.catching(), Session.open(config, write=True, stop=stop, after=before, by=operator()) as session:
        wait = config.lock_wait if options.wait is None else options.wait
        for one in remove(session, shown, lambda: _services(session, options, config), lock_wait=wait):
            done.append(one)
            if one.error:
                wrong(f"error: {one.service}: cannot remove {one.image.fetched.name}: {plain(one.error)}")
    went = [one.image for one in done if not one.error]
    if not options.json and not options.quiet:
        say(f"\n{gain(went, 'removed')}\n")
    code = Exit.ERROR if len(went) < len(done) else Exit.OK
    if stop.asked:
        code = Exit.TERMINATED if stop.number == 15 else Exit.INTERRUPTED
    return _end(options, shown, {one.image.fetched: one.error for one in done}, code)


def _end(options: argparse.Namespace, shown: Sequence[Judgement], removals: Mapping[Fetched, str], code: Exit) -> Exit:
    if options.json:
        from reconciler.report.json_out import unused_document

        show_document(unused_document(shown, removals, code))
    return code


def _services(session: Session, options: argparse.Namespace, config: Config) -> tuple[Service, ...]:
    """Every spec that is known: those of the node, those that were applied, and those that were named. With one that is not
    valid among them nobody can tell what it uses."""
    found: dict[str, Service] = {}
    for loaded in (known_specs(session, config), *([read_specs(options.path, config)] if options.path else [])):
        if refuse_invalid(loaded):
            raise Told(Exit.INVALID)
        found |= {service.name: service for service in loaded.services}
    return tuple(found.values())
