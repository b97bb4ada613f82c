"""Trigger: a command of the user's own beside a move of a resource: before and after it comes up, before and after it goes down."""

from typing import ClassVar

from reconciler.core import shell
from reconciler.core.action import Action, Barrier, Effect, Facet
from reconciler.core.change import Change
from reconciler.core.common import BLOCKING
from reconciler.core.kind import Moves
from reconciler.core.observed import Seen


class Trigger(Action):
    """Run the command of a keyword. What it does, nobody can see; no run undoes it.

    keyword: "pre_start". words: the command, run without a shell. limit: seconds. interrupts: something is interrupted next.
    """

    op: ClassVar[str] = "trigger"
    blind: ClassVar[bool] = True
    facets: ClassVar[frozenset[Facet]] = frozenset({Facet.TRIGGER})
    service: str
    rid: str
    keyword: str
    words: tuple[str, ...]
    limit: float
    interrupts: bool = False

    @property
    def blocking(self) -> bool:
        """Whether its failure is one of the move that it belongs to."""
        return self.keyword.startswith(BLOCKING)

    @property
    def environment(self) -> dict[str, str]:
        """What the command is told. The node's name comes on top, from whoever runs it."""
        action = self.keyword.rpartition("_")[2]
        return {"OSVC_SERVICE": self.service, "OSVC_RID": self.rid, "OSVC_ACTION": action}

    @property
    def costs(self) -> Effect:
        """As what follows: where that is not done any more, nor is this."""
        return Effect.DISRUPTIVE if self.interrupts else Effect.SAFE

    def says(self) -> str:
        return f"run {self.keyword}: {self._line}"

    def command(self) -> str:
        return f"{self._line}  # {self.keyword}"

    def script(self) -> str:
        told = " ".join(shell.join((f"{name}={value}",)) for name, value in self.environment.items())
        told += ' OSVC_NODE="${OSVC_NODE:-$(uname -n)}"'
        end = "" if self.blocking else f" || echo '{self.keyword} failed, which changes nothing' >&2"
        return f"env {told} timeout -s KILL {self.limit:g} {self._line}{end}"

    @property
    def secrets(self) -> dict[str, str]:
        return shell.variables(self.words)

    def after(self, seen: Seen) -> Seen:
        return seen

    def shown(self, seen: Seen) -> bool:
        return True

    def undo(self, before: Seen) -> tuple[Action, ...] | Barrier:
        return ()

    @property
    def _line(self) -> str:
        return shell.join(self.words)


def with_triggers(service: str, change: Change, moves: Moves, *, falls: bool, rises: bool) -> Moves:
    """The moves of a change with the resource's triggers around them. falls: they take it down. rises: they bring it up.

    Triggers stand in the slots of the moves themselves, so that the order holds for them as it is.
    """
    cuts = any(action.costs is not Effect.SAFE for action in moves.down)

    def run(when: str, *, interrupts: bool = False) -> tuple[Action, ...]:
        return tuple(
            Trigger(
                service=service,
                rid=change.rid,
                keyword=keyword,
                words=words,
                limit=change.common.trigger_timeout,
                interrupts=interrupts,
            )
            for keyword, words in change.common.triggers(when)
        )

    if falls:
        moves = moves._replace(down=(*run("pre_stop", interrupts=cuts), *moves.down, *run("post_stop")))
    if rises:
        moves = moves._replace(up=(*run("pre_start"), *moves.up, *run("post_start")))
    return moves
