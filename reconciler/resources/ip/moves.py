"""ip: which actions a change takes. Pure."""

from reconciler.core.change import Change, Verdict
from reconciler.core.kind import Moves
from reconciler.core.observed import Present
from reconciler.resources.ip import addresses
from reconciler.resources.ip.actions import Add, Remove
from reconciler.resources.ip.model import Around, Desired, State


def moves_of(change: Change) -> Moves:
    """The actions for this change's verdict."""
    want, seen = change.desired, change.seen
    assert isinstance(want, Desired) and seen is not None and isinstance(seen.around, Around)
    state = seen.state if isinstance(seen, Present) and isinstance(seen.state, State) else None
    down = (Remove(state=state),) if state else ()
    if change.verdict in {Verdict.STOP, Verdict.REMOVE}:
        return Moves(down=down)
    if change.verdict is Verdict.START and state and state.doubt == "tentative":
        return Moves(up=(Add(state=state.model_copy(update={"doubt": ""})),))
    if change.verdict in {Verdict.CREATE, Verdict.START, Verdict.REPLACE, Verdict.RESTART}:
        return Moves(down=down, up=(_add(want, state, seen.around),))
    return Moves()


def _add(want: Desired, before: State | None, around: Around) -> Add:
    """An address that stays on its device, and changes its prefix or its name there, is asked for by nobody."""
    stays = before is not None and not before.doubt and (before.address, before.dev) == (want.address, want.dev)
    quiet = stays and addresses.sixth(want.address) and around.arp
    return Add(
        state=State(
            address=want.address,
            dev=want.dev,
            netmask=want.netmask or 0,
            name=want.name,
            label=want.label,
            scope=addresses.scope_of(want.address),
            options=("nodad",) if quiet else (),
            arp=around.arp,
        ),
        asks=not stays,
    )
