"""The clerk of an agent, as a process: `python -m reconciler.cli.clerk LISTENER AGENT`, two open sockets. Not for people."""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout

from reconciler import __version__
from reconciler.agent.clerk import Clerk
from reconciler.agent.protocol import Record
from reconciler.cli import main as osvc
from reconciler.cli.asking import ENVIRONMENT, SAME, asked, failed, here, place
from reconciler.cli.distant import Distant, joined
from reconciler.cli.svcmgr import main as svcmgr
from reconciler.core.secrets import learn_anew
from reconciler.engine.warm import WARM

_REHEARSED = (["ls"], ["status"], ["plan"])
"""Asked for nobody at the beginning: what these import and read is there when somebody asks."""


def typed(words: Sequence[str]) -> int:
    """Do a command line as it is asked: of osvc, or of svcmgr, with that name before the verb."""
    program, *verb = words[0].split()
    return svcmgr.main([*verb, *words[1:]], program) if verb else osvc.main(words)


class Answers:
    """osvc in memory. run: does a command line, as a process of its own would; its exit code."""

    def __init__(self, run: Callable[[Sequence[str]], int] = typed) -> None:
        self._run = run
        self._place = place()

    def __call__(self, request: Record) -> Record:
        """What a request comes to, on both streams and as an exit code; or why nobody should go by it."""
        try:
            words, environment, terminals = _checked(request)
            if request["osvc"] != __version__:
                return {"unanswered": f"this agent is osvc {__version__}"}
            if request["place"] != self._place:
                return {"unanswered": "this agent sees the machine from another place"}
            if any(environment.get(name, "") != os.environ.get(name, "") for name in SAME):
                return {"unanswered": "this agent has another configuration"}
            if not asked(words):
                return {"unanswered": "this is not asked of an agent"}
            with _at(str(request["cwd"]), environment):
                if request["folder"] != here():
                    return {"unanswered": "the folder of this name is another one"}
                return self._done(words, terminals)
        except (KeyError, TypeError, ValueError, OSError) as err:
            return {"unanswered": f"this cannot be answered: {err}"}

    def rehearse(self) -> None:
        for words in _REHEARSED:
            self._done(words, (None, None))

    def _done(self, words: Sequence[str], terminals: Sequence[Sequence[int] | None]) -> Record:
        said: list[tuple[int, str]] = []
        out, err = Distant(1, said, terminals[0]), Distant(2, said, terminals[1])
        learn_anew()
        with redirect_stdout(out), redirect_stderr(err):
            code = self._run(words)
        if failed(words, code):
            return {"unanswered": "it failed here"}
        return {"code": code, "said": joined(said)}


def _checked(request: Record) -> tuple[list[str], dict[str, str], list[Sequence[int] | None]]:
    """Words, environment and terminals. Raises KeyError, ValueError."""
    words, environment, terminals = request["words"], request["environment"], request["terminals"]
    if not (isinstance(words, list) and all(isinstance(word, str) for word in words)):
        raise ValueError("words are expected")
    if not (isinstance(environment, dict) and all(isinstance(value, str) for value in environment.values())):
        raise ValueError("an environment is expected")
    if not (isinstance(terminals, list) and len(terminals) == 2):
        raise ValueError("two terminals are expected")
    for one in terminals:
        if one is not None and not (isinstance(one, list) and len(one) in (0, 2) and all(isinstance(size, int) for size in one)):
            raise ValueError("columns and lines are expected")
    return words, environment, terminals


@contextmanager
def _at(folder: str, environment: Mapping[str, str]) -> Iterator[None]:
    """In this folder, with what of the environment counts, and in the time zone of now. Afterwards no folder is held, and the
    environment is the agent's."""
    before = {name: os.environ.get(name) for name in ENVIRONMENT}
    os.chdir(folder)
    try:
        _set({name: environment.get(name) for name in ENVIRONMENT})
        yield
    finally:
        os.chdir("/")
        _set(before)


def _set(environment: Mapping[str, str | None]) -> None:
    for name, value in environment.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    time.tzset()


def serve(listener: int, agent: int) -> None:
    """The whole life of the process. Ctrl-C at the terminal of the agent is the agent's."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    os.environ["OSVC_AGENT"] = "off"
    os.chdir("/")
    WARM.keep()
    answers = Answers()
    answers.rehearse()
    gc.collect()
    gc.freeze()
    Clerk(socket.socket(fileno=listener), socket.socket(fileno=agent), answers, os.geteuid()).run()


if __name__ == "__main__":
    serve(*map(int, sys.argv[1:]))
