"""Fixtures for everybody: a fake machine and a host over it."""

import signal
from collections.abc import Iterator
from pathlib import Path

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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What may take longest, by its own time limit, comes first, file by file: no worker is left with it in the end."""
    limits: dict[Path, float] = {}
    for item in items:
        marker = item.get_closest_marker("timeout")
        limits[item.path] = max(limits.get(item.path, 0.0), float(marker.args[0]) if marker and marker.args else 0.0)
    items.sort(key=lambda item: -limits[item.path])


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
