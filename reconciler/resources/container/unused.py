"""unused: what is to become of images that osvc fetched, and whether somebody uses them still. Pure."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from reconciler.core import shell
from reconciler.core.fetched import Fate, Fetched, Judged
from reconciler.core.lazy import dataclass
from reconciler.resources.container import refs
from reconciler.resources.container.entry import Entry

Listed = Mapping[str, Any]
"""An image as an engine lists it."""


@dataclass(frozen=True, slots=True)
class Inventory:
    """What an engine has. images: all of them, those that only others are built on, too."""

    images: Sequence[Listed]
    containers: Sequence[Entry]


def judge(fetched: Sequence[Fetched], has: Inventory, named: Mapping[str, str]) -> tuple[Judged, ...]:
    """What is to become of each. fetched: everything that osvc brought to this engine. named: reference -> who names it ("web
    container#1"), of every spec that is known, and of what was applied.

    Removed is only what nobody uses: no container of whomever, running or not, no spec, no image that is built on it. A name that
    osvc did not bring is never taken away, and so no image that has one.
    """
    return tuple(_Judge(fetched, has, named).all())


class _Judge:
    def __init__(self, fetched: Sequence[Fetched], has: Inventory, named: Mapping[str, str]) -> None:
        self._fetched = sorted(fetched, key=lambda one: (one.name, one.id))
        self._images = {str(image["Id"]): image for image in has.images}
        self._has, self._named = has, named
        self._left = {image: _names(record) for image, record in self._images.items()}
        """image -> the names that it will have when what was judged so far is done."""

    def all(self) -> Iterator[Judged]:
        for one in self._fetched:
            yield self._of(one)

    def _of(self, one: Fetched) -> Judged:
        if not one.id:
            return self._uncertain(one)
        if one.id not in self._left:
            return Judged(one, Fate.GONE, "it is not there any more")
        namer, user = self._namer(one), self._user(one)
        if namer or user:
            return Judged(one, Fate.USE, f"{namer} names it") if namer else Judged(one, Fate.KEEP, user)
        name, names = refs.familiar(one.name), self._left[one.id]
        foreign = sorted(names - self._ours(one.id, names))
        if name not in names:
            if foreign:
                return Judged(one, Fate.KEEP, f"the name stands for another image now, and this one is {', '.join(foreign)}")
            if any("@" not in other for other in names):
                return Judged(one, Fate.GONE, "it goes by another name")
            del self._left[one.id]
            return self._goes(one, Fate.REMOVE, "another image has its name now, and no container uses it", one.id)
        self._left[one.id] = rest = self._without(name, names)
        if rest:
            return self._goes(
                one, Fate.UNTAG, f"no spec names it; the image stays as {', '.join(foreign or sorted(rest))}", one.name
            )
        del self._left[one.id]
        return self._goes(one, Fate.REMOVE, "no spec names it, no container uses it", one.name)

    def _goes(self, one: Fetched, fate: Fate, why: str, target: str) -> Judged:
        command = shell.join(("docker", "-H", f"unix://{one.place}", "rmi", "--no-prune", target))
        size = int(self._images[one.id].get("Size") or 0) if fate is Fate.REMOVE else 0
        return Judged(one, fate, why, size, target, command)

    def _uncertain(self, one: Fetched) -> Judged:
        """osvc ended while it fetched it. What is there may have come from somebody else since."""
        if refs.resolve(one.name, self._has.images) is None:
            return Judged(one, Fate.GONE, "it never came")
        why = f"osvc was cut short while it fetched it, and cannot tell whose it is → docker -H unix://{one.place} rmi {one.name}"
        return Judged(one, Fate.KEEP, why)

    def _namer(self, one: Fetched) -> str:
        """Whose spec names it, or ""."""
        for ref, who in self._named.items():
            found = refs.resolve(ref, self._has.images)
            if refs.names_id(ref, one.id) or (found is not None and found["Id"] == one.id):
                return who
        return ""

    def _user(self, one: Fetched) -> str:
        """What else needs it, as a clause, or ""."""
        for container in self._has.containers:
            if container.image_id == one.id:
                return f"container {container.name} is made of it"
        for image in self._has.images:
            if image.get("ParentId") == one.id:
                return f"an image is built on it: {', '.join(sorted(_names(image))) or str(image['Id'])[7:19]}"
        return ""

    def _ours(self, image: str, names: Collection[str]) -> set[str]:
        """The names of an image that osvc gave it: those that it fetched it by, and what the engine notes beside: their digests."""
        brought = {refs.familiar(one.name) for one in self._fetched if one.id == image}
        repositories = {_repository(name) for name in brought}
        return {name for name in names if name in brought or ("@" in name and _repository(name) in repositories)}

    def _without(self, name: str, names: Collection[str]) -> frozenset[str]:
        """The names that are left when one is taken away: with the last tag of a repository go its digests."""
        rest = {other for other in names if other != name}
        tagged = {_repository(other) for other in rest if "@" not in other}
        mine = _repository(name)
        return frozenset(other for other in rest if not ("@" in other and _repository(other) == mine and mine not in tagged))


def _names(image: Listed) -> frozenset[str]:
    """Its tags and digests. An image without any is listed as <none>."""
    found = (*(image.get("RepoTags") or ()), *(image.get("RepoDigests") or ()))
    return frozenset(name for name in found if not name.startswith("<none>"))


def _repository(name: str) -> str:
    head, at, _ = name.partition("@")
    return head if at else head.rpartition(":")[0]
