"""Paths -> services: read, build and check every spec, and report every error at once."""

import gc
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import field

from reconciler.core.lazy import dataclass
from reconciler.core.node import Node
from reconciler.core.secrets import Lesson
from reconciler.core.service import Origin, Resource, Service
from reconciler.spec import files, launchers
from reconciler.spec.check import Conflict, claims_taken_twice, names_taken_twice, spoiled
from reconciler.spec.error import SpecError
from reconciler.spec.files import Ignored
from reconciler.spec.memo import MEMO, File

__all__ = ["Ignored", "Loaded", "SpecError", "load", "load_text"]


@dataclass(frozen=True, slots=True)
class Loaded:
    """What was read.

    services: those without any error, in the order of loading.
    errors: everything that is wrong, by place. ignored: files of the folders that are no specs.
    folders: the real paths of the folders that were read whole: only there a missing spec means that it is gone.
    names: every service that was found, the wrong ones included (a file that cannot be read counts by its own name): what is
    named here is not gone, only unusable. Of a file with errors there may be more: prune nothing of a folder with errors.
    lessons: by the name of a service, what was learned of its secrets.
    """

    services: tuple[Service, ...] = ()
    errors: tuple[SpecError, ...] = ()
    ignored: tuple[Ignored, ...] = ()
    folders: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    lessons: Mapping[str, tuple[Lesson, ...]] = field(default_factory=dict)

    def service(self, name: str) -> Service | None:
        """The service of this name, if it is there and right."""
        return next((service for service in self.services if service.name == name), None)


class _Pile:
    """The services as they are read. referred: whether the files that they refer to are looked at as well."""

    def __init__(self, node: Node, *, referred: bool = False) -> None:
        self.node = node
        self.referred = referred
        self.services: list[Service] = []
        self.names: set[str] = set()
        self.named: list[tuple[str, Origin]] = []
        self.resources: list[tuple[str, Resource]] = []
        self.errors: list[SpecError] = []
        self.unread: list[str] = []
        self.lessons: dict[str, tuple[Lesson, ...]] = {}
        self.launchers: set[str] = set()
        """The launcher folders that were read."""

    def add(self, text: str, format: str, name: str, file: str, folder: str) -> None:
        """Add every service of one text."""
        documents, errors = MEMO.read(text, format, file)
        self.errors.extend(errors)
        if errors:
            self.unread.append(name)
        unnamed = [document for document in documents if "name" not in document.own.entries]
        if len(unnamed) > 1:
            message = "several services in one file need a 'name' each; add one here"
            self.errors.extend(SpecError(document.at(document.own), message) for document in unnamed[1:])
            documents = [document for document in documents if document not in unnamed]
        for document in documents:
            amiss: tuple[SpecError, ...] = ()
            if self.referred:
                found = launchers.beside(document, document.own.word("name") or name)
                document = found.document
                self.launchers.add(found.folder)
                amiss = found.errors
            built = MEMO.build(document, name, folder, self.node)
            builder, service = built.builder, built.service
            if builder.here and builder.stand_in == builder.name and builder.name not in self.names:
                there = (resource for resource in builder.resources.values() if not resource.common.disable)
                self.resources.extend((builder.name, resource) for resource in there)
            self.names.add(builder.name)
            self.lessons[builder.name] = (*self.lessons.get(builder.name, ()), *built.lessons)
            self.named.append((builder.name, document.at(document.own)))
            self.errors.extend(builder.errors)
            doubts = [*(_doubts(built.files) if self.referred else ()), *amiss]
            self.errors.extend(doubts)
            if service is not None and not errors and not doubts:
                self.services.append(service)

    def loaded(self, found: files.Found) -> Loaded:
        twice = claims_taken_twice(self.resources, files.device_of if self.referred else str)
        conflicts: list[Conflict] = [*names_taken_twice(self.named), *twice]
        errors = {*self.errors, *found.errors, *(conflict.error for conflict in conflicts)}
        return Loaded(
            spoiled(self.services, conflicts),
            tuple(sorted(errors, key=lambda error: (error.origin.file, error.origin.line, error.origin.column, error.message))),
            tuple(ignored for ignored in found.ignored if ignored.file not in self.launchers),
            tuple(found.folders),
            tuple(dict.fromkeys([*(name for name, _ in self.named), *self.unread])),
            self.lessons,
        )


def _doubts(referred: Iterable[File]) -> Iterator[SpecError]:
    """What is wrong with the files that a service refers to: who may write one may write the service."""
    for file in referred:
        try:
            files.check_trust(file.path)
        except files.Unreadable as err:
            yield SpecError(file.origin, f"{file.where} {file.path}: {err.error.message}")


@contextmanager
def _no_collection() -> Iterator[None]:
    """Without looking for cycles meanwhile: thousands of records that all stay cost a third of the time otherwise."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def load(paths: Sequence[str], node: Node) -> Loaded:
    """Read the specs of files and folders. Never raises for anything that a user can write or lack."""
    with _no_collection():
        return _load(paths, node)


def _load(paths: Sequence[str], node: Node) -> Loaded:
    found = files.find(paths)
    pile = _Pile(node, referred=True)
    for file in found.files:
        try:
            text = files.read(file.path)
        except files.Unreadable as err:
            pile.errors.append(err.error)
            pile.unread.append(file.name)
            continue
        pile.add(text, file.format, file.name, file.path, file.folder)
    return pile.loaded(found)


def load_text(text: str, format: str, name: str, file: str, node: Node, folder: str = "") -> Loaded:
    """Read one text ("yaml" or "ini"). name: what the service is called unless the text says. file: for messages."""
    pile = _Pile(node)
    try:
        pile.add(files.clean(text, file), format, name, file, folder)
    except files.Unreadable as err:
        pile.errors.append(err.error)
    return pile.loaded(files.Found([], [], [], []))
