"""How far a pull is: what its lines come to."""

import pytest

from reconciler.core.outcome import Progress
from reconciler.host.docker_ports import Pulled
from reconciler.resources.container.fetching import Layers


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
