"""What is said of the restarts of a container: when they are a crash loop, and when they are news of a while ago."""

from datetime import UTC, datetime, timedelta

import pytest

from reconciler.core.kind import Remark
from reconciler.resources.container.model import Container
from reconciler.resources.container.runs import counted, looping, remark_on
from tests.unit.container.bench import desired

NOW = datetime(2026, 11, 29, 12, 0, 0, tzinfo=UTC)
WANT = desired(restart_policy="on-failure")


def at(seconds: float) -> str:
    """So many seconds before now, as an engine writes it."""
    return f"{NOW - timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S.%f}123Z"


def waiting(restarts: int, *, ran: float, **more) -> Container:
    fields = {"exit_code": 1, "started_at": at(ran + 0.5), "ended_at": at(0.5), **more}
    return Container(socket="/s", name="web.container.1", id="a", status="restarting", restarts=restarts, **fields)


def running(restarts: int, *, ago: float, waited: float, **more) -> Container:
    fields = {"started_at": at(ago), "ended_at": at(ago + waited), **more}
    return Container(socket="/s", name="web.container.1", id="a", status="running", restarts=restarts, **fields)


@pytest.mark.parametrize(
    ("one", "loops"),
    [
        (waiting(7, ran=0.2), True),
        (waiting(3, ran=9.9), True),
        (waiting(3, ran=10), False),
        (waiting(2, ran=0.2), False),
        (waiting(7, ran=3600), False),
        (running(7, ago=2, waited=3.2), True),
        (running(4, ago=9.9, waited=1), True),
        (running(7, ago=10, waited=60), False),
        (running(7, ago=86400, waited=60), False),
        (running(2, ago=2, waited=60), False),
        (running(7, ago=2, waited=0.4), False),
        (running(7, ago=2, waited=3.2, ended_at=""), False),
        (running(7, ago=2, waited=3.2).model_copy(update={"status": "exited"}), False),
    ],
)
def test_a_crash_loop_is_three_restarts_and_short_runs_to_the_last(one, loops):
    assert looping(one, NOW) is loops


def test_without_a_clock_only_one_that_waits_for_its_next_run_is_known_to_loop():
    assert looping(waiting(3, ran=0.2), None)
    assert not looping(running(7, ago=2, waited=3.2), None)


def test_a_crash_loop_is_named_with_its_end_and_what_to_do():
    told = remark_on(WANT, waiting(7, ran=5, counted_from=at(40.5), out_of_memory=True, memory=64 << 20), NOW)
    assert told is not None and told.failing
    assert told.text == "crash loop: 7 restarts in 40 s, exit 1, out of memory at 64m; left to restart_policy: on-failure"
    assert told.remedy == "osvc docker web logs --tail 20 web.container.1"
    told = remark_on(WANT, running(7, ago=2, waited=3.2), NOW)
    assert told is not None and told.text.startswith("crash loop: 7 restarts; left to")


def test_restarts_of_one_that_runs_well_are_told_and_no_more():
    told = remark_on(WANT, running(7, ago=12, waited=0.2), NOW)
    assert told is not None and (told.text, told.remedy, told.failing) == ("restarted 7 times, last 12 s ago", "", False)
    told = remark_on(WANT, running(1, ago=-3, waited=0.2), NOW)
    assert told is not None and told.text == "restarted 1 time, last 0 s ago", "a clock that was set back"
    told = remark_on(WANT, waiting(2, ran=50), None)
    assert told is not None and (told.text, told.failing) == ("restarted 1 time, and about to be again, exit 1", False)
    assert remark_on(WANT, running(0, ago=12, waited=0.2), None) is None
    assert remark_on(WANT, running(7, ago=12, waited=0.2).model_copy(update={"status": "exited"}), None) is None


def test_where_there_is_a_clock_it_is_told_since_when_it_runs_and_how_its_check_finds_it():
    told = remark_on(WANT, running(0, ago=12, waited=0.2, check="starting"), NOW)
    assert told == Remark(since=NOW - timedelta(seconds=12), health="starting")
    told = remark_on(WANT, running(7, ago=12, waited=0.2), NOW)
    assert told is not None and (told.since, told.restarts) == (NOW - timedelta(seconds=12), 7)
    ended = running(0, ago=60, waited=1, ended_at=at(20)).model_copy(update={"status": "exited"})
    assert remark_on(WANT, ended, NOW) == Remark(since=NOW - timedelta(seconds=20)), "a job that is done"
    assert remark_on(WANT, waiting(2, ran=50), NOW).since is None, "between two runs it is not up"


def test_the_restarts_are_counted_from_the_run_that_somebody_began():
    first = counted(running(0, ago=60, waited=600), None)
    assert first.counted_from == first.started_at
    later = counted(waiting(5, ran=0.2), first)
    assert later.counted_from == first.started_at
    assert counted(running(6, ago=1, waited=1), later).counted_from == first.started_at
    assert counted(waiting(2, ran=0.2), later).counted_from == "", "somebody has started it since"
    assert counted(waiting(5, ran=0.2), None).counted_from == ""
    assert counted(waiting(5, ran=0.2), first.model_copy(update={"id": "b"})).counted_from == ""
