"""A real registry on loopback, Debian's docker-registry, beside a real engine: names, digests, passwords, a registry that dies."""

import base64
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.core.change import Verdict
from reconciler.core.node import Node
from reconciler.host.docker_ports import Pulled
from reconciler.host.errors import Denied, HostError
from reconciler.host.linux.host import linux_host
from reconciler.resources.container.model import Desired
from tests.contract.docker_registry import PASSWORD, DockerRegistry
from tests.contract.engine_fixture import DEMO, DEMO2, PrivateEngine
from tests.unit.container import bench
from tests.unit.container.bench import Bench
from tools.make_image import image_id

pytestmark = pytest.mark.real


def beside(private: PrivateEngine, port: int, *, password: str = "") -> DockerRegistry:
    """One in the engine's own network."""
    assert private.process is not None
    enter = ["nsenter", f"--net=/proc/{private.process.pid}/ns/net"]
    return DockerRegistry(Path(private.dir, f"registry-{port}"), port, enter=enter, password=password)


class Lab:
    def __init__(self, private: PrivateEngine) -> None:
        self.private = private
        self.node = Node(run_dir=str(private.dir), state_dir=f"{private.dir}/state")
        self.engine = private.engine

    def life(self) -> Bench:
        return Bench(linux_host(self.node, store="store-1"))

    def want(self, **keywords: object) -> Desired:
        keywords = {"network": "none", "stop_timeout": 0, "container_data_dir": self.private.data_root, **keywords}
        return bench.desired(node=self.node, **keywords).model_copy(update={"socket": self.private.socket})

    def docker(self, *words: str, config: str = "") -> str:
        argv = ["docker", *(("--config", config) if config else ()), "-H", f"unix://{self.private.socket}", *words]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def push(self, image: str, ref: str, config: str = "") -> None:
        self.docker("tag", image, ref)
        self.docker("push", "-q", ref, config=config)
        self.docker("rmi", ref)

    def clear(self) -> None:
        for record in self.engine.containers():
            self.engine.stop(record["Id"], 0)
            self.engine.remove(record["Id"])


@pytest.fixture(scope="module")
def private() -> Iterator[PrivateEngine]:
    with PrivateEngine() as private:
        private.load_demo()
        private.load_demo(DEMO2, revision=2)
        yield private


@pytest.fixture
def lab(private: PrivateEngine) -> Iterator[Lab]:
    lab = Lab(private)
    yield lab
    lab.clear()


@pytest.fixture(scope="module")
def registry(private: PrivateEngine) -> Iterator[DockerRegistry]:
    with beside(private, 5000) as registry:
        yield registry


@pytest.fixture
def credentials(private: PrivateEngine) -> str:
    folder = Path(private.dir, "creds")
    folder.mkdir(exist_ok=True)
    auth = base64.b64encode(f"osvc:{PASSWORD}".encode()).decode()
    (folder / "config.json").write_text(json.dumps({"auths": {"127.0.0.1:5001": {"auth": auth}}}))
    return str(folder / "config.json")


def test_an_image_by_every_name_that_it_has(lab: Lab, registry: DockerRegistry) -> None:
    ref = f"{registry.host}/team/demo:1"
    lab.push(DEMO, ref)
    digest = lab.engine.distribution(ref)
    first = lab.life().apply(lab.want(image=ref))
    assert first[0] == f"pull {ref}"
    (known,) = [name for name in lab.engine.image(ref)["RepoDigests"] if name.startswith(registry.host)]
    assert known == f"{registry.host}/team/demo@{digest}"
    for name in (known, image_id(1), image_id(1).removeprefix("sha256:")[:12]):
        assert lab.life().change(lab.want(image=name)).verdict is Verdict.ADOPT, name
    lab.clear()
    lab.docker("rmi", ref)
    assert lab.life().apply(lab.want(image=known))[0] == f"pull {known}"


def test_a_tag_that_moves_is_seen_and_the_new_image_used(lab: Lab, registry: DockerRegistry) -> None:
    ref = f"{registry.host}/team/moving:1"
    lab.push(DEMO, ref)
    always, once = lab.want(image=ref, image_pull_policy="always"), lab.want(image=ref)
    lab.life().apply(always)
    assert lab.life().change(always).verdict is Verdict.ADOPT
    lab.docker("tag", DEMO2, ref)
    lab.docker("push", "-q", ref)
    lab.docker("tag", DEMO, ref)
    assert lab.life().change(once).verdict is Verdict.ADOPT
    change = lab.life().change(always)
    assert (change.verdict, change.reason) == (Verdict.REPLACE, "image changed")
    assert lab.life().apply(always)[0] == f"pull {ref}"
    assert lab.engine.inspect("web.container.1")["Image"] == image_id(2)
    registry.kill()
    try:
        assert lab.life().change(always).verdict is Verdict.ADOPT, "a registry that is away moves nothing"
    finally:
        registry.start()


def test_a_registry_with_a_password(lab: Lab, private: PrivateEngine, credentials: str) -> None:
    with beside(private, 5001, password=PASSWORD) as registry:
        ref = f"{registry.host}/team/secret:1"
        lab.push(DEMO, ref, config=os.path.dirname(credentials))
        with pytest.raises(HostError, match="no basic auth credentials") as caught:
            lab.life().apply(lab.want(image=ref))
        assert isinstance(caught.value, Denied)
        want = lab.want(image=ref, registry_creds=credentials, image_pull_policy="always")
        life = lab.life()
        assert life.apply(want)[0] == f"pull {ref}"
        assert lab.engine.distribution(ref, credentials=credentials)
        assert PASSWORD not in repr(want) + repr(life.said) + repr(life.change(want))
        with pytest.raises(HostError, match=r"registry_creds /nowhere\.json"):
            lab.engine.pull(ref, 10, credentials="/nowhere.json")
        broken = Path(private.dir, "broken")
        for text in ('{"auths": {"r:5000": {"auth": "###"}}}', '{"auths": {"r:5000": null}}', '{"auths": 1}', "no json"):
            broken.write_text(text)
            with pytest.raises(HostError, match="registry_creds"):
                lab.engine.distribution(ref, credentials=str(broken))


def test_a_registry_that_dies_in_the_middle_of_a_pull(lab: Lab, registry: DockerRegistry) -> None:
    """The engine tries again by itself, and what it has, it does not fetch again."""
    for image, name, megabytes in ((DEMO, "small", 1), ("small:1", "big", 192)):
        write = ("dd", "if=/dev/urandom", f"of=/{name}", "bs=1M", f"count={megabytes}")
        lab.docker("run", "--network", "none", "--name", name, image, *write)
        lab.docker("commit", name, f"{name}:1")
        lab.docker("rm", name)
    ref = f"{registry.host}/team/big:1"
    lab.push("big:1", ref)
    lab.docker("rmi", "big:1", "small:1")
    manifests = registry.folder / "data/docker/registry/v2/repositories/team/big/_manifests/revisions/sha256"
    (name,) = os.listdir(manifests)
    manifest = json.loads((registry.folder / f"data/docker/registry/v2/blobs/sha256/{name[:2]}/{name}/data").read_text())
    _, small, big = (layer["digest"] for layer in manifest["layers"])
    done: set[str] = set()
    struck = False

    def strike(line: Pulled) -> None:
        nonlocal struck
        if line.status in ("Verifying Checksum", "Download complete", "Pull complete"):
            done.add(line.layer)
        if line.status == "Downloading" and done and line.layer not in done and not struck:
            struck = True
            registry.kill()
            registry.start()

    before = registry.gets(small)
    lab.engine.pull(ref, 120, strike)
    assert struck
    assert registry.gets(small) - before == 1
    assert registry.gets(big) >= 1
    assert lab.engine.image(ref)
