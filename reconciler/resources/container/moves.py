"""Container: which actions a change takes. Pure."""

from collections.abc import Collection, Iterable
from typing import Any, Final

from reconciler.core.action import Action
from reconciler.core.change import Change, Verdict
from reconciler.core.kind import Moves
from reconciler.core.observed import Present
from reconciler.core.rules import Impact, rules_of
from reconciler.resources.container import refs
from reconciler.resources.container.actions import Bury, Create, Remove, Rename, Retire, Start, Stop, Unpause, Update
from reconciler.resources.container.forms import PREDECESSOR, SUCCESSOR
from reconciler.resources.container.halfway import Discard, Prove, Resume
from reconciler.resources.container.image_actions import Load, Pull, PullAgain
from reconciler.resources.container.model import Around, Container, Desired, State, pieces
from reconciler.resources.container.mounts import parse_mount, parse_tmpfs, volumes_of
from reconciler.resources.container.normal import made_as
from reconciler.resources.container.published_moves import led
from reconciler.resources.container.settings import Settings

_LIVE: Final = {name: rule for name, rule in rules_of(Settings).items() if rule.impact is Impact.LIVE}
"""What a running container takes."""


def moves_of(change: Change) -> Moves:
    """The actions for this change's verdict, with those that lead clients to the container."""
    return led(change, _moves_of(change))


def _moves_of(change: Change) -> Moves:
    want = change.desired
    assert isinstance(want, Desired)
    assert change.seen is not None
    around = change.seen.around
    assert isinstance(around, Around)
    last = change.last
    hand = _Hand(want, last if isinstance(last, Desired) else want)
    if change.verdict in (Verdict.STOP, Verdict.REMOVE):
        every = pieces(change.seen)
        return Moves(
            down=hand.stops(every),
            commit=hand.removes(every) if change.verdict is Verdict.REMOVE or want.rm else (),
        )
    if not isinstance(change.seen, Present):
        return _create(hand, around)
    state = change.seen.state
    assert isinstance(state, State)
    resume = hand.resume(state, around, replaced=change.verdict is Verdict.REPLACE)
    if change.verdict is Verdict.REPLACE:
        moves = _replace(hand, state, around)
        return moves._replace(prepare=(*resume, *moves.prepare)) if resume else moves
    others = (*state.others, *around.elsewhere)
    moves = Moves(prepare=resume, down=hand.clears(others), live=hand.lives(state, around), commit=hand.removes(others))
    if change.verdict is Verdict.LIVE:
        return moves._replace(up=hand.proofs() if resume else ())
    if change.verdict is Verdict.START and state.status == "paused":
        return moves._replace(up=(hand.unpause(want.name),))
    begun = (hand.start(want.name),)
    moves = moves._replace(commit=(*hand.proofs(by_policy=True), *moves.commit))
    if state.lost:
        return moves._replace(up=(hand.bury(state.name), *begun))
    if change.verdict is Verdict.RESTART:
        return moves._replace(down=(*hand.stops((state,)), *moves.down), up=begun)
    return moves._replace(up=begun)


class _Hand:
    """Makes the actions of one resource. last: what it was last applied by: what runs by it has its times from there. whose: what
    all of them say. here: those on the engine that it is to be on."""

    def __init__(self, want: Desired, last: Desired) -> None:
        self.want, self.last = want, last
        self.whose = {"home": want.name, "service": want.service, "rid": want.rid, "private": want.private}
        self.here = {**self.whose, "socket": want.socket}

    def fetch(self, around: Around) -> tuple[Action, ...]:
        """What it takes to have the image."""
        want = self.want
        if want.image_pull_policy == "never" and not want.image_archive:
            return ()
        if around.image is None and want.image_archive:
            return (Load(**self.here, ref=want.image, archive=want.image_archive, timeout=want.pull_timeout),)
        if refs.is_id(want.image) or (around.image is not None and refs.names_id(want.image, around.image.id)):
            return ()
        again = want.image_pull_policy == "always" and not want.image_archive
        if around.image is not None and not refs.on_platform(want.platform, around.image.platform):
            again = True
        if around.image is not None and not again:
            return ()
        kind = PullAgain if again or want.image_pull_policy == "always" else Pull
        words = {"ref": want.image, "timeout": want.pull_timeout, "platform": want.platform, "credentials": want.registry_creds}
        words["digest"] = "" if want.platform else around.remote
        return (kind(**self.here, **words),)

    def create(self, name: str, around: Around, carried: tuple[str, ...] = ()) -> Action:
        want = self.want
        return Create(**self.here, name=name, desired=want, store=around.store, carried=carried)

    def start(self, name: str) -> Action:
        want = self.want
        times = {"timeout": want.start_timeout, "stop_timeout": want.stop_timeout}
        return Start(**self.here, name=name, **times, detach=want.detach)

    def unpause(self, name: str) -> Action:
        return Unpause(**self.here, name=name)

    def proofs(self, *, by_policy: bool = False) -> tuple[Action, ...]:
        """What shows that it stays up. by_policy: only where its restart policy would hide that it does not."""
        want = self.want
        if not want.detach or (by_policy and want.restart_policy == "no"):
            return ()
        return (Prove(**self.here, name=want.name, timeout=want.start_timeout),)

    def resume(self, state: State, around: Around, *, replaced: bool) -> tuple[Action, ...]:
        """Where a replacement was cut short, and the old container is down: what brings that one back, if it fails again."""
        if not state.others and not around.elsewhere:
            return ()
        want, last = self.want, self.last
        found = [one for one in (state, *state.others, *around.elsewhere) if one.socket == want.socket]
        asides = [one for one in found[1:] if one.name.startswith(want.name + PREDECESSOR)]
        if not asides and replaced and any(one.name.startswith(want.name + SUCCESSOR) for one in found[1:]):
            asides = found[:1]
        old = next((one for one in asides if not one.fresh), None)
        if old is None or old.alive:
            return ()
        return (
            Resume(
                **self.whose,
                socket=want.socket,
                predecessor=old.name,
                aside=_free(want.name + SUCCESSOR, {one.name for one in found}),
                timeout=last.start_timeout,
                stop_timeout=last.stop_timeout,
                policy=last.restart_policy,
                detach=last.detach,
                new_timeout=want.stop_timeout,
            ),
        )

    def bury(self, name: str) -> Action:
        return Bury(**self.here, name=name, **self._times)

    def retire(self, name: str) -> Action:
        return Retire(**self.here, name=name, **self._times)

    @property
    def _times(self) -> dict[str, float]:
        """For a stop of what runs already, and for the start that undoes it."""
        return {"timeout": self.last.stop_timeout, "start_timeout": self.last.start_timeout}

    def rename(self, name: str, to: str) -> Action:
        return Rename(**self.here, name=name, to=to)

    def stops(self, found: Iterable[Container]) -> tuple[Action, ...]:
        return tuple(Stop(**self.whose, socket=one.socket, name=one.name, **self._times) for one in found if one.alive)

    def clears(self, others: Iterable[Container]) -> tuple[Action, ...]:
        """The stops of what else carries the resource's labels."""
        return tuple(
            (Discard if one.name.startswith(self.want.name + SUCCESSOR) else Stop)(
                **self.whose, socket=one.socket, name=one.name, **self._times
            )
            for one in others
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
        values: dict[str, Any] = {
            name: getattr(want, name) for name, rule in _LIVE.items() if not rule.compare(getattr(want, name), getattr(state, name))
        }
        if "memory" in values or "memory_swap" in values:
            values |= {"memory": want.memory, "memory_swap": want.memory_swap}
        if values:
            actions.append(Update(**self.here, name=want.name, all_cpus=around.cpus, values=values))
        return tuple(actions)


def _create(hand: _Hand, around: Around) -> Moves:
    """What is in the way of the name goes first; what is left elsewhere goes last."""
    want = hand.want
    in_the_way = [one for one in around.elsewhere if one.socket == want.socket and one.name == want.name]
    rest = [one for one in around.elsewhere if one not in in_the_way]
    return Moves(
        prepare=(*hand.removes(in_the_way), *hand.fetch(around), hand.create(want.name, around)),
        down=hand.clears(rest),
        up=(hand.start(want.name),),
        commit=(*hand.proofs(by_policy=True), *hand.removes(rest)),
    )


def _replace(hand: _Hand, state: State, around: Around) -> Moves:
    """Stop first: two of the same must never share their data. Or start first, where they share nothing. A successor left by an
    interrupted run goes before all."""
    want, carried = hand.want, _carried(hand.want, state, around)
    others = (*state.others, *around.elsewhere)
    stale = [one for one in others if one.fresh]
    rest = [one for one in others if not one.fresh]
    taken = {state.name, *(one.name for one in rest)}
    successor, aside = _free(want.name + SUCCESSOR, taken), _free(want.name + PREDECESSOR, taken)
    old = Remove(**hand.here, name=aside, used=_writes(state))
    quiet: tuple[Action, ...] = ()
    if state.restart_policy != "no":
        quiet = (Update(**hand.here, name=state.name, values={"restart_policy": "no"}),)
    if want.replace == "start-first" and (running := _successor(want, rest, around)) is not None:
        left = [one for one in rest if one is not running]
        return Moves(
            prepare=hand.removes(stale),
            down=hand.clears(left),
            up=(*_retired(hand, state, quiet), hand.rename(state.name, aside), hand.rename(running.name, want.name)),
            commit=(*hand.proofs(), old, *hand.removes(left)),
        )
    prepare = (*hand.removes(stale), *hand.fetch(around), hand.create(successor, around, carried))
    if want.replace == "start-first" and state.alive and not state.lost and not carried:
        return Moves(
            prepare=prepare,
            down=hand.clears(rest),
            up=(
                hand.start(successor),
                *_retired(hand, state, quiet),
                hand.rename(state.name, aside),
                hand.rename(successor, want.name),
            ),
            commit=(*hand.proofs(by_policy=True), old, *hand.removes(rest)),
        )
    return Moves(
        prepare=prepare,
        down=(*hand.stops((state,)), *hand.clears(rest)),
        up=(*quiet, hand.rename(state.name, aside), hand.rename(successor, want.name), hand.start(want.name)),
        commit=(*hand.proofs(by_policy=True), old, *hand.removes(rest)),
    )


def _retired(hand: _Hand, state: State, quiet: tuple[Action, ...]) -> tuple[Action, ...]:
    return (*quiet, hand.retire(state.name)) if state.alive else quiet


def _successor(want: Desired, found: Iterable[Container], around: Around) -> Container | None:
    """One that an interrupted run has started already to take the place of the old one, and that is as wanted. None where a health
    check would have to be waited for: then it is started anew."""
    image = around.image
    if image is None or around.moved or want.health_cmd or "health_cmd" in image.settings:
        return None
    for one in found:
        by_name = one.name.startswith(want.name + SUCCESSOR) and one.status == "running" and one.socket == want.socket
        if by_name and one.image_id == image.id and made_as(want, one):
            return one
    return None


def _carried(want: Desired, state: State, around: Around) -> tuple[str, ...]:
    """The volumes without a name that the new container takes over: where it would get new ones, by its spec or its image."""
    if not state.anonymous:
        return ()
    volumes = volumes_of(want.volume_mounts)
    named = {volume.target for volume in volumes if volume.source}
    named |= {parse_mount(text)["Target"] for text in want.mounts} | {parse_tmpfs(text)[0] for text in want.tmpfs}
    mine = {text: text.partition(":")[2] for text in state.anonymous}
    if (
        around.image is None or around.moved or want.image_pull_policy == "always"
    ):  # which image it will be is known when it is there
        return tuple(text for text, target in mine.items() if target not in named)
    nameless = {volume.target for volume in volumes if not volume.source} | set(around.image.volumes)
    return tuple(text for text, target in mine.items() if target in nameless - named)


def _writes(one: Container) -> bool:
    """Whether a layer of its own may hold something."""
    return not (one.fresh or one.read_only)


def _free(name: str, taken: Collection[str]) -> str:
    if name not in taken:
        return name
    return next(numbered for n in range(2, len(taken) + 3) if (numbered := f"{name}-{n}") not in taken)
