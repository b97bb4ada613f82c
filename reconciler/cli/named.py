"""Named: the one service that a verb is about, and its engine."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.cli.exits import Exit
from reconciler.cli.failures import Told
from reconciler.cli.known import known_specs
from reconciler.cli.specs import read_specs, refuse_invalid
from reconciler.cli.verb import Usage
from reconciler.core.policy import Aim
from reconciler.engine.config import Config
from reconciler.engine.errors import Unselected
from reconciler.engine.session import Session
from reconciler.engine.target import Target
from reconciler.report.texts import listed


def the_targets(session: Session, config: Config, globs: Sequence[str], paths: Sequence[str] = ()) -> tuple[Target, ...]:
    """The services of these patterns; where a name has no spec any more, as it was last applied. paths: where specs are, instead of
    where each is known to be. Raises Unselected where there is none, Told where an invalid spec may be the one."""
    loaded = read_specs(paths, config, chosen=False) if paths else known_specs(session, config, globs)
    try:
        return session.targets(loaded, globs)
    except Unselected:
        if refuse_invalid(loaded, globs):
            raise Told(Exit.INVALID) from None
        return session.targets(loaded, globs, aim=Aim.DOWN)


def the_target(session: Session, config: Config, name: str, paths: Sequence[str] = ()) -> Target:
    """The one service of this name, or pattern. Raises Usage where there are several; else as `the_targets`."""
    found = the_targets(session, config, (name,), paths)
    if len(found) != 1:
        raise Usage(f"{name!r} names {len(found)} services, and one is needed: {listed([target.name for target in found])}")
    return found[0]
