"""lazy: `dataclasses.dataclass`, whose methods are made when they are first called.

A dataclass compiles up to six methods as its module is imported: half a millisecond each class, and osvc has more than a hundred of
them, of which a run makes instances of a few. Fields, slots and what the methods do are those of the standard library.
"""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, FrozenInstanceError, fields
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeVar

T = TypeVar("T")

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:

    def dataclass(*, frozen: bool = False, slots: bool = False, repr: bool = True, eq: bool = True) -> Callable[[type[T]], type[T]]:
        """As that of the standard library with these arguments."""

        def decorated(cls: type[T]) -> type[T]:
            plain = dataclasses.dataclass(cls, init=False, repr=False, eq=False, slots=slots)
            _equip(plain, _methods(plain, frozen=frozen, repr=repr, eq=eq))
            return plain

        return decorated


def _equip(cls: type[Any], methods: Mapping[str, Any]) -> None:
    """Give a class those methods that it has not defined itself."""
    own = cls.__dict__
    for name, method in methods.items():
        if name not in own:
            setattr(cls, name, method)


def _methods(cls: type[Any], *, frozen: bool, repr: bool, eq: bool) -> dict[str, Any]:
    """name -> what a dataclass has by that name."""
    found: dict[str, Any] = {"__init__": _init(cls, frozen)}
    if repr:
        found["__repr__"] = _repr
    if eq:
        found |= {"__eq__": _eq(fields(cls)), "__hash__": _hash(fields(cls)) if frozen else None}
    if frozen:
        found |= _frozen(cls)
    return found


def _init(cls: type[Any], frozen: bool) -> Callable[..., None]:
    """What compiles the true one, at the first instance, and has it take its place."""

    def init(self: Any, *args: Any, **named: Any) -> None:
        known: dict[str, Any] = {"_unset": MISSING, "_set": object.__setattr__}
        words, lines = ["self"], []
        for one in sorted(fields(cls), key=lambda one: one.kw_only is True):
            known |= {f"_{one.name}": one.default, f"_new_{one.name}": one.default_factory}
            if one.kw_only is True and "*" not in words:
                words.append("*")
            made = one.default_factory is not MISSING
            optional = f"=_{one.name}" if made or one.default is not MISSING else ""
            value = f"_new_{one.name}() if {one.name} is _unset else {one.name}" if made else one.name
            words.append(f"{one.name}{optional}")
            lines.append(f" _set(self, {one.name!r}, {value})" if frozen else f" self.{one.name} = {value}")
        if hasattr(cls, "__post_init__"):
            lines.append(" self.__post_init__()")
        text = "\n".join([f"def __init__({', '.join(words)}):", *lines, " return None"])
        exec(text, known)
        true = known["__init__"]
        true.__qualname__ = f"{cls.__qualname__}.__init__"
        cls.__init__ = true
        true(self, *args, **named)

    return init


def _frozen(cls: type[Any]) -> dict[str, Any]:
    """What keeps an instance as it is, and lets a copy of it be made all the same."""
    names = frozenset(one.name for one in fields(cls))

    def set_(self: Any, name: str, value: Any) -> None:
        if type(self) is cls or name in names:
            raise FrozenInstanceError(f"cannot assign to field {name!r}")
        super(cls, self).__setattr__(name, value)

    def delete(self: Any, name: str) -> None:
        if type(self) is cls or name in names:
            raise FrozenInstanceError(f"cannot delete field {name!r}")
        super(cls, self).__delattr__(name)

    return {"__setattr__": set_, "__delattr__": delete, "__setstate__": _restore}


def _restore(self: Any, state: Any) -> None:
    for part in filter(None, state if isinstance(state, tuple) else (state,)):
        for name, value in part.items():
            object.__setattr__(self, name, value)


def _repr(self: Any) -> str:
    told = ", ".join(f"{one.name}={getattr(self, one.name)!r}" for one in fields(self) if one.repr)
    return f"{type(self).__qualname__}({told})"


def _eq(known: "tuple[Field[Any], ...]") -> Callable[[Any, Any], Any]:
    values = _values([one.name for one in known if one.compare])

    def eq(self: Any, other: Any) -> Any:
        return values(self) == values(other) if other.__class__ is self.__class__ else NotImplemented

    return eq


def _hash(known: "tuple[Field[Any], ...]") -> Callable[[Any], int]:
    values = _values([one.name for one in known if (one.compare if one.hash is None else one.hash)])

    def hash_(self: Any) -> int:
        return hash(values(self))

    return hash_


def _values(names: list[str]) -> Callable[[Any], Any]:
    """What reads these attributes of an object: of several, as a tuple."""
    return attrgetter(*names) if names else type
