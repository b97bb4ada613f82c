"""The benchmark's harness, with two containers and one run: rows come out, what is wrong is void, and nothing is left."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks import place
from benchmarks.__main__ import Failed, in_place
from benchmarks.cycles import OWN, Tally, cycle, rows
from benchmarks.floor import Line
from benchmarks.harms import HARMS
from benchmarks.looks import untrue
from benchmarks.measure import Measure
from benchmarks.place import Litter
from benchmarks.pulls import missing
from benchmarks.rows import Row
from benchmarks.sides import WORKS, Floor
from tests.contract.engine_fixture import DEMO, PrivateEngine, private_engine
from tests.integration.lab import ROOT

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]


def processes(word: str) -> list[int]:
    """The processes that name it among their words."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                words = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if word.encode() in words:
                found.append(int(entry.name))
    return found


def cgroups() -> set[str]:
    return {str(path) for path in place.CGROUPS.glob("*/o*") if path.name.startswith(("o-", "osvc-"))}


@pytest.mark.parametrize("shape", ["containers", "services"])
def test_the_rows_of_a_group_come_out_and_nothing_is_left(shape: str, tmp_path: Path) -> None:
    litter = tmp_path / "litter"
    argv = place.argv(sys.executable, "-m", "benchmarks.cycles", shape, "2", "1", str(litter), "--hasty")
    done = subprocess.run(argv, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    found = {row.name: row for row in (Row.from_record(json.loads(line)) for line in done.stdout.splitlines())}
    assert tuple(found) == WORKS
    for row in found.values():
        assert row.faults == () and row.counts and row.n == 2 and row.shape == shape
        assert row.ours.memory > row.floor.memory > 5 << 20
        assert len(row.ours.seconds) == len(row.floor.seconds) == 1
    names = litter.read_text().split()
    assert not any(processes(name) for name in names)
    Litter(litter).sweep()
    assert not [name for name in names if name.startswith("/tmp/") and Path(name).exists()]
    assert not [path for path in cgroups() if Path(path).name in names]


def test_the_row_of_images_that_are_pulled_comes_out_and_nothing_is_left(tmp_path: Path) -> None:
    litter = tmp_path / "litter"
    argv = place.argv(sys.executable, "-m", "benchmarks.pulls", "2", "1", str(litter))
    done = subprocess.run(argv, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    row = Row.from_record(json.loads(done.stdout))
    assert row.faults == () and row.counts and row.key == "pulled/images/2" and row.goal is not None
    names = litter.read_text().split()
    Litter(litter).sweep()
    assert not [name for name in names if name.startswith("/tmp/") and Path(name).exists()]


def test_an_image_that_is_not_the_registrys_is_seen() -> None:
    with private_engine() as private:
        known = private.engine.image(DEMO)["Id"]
        assert missing(private.socket, {DEMO: known}) == ""
        assert missing(private.socket, {DEMO: "sha256:0"}) == f"{DEMO} is {known}"
        assert missing(private.socket, {"far:1": known}) == "far:1 is not there"


class Lazy(Floor):
    """It leaves the last one out, and does not say so."""

    def argvs(self, work: str, count: int) -> list[list[str]]:
        return super().argvs(work, count - 1 if work == "cold" else count)


def test_a_wrong_running_set_voids_the_row_and_what_rests_on_it() -> None:
    tally = Tally()
    with private_engine() as private, Measure() as measure:
        sides = {"floor": Floor(private.socket), "ours": Lazy(private.socket)}
        for who, side in sides.items():
            cycle(private.socket, side, who, 2, measure, tally, 1)
        assert private.engine.containers() == []
    found = {row.name: row for row in rows("containers", 2, sides, tally)}
    assert [found[work].verdict for work in WORKS] == ["void"] * len(WORKS)
    assert found["cold"].faults == ("run 1: ours: 2 containers should be there; floor-2 should not differ",)
    assert found["no-op"].faults == ("run 1: ours: after cold went wrong",)


def test_a_side_that_fails_is_void_with_what_it_said() -> None:
    tally = Tally()
    with PrivateEngine() as private, Measure() as measure:
        cycle(private.socket, Floor(private.socket), "floor", 1, measure, tally, 1)
    (fault,) = tally.faults["cold"]
    assert "exit 1" in fault and "No such image" in fault


def test_a_killed_benchmark_leaves_only_what_the_next_one_removes(tmp_path: Path) -> None:
    litter = tmp_path / "litter"
    argv = place.argv(sys.executable, "-m", "benchmarks.cycles", "services", "2", "1", str(litter), "--hasty")
    child = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT)
    try:
        deadline = time.monotonic() + 30
        while not (litter.exists() and (folders := litter.read_text().split()) and processes(f"{folders[-1]}/")):
            assert time.monotonic() < deadline and child.poll() is None
            time.sleep(0.05)
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    while any(processes(f"{name}/") for name in folders):
        assert time.monotonic() < deadline + 30, "the processes of the place live on"
        time.sleep(0.05)
    Litter(litter).sweep()
    assert not [name for name in folders if name.startswith("/tmp/") and Path(name).exists()]
    assert not [path for path in cgroups() if Path(path).name in folders]


def test_the_rows_of_looking_come_out_and_nothing_is_left(tmp_path: Path) -> None:
    litter = tmp_path / "litter"
    argv = place.argv(sys.executable, "-m", "benchmarks.looks", "2", "1", str(litter))
    done = subprocess.run(argv, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    found = [Row.from_record(json.loads(line)) for line in done.stdout.splitlines()]
    assert [row.key for row in found] == ["status/looks/2", "ls/looks/2"]
    for row in found:
        assert row.faults == () and row.counts and row.goal is not None and row.start_up is not None
        assert len(row.ours.seconds) == len(row.floor.seconds) == len(row.start_up.seconds) == 3
    names = litter.read_text().split()
    Litter(litter).sweep()
    assert not [name for name in names if name.startswith("/tmp/") and Path(name).exists()]


def test_services_that_are_not_shown_to_be_up_void_the_rows(tmp_path: Path) -> None:
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / "s1.yaml").write_text("resources:\n  fs#1: {type: tmpfs, dev: tmpfs, mnt: /srv/nowhere}\n")
    (tmp_path / "osvc.yaml").write_text(f"specs: {tmp_path}/specs\n")
    env = {"OSVC_STATE_DIR": f"{tmp_path}/state", "OSVC_RUN_DIR": f"{tmp_path}/run", "OSVC_CONFIG": f"{tmp_path}/osvc.yaml"}
    assert untrue(OWN, env, 1).startswith("osvc ls shows 1 services, 0 of them up")


def test_what_hangs_is_ended_with_all_that_it_started() -> None:
    mark = "--directory=/proc/self/cwd/."
    with pytest.raises(Failed, match=r"^http\.server hung: it was ended after 3 s$"):
        list(in_place("http.server", mark, "0", limit=3.0))
    until = time.monotonic() + 10  # what is killed takes its time to go
    while processes(mark):
        assert time.monotonic() < until
        time.sleep(0.05)


def test_an_engine_that_hangs_is_a_fault_of_its_row_and_hangs_nobody(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "s"))
        silent.listen()
        with pytest.raises(TimeoutError):
            Line(str(tmp_path / "s"), 0.2).call("GET", "/info")


@pytest.mark.parametrize(
    ("module", "runs", "keys"),
    [
        ("answers", "1", ["status/agent/2", "plan/agent/2"]),
        ("tutorials", "1", ["status/tutorial/2", "plan/tutorial/2"]),
        ("idle", "0.1", ["idle/idle/2"]),
    ],
)
def test_the_rows_of_what_is_at_rest_come_out_and_nothing_is_left(module: str, runs: str, keys: list[str], tmp_path: Path) -> None:
    litter = tmp_path / "litter"
    argv = place.argv(sys.executable, "-m", f"benchmarks.{module}", "2", runs, str(litter))
    done = subprocess.run(argv, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    found = [Row.from_record(json.loads(line)) for line in done.stdout.splitlines()]
    assert [row.key for row in found] == keys
    assert all(row.faults == () and row.counts and row.goal is not None for row in found), found
    names = litter.read_text().split()
    Litter(litter).sweep()
    assert not [name for name in names if name.startswith("/tmp/") and Path(name).exists()]


def test_the_rows_of_repair_come_out_and_nothing_is_left(tmp_path: Path) -> None:
    litter = tmp_path / "litter"
    argv = place.argv(sys.executable, "-m", "benchmarks.repairs", "1", "1", str(litter))
    done = subprocess.run(argv, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    found = [Row.from_record(json.loads(line)) for line in done.stdout.splitlines()]
    assert [row.name for row in found] == [harm.name for harm in HARMS]
    for row in found:
        assert row.faults == () and row.counts and row.latest is not None, row
        assert (row.peer is not None) == (row.name == "container killed")
    names = litter.read_text().split()
    Litter(litter).sweep()
    assert not [name for name in names if name.startswith("/tmp/") and Path(name).exists()]
