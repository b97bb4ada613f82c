"""News: what a watch says of services, and of itself: something new; the same again only once something else was true."""

from collections.abc import Collection

from reconciler.core.bells import Source
from reconciler.core.outcome import Noticed, OnEvent, Rang
from reconciler.core.plan import Plan
from reconciler.engine.rounds import Call
from reconciler.engine.target import Target
from reconciler.engine.tries import is_lost

_OF_NOBODY = ("", "specs", "files", "prune", "bells", "configuration", "bug")
"""What is told, and is of no one service."""


class News:
    """hear: who is told."""

    def __init__(self, hear: OnEvent) -> None:
        self._hear = hear
        self._told: dict[tuple[str, str], str] = {}

    def tell(self, about: str, text: str, *, topic: str = "") -> None:
        """about: a service, or one of the above. text: "" where there is nothing to say any more. topic: beside what else is told
        of it."""
        if self._told.get((about, topic), "") == text:
            return
        self._told[about, topic] = text
        if text:
            self._hear(Noticed("" if about in _OF_NOBODY else about, text))

    def rang(self, call: Call, looked: Collection[str]) -> None:
        """What rang for services that are looked at now: once a look. looked: all of these. What rings for one that is in work is
        not told: most of it is that work."""
        if not call.rang:
            return
        heard = call.heard.intersection(looked)
        edited = set(looked) - call.names if call.files else set()
        bells = {bell: said for bell, said in call.rang.items() if (edited if bell.source is Source.FILES else heard)}
        if bells:
            self._hear(Rang("", bells, heard | edited))

    def frozen(self, target: Target) -> None:
        """What is left alone because it is frozen."""
        ban = target.frozen
        why = f" ({ban.reason})" if ban is not None and ban.reason else ""
        ends = f" until {ban.until.astimezone():%Y-%m-%d %H:%M}" if ban is not None and ban.until is not None else ""
        text = f"frozen by {ban.by}{ends}{why}; left alone → osvc thaw {target.name}" if ban is not None else ""
        self.tell(target.name, text, topic="frozen")

    def lost(self, plan: Plan) -> None:
        """What is monitored and is not up any more, by name, whatever comes of it."""
        lost = [f"{change.rid} is lost: {change.reason}" for change in plan.changes if change.common.monitor and is_lost(change)]
        self.tell(plan.service, f"monitored: {'; '.join(lost)}" if lost else "", topic="monitor")

    def keep(self, names: Collection[str]) -> None:
        """There are these services, and no others."""
        for told in [told for told in self._told if told[0] not in {*names, *_OF_NOBODY}]:
            del self._told[told]
