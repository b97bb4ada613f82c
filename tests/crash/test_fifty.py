"""Fifty containers, of which one is bad: `apply` leaves the 49 good ones as they are, `start` undoes the whole service."""

from __future__ import annotations

import pytest

from reconciler.cli.ends import result_exit
from reconciler.cli.exits import Exit
from reconciler.core.outcome import End, Status
from reconciler.core.policy import Aim, Goal
from reconciler.report.run_text import result_text
from tests.crash.life import Lives, read
from tests.crash.record import differences, record

HEAD = "docker_data_dir: /srv/web\nresources:\n  fs#1: {dev: /img/web.ext4, mnt: /srv/web, type: ext4}\n"
ONE = "  container#%d: {type: docker, image: 'osvc/demo:1', image_archive: /img/demo.tar, command: %s, environment: {V: '%s'}%s}\n"
COUNT = 50
DOWN = Goal(Aim.DOWN, "alice")


def fifty(bad: int = 0, version: str = "one", subset: str = "") -> object:
    """A service of fifty containers; the bad one's command does not exist. subset: the keyword's text, of every container."""
    head = "subsets: {container:a: {parallel: true}}\n" + HEAD if subset else HEAD
    lines = (ONE % (n, "nothing-of-the-kind" if n == bad else "sleep 1000", version, subset) for n in range(1, COUNT + 1))
    return read(head + "".join(lines))


def ids(lives: Lives) -> dict[int, tuple[str, str]]:
    """Number -> id and time of start, of every container that runs."""
    return {
        int(found["Name"].rpartition(".")[2]): (found["Id"], found["State"]["StartedAt"])
        for found in lives.records()
        if found["State"]["Running"]
    }


def names(lives: Lives) -> set[str]:
    return {found["Name"] for found in lives.records()}


@pytest.fixture
def lives(tmp_path) -> Lives:
    return Lives(tmp_path / "lives")


@pytest.mark.parametrize("together", [False, True], ids=["one after the other", "in parallel"])
@pytest.mark.parametrize("bad", [25, 50])
def test_49_good_ones_stay_when_one_cannot_be_started_for_the_first_time(lives, bad, together):
    lives.workers, subset = (4, ", subset: a") if together else (1, "")
    result = lives.run(fifty(bad, subset=subset))
    assert (result.end, result.undone, result_exit(result)) == (End.ROLLED_BACK, True, Exit.ROLLED_BACK), result
    assert result.message.startswith(f"container#{bad}: cannot start web.container.{bad}: ")
    told = result_text(result)
    assert "nothing-of-the-kind" in told and f"of container#{bad}\n" in told and told.count("container#") == 2, told
    good = ids(lives)
    assert set(good) == set(range(1, COUNT + 1)) - {bad}
    assert f"/web.container.{bad}" not in names(lives) and len(names(lives)) == COUNT - 1
    assert lives.run(fifty(subset=subset)).end is End.CONVERGED
    assert {n: one for n, one in ids(lives).items() if n != bad} == good, "the good ones were not touched again"


def test_49_good_ones_are_not_touched_when_one_more_is_bad(lives):
    assert lives.run(fifty()).end is End.CONVERGED
    before = ids(lives)
    by_hand = lives.machine.docker.by_hand("/run/osvc/web/docker.sock")
    by_hand.stop("web.container.50", 1)
    by_hand.remove("web.container.50")
    result = lives.run(fifty(50))
    assert result.touched == {"container#50"}
    assert (result_exit(result), ids(lives)) == (Exit.ROLLED_BACK, {n: one for n, one in before.items() if n != 50})


def test_49_are_replaced_and_the_50th_keeps_its_old_container(lives):
    assert lives.run(fifty()).end is End.CONVERGED
    before = ids(lives)
    result = lives.run(fifty(50, "two"))
    assert (result.end, result.undone, result_exit(result)) == (End.ROLLED_BACK, True, Exit.ROLLED_BACK), result
    after = ids(lives)
    assert {n for n in after if after[n][0] == before[n][0]} == {50}
    assert len(after) == COUNT and names(lives) == {f"/web.container.{n}" for n in after}, "no old or new one is left beside"
    again = lives.run(fifty(50, "two"))
    assert again.end is End.ROLLED_BACK and {step.step.rid for step in again.outcomes} == {"container#50"}


def test_start_undoes_the_whole_service(lives):
    assert lives.run(fifty()).end is End.CONVERGED
    assert lives.run(fifty(), DOWN).end is End.CONVERGED
    before = record(lives)
    result = lives.run(fifty(50), verb="start", whole_undo=True)
    assert (result.end, result.undone, result_exit(result)) == (End.ROLLED_BACK, True, Exit.ROLLED_BACK), result
    assert ids(lives) == {}
    assert not [outcome for outcome in result.outcomes if outcome.status is Status.DONE]
    assert differences(before, record(lives), result.outcomes) == []
