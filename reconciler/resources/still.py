"""Still: what the kinds answer alike that nothing can hold busy, that never runs, and that only a spec can make theirs."""

from typing import Any

from reconciler.core.change import Change
from reconciler.core.kind import PlainKind


class StillKind(PlainKind):
    """The part of core/kind.py that a folder and a marker file answer alike: what is there is up, and holds nothing."""

    rank = 30

    def holds(self, state: Any) -> bool:
        return False

    def releases(self, desired: Any, change: Change) -> bool:
        return False

    def sequence(self, desired: Any) -> tuple[Any, ...]:
        return tuple(desired.path.split("/")[1:])
