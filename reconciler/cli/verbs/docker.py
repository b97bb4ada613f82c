"""osvc docker: docker against the engine of a service, in place of this process: exit code, terminal and signals are docker's."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from reconciler.cli.client import NoEngine, become, docker_client
from reconciler.cli.display import note
from reconciler.cli.ends import result_exit
from reconciler.cli.exits import Exit
from reconciler.cli.failures import Told, complain
from reconciler.cli.named import the_target
from reconciler.cli.request import local_now, operator
from reconciler.cli.svcmgr.log import under_svcmgr
from reconciler.cli.verb import Usage
from reconciler.core.facts import Kind
from reconciler.core.outcome import Event
from reconciler.core.policy import Selection
from reconciler.engine.config import Config, read_config
from reconciler.engine.session import Session
from reconciler.engine.signals import Stop
from reconciler.engine.target import Target
from reconciler.host.errors import HostError
from reconciler.report.run_text import progress_line, result_text
from reconciler.report.texts import listed
from reconciler.resources.registry import kind_of

ENGINE_RID = "dockerd"

_REFUSED = ("--host", "--context")
_VALUED = ("--config", "--log-level", "-l", "--tlscacert", "--tlscert", "--tlskey")


def run(options: argparse.Namespace) -> Exit:
    """Start the private engine of the service if it has to be, and become docker. For docker's help no engine is started."""
    words = list(options.args)
    command = command_in(words)
    client = docker_client()
    config = read_config()
    with Session.open(config, write=False) as session:
        target = the_target(session, config, options.service)
        socket = _socket(target)
        answers = _answers(session, socket)
    if not answers and command not in ("", "help") and "--help" not in words:
        _start(config, target, options.wait, quietly=under_svcmgr(options))
    become(client, socket, words)


def command_in(words: Sequence[str]) -> str:
    """Docker's command, "" where there is none. Raises Usage when docker's own options, before it, name an engine: which one it is,
    is the service's to say."""
    skip = False
    for word in words:
        if skip:
            skip = False
            continue
        if not word.startswith("-"):
            return word
        name = word.partition("=")[0]
        short = not word.startswith("--") and name not in _VALUED and any(letter in name[1:] for letter in "Hc")
        if name in _REFUSED or short:
            raise Usage(f"{name} names another engine; osvc docker speaks to the service's own")
        skip = name in _VALUED and "=" not in word
    return ""


def _socket(target: Target) -> str:
    """Where the service's engine listens."""
    if target.service is not None and not target.service.here:
        raise NoEngine(f"{target.name} has no Docker engine here: it is {target.service.goal.reason}")
    resource = target.service.resources.get(ENGINE_RID) if target.service else None
    if resource is None:
        raise NoEngine(f"{target.name} has no Docker engine: it has no container of type docker and no docker_data_dir")
    facts = kind_of(resource.type).provides(resource.desired)
    return next(fact.key for fact in facts if fact.kind is Kind.ENGINE)


def _answers(session: Session, socket: str) -> bool:
    try:
        session.host.docker.engine(socket).ping(3.0)
    except HostError:
        return False
    return True


def _start(config: Config, target: Target, wait: float | None, *, quietly: bool) -> None:
    """Start the engine, through the planner and under the service's lock. Nothing else is touched, nor the goal."""
    only_engine = Selection((ENGINE_RID,))
    up = Target(target.name, target.service, gone=target.gone, source=target.source)
    with Session.open(config, write=False) as session:
        (plan,) = session.plans((up,), selection=only_engine)
    others = sorted({step.rid for step in plan.steps} - {ENGINE_RID})
    open_ones = [change for change in plan.open if change.rid == ENGINE_RID]
    if others:
        raise NoEngine(
            f"cannot start the engine of {target.name}: {listed(others)} must come first"
            f" → osvc start {target.name} --rid {ENGINE_RID}"
        )
    if open_ones or not plan.steps:
        why = open_ones[0].reason if open_ones else "it is not running, and is not started by osvc"
        remedy = (open_ones[0].remedy if open_ones else "") or "osvc doctor"
        raise NoEngine(f"cannot reach the engine of {target.name}: {why} → {remedy}")

    def on_event(event: Event) -> None:
        if not quietly and (line := progress_line(event, local_now())):
            note(line)

    stop = Stop()
    with stop.catching(), Session.open(config, write=True, stop=stop, by=operator()) as session:
        (result,) = session.converge(
            (up,),
            {up.name: plan},
            selection=only_engine,
            verb="docker",
            lock_wait=config.lock_wait if wait is None else wait,
            on_event=on_event,
        )
    code = result_exit(result, stop.number)
    if code is not Exit.OK:
        complain(result_text(result).rstrip("\n"))
        raise Told(code)
