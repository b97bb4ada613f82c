"""Actions: clients of published ports are led to a container by the firewall, or not any more. Pure; performing.py does them."""

import shlex
from typing import ClassVar

from pydantic import Field, InstanceOf

from reconciler.core.action import Action, Barrier
from reconciler.core.observed import Seen
from reconciler.resources import firewall
from reconciler.resources.container.action import ContainerAction
from reconciler.resources.container.model import Desired
from reconciler.resources.container.published import rules_for, rules_in, with_rules


class RulesAction(ContainerAction):
    """An action on the chain of the container."""

    shared: ClassVar[bool] = True

    def words(self) -> tuple[str, ...]:
        """None of the engine's."""
        return ()

    def command(self) -> str:
        return " && ".join(shlex.join(words) for words in self.commands())

    def commands(self) -> tuple[tuple[str, ...], ...]:
        raise NotImplementedError


class Publish(RulesAction):
    """desired: settled. missing: the rules, as far as they were not seen; which there are to be follows from what is published."""

    op = "publish"
    name: str
    desired: InstanceOf[Desired] = Field(repr=False)
    missing: tuple[str, ...] = ()

    def says(self) -> str:
        return f"lead clients to {self.name} on {self.desired.ip}: {len(self.missing)} rules in chain {self.desired.chain}"

    def commands(self) -> tuple[tuple[str, ...], ...]:
        return firewall.mend(self.desired.rules, self.missing)

    def after(self, seen: Seen) -> Seen:
        return with_rules(seen, {*rules_in(seen), *self._wanted(seen)})

    def shown(self, seen: Seen) -> bool:
        return self.find(seen, self.name) is not None and set(self._wanted(seen)) <= set(rules_in(seen))

    def undo(self, before: Seen) -> tuple[Action, ...] | Barrier:
        new = tuple(rule for rule in self.missing if rule not in rules_in(before))
        return (Unpublish(**self.whose, found=new),) if new else ()

    def _wanted(self, seen: Seen) -> tuple[str, ...]:
        return rules_for(self.desired, self.find(seen, self.name))


class Unpublish(RulesAction):
    """found: the rules that go. Clients go on through docker-proxy, as long as that is there."""

    op = "unpublish"
    found: tuple[str, ...] = ()

    def says(self) -> str:
        return f"lead no clients to {self.home}: take {len(self.found)} rules away"

    def commands(self) -> tuple[tuple[str, ...], ...]:
        return firewall.remove(self.found)

    def after(self, seen: Seen) -> Seen:
        return with_rules(seen, set(rules_in(seen)) - set(self.found))

    def shown(self, seen: Seen) -> bool:
        return not set(rules_in(seen)) & set(self.found)

    def undo(self, before: Seen) -> tuple[Action, ...] | Barrier:
        again = tuple(rule for rule in rules_in(before) if rule in self.found)
        return (Republish(**self.whose, found=again),) if again else ()


class Republish(RulesAction):
    """What leads back from Unpublish: the very rules that were there."""

    op = "republish"
    found: tuple[str, ...] = ()

    def says(self) -> str:
        return f"lead clients to {self.home} again: {len(self.found)} rules"

    def commands(self) -> tuple[tuple[str, ...], ...]:
        return firewall.mend(firewall.in_order(self.found), self.found)

    def after(self, seen: Seen) -> Seen:
        return with_rules(seen, {*rules_in(seen), *self.found})

    def shown(self, seen: Seen) -> bool:
        return set(self.found) <= set(rules_in(seen))

    def undo(self, before: Seen) -> tuple[Action, ...] | Barrier:
        return (Unpublish(**self.whose, found=self.found),)
