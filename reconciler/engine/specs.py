"""Specs: what the spec files of a watch say now, and what they last said where they are wrong."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import chain
from typing import TypeAlias

from reconciler.core.secrets import Lesson
from reconciler.core.service import Service
from reconciler.spec.files import why_no_spec
from reconciler.spec.launchers import is_script
from reconciler.spec.load import Loaded

Fingerprint: TypeAlias = tuple[tuple[str, int, int, int], ...]


class Specs:
    """paths: files and folders."""

    def __init__(self, paths: Sequence[str], load: Callable[[Sequence[str]], Loaded]) -> None:
        self.paths = tuple(paths)
        self.loaded = Loaded()
        self._load = load
        self._fingerprint: Fingerprint | None = None

    @property
    def known(self) -> bool:
        """Whether they were read at all."""
        return self._fingerprint is not None

    @property
    def edited(self) -> bool:
        """Whether a spec file was added, changed or removed since they were read."""
        return bool(self.changed(self.look()))

    def look(self) -> Fingerprint:
        """What they look like now, from outside."""
        return _fingerprint(self.paths)

    def changed(self, found: Fingerprint) -> frozenset[str]:
        """The files and folders that were found others than when they were read."""
        return frozenset(entry[0] for entry in set(found).symmetric_difference(self._fingerprint or ()))

    def exchanged(self, found: Fingerprint) -> frozenset[str]:
        """The files in the place of which there are others, by their inodes, than those that were read. What is written in place
        stays the same one, and of what was not there nobody knows how it came."""
        last = {entry[0]: entry[3] for entry in self._fingerprint or ()}
        return frozenset(entry[0] for entry in found if last.get(entry[0], entry[3]) != entry[3])

    @property
    def wrong(self) -> tuple[str, ...]:
        """The files that were wrong when they were read last, and what is missing that cannot be read."""
        return tuple(sorted({error.origin.file for error in self.loaded.errors}))

    @property
    def lessons(self) -> Iterator[Lesson]:
        """What is to be known of secrets for what they say now."""
        return chain.from_iterable(self.loaded.lessons.values())

    def read(self, found: Fingerprint) -> Loaded | None:
        """Read them, if they were edited: as they are, errors and all. `loaded` has what is to be done by them. None otherwise.
        found: what they looked like a moment ago; what is edited since is an edit to come.

        While one is wrong they are read each time: what is to be mended may be a file that it refers to.
        """
        if found == self._fingerprint and not self.loaded.errors:
            return None
        fresh = self._load(self.paths)
        self.loaded = _merged(self.loaded, fresh)
        self._fingerprint = found
        return fresh


def _merged(last: Loaded, fresh: Loaded) -> Loaded:
    """The fresh specs, and for those that are wrong now what they last said: an invalid edit changes nothing."""
    wrong = {os.path.realpath(error.origin.file) for error in fresh.errors}
    found = {service.name for service in fresh.services}
    kept: list[Service] = [
        service
        for service in last.services
        if service.name not in found
        and (
            service.name in fresh.names
            or os.path.realpath(service.origin.file) in wrong
            or (service.folder in last.folders and service.folder not in fresh.folders)
        )
    ]
    names = tuple(dict.fromkeys([*fresh.names, *(service.name for service in kept)]))
    lessons = dict(fresh.lessons)
    for service in kept:
        lessons[service.name] = tuple({*lessons.get(service.name, ()), *last.lessons.get(service.name, ())})
    return replace(fresh, services=(*fresh.services, *kept), names=names, lessons=lessons)


def _fingerprint(paths: Sequence[str]) -> Fingerprint:
    """What the spec files, and the scripts of launcher folders (NAME.d), look like from outside: name, change time (of the inode: a
    `chmod` counts), size, inode. What else is there, an editor's swap file say, is nobody's spec, and changes nothing.

    Of folders what decides whether they are trusted: a `chmod` that a message asked for must be noticed.
    """
    found: list[tuple[str, int, int, int]] = []
    for path in paths:
        whole = os.path.isdir(path)
        folder = path if whole else os.path.dirname(path) or "."
        beside = _entries(folder)
        specs = [entry.path for entry in beside if not why_no_spec(entry.name, is_folder=os.path.isdir(entry))]
        launchers = [entry.path for entry in beside if entry.name.endswith(".d") and os.path.isdir(entry)]
        scripts = [entry.path for launcher in launchers for entry in _entries(launcher) if is_script(entry.name)]
        for name in [folder, *launchers]:
            with suppress(OSError):
                stat = os.stat(name)
                found.append((name, stat.st_mode, stat.st_uid, stat.st_ino))
        for name in [*(specs if whole else [path]), *scripts]:
            with suppress(OSError):
                stat = os.stat(name)
                found.append((name, stat.st_ctime_ns, stat.st_size, stat.st_ino))
    return tuple(sorted(found))


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        return list(os.scandir(folder))
    except OSError:
        return []
