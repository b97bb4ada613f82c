"""The log: a line for each step and run, and none when it is off."""

import json
import os
import resource
import stat
import threading

import pytest

from reconciler.engine import log
from tests.unit.core.toys import ToyDesired, service


@pytest.fixture
def folder(tmp_path):
    log.log_to(str(tmp_path))
    yield tmp_path
    log.log_to("")


def lines(folder):
    return [json.loads(line) for line in (folder / "log/osvc.log").read_text().splitlines()]


def test_a_run_leaves_a_line_for_each_step_and_one_for_itself(folder, bench):
    result = bench.converge(service(box_1=ToyDesired()))
    found = lines(folder)
    assert [line["event"] for line in found] == ["make", "turn", "run ended"]
    assert {(line["run"], line["service"]) for line in found} == {(result.run, "toys")}
    assert found[0]["command"] == "toy make"
    assert stat.S_IMODE(os.stat(folder / "log/osvc.log").st_mode) == 0o600


def test_a_run_that_had_nothing_to_do_leaves_none(folder, bench):
    bench.converge(service(box_1=ToyDesired()))
    before = lines(folder)
    bench.converge(service(box_1=ToyDesired()))
    assert lines(folder) == before


def test_a_log_that_was_prepared_is_the_one_that_is_written(folder):
    log.prepare()
    for thread in threading.enumerate():
        if thread.name == "log":
            thread.join()
    made = os.stat(folder / "log/osvc.log").st_ino
    log.note("first")
    assert [line["event"] for line in lines(folder)] == ["first"] and os.stat(folder / "log/osvc.log").st_ino == made


def test_off_is_off(tmp_path, bench):
    bench.converge(service(box_1=ToyDesired()))
    assert not (tmp_path / "log").exists()


def test_a_line_that_finds_no_room_is_lost_and_troubles_nobody_later(folder):
    log.note("first")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, ((folder / "log/osvc.log").stat().st_size, limits[1]))
    try:
        log.note("lost")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    log.note("last")
    assert [line["event"] for line in lines(folder)] == ["first", "last"]


def test_a_log_that_cannot_be_written_stops_nothing(tmp_path, bench):
    (tmp_path / "log").write_text("a file in the way")
    log.log_to(str(tmp_path))
    try:
        assert bench.converge(service(box_1=ToyDesired())).end.value == "converged"
    finally:
        log.log_to("")


def test_a_large_log_is_put_aside(folder, monkeypatch):
    (folder / "log").mkdir()
    (folder / "log/osvc.log").write_text("old\n")
    monkeypatch.setattr(log, "_LARGE", 1)
    log.note("new")
    assert (folder / "log/osvc.log.1").read_text() == "old\n"
    assert [line["event"] for line in lines(folder)] == ["new"]
