"""Workers: how many at once, who waits for whom, and that nothing is lost."""

from threading import Event
from threading import enumerate as enumerate_threads

import pytest

from reconciler.engine.workers import Workers


@pytest.fixture
def workers():
    made = Workers(2, lambda: None)
    yield made
    made.close()


def drained(workers):
    found = []
    while not workers.idle:
        workers.begin()
        workers.wait()
        found += workers.taken()
    return found


def test_so_many_are_in_work_at_once_and_the_rest_waits(workers):
    gate = Event()
    for name in "abc":
        workers.give(name, (), gate.wait)
    workers.begin()
    assert workers.working == {"a", "b"} and workers.busy == 2
    gate.set()
    assert sorted(name for name, _ in drained(workers)) == ["a", "b", "c"]


def test_a_name_in_work_is_not_begun_again_before_its_result_was_taken(workers):
    gate = Event()
    workers.give("a", (), lambda: gate.wait() and 1)
    workers.begin()
    workers.give("a", (), lambda: 2)
    workers.begin()
    assert workers.busy == 1
    gate.set()
    assert drained(workers) == [("a", 1), ("a", 2)]


def test_who_comes_after_another_waits_for_it_also_while_that_one_waits(workers):
    ended = []
    workers.give("b", ["a"], lambda: ended.append("b"))
    workers.give("a", ["b0"], lambda: ended.append("a"))
    workers.give("b0", ["somebody else"], lambda: ended.append("b0"))
    drained(workers)
    assert ended == ["b0", "a", "b"]


def test_what_was_given_again_before_it_began_is_done_as_it_was_said_last(workers):
    workers.give("a", (), lambda: 1)
    workers.give("a", (), lambda: 2)
    assert drained(workers) == [("a", 2)]


def test_what_is_recalled_is_not_begun(workers):
    workers.give("a", (), lambda: 1)
    workers.recall(["a", "b"])
    assert workers.idle and drained(workers) == []


def test_a_bug_comes_out_where_results_are_taken_and_the_others_are_there_afterwards(workers):
    def bug():
        raise KeyError("x")

    workers.give("a", (), bug)
    workers.begin()
    workers.wait()
    workers.give("b", (), lambda: 1)
    with pytest.raises(KeyError):
        drained(workers)
    assert drained(workers) == [("b", 1)]


def test_no_thread_is_kept_while_nothing_is_to_do(workers):
    threads = set(enumerate_threads())
    for name in "abc":
        workers.give(name, (), lambda: None)
    drained(workers)
    for thread in set(enumerate_threads()) - threads:
        thread.join(10)
    assert set(enumerate_threads()) <= threads


def test_each_end_is_told():
    told = []
    workers = Workers(1, lambda: told.append(1))
    workers.give("a", (), lambda: 1)
    workers.give("b", (), lambda: 2)
    assert [result for _, result in drained(workers)] == [1, 2]
    workers.close()
    assert told == [1, 1]
