"""Fixtures for everybody: a fake machine and a host over it."""

import signal
from collections.abc import Iterator

import pytest
from hypothesis import settings

from reconciler.core import secrets
from reconciler.host.ports import Host
from tests.fakehost import FakeHost, Machine

settings.register_profile("osvc", deadline=None)
settings.load_profile("osvc")
"""A busy machine is no defect: no example fails for having taken long."""

signal.signal(signal.SIGINT, signal.default_int_handler)
"""A shell has what it runs in the background ignore SIGINT, and so would every program that a test starts."""


@pytest.fixture(autouse=True)
def nothing_learned(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the specs of another test made a secret is none here."""
    monkeypatch.setattr(secrets, "_LEARNED", secrets._Learned())


@pytest.fixture
def machine() -> Iterator[Machine]:
    """A fake machine. At the end the test fails when something ran a command that the machine does not know."""
    machine = Machine()
    yield machine
    assert machine.unmodelled == []


@pytest.fixture
def host(machine: Machine) -> Host:
    """A host over the fake machine."""
    return FakeHost(machine)
