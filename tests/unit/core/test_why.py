"""What ties a resource to others, and how little of that is the machine's own."""

from reconciler.core.facts import Bond, Claim, Fact, Kind
from reconciler.core.why import Needed, ties_of
from tests.unit.core.toys import ToyDesired, kinds


def device(key: str) -> Fact:
    return Fact(Kind.DEVICE, key)


def test_bonds_are_told_from_both_sides():
    box, disk = kinds("box"), kinds("disk")
    ties = ties_of(
        {
            "disk#1": (disk, ToyDesired(gives="sda", claims=("slot 1",))),
            "box#10": (box, ToyDesired(needs=("sda",))),
            "box#9": (box, ToyDesired(follows=("sda", "sdz"))),
        }
    )
    assert ties["disk#1"].provides == (device("sda"),)
    assert ties["disk#1"].claims == (Claim("toy", "slot 1", "slot 1"),)
    assert list(ties["disk#1"].holders.items()) == [("box#9", Bond.ORDER), ("box#10", Bond.HOLD)]
    assert ties["box#10"].needs == (Needed(device("sda"), Bond.HOLD, "disk#1"),)
    assert ties["box#9"].needs == (Needed(device("sda"), Bond.ORDER, "disk#1"), Needed(device("sdz"), Bond.ORDER, ""))
    assert ties["box#9"].holders == {}


def test_a_resource_does_not_hold_itself():
    ties = ties_of({"disk#1": (kinds("disk"), ToyDesired(gives="sda", needs=("sda",)))})
    assert ties["disk#1"].needs == (Needed(device("sda"), Bond.HOLD, ""),)
    assert ties["disk#1"].holders == {}


def test_what_a_disabled_resource_provides_is_the_machine_s_own():
    models = {"disk#1": (kinds("disk"), ToyDesired(gives="sda")), "box#1": (kinds("box"), ToyDesired(needs=("sda",)))}
    ties = ties_of(models, {"disk#1"})
    assert ties["box#1"].needs == (Needed(device("sda"), Bond.HOLD, ""),)
    assert ties["disk#1"].holders == {} and ties["disk#1"].provides == (device("sda"),)
    assert ties_of(models, {"box#1"}) == ties_of(models), "it needs what it needs, whatever is made of it"
