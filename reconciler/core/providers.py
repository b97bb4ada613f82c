"""providers: which resource provides what another one needs. Pure."""

from collections.abc import Iterable
from typing import Final

from reconciler.core.facts import Bond, Fact, Kind, Need

_MOUNT, _PATH, _FOLDER, _HOLD = Kind.MOUNT, Kind.PATH, Kind.FOLDER, Bond.HOLD  # asked for at every need

_NESTED: Final = (Kind.PATH, Kind.DEVICE)
"""Facts whose keys are paths, that are provided together with all that lies below one."""


class Providers:
    """Which resource provides which fact; of two that provide the same, the later one."""

    def __init__(self, provided: Iterable[tuple[Fact, str]]) -> None:
        self._of: dict[Kind, dict[str, str]] = {}
        for fact, rid in provided:
            self._of.setdefault(fact.kind, {})[fact.key] = rid

    def __bool__(self) -> bool:
        return bool(self._of)

    def of(self, fact: Fact, but: str = "") -> str | None:
        """The rid; None for a fact that no resource of the service provides: it is the machine's own. but: a resource that does not
        count, for it asks.

        A path is provided by the deepest mount that holds it, a device by whatever provides it or a folder that it lies in:
        a volume group provides /dev/VG.
        """
        kind, path = fact
        rids = self._of.get(_MOUNT if kind is _PATH else kind)
        if rids is None:
            return None
        if kind in _NESTED:
            while path != "/" and rids.get(path, but) == but:
                path = path.rpartition("/")[0] or "/"
        found = rids.get(path)
        return found if found != but else None

    def folder_of(self, fact: Fact) -> str | None:
        """Who sees to the deepest folder that a path lies in, or is."""
        folders = self._of.get(_FOLDER) if fact.kind is _PATH else None
        if folders is None:
            return None
        path = fact.key
        while path != "/" and path not in folders:
            path = path.rpartition("/")[0] or "/"
        return folders.get(path)


def match(needs: Iterable[Need], providers: Providers, but: str = "") -> dict[str, Bond]:
    """rid -> bond of the resources that provide what is needed. but: whose needs these are."""
    found: dict[str, Bond] = {}
    for fact, bond in needs:
        rid = providers.of(fact, but)
        if rid is not None:
            found[rid] = bond if bond is _HOLD else found.get(rid, bond)
        folder = providers.folder_of(fact)
        if folder is not None and folder != but:
            found.setdefault(folder, Bond.ORDER)
    return found
