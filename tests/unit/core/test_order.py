"""Matching needs with what provides them, and the order of rids."""

import pytest

from reconciler.core.action import Brought, Effect, Slot
from reconciler.core.facts import Bond, Fact, Kind, Need
from reconciler.core.ids import natural
from reconciler.core.kind import Moves
from reconciler.core.order import Placed, connect, line_up
from reconciler.core.providers import Providers, match
from tests.unit.core.toys import Toy

MOUNTS = Providers(
    [(Fact(Kind.MOUNT, "/srv"), "fs#1"), (Fact(Kind.MOUNT, "/srv/data"), "fs#2"), (Fact(Kind.ENGINE, "/run/s"), "dockerd")]
)


@pytest.mark.parametrize(
    ("path", "rid"),
    [
        ("/srv", "fs#1"),
        ("/srv/www", "fs#1"),
        ("/srv/data", "fs#2"),
        ("/srv/data/x", "fs#2"),
        ("/srv/database", "fs#1"),
        ("/srvother", None),
        ("/", None),
    ],
)
def test_a_path_is_provided_by_the_deepest_mount_that_holds_it_by_components(path, rid):
    assert list(match([Need(Fact(Kind.PATH, path))], MOUNTS)) == ([rid] if rid else [])


def test_other_facts_match_by_key_alone():
    assert match([Need(Fact(Kind.ENGINE, "/run/s"), Bond.HOLD)], MOUNTS) == {"dockerd": Bond.HOLD}
    assert match([Need(Fact(Kind.ENGINE, "/run/other"))], MOUNTS) == {}


def test_of_two_bonds_with_one_resource_the_stronger_counts():
    needs = [Need(Fact(Kind.PATH, "/srv/a"), Bond.HOLD), Need(Fact(Kind.PATH, "/srv/b"), Bond.ORDER)]
    assert match(needs, MOUNTS) == match(reversed(needs), MOUNTS) == {"fs#1": Bond.HOLD}


def test_the_root_holds_every_path():
    root = Providers([(Fact(Kind.MOUNT, "/"), "fs#0")])
    assert match([Need(Fact(Kind.PATH, "/anything")), Need(Fact(Kind.PATH, "/"))], root) == {"fs#0": Bond.HOLD}


def test_rids_sort_naturally():
    assert sorted(["container#10", "container#2", "container#web", "container#1"], key=natural) == [
        "container#1",
        "container#2",
        "container#10",
        "container#web",
    ]


class Done(Toy):
    op = "do"

    def after(self, seen):
        return seen

    def undo(self, before):
        return ()


def placed(rid, *slots, rank=50, **more):
    """A resource that something is done to in these slots."""
    return Placed(rid, rank, moves=Moves(**{slot: (Done(),) for slot in slots}), **more)


def edges_of(*items):
    return connect({item.rid: item for item in items})


HOLD = {"disk#1": Bond.HOLD}


def test_a_commit_comes_after_everything_that_may_still_fail():
    edges = edges_of(placed("box#1", "up", "commit"), placed("box#2", "up"), placed("box#3", "live"))
    assert {("box#2", Slot.UP), ("box#3", Slot.LIVE)} <= edges.after["box#1", Slot.COMMIT]
    gone = edges_of(placed("box#1", "down", "commit", leaves=True), placed("box#2", "up"))
    assert ("box#2", Slot.UP) not in gone.after["box#1", Slot.COMMIT]


def test_what_prepares_on_a_need_that_moves_does_so_between_its_own_down_and_up_and_is_pointless_without():
    edges = edges_of(placed("disk#1", "down", "up", rank=20), placed("box#1", "prepare", "down", "up", needs=HOLD, held=HOLD))
    assert edges.needs["box#1", Slot.PREPARE] >= {("box#1", Slot.DOWN), ("disk#1", Slot.UP)}
    assert ("box#1", Slot.PREPARE) in edges.needs["box#1", Slot.UP]
    assert ("box#1", Slot.PREPARE) not in edges.after["box#1", Slot.DOWN]


def test_what_prepares_on_a_need_that_moves_and_has_nothing_after_its_down_is_ordered_too():
    edges = edges_of(placed("disk#1", "up", rank=20), placed("box#1", "prepare", "down", needs=HOLD))
    assert edges.needs["box#1", Slot.PREPARE] >= {("box#1", Slot.DOWN), ("disk#1", Slot.UP)}


def test_the_members_of_a_group_come_after_the_group_before_and_not_after_all_groups_at_once():
    edges = edges_of(placed("disk#1", "up", rank=20), placed("box#1", "up"), placed("box#2", "up"))
    assert edges.after["box#1", Slot.UP] == {("disk#1", Slot.UP)}
    assert edges.after["box#2", Slot.UP] == {("box#1", Slot.UP)}
    downs = edges_of(placed("disk#1", "down", rank=20), *(placed(f"box#{n}", "down", "up") for n in (1, 2)))
    assert downs.after["disk#1", Slot.DOWN] == {("box#1", Slot.DOWN), ("box#2", Slot.DOWN)}
    assert not downs.after["box#1", Slot.DOWN] and not downs.after["box#2", Slot.DOWN]


def test_sequence_carries_no_failure_and_a_need_does():
    edges = edges_of(placed("disk#1", "up", rank=20), placed("box#1", "up", needs=HOLD), placed("box#2", "up"))
    assert edges.needs["box#1", Slot.UP] == {("disk#1", Slot.UP)}
    assert not edges.needs["box#2", Slot.UP]


def test_what_comes_after_a_gate_needs_the_last_one_before_it_and_what_comes_before_it_does_not():
    first, second = placed("box#1", "up", gate=True), placed("box#3", "up", gate=True)
    edges = edges_of(placed("box#0", "up"), first, placed("box#2", "prepare", "up"), second, placed("box#4", "up", subset="z"))
    needs = {
        rid: {other for other, _ in edges.needs[rid, Slot.UP]} - {rid} for rid in ("box#0", "box#1", "box#2", "box#3", "box#4")
    }
    assert needs == {"box#0": set(), "box#1": set(), "box#2": {"box#1"}, "box#3": {"box#1"}, "box#4": {"box#3"}}
    assert not edges.needs["box#2", Slot.PREPARE], "it is only its start that waits"
    together = [placed(f"box#{n}", "up", subset="a", parallel=True, gate=n < 3) for n in (1, 2, 3)]
    edges = edges_of(*together, placed("box#4", "up", subset="b"))
    assert edges.needs["box#4", Slot.UP] == {("box#1", Slot.UP), ("box#2", Slot.UP)}
    assert not edges.needs["box#3", Slot.UP], "those of a parallel subset do not wait for one another"


def test_what_is_only_changed_as_it_runs_is_waited_for_too():
    edges = edges_of(placed("disk#1", "live", rank=20), placed("box#1", "up", needs=HOLD))
    assert edges.needs["box#1", Slot.UP] == {("disk#1", Slot.LIVE)}


def test_what_goes_for_good_and_what_is_reached_behind_something_fail_with_it():
    gone = edges_of(placed("disk#1", "down", rank=20), placed("box#1", "commit", leaves=True, held=HOLD))
    assert gone.needs["disk#1", Slot.DOWN] == {("box#1", Slot.COMMIT)}
    behind = edges_of(placed("disk#1", "up", rank=20), placed("box#1", "down", held=HOLD, behind="disk#1"))
    assert behind.needs["box#1", Slot.DOWN] == {("disk#1", Slot.UP)}


@pytest.mark.parametrize("leaves", [False, True])
def test_who_takes_a_claim_fails_with_whoever_does_not_release_it(leaves):
    port = frozenset({("port", "", "80")})
    edges = edges_of(placed("box#1", "down", holds=port, leaves=leaves), placed("box#2", "up", claims=port))
    assert edges.needs["box#2", Slot.UP] == {("box#1", Slot.DOWN)}


def test_things_line_up_by_what_they_will_need_or_by_what_they_need_now():
    things = {item.rid: item for item in (placed("box#1", needs={"box#2": Bond.HOLD}), placed("box#2", held={"box#1": Bond.HOLD}))}
    assert line_up(things) == ("box#2", "box#1")
    assert line_up(things, now=True) == ("box#1", "box#2")


def test_what_goes_away_is_made_fit_to_let_go_before_its_holders_go_down():
    box = placed("box#1", "down", held=HOLD, leaves=True)
    going = edges_of(placed("disk#1", "prepare", "down", rank=20, leaves=True), box)
    assert ("disk#1", Slot.PREPARE) in going.after["box#1", Slot.DOWN]
    assert ("disk#1", Slot.PREPARE) not in going.needs["box#1", Slot.DOWN], "a failure of it does not forbid to try"
    staying = edges_of(placed("disk#1", "prepare", "down", "up", rank=20), box)
    assert ("disk#1", Slot.PREPARE) not in staying.after["box#1", Slot.DOWN]


class Fetched(Done):
    @property
    def brings(self):
        return Brought("engine", "image")


class Cut(Done):
    effect = Effect.DISRUPTIVE


def test_nothing_is_interrupted_before_everything_that_is_fetched_is_there():
    a = Placed("a", 1, moves=Moves(prepare=(Fetched(),), up=(Done(),)))
    b = Placed("b", 1, moves=Moves(down=(Cut(),), up=(Done(),)))
    c = Placed(
        "c",
        1,
        moves=Moves(
            up=(
                Done(),
                Cut(),
            )
        ),
    )
    edges = connect({"a": a, "b": b, "c": c})
    for block in (("b", Slot.DOWN), ("c", Slot.UP)):
        assert ("a", Slot.PREPARE) in edges.after[block] - edges.needs[block], block
    assert not edges.after["a", Slot.PREPARE]


def test_what_can_be_fetched_only_behind_an_interruption_waits_for_it():
    engine = Placed("e", 1, moves=Moves(down=(Cut(),), up=(Done(),)))
    inside = Placed("c", 2, needs={"e": Bond.HOLD}, moves=Moves(prepare=(Fetched(),), up=(Done(),)))
    edges = connect({"e": engine, "c": inside})
    assert edges.after["c", Slot.PREPARE] == {("e", Slot.UP)}
    assert edges.after["e", Slot.DOWN] == set()
