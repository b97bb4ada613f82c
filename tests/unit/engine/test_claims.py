"""claims: who releases goes first."""

import dataclasses
from datetime import UTC, datetime

import pytest

from reconciler.core.ban import WHOLE, Ban
from reconciler.core.common import Common
from reconciler.core.observed import Unknown
from reconciler.core.ownership import Owned, Ownership
from reconciler.core.policy import Aim, Goal, Selection
from reconciler.engine.claims import in_order, yielded
from reconciler.engine.errors import Refused
from reconciler.engine.target import Target
from reconciler.resources.registry import kind_of
from tests.plans.golden import service_of
from tests.unit.core.toys import ToyDesired, absent, kinds, service, up
from tests.unit.core.toys import owned as owned_as


def target(name, *claims, **more):
    spec = dataclasses.replace(service(box_1=ToyDesired(claims=claims)), name=name)
    return Target(name, more.pop("spec", spec), **more)


def spec_of(**desired):
    return service(box_1=ToyDesired(**desired))


def owns(*claims):
    desired = ToyDesired(claims=claims)
    return Ownership("store", {"box#1": Owned("box", desired, desired)})


BAN = Ban("alice", datetime(2026, 1, 1, tzinfo=UTC))


def banned(target, rid):
    """The target, and what it owns, with something of it disabled."""
    bans = {rid: BAN}
    return dataclasses.replace(target, service=target.service and target.service.banned(bans)), bans


def names(targets, owned, prune=False):
    return list(in_order(targets, owned, kinds, prune=prune))


def test_names_in_natural_order_when_nothing_moves():
    assert names([target("web10"), target("web2"), target("db")], {}) == ["db", "web2", "web10"]


def test_who_releases_goes_before_who_takes():
    assert names([target("a", "8080"), target("b")], {"b": owns("8080")}) == ["b", "a"]


def test_along_a_chain():
    moves = [target("a", "1"), target("b", "2"), target("c")]
    assert names(moves, {"b": owns("1"), "c": owns("2")}) == ["c", "b", "a"]


def test_who_lies_in_what_another_provides_comes_after_it_and_goes_before_it():
    inner, outer = spec_of(needs=("d",)), spec_of(gives="d")
    assert in_order([target("a", spec=inner), target("b", spec=outer)], {}, kinds, prune=False) == {"b": (), "a": ("b",)}
    down = Goal(Aim.DOWN)
    going = [target("a", spec=outer, goal=down), target("b", spec=inner, goal=down)]
    assert in_order(going, {}, kinds, prune=False) == {"b": (), "a": ("b",)}


def test_what_each_of_them_provides_itself_makes_none_wait_for_another():
    """So do services on the machine's own engine: each names it, and needs it."""
    both = service(box_1=ToyDesired(gives="d"), box_2=ToyDesired(needs=("d",)))
    targets = [target("a", spec=both), target("b", spec=both), target("c", spec=spec_of(needs=("d",)))]
    assert in_order(targets, {}, kinds, prune=False) == {"a": (), "b": (), "c": ("b",)}


def test_who_lie_in_each_other_keep_their_natural_order():
    one, two = spec_of(needs=("d",), gives="e"), spec_of(needs=("e",), gives="d")
    assert in_order([target("a", spec=one), target("b", spec=two)], {}, kinds, prune=False) == {"a": (), "b": ()}


def test_what_a_name_stands_for_is_held_as_long_as_the_name_is_wanted():
    def at(name):
        return service_of({"resources": {"ip#1": {"name": name, "dev": "eth0"}}})

    applied = at("shop").resources["ip#1"].desired.model_copy(update={"address": "192.0.2.53"})
    owned = {"a": Ownership("store", {"ip#1": Owned("ip", applied, applied)})}
    with pytest.raises(Refused, match=r"address 192\.0\.2\.53 is held by a, which wants to keep it"):
        in_order([Target("a", at("shop")), Target("b", at("192.0.2.53"))], owned, kind_of, prune=False)
    moves = in_order([Target("a", at("other")), Target("b", at("192.0.2.53"))], owned, kind_of, prune=False)
    assert moves == {"a": (), "b": ("a",)}


def test_a_device_is_one_under_whatever_name_it_goes():
    def on(**raw):
        return service_of({"resources": {"fs#1": {"mnt": "/mnt/x", "type": "ext4"} | raw}})

    applied = on(dev="/dev/sdb", mnt="/mnt/b").resources["fs#1"].desired
    part = on(dev="UUID=c0de", mnt="/mnt/c", type="btrfs", mnt_opt="subvol=logs").resources["fs#1"].desired
    owned = {
        "b": Ownership("store", {"fs#1": Owned("fs", applied, applied)}),
        "c": Ownership("store", {"fs#1": Owned("fs", part, part)}),
    }
    links = {"/dev/disk/by-id/x": "/dev/sdb", "/dev/disk/by-id/y": "/dev/sdc", "UUID=c0de": "/dev/sdc"}

    def of(path):
        return links.get(path, path)

    for dev, more, held in (
        ("/dev/disk/by-id/x", {}, "device /dev/disk/by-id/x is held by b"),
        ("/dev/disk/by-id/y", {"type": "btrfs", "mnt_opt": "subvol=logs"}, "is held by c"),
    ):
        with pytest.raises(Refused, match=held):
            in_order([Target("a", on(dev=dev, **more))], owned, kind_of, prune=False, device_of=of)
    for raw in ({"dev": "/dev/disk/by-id/z"}, {"dev": "/dev/sdc", "type": "btrfs", "mnt_opt": "subvol=other"}):
        assert in_order([Target("a", on(**raw))], owned, kind_of, prune=False, device_of=of) == {"a": ()}


def test_a_swap_in_both_directions_is_refused_and_names_both():
    with pytest.raises(Refused, match="a and b: each takes what the other holds"):
        names([target("a", "2"), target("b", "1")], {"a": owns("1"), "b": owns("2")})


def test_what_somebody_else_keeps_is_refused():
    with pytest.raises(Refused, match=r"cannot work on a: 8080 is held by z, which is not worked on here; apply z as well"):
        names([target("a", "8080")], {"z": owns("8080")})


def test_an_orphan_releases_only_when_it_is_pruned():
    moves = [target("a", "1"), Target("old", None)]
    with pytest.raises(Refused, match="whose spec is gone; give it up with --prune"):
        names(moves, {"old": owns("1")})
    assert names(moves, {"old": owns("1")}, prune=True) == ["old", "a"]


def test_what_is_on_standby_takes_what_it_claims_but_in_a_shutdown():
    spec = dataclasses.replace(service(box_1=ToyDesired(claims=("1",))), name="a")
    standby = dataclasses.replace(spec.resources["box#1"], common=Common(standby=True))
    down = Target("a", dataclasses.replace(spec, resources={"box#1": standby}), Goal(Aim.DOWN))
    with pytest.raises(Refused, match="1 is held by z"):
        in_order([down], {"z": owns("1")}, kinds, prune=False)
    assert in_order([down], {"z": owns("1")}, kinds, prune=False, selection=Selection(standby=True)) == {"a": ()}


def test_who_is_to_be_down_takes_nothing():
    assert names([target("a", "1", goal=Goal(Aim.DOWN)), target("b", "1")], {"b": owns("1")}) == ["a", "b"]


@pytest.mark.parametrize("rid", ["box#1", WHOLE])
@pytest.mark.parametrize("spec", [spec_of(claims=("1",)), spec_of(claims=("2",)), service(box_2=ToyDesired()), None])
def test_what_a_person_disabled_is_not_released_whatever_its_spec_says(spec, rid):
    holder, bans = banned(Target("b", spec), rid)
    owned = dataclasses.replace(owns("1"), disabled=bans)
    told = "1 is held by b, as box#1, disabled there by alice; osvc enable b" + (" --rid box#1" if rid else "") + "$"
    for prune in (False, True):
        with pytest.raises(Refused, match=told):
            names([target("a", "1"), holder], {"b": owned}, prune=prune)
    free = dataclasses.replace(owned, owned={"box#1": dataclasses.replace(owned.owned["box#1"], applied=None)})
    assert names([target("a", "1"), holder], {"b": free}, prune=True) == ["a", "b"]


@pytest.mark.parametrize("common", [Common(disable=True), Common(tags=("noaction",))])
def test_what_its_spec_leaves_alone_is_not_released(common):
    spec = spec_of(claims=("2",))
    idle = dataclasses.replace(spec, resources={"box#1": dataclasses.replace(spec.resources["box#1"], common=common)})
    with pytest.raises(Refused, match="1 is held by b, as box#1, which its spec says to leave alone; take that out of it"):
        names([target("a", "1"), Target("b", idle)], {"b": owns("1")}, prune=True)


def test_what_a_spec_names_no_more_is_released_only_when_it_is_pruned():
    for spec in (service(box_2=ToyDesired()), service(box_2=ToyDesired(claims=("2",)))):
        moves = [target("a", "1"), Target("b", spec)]
        with pytest.raises(Refused, match="1 is held by b, as box#1, which its spec names no more; give it up with --prune"):
            names(moves, {"b": owns("1")})
        assert names(moves, {"b": owns("1")}, prune=True) == ["b", "a"]


def test_who_is_frozen_releases_nothing():
    frozen = target("b", "2", goal=Goal.frozen_by(BAN))
    with pytest.raises(Refused, match="1 is held by b, which is left alone here; osvc stop b first"):
        names([target("a", "1"), frozen], {"b": owns("1")}, prune=True)


def of(name, **resources):
    return Target(name, dataclasses.replace(service(**resources), name=name))


BOX_2 = Selection(("box#2",))


@pytest.mark.parametrize("box_1", [{}, {"box_1": ToyDesired(claims=("2",))}])
def test_what_a_selection_leaves_alone_keeps_what_it_holds(box_1):
    targets = [of("a", box_2=ToyDesired(), **box_1), of("b", box_2=ToyDesired(claims=("1",)))]
    owned = {"a": owns("1")}
    told = "cannot work on b: 1 is held by a, as box#1, which is not selected; give it too: --rid box#1$"
    with pytest.raises(Refused, match=told):
        in_order(targets, owned, kinds, prune=True, selection=BOX_2)
    both = Selection(("box#1", "box#2"))
    assert in_order(targets, owned, kinds, prune=True, selection=both) == {"a": (), "b": ("a",)}
    with pytest.raises(Refused, match=r"as box#1, which is not selected; osvc apply a first$"):
        in_order(
            [targets[0], of("b", disk_1=ToyDesired(claims=("1",)))], owned, kinds, prune=True, selection=Selection(types=("disk",))
        )


def test_what_a_selection_leaves_alone_wants_nothing():
    """Though the two would trade, and could not."""
    spec = {"box_2": ToyDesired(), "disk_1": ToyDesired()}
    targets = [of("a", box_1=ToyDesired(claims=("2",)), **spec), of("b", box_1=ToyDesired(claims=("1",)), **spec)]
    owned = {"a": owns("1"), "b": owns("2")}
    for selection in (BOX_2, Selection(types=("disk",))):
        assert in_order(targets, owned, kinds, prune=True, selection=selection) == {"a": (), "b": ()}
    with pytest.raises(Refused, match="each takes what the other holds"):
        in_order(targets, owned, kinds, prune=True)
    with pytest.raises(Refused, match="2 is held by z"):
        in_order(targets[:1], {"z": owns("2")}, kinds, prune=True, selection=Selection(("box#1",)))


@pytest.mark.parametrize("seen", ["up", "absent", "unknown", "not looked at"])
@pytest.mark.parametrize("place", ["d", "elsewhere"])
def test_what_is_needed_moves_where_it_is_not_up_or_not_where_it_is_needed(seen, place):
    """What may be either takes what it would take, and is not counted upon to release anything."""
    needed = {"box_2": ToyDesired(needs=("d",)), "disk_1": ToyDesired(gives="d", claims=("2",))}
    owned = {"a": owned_as(None, disk_1=ToyDesired(gives=place, claims=("1",)))}
    looks = {"up": up(ToyDesired()), "absent": absent(), "unknown": Unknown("no answer")}
    around = {"a": {"disk#1": looks[seen]}} if seen in looks else {}
    moves = place != "d" or seen == "absent"

    def order(*targets, **more):
        return in_order(targets, owned | more, kinds, prune=False, selection=BOX_2, seen=around)

    taker = of("b", box_2=ToyDesired(claims=("1",)))
    if moves:
        assert order(of("a", **needed), taker) == {"a": (), "b": ("a",)}
    else:
        with pytest.raises(Refused, match=r"1 is held by a, as disk#1, which is not selected; give it too: --rid disk#1$"):
            order(of("a", **needed), taker)
    if moves or seen != "up":
        with pytest.raises(Refused, match="2 is held by z"):
            order(of("a", **needed), z=owns("2"))
    else:
        assert order(of("a", **needed), z=owns("2")) == {"a": ()}


def test_what_holds_what_is_selected_to_go_down_goes_down_as_well():
    spec = {"disk_1": ToyDesired(gives="d"), "box_1": ToyDesired(needs=("d",), claims=("1",)), "box_2": ToyDesired(claims=("2",))}
    down = dataclasses.replace(of("a", **spec), goal=Goal(Aim.DOWN))
    owned = {"a": owned_as(None, **spec)}
    selection = Selection(("disk#1",))
    taker = of("b", disk_1=ToyDesired(claims=("1",)))
    assert in_order([down, taker], owned, kinds, prune=False, selection=selection) == {"a": (), "b": ("a",)}
    with pytest.raises(Refused, match=r"2 is held by a, as box#2, which is not selected; give it too: --rid box#2$"):
        in_order([down, of("b", disk_1=ToyDesired(claims=("2",)))], owned, kinds, prune=False, selection=selection)


def test_whose_a_thing_is_now():
    """Of two that no spec names any more the first keeps it until the other has removed it."""
    mine, other = Target("a", service(box_2=ToyDesired())), target("b", "1")
    both = {"a": owns("1"), "b": owns("1", "2")}
    assert yielded([mine, other], both, kinds) == {"a": {"box#1": "b"}}
    assert yielded([mine], both, kinds) == {"a": {"box#1": "b"}}
    assert yielded([mine, Target("b", None)], both, kinds) == {}
    assert yielded([target("a", "1"), other], both, kinds) == {}
    assert yielded([mine, other], {"a": owns("1"), "b": owns("2", "1")}, kinds) == {}, "two things on one device"


def test_what_may_be_bounced_by_what_is_selected_takes_what_its_spec_says():
    """Only what may go down, or come anew, takes anything from under others; what nobody looked at may."""
    was = {"disk_1": ToyDesired(gives="d"), "mount_1": ToyDesired(needs=("d",), gives="m"), "box_1": ToyDesired(needs=("m",))}
    edited = was | {"box_1": ToyDesired(needs=("m",), claims=("2",))}
    owned = {"a": owned_as(None, **was), "z": owns("2")}
    there = {rid.replace("_", "#"): up(desired) for rid, desired in was.items()}

    def order(seen, *, selected="disk#1", restarts=(), **edits):
        target = dataclasses.replace(of("a", **edited | edits), restarts=frozenset(restarts))
        return in_order([target], owned, kinds, prune=False, selection=Selection((selected,)), seen={"a": seen})

    for seen in ({}, there | {"disk#1": absent()}, there | {"disk#1": up(was["disk_1"], restart=1)}):
        with pytest.raises(Refused, match="2 is held by z"):
            order(seen)
    with pytest.raises(Refused, match="2 is held by z"):
        order(there, disk_1=ToyDesired(gives="d", replace=1))
    with pytest.raises(Refused, match="2 is held by z"):
        order(there, restarts=["disk#1"])
    assert order(there) == order(there, disk_1=ToyDesired(gives="d", live=1)) == order({}, selected="box#2") == {"a": ()}
