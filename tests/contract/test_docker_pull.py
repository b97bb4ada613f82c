"""Pulling with a real engine from a real registry, both in a network namespace of the test's own."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator

import pytest

from reconciler.host.errors import NotFound, Transient
from reconciler.host.ports import Pulled
from tests.contract.engine_fixture import PrivateEngine
from tools.make_image import image_id, write_image

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def private() -> Iterator[PrivateEngine]:
    with PrivateEngine() as private:
        yield private


@contextlib.contextmanager
def registry(private: PrivateEngine, port: int, ref: str, revision: int) -> Iterator[str]:
    """A registry beside the engine. What its image is called there."""
    archive = f"{private.dir}/{port}.tar"
    write_image(archive, ref, revision=revision)
    assert private.process is not None
    words = [
        "nsenter",
        f"--net=/proc/{private.process.pid}/ns/net",
        sys.executable,
        "-m",
        "tests.contract.registry",
        str(port),
        archive,
        ref,
    ]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield f"127.0.0.1:{port}/{ref}"
        finally:
            process.kill()


def test_an_image_is_pulled_and_its_progress_seen(private: PrivateEngine) -> None:
    with registry(private, 5001, "team/demo:1", 11) as ref:
        seen: list[Pulled] = []
        private.engine.pull(ref, 60, seen.append)
        image = private.engine.image(ref)
        assert image["Id"] == image_id(11)
        assert image["RepoTags"] == [ref]
        said = [line.status for line in seen]
        assert said[0] == "Pulling from team/demo"
        assert "Pull complete" in said
        assert any(line.current and line.total and line.layer for line in seen)
        (digest,) = image["RepoDigests"]
        private.engine.pull(digest, 60)
        assert private.engine.image(digest)["Id"] == image_id(11)


def test_a_tag_that_the_registry_does_not_have(private: PrivateEngine) -> None:
    with registry(private, 5002, "team/demo:1", 12) as ref, pytest.raises(NotFound, match="manifest unknown"):
        private.engine.pull(ref.removesuffix(":1") + ":2", 60)


def test_a_registry_that_stalls_in_the_middle_of_a_layer(private: PrivateEngine) -> None:
    with registry(private, 5003, "team/demo:slow", 13) as ref:
        seen: list[Pulled] = []
        with pytest.raises(Transient):
            private.engine.pull(ref, 2, seen.append)
        assert seen, json.dumps([line.status for line in seen])
        private.engine.ping()
        with pytest.raises(NotFound):
            private.engine.image(ref)


def test_a_registry_that_is_not_there(private: PrivateEngine) -> None:
    with pytest.raises(Transient, match="connection refused"):
        private.engine.pull("127.0.0.1:5009/team/demo:1", 60)
