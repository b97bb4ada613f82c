"""What the journal tells of a run, as steps."""

from reconciler.cli.past import steps_of
from reconciler.engine.journal import Entry

AT = "2026-11-29T01:02:03+00:00"


def entry(
    step: int, phase: str, message: str = "", seconds: float | None = None, rid: str = "container#1", op: str = "start"
) -> Entry:
    return Entry("r1", "web", step, rid, op, phase, AT, seconds, message)


def test_a_step_that_went_well() -> None:
    (step,) = steps_of([entry(1, "intend", "docker start web"), entry(1, "done", seconds=0.5)])
    assert (step.n, step.rid, step.became, step.seconds, step.commands, step.back) == (
        1,
        "container#1",
        "done",
        0.5,
        ("docker start web",),
        (),
    )


def test_a_step_that_failed_and_one_that_was_led_back() -> None:
    journal = [
        entry(1, "intend", "mount /x", rid="fs#1", op="mount"),
        entry(1, "done", rid="fs#1", op="mount", seconds=0.1),
        entry(2, "intend", "docker start web"),
        entry(2, "failed", "cannot start web: no such port", seconds=1.0),
        entry(1, "undone", "umount /x\nrmdir /x", rid="fs#1", op="mount"),
    ]
    mount, start = steps_of(journal)
    assert (mount.became, mount.back) == ("undone", ("umount /x", "rmdir /x"))
    assert (start.became, start.message) == ("failed", "cannot start web: no such port")


def test_an_undo_that_failed_is_told() -> None:
    journal = [entry(1, "intend"), entry(1, "done"), entry(1, "failed", "undo: cannot stop web: no answer")]
    (step,) = steps_of(journal)
    assert (step.became, step.message) == ("done", "undo: cannot stop web: no answer")


def test_the_same_number_in_a_later_round_is_another_step() -> None:
    journal = [entry(1, "intend", "a"), entry(1, "done"), entry(1, "intend", "b"), entry(1, "failed", "no")]
    assert [(step.commands, step.became) for step in steps_of(journal)] == [(("a",), "done"), (("b",), "failed")]


def test_a_run_that_died_leaves_a_step_of_which_nobody_knows() -> None:
    (step,) = steps_of([entry(1, "intend", "docker start web")])
    assert (step.became, step.seconds) == ("", None)
