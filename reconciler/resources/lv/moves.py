"""lv: which actions a change takes. Pure."""

from reconciler.core.action import Action
from reconciler.core.change import Change, Verdict
from reconciler.core.kind import Moves
from reconciler.core.observed import Present
from reconciler.resources.lv.actions import Activate, Create, Deactivate, DropPartitions
from reconciler.resources.lv.model import Desired, State


def moves_of(change: Change) -> Moves:
    """The actions for this change's verdict."""
    want, seen = change.desired, change.seen
    assert isinstance(want, Desired)
    if change.verdict is Verdict.CREATE:
        return Moves(up=(Create(vg=want.vg, name=want.name, size=want.size, options=want.create_options),))
    if not isinstance(seen, Present) or not isinstance(seen.state, State):
        return Moves()
    up = (Activate(vg=want.vg, name=want.name, uuid=seen.state.uuid),)
    match change.verdict:
        case Verdict.STOP | Verdict.REMOVE:
            return Moves(down=_down(seen.state))
        case Verdict.START:
            return Moves(up=up)
        case Verdict.RESTART:
            return Moves(down=_down(seen.state), up=up)
    return Moves()


def _down(state: State) -> tuple[Action, ...]:
    of = {"vg": state.vg, "name": state.name, "uuid": state.uuid}
    found: list[Action] = [DropPartitions(**of)] if state.partitions else []
    return (*found, Deactivate(**of)) if state.active else tuple(found)
