"""Still: what the kinds answer alike that nothing can hold busy, that never runs, and that only a spec can make theirs."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from reconciler.core.change import Change
from reconciler.core.facts import Claim, Fact, Need
from reconciler.core.kind import Objection, Remark


class StillKind:
    """The part of core/kind.py that a folder and a marker file answer alike: what is there is up, and holds nothing."""

    rank = 30

    def implied(self, keywords: Mapping[str, Any], types: Collection[str]) -> bool:
        return False

    def is_up(self, state: Any) -> bool:
        return True

    def holds(self, state: Any) -> bool:
        return False

    def manages(self, desired: Any) -> bool:
        return True

    def ours(self, state: Any) -> bool:
        return False

    def obstacle(self, state: Any) -> Objection | None:
        return None

    def objection(self, desired: Any, state: Any | None, around: Any) -> Objection | None:
        return None

    def needs(self, desired: Any) -> Sequence[Need]:
        return ()

    def provides(self, desired: Any) -> Sequence[Fact]:
        return ()

    def claims(self, desired: Any) -> Sequence[Claim]:
        return ()

    def releases(self, desired: Any, change: Change) -> bool:
        return False

    def sequence(self, desired: Any) -> tuple[Any, ...]:
        return tuple(desired.path.split("/")[1:])

    def gates(self, desired: Any) -> bool:
        return False

    def remark(self, desired: Any, state: Any, now: datetime | None) -> Remark | None:
        return None
