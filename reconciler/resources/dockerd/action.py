"""EngineAction: the base of what can be done to an engine, and how its effect on a record of one is written down."""

import shlex

from reconciler.core.action import Action
from reconciler.core.observed import Absent, Present, Seen
from reconciler.resources.dockerd.model import Around, Desired, State


def state_of(seen: Seen) -> State:
    """The state of an engine, all off when it is absent."""
    if isinstance(seen, Present):
        assert isinstance(seen.state, State)
        return seen.state
    return State(private=True, forwarding=around_of(seen).forwarding)


def around_of(seen: Seen) -> Around:
    assert isinstance(seen.around, Around)
    return seen.around


def state_with(seen: Seen, **update: object) -> Seen:
    """The observation with parts of the state changed; absent when nothing of the engine is left."""
    state = state_of(seen).model_copy(update=update)
    return Present(state, seen.around) if state.leftovers else Absent(seen.around)


def around_with(seen: Seen, **update: object) -> Seen:
    around = around_of(seen).model_copy(update=update)
    return Present(state_of(seen), around) if isinstance(seen, Present) else Absent(around)


class EngineAction(Action):
    """want: the engine that is meant, settled."""

    want: Desired


class CommandsAction(EngineAction):
    """An action that is a few commands of the host, one after the other, and exactly these."""

    def commands(self) -> tuple[tuple[str, ...], ...]:
        raise NotImplementedError

    def command(self) -> str:
        return " && ".join(shlex.join(words) for words in self.commands())
