"""Document -> Service: keywords to fields, fields to validated models, every mistake with its place."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from pydantic import ValidationError

from reconciler.core.common import PLAIN, Common
from reconciler.core.ids import NAME, group_of
from reconciler.core.model import M
from reconciler.core.node import Node, Place
from reconciler.core.nodes import misplaced
from reconciler.core.policy import Aim, Goal
from reconciler.core.rules import keywords_of
from reconciler.core.secrets import HIDDEN, Lesson, replaced
from reconciler.core.service import Origin, Resource, Service
from reconciler.core.values import to_flag
from reconciler.core.veil import texts_of
from reconciler.resources.registry import SECTIONS, TYPES
from reconciler.spec import files, vocabulary
from reconciler.spec.document import Document, Entry, Scalar, Section, Table, Value, sort_of
from reconciler.spec.error import SpecError, meant
from reconciler.spec.explain import explained
from reconciler.spec.node_sets import read_nodes
from reconciler.spec.references import References, check_variables
from reconciler.spec.scope import scoped
from reconciler.spec.vocabulary import Carried, Spelt, carried

_GROUPS = {"yaml": ("resources", "subsets", "variables"), "ini": ()}
NAME_RULE = "letters, digits, '.', '_' and '-', beginning with a letter or digit, 63 at most"


_NOTHING: Final[Mapping[str, Entry]] = {}


class Builder:
    """Builds one service. `errors` holds what is wrong with it; `resources` what could be built all the same.

    stand_in: the name that resources are built with; another than `name` where that cannot be one.
    here: whether the service is for the node. If not it is read as its first node would, so that mistakes are found all the same.
    """

    def __init__(self, document: Document, name: str, node: Node) -> None:
        self.document = self.written = document
        self.node = node
        self.errors: list[SpecError] = []
        self.name = self.service_name(name)
        self.stand_in = "service" if self.errors else self.name
        nodes = read_nodes(document, node.name, self.fail)
        self.here, self.goal = nodes.here(node.name), nodes.goal(node.name)
        if not self.here and nodes.all:
            self.node = replace(node, name=nodes.all[0])
        self.document = scoped(document, nodes, self.node.name, self.fail)
        self.references = References(self.document, self.stand_in, self.node.name, self.errors.append)
        self.own: dict[str, Entry] = {}
        self.used: set[str] = set(vocabulary.HANDLED)
        self.resources: dict[str, Resource] = {}
        self.alone = True
        """Whether no file was read for it."""

    def fail(self, place: Section | Entry | Value | Origin, message: str) -> None:
        origin = place if isinstance(place, Origin) else self.document.at(place)
        self.errors.append(SpecError(origin, replaced(message, lambda _: HIDDEN)))

    def text_of(self, path: str) -> str:
        """Raises ValueError."""
        self.alone = False
        return files.text_of(path)

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
        stranger = misplaced(env, self.node.env)
        if self.here and stranger:
            self.here, self.goal = False, Goal(Aim.NONE, reason=stranger)
        return Service(
            self.name, self.document.at(own), self.resources if self.here else {}, parallel if self.here else frozenset(), rollback,
            self.document.text, self.document.format, folder, env, words["app"], words["comment"], self.goal, self.here,
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
            name, place, remedy = value.text, self.document.at(value), "write another name"
        if NAME.fullmatch(name) is None:
            self.fail(place, f"'{name}' cannot name a service ({NAME_RULE}); {remedy}")
        return name

    def own_keywords(self, entries: Mapping[str, Entry]) -> dict[str, Entry]:
        found: dict[str, Entry] = {}
        for name, entry in entries.items():
            if vocabulary.own_keyword(name) is None:
                self.fail(entry, vocabulary.why_not_own(name, _GROUPS[self.document.format]))
            elif self.has_value(entry, ""):
                found[name] = entry
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
        return Scalar(self.references.plain(entry.value), 0, 0).text

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
        mine, shared = carried(type_name), vocabulary.shared()
        fields: dict[str, Entry] = {}
        common: dict[str, Entry] = {}
        subset = ""
        supported = True
        for name, entry in section.entries.items():
            if name in mine.names:
                fields[name] = entry
            elif name in shared.names:
                common[name] = entry
            elif name == "type":
                supported = self.subtype(rid, group, type_name, entry)
            elif name == "subset":
                subset = self.subset(rid, entry)
            else:
                self.fail(entry, vocabulary.why_not_in_resource(type_name, rid, name))
        for entry in list(fields.values()) if mine.implies else ():
            line, column = entry.line, entry.column
            for flag in mine.implies.get(entry.key.partition("@")[0], ()):
                fields.setdefault(flag, Entry(entry.key, Scalar(True, line, column), line, column))
        for whose, found in ((mine, fields), (shared, common)):
            for name, entry in self.passed_on(whose).items():
                found.setdefault(name, entry)
        if supported:
            self.keep(rid, type_name, mine, fields, self.document.at(section), subset, common)

    def passed_on(self, mine: Spelt) -> dict[str, Entry]:
        """The service's own keywords that reach resources."""
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
        entry, word = section.entries.get("type"), section.word("type")
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
        word = entry.value.text
        if word in vocabulary.DRIVEN.get(type_name, ()) or word in SECTIONS.get(group, ()):
            return True
        self.fail(entry.value, vocabulary.why_not_subtype(type_name, rid, word))
        return False

    def subset(self, rid: str, entry: Entry) -> str:
        if not isinstance(entry.value, Scalar):
            self.fail(entry.value, f"{rid} subset: expected one word, not {sort_of(entry.value)}")
            return ""
        word = entry.value.text
        if not NAME.fullmatch(word):
            self.fail(entry.value, f"{rid} subset: '{word}' cannot name a subset ({NAME_RULE})")
        return word

    def implied(self) -> None:
        """Add the resources that follow from the service's keywords, without a section of their own. Of a service that is disabled
        as a whole so are they."""
        types = frozenset(group_of(rid) for rid in self.document.resources)
        whole = "disable" in self.own and all(resource.common.disable for resource in self.resources.values())
        common = {"disable": self.own["disable"]} if whole else _NOTHING
        keywords = {name: self.references.plain(entry.value) for name, entry in self.own.items() if name in vocabulary.HEAD}
        for type_name in vocabulary.unsectioned():
            mine = carried(type_name)
            if not mine.kind.implied(keywords, types):
                continue
            fields = self.passed_on(mine)
            section = next(iter(self.document.resources.values()), self.document.own)
            origin = self.document.at(next(iter(fields.values()), section))
            self.keep(type_name, type_name, mine, fields, origin, "", common)

    def keep(
        self,
        rid: str,
        type_name: str,
        mine: Carried,
        fields: Mapping[str, Entry],
        origin: Origin,
        subset: str,
        common: Mapping[str, Entry] = _NOTHING,
    ) -> None:
        """Validate a resource's fields and keep it. common: those that every type has."""
        desired = self.validated(mine.kind.desired, rid, fields, origin)
        beside = self.validated(Common, rid, common, origin) if common else PLAIN
        if desired is not None and beside is not None:
            file = self.document.file
            origins = {name: Origin(file, entry.line, entry.column) for name, entry in (*common.items(), *fields.items())}
            self.resources[rid] = Resource(rid, type_name, desired, origin, origins, subset, beside)

    def validated(self, model: type[M], rid: str, fields: Mapping[str, Entry], origin: Origin) -> M | None:
        """The model of these fields; None when anything is wrong with them."""
        data: dict[str, Any] = {}
        keywords, references = keywords_of(model), self.references
        broken: set[str] = set()
        secrets: dict[str, str] = {}
        references.taken = {}
        for name, entry in fields.items():
            before = len(self.errors) + references.unresolved
            if self.has_value(entry, rid):
                data[name] = references.plain(entry.value, rid)
                if keywords[name].refers:
                    self.refers(rid, entry, data[name], keywords[name].refers)
            if len(self.errors) + references.unresolved > before:
                broken.add(name)
            if references.taken:
                for secret, variable in references.taken.items():
                    secrets[secret] = variable
                    references.learn(Lesson(secret, variable, (name,)))
                references.taken = {}
        for name in broken:
            data.pop(name, None)
        try:
            place = Place(self.stand_in, rid, self.node, self.text_of if self.here else _nothing)
            found = model.model_validate(data, context=place)
        except ValidationError as err:
            for value, message in explained(err, rid, fields, self.own.values(), broken):
                self.fail(origin if value is None else value, f"{message}{self.elsewhere(rid, message)}")
            return None
        for secret, variable in secrets.items():  # a keyword may reach fields that have other names
            others = (name for name, value in found if name not in data and any(secret in text for text in texts_of(value)))
            self.references.learn(Lesson(secret, variable, tuple(others)))
        return None if broken else found

    def elsewhere(self, rid: str, message: str) -> str:
        """Where a keyword that is lacking is written for other nodes only."""
        section = self.written.resources.get(rid)
        known = vocabulary.spellings(rid, section.word("type")) if section is not None else {}
        for spelling, entry in section.entries.items() if section is not None else ():
            if message.endswith(f" lacks the keyword '{known.get(spelling.partition('@')[0])}'"):
                return f" on the node {self.node.name}: '{spelling}' in line {entry.line} is for others"
        return ""

    def refers(self, rid: str, entry: Entry, value: Any, types: Sequence[str]) -> None:
        """Check that each resource TYPE#INDEX is there that a value names: by itself, behind an option, or as a source."""
        words = value.split() if isinstance(value, str) else value if isinstance(value, (list, tuple)) else ()
        for word in words:
            found = _RID.search(word) if isinstance(word, str) and "#" in word else None
            if found is None or found[1] not in types or found[0].strip(",=") in self.document.resources:
                continue
            named = found[0].strip(",=")
            close = meant(named, [name for name in self.document.resources if name.startswith(f"{found[1]}#")])
            self.fail(entry.value, f"{rid} {entry.key}: this service has no resource '{named}'{close}")

    # subsets

    def parallel(self) -> frozenset[str]:
        """The subsets whose members start together, as "type:name"."""
        members = {f"{group_of(rid)}:{entry.word}" for rid, entry in self.subset_entries()}
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

    # values

    def has_value(self, entry: Entry, rid: str) -> bool:
        if isinstance(entry.value, Scalar) and entry.value.value is None:
            inside = f" in {rid}" if rid else ""
            self.fail(entry, f"'{entry.key}'{inside} has no value; give it one, or leave it out")
            return False
        return True


_RID = re.compile(r"(?:^|(?<=^-v)|(?<=^--net=)|(?<=^--network=)|(?<=^--volume=)|(?<=source=)|(?<=src=))([a-z]+)#[A-Za-z0-9][\w.-]*")
"""A rid where a word names a resource; what stands in a variable's value is none."""


def _nothing(path: str) -> str:
    """What stands in a file of another node."""
    return ""
