"""retry: what may pass is tried again, in time that can be cut short."""

import subprocess
import sys

import pytest

from reconciler.engine.retry import ATTEMPTS, attempt
from reconciler.host.errors import Busy, Conflict, Transient
from tests.fakehost import FakeHost, Machine


class Calls:
    def __init__(self, *errors):
        self.errors, self.count = list(errors), 0

    def __call__(self):
        self.count += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"


@pytest.fixture
def machine():
    return Machine()


def go(machine, calls, ended=lambda: False):
    said = []
    return attempt(calls, FakeHost(machine).clock, ended=ended, on_retry=said.append), said


def test_what_works_is_called_once(machine):
    calls = Calls()
    assert go(machine, calls) == ("done", [])
    assert (calls.count, machine.ticks) == (1, 0)


@pytest.mark.parametrize("kind", [Transient, Busy])
def test_what_passes_is_called_until_it_does(machine, kind):
    calls = Calls(kind("a"), kind("b"))
    answer, said = go(machine, calls)
    assert (answer, calls.count) == ("done", 3)
    assert [text.split(";")[0] for text in said] == ["a", "b"]


def test_the_last_error_comes_out(machine):
    calls = Calls(*[Transient(str(n)) for n in range(20)])
    with pytest.raises(Transient, match=f"^{ATTEMPTS - 1}$"):
        go(machine, calls)
    assert calls.count == ATTEMPTS
    assert machine.ticks <= 8 * ATTEMPTS


@pytest.mark.parametrize("error", [Conflict("name taken"), ValueError("a bug")])
def test_anything_else_comes_out_at_once(machine, error):
    calls = Calls(error)
    with pytest.raises(type(error)):
        go(machine, calls)
    assert calls.count == 1


def test_a_change_of_mind_between_attempts(machine):
    calls = Calls(Transient("a"), Conflict("b"))
    with pytest.raises(Conflict):
        go(machine, calls)
    assert calls.count == 2


def test_who_is_asked_to_stop_tries_no_more(machine):
    calls = Calls(*[Transient("x")] * 9)
    with pytest.raises(Transient):
        go(machine, calls, ended=lambda: True)
    assert calls.count == 1


def test_the_wait_is_cut_short(machine):
    asked = []
    machine.on_tick.append(lambda: asked.append(1))
    calls = Calls(*[Transient("x")] * 9)
    with pytest.raises(Transient):
        go(machine, calls, ended=lambda: bool(asked))
    assert calls.count <= 2
    assert machine.ticks <= 0.25


def test_tenacity_is_not_imported_until_something_fails():
    code = "import sys, reconciler.engine.session; assert 'tenacity' not in sys.modules and 'structlog' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
