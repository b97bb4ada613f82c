"""Random services, snapshots, goals and selections: every plan obeys the four laws, whatever comes in."""

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.core.action import Effect
from reconciler.core.change import Verdict, takes
from reconciler.core.common import PLAIN, Common
from reconciler.core.draft import RISES
from reconciler.core.observed import Absent, Present, Unknown
from reconciler.core.ownership import Owned, Ownership
from reconciler.core.policy import Aim, Goal, Policy, Selection
from reconciler.core.simulate import simulate
from reconciler.engine.moving import moving
from reconciler.engine.target import Target
from tests.properties.laws import check_laws
from tests.unit.core.toys import ToyAround, ToyDesired, ToyState, absent, kinds, plan_toys, service, up

RIDS = ("disk#1", "disk#2", "mount#1", "mount#2", "daemon#1", "box#1", "box#2", "box#3", "box#10")


TRIGGERS = Common(pre_start="/a", blocking_post_start="/b", blocking_pre_stop="/c", post_stop="/d")
commons = st.sampled_from(
    (
        *(PLAIN, PLAIN, PLAIN, TRIGGERS, Common(optional=True), Common(standby=True), Common(disable=True)),
        *(Common(tags="noaction"), TRIGGERS.model_copy(update={"optional": True, "standby": True})),
    )
)


@st.composite
def desires(draw, rid, below):
    """A resource that needs only resources named before it, so that there is no circle."""
    needs = draw(st.lists(st.sampled_from(below), max_size=2, unique=True)) if below else []
    return ToyDesired(
        needs=tuple(needs),
        gives=rid,
        live=draw(st.integers(0, 1)),
        restart=draw(st.integers(0, 1)),
        replace=draw(st.integers(0, 1)),
        refuse=draw(st.sampled_from((0, 0, 0, 0, 1))),
        claims=tuple(draw(st.lists(st.sampled_from(("a", "b")), max_size=1))),
    )


@st.composite
def worlds(draw):
    names = [rid for rid in RIDS if draw(st.booleans())] or ["box#1"]
    wanted = {rid: draw(desires(rid, names[:n])) for n, rid in enumerate(names)}
    gone = [rid for rid in RIDS if rid not in names and draw(st.booleans())]
    spec = service(
        {rid: draw(st.sampled_from(("", "a", "b"))) for rid in names},
        ("box:a",),
        {rid: draw(commons) for rid in names},
        **{rid.replace("#", "_"): desired for rid, desired in wanted.items()},
    )
    owned, observed = {}, {}
    for rid in [*names, *gone]:
        desired = wanted.get(rid) or ToyDesired(gives=rid)
        if rid in gone or draw(st.booleans()):
            last = desired.model_copy(update={"live": 0}) if draw(st.booleans()) else desired
            owned[rid] = Owned(rid.split("#")[0], desired, last)
        observed[rid] = draw(sights(names, rid))
    return spec, observed, Ownership("store", owned)


@st.composite
def sights(draw, names, rid):
    present = Present(
        ToyState(
            up=draw(st.booleans()), live=draw(st.integers(0, 1)), replace=draw(st.integers(0, 1)), restart=draw(st.integers(0, 1))
        ),
        ToyAround(),
    )
    around = ToyAround(foreign=draw(st.sampled_from((False, False, False, True))))
    kind = draw(st.sampled_from(("present", "present", "absent", "unknown", "assumed")))
    if kind == "present":
        return present
    if kind == "absent":
        return Absent(around)
    return Unknown(
        "cannot be seen", None, draw(st.sampled_from((present, Absent(around)))) if kind == "assumed" else None, "a guess"
    )


goals = st.sampled_from((Goal(), Goal(Aim.DOWN, "alice")))
selections = st.one_of(
    st.just(Selection()), st.lists(st.sampled_from((*RIDS, "box", "disk")), min_size=1).map(lambda r: Selection(tuple(r)))
)
policies = st.builds(Policy, prune=st.booleans())


@settings(max_examples=300, deadline=None, derandomize=True)
@given(worlds(), goals, selections, policies)
def test_every_plan_obeys_the_laws(world, goal, selection, policy):
    spec, observed, ownership = world
    plan = plan_toys(spec, observed, ownership, goal, selection, policy)
    check_laws(plan, spec, goal, selection, observed, ownership, policy, kinds)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(worlds(), goals, policies)
def test_the_unowned_and_the_unknown_are_never_touched(world, goal, policy):
    spec, observed, ownership = world
    plan = plan_toys(spec, observed, ownership, goal, policy=policy)
    for step in plan.steps:
        seen = observed[step.rid]
        assert not (isinstance(seen, Unknown) and seen.assume is None)
        if step.action.costs >= Effect.DISRUPTIVE:
            assert step.rid in ownership.owned or step.rid.startswith("box"), "only what the store or its labels call ours"
    if not policy.prune:
        assert not [change for change in plan.changes if change.verdict in (Verdict.REMOVE, Verdict.RELEASE)]


@st.composite
def edited(draw):
    """A few that need each other, applied elsewhere than their spec has them now."""
    names = ("disk#1", "mount#1", "box#1", "box#2")
    wanted = {rid: draw(desires(rid, names[:n])) for n, rid in enumerate(names)}
    common = {rid: draw(st.sampled_from((PLAIN, PLAIN, Common(tags="noaction")))) for rid in names}
    spec = service(common=common, **{rid.replace("#", "_"): desired for rid, desired in wanted.items()})
    observed = {rid: absent() if draw(st.booleans()) else up(ToyDesired()) for rid in names}
    was = {rid: one.model_copy(update={"gives": draw(st.sampled_from((rid, "elsewhere")))}) for rid, one in wanted.items()}
    return spec, observed, Ownership("store", {rid: Owned(rid.split("#")[0], one, one) for rid, one in was.items()})


@settings(max_examples=300, deadline=None, derandomize=True)
@given(edited(), selections)
def test_nothing_comes_up_on_what_is_not_there(world, selection):
    """What differs in the end is where it was applied; all else that is up is where its spec has it."""
    spec, observed, ownership = world
    plan = plan_toys(spec, observed, ownership, selection=selection)
    end, given = simulate(plan, observed), set()
    for rid, resource in spec.resources.items():
        if isinstance(end[rid], Present) and end[rid].state.up:
            given.add(resource.desired.gives if end[rid] == up(resource.desired) else ownership.owned[rid].applied.gives)
    for change in plan.changes:
        if change.verdict in RISES:
            assert given.issuperset(change.desired.needs), f"{change.rid} comes up without {set(change.desired.needs) - given}"


@settings(max_examples=300, deadline=None, derandomize=True)
@given(edited(), goals, selections, st.booleans())
def test_what_a_selection_moves_is_told_before_it_is_planned(world, goal, selection, looked):
    spec, observed, ownership = world
    plan = plan_toys(spec, observed, ownership, goal, selection)
    told = moving(Target("toys", spec, goal), ownership, kinds, selection, observed if looked else {})
    assert set(told.certain) <= set(told.possible)
    worked = {change.rid for change in plan.changes if change.added or takes(selection, change) or change.verdict in RISES}
    worked |= {step.rid for step in plan.steps}
    assert worked <= set(told.possible)
    left = {change.rid for change in plan.changes if change.reason == "not selected"}
    as_wanted = {rid for rid, resource in spec.resources.items() if observed[rid] == up(resource.desired)}
    assert not left & set(told.certain) - as_wanted or goal.aim is Aim.DOWN, "what is down already need not go down"


@settings(max_examples=20, deadline=None, derandomize=True)
@given(st.permutations(("box#1", "box#2", "box#10")))
def test_of_several_that_give_the_same_the_planned_one_is_told_whatever_their_order(order):
    boxes = {"box#1": ToyDesired(needs=("d",)), "box#2": ToyDesired(gives="d"), "box#10": ToyDesired(gives="d")}
    spec, observed = service(**{rid.replace("#", "_"): boxes[rid] for rid in order}), dict.fromkeys(order, absent())
    selection = Selection(("box#1",))
    plan = plan_toys(spec, observed, Ownership("store"), selection=selection)
    told = moving(Target("toys", spec), Ownership("store"), kinds, selection, observed)
    assert {step.rid for step in plan.steps} == set(told.certain) == {"box#1", "box#10"}


@settings(max_examples=100, deadline=None, derandomize=True)
@given(worlds(), st.randoms(use_true_random=False))
def test_input_order_never_matters(world, rng):
    spec, observed, ownership = world
    rids = list(spec.resources)
    rng.shuffle(rids)
    turned = service(
        {rid: resource.subset for rid, resource in spec.resources.items()},
        ("box:a",),
        {rid: resource.common for rid, resource in spec.resources.items()},
        **{rid.replace("#", "_"): spec.resources[rid].desired for rid in rids},
    )
    assert plan_toys(spec, observed, ownership).digest == plan_toys(turned, dict(reversed(observed.items())), ownership).digest
