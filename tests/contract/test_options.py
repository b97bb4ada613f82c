"""Every option of the table on a real engine: applied, then planned, is empty; dropped, is seen; and `docker create` with the
words of the plan makes the same container."""

import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from reconciler.core.change import Verdict
from reconciler.core.node import Node
from reconciler.host.errors import HostError
from reconciler.host.linux.host import linux_host
from reconciler.resources.container.actions import Create
from reconciler.resources.container.model import Desired
from reconciler.resources.container.normal import container_of, facts_of
from reconciler.resources.container.option import placed, settings_of
from reconciler.resources.container.run_args import REFUSED, parse_run_args
from reconciler.resources.container.settings import Settings
from tests.contract.engine_fixture import DEMO, PrivateEngine
from tests.contract.samples import NOT_CREATED, SAMPLES, Sample
from tests.unit.container import bench
from tests.unit.container.bench import Bench, steps

NAME = "web.container.1"


@pytest.fixture(scope="module")
def private() -> Iterator[PrivateEngine]:
    with PrivateEngine() as private:
        private.load_demo()
        yield private


class Lab:
    def __init__(self, private: PrivateEngine) -> None:
        self.private = private
        self.node = Node(run_dir=str(private.dir), state_dir=f"{private.dir}/state")
        self.engine = private.engine
        self.version = int(self.engine.info()["ServerVersion"].partition(".")[0])

    def life(self) -> Bench:
        """A run of osvc, which remembers nothing."""
        return Bench(linux_host(self.node, store="store-1"))

    def want(self, **keywords: Any) -> Desired:
        keywords = {"stop_timeout": 0, "container_data_dir": self.private.data_root, **keywords}
        return bench.desired(node=self.node, **keywords).model_copy(update={"socket": self.private.socket})

    def clear(self) -> None:
        for record in self.engine.containers():
            self.engine.stop(record["Id"], 0)
            self.engine.remove(record["Id"])


@pytest.fixture
def lab(private: PrivateEngine) -> Iterator[Lab]:
    lab = Lab(private)
    yield lab
    lab.clear()


def asked(sample: Sample, keyword: str) -> dict[str, Any]:
    return {**sample.others, keyword: sample.value}


def test_every_option_has_a_sample() -> None:
    assert set(SAMPLES) | set(NOT_CREATED) == set(settings_of(Desired))


def test_every_option_of_docker_run_is_a_keyword_or_refused() -> None:
    """Those that the docker client at hand has."""
    text = subprocess.run(["docker", "run", "--help"], capture_output=True, text=True, check=True).stdout
    options = {word for line in text.splitlines() for word in line.split()[:2] if word.startswith("--")}
    assert len(options) > 90
    for option in sorted(options - {"--no-healthcheck"}):
        if option[2:] in REFUSED:
            continue
        with pytest.raises(ValueError, match="lacks its value"):
            parse_run_args([option], Desired)
            raise ValueError(f"{option} lacks its value, and needs none")


@pytest.mark.parametrize("keyword", SAMPLES)
def test_run_args_say_the_same(keyword: str) -> None:
    sample = SAMPLES[keyword]
    setting = settings_of(Desired)[keyword]
    want = bench.desired(**asked(sample, keyword))
    value = getattr(want, keyword)
    if keyword == "entrypoint":
        words = ["--entrypoint", "env"]
    elif keyword in ("cpus", "memory", "memory_swap"):
        words = [setting.flag, str(value)]
    else:
        words = setting.words(value)
    assert bench.desired(**{**sample.others, "run_args": words}) == want


@pytest.mark.real
@pytest.mark.parametrize("keyword", SAMPLES)
def test_what_was_applied_is_found(lab: Lab, keyword: str) -> None:
    sample = SAMPLES[keyword].on(lab.version)
    want, without = lab.want(**asked(sample, keyword)), lab.want(**sample.others)
    life = lab.life()
    if sample.refused:
        with pytest.raises(HostError, match=sample.refused):
            life.apply(want)
        lab.clear()
        return
    if sample.starts:
        proved = [] if want.restart_policy == "no" else [f"see that {NAME} stays up"]
        assert life.apply(want) == [f"create {NAME} from {DEMO}", f"start {NAME}", *proved]
        assert lab.life().change(want).verdict is Verdict.ADOPT
    else:
        life.do(want, steps(life.change(want))[:1])
    change = life.change(want)
    assert change.fields == (), change.fields
    life.applied = want
    other = life.change(without)
    assert {field.path.partition(".")[0] for field in other.fields} == {keyword}
    if sample.starts:
        life.apply(without)
        assert life.change(without).verdict is Verdict.KEEP


@pytest.mark.real
@pytest.mark.parametrize("keyword", [name for name, sample in SAMPLES.items() if sample.client or not sample.refused])
def test_the_docker_client_makes_the_same(lab: Lab, keyword: str) -> None:
    sample = SAMPLES[keyword].on(lab.version)
    want = lab.want(**asked(sample, keyword))
    life = lab.life()
    create = steps(life.change(want))[0]
    assert isinstance(create, Create)
    done = subprocess.run([*create.client, *create.words()], capture_output=True, text=True, check=False)
    if sample.client:
        assert sample.client in done.stderr
        return
    assert done.returncode == 0, done.stderr
    facts = facts_of(lab.engine.image(DEMO))
    theirs = container_of(lab.engine.inspect(NAME), want.socket, facts)
    lab.clear()
    life.do(want, [create])
    ours = container_of(lab.engine.inspect(NAME), want.socket, facts)
    names = [*(setting.keyword for setting in placed(Settings)), keyword]
    differ = {name: (getattr(ours, name), getattr(theirs, name)) for name in names if getattr(ours, name) != getattr(theirs, name)}
    assert differ == {}
