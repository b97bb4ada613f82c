"""network: which actions a change takes. Pure. A network cannot be changed: it is made again, while no container is on it. Its
firewall rules can."""

from reconciler.core.action import Action
from reconciler.core.change import Change, Verdict
from reconciler.core.kind import Moves
from reconciler.core.model import changed
from reconciler.core.observed import Present
from reconciler.resources.inside import Around
from reconciler.resources.network.actions import AddRules, Create, Remove, RemoveRules
from reconciler.resources.network.model import Desired, State, rules_of


def moves_of(change: Change) -> Moves:
    """The actions for this change's verdict. A stop leaves the network where it is: it costs nothing, and goes with its engine,
    as its firewall rules do."""
    want = change.desired
    assert isinstance(want, Desired)
    assert change.seen is not None
    around = change.seen.around
    assert isinstance(around, Around)
    state = change.seen.state if isinstance(change.seen, Present) else None
    assert state is None or isinstance(state, State)
    match change.verdict:
        case Verdict.CREATE:
            return Moves(up=_come(want, around))
        case Verdict.REPLACE if state is not None:
            return Moves(down=_gone(want, state), up=_come(want, around))
        case Verdict.LIVE if state is not None:
            return Moves(live=_mended(want, state))
        case Verdict.REMOVE if state is not None:
            return Moves(down=_gone(want, state))
    return Moves()


def _come(want: Desired, around: Around) -> tuple[Action, ...]:
    new = changed(want, rules=rules_of(want, None))
    create = Create(want=new, store=around.store)
    return (create, AddRules(want=new, missing=new.rules)) if new.rules else (create,)


def _gone(want: Desired, state: State) -> tuple[Action, ...]:
    """The rules first: they are found by the network that they are for."""
    remove = Remove(want=want)
    return (RemoveRules(want=want, found=state.rules), remove) if state.rules else (remove,)


def _mended(want: Desired, state: State) -> tuple[Action, ...]:
    surplus = tuple(rule for rule in state.rules if rule not in want.rules)
    missing = tuple(rule for rule in want.rules if rule not in state.rules)
    return (
        *((RemoveRules(want=want, found=surplus),) if surplus else ()),
        *((AddRules(want=want, missing=missing),) if missing else ()),
    )
