"""Two operators at once: at each step of the one, the other comes as well. The other is refused, and told who is at work; the one's
work is done as if nobody had come."""

import os

import pytest

from reconciler.core.outcome import End
from reconciler.core.policy import Aim
from reconciler.engine.config import read_config
from reconciler.engine.session import Session
from tests.crash.life import picture
from tests.fakehost import FakeHost
from tests.svcmgr.node import NAME
from tests.svcmgr.test_cut_off import born

__all__ = ["born"]


def comes(machine, aim):
    """Somebody comes who wants this, and does not wait."""
    config = read_config()
    with Session.open(config, write=True, host=FakeHost(machine, config.place)) as session:
        targets = session.targets(session.load(), (NAME,), aim=aim)
        (result,) = session.converge(targets, lock_wait=0.0)
        return result


def before(born, program, verb):
    life = born(program)
    assert verb != "stop" or life.types("start")[0] == 0
    return life, life.machine.effects


@pytest.mark.parametrize(
    ("program", "verb", "aim"),
    [("svcmgr", "start", Aim.DOWN), ("svcmgr", "stop", Aim.UP), ("osvc", "start", Aim.UP), ("osvc", "apply", None)],
)
def test_who_comes_later_is_refused_at_each_step(born, program, verb, aim):
    life, base = before(born, program, verb)
    assert life.types(verb)[0] == 0
    effects, alone = life.machine.effects - base, picture(life.machine, life.run_folder)
    assert effects > 10
    life, base = before(born, program, verb)
    results = []
    for k in range(1, effects + 1):
        life.machine.at(base + k, "before", lambda: results.append(comes(life.machine, aim)))
    assert life.types(verb)[0] == 0
    assert [result.end for result in results] == [End.LOCKED] * effects
    assert all(f"locked by pid {os.getpid()}, osvc {verb}, since " in result.message for result in results)
    assert picture(life.machine, life.run_folder) == alone
