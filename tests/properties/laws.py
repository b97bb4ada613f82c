"""The four laws that every plan obeys (architecture, section 11): goldens and random services go through the same check.

1. The order is legal. 2. The simulated end is as desired. 3. Planning again is empty. 4. Undoing everything leads back.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import replace

from reconciler.core.action import Barrier, Effect, Facet, Slot
from reconciler.core.asked import DESTROY
from reconciler.core.change import Change, Verdict
from reconciler.core.kind import ResourceKind
from reconciler.core.observed import Absent, Observed, Present, assumed
from reconciler.core.ownership import Owned, Ownership
from reconciler.core.plan import Plan, Step
from reconciler.core.planner import ACTS, make_plan
from reconciler.core.policy import Aim, Goal, Policy, Selection
from reconciler.core.service import Service
from reconciler.core.simulate import simulate
from reconciler.core.trigger import Trigger

ROUNDS = 5
"""What waits, and what is planned behind an assumption, is planned again: law 3 holds at the fixpoint of the rounds."""

Kinds = Callable[[str], ResourceKind]


def check_laws(
    plan: Plan,
    service: Service | None,
    goal: Goal,
    selection: Selection,
    observed: Mapping[str, Observed],
    ownership: Ownership,
    policy: Policy,
    kinds: Kinds,
) -> None:
    """Raises AssertionError naming the law that does not hold."""
    check_order(plan)
    check_any_order(plan, observed)
    end, after = simulate(plan, observed), settled_ownership(plan, ownership)
    again = make_plan(service, plan.service, goal, selection, end, after, policy, kinds)
    for _ in range(ROUNDS if plan.deferred or any(step.provisional for step in plan.steps) else 0):
        end, after = simulate(again, end), settled_ownership(again, after)
        again = make_plan(service, plan.service, goal, selection, end, after, policy, kinds)
    open_before = {change.rid for change in plan.open}
    left = [step for step in again.steps if step.rid not in open_before]
    assert not left, f"law 3: planning again is not empty: {[(step.rid, step.action.says()) for step in left]}"
    for change in again.changes:
        if (
            selection.everything
            and goal.aim is not Aim.NONE
            and change.aim is Aim.UP
            and change.rid not in open_before
            and service
            and change.rid in service.resources
            and not change.common.idle
        ):
            seen = end[change.rid]
            assert isinstance(seen, Present), f"law 2: {change.rid} is not there in the end"
            assert kinds(change.type).is_up(seen.state), f"law 2: {change.rid} is not up in the end"
            assert not change.fields, f"law 2: {change.rid} still differs: {change.fields}"
    check_undo(plan, observed)
    check_triggers(plan)
    for change in plan.changes:
        if change.common.idle and service and change.rid in service.resources:
            assert not [step for step in plan.steps if step.rid == change.rid], f"{change.rid} is to be left alone"
    for step in plan.steps:
        asked = plan.change(step.rid).verdict is Verdict.DESTROY and DESTROY in policy.force
        assert asked or step.action.costs < Effect.DESTRUCTIVE, f"step {step.n} destroys data"


def check_order(plan: Plan) -> None:
    place = {step.n: i for i, step in enumerate(plan.steps)}
    ranks: dict[str, list[Slot]] = {}
    for step in plan.steps:
        assert all(place[n] < place[step.n] for n in (*step.after, *step.needs)), f"law 1: step {step.n} before what it waits for"
        ranks.setdefault(step.rid, []).append(step.slot)
    for rid, slots in ranks.items():
        core = [slot for slot in slots if slot is not Slot.PREPARE]
        assert core == sorted(core), f"law 1: the slots of {rid} are out of order: {slots}"


def check_triggers(plan: Plan) -> None:
    """Those of a start stand around all that brings a resource up, those of a stop around all that takes it down; none without."""
    for change in plan.changes:
        for slot, action in ((Slot.DOWN, "stop"), (Slot.UP, "start")):
            steps = [step.action for step in plan.steps if step.rid == change.rid and step.slot is slot]
            ran = [one.keyword for one in steps if isinstance(one, Trigger)]
            before, after = (change.common.triggers(f"{when}_{action}") for when in ("pre", "post"))
            assert not ran or ran == [name for name, _ in (*before, *after)], f"the triggers of {change.rid}: {ran}"
            if ran:
                inner = steps[len(before) : len(steps) - len(after)]
                assert inner and not any(isinstance(one, Trigger) for one in inner), f"{change.rid}: triggers without a move"


def check_any_order(plan: Plan, observed: Mapping[str, Observed], seed: int = 7) -> None:
    """Every legal order of the steps ends alike: the edges, not the numbers, carry the order."""
    want = simulate(plan, observed)
    rng = random.Random(seed)
    for _ in range(3):
        done: set[int] = set()
        order: list[Step] = []
        left = list(plan.steps)
        while left:
            ready = [step for step in left if set(step.after) <= done]
            assert ready, "law 1: the edges form a circle"
            step = rng.choice(ready)
            left.remove(step)
            done.add(step.n)
            order.append(step)
        assert simulate(plan, observed, order) == want, "law 1: another legal order ends differently"


def settled_ownership(plan: Plan, ownership: Ownership) -> Ownership:
    """What the store holds once the plan is done and verified."""
    owned = dict(ownership.owned)
    for change in plan.changes:
        if change.verdict in (Verdict.REMOVE, Verdict.DESTROY, Verdict.RELEASE):
            owned.pop(change.rid, None)
        elif change.verdict in ACTS or change.verdict is Verdict.ADOPT:
            owned[change.rid] = Owned(change.type, change.desired, _applied(change, ownership))
    return replace(ownership, owned=owned)


def _applied(change: Change, ownership: Ownership) -> object:
    if change.verdict is Verdict.STOP and change.rid in ownership.owned:
        return ownership.owned[change.rid].applied
    return change.desired


_FADES = frozenset(
    {
        *("pid", "started", "containerd_pid", "containerd_started"),  # an engine that is started again is another process
        *(
            "exit_code",
            "error",
            "ended_at",
            "out_of_memory",
            "health",
            "restarts",
        ),  # how a container that is started and stopped last ended
        *("protected", "mount_only"),  # whether a loop device is read-only: as its last mount had it
        "doubt",  # an address that is added again is asked for again
        *("stopped", "others", "checked", "idle"),  # how an app was last taken down, and what it had left
        "leftovers",  # filled in by settle, from others
        *("loaded", "disk", "folders", "files", "cgroups", "stale", "mounts", "shims"),  # what an engine's start leaves behind
        *("data_root_in_place", "bridge_there", "bridge_up", "subnet", "rules", "forwarding"),  # what a start mends on its way
    }
)
"""What a step declares not to lead back. Images that were fetched stay, too."""


def check_undo(plan: Plan, observed: Mapping[str, Observed]) -> None:
    """Law 4. What was made for data is a barrier. Commit steps are, too, and come last: undo starts before them. What only repairs
    drift is never undone, and nothing is on the way down."""
    if plan.goal.aim is Aim.DOWN:
        return
    state: dict[str, Observed] = {**assumed(observed), **{c.rid: c.seen for c in plan.changes if c.seen is not None}}
    start = dict(state)
    stack = []
    for step in plan.steps:
        if step.slot is Slot.COMMIT or any(earlier.repair for earlier in plan.steps if earlier.rid == step.rid):
            continue
        before = state[step.rid]
        state[step.rid] = step.action.after(before)
        stack.append((step, before))
    made: set[str] = set()
    for step, before in reversed(stack):
        actions = step.action.undo(before)
        if isinstance(actions, Barrier):
            assert Facet.MADE in step.action.facets, f"law 4: step {step.n} ({step.action.says()}) is a barrier before commit"
            made.add(step.rid)
        for action in () if step.rid in made or isinstance(actions, Barrier) else actions:
            state[step.rid] = action.after(state[step.rid])
    kept = {
        step.rid for step, before in stack if {Facet.VOLUME, Facet.FOLDER} & step.action.facets and not step.action.undo(before)
    }
    kept |= made | {step.rid for step, _ in stack if Facet.HALFWAY in step.action.facets}
    for rid, seen in start.items():
        assert rid in kept or _told(state[rid]) == _told(seen), (
            f"law 4: undoing everything leaves {rid} with {_differs(state[rid], seen)}"
        )


def _told(seen: Observed) -> dict[str, object]:
    """An observation, without what fades."""
    assert isinstance(seen, (Present, Absent))
    state = dict(seen.state) if isinstance(seen, Present) else {}
    if state.get("doubt") == "duplicate":
        state = {}  # an address that another host has is as good as none
    told = {name: value for name, value in state.items() if name not in _FADES}
    if told.get("status") == "restarting":
        told["status"] = "running"  # one that fails again and again is now the one, now the other
    return told | {f"around {name}": value for name, value in seen.around if name != "image"}


def _differs(now: Observed, before: Observed) -> dict[str, tuple[object, object]]:
    mine, theirs = _told(before), _told(now)
    return {name: (mine.get(name), theirs.get(name)) for name in {*mine, *theirs} if mine.get(name) != theirs.get(name)}
