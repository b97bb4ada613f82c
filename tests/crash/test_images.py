"""Images through a whole run: what is pulled although the engine has one of that name."""

from __future__ import annotations

import pytest

from reconciler.core.outcome import End, Event, Status, StepMoved, StepSaid
from reconciler.engine.signals import Stop
from reconciler.host.errors import Denied, HostError, NotFound, Permanent, Transient
from tests.crash.life import IMAGE, NEWER, SPEC, Lives, read


def test_a_pull_that_is_to_be_done_always_is_done_although_the_image_is_there(tmp_path):
    lives = Lives(tmp_path)
    assert lives.run(read(SPEC)).end is End.CONVERGED
    lives.machine.docker.registry["osvc/demo:1"] = NEWER
    archive = "    image_archive: /img/demo.tar\n    command: sleep 1000\n    memory: 64m\n"
    assert archive in SPEC
    result = lives.run(read(SPEC.replace(archive, "    image_pull_policy: always\n    command: sleep 2000\n    memory: 64m\n")))
    became = {outcome.step.action.op: outcome.status for outcome in result.outcomes if outcome.step.rid == "container#2"}
    assert became["pull"] is Status.DONE
    images = {one["name"]: one["image"] for one in lives.picture()["containers"]}
    assert images["/web.container.2"] == NEWER.id


PULLED = SPEC.replace("    image_archive: /img/demo.tar\n", "")
"""The same service, whose image is pulled."""
MIXED = PULLED.replace("command: sleep 1000\n    memory", "image_pull_policy: never\n    command: sleep 2000\n    memory").replace(
    "osvc/demo:1", "osvc/demo:2", 1
)
"""One container gets another image, which is pulled; the other one another command."""


def pulls(lives: Lives) -> list[str]:
    return [label for label in lives.machine.done if " pull " in label]


def tries_again(events: list[Event]) -> list[str]:
    said = [event.text for event in events if isinstance(event, StepSaid) and event.step.action.op == "pull"]
    return [text.partition(";")[0] for text in said]


def test_what_a_registry_cannot_do_just_now_is_tried_again(tmp_path):
    lives, events = Lives(tmp_path), []
    lives.machine.docker.registry["osvc/demo:1"] = IMAGE
    lives.machine.docker.pull_faults = [Transient("connection reset"), Transient("i/o timeout")]
    assert lives.run(read(PULLED), on_event=events.append).end is End.CONVERGED
    assert tries_again(events) == ["cannot pull osvc/demo:1: connection reset", "cannot pull osvc/demo:1: i/o timeout"]
    assert len(pulls(lives)) == 1, "one image, two containers"


@pytest.mark.parametrize("kind", [Denied, NotFound, Permanent])
def test_what_a_registry_refuses_is_not_tried_again(kind: type[HostError], tmp_path):
    lives, events = Lives(tmp_path), []
    lives.machine.docker.registry["osvc/demo:1"] = IMAGE
    lives.machine.docker.registry_fault = kind("no")
    result = lives.run(read(PULLED), on_event=events.append)
    assert result.end is End.ROLLED_BACK and tries_again(events) == []


@pytest.mark.parametrize("workers", [1, 4])
def test_an_image_that_does_not_come_interrupts_nothing_else(workers: int, tmp_path):
    lives = Lives(tmp_path, workers=workers)
    lives.machine.docker.registry["osvc/demo:1"] = IMAGE
    assert lives.run(read(PULLED)).end is End.CONVERGED
    before, begun = lives.picture(), len(lives.machine.done)
    lives.machine.docker.registry_fault = NotFound("manifest unknown")
    result = lives.run(read(MIXED))
    assert result.end is End.ROLLED_BACK
    assert not [label for label in lives.machine.done[begun:] if " stop " in label]
    assert lives.picture() == before


def test_a_pull_may_be_left_off_in_the_middle(tmp_path):
    lives, stop = Lives(tmp_path), Stop()
    lives.machine.docker.registry["osvc/demo:1"] = IMAGE

    def on_event(event: Event) -> None:
        if isinstance(event, StepMoved):
            assert not stop.asked, "it goes on"
            stop.interrupt()

    result = lives.run(read(PULLED), on_event=on_event, stop=stop)
    assert result.end is End.STOPPED
    became = {f"{one.step.rid} {one.step.action.op}": one.status for one in result.outcomes}
    assert became["container#1 pull"] is Status.CANCELLED
    assert pulls(lives) == [] and not lives.records()
    assert lives.run(read(PULLED)).end is End.CONVERGED
