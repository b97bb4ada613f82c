"""The log: a line for each step and run, and none when it is off."""

import itertools
import json
import os
import resource
import stat
import sys
import threading
from datetime import UTC, datetime

import pytest

from reconciler.core.level import Level
from reconciler.core.outcome import Noticed, Waiting
from reconciler.engine import log
from reconciler.host.errors import Permanent
from tests.unit.core.toys import ToyDesired, service


@pytest.fixture
def folder(tmp_path):
    log.finish()
    log.log_to(str(tmp_path))
    yield tmp_path
    log.finish()
    log.log_to("")


def written():
    """What waited for structlog is written after this."""
    for thread in threading.enumerate():
        if thread.name == "log":
            thread.join()


def lines(folder):
    written()
    return [json.loads(line) for line in (folder / "log/osvc.log").read_text().splitlines()]


def test_a_run_leaves_a_line_for_each_step_and_one_for_itself(folder, bench):
    result = bench.converge(service(box_1=ToyDesired()))
    found = lines(folder)
    assert [line["event"] for line in found] == ["make", "turn", "run ended"]
    assert {(line["run"], line["service"]) for line in found} == {(result.run, "toys")}
    assert (found[0]["command"], found[0]["level"]) == ("toy make", "info")
    assert all(isinstance(line["seconds"], float) for line in found)
    assert stat.S_IMODE(os.stat(folder / "log/osvc.log").st_mode) == 0o600


def test_a_run_that_had_nothing_to_do_leaves_none(folder, bench):
    bench.converge(service(box_1=ToyDesired()))
    before = lines(folder)
    bench.converge(service(box_1=ToyDesired()))
    assert lines(folder) == before


def test_a_log_that_was_prepared_is_the_one_that_is_written(folder):
    log.prepare()
    written()
    made = os.stat(folder / "log/osvc.log").st_ino
    log.note("first")
    assert [line["event"] for line in lines(folder)] == ["first"] and os.stat(folder / "log/osvc.log").st_ino == made


class Slow:
    """Finds no module; structlog is looked for until `go`."""

    def __init__(self):
        self.asked, self.go, self.fails = threading.Event(), threading.Event(), False

    def find_spec(self, name, path=None, target=None):
        if name == "structlog":
            self.asked.set()
            assert self.go.wait(30)
            if self.fails:
                raise ImportError("it is not whole")


@pytest.fixture
def slow(monkeypatch):
    """structlog is not imported yet, and takes long."""
    slow = Slow()
    monkeypatch.delitem(sys.modules, "structlog")
    monkeypatch.setattr(sys, "meta_path", [slow, *sys.meta_path])
    yield slow
    slow.go.set()
    written()


def test_a_line_waits_for_the_log_and_nobody_for_a_line(folder, slow):
    log.prepare()
    assert slow.asked.wait(30)
    log.prepare()
    log.note("first", Level.WARNING, seconds=1.5)
    log.note("second", Level.INFO)
    seen = datetime.now(UTC)
    assert not (folder / "log/osvc.log").exists()
    slow.go.set()
    first, second = lines(folder)
    assert (first["event"], first["level"], first["seconds"]) == ("first", "warning", 1.5) and second["event"] == "second"
    assert datetime.fromisoformat(first["timestamp"]) <= datetime.fromisoformat(second["timestamp"]) <= seen, "when it was said"
    log.note("third")
    third = lines(folder)[-1]
    assert third["event"] == "third" and len(third["timestamp"]) == len(first["timestamp"])


def test_lines_for_a_log_that_was_left_meanwhile_are_counted(folder, slow):
    before = log.lost()
    log.prepare()
    log.note("lost")
    log.log_to("")
    slow.go.set()
    written()
    assert log.lost() == before + 1 and not (folder / "log/osvc.log").exists()


def test_who_may_end_the_process_waits_for_what_waits(folder, slow):
    log.prepare()
    log.note("first")
    threading.Timer(0.1, slow.go.set).start()
    log.finish()
    assert [json.loads(line)["event"] for line in (folder / "log/osvc.log").read_text().splitlines()] == ["first"]


def test_lines_that_wait_for_what_cannot_be_imported_are_counted(folder, slow, monkeypatch):
    before = log.lost()
    log.prepare()
    assert slow.asked.wait(30)
    log.note("lost")
    slow.fails = True
    slow.go.set()
    log.finish()
    assert log.lost() == before + 1
    slow.fails = False
    log.note("there")
    assert [line["event"] for line in lines(folder)] == ["there"]


def test_the_log_is_opened_when_the_process_waits_for_something():
    worked = iter([0.0, 0.004, 0.0065, 0.0067, 1.0])
    log._till_there_is_time(threading.Event(), lambda: next(worked))
    assert next(worked) == 1.0, "at the first pause that was hardly used"


def test_at_the_end_there_is_time():
    over, always = threading.Event(), itertools.count()

    def worked():
        if (seconds := next(always)) == 3:
            over.set()
        return float(seconds)

    log._till_there_is_time(over, worked)
    assert next(always) == 4, "although the process was at work all the time"


def test_a_process_that_never_waits_has_its_log_as_well():
    always = itertools.count()
    log._till_there_is_time(threading.Event(), lambda: float(next(always)))
    assert next(always) > 1, "it was asked, and it ended"


def test_without_a_thread_the_first_line_opens_the_log(folder, monkeypatch):
    def none(thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", none)
    log.prepare()
    log.note("first")
    assert [line["event"] for line in lines(folder)] == ["first"]


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


@pytest.fixture
def large(monkeypatch):
    monkeypatch.setattr(log, "_LARGE", 1000)


def test_a_large_log_is_put_aside(folder, large):
    (folder / "log").mkdir()
    (folder / "log/osvc.log").write_text("old\n" * 300)
    log.note("new")
    assert (folder / "log/osvc.log.1").read_text() == "old\n" * 300
    assert [line["event"] for line in lines(folder)] == ["new"]


def test_a_process_that_goes_on_for_months_puts_its_log_aside_as_well(folder, large):
    for number in range(200):
        log.note("again", number=number)
        sizes = [path.stat().st_size for path in (folder / "log").iterdir()]
        assert len(sizes) <= 2 and max(sizes) < 1200
    before = [json.loads(line)["number"] for line in (folder / "log/osvc.log.1").read_text().splitlines()]
    numbers = before + [line["number"] for line in lines(folder)]
    assert numbers == list(range(numbers[0], 200))
    assert stat.S_IMODE((folder / "log/osvc.log").stat().st_mode) == 0o600


def test_a_log_that_somebody_else_put_aside_is_begun_anew(folder):
    log.note("first")
    os.rename(folder / "log/osvc.log", folder / "log/kept")
    log.note("second")
    assert [line["event"] for line in lines(folder)] == ["second"]


def test_a_log_whose_folder_went_goes_on_once_it_is_back(folder):
    log.note("first")
    os.rename(folder / "log", folder / "away")
    log.note("second")
    (folder / "log").mkdir()
    log.note("third")
    assert [line["event"] for line in lines(folder)] == ["third"]


def test_lines_for_which_there_is_no_room_are_counted(folder):
    log.note("first")
    before, limits = log.lost(), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1, limits[1]))
    try:
        log.note("lost")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert log.lost() == before + 1


def test_what_fails_and_what_is_led_back_have_lines_of_their_own_with_what_it_took(folder, bench):
    bench.world.faults["box#1 start"] = [Permanent("no space")]
    result = bench.converge(service(box_1=ToyDesired()))
    found = lines(folder)
    failed = next(line for line in found if line.get("became") == "failed")
    assert (failed["level"], failed["rid"], failed["command"]) == ("error", "box#1", "toy turn") and "no space" in failed["message"]
    assert found[-1]["event"] == "run ended" and (found[-1]["level"], found[-1]["end"]) == ("error", "rolled back")
    assert {(line["run"], line["service"]) for line in found} == {(result.run, "toys")}
    undone = [line for line in found if line.get("became") == "undone"]
    assert undone and all(line["level"] == "warning" and line["seconds"] >= 0 and line["command"] for line in undone)


def test_what_a_watch_notices_and_who_waits_is_logged(folder):
    log.tell(Noticed("web", "fs#1 is lost"))
    log.tell(Waiting("web", "pid 7"))
    log.tell(Noticed("", "a spec is not valid"))
    assert [(line["event"], line.get("service"), line["level"]) for line in lines(folder)] == [
        ("noticed", "web", "warning"),
        ("waits", "web", "warning"),
        ("noticed", None, "warning"),
    ]


def test_the_same_lines_are_shown_where_they_are_asked_for(folder, bench, tmp_path):
    shown = tmp_path / "shown"
    with shown.open("w") as file:
        log.show_on(file.fileno())
        bench.converge(service(box_1=ToyDesired()))
        log.show_on(file.fileno(), journal=True)
        log.note("lost", Level.ERROR)
        log.show_on(None)
        log.note("unseen")
    first, *_, last = shown.read_text().splitlines()
    assert json.loads(first)["event"] == "make" and "timestamp" in json.loads(first)
    assert last == '<3>{"event": "lost", "level": "error"}'
    assert [line["event"] for line in lines(folder)][-2:] == ["lost", "unseen"]


def test_a_line_that_found_room_for_a_part_of_it_does_not_spoil_the_next(folder):
    log.note("first")
    before, limits = log.lost(), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, ((folder / "log/osvc.log").stat().st_size + 20, limits[1]))
    try:
        log.note("torn")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    log.note("whole")
    log.note("last")
    first, torn, *rest = (folder / "log/osvc.log").read_text().splitlines()
    assert len(torn) == 20 and [json.loads(line)["event"] for line in (first, *rest)] == ["first", "whole", "last"]
    assert log.lost() == before + 1


def test_a_log_that_cannot_be_opened_is_tried_again_and_what_is_lost_meanwhile_counted(tmp_path):
    (tmp_path / "log").touch()
    before = log.lost()
    try:
        log.log_to(str(tmp_path))
        log.note("lost")
        (tmp_path / "log").unlink()
        log.note("lost as well")
        assert log.lost() == before + 2 and not (tmp_path / "log").exists(), "not for each line"
        log.log_to(str(tmp_path), again=0)
        (tmp_path / "log").touch()
        log.note("lost")
        (tmp_path / "log").unlink()
        log.note("there")
    finally:
        log.log_to("")
    assert log.lost() == before + 3 and [line["event"] for line in lines(tmp_path)] == ["there"]
