"""Stop: what each signal asks for."""

import os
import signal

from reconciler.engine.signals import Stop


def state(stop):
    return (stop.asked, stop.undoing, stop.hurry.is_set(), stop.number)


def test_nothing_asked():
    assert state(Stop()) == (False, True, False, 0)


def test_the_first_interrupt_still_undoes_the_second_does_not():
    stop = Stop()
    stop.interrupt()
    assert state(stop) == (True, True, False, 2)
    stop.interrupt()
    assert state(stop) == (True, False, True, 2)


def test_terminate_undoes_nothing():
    stop = Stop()
    stop.terminate()
    assert state(stop) == (True, False, False, 15)
    stop.terminate()
    assert state(stop) == (True, False, True, 15)


def test_signals_are_taken_over_and_given_back():
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    stop = Stop()
    with stop.catching():
        os.kill(os.getpid(), signal.SIGINT)
        assert state(stop) == (True, True, False, 2)
        os.kill(os.getpid(), signal.SIGTERM)
        assert state(stop) == (True, False, True, 15)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
