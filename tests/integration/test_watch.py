"""osvc watch on the real machine: each thing that is done to it behind osvc's back is repaired, with the smallest plan.

The interval is longer than any test: only what rings makes it look.
"""

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.core.policy import Aim, Goal
from reconciler.engine.config import read_config
from reconciler.engine.crew import SIZE
from reconciler.engine.session import Session
from tests.integration.lab import Lab, laboratory
from tests.integration.netlab import run
from tests.integration.watching import PATIENCE, Watching, watching

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]
ADDRESS = "198.18.77.1"


def spec(lab: Lab, *containers: dict[str, Any], size: str = "1m") -> None:
    resources: dict[str, Any] = {
        "ip#1": {"name": ADDRESS, "dev": "lo", "netmask": 32},
        "fs#1": {"type": "tmpfs", "dev": "tmpfs", "mnt": f"{lab.root}/m", "mnt_opt": [f"size={size}"]},
    }
    sleeps = [lab.container(network="none", command=["sleep", "100000"]) | more for more in containers]
    resources |= {f"container#{n}": words for n, words in enumerate(sleeps, 1)}
    lab.write("web.yaml", {"docker_data_dir": f"{lab.root}/d/web", "resources": resources})


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with laboratory() as lab:
        (lab.root / "m").mkdir()
        spec(lab, {}, {})
        lab.apply()
        yield lab


@pytest.fixture
def watch(lab: Lab) -> Iterator[Watching]:
    with watching(lab) as watch:
        yield watch


def docker(lab: Lab, *words: str) -> Callable[[], object]:
    socket = f"unix://{lab.node.service_dir('web')}/docker.sock"
    return lambda: run("docker", "--host", socket, *words)


def test_whatever_is_done_to_it_is_repaired_by_the_smallest_plan(lab: Lab) -> None:
    """One harm after the other, each with a watch of its own: drift that comes again and again it lets rest for a while."""
    mount = str(lab.root / "m")
    one, two = "web.container.1", "web.container.2"
    harms: list[tuple[str, Callable[[], object], set[str]]] = [
        ("killed", docker(lab, "kill", one), {"container#1"}),
        ("stopped", docker(lab, "stop", "-t", "0", one), {"container#1"}),
        ("removed", docker(lab, "rm", "-f", one), {"container#1"}),
        ("paused", docker(lab, "pause", one), {"container#1"}),
        ("renamed", docker(lab, "rename", one, "stolen"), {"container#1"}),
        ("address removed", lambda: run("ip", "addr", "del", f"{ADDRESS}/32", "dev", "lo"), {"ip#1"}),
        ("unmounted", lambda: run("umount", mount), {"fs#1"}),
        ("unmounted lazily", lambda: run("umount", "-l", mount), {"fs#1"}),
        ("spec edited", lambda: spec(lab, {}, {}, size="2m"), {"fs#1"}),
    ]
    for name, harm, touched in harms:
        with watching(lab) as watch:
            before, since = lab.running("web"), len(watch.lines)
            harm()
            assert set(watch.repaired(since)) == touched, (name, watch.lines[since:])
        assert lab.running("web")[two] == before[two], name
        lab.converged()


def test_an_engine_that_is_killed_is_started_and_listened_to_again(lab: Lab, watch: Watching) -> None:
    before, since = lab.running("web"), len(watch.lines)
    lab.kill(lab.daemon("web"))
    assert "dockerd" in watch.repaired(since), watch.lines[since:]
    assert lab.running("web") == before
    lab.converged()

    since = len(watch.lines)
    docker(lab, "kill", "web.container.1")()
    assert set(watch.repaired(since)) == {"container#1"}
    lab.converged()


def test_the_containerd_of_an_engine_is_missed_although_nobody_tells_of_its_end(lab: Lab, watch: Watching) -> None:
    before, dockerd = lab.running("web"), lab.daemon("web")
    for _ in range(2):
        since = len(watch.lines)
        lab.kill(lab.containerd("web"))
        assert set(watch.repaired(since)) == {"dockerd"}, watch.lines[since:]
        assert (lab.running("web"), lab.daemon("web")) == (before, dockerd)
        lab.converged()


def test_a_stop_by_an_operator_is_respected_and_a_start_is_not_fought(lab: Lab, watch: Watching) -> None:
    lab.osvc("stop", "web", timeout=60)
    watch.quiet()
    assert not Path(f"{lab.node.service_dir('web')}/docker.pid").exists()
    lab.osvc("start", "web", timeout=60)
    watch.quiet()
    lab.converged()


def test_what_another_osvc_leaves_in_the_state_folder_is_heard(lab: Lab, watch: Watching) -> None:
    """Here nothing but the word: the service is brought down, and up, by the watch."""

    def say(goal: Goal) -> list[str]:
        since = len(watch.lines)
        with Session.open(read_config({**lab.env}), write=True) as session:
            session.set_goal(["web"], goal)
        return watch.repaired(since)

    assert "dockerd" in say(Goal(Aim.DOWN, "alice"))
    assert not Path(f"{lab.node.service_dir('web')}/docker.pid").exists()
    assert "dockerd" in say(Goal())
    lab.converged()


def test_it_ends_at_once_and_what_runs_goes_on(lab: Lab, watch: Watching) -> None:
    before = lab.running("web")
    began = time.monotonic()
    watch.end()
    assert time.monotonic() - began < 15
    assert lab.running("web") == before


def test_while_nothing_rings_it_does_nothing_and_spawns_nothing(lab: Lab, watch: Watching) -> None:
    stat = Path(f"/proc/{watch.process.pid}/stat")

    def spent() -> int:
        fields = stat.read_text().rpartition(")")[2].split()
        return sum(map(int, fields[11:15]))  # of itself and of all its children, in hundredths of a second

    watch.quiet(12)
    before = spent()
    time.sleep(3)
    assert spent() - before <= 1, "one may have been begun before; the shortest look takes several"
    assert len(os.listdir(f"/proc/{watch.process.pid}/task")) <= 1 + SIZE, "its own, and its workers'"


def test_a_service_manager_is_told(lab: Lab, tmp_path: Path) -> None:
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(address)
        manager.settimeout(PATIENCE)

        def told() -> str:
            while (text := manager.recv(4096).decode()) == "WATCHDOG=1":
                pass
            return text.partition("\n")[0]

        watch = Watching(lab, environ={"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "400000"})
        try:
            assert told() == "READY=1"
            assert manager.recv(4096) == manager.recv(4096) == b"WATCHDOG=1"
            watch.process.send_signal(signal.SIGHUP)
            assert [told(), told()] == ["RELOADING=1", "READY=1"]
        finally:
            watch.end()
        assert told() == "STOPPING=1"
