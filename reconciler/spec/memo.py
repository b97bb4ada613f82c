"""Memo: what texts came to, for a process that reads the same specs again and again. What a spec refers to is never in it: that is
looked at each time."""

from collections.abc import Iterator
from functools import cache
from typing import Final, NamedTuple

from reconciler.core.common import PLAIN
from reconciler.core.model import Model
from reconciler.core.node import Node
from reconciler.core.rules import Keyword, keywords_of
from reconciler.core.secrets import Lesson, learn
from reconciler.core.service import Origin, Resource, Service
from reconciler.spec import ini_source, yaml_source
from reconciler.spec.build import Builder
from reconciler.spec.document import Document
from reconciler.spec.error import SpecError
from reconciler.spec.formats import YAML

_LARGE: Final = 16 << 20
"""Characters of the texts that are kept. What goes beyond begins a new collection."""


class File(NamedTuple):
    """A file that a resource refers to, or a program that it has osvc run. where: in words."""

    path: str
    origin: Origin
    where: str


class Built(NamedTuple):
    """A service as it was built, with whatever is wrong with it; the files that it refers to; what was learned of its secrets."""

    builder: Builder
    service: Service | None
    files: tuple[File, ...]
    lessons: tuple[Lesson, ...]


class Memo:
    """keeps: whether anything is kept; who reads its specs once has no use for it."""

    def __init__(self) -> None:
        self.keeps = False
        self._read: dict[tuple[str, str, str], tuple[list[Document], list[SpecError]]] = {}
        self._documents: set[int] = set()
        self._built: dict[tuple[int, str, str, Node], Built] = {}
        self._size = 0

    def read(self, text: str, format: str, file: str) -> tuple[list[Document], list[SpecError]]:
        """The documents of a text, and what is wrong with it."""
        read = yaml_source.read if format == YAML else ini_source.read
        if not self.keeps:
            return read(text, file)
        key = (format, text, file)
        found = self._read.get(key)
        if found is None:
            found = read(text, file)
            self._make_room(len(text))
            self._read[key] = found
            self._documents.update(map(id, found[0]))
        return found

    def build(self, document: Document, name: str, folder: str, node: Node) -> Built:
        """A service, by a document of such a text or by another one: only the former is kept, where no file was read for it. What
        is secret in it is learned, whether it is kept or not."""
        key = (id(document), name, folder, node)
        found = self._built.get(key)
        if found is None:
            builder = Builder(document, name, node)
            service = builder.build(folder)
            referred = tuple(_files_of(service)) if service is not None else ()
            found = Built(builder, service, referred, tuple(builder.references.lessons))
            if key[0] in self._documents and builder.alone:
                self._built[key] = found
        else:
            for lesson in found.lessons:
                learn(*lesson)
        return found

    def clear(self) -> None:
        self._size = 0
        self._read.clear()
        self._documents.clear()
        self._built.clear()

    def _make_room(self, size: int) -> None:
        if self._size + size > _LARGE:
            self.clear()
        self._size += size


MEMO: Final = Memo()
"""Of this process."""


def _files_of(service: Service) -> Iterator[File]:
    for resource in service.resources.values():
        for name, path in _of(resource):
            yield File(path, resource.fields.get(name, resource.origin), f"{resource.rid} {name}")


def _of(resource: Resource) -> Iterator[tuple[str, str]]:
    """(field, path) of each."""
    for model in (resource.desired,) if resource.common is PLAIN else (resource.desired, resource.common):
        for name, keyword in _naming(type(model)):
            found = getattr(model, name)
            if not found:
                continue
            paths = (found,) if isinstance(found, str) else found[:1] if keyword.program else found
            yield from ((name, path) for path in paths if path and (keyword.file or path.startswith("/")))


@cache
def _naming(model: type[Model]) -> tuple[tuple[str, Keyword], ...]:
    """(field, keyword) of those whose value names a file, or a program."""
    return tuple((name, keyword) for name, keyword in keywords_of(model).items() if keyword.file or keyword.program)
