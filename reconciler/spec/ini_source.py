"""INI text -> a Document.

Read by hand, for no library keeps positions and leaves values alone: `key = value` splits at the first '=', and '%', '#'
and ';' inside a value are part of it. Comments are whole lines. A line that is indented deeper than its key continues the
value. Sections and keys may be written once only.
"""

import re

from reconciler.core.service import Origin
from reconciler.spec.document import Document, Entry, Scalar, Section
from reconciler.spec.error import SpecError

_HEADER = re.compile(r"\[([^\[\]]*)\]\s*(?:[#;].*)?")
OWN = "DEFAULT"
VARIABLES = "env"
SUBSET = "subset#"


class _Reader:
    """Collects sections line by line. `value` holds the lines of the key that is still open."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.errors: list[SpecError] = []
        self.sections: dict[str, Section] = {}
        self.entries: dict[str, Entry] = {}
        self.section = ""
        self.key = ""
        self.key_at = (0, 0)
        self.value_at = (0, 0)
        self.value: list[str] = []

    def fail(self, line: int, column: int, message: str) -> None:
        self.errors.append(SpecError(Origin(self.file, line, column), message))

    def close(self) -> None:
        """Keep the open key, if there is one."""
        if self.key:
            text = "\n".join(self.value)
            self.entries[self.key] = Entry(self.key, Scalar(text, *self.value_at), *self.key_at)
        self.key = ""

    def open_section(self, name: str, line: int, column: int) -> None:
        self.close()
        self.section = name
        self.entries = {}
        if not name:
            self.fail(line, column, "a section needs a name, such as [DEFAULT] or [container#1]")
        elif name in self.sections:
            first = self.sections[name].line
            self.fail(line, column, f"section [{name}] is written twice, first in line {first}; merge the two")
        else:
            self.sections[name] = Section(name, self.entries, line, column)

    def open_key(self, text: str, line: int, column: int) -> None:
        self.close()
        key, sign, value = text.partition("=")
        name = key.strip()
        if not sign:
            hint = "; is this YAML? its files end in .yaml" if re.match(r"[\w#@.]+:(\s|$)", text) else ""
            self.fail(line, column, f"expected 'keyword = value' or [section], not {_short(text)!r}{hint}")
            return
        if not name:
            self.fail(line, column, "there is no keyword before the '='")
            return
        if not self.section and not self.sections:
            self.fail(line, column, f"'{name}' stands before the first section; put [DEFAULT] above it")
            return
        if name in self.entries:
            first = self.entries[name].line
            self.fail(line, column, f"'{name}' is written twice in [{self.section}], first in line {first}; keep one")
            return
        self.key = name
        self.key_at = (line, column)
        blank = len(value) - len(value.lstrip())
        self.value_at = (line, column + len(key) + 1 + blank)
        self.value = [value.strip()]

    def read(self, text: str) -> None:
        indent = 0
        for line, raw in enumerate(text.split("\n"), 1):
            words = raw.strip()
            if not words or words[0] in "#;":
                continue
            depth = len(raw) - len(raw.lstrip())
            if self.key and depth > indent:
                self.value.append(words)
                continue
            indent = depth
            if words[0] == "[":
                found = _HEADER.fullmatch(words)
                if found is None:
                    self.close()
                    self.fail(line, depth + 1, f"expected a section such as [container#1] alone on its line, not {_short(words)!r}")
                else:
                    self.open_section(found[1].strip(), line, depth + 1)
            else:
                self.open_key(raw[depth:], line, depth + 1)
        self.close()


def _short(text: str) -> str:
    """A line for a message: enough to find it."""
    text = text.rstrip()
    return text if len(text) <= 40 else f"{text[:39]}…"


def read(text: str, file: str) -> tuple[list[Document], list[SpecError]]:
    """Read one INI text (line ends are '\\n'). Returns the document, with whatever could be read, and every error."""
    reader = _Reader(file)
    reader.read(text)
    sections = reader.sections
    if not sections and not reader.errors:
        reader.fail(1, 1, "the file is empty; a spec begins with [DEFAULT] or [container#1]")
    first = next(iter(sections.values()), Section("", {}, 1, 1))
    own = sections.get(OWN) or Section(OWN, {}, first.line, first.column)
    variables = sections.get(VARIABLES)
    subsets = {name[len(SUBSET) :]: section for name, section in sections.items() if name.startswith(SUBSET)}
    resources = {
        name: section for name, section in sections.items() if name not in (OWN, VARIABLES) and not name.startswith(SUBSET)
    }
    document = Document(file, "ini", text, own, resources, subsets, variables.entries if variables else {})
    return [document], reader.errors
