"""published: when a change leads clients to a container, and when not any more. Pure."""

from reconciler.core.action import Action
from reconciler.core.change import Change, Verdict
from reconciler.core.kind import Moves
from reconciler.core.model import changed
from reconciler.resources.container.model import Around, Desired
from reconciler.resources.container.published import rules_for
from reconciler.resources.container.published_actions import Publish, Unpublish


def led(change: Change, moves: Moves) -> Moves:
    """The moves of a change, with what it takes that clients are led to the container once it runs, and not before, nor while it
    goes down: its address is its own only as long as it has it."""
    want = change.desired
    assert isinstance(want, Desired) and change.seen is not None
    around = change.seen.around
    assert isinstance(around, Around)
    comes = change.verdict in (Verdict.CREATE, Verdict.REPLACE, Verdict.RESTART)
    goes = change.verdict in (Verdict.STOP, Verdict.REMOVE)
    rules = rules_for(want, None) if comes else want.rules  # of what comes: what will be published, not what is
    if not around.rules and not rules:
        return moves
    want = changed(want, rules=rules)
    stay = () if comes or goes else tuple(rule for rule in around.rules if rule in rules)
    found = tuple(rule for rule in around.rules if rule not in stay)
    missing = () if goes else tuple(rule for rule in rules if rule not in stay)
    whose = {"socket": want.socket, "home": want.name, "service": want.service, "rid": want.rid, "private": want.private}
    less: tuple[Action, ...] = (Unpublish(**whose, found=found),) if found else ()
    more: tuple[Action, ...] = (Publish(**whose, name=want.name, desired=want, missing=missing),) if missing else ()
    if change.verdict is Verdict.LIVE:
        return moves._replace(live=(*moves.live, *less, *more))
    return moves._replace(down=(*less, *moves.down), up=(*moves.up, *more))
