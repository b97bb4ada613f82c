"""The pure half of the type: what a container needs and claims, and which actions a change takes."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from reconciler.core.action import Action
from reconciler.core.change import Change, Verdict
from reconciler.core.facts import Claim, Fact, Kind, Need
from reconciler.core.kind import Moves, Objection
from reconciler.core.model import changed
from reconciler.core.observed import Present
from reconciler.resources.container import refs
from reconciler.resources.container.actions import (
    Create,
    Remove,
    Rename,
    Start,
    Stop,
    Unpause,
    Update,
    limited,
)
from reconciler.resources.container.forms import PREDECESSOR, SUCCESSOR, ports_of, volumes_of
from reconciler.resources.container.image_actions import Load, Pull, PullAgain
from reconciler.resources.container.model import Around, Container, Desired, State, pieces
from reconciler.resources.container.normal import effective, ended, stripped, without

_LIVE: Final = ("memory", "cpus", "restart_policy")


class ContainerKind:
    name = "container"
    rank = 50
    desired = Desired
    state = State
    around = Around

    def implied(self, keywords: Mapping[str, Any], types: Collection[str]) -> bool:
        return False

    def settle(self, desired: Desired, state: State | None, around: Around) -> tuple[Desired, State | None]:
        want = _settled(desired, around)
        return want, None if state is None else _matched(want, state, around)

    def is_up(self, state: State) -> bool:
        return state.status in ("running", "restarting")

    def manages(self, desired: Desired) -> bool:
        return True

    def ours(self, state: State) -> bool:
        return True

    def objection(self, desired: Desired, state: State | None, around: Around) -> Objection | None:
        if around.holder is not None:
            remedy = around.holder.remedy or "rename or remove that container, or give this one another name"
            return Objection(f"the name {around.holder.what} is taken by {around.holder.by}, not ours", remedy)
        if around.ports and not (state and state.alive):
            reason = ", ".join(f"port {held.what} is held by {held.by}, not ours" for held in around.ports)
            return Objection(reason, "free the port, or publish another one")
        return None

    def obstacle(self, state: State) -> Objection | None:
        return None

    def needs(self, desired: Desired) -> Sequence[Need]:
        binds = sorted({volume.source for volume in volumes_of(desired.volume_mounts) if volume.binds})
        return (Need(Fact(Kind.ENGINE, desired.socket)), *(Need(Fact(Kind.PATH, path)) for path in binds))

    def provides(self, desired: Desired) -> Sequence[Fact]:
        return ()

    def claims(self, desired: Desired) -> Sequence[Claim]:
        ports = ports_of(desired.ports)
        return (
            Claim("container name", desired.name, f"container name {desired.name}", desired.socket),
            *(Claim("port", port.key, f"port {port.key}") for port in ports),
        )

    def releases(self, desired: Desired, change: Change) -> bool:
        return True

    def sequence(self, desired: Desired) -> tuple[Any, ...]:
        return ()

    def moves(self, change: Change) -> Moves:
        want = change.desired
        assert isinstance(want, Desired)
        assert change.seen is not None
        around = change.seen.around
        assert isinstance(around, Around)
        hand = _Hand(want)
        if change.verdict in (Verdict.STOP, Verdict.REMOVE):
            every = pieces(change.seen)
            return Moves(
                down=hand.stops(every),
                commit=hand.removes(every) if change.verdict is Verdict.REMOVE else (),
            )
        if not isinstance(change.seen, Present):
            return _create(hand, around)
        state = change.seen.state
        assert isinstance(state, State)
        if change.verdict is Verdict.REPLACE:
            return _replace(hand, state, around)
        others = (*state.others, *around.elsewhere)
        down = hand.stops(others)
        up: tuple[Action, ...] = ()
        if change.verdict is Verdict.RESTART:
            down = (*hand.stops((state,)), *down)
            up = (hand.start(want.name),)
        elif change.verdict is Verdict.START:
            up = (hand.unpause(want.name),) if state.status == "paused" else (hand.start(want.name),)
        return Moves(down=down, live=hand.lives(state, around), up=up, commit=hand.removes(others))

    def label(self, desired: Desired, state: State | None) -> str:
        """The image, and before it the container's id once there is one, as the reference has it."""
        return f"{state.id[:12]}@{state.image or desired.image}" if state is not None and state.id else desired.image

    def evidence(self, desired: Desired, state: State | None, around: Around) -> str:
        return "" if state is None or self.is_up(state) else ended(state)


KIND: Final = ContainerKind()


def _settled(desired: Desired, around: Around) -> Desired:
    """Leave out what the image says already, and a limit of processors that the machine cannot exceed."""
    changes: dict[str, Any] = {"cpus": limited(desired.cpus, around.cpus)}
    if around.image is not None:
        base = around.image
        entrypoint, command = stripped(*effective(desired.entrypoint, desired.command, base), base)
        changes |= {
            "entrypoint": entrypoint,
            "command": command,
            "environment": without(desired.environment, base.environment),
            "labels": without(desired.labels, base.labels),
            "user": "" if desired.user == base.user else desired.user,
            "workdir": "" if desired.workdir == base.workdir else desired.workdir,
        }
    return changed(desired, **changes)


def _matched(want: Desired, state: State, around: Around) -> State:
    """The state, so that each field compares with the desired one's.

    The image is the same if, and only if, the reference means the very image that the container was made of. While the
    engine has no image of that name, the name it was made with decides.
    """
    others = (*state.others, *around.elsewhere)
    changes: dict[str, Any] = {
        "cpus": limited(state.cpus, around.cpus),
        "leftovers": tuple(sorted(other.name for other in others)),
        "image": _image(want, state, around),
    }
    if not state.based:
        changes |= {
            "environment": {name: text for name, text in state.environment.items() if name in want.environment},
            "labels": {name: text for name, text in state.labels.items() if name in want.labels},
        }
        changes |= {name: () for name in ("command", "entrypoint") if not getattr(want, name)}
        changes |= {name: "" for name in ("user", "workdir") if not getattr(want, name)}
    return changed(state, **changes)


def _image(want: Desired, state: State, around: Around) -> str:
    if around.image is not None:
        same = around.image.id == state.image_id
    else:
        same = refs.names_id(want.image, state.image_id) or refs.familiar(want.image) == refs.familiar(state.image)
    if same:
        return want.image
    if refs.familiar(want.image) == refs.familiar(state.image):
        return f"{refs.short(state.image_id)}@{state.image}"
    return state.image


class _Hand:
    """Makes the actions of one resource."""

    def __init__(self, want: Desired) -> None:
        self.want = want
        self.whose = {"home": want.name, "service": want.service, "rid": want.rid, "private": want.private}

    def fetch(self, around: Around) -> tuple[Action, ...]:
        """What it takes to have the image."""
        want = self.want
        whose = {**self.whose, "socket": want.socket}
        if around.image is None and want.image_archive:
            return (Load(**whose, ref=want.image, archive=want.image_archive, timeout=want.pull_timeout),)
        if refs.is_id(want.image) or (around.image is not None and refs.names_id(want.image, around.image.id)):
            return ()
        if around.image is None or (want.image_pull_policy == "always" and not want.image_archive):
            kind = PullAgain if want.image_pull_policy == "always" else Pull
            return (kind(**whose, ref=want.image, timeout=want.pull_timeout),)
        return ()

    def create(self, name: str) -> Action:
        return Create(**self.whose, socket=self.want.socket, name=name, desired=self.want)

    def start(self, name: str) -> Action:
        want = self.want
        return Start(**self.whose, socket=want.socket, name=name, timeout=want.start_timeout, stop_timeout=want.stop_timeout)

    def unpause(self, name: str) -> Action:
        return Unpause(**self.whose, socket=self.want.socket, name=name)

    def rename(self, name: str, to: str) -> Action:
        return Rename(**self.whose, socket=self.want.socket, name=name, to=to)

    def stops(self, found: Iterable[Container]) -> tuple[Action, ...]:
        want = self.want
        return tuple(
            Stop(**self.whose, socket=one.socket, name=one.name, timeout=want.stop_timeout, start_timeout=want.start_timeout)
            for one in found
            if one.alive
        )

    def removes(self, found: Iterable[Container]) -> tuple[Action, ...]:
        return tuple(
            Remove(**self.whose, socket=one.socket, name=one.name, used=_writes(one)) for one in found if one.status != "removing"
        )

    def lives(self, state: State, around: Around) -> tuple[Action, ...]:
        """The name, and what a running container takes."""
        want = self.want
        actions: list[Action] = []
        if state.name != want.name:
            actions.append(self.rename(state.name, want.name))
        values: dict[str, Any] = {name: getattr(want, name) for name in _LIVE if getattr(want, name) != getattr(state, name)}
        if state.memory_swap:
            values["memory"] = want.memory
        if values:
            actions.append(Update(**self.whose, socket=want.socket, name=want.name, all_cpus=around.cpus, **values))
        return tuple(actions)


def _create(hand: _Hand, around: Around) -> Moves:
    """What is in the way of the name goes first; what is left elsewhere goes last."""
    want = hand.want
    in_the_way = [one for one in around.elsewhere if one.socket == want.socket and one.name == want.name]
    rest = [one for one in around.elsewhere if one not in in_the_way]
    return Moves(
        prepare=(*hand.removes(in_the_way), *hand.fetch(around), hand.create(want.name)),
        down=hand.stops(rest),
        up=(hand.start(want.name),),
        commit=hand.removes(rest),
    )


def _replace(hand: _Hand, state: State, around: Around) -> Moves:
    """Stop first: two of the same must never share their data. A successor left by an interrupted run goes before all."""
    want = hand.want
    others = (*state.others, *around.elsewhere)
    stale = [one for one in others if one.fresh]
    rest = [one for one in others if not one.fresh]
    taken = {state.name, *(one.name for one in rest)}
    successor, aside = _free(want.name + SUCCESSOR, taken), _free(want.name + PREDECESSOR, taken)
    old = Remove(**hand.whose, socket=want.socket, name=aside, used=_writes(state))
    quiet: tuple[Action, ...] = ()
    if state.restart_policy != "no":
        quiet = (Update(**hand.whose, socket=want.socket, name=state.name, restart_policy="no"),)
    return Moves(
        prepare=(*hand.removes(stale), *hand.fetch(around), hand.create(successor)),
        down=(*hand.stops((state,)), *hand.stops(rest)),
        up=(*quiet, hand.rename(state.name, aside), hand.rename(successor, want.name), hand.start(want.name)),
        commit=(old, *hand.removes(rest)),
    )


def _writes(one: Container) -> bool:
    """Whether a layer of its own may hold something."""
    return not (one.fresh or one.read_only)


def _free(name: str, taken: Collection[str]) -> str:
    if name not in taken:
        return name
    return next(numbered for n in range(2, len(taken) + 3) if (numbered := f"{name}-{n}") not in taken)
