"""Part: what an agent offers beside its watch: answers, events, figures. Each has its own thread or process, if any."""

from typing import Protocol

from reconciler.core.outcome import Event
from reconciler.engine.watch import Watch


class Part(Protocol):
    def start(self, watch: Watch) -> None:
        """Begin, before the first look. Raises EngineError where that cannot be: the agent ends then."""

    def tell(self, event: Event) -> None:
        """What the watch does and notices. Called from several threads, one at a time; it neither raises nor waits for anybody."""

    def close(self) -> None:
        """End, and leave nothing behind. The watch has ended before."""
