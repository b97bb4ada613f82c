"""Between engine JSON and the normal form, on answers recorded from a real engine."""

import json
from pathlib import Path

import pytest

from reconciler.core.change import Verdict
from reconciler.core.diff import diff_up
from reconciler.core.observed import Present
from reconciler.core.policy import Policy
from reconciler.resources.container import refs
from reconciler.resources.container.ends import ended
from reconciler.resources.container.model import Around, Container, State
from reconciler.resources.container.normal import container_of, effective, facts_of, stripped
from reconciler.resources.container.planning import KIND
from reconciler.resources.container.settings import NO_LIMIT
from tests.unit.container.bench import desired

RECORDED = Path(__file__).parents[2] / "contract" / "inspects" / "20.10"


def recorded(name: str) -> dict:
    return json.loads((RECORDED / f"{name}.json").read_text())


def container(name: str, **host) -> Container:
    seen = recorded(name)
    seen["HostConfig"] |= host
    return container_of(seen, "/s", facts_of(recorded("image")))


FACTS = facts_of(recorded("image"))


def volumes(name: str) -> str:
    return " ".join(container(name).volume_mounts)


@pytest.mark.parametrize(
    ("name", "keywords"),
    [
        ("plain", {}),
        ("created", {}),
        (
            "options",
            {
                "ports": "127.0.0.1:8080:80 53:53/udp",
                "environment": "A=b EMPTY=",
                "tty": True,
                "interactive": True,
                "memory": "64m",
                "cpus": 0.5,
                "user": "33:33",
                "hostname": "web1",
                "workdir": "/var/www",
                "read_only": True,
                "privileged": True,
                "restart_policy": "on-failure:3",
                "labels": "x=y",
            },
        ),
        ("host-network", {"network": "host"}),
        (
            "api-full",
            {
                "hostname": "web1",
                "user": "33:33",
                "workdir": "/var/www",
                "tty": True,
                "interactive": True,
                "environment": {"A": "b c", "DEMO_REVISION": 9},
                "entrypoint": "sleep",
                "command": "1000",
                "ports": "127.0.0.1:8081:80",
                "privileged": True,
                "read_only": True,
                "memory": "64m",
                "cpus": "0.5",
                "cap_add": "net_admin",
                "pids_limit": 50,
                "stop_signal": "term",
            },
        ),
    ],
)
def test_a_recorded_container_is_what_such_a_spec_asks_for(name, keywords):
    found = container(name)
    if name in ("plain", "options", "created", "host-network"):
        keywords = {"command": " ".join(found.command), **keywords}
    want = desired(name=found.name, volume_mounts=volumes(name), **keywords).model_copy(update={"socket": "/s"})
    seen = Present(State(**found.model_dump()), Around(image=FACTS, cpus=2))
    change = diff_up(KIND, "container#1", want, seen, None, Policy())
    assert change.fields == (), change.fields
    assert change.verdict in (Verdict.ADOPT, Verdict.START)


def test_the_images_own_defaults_are_left_out():
    found = container("plain")
    assert found.environment == {} and found.labels == {} and found.workdir == "" and found.hostname == ""


def test_a_limit_beyond_every_machine_is_none():
    assert container("plain", Memory=NO_LIMIT, MemorySwap=2 * NO_LIMIT).memory == 0
    assert container("plain", Memory=64 << 20, MemorySwap=128 << 20).memory_swap == 0
    assert container("plain", Memory=64 << 20, MemorySwap=-1).memory_swap == -1
    found = container("plain", PidsLimit=-1, CpuShares=1024)
    assert (found.pids_limit, found.cpu_shares) == (0, 0)
    assert container("plain", Memory=64 << 20, MemorySwap=128 << 20).memory_swap == 0
    assert container("plain", Memory=64 << 20, MemorySwap=64 << 20).memory_swap == 64 << 20


@pytest.mark.parametrize("entry", [(), ("e",), ("own",), ("",)])
@pytest.mark.parametrize("words", [(), ("c",), ("other",)])
def test_settling_entry_point_and_command_keeps_what_runs(entry, words):
    base = FACTS.model_copy(update={"entrypoint": ("e",), "command": ("c",)})
    runs = effective(entry, words, base)
    once = stripped(*runs, base)
    assert effective(*once, base) == runs
    assert stripped(*effective(*once, base), base) == once


def test_how_a_container_ended():
    base = {"socket": "/s", "name": "n1", "status": "exited", "ended_at": "2026-11-23T03:12:44.1Z"}
    assert (
        ended(Container(**base, exit_code=137, out_of_memory=True, memory=64 << 20))
        == "died 03:12:44, exit 137, out of memory at 64m"
    )
    assert ended(Container(**base)) == "ended 03:12:44, exit 0"
    assert ended(Container(socket="/s", name="n1")) == "never started"
    assert ended(container("exited")).startswith("died ") or ended(container("exited")).startswith("ended ")


IMAGES = [
    {"Id": "sha256:" + "ab" * 32, "RepoTags": ["busybox:latest", "busybox:1.36"], "RepoDigests": ["busybox@sha256:" + "cd" * 32]},
    {"Id": "sha256:" + "ac" * 32, "RepoTags": ["localhost:5000/team/app:1"], "RepoDigests": None},
    {"Id": "sha256:" + "bb" * 32, "RepoTags": ["abab:latest"], "RepoDigests": []},
]


@pytest.mark.parametrize(
    ("ref", "index"),
    [
        ("busybox", 0),
        ("busybox:latest", 0),
        ("docker.io/library/busybox", 0),
        ("docker.io/busybox:1.36", 0),
        ("busybox:1.35", None),
        ("busybox@sha256:" + "cd" * 32, 0),
        ("busybox:1.36@sha256:" + "cd" * 32, 0),
        ("busybox@sha256:" + "ce" * 32, None),
        ("localhost:5000/team/app:1", 1),
        ("localhost:5000/team/app", None),
        ("sha256:" + "ac" * 32, 1),
        ("sha256:acac", 1),
        ("acacacacacac", 1),
        ("abab", 2),
        ("a", None),
        ("unknown_at_the_moment", None),
    ],
)
def test_which_image_a_reference_means(ref, index):
    assert refs.resolve(ref, IMAGES) == (None if index is None else IMAGES[index])


def test_the_label_says_what_really_runs():
    want = desired(image="busybox:latest")
    state = State(socket="/s", name="n1", id="20f6aabc5ce1" + "0" * 52, image="busybox:latest")
    assert KIND.label(want, state) == "20f6aabc5ce1@busybox:latest"
    assert KIND.label(want, None) == "busybox:latest"


@pytest.mark.parametrize(("tags", "name"), [(["busybox:latest", "b:1"], "busybox:latest"), (["<none>:<none>"], ""), (None, "")])
def test_the_name_of_an_image_that_is_known_by_its_id(tags, name):
    images = [{"Id": f"sha256:{'f' * 64}", "RepoTags": tags, "RepoDigests": []}]
    assert (refs.name_of("f" * 12, images), refs.name_of("e" * 12, images)) == (name, "")
