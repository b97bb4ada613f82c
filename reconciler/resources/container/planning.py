"""The pure half of the type: what a container needs and claims, and how it is compared. Which actions a change takes is in
moves.py, imported when one is made."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from reconciler.core.bells import Bell, Source
from reconciler.core.change import Change
from reconciler.core.facts import Bond, Claim, Fact, Kind, Need, within
from reconciler.core.ids import short
from reconciler.core.kind import Moves, Objection, PlainKind, Remark
from reconciler.core.model import changed
from reconciler.resources.container import refs
from reconciler.resources.container.ends import ended
from reconciler.resources.container.health import NO_CHECK
from reconciler.resources.container.model import Around, Desired, State, on_network
from reconciler.resources.container.mounts import binds_in, named_in
from reconciler.resources.container.normal import OF_IMAGES, beyond, effective, limited, stripped, unasked, without
from reconciler.resources.container.ports import ports_of
from reconciler.resources.container.published import rules_for


class ContainerKind(PlainKind):
    name = "container"
    rank = 50
    desired = Desired
    state = State
    around = Around

    def settle(self, desired: Desired, state: State | None, around: Around) -> tuple[Desired, State | None]:
        want = _settled(desired, state, around)
        return want, None if state is None else _matched(want, state, around)

    def is_up(self, state: State) -> bool:
        if state.ends:
            return state.status == "exited" and not state.exit_code
        return state.status in ("running", "restarting") and not state.lost

    def holds(self, state: State) -> bool:
        return state.alive

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

    def needs(self, desired: Desired) -> Sequence[Need]:
        return _needs(desired.socket, desired.network, desired.volume_mounts, desired.mounts, desired.ports)

    def claims(self, desired: Desired) -> Sequence[Claim]:
        return _claims(desired.name, desired.socket, desired.ports)

    def gates(self, desired: Desired) -> bool:
        """A job, and one with a health check: somebody said how it is seen to be well."""
        return not desired.detach or desired.health_cmd not in ("", NO_CHECK)

    def moves(self, change: Change) -> Moves:
        from reconciler.resources.container.moves import moves_of

        return moves_of(change)

    def label(self, desired: Desired, state: State | None) -> str:
        """The image, and before it the container's id once there is one, as the reference has it."""
        return f"{state.id[:12]}@{state.image or desired.image}" if state is not None and state.id else desired.image

    def evidence(self, desired: Desired, state: State | None, around: Around) -> str:
        return "" if state is None or self.is_up(state) else ended(state)

    def remark(self, desired: Desired, state: State, now: datetime | None) -> Remark | None:
        if now is None and not state.restarts:
            return None
        from reconciler.resources.container.runs import remark_on

        return remark_on(desired, state, now)

    def bells(self, desired: Desired, state: State | None) -> Sequence[Bell]:
        """By its name, which others may take, and by its id, by which others may rename it, or take it off a network."""
        named = [(desired.socket, desired.name)]
        named += [(state.socket, name) for name in (state.name, state.id) if name] if state is not None else []
        return [Bell(Source.ENGINE, socket, f"container {name}") for socket, name in dict.fromkeys(named)]


KIND: Final = ContainerKind()


@lru_cache(maxsize=1 << 14)
def _needs(
    socket: str, network: str, volume_mounts: tuple[str, ...], mounts: tuple[str, ...], ports: tuple[str, ...]
) -> tuple[Need, ...]:
    """It is published on the addresses of its ports: they are there first. It does not lose them when they go and come back."""
    facts = [Fact(Kind.ENGINE, socket)]
    facts += [Fact(Kind.NETWORK, within(socket, network))] if on_network(network) else []
    facts += [Fact(Kind.PATH, path) for path in binds_in(volume_mounts, mounts)]
    named = [Fact(Kind.VOLUME, within(socket, name)) for name in named_in(volume_mounts, mounts)]
    named += [Fact(Kind.ADDRESS, address) for address in dict.fromkeys(port.address for port in ports_of(ports)) if address]
    return (*(Need(fact) for fact in facts), *(Need(fact, Bond.ORDER) for fact in named))


@lru_cache(maxsize=1 << 14)
def _claims(name: str, socket: str, ports: tuple[str, ...]) -> tuple[Claim, ...]:
    return (
        Claim("container name", name, f"container name {name}", socket),
        *(Claim("port", port.key, f"port {port.key}") for port in ports_of(ports) if port.host),
    )


_BROUGHT: Final[tuple[tuple[str, str, Callable[[Any, Any], Any]], ...]] = (
    ("environment", "environment", without),
    ("labels", "labels", without),
    ("volume_mounts", "volumes", beyond),
    ("expose", "expose", beyond),
)
"""Keyword, the fact of an image that says the same, and what leaves that out of the keyword's value."""


def _settled(desired: Desired, state: State | None, around: Around) -> Desired:
    """Leave out what the image says already, and a limit of processors that the machine cannot exceed. Its firewall rules follow
    from what is published."""
    unsure = state is not None and state.bound is None and state.alive  # between two runs an engine does not say what it publishes
    rules = around.rules if unsure else rules_for(desired, state)
    changes: dict[str, Any] = {"cpus": limited(desired.cpus, around.cpus), "rules": rules}
    if around.image is not None:
        base = around.image
        changes["entrypoint"], changes["command"] = stripped(*effective(desired.entrypoint, desired.command, base), base)
        for keyword, fact, less in _BROUGHT:
            if brought := getattr(base, fact):
                changes[keyword] = less(getattr(desired, keyword), brought)
        changes |= {
            keyword: OF_IMAGES[keyword]
            for keyword, value in base.settings.items()
            if keyword in OF_IMAGES and getattr(desired, keyword) == value
        }
    if desired.expose and desired.ports:
        published = {port.inside for port in ports_of(desired.ports)}
        changes["expose"] = tuple(port for port in changes.get("expose", desired.expose) if port not in published)
    return changed(desired, **changes)


def _matched(want: Desired, state: State, around: Around) -> State:
    """The state, so that each field compares with the desired one's.

    The image is the same if, and only if, the reference means the very image that the container was made of. While the
    engine has no image of that name, the name it was made with decides.
    """
    others = (*state.others, *around.elsewhere)
    changes: dict[str, Any] = {
        "cpus": limited(state.cpus, around.cpus),
        "leftovers": tuple(sorted([other.name for other in others])) if others else (),
        "image": _image(want, state, around),
        "ends": not want.detach,
        "rules": around.rules,
    }
    if not state.based:
        changes |= {
            "environment": {name: text for name, text in state.environment.items() if name in want.environment},
            "labels": {name: text for name, text in state.labels.items() if name in want.labels},
        }
        changes |= {name: () for name in ("command", "entrypoint", "expose") if not getattr(want, name)}
        changes["volume_mounts"] = tuple(text for text in state.volume_mounts if text in want.volume_mounts or ":" in text)
    return changed(state, **changes | unasked(want, state))


def _image(want: Desired, state: State, around: Around) -> str:
    if around.image is not None:
        same = around.image.id == state.image_id and not around.moved
    else:
        same = refs.names_id(want.image, state.image_id) or refs.familiar(want.image) == refs.familiar(state.image)
    if same:
        return want.image
    if refs.familiar(want.image) == refs.familiar(state.image):
        return f"{short(state.image_id)}@{state.image}"
    return state.image
