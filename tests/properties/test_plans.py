"""Random services, snapshots, goals and selections: every plan obeys the four laws, whatever comes in."""

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.core.action import Effect
from reconciler.core.change import Verdict
from reconciler.core.common import PLAIN, Common
from reconciler.core.observed import Absent, Present, Unknown
from reconciler.core.ownership import Owned, Ownership
from reconciler.core.policy import Aim, Goal, Policy, Selection
from tests.properties.laws import check_laws
from tests.unit.core.toys import ToyAround, ToyDesired, ToyState, kinds, plan_toys, service

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
