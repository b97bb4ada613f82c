"""lazy.dataclass is the standard library's: the same is said of a class of each."""

import copy
import dataclasses
from dataclasses import FrozenInstanceError, field
from functools import cached_property

import pytest

from reconciler.core import lazy


def family(dataclass):
    """Classes with whatever osvc uses of dataclasses."""

    @dataclass(frozen=True, slots=True)
    class Base:
        one: int
        two: tuple[int, ...] = ()
        three: dict[str, int] = field(default_factory=dict, compare=False, repr=False)

        def __post_init__(self):
            if self.one < 0:
                raise ValueError("less than nothing")

    @dataclass(frozen=True)
    class Child(Base):
        four: int = 4

        @cached_property
        def five(self):
            return self.four + 1

    @dataclass(slots=True)
    class Open:
        needed: int = field(kw_only=True)
        first: int = 1

    @dataclass(frozen=True, slots=True)
    class Bare:
        """Nothing in it."""

    @dataclass(frozen=True, slots=True, repr=False)
    class Named:
        name: str

        def __repr__(self):
            return self.name

    @dataclass(eq=False)
    class Itself:
        name: str

    return Base, Child, Open, Bare, Named, Itself


def said(ask):
    """What an answer comes to, an error as well."""
    try:
        return ask()
    except Exception as error:
        return type(error), str(error)


ASKED = {
    "repr": lambda base, child, open_, bare, named, itself: [
        *map(repr, (base(1), child(1, four=2), open_(needed=3), bare(), named("x")))
    ],
    "missing": lambda base, *_: base(),
    "too many": lambda base, *_: base(1, (), {}, 4),
    "unknown": lambda base, *_: base(1, other=2),
    "only by name": lambda base, child, open_, *_: open_(1, 2),
    "after it": lambda base, *_: base(-1),
    "a factory each time": lambda base, *_: base(1).three is base(1).three,
    "equal": lambda base, child, *_: [base(1, three={"x": 1}) == base(1), base(1) == base(2), base(1) == child(1), base(1) != 1],
    "hash": lambda base, *_: hash(base(1, (2,))) == hash(base(1, (2,))),
    "no hash": lambda base, child, open_, *_: hash(open_(needed=1)),
    "nothing": lambda base, child, open_, bare, *_: [bare() == bare(), len({bare(), bare()})],
    "itself": lambda *classes: [classes[-1]("x") == classes[-1]("x"), len({classes[-1]("x"), classes[-1]("x")})],
    "replace": lambda base, child, *_: repr(dataclasses.replace(child(1), two=(2,))),
    "fields": lambda base, child, *_: [(one.name, one.default) for one in dataclasses.fields(child) if one.name != "three"],
    "as tuple": lambda base, *_: dataclasses.astuple(base(1)),
    "assign": lambda base, *_: setattr(base(1), "one", 2),
    "delete": lambda base, *_: delattr(base(1), "one"),
    "assign another": lambda base, child, *_: setattr(child(1), "other", 2),
    "assign to an open one": lambda base, child, open_, *_: setattr(open_(needed=1), "first", 2),
    "cached": lambda base, child, *_: child(1).five,
    "slots": lambda base, *_: base.__slots__,
    "match": lambda base, child, *_: child.__match_args__,
    "copy": lambda base, child, *_: [copy.copy(one) == one for one in (base(1, (2,)), child(1, four=2))],
    "deep copy": lambda base, child, *_: [copy.deepcopy(one) == one for one in (base(1, (2,)), child(1, four=2))],
}


@pytest.mark.parametrize("what", ASKED)
def test_it_is_as_that_of_the_standard_library(what):
    ours, theirs = (said(lambda made=made: ASKED[what](*family(made))) for made in (lazy.dataclass, dataclasses.dataclass))
    assert ours == theirs


def test_a_frozen_one_stays_as_it_is_before_and_after_its_first_instance():
    base, *_ = family(lazy.dataclass)
    for _ in range(2):
        with pytest.raises(FrozenInstanceError):
            base(1).one = 2


def test_nothing_is_compiled_before_the_first_instance():
    base, *_ = family(lazy.dataclass)
    before = base.__init__
    base(1)
    assert base.__init__ is not before and base.__init__.__code__.co_filename == "<string>"
    assert before.__code__.co_filename != "<string>"
