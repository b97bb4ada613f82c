"""Minimality: no sequence of actions brings a small service to its goal with fewer interruptions, or as many and fewer steps."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.action import Effect
from reconciler.core.model import Model
from reconciler.core.observed import Absent, Observed, Present, Unknown
from reconciler.core.ownership import Owned, Ownership
from reconciler.core.plan import Plan
from reconciler.core.planner import make_plan
from reconciler.core.policy import UP, Goal, Policy, Selection
from reconciler.core.policy import Aim as Direction
from reconciler.core.service import Service
from reconciler.resources.registry import kind_of
from tests.plans.golden import NAME, changed, converged
from tests.properties.effort import thorough
from tests.properties.optimum import Aim, Box, Cost, Engine, Mounted, Place, optimum
from tests.properties.worlds import read


@st.composite
def cases(draw: Any) -> tuple[Place, Aim]:
    """A small service somewhere on its way."""
    has = frozenset(name for name in ("root", "shared") if draw(st.booleans()))
    rids = ["container#1", "container#2"][: draw(st.integers(0, 2))]
    uses = frozenset(rid for rid in rids if "shared" in has and draw(st.booleans()))
    up = frozenset(rid for rid in rids if draw(st.integers(0, 5)))
    root = draw(st.sampled_from((Mounted(), Mounted(), Mounted(tuned=False), Mounted(right=False), None)))
    shared = draw(st.sampled_from((Mounted(), Mounted(), Mounted(tuned=False), Mounted(right=False), None)))
    engine = draw(st.sampled_from((Engine(), Engine(), Engine(loaded=False), Engine(args=False), Engine(up=False))))
    if "root" in has and root is None and engine.up:
        engine = Engine(up=True, blind=True)
    boxes = tuple((rid, draw(_boxes(engine, rid in up))) for rid in rids)
    blind = {rid for rid in rids if engine.blind or (rid in uses and shared is None)}
    place = Place(
        root if "root" in has else None,
        shared if "shared" in has else None,
        engine if engine.up else Engine(up=False),
        tuple((rid, frozenset(_blinded(box, rid in blind) for box in found)) for rid, found in boxes),
    )
    return place, Aim(up, has, uses, draw(st.sampled_from((False, False, True))))


@st.composite
def _boxes(draw: Any, engine: Engine, wanted: bool) -> tuple[Box, ...]:
    if draw(st.integers(0, 4)) == 0:
        return ()
    status = draw(st.sampled_from(("running", "running", "down", "paused"))) if engine.up else "down"
    right, tuned = draw(st.sampled_from(((True, True), (True, True), (True, False), (False, True))))
    name = draw(st.sampled_from(("home", "home", "home", "by hand"))) if wanted else "home"
    return (Box(name, status, right, tuned),)


def _blinded(box: Box, blind: bool) -> Box:
    return Box(box.name, box.status, box.right, box.tuned, box.ran, blind and box.status != "down")


# the same case, as osvc sees it


def service_of(aim: Aim, place: Place) -> tuple[Service, Service]:
    """As it was, with the containers that are to go; and as it is wanted."""
    filesystems = {
        "root": ("fs#1", {"dev": "/img/data.ext4", "mnt": "/srv/data", "type": "ext4"}),
        "shared": ("fs#2", {"dev": "/img/shared.ext4", "mnt": "/srv/shared", "type": "ext4"}),
    }
    resources: dict[str, Any] = {rid: words for name, (rid, words) in filesystems.items() if name in aim.has}
    every, wanted = dict(resources), dict(resources)
    for rid, _ in place.boxes:
        words: dict[str, Any] = {"type": "docker", "image": "busybox:1", "command": "sleep 1"}
        if rid in aim.uses:
            words["volume_mounts"] = ["/srv/shared/www:/www"]
        every[rid] = words
        if rid in aim.up or aim.down:
            wanted[rid] = words
    return tuple(read({"docker_data_dir": "/srv/data", "resources": each}) for each in (every, wanted))  # type: ignore[return-value]


def plan_of(place: Place, aim: Aim) -> Plan:
    was, now = service_of(aim, place)
    base, applied = converged(was)
    observed: dict[str, Observed] = dict(base)
    for rid, mounted in (("fs#1", place.root), ("fs#2", place.shared)):
        if rid in base:
            observed[rid] = _mount(base[rid], mounted)
    observed["dockerd"] = _engine(base["dockerd"], place.engine)
    for rid, found in place.boxes:
        seen = _box(base[rid], tuple(found))
        observed[rid] = seen if place.engine.up else Unknown("its engine is not running", "dockerd", seen, "remembered")
    owned = {rid: Owned(was.resources[rid].type, desired, desired) for rid, desired in applied.items()}
    goal = Goal(Direction.DOWN, "alice") if aim.down else UP
    return make_plan(now, NAME, goal, Selection(), observed, Ownership("store", owned), Policy(prune=True), kind_of)


def _mount(seen: Observed, mounted: Mounted | None) -> Observed:
    assert isinstance(seen, Present)
    if mounted is None:
        return Absent(seen.around)
    values: dict[str, Any] = {} if mounted.right else {"dev": "/img/other.ext4"}
    return Present(changed(seen.state, values | ({} if mounted.tuned else {"mnt_opt": ("noexec",)})), seen.around)


def _engine(seen: Observed, engine: Engine) -> Observed:
    assert isinstance(seen, Present)
    if not engine.up:
        return Absent(seen.around)
    values: dict[str, Any] = {"loaded": engine.loaded, "data_root_in_place": not engine.blind}
    if not engine.args:
        values["docker_daemon_args"] = ("--debug-of-old",)
    return Present(changed(seen.state, values), seen.around)


def _box(seen: Observed, found: tuple[Box, ...]) -> Present[Model, Model] | Absent[Model]:
    assert isinstance(seen, Present)
    if not found:
        return Absent(seen.around)
    (box,) = found
    values: dict[str, Any] = {"status": {"down": "exited"}.get(box.status, box.status)}
    values |= {"name": "by-hand"} if box.name == "by hand" else {}
    values |= {} if box.right else {"command": ("sleep", "9")}
    values |= {} if box.tuned else {"memory": 32 << 20}
    return Present(changed(seen.state, values), seen.around)


def cost_of(plan: Plan) -> Cost:
    """An engine's steps in one slot count as one: they belong together, and no machine knows half an engine."""
    steps: set[tuple[object, ...]] = set()
    interrupts: set[tuple[object, ...]] = set()
    for step in plan.steps:
        key = (step.rid, step.slot) if step.rid == "dockerd" else (step.n,)
        steps.add(key)
        if step.action.costs >= Effect.DISRUPTIVE:
            interrupts.add(key)
    return len(interrupts), len(steps)


@thorough(200)
@given(cases())
def test_no_way_is_cheaper_than_the_plan(case: tuple[Place, Aim]) -> None:
    place, aim = case
    plan = plan_of(place, aim)
    assert not plan.open, [(change.rid, change.reason) for change in plan.open]
    mine = cost_of(plan)
    best = optimum(place, aim, (mine[0], mine[1] + 1))
    told = [f"{step.rid} {step.action.says()}" for step in plan.steps]
    assert mine == best, f"the plan costs {mine}, and {best} would do: {told}"
