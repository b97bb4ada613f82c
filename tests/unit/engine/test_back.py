"""What a service was before a run: secrets, what is kept and for how long, runs of toys that die."""

from datetime import UTC, datetime

import pytest

from reconciler.core.common import Common
from reconciler.core.outcome import End
from reconciler.core.policy import Policy, Selection
from reconciler.engine.back import service_before, way_back
from reconciler.engine.errors import Refused
from tests.unit.core.toys import ToyDesired, ToyKind, kinds, service, up

LATER = datetime(2036, 1, 1, tzinfo=UTC)


def newest(bench):
    return bench.store.runs(limit=1)[0]


def before(bench, spec=None):
    """rid -> the desired state that an undo of the newest run plans towards."""
    back = way_back(bench.store, newest(bench))
    found = service_before(bench.store, back, spec, kinds)
    return {rid: resource.desired for rid, resource in found.resources.items()} if found else {}


def test_the_rest_is_as_it_stands_now(bench):
    bench.converge(service(box_1=ToyDesired(live=1), box_2=ToyDesired(live=1), disk_1=ToyDesired()))
    bench.converge(
        service(box_1=ToyDesired(live=2), box_2=ToyDesired(live=3), disk_1=ToyDesired()), selection=Selection(("box#1",))
    )
    assert before(bench) == {"box#1": ToyDesired(live=1), "box#2": ToyDesired(live=1), "disk#1": ToyDesired()}
    assert way_back(bench.store, newest(bench)).rids == ("box#1",)


def test_only_what_a_run_changes_is_kept(bench):
    many = {f"box_{n}": ToyDesired(live=1) for n in range(1, 40)}
    bench.converge(service(**many))
    bench.converge(service(**many | {"box_7": ToyDesired(live=2)}))
    kept = bench.store.before(newest(bench).id)
    assert kept is not None and kept.goal is None and list(kept.stood) == ["box#7"]


def test_what_changes_without_a_step_is_kept_as_well(bench):
    bench.converge(service(box_1=ToyDesired(live=1), box_2=ToyDesired()))
    bench.converge(service(box_1=ToyDesired(live=2), box_2=ToyDesired(gives="x")))
    assert before(bench) == {"box#1": ToyDesired(live=1), "box#2": ToyDesired()}


def test_a_secret_is_kept_as_a_mark_and_known_again_from_whoever_has_it(bench):
    old = ToyDesired(env={"PASSWORD": "hunter2", "LANG": "C"})
    bench.converge(service(box_1=old))
    bench.converge(service(box_1=ToyDesired(env={"PASSWORD": "hunter2", "LANG": "de"})))
    kept = bench.store.before(newest(bench).id)
    assert kept is not None and "hunter2" not in str(kept.stood) and '"LANG": "C"' in str(kept.stood)
    assert before(bench)["box#1"].env["PASSWORD"].startswith("hmac:")
    assert before(bench, service(box_1=ToyDesired(env={"PASSWORD": "hunter2"})))["box#1"] == old
    assert before(bench, service(box_1=ToyDesired(env={"PASSWORD": "other"})))["box#1"].env["PASSWORD"].startswith("hmac:")


def test_what_turns_out_to_need_a_secret_that_nobody_has_is_not_made(bench):
    """In the first plan it was not seen to be gone; in a later round of the same undo it is."""
    marked = service(box_1=ToyDesired(env={"PASSWORD": "hmac:" + "0" * 40}))
    result = bench.converge(marked, undoes="20260101T000000-abcdef")
    assert result.end is End.REFUSED and result.message.startswith("box#1: secrets of then are not kept")
    assert bench.world.tried == []
    assert bench.converge(marked).end is End.CONVERGED


def test_the_same_secret_after_it_was_read_back_is_no_change(bench):
    """What stood after the first run is compared with what stands now: by marks, for nobody has the value."""
    spec = {"env": {"PASSWORD": "hunter2"}}
    bench.converge(service(box_1=ToyDesired(live=1, **spec)))
    bench.converge(service(box_1=ToyDesired(live=2, **spec)))
    run = newest(bench)
    bench.world.things["box#1"] = up(ToyDesired(live=2, **spec), up=False)
    bench.converge(service(box_1=ToyDesired(live=2, **spec)))
    assert newest(bench).id != run.id
    assert way_back(bench.store, run).rids == ("box#1",)


def test_a_run_that_died_between_a_claim_and_its_step_can_be_undone(bench):
    def die():
        raise KeyboardInterrupt

    bench.converge(service(box_1=ToyDesired(live=1)))
    bench.world.hooks["box#1 tune"] = die
    with pytest.raises(KeyboardInterrupt):
        bench.converge(service(box_1=ToyDesired(live=2), box_2=ToyDesired()))
    assert newest(bench).ended is None
    bench.world.hooks.clear()
    back = way_back(bench.store, newest(bench))
    assert not back.idle and before(bench) == {"box#1": ToyDesired(live=1)}
    found = service_before(bench.store, back, None, kinds)
    result = bench.converge(found, undoes=back.run.id, policy=Policy(prune=True))
    assert result.end is End.CONVERGED and bench.world.see("box#1").state.live == 1
    assert bench.owned.keys() == {"box#1"} and newest(bench).undoes == back.run.id


def test_a_service_of_which_nothing_was_owned_is_none(bench):
    bench.converge(service(box_1=ToyDesired()))
    back = way_back(bench.store, newest(bench))
    assert (back.made, service_before(bench.store, back, None, kinds)) == (("box#1",), None)


def test_what_is_not_osvcs_to_start_or_stop_is_as_the_spec_said_it(bench):
    class System(ToyKind):
        def manages(self, desired):
            return False

    def some(name):
        return System("daemon", 40) if name == "daemon" else kinds(name)

    bench.with_means(kinds=some)
    bench.world.things["daemon#1"] = up(ToyDesired())
    for live in (1, 2):
        bench.converge(service(box_1=ToyDesired(live=live), daemon_1=ToyDesired(gives="socket")))
    found = service_before(bench.store, way_back(bench.store, newest(bench)), None, some)
    assert {rid: one.desired for rid, one in found.resources.items()} == {
        "box#1": ToyDesired(live=1),
        "daemon#1": ToyDesired(gives="socket"),
    }


def test_what_was_before_expires_with_its_run(bench):
    bench.converge(service(box_1=ToyDesired()))
    run = newest(bench)
    bench.store.expire(LATER)
    assert bench.store.before(run.id) is None
    assert bench.store._rows("SELECT * FROM before") == []
    with pytest.raises(Refused, match="was not kept"):
        way_back(bench.store, run)


@pytest.mark.parametrize(
    ("common", "word"), [({"disable": True}, "disable"), ({"tags": ("noaction",)}, "tags")], ids=["disabled", "tagged"]
)
def test_what_its_spec_takes_out_of_osvcs_hands_is_not_led_back(bench, common, word):
    for live in (1, 2):
        bench.converge(service(box_1=ToyDesired(live=live), box_2=ToyDesired()))
    spec = service(common={"box#1": Common(**common)}, box_1=ToyDesired(live=2), box_2=ToyDesired())
    with pytest.raises(Refused, match=f"box#1 is left alone now; take {word} out of its spec first$"):
        before(bench, spec)
    bench.converge(service(box_1=ToyDesired(live=2), box_2=ToyDesired(live=3)))
    assert before(bench, spec)["box#2"] == ToyDesired()
