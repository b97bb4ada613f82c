"""Toy resource types: the smallest kinds that exercise every verdict, edge and property of the core."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Annotated, Any

from reconciler.core.action import BARRIER, Action, Barrier, Effect
from reconciler.core.bells import Bell
from reconciler.core.change import Change, Verdict
from reconciler.core.common import PLAIN, Common
from reconciler.core.facts import Bond, Claim, Fact, Kind, Need
from reconciler.core.kind import Moves, Objection, Remark
from reconciler.core.model import Model
from reconciler.core.observed import Absent, Observed, Present, Seen
from reconciler.core.ownership import Owned, Ownership
from reconciler.core.plan import Plan
from reconciler.core.planner import make_plan
from reconciler.core.policy import UP, Goal, Policy, Selection
from reconciler.core.rules import Impact, Rule, subset
from reconciler.core.service import Origin, Resource, Service


class ToyDesired(Model):
    live: Annotated[int, Rule(Impact.LIVE)] = 0
    restart: Annotated[int, Rule(Impact.RESTART)] = 0
    replace: Annotated[int, Rule(Impact.REPLACE)] = 0
    refuse: Annotated[int, Rule(Impact.REFUSE)] = 0
    env: Annotated[dict[str, str], Rule(Impact.REPLACE)] = {}
    options: Annotated[tuple[str, ...], Rule(Impact.LIVE, compare=subset)] = ()
    needs: Annotated[tuple[str, ...], Rule(Impact.NONE)] = ()
    follows: Annotated[tuple[str, ...], Rule(Impact.NONE)] = ()
    gives: Annotated[str, Rule(Impact.NONE)] = ""
    claims: Annotated[tuple[str, ...], Rule(Impact.NONE)] = ()
    gate: Annotated[bool, Rule(Impact.NONE)] = False


class ToyState(Model):
    up: bool = True
    live: int = 0
    restart: int = 0
    replace: int = 0
    refuse: int = 0
    env: dict[str, str] = {}
    options: tuple[str, ...] = ()
    aside: tuple[ToyState, ...] = ()


class ToyAround(Model):
    foreign: bool = False


class Toy(Action):
    op = "toy"
    rid: str = ""

    def says(self) -> str:
        return self.op

    def command(self) -> str:
        return f"toy {self.op}"

    def shown(self, seen: Seen) -> bool:
        return self.after(seen) == seen


class Make(Toy):
    op = "make"
    state: ToyState

    def after(self, seen: Seen) -> Seen:
        aside = (seen.state,) if isinstance(seen, Present) else ()
        return Present(self.state.model_copy(update={"aside": aside}), seen.around)

    def shown(self, seen: Seen) -> bool:
        """Whatever was put aside, and whether it was turned up since."""
        return isinstance(seen, Present) and seen.state.model_copy(update={"aside": (), "up": self.state.up}) == self.state

    def undo(self, before: Seen) -> tuple[Action, ...] | Barrier:
        return (PutBack(was=before.state if isinstance(before, Present) else None),)


class PutBack(Toy):
    op = "put back"
    was: ToyState | None

    def after(self, seen: Seen) -> Seen:
        return Absent(seen.around) if self.was is None else Present(self.was, seen.around)

    def undo(self, before: Seen) -> tuple[Action, ...] | Barrier:
        return BARRIER


class Turn(Toy):
    """Up or down."""

    op = "turn"
    up: bool

    @property
    def costs(self) -> Effect:
        return Effect.SAFE if self.up else Effect.DISRUPTIVE

    def says(self) -> str:
        return "start" if self.up else "stop"

    def after(self, seen: Seen) -> Seen:
        assert isinstance(seen, Present)
        return Present(seen.state.model_copy(update={"up": self.up}), seen.around)

    def shown(self, seen: Seen) -> bool:
        return isinstance(seen, Present) and seen.state.up == self.up

    def undo(self, before: Seen) -> tuple[Action, ...] | Barrier:
        assert isinstance(before, Present)
        return (Turn(up=before.state.up),)


class Tune(Toy):
    op = "tune"
    values: dict[str, Any]

    def after(self, seen: Seen) -> Seen:
        assert isinstance(seen, Present)
        return Present(seen.state.model_copy(update=self.values), seen.around)

    def shown(self, seen: Seen) -> bool:
        return isinstance(seen, Present) and super().shown(seen)

    def undo(self, before: Seen) -> tuple[Action, ...] | Barrier:
        assert isinstance(before, Present)
        return (Tune(values={name: getattr(before.state, name) for name in self.values}),)


class Drop(Toy):
    """Commit: forget what was put aside."""

    op = "drop"
    effect = Effect.DISRUPTIVE
    all: bool = False

    def after(self, seen: Seen) -> Seen:
        if self.all:
            return Absent(seen.around)
        assert isinstance(seen, Present)
        return Present(seen.state.model_copy(update={"aside": ()}), seen.around)

    def shown(self, seen: Seen) -> bool:
        return isinstance(seen, Absent) if self.all else isinstance(seen, Present) and super().shown(seen)

    def undo(self, before: Seen) -> tuple[Action, ...] | Barrier:
        return BARRIER


class ToyKind:
    desired = ToyDesired
    state = ToyState
    around = ToyAround

    def __init__(self, name: str, rank: int, *, releases: bool = True, ours: bool = False) -> None:
        self.name, self.rank, self._releases, self._ours = name, rank, releases, ours

    def implied(self, keywords: Any, types: Any) -> bool:
        return False

    def settle(self, desired: ToyDesired, state: ToyState | None, around: ToyAround) -> tuple[ToyDesired, ToyState | None]:
        return desired, state

    def is_up(self, state: ToyState) -> bool:
        return state.up

    def holds(self, state: ToyState) -> bool:
        return state.up

    def manages(self, desired: ToyDesired) -> bool:
        return True

    def ours(self, state: ToyState) -> bool:
        return self._ours

    def objection(self, desired: ToyDesired, state: ToyState | None, around: ToyAround) -> Objection | None:
        return Objection("somebody else has it", "ask them") if around.foreign else None

    def obstacle(self, state: ToyState) -> Objection | None:
        return None

    def needs(self, desired: ToyDesired) -> list[Need]:
        held = [Need(Fact(Kind.DEVICE, key), Bond.HOLD) for key in desired.needs]
        return held + [Need(Fact(Kind.DEVICE, key), Bond.ORDER) for key in desired.follows]

    def provides(self, desired: ToyDesired) -> list[Fact]:
        return [Fact(Kind.DEVICE, desired.gives)] if desired.gives else []

    def reads(self, desired):
        return ()

    def claims(self, desired: ToyDesired) -> list[Claim]:
        return [Claim("toy", key, key) for key in desired.claims]

    def releases(self, desired: ToyDesired, change: Change) -> bool:
        return self._releases or change.verdict not in (Verdict.RESTART, Verdict.START)

    def sequence(self, desired: ToyDesired) -> tuple[Any, ...]:
        return ()

    def label(self, desired: ToyDesired, state: ToyState | None) -> str:
        return self.name

    def gates(self, desired: ToyDesired) -> bool:
        return desired.gate

    def remark(self, desired: ToyDesired, state: ToyState, now: datetime | None) -> Remark | None:
        return None

    def bells(self, desired: ToyDesired, state: ToyState | None) -> list[Bell]:
        return []

    def evidence(self, desired: ToyDesired, state: ToyState | None, around: ToyAround) -> str:
        return ""

    def moves(self, change: Change) -> Moves:
        assert isinstance(change.desired, ToyDesired)
        want = change.desired
        have = change.seen.state if isinstance(change.seen, Present) else None
        assert have is None or isinstance(have, ToyState)
        values = want.model_dump(include={"live", "restart", "replace", "refuse", "env", "options"})
        tuned = {field.path.split(".")[0] for field in change.fields}
        tune = (Tune(values={name: values[name] for name in tuned}),) if tuned else ()
        stop = (Turn(up=False),) if have is not None and have.up else ()
        match change.verdict:
            case Verdict.CREATE:
                return Moves(prepare=(Make(state=ToyState(up=False, **values)),), up=(Turn(up=True),))
            case Verdict.START:
                return Moves(live=tune, up=(Turn(up=True),))
            case Verdict.LIVE:
                return Moves(live=tune)
            case Verdict.RESTART:
                return Moves(down=stop, live=tune, up=(Turn(up=True),))
            case Verdict.REPLACE:
                return Moves(down=stop, up=(Make(state=ToyState(up=False, **values)), Turn(up=True)), commit=(Drop(),))
            case Verdict.STOP:
                return Moves(down=stop)
            case Verdict.REMOVE:
                return Moves(down=stop, commit=(Drop(all=True),) if isinstance(change.seen, Present) else ())
        return Moves()


TOYS = {
    kind.name: kind
    for kind in (ToyKind("disk", 20), ToyKind("mount", 30), ToyKind("daemon", 40, releases=False), ToyKind("box", 50, ours=True))
}


def kinds(name: str) -> ToyKind:
    return TOYS[name]


def service(
    subset: dict[str, str] | None = None,
    parallel: tuple[str, ...] = (),
    common: dict[str, Common] | None = None,
    **resources: ToyDesired,
) -> Service:
    """A service named toys; a resource is written `box_1=ToyDesired(...)`, its rid is `box#1`."""
    found = {}
    for name, desired in resources.items():
        rid = name.replace("_", "#")
        type_name = rid.split("#")[0]
        beside = (common or {}).get(rid, PLAIN)
        found[rid] = Resource(rid, type_name, desired, Origin("toys.yaml"), subset=(subset or {}).get(rid, ""), common=beside)
    return Service("toys", Origin("toys.yaml"), found, parallel=frozenset(parallel))


def up(desired: ToyDesired, **changes: Any) -> Observed:
    values = desired.model_dump(include={"live", "restart", "replace", "refuse", "env", "options"})
    return Present(ToyState(**{**values, **changes}), ToyAround())


def absent() -> Observed:
    return Absent(ToyAround())


def owned(spec: Service | None, **applied: ToyDesired) -> Ownership:
    """Everything in the spec as last applied, but for what is said otherwise."""
    records = {rid: resource.desired for rid, resource in (spec.resources.items() if spec else ())}
    records.update({name.replace("_", "#"): desired for name, desired in applied.items()})
    return Ownership("store", {rid: Owned(rid.split("#")[0], desired, desired) for rid, desired in records.items()})


def plan_toys(
    spec: Service | None,
    observed: dict[str, Observed],
    ownership: Ownership | None = None,
    goal: Goal = UP,
    selection: Selection | None = None,
    policy: Policy | None = None,
    spared: Mapping[str, str] = MappingProxyType({}),
) -> Plan:
    everything = Selection()
    return make_plan(
        spec, "toys", goal, selection or everything, observed, ownership or Ownership("store"), policy or Policy(), kinds, spared
    )


def line(plan: Plan) -> list[str]:
    """The plan's steps, a word each: `rid slot says`, in order."""
    return [f"{step.rid} {step.slot.name.lower()} {step.action.says()}" for step in plan.steps]
