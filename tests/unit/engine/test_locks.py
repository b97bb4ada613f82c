"""Locks: one at a time, and the holder is named."""

import fcntl
import json
import os
import resource
import signal
import stat
import subprocess
import sys

import pytest

from reconciler.core.outcome import Waiting
from reconciler.engine.errors import Locked, StoreError
from reconciler.engine.locks import NODE, Locks
from tests.fakehost import FakeHost, Machine

HOLDER = """
import sys
from reconciler.engine.locks import Locks
from reconciler.host.linux.clock import LinuxClock
with Locks(sys.argv[1], LinuxClock(), verb="apply").hold("web", wait=0):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def machine():
    return Machine()


@pytest.fixture
def locks(tmp_path, machine):
    return Locks(str(tmp_path / "run"), FakeHost(machine).clock, verb="stop")


@pytest.fixture
def other(tmp_path):
    """Another process that holds the lock of web."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "run")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()


def test_the_holder_is_written_while_it_holds_and_only_then(locks, tmp_path):
    with locks.hold("web", wait=0):
        record = json.loads((tmp_path / "run/locks/web.lock").read_text())
        assert (record["pid"], record["verb"]) == (os.getpid(), "stop")
    assert (tmp_path / "run/locks/web.lock").read_text() == ""
    assert locks.holder("web") == ""


def test_who_comes_second_is_told_who_was_first(locks, other, tmp_path):
    with pytest.raises(Locked) as caught, locks.hold("web", wait=0):
        pass
    assert f"pid {other.pid}, osvc apply, since " in str(caught.value)
    assert caught.value.holder.startswith(f"pid {other.pid}")
    assert json.loads((tmp_path / "run/locks/web.lock").read_text())["pid"] == other.pid, "the record is the holder's still"


def test_waiting_is_said_once_and_ends(locks, other, machine):
    events = []
    began = machine.ticks
    with pytest.raises(Locked), locks.hold("web", wait=5, on_event=events.append):
        pass
    assert [type(event) for event in events] == [Waiting]
    assert 5 <= machine.ticks - began < 6


def test_nobody_is_told_of_a_holder_who_has_not_signed(locks, tmp_path, machine):
    """It let go just now, and a child that is being started has the file open for a moment; or it took it and will sign."""
    (tmp_path / "run/locks").mkdir(parents=True)
    events = []
    with (tmp_path / "run/locks/web.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert locks.holder("web") == "another run"
        with pytest.raises(Locked, match="locked by another run"), locks.hold("web", wait=5, on_event=events.append):
            pass
    assert events == []


def test_it_is_taken_when_the_holder_lets_go(locks, other, machine):
    machine.on_tick.append(lambda: (other.kill(), other.wait()))
    with locks.hold("web", wait=5):
        assert f"pid {os.getpid()}" in locks.holder("web")


def test_a_killed_holder_leaves_nothing_locked(locks, other):
    other.kill()
    other.wait()
    assert locks.holder("web") == ""
    with locks.hold("web", wait=0):
        pass


def test_who_is_asked_to_stop_waits_no_longer(tmp_path, other, machine):
    locks = Locks(str(tmp_path / "run"), FakeHost(machine).clock, asked=lambda: machine.ticks > 1)
    with pytest.raises(Locked), locks.hold("web", wait=3600):
        pass
    assert machine.ticks < 2


def test_services_and_the_node_have_locks_of_their_own(locks):
    with locks.hold("web", wait=0), locks.hold("db", wait=0), locks.hold(NODE, wait=0):
        assert locks.holder("web") and locks.holder("db") and locks.holder(NODE)


def test_an_exception_lets_go(locks):
    with pytest.raises(RuntimeError), locks.hold("web", wait=0):
        raise RuntimeError
    assert locks.holder("web") == ""


def test_modes(locks, tmp_path):
    with locks.hold("web", wait=0):
        pass
    assert stat.S_IMODE((tmp_path / "run").stat().st_mode) == 0o711
    assert stat.S_IMODE((tmp_path / "run/locks").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "run/locks/web.lock").stat().st_mode) == 0o600


def test_a_run_folder_that_cannot_be_used_is_told(tmp_path, machine):
    (tmp_path / "run").write_text("a file")
    with (
        pytest.raises(StoreError, match="cannot lock web in"),
        Locks(str(tmp_path / "run"), FakeHost(machine).clock).hold("web", wait=0),
    ):
        pass


def test_a_lock_that_cannot_be_signed_is_held_all_the_same(locks, tmp_path):
    """As on a full disk: here a file may have no byte."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
    try:
        with locks.hold("web", wait=0):
            assert locks.holder("web") == "another run"
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)
    assert locks.holder("web") == ""


def test_undoing_waits_for_the_node_after_the_run_was_asked_to_stop(tmp_path, machine):
    clock = FakeHost(machine).clock
    locks = Locks(str(tmp_path / "run"), clock, verb="apply", asked=lambda: True)
    with Locks(str(tmp_path / "run"), clock, verb="start").hold(NODE, wait=0):
        for asked, waited in ((None, 0), (lambda: False, 5)):
            begun = clock.monotonic()
            with pytest.raises(Locked), locks.hold(NODE, wait=5, asked=asked):
                pass
            assert round(clock.monotonic() - begun) == waited
