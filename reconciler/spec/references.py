"""References: `{svcname}`, `{env.NAME}`, `{fs#1.mnt}` and the like in values, replaced textually.

A token is `{word}`, `{section.keyword}`, `{#list}`, `{list[n]}`, `{modifier:word}`; a `$` before it makes it the shell's. One that
names something known but cannot be resolved is an error, told where it stands, as is a slip of the pen in one that could be. Any
other brace (JSON in a value) stays.
Nothing comes from the environment of the process: a spec means the same whoever reads it.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from reconciler.core.ids import group_of
from reconciler.core.secrets import Lesson, learn, looks_secret
from reconciler.core.veil import counts
from reconciler.spec import vocabulary
from reconciler.spec.document import Document, Entry, Items, Scalar, Value, sort_of
from reconciler.spec.error import SpecError, meant, nearest

_TOKEN = re.compile(r"(?<!\$)\{(\w*[\w#][\w.\[\]:/#-]*)\}")
_PART = re.compile(r"(.+)\[(\d{1,6})\]")
_MODIFIERS: Mapping[str, Callable[[str], str]] = {
    "upper": str.upper,
    "lower": str.lower,
    "capitalize": str.capitalize,
    "title": str.title,
    "swapcase": str.swapcase,
    "uri_ip": lambda text: f"[{text}]" if ":" in text else text,
}
_PLACE = re.compile(r"(?:file|dir|path|folder)s?$", re.IGNORECASE)
"""How the name of a variable ends that says where a secret lies."""
_DEPTH = 20
_MOST = 1 << 20
"""Characters that the references of one service may come to, so that they cannot multiply without end."""


class _At(NamedTuple):
    """Where a token stands: its value, and the rid of the section; "" for the service's own and for variables."""

    value: Value
    rid: str = ""


class _Unresolved(Exception):
    """What is wrong with a token, as a clause."""


class References:
    """Resolves the references of one document that was read for a node. unresolved: how many could not be.

    taken: the secrets that were put somewhere since it was emptied last, and the names of their variables. lessons: all that was
    learned of them.
    """

    def __init__(self, document: Document, service: str, node: str, fail: Callable[[SpecError], None]) -> None:
        self.document = document
        self.fail = fail
        self.names: Mapping[str, str] = {
            **dict.fromkeys(("svcname", "name", "short_name"), service),
            "nodename": node,
            "short_nodename": node.partition(".")[0],
        }
        self.defaults: Mapping[str, str] = {"nodes": node}
        self.unresolved = 0
        self.size = 0
        self.known: dict[tuple[str, str], Any] = {}
        self.taken: dict[str, str] = {}
        self.lessons: dict[Lesson, None] = {}
        self.takes: dict[tuple[str, str], dict[str, str]] = {}
        self.told: set[object] = set()

    def plain(self, value: Value, rid: str = "") -> Any:
        """A value of a section as the models take it, references resolved. A token that cannot be is told, and left as it is."""
        return self.resolved(value, rid, ())

    def resolved(self, value: Value, rid: str, through: tuple[str, ...], inside: bool = False) -> Any:
        """through: the keywords and variables that led here. inside: it is part of a list or a map, and has to be one word."""
        if type(value) is Scalar:
            text = value.value
            return self.text(text, _At(value, rid), through, inside) if type(text) is str and "{" in text else text
        if type(value) is Items:
            return [self.resolved(item, rid, through, True) for item in value.items]
        entries = value.entries.items()  # type: ignore[union-attr]
        return {key: self.resolved(entry.value, rid, through, True) for key, entry in entries}

    def text(self, text: str, at: _At, through: tuple[str, ...], inside: bool) -> Any:
        """One text. What is nothing but a reference to a list or a map is that list or map."""
        whole = _TOKEN.fullmatch(text)
        if whole is not None and not inside:
            return self.token(whole[1], at, through, whole=True)
        return _TOKEN.sub(lambda found: str(self.token(found[1], at, through)), text)

    def token(self, token: str, at: _At, through: tuple[str, ...], *, whole: bool = False) -> Any:
        """whole: there is nothing beside it; else the words of a list come with blanks between them."""
        literal = f"{{{token}}}"
        try:
            found = self.meaning(token, at, through)
            if found is None:
                right = self.slip(token, at)
                if not right:
                    return literal
                raise _Unresolved(f"did you mean '{{{right}}}'? A brace that is to stay comes from a variable that holds it")
            if not whole and isinstance(found, list):
                found = " ".join(_words(found))
            if not whole and isinstance(found, dict):
                raise _Unresolved("it is a map, and cannot be part of a text")
            self.take(token, str(found))
            self.size += len(str(found))
            if self.size > _MOST:
                raise _Unresolved(self.once("size", f"the references of this service come to more than {_MOST >> 20} MiB"))
            return found
        except _Unresolved as err:
            self.unresolved += 1
            if str(err):
                self.fail(SpecError(self.document.at(at.value), f"'{literal}' cannot be resolved: {err}"))
            return literal

    def take(self, token: str, value: str) -> None:
        """Learn of a secret that a token put somewhere: of what a variable says whose name looks secret. Where one lies is none."""
        section, _, name = token.rpartition(":")[2].partition("[")[0].partition(".")
        if section == "env" and looks_secret(name) and counts(value) and not (value.startswith("/") and _PLACE.search(name)):
            self.learn(Lesson(value, name))
            self.taken[value] = name

    def learn(self, lesson: Lesson) -> None:
        self.lessons[lesson] = None
        learn(*lesson)

    def slip(self, token: str, at: _At) -> str:
        """What a token that is no reference was meant to be, where something that is there has nearly that name; "" for none."""
        modifier, colon, rest = token.partition(":")
        if colon and modifier in _MODIFIERS:
            inner = self.slip(rest, at)
            return f"{modifier}:{inner}" if inner else ""
        if colon:
            near = nearest(modifier, _MODIFIERS)
            return f"{near}:{rest}" if near and self.is_reference(rest, at) else ""
        if token.startswith("#"):
            inner = self.slip(token[1:], at)
            return f"#{inner}" if inner else ""
        part = _PART.fullmatch(token)
        if part is not None:
            inner = self.slip(part[1], at)
            return f"{inner}[{part[2]}]" if inner else ""
        section, dot, keyword = token.rpartition(".")
        if not dot:
            return nearest(token, self.names, 0.85)
        near = nearest(section, self.document.resources)
        if near and self.entry(near, keyword) is not None:
            return f"{near}.{keyword}"
        groups = {"env": keyword in self.document.variables, "DEFAULT": self.entry("", keyword) is not None}
        near = nearest(section, [name for name, has in groups.items() if has], 0.6)
        return f"{near}.{keyword}" if near else ""

    def is_reference(self, token: str, at: _At) -> bool:
        """Whether a token is one, even if it cannot be resolved."""
        try:
            return self.meaning(token, at, ()) is not None
        except _Unresolved:
            return True

    def once(self, what: object, message: str) -> str:
        """The message; "" when it was told before."""
        if what in self.told:
            return ""
        self.told.add(what)
        return message

    def meaning(self, token: str, at: _At, through: tuple[str, ...], depth: int = 0) -> Any:
        """What a token stands for; None when it is no reference. depth: how many signs stood before it. Raises _Unresolved."""
        if depth > _DEPTH:
            raise _Unresolved(f"more than {_DEPTH} modifiers, counts and indexes stand around one word")
        modifier, colon, rest = token.partition(":")
        if colon:
            if modifier == "safe":
                raise _Unresolved("files of secrets are not supported yet; write the value itself")
            if modifier not in _MODIFIERS:
                return None
            found = self.meaning(rest, at, through, depth + 1)
            return None if found is None else _MODIFIERS[modifier](_word(found))
        if token.startswith("#"):
            found = self.meaning(token[1:], at, through, depth + 1)
            return None if found is None else str(len(_words(found)))
        part = _PART.fullmatch(token)
        if part is not None:
            found = self.meaning(part[1], at, through, depth + 1)
            words = _words(found) if found is not None else []
            if found is not None and int(part[2]) >= len(words):
                raise _Unresolved(f"{part[1]} has {len(words)} words, and the first is [0]")
            return None if found is None else words[int(part[2])]
        return self.value(token, at, through)

    def value(self, name: str, at: _At, through: tuple[str, ...]) -> Any:
        """What a name stands for; None when it is none of the reference's. Raises _Unresolved."""
        if name in self.names:
            return self.names[name]
        if name in ("rid", "rindex"):
            found = at.rid if name == "rid" else at.rid.partition("#")[2]
            if not found:
                raise _Unresolved("it stands in the section of no resource")
            return found
        section, dot, keyword = name.rpartition(".")
        if dot and "#" in section:
            return self.of_resource(section, keyword, through)
        section, dot, keyword = name.partition(".")
        if dot:
            return self.of_group(section, keyword, through)
        for rid in dict.fromkeys((at.rid, "")):
            entry = self.entry(rid, name)
            if entry is not None:
                return self.entered(rid, entry, f"{rid}.{name}" if rid else name, through)
        if name in self.defaults:
            return self.defaults[name]
        if name in vocabulary.REFERENCES:
            raise _Unresolved("this reference is not supported yet; write the value itself")
        if vocabulary.known_anywhere(name):
            where = f"neither {at.rid} nor the service's own section says" if at.rid else "the service's own section does not say"
            raise _Unresolved(f"{where} '{name}'")
        return None

    def of_group(self, section: str, keyword: str, through: tuple[str, ...]) -> Any:
        """`env.NAME`, `DEFAULT.keyword`."""
        if section == "env":
            entry = self.document.variables.get(keyword)
            if entry is None:
                raise _Unresolved(f"there is no variable '{keyword}'{meant(keyword, self.document.variables)}")
            return self.entered("", entry, f"env.{keyword}", through)
        if section == "DEFAULT":
            entry = self.entry("", keyword)
            if entry is None:
                raise _Unresolved(f"the service's own section does not say '{keyword}'")
            return self.entered("", entry, keyword, through)
        if section in ("node", "labels", "data"):
            raise _Unresolved("this reference is not supported yet; write the value itself")
        return None

    def of_resource(self, rid: str, keyword: str, through: tuple[str, ...]) -> Any:
        """`fs#1.mnt`."""
        if rid not in self.document.resources:
            if not vocabulary.known_type(group_of(rid)):
                return None
            raise _Unresolved(f"this service has no resource '{rid}'{meant(rid, self.document.resources)}")
        entry = self.entry(rid, keyword)
        if entry is None:
            section = self.document.resources[rid]
            kind = vocabulary.resource_type(group_of(rid), section.word("type")) or group_of(rid)
            if keyword == "exposed_devs" and kind in vocabulary.EXPOSED:
                at = _At(Scalar("", section.line, section.column), rid)
                return self.text(vocabulary.EXPOSED[kind].replace("RID", rid), at, through, inside=True)
            if keyword in vocabulary.DEFERRED:
                raise _Unresolved(f"{vocabulary.DEFERRED[keyword]}; write the path itself")
            raise _Unresolved(f"{rid} does not say '{keyword}'{meant(keyword, self.document.resources[rid].entries)}")
        return self.entered(rid, entry, f"{rid}.{keyword}", through)

    def entry(self, rid: str, spelling: str) -> Entry | None:
        """What a section says of a keyword, by any spelling."""
        section = self.document.resources.get(rid) if rid else self.document.own
        if section is None:
            return None
        name = vocabulary.spellings(rid, section.word("type")).get(spelling) if rid else vocabulary.own_keyword(spelling)
        return section.entries.get(name or spelling)

    def entered(self, rid: str, entry: Entry, name: str, through: tuple[str, ...]) -> Any:
        """The value of an entry, itself resolved. Raises _Unresolved."""
        if name in through or len(through) >= _DEPTH:
            chain = (*through[through.index(name) if name in through else 0 :], name)
            what = "it goes in a circle" if name in through else f"it leads over more than {_DEPTH} others"
            raise _Unresolved(self.once(frozenset(chain), f"{what} ({' -> '.join(chain)})"))
        if (rid, name) not in self.known:
            before, outer, self.taken = self.unresolved, self.taken, {}
            found = self.resolved(entry.value, rid, (*through, name))
            self.known[rid, name] = Scalar(found, 0, 0).text if not isinstance(found, (list, dict)) else found
            self.takes[rid, name], self.taken = self.taken, outer
            if self.unresolved > before:
                self.known[rid, name] = None
        self.taken |= self.takes[rid, name]
        if self.known[rid, name] is None:
            raise _Unresolved("")
        return self.known[rid, name]


def _words(value: Any) -> list[str]:
    if isinstance(value, dict):
        raise _Unresolved("it is a map, not a list")
    return [Scalar(word, 0, 0).text for word in value] if isinstance(value, list) else value.split()


def _word(value: Any) -> str:
    if isinstance(value, (list, dict)):
        raise _Unresolved(f"it is a {'list' if isinstance(value, list) else 'map'}, not one word")
    return str(value)


def check_variables(document: Document, fail: Callable[[SpecError], None]) -> None:
    """Report variables that are not one word."""
    for name, entry in document.variables.items():
        if not isinstance(entry.value, Scalar):
            fail(SpecError(document.at(entry.value), f"the variable '{name}' must be one word, not {sort_of(entry.value)}"))
