"""Lease: whether this node may still work on a service. Checked before each step; a cluster's lease comes later."""

from typing import Protocol


class Lease(Protocol):
    def epoch(self, service: str) -> int | None:
        """The epoch under which this node may act on the service; None when it may not (any more)."""


class LocalLease:
    """The lease of a node that is alone: always granted."""

    def epoch(self, service: str) -> int | None:
        return 0
