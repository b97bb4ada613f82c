"""Showing: the part of an agent that whoever monitors it asks: its metrics and its health, over HTTP (docs/metrics.md)."""

import json
from http import HTTPStatus
from time import monotonic
from typing import Final

from reconciler.agent.health import Health
from reconciler.agent.http import Reply, Server
from reconciler.agent.metrics import Metrics, Pulse
from reconciler.core.level import Level
from reconciler.core.outcome import Ended, Event, Noticed, StepBegan, StepEnded
from reconciler.engine import log
from reconciler.engine.address import Address
from reconciler.engine.watch import Watch

EXPOSITION: Final = "text/plain; version=0.0.4; charset=utf-8"
FRESH: Final = 1.0
"""Seconds for which the same metrics are told again: who asks without a pause does not keep the agent busy."""


class Showing:
    """address: where; None shows nothing."""

    def __init__(self, address: Address | None) -> None:
        self._address = address
        self._server: Server | None = None
        self._working: set[tuple[str, str]] = set()
        self._text, self._made = b"", float("-inf")

    def start(self, watch: Watch) -> None:
        """What cannot be listened on is told, and tried again: it does not keep the agent from its work."""
        self._watch, self._clock = watch, watch.session.host.clock
        self.metrics = Metrics(watch.standing, self.pulse, lambda: self._clock.now().timestamp())
        if self._address is None:
            return
        troubles: list[str] = []
        self._server = Server(self._address, self.reply, troubles.append)
        self._server.listen()
        for text in filter(None, troubles):
            event = Noticed("", text)
            log.tell(event)
            watch.on_event(event)
        self._server.tell = _note
        self._server.start()

    def tell(self, event: Event) -> None:
        match event:
            case StepBegan(service=service, step=step):
                self._working.add((service, step.rid))
            case StepEnded(service=service, outcome=outcome):
                self._working.discard((service, outcome.step.rid))
            case Ended(service=service):
                self._working -= {one for one in self._working if one[0] == service}
        self.metrics.tell(event)

    def close(self) -> None:
        if self._server is not None:
            self._server.close()

    # asked in the server's thread

    def reply(self, path: str) -> Reply | None:
        health = self.health()
        match path:
            case "/metrics":
                if monotonic() > self._made + FRESH:
                    self._text, self._made = self.metrics.text(), monotonic()
                return Reply(HTTPStatus.OK, self._text, EXPOSITION)
            case "/health/live":
                return _told(health, health.dead)
            case "/health/ready":
                return _told(health, health.unready)
            case _:
                return None

    def health(self) -> Health:
        standing = self._watch.standing()
        working = tuple(" ".join(one) for one in sorted(self._working.copy()))
        return Health(self._clock.monotonic() - standing.turned, working, standing.begun, standing.bug)

    def pulse(self) -> Pulse:
        turned = self._clock.now().timestamp() - self.health().turned
        return Pulse(turned, self._watch.session.store.errors, log.lost(), self._watch.bugs)


def _told(health: Health, reason: str) -> Reply:
    status = HTTPStatus.SERVICE_UNAVAILABLE if reason else HTTPStatus.OK
    return Reply(status, json.dumps(health.record(reason)).encode() + b"\n", "application/json")


def _note(why: str) -> None:
    if why:
        log.note("metrics", Level.WARNING, message=why)
    else:
        log.note("metrics", message="listened on now")
