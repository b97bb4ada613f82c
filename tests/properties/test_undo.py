"""Random services, edits and failures: what a run says it rolled back is as it was, and what it could not is told."""

import shutil

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.core.observed import Absent
from reconciler.core.outcome import End, Status
from reconciler.host.errors import Permanent
from tests.properties.test_plans import RIDS, desires
from tests.unit.core.toys import service
from tests.unit.engine.bench import Bench, World


class Failing(World):
    """The k-th action from now on fails: instead of being done, or although it is; and those of `later` as well."""

    fatal: int = 0
    after: bool = False
    later: tuple[int, ...] = ()
    count: int = 0

    def perform(self, id, action, host, say):
        self.count += 1
        fails = self.fatal and (self.count == self.fatal or self.count - self.fatal in self.later)
        if not fails or self.after:
            super().perform(id, action, host, say)
        if fails:
            raise Permanent(f"action {self.count} fails")

    def arm(self, fatal, after, later=()):
        self.fatal, self.after, self.later, self.count = fatal, after, later, 0


@st.composite
def specs(draw, names):
    wanted = {rid: draw(desires(rid, names[:n])) for n, rid in enumerate(names)}
    wanted = {rid: desired.model_copy(update={"refuse": 0, "claims": ()}) for rid, desired in wanted.items()}
    return service(
        {rid: draw(st.sampled_from(("", "a", "b"))) for rid in names},
        ("box:a",),
        **{r.replace("#", "_"): d for r, d in wanted.items()},
    )


@st.composite
def edits(draw):
    """Two specs over the same resources, some of which come or stay away."""
    names = [rid for rid in RIDS if draw(st.booleans())] or ["box#1"]
    return draw(specs(names)), draw(specs([rid for rid in names if draw(st.integers(0, 3))] or names))


def led_to(specs, fatal, after, later=(), whole=True):
    """A bench on which the first spec runs, and what the second came to when an action failed; then what all is like."""
    first, second = specs
    bench = Bench(Failing(), workers=1)
    try:
        assert bench.converge(first).end is End.CONVERGED
        before = dict(bench.world.things)
        owned = {rid: (item.wanted, item.applied) for rid, item in bench.owned.items()}
        bench.world.arm(fatal, after, later)
        result = bench.converge(second, whole_undo=whole)
        things, held = dict(bench.world.things), {rid: (item.wanted, item.applied) for rid, item in bench.owned.items()}
        bench.world.arm(0, False)
        return before, owned, result, things, held, bench.converge(second)
    finally:
        shutil.rmtree(bench.folder)


def down_for_good(result):
    return [outcome for outcome in result.outcomes if outcome.step.repair and outcome.happened]


@settings(max_examples=40, deadline=None, derandomize=True)
@given(edits(), st.integers(1, 12), st.booleans())
def test_what_is_rolled_back_is_as_it_was_and_the_next_run_converges(specs, fatal, after):
    before, owned, result, things, held, again = led_to(specs, fatal, after)
    if result.end is End.ROLLED_BACK and not down_for_good(result):
        present = {rid: seen for rid, seen in things.items() if rid in before or not isinstance(seen, Absent)}
        assert present == before
        assert held == owned
    assert again.end is End.CONVERGED, again.message


@settings(max_examples=40, deadline=None, derandomize=True)
@given(edits(), st.integers(1, 12), st.booleans(), st.lists(st.integers(1, 6), min_size=1, max_size=2, unique=True))
def test_an_undoing_that_fails_tells_all_that_stands_and_the_next_run_converges(specs, fatal, after, later):
    *_, result, _, _, again = led_to(specs, fatal, after, tuple(later))
    stands = {outcome.step.n for outcome in result.outcomes if outcome.status is Status.DONE and not outcome.step.repair}
    if result.end in (End.FAILED, End.ROLLED_BACK):
        assert stands <= {left.step.n for left in result.left}
        assert result.undone is not bool(result.left)
    assert again.end is End.CONVERGED, again.message
