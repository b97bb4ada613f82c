"""Launchers: the folder NAME.d beside a spec, as the older reference has it. Each script in it is an app of the service.

S10web and K90web and C10web are one script's links: it is started at its place (10), stopped, and asked whether it is up. What
cannot be one is told as an error of the folder, for a script that is left out without a word is a service that does not come up.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from reconciler.core.ids import NAME, natural
from reconciler.core.service import Origin
from reconciler.spec import files
from reconciler.spec.document import Document, Entry, Items, Scalar, Section, Value
from reconciler.spec.error import SpecError
from reconciler.spec.files import Unreadable

_LINK = re.compile(r"([SKC])(\d+)(.+)")
_VERBS = {"S": ("start", "start"), "K": ("stop", "stop"), "C": ("check", "status")}
"""Letter -> the keyword, and the word that the script takes for it."""


class Beside(NamedTuple):
    """A service's document with the apps of its folder, and what is wrong with that. folder: "" where there is none."""

    document: Document
    folder: str = ""
    errors: tuple[SpecError, ...] = ()


def beside(document: Document, name: str) -> Beside:
    """The document with an app for each script of its launcher folder. name: the service's."""
    folder = os.path.join(os.path.dirname(document.file), f"{name}.d")
    if not os.path.isdir(folder):
        return Beside(document)
    try:
        links = _links(folder)
    except Unreadable as err:
        return Beside(document, folder, (err.error,))
    except OSError as err:
        return Beside(document, folder, (SpecError(Origin(folder), f"cannot read it: {(err.strerror or str(err)).lower()}"),))
    made: dict[str, Section] = {}
    errors: list[SpecError] = []
    for script in sorted(links, key=natural):
        rid, said = f"app#{script}", links[script]
        wrong = _wrong(rid, said, document)
        if wrong:
            errors.append(SpecError(Origin(said[min(said)][1]), wrong))
        else:
            made[rid] = Section(rid, {entry.key: entry for entry in _entries(said)}, 0, 0)
    return Beside(replace(document, resources={**document.resources, **made}), folder, tuple(errors))


def is_script(name: str) -> bool:
    """Whether what has this name in a launcher folder is read as a script's link."""
    return _LINK.fullmatch(name) is not None


_Said = dict[str, tuple[int, str]]
"""Letter -> the number, and the link's path."""


def _links(folder: str) -> dict[str, _Said]:
    """Script -> what its links say. Raises Unreadable where others may write the folder or a script."""
    files.check_folder(folder)
    found: dict[str, _Said] = {}
    for entry in sorted(os.listdir(folder)):
        link, path = _LINK.fullmatch(entry), os.path.join(folder, entry)
        if link is None:
            continue
        files.check_trust(path)
        said = found.setdefault(link[3], {})
        if link[1] in said:
            raise Unreadable(path, f"{os.path.basename(said[link[1]][1])} says the same of {link[3]}; remove one of the two")
        said[link[1]] = (int(link[2]), path)
    return found


def _wrong(rid: str, said: _Said, document: Document) -> str:
    """Why a script cannot be an app, or ""."""
    if rid in document.resources:
        return f"{rid} stands in the spec as well; rename the link, or leave that section out"
    if not NAME.fullmatch(rid.removeprefix("app#")):
        return f"'{rid}' cannot name a resource: rename the link, to letters, digits, '.', '_' and '-' behind its number"
    if "S" not in said:
        return f"nothing starts {rid}: it has no link that begins with S"
    missing = next((path for _, path in said.values() if not os.path.isfile(path)), "")
    return f"{missing} leads to no file" if missing else ""


def _entries(said: _Said) -> Iterator[Entry]:
    """The keywords of an app: each command names the file that its link leads to."""
    for letter, (_, path) in said.items():
        keyword, verb = _VERBS[letter]
        yield _entry(keyword, Items((_word(os.path.realpath(path)), _word(verb)), 0, 0))
    yield _entry("order", _word(said["S"][0]))


def _entry(keyword: str, value: Value) -> Entry:
    return Entry(keyword, value, 0, 0)


def _word(value: str | int) -> Scalar:
    return Scalar(value, 0, 0)
