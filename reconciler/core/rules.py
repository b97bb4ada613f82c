"""Rule: what a field of a desired model costs when it differs, and how it is compared.

This is the one table behind diff, plan, plan text, JSON Schema and keyword reference: a rule sits in the `Annotated[...]`
of its field, beside the keyword's other spellings, and nowhere else.
"""

from collections.abc import Callable, Collection, Mapping
from enum import IntEnum
from functools import cache
from operator import itemgetter
from typing import Any, TypeAlias

from reconciler.core.lazy import dataclass
from reconciler.core.model import Model


class Impact(IntEnum):
    """The ladder: the worst differing field of a resource decides what is done to it."""

    NONE = 0
    LIVE = 1
    RESTART = 2
    REPLACE = 3
    REFUSE = 4


Compare: TypeAlias = Callable[[Any, Any], bool]
"""(desired value, observed value) -> whether they are the same. Both are settled: no defaults are missing.

Equal values are the same whatever the rule: it is asked about others only."""


def equal(want: Any, have: Any) -> bool:
    """The values are equal."""
    return bool(want == have)


def subset(want: Any, have: Any) -> bool:
    """Every desired member (or key and value) is there; more may be."""
    if isinstance(want, Mapping):
        return all(key in have and have[key] == value for key, value in want.items())
    return set(want) <= set(have)


def same_set(want: Collection[Any], have: Collection[Any]) -> bool:
    """The same members, whatever their order."""
    return set(want) == set(have)


@dataclass(frozen=True, slots=True)
class Rule:
    """How a field is compared, and what a difference costs.

    impact: NONE says that the field is never compared: it steers actions only (a time-out), or is folded into others by `settle`.
    sensitive: True hides the value everywhere.
    asked: an empty value asks for nothing: whatever is there then is nobody's affair, unless it was asked for before. Of a map the
    same holds for each key. For what the machine fills in by itself, as it is set up, where nothing is said.
    """

    impact: Impact
    compare: Compare = equal
    sensitive: bool = False
    asked: bool = False

    def relevant(self, want: Any, have: Any, last: Any) -> Any:
        """What of an observed value counts beside the desired one. last: the value that was applied, or None."""
        if not self.asked:
            return have
        if isinstance(want, Mapping) and isinstance(have, Mapping):
            known = {*want, *(last if isinstance(last, Mapping) else ())}
            return {key: have[key] for key in have if key in known}
        return want if not want and not last else have


@dataclass(frozen=True, slots=True)
class Keyword:
    """How a field is spelt in a spec, where that differs from the field's own name.

    aliases: older spellings, all of one meaning.
    inherit: whether a value in the service's own section (DEFAULT) reaches the resource, as in the reference.
    internal: the field is computed, and cannot be written in a spec.
    implies: the flags that an older spelling turns on, where the section does not say otherwise.
    refers: the types of the resources of the same service that a value TYPE#INDEX means; such a one has to be there.
    file: the value names a file that osvc takes as it takes the spec itself: others must not be able to write it.
    program: the first word of the value is a program that osvc runs; the same holds for its file.
    """

    aliases: tuple[str, ...] = ()
    inherit: bool = False
    internal: bool = False
    implies: tuple[str, ...] = ()
    file: bool = False
    program: bool = False
    refers: tuple[str, ...] = ()


_PLAIN = Keyword()


@cache
def rules_of(model: type[Model]) -> Mapping[str, Rule]:
    """Field name -> rule, in the order of the model. Raises TypeError for a field without a rule."""
    found: dict[str, Rule] = {}
    for name, field in model.model_fields.items():
        rule = next((meta for meta in field.metadata if isinstance(meta, Rule)), None)
        if rule is None:
            raise TypeError(f"{model.__name__}.{name} has no Rule")
        found[name] = rule
    return found


@cache
def compared_of(model: type[Model]) -> tuple[tuple[str, Rule], ...]:
    """(field name, rule) of the fields that are compared at all."""
    return tuple((name, rule) for name, rule in rules_of(model).items() if rule.impact is not Impact.NONE)


@cache
def values_of(model: type[Model]) -> Callable[[Mapping[str, Any]], tuple[Any, ...]]:
    """What takes the values of those fields, in their order, out of the `__dict__` of a desired or an observed record."""
    names = [name for name, _ in compared_of(model)]
    return itemgetter(*names) if len(names) > 1 else lambda values: tuple(values[name] for name in names)


@cache
def sensitive_fields(model: type[Model]) -> frozenset[str]:
    """The fields whose values are hidden everywhere; none for a model without rules (a state, the surroundings)."""
    try:
        return frozenset(name for name, rule in rules_of(model).items() if rule.sensitive)
    except TypeError:
        return frozenset()


@cache
def keywords_of(model: type[Model]) -> Mapping[str, Keyword]:
    """Field name -> keyword, in the order of the model."""
    return {
        name: next((meta for meta in field.metadata if isinstance(meta, Keyword)), _PLAIN)
        for name, field in model.model_fields.items()
    }
