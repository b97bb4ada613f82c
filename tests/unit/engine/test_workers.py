"""Workers: how many at once, who waits for whom, and that nothing is lost."""

from threading import Event, Thread
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


@pytest.fixture
def threads(monkeypatch):
    """How many more threads the machine has, as a list of one number."""
    left, start = [0], Thread.start

    def started(thread):
        if thread.name.startswith("service"):
            if not left[0]:
                raise RuntimeError("can't start new thread")
            left[0] -= 1
        start(thread)

    monkeypatch.setattr(Thread, "start", started)
    return left


def test_what_no_thread_can_be_had_for_still_waits_and_is_not_in_work(workers, threads):
    done = []
    workers.give("a", (), lambda: done.append("a"))
    with pytest.raises(RuntimeError):
        workers.begin()
    assert workers.pending == {"a"} and not workers.working and not workers.busy
    workers.recall(["a"])
    assert workers.idle
    threads[0] = 2
    workers.give("b", (), lambda: done.append("b"))
    workers.give("a", (), lambda: done.append("a again"))
    drained(workers)
    assert sorted(done) == ["a again", "b"]


def test_what_no_second_thread_can_be_had_for_is_not_done_by_the_first_once_that_is_free(workers, threads):
    done, gate, threads[0] = [], Event(), 1
    workers.give("a", (), lambda: gate.wait(10) and done.append("a"))
    workers.give("b", (), lambda: done.append("b"))
    with pytest.raises(RuntimeError):
        workers.begin()
    assert (workers.working, workers.pending) == ({"a"}, {"a", "b"})
    workers.recall(["b"])
    gate.set()
    workers.wait()
    workers.give("c", (), lambda: done.append("c"))
    drained(workers)
    assert done == ["a", "c"]
