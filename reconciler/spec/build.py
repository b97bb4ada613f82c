"""Document -> Service: keywords to fields, fields to validated models, every mistake with its place."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from reconciler.core.ids import NAME, group_of
from reconciler.core.node import Node, Place
from reconciler.core.rules import keywords_of
from reconciler.core.secrets import HIDDEN, replaced
from reconciler.core.service import Origin, Resource, Service
from reconciler.core.values import to_flag
from reconciler.resources.registry import SECTIONS, TYPES
from reconciler.spec import files, vocabulary
from reconciler.spec.document import Document, Entry, Items, Scalar, Section, Table, Value, sort_of
from reconciler.spec.error import SpecError, meant
from reconciler.spec.references import References, check_variables
from reconciler.spec.vocabulary import Carried, carried

_GROUPS = {"yaml": ("resources", "subsets", "variables"), "ini": ()}
NAME_RULE = "letters, digits, '.', '_' and '-', beginning with a letter or digit, 63 at most"


class Builder:
    """Builds one service. `errors` holds what is wrong with it; `resources` what could be built all the same.

    stand_in: the name that resources are built with; another than `name` where that cannot be one.
    """

    def __init__(self, document: Document, name: str, node: Node) -> None:
        self.document = document
        self.node = node
        self.errors: list[SpecError] = []
        self.name = self.service_name(name)
        self.stand_in = "service" if self.errors else self.name
        self.references = References(document, self.stand_in, node.name, self.errors.append)
        self.own: dict[str, Entry] = {}
        self.used: set[str] = set(vocabulary.HANDLED)
        self.resources: dict[str, Resource] = {}

    def fail(self, place: Section | Entry | Value | Origin, message: str) -> None:
        origin = place if isinstance(place, Origin) else self.document.at(place)
        self.errors.append(SpecError(origin, replaced(message, lambda _: HIDDEN)))

    def build(self, folder: str) -> Service | None:
        """The service, or None when anything is wrong with it."""
        own = self.document.own
        self.own = self.own_keywords(own.entries)
        check_variables(self.document, self.errors.append)
        for rid, section in self.document.resources.items():
            self.resource(rid, section)
        self.implied()
        for name, entry in self.own.items():
            if name not in self.used and not self.errors:
                self.fail(entry, f"no resource of this service uses '{name}'; leave it out")
        parallel = self.parallel()
        env = self.env()
        words = {key: self.word(key) for key in ("app", "comment")}
        rollback = self.flag(self.own.get("rollback"), "rollback", True)
        if self.errors:
            return None
        return Service(
            self.name, self.document.at(own), self.resources, parallel, rollback, self.document.text, self.document.format, folder,
            env, words["app"], words["comment"],
        )  # fmt: skip

    # the service's own section

    def service_name(self, given: str) -> str:
        """By `name`, or by the file."""
        entry = self.document.own.entries.get("name")
        name, place, remedy = given, self.document.at(self.document.own), "rename the file, or write a 'name'"
        if entry is not None:
            value = entry.value
            if not isinstance(value, Scalar) or value.value is None:
                self.fail(value, f"name: expected one word, not {sort_of(value)}")
                return given
            name, place, remedy = _text(value), self.document.at(value), "write another name"
        if NAME.fullmatch(name) is None:
            self.fail(place, f"'{name}' cannot name a service ({NAME_RULE}); {remedy}")
        return name

    def own_keywords(self, entries: Mapping[str, Entry]) -> dict[str, Entry]:
        known = vocabulary.own_keywords()
        found: dict[str, Entry] = {}
        for spelling, entry in entries.items():
            keyword = known.get(spelling)
            if keyword is None:
                self.fail(entry, vocabulary.why_not_own(spelling, _GROUPS[self.document.format]))
            elif keyword in found:
                self.twice(spelling, entry, found[keyword], "the service's own section")
            elif self.has_value(entry, ""):
                found[keyword] = entry
        return found

    def env(self) -> str:
        """The service's environment, one of the reference's; the node's where the service has none."""
        entry = self.own.get("env")
        if entry is None:
            return self.node.env
        if isinstance(entry.value, Table):
            self.fail(entry.value, "env: expected one word such as PRD, not a map; variables belong under 'variables:'")
            return ""
        word = self.word("env")
        if word not in vocabulary.ENVIRONMENTS:
            close = meant(word, vocabulary.ENVIRONMENTS)
            self.fail(entry.value, f"env: expected one of {', '.join(vocabulary.ENVIRONMENTS)}, not '{word}'{close}")
        return word

    def word(self, key: str) -> str:
        entry = self.own.get(key)
        if entry is None:
            return ""
        if not isinstance(entry.value, Scalar):
            self.fail(entry.value, f"{key}: expected one word, not {sort_of(entry.value)}")
            return ""
        return _text(Scalar(self.references.plain(entry.value), entry.value.line, entry.value.column))

    def flag(self, entry: Entry | None, name: str, default: bool) -> bool:
        if entry is None:
            return default
        try:
            return to_flag(self.references.plain(entry.value))
        except ValueError as err:
            self.fail(entry.value, f"{name}: {err}")
            return default

    # resources

    def resource(self, rid: str, section: Section) -> None:
        group, sign, index = rid.partition("#")
        if not sign:
            self.fail(section, self.not_a_rid(rid))
            return
        if group not in vocabulary.sectioned() or not NAME.fullmatch(index):
            if vocabulary.known_type(group) and not NAME.fullmatch(index):
                self.fail(section, f"'{rid}' cannot name a resource: after '#' comes a number or a name ({NAME_RULE})")
            else:
                self.fail(section, vocabulary.why_not_type(group, rid))
            return
        type_name = self.type_name(rid, group, section)
        if not type_name:
            return
        mine = carried(type_name)
        fields: dict[str, Entry] = {}
        subset = ""
        supported = True
        for spelling, entry in section.entries.items():
            name = mine.fields.get(spelling)
            if name is None and spelling in vocabulary.COMMON_HANDLED:
                if spelling == "type":
                    supported = self.subtype(rid, group, type_name, entry)
                elif spelling == "subset":
                    subset = self.subset(rid, entry)
                elif not isinstance(entry.value, Scalar):
                    self.fail(entry.value, f"{rid} {spelling}: expected one word, not {sort_of(entry.value)}")
            elif name is None:
                self.fail(entry, vocabulary.why_not_in_resource(type_name, rid, spelling))
            elif name in fields:
                self.twice(spelling, entry, fields[name], rid)
            else:
                fields[name] = entry
        for spelling, flags in mine.implies.items():
            if spelling in section.entries:
                entry = section.entries[spelling]
                for flag in flags:
                    fields.setdefault(flag, Entry(spelling, Scalar(True, entry.line, entry.column), entry.line, entry.column))
        for name, entry in self.passed_on(mine).items():
            fields.setdefault(name, entry)
        if supported:
            self.keep(rid, type_name, mine, fields, self.document.at(section), subset)

    def passed_on(self, mine: Carried) -> dict[str, Entry]:
        """The service's own keywords that reach resources of a type."""
        fields = {name: self.own[name] for name in mine.inherited.values() if name in self.own}
        self.used.update(fields)
        return fields

    def not_a_rid(self, rid: str) -> str:
        known = {f"{type_name}#1": type_name for type_name in vocabulary.KNOWN}
        if rid in TYPES and f"{rid}#1" not in known:
            return f"'{rid}' has no section of its own: its keywords stand in the service's own section"
        if rid in known.values():
            return f"a resource is written as type#index, such as '{rid}#1', not '{rid}'"
        close = meant(rid, ["DEFAULT", "env"] if self.document.format == "ini" else ())
        return f"unknown section '{rid}'{close or '; a resource is written as type#index, such as container#1'}"

    def type_name(self, rid: str, group: str, section: Section) -> str:
        """The resource type of a section; "" where it has none that there is a driver for."""
        entry = section.entries.get("type")
        word = _word(entry) if entry is not None else ""
        found = vocabulary.resource_type(group, word)
        if not found and entry is None:
            self.fail(section, f"{rid} lacks the keyword 'type'; supported: {', '.join(SECTIONS[group])}")
        elif not found and entry is not None:
            self.fail(entry.value, vocabulary.why_not_subtype(group, rid, word))
        return found

    def subtype(self, rid: str, group: str, type_name: str, entry: Entry) -> bool:
        """Whether there is a driver for what `type` says."""
        if not isinstance(entry.value, Scalar):
            self.fail(entry.value, f"{rid} type: expected one word, not {sort_of(entry.value)}")
            return False
        word = _text(entry.value)
        if word in vocabulary.DRIVEN.get(type_name, ()) or word in SECTIONS.get(group, ()):
            return True
        self.fail(entry.value, vocabulary.why_not_subtype(type_name, rid, word))
        return False

    def subset(self, rid: str, entry: Entry) -> str:
        if not isinstance(entry.value, Scalar):
            self.fail(entry.value, f"{rid} subset: expected one word, not {sort_of(entry.value)}")
            return ""
        word = _text(entry.value)
        if not NAME.fullmatch(word):
            self.fail(entry.value, f"{rid} subset: '{word}' cannot name a subset ({NAME_RULE})")
        return word

    def implied(self) -> None:
        """Add the resources that follow from the service's keywords, without a section of their own."""
        types = frozenset(group_of(rid) for rid in self.document.resources)
        keywords = {name: self.references.plain(entry.value) for name, entry in self.own.items() if name not in vocabulary.HANDLED}
        for type_name in TYPES:
            mine = carried(type_name)
            if not mine.kind.implied(keywords, types):
                continue
            fields = self.passed_on(mine)
            section = next(iter(self.document.resources.values()), self.document.own)
            origin = self.document.at(next(iter(fields.values()), section))
            self.keep(type_name, type_name, mine, fields, origin, "")

    def keep(self, rid: str, type_name: str, mine: Carried, fields: Mapping[str, Entry], origin: Origin, subset: str) -> None:
        """Validate a resource's fields and keep it."""
        data: dict[str, Any] = {}
        broken: set[str] = set()
        for name, entry in fields.items():
            before = len(self.errors)
            if self.has_value(entry, rid):
                data[name] = self.references.plain(entry.value)
                self.refers(rid, entry, data[name], keywords_of(mine.kind.desired)[name].refers)
            if len(self.errors) > before:
                broken.add(name)
        for name in broken:
            data.pop(name, None)
        try:
            desired = mine.kind.desired.model_validate(data, context=Place(self.stand_in, rid, self.node, files.text_of))
        except ValidationError as err:
            self.explain(err, rid, fields, broken, origin)
            return
        if not broken:
            at = self.document.at
            origins = {name: at(entry) for name, entry in fields.items()}
            self.resources[rid] = Resource(rid, type_name, desired, origin, origins, subset)

    def refers(self, rid: str, entry: Entry, value: Any, types: Sequence[str]) -> None:
        """Check that each resource TYPE#INDEX is there that a value names: by itself, behind an option, or as a source."""
        words = value.split() if isinstance(value, str) else value if isinstance(value, (list, tuple)) else ()
        for word in words if types else ():
            found = _RID.search(word) if isinstance(word, str) else None
            if found is None or found[1] not in types or found[0].strip(",=") in self.document.resources:
                continue
            named = found[0].strip(",=")
            close = meant(named, [name for name in self.document.resources if name.startswith(f"{found[1]}#")])
            self.fail(entry.value, f"{rid} {entry.key}: this service has no resource '{named}'{close}")

    def explain(self, err: ValidationError, rid: str, fields: Mapping[str, Entry], broken: set[str], origin: Origin) -> None:
        """Each of pydantic's errors as one of ours, at the place that it is about."""
        for one in err.errors(include_url=False):
            loc = one["loc"]
            about = str(loc[0]) if loc else _clause(one).partition(" ")[0].rstrip(":")
            if about in broken:
                continue
            entry = fields.get(about) or _quoted_in(_clause(one), fields)
            if entry is None:
                self.fail(origin, f"{rid} lacks the keyword '{about}'" if one["type"] == "missing" else f"{rid}: {_clause(one)}")
                continue
            whose = "" if self.own.get(about) is entry else f"{rid} "
            words = _clause(one) if about in fields and not loc else f"{entry.key}: {_clause(one)}{_braces(entry)}"
            self.fail(_within(entry.value, loc[1:]), f"{whose}{words}")

    # subsets

    def parallel(self) -> frozenset[str]:
        """The subsets whose members start together, as "type:name"."""
        members = {f"{group_of(rid)}:{_word(entry)}" for rid, entry in self.subset_entries()}
        found: set[str] = set()
        for name, section in self.document.subsets.items():
            driver, sign, word = name.partition(":")
            type_name = driver.partition(".")[0]
            if not sign or not NAME.fullmatch(word) or not vocabulary.known_type(type_name):
                self.fail(section, f"'{name}' cannot name a subset; write type:name, such as container:web")
                continue
            key = f"{type_name}:{word}"
            if key not in members:
                close = meant(key, members)
                self.fail(section, f"no {type_name} of this service is in the subset '{word}'{close or '; leave this section out'}")
            for spelling, entry in section.entries.items():
                if spelling == "parallel":
                    if self.flag(entry, f"subset {name} parallel", False):
                        found.add(key)
                elif spelling != "comment":
                    known = spelling in vocabulary.SUBSET_KNOWN
                    why = f"keyword '{spelling}' in subset {name} is not supported yet; leave it out"
                    close = meant(spelling, vocabulary.SUBSET_KNOWN)
                    self.fail(entry, why if known else f"unknown keyword '{spelling}' in subset {name}{close}")
        return frozenset(found)

    def subset_entries(self) -> list[tuple[str, Entry]]:
        sections = self.document.resources.items()
        return [(rid, section.entries["subset"]) for rid, section in sections if "subset" in section.entries]

    # words

    def has_value(self, entry: Entry, rid: str) -> bool:
        if isinstance(entry.value, Scalar) and entry.value.value is None:
            inside = f" in {rid}" if rid else ""
            self.fail(entry, f"'{entry.key}'{inside} has no value; give it one, or leave it out")
            return False
        return True

    def twice(self, spelling: str, entry: Entry, first: Entry, inside: str) -> None:
        self.fail(entry, f"'{spelling}' in {inside} says again what '{first.key}' says in line {first.line}; keep one")


_RID = re.compile(r"(?:^|(?<=^-v)|(?<=^--net=)|(?<=^--network=)|(?<=^--volume=)|(?<=source=)|(?<=src=))([a-z]+)#[A-Za-z0-9][\w.-]*")
"""A rid where a word names a resource; what stands in a variable's value is none."""


def _text(value: Scalar) -> str:
    if isinstance(value.value, bool):
        return "true" if value.value else "false"
    return "" if value.value is None else str(value.value)


def _word(entry: Entry) -> str:
    return _text(entry.value) if isinstance(entry.value, Scalar) else ""


def _within(value: Value, loc: tuple[int | str, ...]) -> Value:
    """The value that the rest of an error's location points at; segments that are no key of it are passed over."""
    for part in loc:
        if isinstance(value, Table) and part in value.entries:
            value = value.entries[str(part)].value
        elif isinstance(value, Items) and isinstance(part, int) and part < len(value.items):
            value = value.items[part]
    return value


def _quoted_in(message: str, fields: Mapping[str, Entry]) -> Entry | None:
    """The field that a message of a whole model is about, where it quotes that field's value."""
    words = ((entry, entry.value.value) for entry in fields.values() if isinstance(entry.value, Scalar))
    return next((entry for entry, word in words if isinstance(word, str) and word and repr(word) in message), None)


def _braces(entry: Entry) -> str:
    """A hint where YAML took an unquoted reference for a map."""
    value = entry.value
    if isinstance(value, Table) and value.flow and len(value.entries) == 1:
        (key, inner), *_ = value.entries.items()
        if isinstance(inner.value, Scalar) and inner.value.value is None:
            return f"; quote a value that begins with a brace: '{{{key}}}'"
    return ""


_SIMPLE = {
    "int_parsing": "expected a whole number, not {input!r}",
    "int_type": "expected a whole number, not {input}",
    "int_from_float": "expected a whole number, not {input!r}",
    "float_parsing": "expected a number, not {input!r}",
    "float_type": "expected a number, not {input}",
    "bool_parsing": "expected true or false, not {input!r}",
    "bool_type": "expected true or false, not {input}",
    "string_type": "expected one word, not {input}",
    "tuple_type": "expected a list, not {input}",
    "dict_type": "expected a map, not {input}",
    "greater_than_equal": "expected {ge} or more, not {input}",
    "greater_than": "expected more than {gt}, not {input}",
    "less_than_equal": "expected {le} or less, not {input}",
    "less_than": "expected less than {lt}, not {input}",
    "literal_error": "expected {expected}, not {input!r}",
    "enum": "expected {expected}, not {input!r}",
}


def _clause(one: Any) -> str:
    """One of pydantic's errors in our words."""
    context = one.get("ctx", {})
    if one["type"] in ("value_error", "assertion_error"):
        return str(context["error"])
    template = _SIMPLE.get(one["type"])
    value = one.get("input")
    if template is None:
        return f"{one['msg'][:1].lower()}{one['msg'][1:]}"
    if isinstance(value, (dict, list, tuple)):
        value = "a map" if isinstance(value, dict) else "a list"
        template = template.replace("{input!r}", "{input}")
    return template.format(**{**context, "input": value})
