"""Images through a whole run: what is pulled although the engine has one of that name."""

from __future__ import annotations

from reconciler.core.outcome import End, Status
from tests.crash.life import NEWER, SPEC, Lives, read


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
