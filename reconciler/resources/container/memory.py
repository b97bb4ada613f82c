"""Memory: what the container driver remembers from one observation to the next."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from operator import is_
from typing import Any, TypeAlias

from reconciler.core.lazy import dataclass
from reconciler.core.observed import Seen
from reconciler.core.secrets import holds_mark
from reconciler.core.tags import RID, SERVICE
from reconciler.resources.container.entry import Entry
from reconciler.resources.container.model import Around, Container, Desired, ImageFacts, assemble, plain, unparted
from reconciler.resources.container.normal import READER

Stamp: TypeAlias = tuple[str | int, ...]


@dataclass(slots=True)
class Memory:
    """Safe to use from several threads: each entry is replaced whole.

    containers: (socket, id) -> its stamp when it was inspected, and what the inspect said. images: by id, which never change.
    refs: (socket, reference) -> the id of the image that it meant when the engine's images were last listed.
    remotes: (socket, reference) -> when (on the clock that never goes back), and which digest, the registry said.
    infos: socket -> the engine's own description (processors, data root).
    entries: (socket, service, rid) -> all containers with these labels, as they were last seen; None where nobody knows whether
    these are all. An id never comes to mean another container, and its labels never change.
    wholes: the sockets of the engines that were listed whole: what is not among the entries was not there.
    seen: (socket, service, rid) -> what its containers and surroundings came to the last time, and what these were.
    """

    containers: dict[tuple[str, str], tuple[Stamp, Container]] = field(default_factory=dict)
    images: dict[str, ImageFacts] = field(default_factory=dict)
    refs: dict[tuple[str, str], str] = field(default_factory=dict)
    remotes: dict[tuple[str, str], tuple[float, str]] = field(default_factory=dict)
    infos: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    entries: dict[tuple[str, str, str], tuple[Entry, ...] | None] = field(default_factory=dict)
    wholes: set[str] = field(default_factory=set)
    seen: dict[tuple[str, str, str], tuple[Desired, Sequence[Container], Mapping[str, Any], Seen]] = field(default_factory=dict)

    def recall(self, seen: Seen) -> None:
        """Take in what another process saw: a container whose stamp is still the same needs no inspect.

        Not taken in is what an osvc saw that reads less of a container and its image; what holds the mark of a secret, for it would
        differ from what it stands for; and one whose process was gone or, with a process, is not known.
        """
        around = seen.around
        assert isinstance(around, Around)
        image = around.image
        if image is not None and image.reader == READER and image.id not in self.images and not holds_mark(image.model_dump_json()):
            self.images[image.id] = image
        for piece in unparted(seen):
            key = (piece.socket, piece.id)
            if key in self.containers or piece.id not in around.stamps:
                continue
            one = plain(piece)
            if not one.lost and (one.pid or one.status not in one.ALIVE) and not holds_mark(one.model_dump_json()):
                self.containers[key] = (around.stamps[one.id], one)

    def stamps(self, found: Iterable[Container]) -> dict[str, Stamp]:
        """id -> stamp, of those of these containers that have one."""
        known = ((one.id, self.containers.get((one.socket, one.id))) for one in found)
        return {name: entry[0] for name, entry in known if entry is not None}

    def forget_refs(self, socket: str) -> None:
        """An engine's references may mean other images now."""
        for key in [key for key in [*self.refs] if key[0] == socket]:
            self.refs.pop(key, None)

    def whole(self, socket: str, entries: Sequence[Entry]) -> None:
        """An engine has these containers, and no others."""
        alive = {entry.id for entry in entries}
        for key in [key for key in [*self.containers] if key[0] == socket and key[1] not in alive]:
            self.containers.pop(key, None)
        labelled: dict[tuple[str, str, str], list[Entry]] = {}
        for entry in entries:
            if RID in entry.labels:
                labelled.setdefault((socket, entry.labels.get(SERVICE, ""), entry.labels[RID]), []).append(entry)
        for known in (self.entries, self.seen):
            for place in [place for place in [*known] if place[0] == socket and place not in labelled]:
                known.pop(place, None)
        self.entries.update({place: tuple(found) for place, found in labelled.items()})
        self.wholes.add(socket)

    def assembled(self, desired: Desired, found: Sequence[Container], told: Mapping[str, Any]) -> Seen:
        """What these containers and surroundings come to (see `assemble`); the same object again where nothing of them changed.
        told: fields of Around."""
        place = (desired.socket, desired.service, desired.rid)
        last = self.seen.get(place)
        if last is not None:
            same = last[0] is desired and len(last[1]) == len(found) and all(map(is_, last[1], found))
            if same and last[2] == told:
                return last[3]
        seen = assemble(found, desired.name, desired.socket, Around(**told))
        self.seen[place] = (desired, found, told, seen)
        return seen

    def made(self, socket: str, service: str, rid: str, entry: Entry) -> None:
        """An engine has this container as well."""
        before = self._all(socket, service, rid)
        if before is not None:
            self.entries[socket, service, rid] = (*(other for other in before if other.id != entry.id), entry)

    def forget(self, socket: str, service: str, rid: str) -> None:
        """Something was tried, and nobody knows what came of it: the resource's containers have to be listed again."""
        self.entries[socket, service, rid] = None

    def known(self, socket: str, service: str, rid: str, store: str | None) -> tuple[Entry, ...]:
        """The resource's containers, as far as they are known. store: None on a private engine, where the data root decides."""
        return tuple(entry for entry in self._all(socket, service, rid) or () if entry.belongs(service, rid, store))

    def _all(self, socket: str, service: str, rid: str) -> tuple[Entry, ...] | None:
        return self.entries.get((socket, service, rid), () if socket in self.wholes else None)
