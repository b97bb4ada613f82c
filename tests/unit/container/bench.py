"""A bench for one container resource: observe, diff, do, on any host, with a crash wherever a test wants one."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from reconciler.core.action import Action
from reconciler.core.change import Change, Verdict
from reconciler.core.diff import diff_down, diff_up
from reconciler.core.ids import ResourceId
from reconciler.core.node import Node, Place
from reconciler.core.observed import Absent, Observed, Present, Seen
from reconciler.core.ownership import Owned
from reconciler.core.policy import Policy
from reconciler.engine.execute import LOOK_AGAIN
from reconciler.host.ports import Host
from reconciler.resources.container.driver import ContainerDriver
from reconciler.resources.container.model import Around, Desired
from reconciler.resources.container.planning import KIND
from reconciler.resources.driver import Wanted

ACTS = {Verdict.CREATE, Verdict.START, Verdict.LIVE, Verdict.RESTART, Verdict.REPLACE, Verdict.STOP, Verdict.REMOVE}
NODE = Node(run_dir="/run/osvc")


def desired(service: str = "web", rid: str = "container#1", node: Node = NODE, **keywords: Any) -> Desired:
    return Desired.model_validate({"image": "osvc/demo:1", "command": "sleep 1000", **keywords}, context=Place(service, rid, node))


def steps(change: Change) -> list[Action]:
    """The actions of a change in the order of their slots."""
    if change.verdict not in ACTS:
        return []
    moves = KIND.moves(change)
    return [action for slot in ("prepare", "down", "live", "up", "commit") for action in getattr(moves, slot)]


class Bench:
    """applied: what the store would remember."""

    def __init__(self, host: Host, driver: ContainerDriver | None = None) -> None:
        self.host = host
        self.driver = driver or ContainerDriver()
        self.applied: Desired | None = None
        self.remembered: Seen | None = None
        self.said: list[str] = []

    def owned(self) -> Owned | None:
        return Owned("container", self.applied, self.applied, self.remembered) if self.applied else None

    def wanted(self, want: Desired) -> Wanted:
        return Wanted(ResourceId(want.service, want.rid), want, self.owned())

    def see(self, want: Desired) -> Observed:
        item = self.wanted(want)
        return self.driver.observe([item], self.host)[item.id]

    def look(self, want: Desired) -> Observed:
        return self.driver.look(self.wanted(want), self.host)

    def look_for(self, want: Desired, action: Action) -> Observed:
        """As a run looks: an engine may need a moment to list what it has done."""
        looked = self.look(want)
        for wait in LOOK_AGAIN:
            if isinstance(looked, (Present, Absent)) and action.shown(looked):
                break
            self.host.clock.sleep(wait)
            looked = self.look(want)
        return looked

    def change(self, want: Desired) -> Change:
        return diff_up(KIND, want.rid, want, self.see(want), self.owned(), Policy())

    def falling(self, want: Desired, *, remove: bool) -> Change:
        return diff_down(KIND, want.rid, want, self.see(want), self.owned(), remove=remove)

    def do(self, want: Desired, actions: Sequence[Action]) -> None:
        """Do these, and see after each that it is done."""
        for action in actions:
            self.driver.perform(ResourceId(want.service, want.rid), action, self.host, self.said.append)
            looked, seen = self.look_for(want, action), self.see(want)
            assert action.shown(looked), f"{action.says()} cannot be seen in {looked}"
            if self.look(want) == looked:  # nothing happened by itself in between
                assert _known_after_a_step(looked) == _known_after_a_step(seen)

    def apply(self, want: Desired, rounds: int = 4) -> list[str]:
        """Until there is nothing to do; what was done. Fails when it does not come to an end."""
        done: list[str] = []
        for _ in range(rounds):
            change = self.change(want)
            assert change.verdict not in (Verdict.REFUSE, Verdict.DEFER), change.reason
            if change.verdict in (Verdict.KEEP, Verdict.ADOPT):
                self.applied = want
                return done
            actions = steps(change)
            assert actions, change
            self.do(want, actions)
            if change.verdict in (Verdict.CREATE, Verdict.REPLACE):
                self.applied = want
            done += [action.says() for action in actions]
        raise AssertionError(f"still {self.change(want)} after {done}")


def around(seen: Seen) -> Around:
    assert isinstance(seen.around, Around)
    return seen.around


def _known_after_a_step(seen: Seen) -> Seen:
    """What a look after a step says as well: all but who stands in the way."""
    return replace(seen, around=around(seen).model_copy(update={"holder": None, "ports": (), "missing": (), "remote": ""}))
