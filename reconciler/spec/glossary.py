"""The glossary: every keyword that a spec may write, out of the models. docs/keywords.md and `osvc explain` are made from it."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final

from pydantic.fields import FieldInfo

from reconciler.core.common import Common
from reconciler.core.model import Model
from reconciler.core.rules import Impact, Keyword, keywords_of, rules_of
from reconciler.core.term import EVERY, SERVICE, Term
from reconciler.core.values import Unit, unit_of
from reconciler.resources.container.option import default_of, settings_of
from reconciler.resources.container.run_args import EQUAL, STANDS_FOR
from reconciler.resources.registry import SECTIONS, TYPES, kind_of
from reconciler.spec.vocabulary import ENVIRONMENTS, HANDLED, HEAD, sectioned

OWN: Final[Mapping[str, str]] = {
    "name": "The service's name; by default that of the file.",
    "env": "Its environment, such as PRD or TST; by default the node's. A node of PRD takes no other.",
    "app": "The application that it belongs to. For people.",
    "comment": "For people.",
    "rollback": "Whether a failed apply is undone; true unless it says false.",
    "nodes": "The nodes that the service is for, with blanks between them; without it, whichever reads it.",
    "drpnodes": "The nodes where it is started by hand, after a disaster.",
    "drpnode": "The first of drpnodes.",
    "autostart_node": "The nodes where apply and watch bring it up; without it, all of nodes.",
    "encapnodes": "The nodes inside its containers: a node set for scopes, no more.",
}
"""The keywords that the loader handles itself -> what they mean."""

_WORDS: Final = ("nodes", "drpnodes", "autostart_node", "encapnodes")
_SUBSET: Final = Term(EVERY, "any resource", "subset", "The group of resources that it starts with.", "text")


@cache
def terms() -> tuple[Term, ...]:
    """All of them: the service's own, those of every resource, then type by type in the order in which they start."""
    types = sorted(TYPES, key=lambda name: kind_of(name).rank)
    return (*_own(), _SUBSET, *_of(Common, EVERY, "any resource"), *(term for name in types for term in _of_type(name)))


def found(word: str) -> tuple[Term, ...]:
    """The keywords that a word means: `memory`, `container.memory`, `container#web.memory@deb1`, in an older spelling as well; of
    what has none of that name, none."""
    owner, _, name = word.partition("@")[0].rpartition(".")
    if not owner:
        return tuple(term for term in terms() if name == term.name or name in term.older)
    among = owners_of(owner)
    if among and SERVICE not in among:
        among = (*among, EVERY)
    return tuple(term for term in terms() if term.owner in among and (name == term.name or name in term.older))


def owned_by(word: str) -> tuple[Term, ...]:
    """The keywords of a resource type, of what rids begin with, of the service's own section, or of any resource ("resource")."""
    among = owners_of(word)
    own = tuple(term for term in terms() if term.owner in among)
    return own if not among or SERVICE not in among else (*own, *(term for term in terms() if term.inherited))


def owners_of(word: str) -> tuple[str, ...]:
    """Who owns what is said of `container`, `container#web`, `fs` (which is several types), `DEFAULT` or `service`."""
    group = word.partition("#")[0]
    if group in (SERVICE, "DEFAULT"):
        return (SERVICE, "dockerd")
    types = dict.fromkeys((*([group] if group in TYPES else ()), *SECTIONS.get(group, {}).values()))
    return (*types,) if group != EVERY else (EVERY,)


def owners() -> tuple[str, ...]:
    """Every word that `owned_by` takes, but for aliases."""
    return (SERVICE, EVERY, *dict.fromkeys((*sectioned(), *TYPES)))


def section_of(type_name: str) -> str:
    """Where the keywords of a resource type stand, in words."""
    if type_name == "dockerd":
        return "the service's own section"
    spellings = [f"{type_name}#…"] if type_name in sectioned() else []
    spellings += [
        f"{group}#… with type: {word}" for group, words in SECTIONS.items() for word, name in words.items() if name == type_name
    ]
    return ", ".join(spellings)


def _own() -> Iterator[Term]:
    older: dict[str, dict[str, tuple[str, ...]]] = {}
    for spelling, name in HANDLED.items():
        if spelling != name:
            older.setdefault(name, {})[spelling] = ()
    for name, meaning in OWN.items():
        form = "a list, or words with blanks between them" if name in _WORDS else "yes or no" if name == "rollback" else "text"
        form = f"one of {', '.join(ENVIRONMENTS)}" if name == "env" else form
        default = "true" if name == "rollback" else ""
        yield Term(SERVICE, "the service's own section", name, meaning, form, older.get(name, {}), default)


def _of_type(type_name: str) -> Iterator[Term]:
    return _of(kind_of(type_name).desired, type_name, section_of(type_name))


def _of(model: type[Model], owner: str, section: str) -> Iterator[Term]:
    rules, keywords, forms = rules_of(model), keywords_of(model), model.model_json_schema()
    for name, field in model.model_fields.items():
        keyword = keywords[name]
        if keyword.internal or (name in HEAD and owner != "dockerd"):
            continue
        yield Term(
            owner,
            section,
            name,
            field.description or "",
            _form(model, name, forms),
            _older(keyword),
            _default(field),
            field.is_required(),
            rules[name].impact,
            _flags(model, name),
            keyword.inherit and owner != "dockerd",
        )


def _older(keyword: Keyword) -> dict[str, tuple[str, ...]]:
    return dict.fromkeys(keyword.aliases, keyword.implies)


def _default(field: FieldInfo) -> str:
    """As a spec would write it; "" for nothing."""
    value = None if field.is_required() else default_of(field)
    if value in ("", (), {}, None):
        return ""
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)


def _flags(model: type[Model], name: str) -> tuple[str, ...]:
    """What of `docker run` it is: the letter, the option, its older spellings, and options that mean a part of it."""
    setting = settings_of(model).get(name)
    if setting is None:
        return ()
    letter = (f"-{setting.option.letter}",) if setting.option.letter else ()
    older = (f"--{old}" for old, new in EQUAL.items() if f"--{new}" == setting.flag)
    parts = (f"--{option}" for option, (keyword, _) in STANDS_FOR.items() if keyword == name)
    return (*letter, setting.flag, *older, *parts)


_UNITS: Final = {Unit.BYTES: "a size, such as 64m", Unit.SECONDS: "a time, such as 10s"}


def _form(model: type[Model], name: str, forms: Mapping[str, Any]) -> str:
    """What sort of value a keyword takes, in words."""
    unit = unit_of(model, name)
    if unit is not None:
        return _UNITS[unit]
    choices = [*_choices(forms["properties"][name], forms)]
    words = [str(word) for one in choices for word in one.get("enum", ()) or ([one["const"]] if "const" in one else ())]
    if words:
        return f"one of {', '.join(words)}"
    kinds = {str(one.get("type")) for one in choices} - {"null"}
    if "boolean" in kinds and not kinds & {"integer", "number"}:
        return "yes or no"
    if "object" in kinds:
        return "a map, or words such as NAME=VALUE"
    if "array" in kinds:
        return "a list, or words with blanks between them"
    if kinds and kinds <= {"integer", "number"}:
        return _number(next(one for one in choices if one.get("type") in kinds), whole=kinds == {"integer"})
    return "text"


def _choices(schema: Mapping[str, Any], forms: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The plain schemas that a schema stands for, one or the other."""
    if "$ref" in schema:
        yield from _choices(forms["$defs"][schema["$ref"].rpartition("/")[2]], forms)
    elif "anyOf" in schema:
        for one in schema["anyOf"]:
            yield from _choices(one, forms)
    else:
        yield schema


def _number(schema: Mapping[str, Any], *, whole: bool) -> str:
    noun = "a whole number" if whole else "a number"
    low, high = schema.get("minimum", schema.get("exclusiveMinimum")), schema.get("maximum")
    if low is not None and high is not None:
        return f"{noun} from {low} to {high}"
    return noun if low is None else f"{noun}, {low} or more" if "minimum" in schema else f"{noun} above {low}"


COSTS: Final[Mapping[Impact, str]] = {
    Impact.NONE: "nothing",
    Impact.LIVE: "changed in place",
    Impact.RESTART: "a restart",
    Impact.REPLACE: "a replacement",
    Impact.REFUSE: "refused",
}
"""What a change of a keyword costs a resource that is up, in words."""
