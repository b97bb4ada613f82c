"""How far a pull is: what its lines come to; that an image is loaded once."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from reconciler.core.outcome import Progress
from reconciler.host.docker_ports import Pulled
from reconciler.resources.container.fetching import _FETCHES, Layers, load
from reconciler.resources.container.image_actions import Load
from tests.fakehost.docker import SYSTEM
from tests.fakehost.docker_records import demo_image


def after(*lines: Pulled) -> Progress:
    layers = Layers()
    for line in lines:
        layers.take(line)
    return layers.progress


def test_no_line_of_a_layer_is_nothing_known():
    assert after() == after(Pulled("1", "Pulling from team/x"), Pulled("", "Status: done")) == Progress(0, 0, "layers")


def test_layers_and_bytes_add_up():
    lines = [
        Pulled("a", "Already exists"),
        Pulled("b", "Pulling fs layer"),
        Pulled("c", "Waiting"),
        Pulled("b", "Downloading", 10, 100),
        Pulled("c", "Downloading", 5, 50),
        Pulled("b", "Downloading", 60, 100),
    ]
    assert after(*lines) == Progress(1, 3, "layers", 65, 150)


@pytest.mark.parametrize("status", ["Verifying Checksum", "Download complete", "Extracting", "Pull complete"])
def test_a_layer_that_is_loaded_has_all_its_bytes(status):
    found = after(Pulled("b", "Downloading", 90, 100), Pulled("b", status, 3, 100))
    assert found == Progress(int(status == "Pull complete"), 1, "layers", 100, 100)


def test_a_layer_that_is_tried_again_begins_anew():
    lines = [Pulled("b", "Downloading", 90, 100), Pulled("b", "Retrying in 5 seconds"), Pulled("b", "Downloading", 20, 100)]
    assert after(*lines) == Progress(0, 1, "layers", 20, 100)


class Slow:
    """An engine that takes its time to load."""

    def __init__(self, engine):
        self._engine = engine

    def __getattr__(self, name):
        return getattr(self._engine, name)

    def load(self, *words):
        time.sleep(0.2)
        self._engine.load(*words)


def test_two_containers_that_want_one_archive_at_once_have_it_loaded_once(machine, host):
    machine.docker.system()
    machine.docker.add_archive("/img/web.tar", demo_image(), "web:1")
    engine, said = Slow(machine.docker.engine(SYSTEM)), []
    loads = [
        Load(
            socket=SYSTEM, home=f"web.{n}", service="web", rid=f"container#{n}", private=False, ref="web:1", timeout=5, archive=path
        )
        for n, path in ((1, "/img/web.tar"), (2, "/img/web.tar"))
    ]
    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(load, one, engine, host, said.append) for one in loads]:
            done.result()
    assert machine.done == [f"docker {SYSTEM} load /img/web.tar web:1"] and said == ["loading web:1 from /img/web.tar"]
    assert engine.image("web:1")["RepoTags"] == ["web:1"]
    assert not _FETCHES, "an engine and a reference are remembered no longer than somebody fetches it"
