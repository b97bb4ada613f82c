"""Docker engines: which actions a change takes. Pure."""

from collections.abc import Callable, Sequence

from reconciler.core.action import Action
from reconciler.core.change import Change, Verdict
from reconciler.core.kind import Moves, Objection
from reconciler.core.observed import Present
from reconciler.resources.dockerd.action import state_of
from reconciler.resources.dockerd.actions import (
    ClearStale,
    MakeFolders,
    Mark,
    Reload,
    RemoveFolders,
    Share,
    StartContainerd,
    StartDaemon,
    StopContainerd,
    StopContainers,
    StopDaemon,
    WriteConfig,
)
from reconciler.resources.dockerd.model import ROOT, Around, Desired, State
from reconciler.resources.dockerd.network_actions import AddRules, Forward, MakeBridge, RemoveBridge, RemoveRules, Unforward
from reconciler.resources.dockerd.planning import whole


def moves_of(change: Change, objection: Callable[[Desired, State | None, Around], Objection | None]) -> Moves:
    """The actions for this change's verdict. objection: what the type has against bringing an engine up."""
    want = change.desired
    assert isinstance(want, Desired)
    if not want.private or change.seen is None:
        return Moves()
    around = change.seen.around
    assert isinstance(around, Around)
    state = state_of(change.seen)
    if change.verdict in (Verdict.STOP, Verdict.REMOVE):
        if not isinstance(change.seen, Present):
            return Moves()
        reach = _reach(want, state)
        state = state.model_copy(update={"containerd": state.containerd or bool(reach)})
        return Moves(prepare=reach, down=_down(want, state, around, whole=True))
    if change.verdict is Verdict.LIVE:
        return Moves(live=_mend(want, state))
    if change.verdict in (Verdict.CREATE, Verdict.START):
        stop: tuple[Action, ...] = (StopDaemon(want=want, keeps=state.shims),) if state.running else ()
        return Moves(down=stop, up=_up(want, _stopped(state, want), around, objection(want, state, around)))
    if change.verdict in (Verdict.RESTART, Verdict.REPLACE):
        bounce = whole(change)
        down = _down(want, state, around, whole=bounce, parts=False)
        left = _stopped(state, want)
        if bounce:
            left = left.model_copy(update={"containerd": False, "mounts": (), "shims": ()})
        return Moves(down=down, up=_up(want, left, around, None))
    return Moves()


def _stopped(state: State, want: Desired) -> State:
    """What is left when the daemon has been ended."""
    if not state.running:
        return state
    gone = {want.socket, want.pid_file}
    files = tuple(path for path in state.files if path not in gone)
    return state.model_copy(update={"running": False, "answers": False, "stale": (), "files": files})


def _network(want: Desired, state: State) -> tuple[Action, ...]:
    """Bridge, firewall and forwarding, as far as they are not as wanted."""
    actions: list[Action] = []
    address = state.subnet == want.subnet
    if not (state.bridge_there and state.bridge_up and address):
        there = state.bridge_there
        actions.append(MakeBridge(want=want, there=there, up=state.bridge_up and there, address=address and there))
    surplus = tuple(rule for rule in state.rules if rule not in want.rules)
    if surplus:
        actions.append(RemoveRules(want=want, found=surplus))
    missing = tuple(rule for rule in want.rules if rule not in state.rules)
    if missing:
        actions.append(AddRules(want=want, missing=missing))
    if not state.forwarding:
        actions.append(Forward(want=want))
    return tuple(actions)


def _shared(want: Desired, state: State, parts: Sequence[str]) -> tuple[Action, ...]:
    """Socket and folder are given to whom they are for. A folder that is not there is made as root's."""
    made = {"folder_group": ROOT, "folder_mode": want.folder_mode}
    have = {part: getattr(state, part) or made.get(part) for part in parts}
    differ = tuple(part for part in parts if have[part] not in (None, getattr(want, part)))
    return (Share(want=want, parts=differ),) if differ else ()


def _up(want: Desired, state: State, around: Around, objection: Objection | None) -> tuple[Action, ...]:
    actions: list[Action] = [MakeFolders(want=want), *_shared(want, state, ("folder_group", "folder_mode"))]
    mounts = () if state.shims else state.mounts
    if mounts:
        actions.append(ClearStale(want=want, mounts=mounts))
    marker = around.known_marker if objection is None else around.marker
    if not around.marker:
        actions.append(Mark(want=want, adopts=around.data_root == "used"))
    if state.disk != want.config() or want.containerd_config not in state.files:
        actions.append(WriteConfig(want=want))
    actions.extend(_network(want, state))
    if not state.containerd:
        actions.append(StartContainerd(want=want))
    kills = () if want.live_restore else state.shims
    actions.append(StartDaemon(want=want, marker=marker, kills=kills, stale=state.stale))
    return tuple(actions)


def _mend(want: Desired, state: State) -> tuple[Action, ...]:
    """What is put right while the daemon runs on."""
    actions: list[Action] = [*_shared(want, state, ("folder_group", "folder_mode", "docker_socket_group", "socket_mode"))]
    if state.settings != want.settings or not state.loaded:
        if state.disk != want.config():
            actions.append(WriteConfig(want=want))
        actions.append(Reload(want=want))
    actions.extend(_network(want, state))
    if not state.containerd:
        actions.append(StartContainerd(want=want))
    return tuple(actions)


def _reach(want: Desired, state: State) -> tuple[Action, ...]:
    """What a daemon needs before it can stop its containers: without its containerd it says that it did, and they live on."""
    return (StartContainerd(want=want),) if state.running and state.shims and not state.containerd else ()


def _down(want: Desired, state: State, around: Around, *, whole: bool, parts: bool = True) -> tuple[Action, ...]:
    """whole: containers and containerd too. parts: bridge, rules, folders as well. An engine that died while containers
    live is started once more, so that they are stopped properly."""
    actions: list[Action] = []
    if whole and not state.running and state.shims:
        actions.extend(_up(want, state, around, None))
        state = state.model_copy(update={"running": True, "containerd": True, "stale": (), "folders": True})
    if whole and state.strays:
        actions.append(StopContainers(want=want, names=state.strays))
    if state.running:
        actions.append(StopDaemon(want=want, keeps=None if whole else state.shims))
    if whole and state.containerd:
        actions.append(StopContainerd(want=want))
    if whole and (state.mounts or state.running or state.stale):
        actions.append(ClearStale(want=want, mounts=state.mounts, files=state.stale, after_stop=state.running))
    if not parts:
        return tuple(actions)
    bridges = (*((want.bridge,) if state.bridge_there else ()), *state.inner_bridges)
    if bridges:
        actions.append(RemoveBridge(want=want, names=bridges))
    if state.rules or state.inner_rules:  # They name the bridges of networks, and so go after these.
        actions.append(RemoveRules(want=want, found=(*state.rules, *state.inner_rules)))
    if not around.was_forwarding and state.leftovers:
        actions.append(Unforward(want=want))
    if state.leftovers:
        actions.append(RemoveFolders(want=want, cgroups=state.cgroups))
    return tuple(actions)
