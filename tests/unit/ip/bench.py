"""A bench for addresses: resources converged one after the other with the real diff, moves and driver, on any host."""

from reconciler.core.diff import diff_down, diff_up
from reconciler.core.ids import ResourceId
from reconciler.core.observed import Absent, Present
from reconciler.core.ownership import Owned
from reconciler.core.policy import Policy
from reconciler.resources.driver import Wanted
from reconciler.resources.ip.driver import DRIVER
from reconciler.resources.ip.model import Desired
from reconciler.resources.ip.planning import KIND


def ip(name, dev="eth0", **more):
    return Desired(name=name, dev=dev, **more)


class Bench:
    """A service of addresses. owned: rid -> what the store would know."""

    def __init__(self, host):
        self.host = host
        self.owned = {}
        self.said = []

    def look(self, specs):
        wanted = [Wanted(ResourceId("t", rid), spec, self.owned.get(rid)) for rid, spec in specs.items()]
        return {id.rid: seen for id, seen in DRIVER.observe(wanted, self.host).items()}

    def change(self, rid, specs):
        return diff_up(KIND, rid, specs[rid], self.look(specs)[rid], self.owned.get(rid), Policy())

    def up(self, rid, specs):
        """The verdict, once its moves are done, and seen."""
        change = self.change(rid, specs)
        assert change.verdict.value not in ("refuse", "defer"), change
        self.owned[rid] = Owned("ip", change.desired, self.owned[rid].applied if rid in self.owned else None)
        moves = KIND.moves(change)
        for action in (*moves.down, *moves.up):
            self.do(rid, action)
            assert action.shown(self.settled(rid, specs, change.desired)), action.says()
        self.owned[rid] = Owned("ip", change.desired, change.desired)
        return change.verdict.value

    def settled(self, rid, specs, desired):
        seen = self.look(specs)[rid]
        assert isinstance(seen, (Present, Absent)), seen
        return Present(KIND.settle(desired, seen.state, seen.around)[1], seen.around) if isinstance(seen, Present) else seen

    def down(self, rid):
        """Down, by what was applied; the verdict."""
        owned = self.owned[rid]
        want = Wanted(ResourceId("t", rid), None, owned)
        change = diff_down(
            KIND, rid, owned.applied or owned.wanted, DRIVER.observe([want], self.host)[want.id], owned, remove=False
        )
        for action in KIND.moves(change).down if change.verdict.value == "stop" else ():
            self.do(rid, action)
            assert action.shown(DRIVER.look(want, self.host))
            self.do(rid, action)
        return change.verdict.value

    def do(self, rid, action):
        DRIVER.perform(ResourceId("t", rid), action, self.host, self.said.append)
