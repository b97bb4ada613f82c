"""Complete: what may stand where somebody types. Standard library only: a shell asks at every press of a key.

Verbs and options come from the parser; services, rids and runs from the names of spec files, from what a glance at these finds, and
from the store. What a glance misses is not offered, and that is all: a spec's own words are read in spec/, not here.
"""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, NamedTuple

from reconciler.cli.options import EITHER
from reconciler.cli.parser import parser_of
from reconciler.cli.verb import VERBS, Usage, verb_called

if TYPE_CHECKING:
    from reconciler.engine.names import Names

FILES = ":files"
"""What an answer begins with that leaves it to the shell: names of files. Behind it stands what there is beside them."""
_RUNS = 20
_SHORT = 60
"""Letters of what is said of a candidate."""
_SETTING = re.compile(r"""^(specs|state_dir):[ \t]*["']?([^"'#\n]+?)["']?[ \t]*(?:#.*)?$""", re.MULTILINE)
_SECTION = re.compile(r"""^(?:[ \t]+["']?|\[)([a-z]+#[A-Za-z0-9][A-Za-z0-9_.-]*)(?:["']?[ \t]*:|\])""", re.MULTILINE)
_MOST = 1 << 20


class Candidate(NamedTuple):
    """A word that may stand there. about: what it is, or ""."""

    word: str
    about: str = ""


def candidates(words: Sequence[str]) -> list[Candidate]:
    """What may complete the last of these words, which stand behind `osvc`; FILES first for the shell's own. Never raises for what
    is typed."""
    *before, current = words or [""]
    if not before or before == ["help"]:
        verbs = [Candidate(verb.name, verb.about) for verb in VERBS]
        return _beginning(current, [*verbs, *map(Candidate, () if before else ("--help", "--version"))])
    try:
        verb = verb_called(before[0])
    except Usage:
        return []
    line = _Line(parser_of(verb), before[1:], verb.raw)
    if line.closed:
        return []
    name, sign, value = current.partition("=")
    if line.pending is not None:
        return _values(line.pending, current, line)
    if sign and name in line.options and not line.literal:
        return [Candidate(f"{name}={one.word}", one.about) for one in _values(line.options[name], value, line)]
    if current.startswith("-") and not line.literal:
        return _beginning(current, [*line.offered()])
    operand = line.operand()
    return [] if operand is None else _values(operand, current, line)


class _Line:
    """What was typed before: operands, values of options, and the option that waits for its value."""

    def __init__(self, parser: argparse.ArgumentParser, words: Sequence[str], raw: int) -> None:
        actions = parser._actions
        self.options = {spelling: action for action in actions for spelling in action.option_strings}
        self.pending: argparse.Action | None = None
        self.literal = False
        self.values: dict[str, list[str]] = {}
        self._positional = [action for action in actions if not action.option_strings and action.help != argparse.SUPPRESS]
        self._operands: list[str] = []
        for word in words:
            if raw and len(self._operands) >= raw:
                break
            self._take(word)
        self.closed = bool(raw) and len(self._operands) >= raw

    def _take(self, word: str) -> None:
        if self.pending is not None:
            self.values.setdefault(self.pending.dest, []).append(word)
            self.pending = None
            return
        name, sign, value = word.partition("=")
        if word == "--" and not self.literal:
            self.literal = True
        elif word.startswith("-") and not self.literal:
            action = self.options.get(name)
            if action is not None and sign:
                self.values.setdefault(action.dest, []).append(value)
            elif action is not None:
                self.values.setdefault(action.dest, [])
                self.pending = action if action.nargs != 0 else None
        else:
            operand = self.operand()
            self._operands.append(word)
            if operand is not None:
                self.values.setdefault(operand.dest, []).append(word)

    def operand(self) -> argparse.Action | None:
        """What the next operand is."""
        at = len(self._operands)
        if at < len(self._positional):
            return self._positional[at]
        last = self._positional[-1] if self._positional else None
        return last if last is not None and last.nargs in ("*", "+") else None

    def offered(self) -> Iterator[Candidate]:
        """The options that were not given yet, or may be given again."""
        for spelling, action in self.options.items():
            if action.dest not in self.values or isinstance(action, argparse._AppendAction):
                yield Candidate(spelling, action.help or "")

    @property
    def services(self) -> list[str]:
        """The services that were named, as patterns."""
        words = (*self.values.get("service", ()), *self.values.get("operand", ()))
        return [glob for word in words for glob in word.split(",") if glob]


def _values(action: argparse.Action, current: str, line: _Line) -> list[Candidate]:
    """What a value may be; of several with commas between them, the last."""
    if action.choices is not None:
        return _beginning(current, [Candidate(str(one)) for one in action.choices])
    if action.dest in _PATHS:
        return [Candidate(FILES), *(_beginning(current, _services(line)) if action.metavar == EITHER else ())]
    known = _KNOWN.get(action.dest)
    if known is None:
        return []
    done, comma, last = current.rpartition(",")
    return [Candidate(f"{done}{comma}{one.word}", one.about) for one in _beginning(last, known(line))]


def _beginning(current: str, found: Sequence[Candidate]) -> list[Candidate]:
    return [Candidate(one.word, one.about[:_SHORT]) for one in dict.fromkeys(found) if one.word.startswith(current)]


def _services(line: _Line) -> list[Candidate]:
    names = {*_spec_files(), *_store().services()}
    return [Candidate(name) for name in sorted(names)]


def _rids(line: _Line) -> list[Candidate]:
    globs = line.services
    found = dict.fromkeys(_store().rids(globs))
    for name, path in _spec_files().items():
        if not globs or any(fnmatchcase(name, glob) for glob in globs):
            found |= dict.fromkeys(_SECTION.findall(_text(path)))
    return [Candidate(rid) for rid in sorted(found)]


def _runs(line: _Line) -> list[Candidate]:
    runs = _store().runs(_RUNS)
    return [*([Candidate("last", "the newest")] if runs else ()), *(Candidate(id, about) for id, about in runs)]


def _types(line: _Line) -> list[Candidate]:
    from reconciler.resources.registry import SECTIONS, TYPES

    return [Candidate(name) for name in ("service", "resource", *dict.fromkeys((*TYPES, *SECTIONS)))]


_KNOWN: Mapping[str, Callable[[_Line], list[Candidate]]] = {
    "service": _services,
    "operand": _services,
    "rid": _rids,
    "resource": _rids,
    "run": _runs,
    "keyword": _types,
}
"""What a value is called in cli/takes.py -> what there is of it."""
_PATHS = ("path", "file", "output", "snapshot")


def _spec_files() -> dict[str, str]:
    """Name -> path of the files in the node's specs folder."""
    from reconciler.core.ids import NAME
    from reconciler.spec.formats import FORMATS

    folder = _settings().get("specs", "/etc/osvc/services.d")
    try:
        names = os.listdir(folder)
    except OSError:
        return {}
    parts = ((os.path.splitext(name), os.path.join(folder, name)) for name in sorted(names) if not name.startswith("."))
    return {stem: path for (stem, ending), path in parts if ending in FORMATS and NAME.fullmatch(stem)}


def _store() -> Names:
    from reconciler.engine.names import Names

    return Names(os.environ.get("OSVC_STATE_DIR") or _settings().get("state_dir", "/var/lib/osvc"))


def _settings() -> dict[str, str]:
    """Of the node's configuration what is needed here, as far as a glance finds it."""
    return dict(_SETTING.findall(_text(os.environ.get("OSVC_CONFIG") or "/etc/osvc/osvc.yaml")))


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace", opener=_at_once) as file:
            return file.read(_MOST)
    except OSError:
        return ""


def _at_once(path: str, flags: int) -> int:
    """Open what may be a pipe: nobody who presses a key waits for whoever writes there."""
    return os.open(path, flags | os.O_NONBLOCK)
