"""Agent: a watch with its parts, from the first look to the last."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack

from reconciler.agent.part import Part
from reconciler.core.outcome import Event, OnEvent, silent
from reconciler.engine.config import Config
from reconciler.engine.session import Session
from reconciler.engine.watch import Watch
from reconciler.host.manager import Manager


class Agent:
    """Takes what a Watch takes. parts: they begin in this order, before the first look, and end in the other, after the last."""

    def __init__(
        self,
        session: Session,
        paths: Sequence[str] = (),
        *,
        on_event: OnEvent = silent,
        configure: Callable[[], Config] | None = None,
        manager: Manager | None = None,
        parts: Sequence[Part] = (),
    ) -> None:
        self._parts = tuple(parts)
        self._on_event = on_event
        self._watch = Watch(session, paths, on_event=self._tell, configure=configure, manager=manager)
        self.paths = self._watch.paths

    def run(self) -> int:
        """As Watch.run. Raises EngineError where a part cannot begin."""
        with ExitStack() as begun:
            for part in self._parts:
                part.start(self._watch)
                begun.callback(part.close)
            return self._watch.run()

    def _tell(self, event: Event) -> None:
        self._on_event(event)
        for part in self._parts:
            part.tell(event)
