"""An engine that is killed in the very middle of a start: the next run ends what is left of that, and the same container runs."""

import contextlib
import threading
import time
from http.client import HTTPException

import pytest

from benchmarks.floor import Line
from tests.integration.lab import Lab, laboratory

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]
NAME = "web.container.1"


def shim(lab: Lab, id: str) -> int:
    """The pid of the process that has a container's task; 0 when there is none."""
    return next((pid for pid, words in lab.processes().items() if id in words and "-id" in words and "start" not in words), 0)


def begin(socket: str, id: str) -> None:
    with contextlib.suppress(OSError, HTTPException, RuntimeError):
        Line(socket).call("POST", f"/containers/{id}/start")


def test_a_start_that_its_engine_did_not_survive_is_done_again() -> None:
    with laboratory() as lab:
        lab.service("web", 1)
        lab.apply()
        id, socket = lab.running("web")[NAME], f"{lab.node.service_dir('web')}/docker.sock"
        for pause in (0.0, 0.02, 0.05):
            Line(socket).call("POST", f"/containers/{id}/stop?t=0")
            start = threading.Thread(target=begin, args=(socket, id))
            start.start()
            deadline = time.monotonic() + 20
            while not shim(lab, id):
                assert time.monotonic() < deadline
            time.sleep(pause)
            lab.kill(lab.daemon("web"))
            start.join(30)
            lab.apply()
            assert lab.running("web") == {NAME: id}
        lab.converged()
