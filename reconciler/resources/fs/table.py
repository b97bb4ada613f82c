"""The mount table, asked: which mount is seen at a path, and whether it is a given filesystem. Pure, on the port's records."""

from collections.abc import Iterable, Mapping, Sequence

from reconciler.core.facts import holds_path
from reconciler.host.ports import Mount


class Table:
    """A mount table with the questions that a filesystem asks of it. A question takes as long as its path is deep, whatever the
    number of mounts: there may be a thousand, and a question for each."""

    def __init__(self, mounts: Sequence[Mount]) -> None:
        self.mounts = tuple(mounts)
        ids = {mount.id for mount in mounts}
        self._roots: dict[str, Mount] = {}
        self._under: dict[int, dict[str, Mount]] = {}
        """By the parent's id, and then by target. Of several on one target the last is seen."""
        for mount in mounts:
            root = mount.parent not in ids or mount.parent == mount.id
            (self._roots if root else self._under.setdefault(mount.parent, {}))[mount.target] = mount

    def holding(self, path: str) -> Mount | None:
        """The mount in which a look-up of `path` ends: the walk that the kernel does, mount by mount from the root."""
        here = _outermost(self._roots, path)
        while here is not None:
            below = _outermost(self._under.get(here.id, {}), path)
            if below is None:
                return here
            here = below
        return None

    def at(self, path: str) -> Mount | None:
        """The mount that is seen at `path`, or None when none is mounted there, or it is out of sight below another."""
        found = self.holding(path)
        return found if found is not None and found.target == path else None


def _outermost(mounts: Mapping[str, Mount], path: str) -> Mount | None:
    """Of the mounts below one mount: the first that a walk to `path` crosses."""
    if not mounts:
        return None
    ends = (at for at in range(1, len(path)) if path[at] == "/")
    return next((mounts[point] for point in ("/", *(path[:end] for end in ends), path) if point in mounts), None)


def name(mount: Mount) -> str:
    """A mount, named for people: "ext4 /dev/sda1"."""
    return f"{mount.fstype} {mount.backing or mount.source}"


def inside(mounts: Mapping[str, object] | Iterable[str], path: str) -> str:
    """Of some mount points, the deepest that holds `path` but is not `path` itself; "" for none."""
    return max((point for point in mounts if point != path and holds_path(point, path)), key=len, default="")
