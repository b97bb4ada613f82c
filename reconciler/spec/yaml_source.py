"""YAML text -> Documents, one per YAML document.

libyaml composes the text to nodes, so that every value has a position. Scalars follow YAML 1.2, and a number stays text
where its digits could not be had back from the number (`1.10`, `007`): `22:22` is a port pair, `on` is a word.
Aliases may be used, but not to multiply or to nest without end.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import yaml
from yaml._yaml import CParser

from reconciler.core.service import Origin
from reconciler.spec.document import Document, Entry, Items, Plain, Scalar, Section, Table, Value, sort_of
from reconciler.spec.error import SpecError

MAX_DEPTH = 50
MAX_VALUES = 100_000
"""In one document, with every alias written out."""

_TAGS = frozenset(f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "seq", "map"))
_TAG_OF: dict[type[yaml.Node], str] = {
    yaml.ScalarNode: "tag:yaml.org,2002:str",
    yaml.SequenceNode: "tag:yaml.org,2002:seq",
    yaml.MappingNode: "tag:yaml.org,2002:map",
}
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})(\.[0-9]{1,17})?")
_NULLS = frozenset(("", "~", "null", "Null", "NULL"))
_DEEP_LINE = re.compile(r"^[-?: \t]{50}", re.MULTILINE)

_REMEDIES = (
    ("cannot start any token", "put the value in quotes"),
    (
        "mapping values are not allowed",
        "write a blank behind the ':' of a keyword, quote a value that contains ': ', or check the indentation",
    ),
    ("block sequence entries are not allowed", "put the list on the lines below its keyword"),
    ("did not find expected ',' or ']'", "close the list with ']'"),
    ("did not find expected ',' or '}'", "close the map with '}'"),
    ("unexpected end of stream", "close the quotes"),
    ("undefined alias", "quote a value that begins with '*', or define the anchor first"),
    ("could not find expected ':'", "write 'keyword: value'"),
    ("unknown escape", "use single quotes, in which a backslash is itself"),
    ("expected <document start>", "separate documents with '---'"),
    ("did not find expected key", "keywords of one level begin in the same column"),
    ("incompatible YAML document", "leave the %YAML line out"),
    ("second occurrence", "give each anchor its own name"),
)


class _Loader(CParser):
    """libyaml alone, which guesses no types: a scalar without a tag is a str."""

    def descend_resolver(self, current_node: yaml.Node | None, current_index: object) -> None:
        """Called for each node; there are no resolvers by path."""

    def ascend_resolver(self) -> None:
        """Called for each node; there are no resolvers by path."""

    def resolve(self, kind: type[yaml.Node], value: object, implicit: object) -> str:
        return _TAG_OF[kind]


class _Wrong(Exception):
    """Ends the reading of one document."""

    def __init__(self, line: int, column: int, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.column = column
        self.message = message


class _Walk:
    """Turns one document's nodes into values. Keeps going after a wrong key; stops where the tree itself is a trap."""

    def __init__(self) -> None:
        self.errors: list[_Wrong] = []
        self.count = 0

    def value(self, node: Any, depth: int = 0) -> Value:
        self.count += 1
        mark = node.start_mark
        line, column = mark.line + 1, mark.column + 1
        if self.count > MAX_VALUES:
            raise _Wrong(line, column, f"there are more than {MAX_VALUES} values here; do not multiply them with aliases")
        if depth > MAX_DEPTH:
            raise _Wrong(line, column, f"nested more than {MAX_DEPTH} deep; an alias must not stand inside what it names")
        if node.tag not in _TAGS:
            self.errors.append(_Wrong(line, column, f"the tag {node.tag!r} has no meaning in a spec; write the plain value"))
        kind = type(node)
        if kind is yaml.ScalarNode:
            return Scalar(node.value if node.style else _plain(node.value), line, column)
        if kind is yaml.SequenceNode:
            return Items(tuple([self.value(item, depth + 1) for item in node.value]), line, column)
        return Table(self.entries(node, depth), line, column, bool(node.flow_style))

    def entries(self, node: Any, depth: int) -> dict[str, Entry]:
        found: dict[str, Entry] = {}
        for key_node, value_node in node.value:
            mark = key_node.start_mark
            line, column = mark.line + 1, mark.column + 1
            value = self.value(value_node, depth + 1)
            if type(key_node) is not yaml.ScalarNode or not key_node.value:
                self.errors.append(_Wrong(line, column, "a keyword must be one word; quote it if it begins with a bracket"))
                continue
            key = key_node.value
            if key == "<<":
                message = "'<<' does not merge maps in YAML 1.2; repeat the keywords, or put them in the service's own section"
                self.errors.append(_Wrong(line, column, message))
            elif key in found:
                message = f"'{key}' is written twice, first in line {found[key].line}; keep one"
                self.errors.append(_Wrong(line, column, message))
            else:
                found[key] = Entry(key, value, line, column)
        return found


def _plain(text: str) -> Plain:
    """An unquoted word: null, true, false or a number where that loses nothing, else the text."""
    if text in _NULLS:
        return None
    if text == "true":
        return True
    if text == "false":
        return False
    if text[0] in "-0123456789":
        found = _NUMBER.fullmatch(text)
        if found is not None and text != "-0":
            if found[1] is None:
                return int(text)
            number = float(text)
            return number if str(number) == text else text
    return text


def read(text: str, file: str) -> tuple[list[Document], list[SpecError]]:
    """Read a YAML text (line ends are '\\n'). Returns a document for each that could be read, and every error."""
    documents: list[Document] = []
    errors: list[SpecError] = []
    begin = 0
    lines: list[str] = []
    """Of several documents only: where each ends."""
    try:
        _refuse_depth(text)
        loader = _Loader(text)
        try:
            while loader.check_node():
                node = loader.get_node()
                if node is None or (isinstance(node, yaml.ScalarNode) and not node.value):
                    continue
                walk = _Walk()
                root = walk.value(node)
                errors.extend(SpecError(Origin(file, wrong.line, wrong.column), wrong.message) for wrong in walk.errors)
                if documents:
                    lines = lines or text.split("\n")
                    start = _first_line(lines, root.line - 1, begin)
                    documents[-1] = _ended(documents[-1], lines[begin:start])
                    begin = start
                found, wrongs = _document(root, text, file)
                errors.extend(wrongs)
                if found is not None:
                    documents.append(found)
        finally:
            loader.dispose()
    except _Wrong as wrong:
        errors.append(SpecError(Origin(file, wrong.line, wrong.column), wrong.message))
    except yaml.YAMLError as err:
        errors.append(_syntax(err, text, file))
    if len(documents) > 1:
        documents[-1] = _ended(documents[-1], lines[begin:])
    if not documents and not errors:
        errors.append(SpecError(Origin(file), "the file is empty; a spec names resources under 'resources:'"))
    return documents, errors


def _refuse_depth(text: str) -> None:
    """Raises for nesting that would exhaust the stack of libyaml's recursive composer. Cheap for ordinary text."""
    if text.count("[") + text.count("{") <= MAX_DEPTH and _DEEP_LINE.search(text) is None:
        return
    depth = 0
    loader = _Loader(text)
    try:
        while loader.check_event():
            event = loader.get_event()
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
                mark = event.start_mark
                if depth > MAX_DEPTH and mark is not None:
                    raise _Wrong(mark.line + 1, mark.column + 1, f"nested more than {MAX_DEPTH} deep")
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
    finally:
        loader.dispose()


def _first_line(lines: list[str], line: int, begin: int) -> int:
    """The line of the '---' that opens the document whose first value stands in `line`."""
    while line > begin and not lines[line].startswith("---"):
        line -= 1
    return line


def _ended(document: Document, lines: list[str]) -> Document:
    """The document with just its own text."""
    text = "\n".join(lines).rstrip("\n") + "\n"
    return replace(document, text=text)


def _document(root: Value, text: str, file: str) -> tuple[Document | None, list[SpecError]]:
    """Part a document's root into own keywords, resources, subsets and variables."""
    errors: list[SpecError] = []
    if not isinstance(root, Table):
        message = f"a spec is a map of keywords ('resources:' and so on), not {sort_of(root)}"
        return None, [SpecError(Origin(file, root.line, root.column), message)]
    own = {key: entry for key, entry in root.entries.items() if key not in ("resources", "subsets", "variables")}

    def group(name: str, example: str) -> Mapping[str, Entry]:
        entry = root.entries.get(name)
        if entry is None or (isinstance(entry.value, Scalar) and entry.value.value is None):
            return {}
        if isinstance(entry.value, Table):
            return entry.value.entries
        message = f"'{name}' must be a map such as '{example}', not {sort_of(entry.value)}"
        errors.append(SpecError(Origin(file, entry.value.line, entry.value.column), message))
        return {}

    def sections(name: str, example: str) -> dict[str, Section]:
        found: dict[str, Section] = {}
        for key, entry in group(name, example).items():
            value = entry.value
            if isinstance(value, Table):
                found[key] = Section(key, value.entries, entry.line, entry.column)
            elif isinstance(value, Scalar) and value.value is None:
                found[key] = Section(key, {}, entry.line, entry.column)
            else:
                message = f"'{key}' must be a map of keywords, not {sort_of(value)}"
                errors.append(SpecError(Origin(file, value.line, value.column), message))
        return found

    document = Document(
        file,
        "yaml",
        text,
        Section("", own, root.line, root.column),
        sections("resources", "container#1: {image: …}"),
        sections("subsets", "container:web: {parallel: true}"),
        group("variables", "PORT: 8080"),
    )
    return document, errors


def _syntax(err: yaml.YAMLError, text: str, file: str) -> SpecError:
    """libyaml's complaint as a clause with a place and a remedy."""
    if isinstance(err, yaml.reader.ReaderError):
        before = text.encode()[: err.position].decode(errors="ignore")
        line, column = before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
        control = f"0x{ord(text[len(before)]):02x}" if len(before) < len(text) else str(err.character)
        return SpecError(Origin(file, line, column), f"the control character {control} is not allowed; remove it")
    mark = getattr(err, "problem_mark", None)
    problem = str(getattr(err, "problem", None) or err)
    if mark is None:
        return SpecError(Origin(file), f"not valid YAML: {problem}")
    line, column = mark.line + 1, mark.column + 1
    lines = text.split("\n")
    row = lines[mark.line] if mark.line < len(lines) else ""
    blank = row[: len(row) - len(row.lstrip())]
    if "\t" in blank and mark.column <= len(blank):
        message = "a tab cannot indent YAML; use spaces"
        return SpecError(Origin(file, line, blank.index("\t") + 1), message)
    remedy = next((text for part, text in _REMEDIES if part in problem), "check the quotes and the indentation here")
    context = getattr(err, "context", None)
    opened = getattr(err, "context_mark", None)
    since = f" ({context}, begun in line {opened.line + 1})" if context and opened and opened.line != mark.line else ""
    return SpecError(Origin(file, line, column), f"not valid YAML: {problem}{since}; {remedy}")
