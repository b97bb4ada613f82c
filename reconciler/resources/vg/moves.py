"""vg: which actions a change takes. Pure.

A group is claimed before it is activated, and given up when nothing of it is active any more: whoever looks at the tag never
finds an active group that nobody claims.
"""

from reconciler.core.action import Action
from reconciler.core.change import Change, Verdict
from reconciler.core.kind import Moves
from reconciler.core.observed import Present
from reconciler.resources.vg.actions import Activate, AddTags, Create, Deactivate, DropPartitions, RemoveTags
from reconciler.resources.vg.model import Around, Desired, State


def moves_of(change: Change) -> Moves:
    """The actions for this change's verdict."""
    want, seen = change.desired, change.seen
    if change.verdict is Verdict.CREATE and isinstance(want, Desired) and seen is not None and isinstance(seen.around, Around):
        disks = tuple(disk.device for disk in seen.around.disks)
        make = Create(group=want.name, disks=disks, options=want.options, tag=want.tag)
        return Moves(up=(make, AddTags(group=want.name, tags=(want.tag,), beside=want.keep_tags)))
    if not isinstance(seen, Present) or not isinstance(seen.state, State):
        return Moves()
    match change.verdict:
        case Verdict.STOP | Verdict.REMOVE:
            return Moves(down=_down(seen.state))
        case Verdict.START:
            return Moves(up=_up(seen.state))
        case Verdict.LIVE:
            return Moves(live=_up(seen.state))
        case Verdict.RESTART:
            down = _down(seen.state)
            tags = tuple(tag for tag in seen.state.tags if tag != seen.state.tag)
            state = seen.state.model_copy(update={"tags": tags})
            return Moves(down=down, up=_up(_all_off(state)))
    return Moves()


def _up(state: State) -> tuple[Action, ...]:
    of = {"group": state.name, "uuid": state.uuid}
    found: list[Action] = []
    if state.foreign:
        found.append(RemoveTags(**of, tags=state.foreign, taken=True))
    if not state.mine:
        found.append(AddTags(**of, tags=(state.tag,), beside=state.kept))
    if state.lacking:
        found.append(Activate(**of))
    return tuple(found)


def _down(state: State) -> tuple[Action, ...]:
    of = {"group": state.name, "uuid": state.uuid}
    found: list[Action] = [DropPartitions(**of, volume=volume.name) for volume in state.volumes if volume.partitions]
    if state.active:
        found.append(Deactivate(**of))
    if state.mine:
        found.append(RemoveTags(**of, tags=(state.tag,)))
    return tuple(found)


def _all_off(state: State) -> State:
    volumes = tuple(volume.model_copy(update={"active": False}) for volume in state.volumes)
    return state.model_copy(update={"volumes": volumes})
