"""Pulling from a registry; the real ones in a network namespace of the test's own."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator

import pytest

from reconciler.host.docker_ports import Engine, Pulled
from reconciler.host.errors import Cancelled, NotFound, Transient
from reconciler.resources.container.fetching import Layers
from tests.contract.engine_fixture import PrivateEngine
from tests.fakehost import FakeHost, Machine
from tests.fakehost.docker import SYSTEM
from tests.fakehost.docker_records import demo_image
from tools.make_image import image_id, write_image


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


def fake() -> Iterator[tuple[Engine, str, str]]:
    machine = Machine()
    docker = FakeHost(machine).docker
    docker.system()
    docker.registry["127.0.0.1:5001/team/demo:1"] = demo_image(11)
    yield docker.engine(SYSTEM), "127.0.0.1:5001/team/demo:1", demo_image(11).id


def real() -> Iterator[tuple[Engine, str, str]]:
    with PrivateEngine() as private, registry(private, 5001, "team/demo:1", 11) as ref:
        yield private.engine, ref, image_id(11)


@pytest.fixture(params=[fake, pytest.param(real, marks=pytest.mark.real)])
def remote(request: pytest.FixtureRequest) -> Iterator[tuple[Engine, str, str]]:
    """An engine, what a registry has for it, and the id of that."""
    yield from request.param()


def test_an_image_is_pulled_and_its_progress_seen(remote: tuple[Engine, str, str]) -> None:
    engine, ref, known = remote
    seen: list[Pulled] = []
    engine.pull(ref, 60, seen.append)
    image = engine.image(ref)
    assert image["Id"] == known
    assert image["RepoTags"] == [ref]
    said = [line.status for line in seen]
    assert said[0] == "Pulling from team/demo"
    assert "Pull complete" in said
    assert any(line.current and line.total and line.layer for line in seen)
    (digest,) = image["RepoDigests"]
    engine.pull(digest, 60)
    assert engine.image(digest)["Id"] == known


def test_what_a_pull_says_adds_up(remote: tuple[Engine, str, str]) -> None:
    """Layers are never more than there are, and at the end all are here with all their bytes."""
    engine, ref, _ = remote
    layers, told = Layers(), []

    def follow(line: Pulled) -> None:
        if layers.take(line):
            told.append(layers.progress)

    engine.pull(ref, 60, follow)
    assert all(one.done <= one.total and one.current <= one.size for one in told)
    last = told[-1]
    assert last.done == last.total > 0 and last.current == last.size > 0
    assert told[0].done < last.done


def test_who_follows_a_pull_may_leave_it_off(remote: tuple[Engine, str, str]) -> None:
    engine, ref, _ = remote

    def leave(line: Pulled) -> None:
        if line.status == "Downloading":
            raise Cancelled("enough")

    with pytest.raises(Cancelled, match=r"^enough$"):
        engine.pull(ref, 60, leave)
    with pytest.raises(NotFound):
        engine.image(ref)
    engine.pull(ref, 60)
    assert engine.image(ref)["RepoTags"] == [ref]


@pytest.mark.real
def test_a_tag_that_the_registry_does_not_have(private: PrivateEngine) -> None:
    with registry(private, 5002, "team/demo:1", 12) as ref, pytest.raises(NotFound, match="manifest unknown"):
        private.engine.pull(ref.removesuffix(":1") + ":2", 60)


@pytest.mark.real
def test_a_registry_that_stalls_in_the_middle_of_a_layer(private: PrivateEngine) -> None:
    with registry(private, 5003, "team/demo:slow", 13) as ref:
        seen: list[Pulled] = []
        with pytest.raises(Transient):
            private.engine.pull(ref, 2, seen.append)
        assert seen, json.dumps([line.status for line in seen])
        private.engine.ping()
        with pytest.raises(NotFound):
            private.engine.image(ref)


@pytest.mark.real
def test_a_registry_that_is_not_there(private: PrivateEngine) -> None:
    with pytest.raises(Transient, match="connection refused"):
        private.engine.pull("127.0.0.1:5009/team/demo:1", 60)
