"""Fixtures for everybody: a fake machine and a host over it."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from xdist.workermanage import NodeManager

from reconciler.core import secrets
from reconciler.host.ports import Host
from tests.fakehost import FakeHost, Machine

settings.register_profile("osvc", deadline=None)
settings.load_profile("osvc")
"""A busy machine is no defect: no example fails for having taken long."""

signal.signal(signal.SIGINT, signal.default_int_handler)
"""A shell has what it runs in the background ignore SIGINT, and so would every program that a test starts."""

ENDING = 300
"""Seconds that a worker has for taking down what its tests put up, when the run is ended. xdist kills it after 10."""
NodeManager.EXIT_TIMEOUT = ENDING


def pytest_sessionstart(session: pytest.Session) -> None:
    """A worker that is told to end and does not is interrupted once, and then waited for. execnet ends it after 10 s."""
    for plugin in session.config.pluginmanager.get_plugins():
        if type(plugin).__name__ == "WorkerInteractor":
            gateway = plugin.channel.gateway
            gateway._terminate_execution = lambda pool=gateway._execpool: _end(pool)


def _end(pool: Any) -> None:
    """As execnet's own, but for the time. pool: what the worker does."""
    pool.trigger_shutdown()
    if not pool.waitall(5):
        os.kill(os.getpid(), signal.SIGINT)
        if not pool.waitall(ENDING):
            os._exit(1)


def pytest_keyboard_interrupt() -> None:
    """A worker that was interrupted takes down what there is, and is not interrupted in that."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        signal.signal(signal.SIGINT, lambda *_: None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What may take longest, by its own time limit, comes first, file by file: no worker is left with it in the end."""
    limits: dict[Path, float] = {}
    for item in items:
        marker = item.get_closest_marker("timeout")
        limits[item.path] = max(limits.get(item.path, 0.0), float(marker.args[0]) if marker and marker.args else 0.0)
    items.sort(key=lambda item: -limits[item.path])


@pytest.hookimpl(tryfirst=True)  # before xdist, which would have them handed out
def pytest_collection_finish(session: pytest.Session) -> None:
    """Real tests beside each other are each on a machine apart (tools/apart.sh), or not at all."""
    output: dict[str, str] | None = getattr(session.config, "workeroutput", None)
    if output is None or "OSVC_APART_PYTHON" in os.environ:
        return
    if any(item.get_closest_marker("real") for item in session.items):
        output["refused"] = "tests marked real do not run beside each other on one machine: make test does it, or leave -n away"
        raise pytest.UsageError(output["refused"])


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object) -> None:
    """A worker's refusal is that of the whole."""
    if refused := getattr(node, "workeroutput", {}).get("refused"):
        raise pytest.UsageError(refused)


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
