"""Undo on the real machine: what fails is led back exactly, apart from the facets that the undone steps declare."""

import json
import re
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from reconciler.core.action import Facet
from tests.integration.lab import Lab, laboratory
from tools.machine_record import Record, differences, record, settled

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

RUN = ("State.", "NetworkSettings.", "ResolvConfPath", "RestartCount")


@dataclass(frozen=True)
class Trial:
    """One run that was led back. undone: rid -> the facets of its steps that were done or tried. said: what it told."""

    code: int
    undone: dict[str, set[Facet]]
    said: str

    def lets(self, line: str, service: str) -> bool:
        """Whether a facet of an undone step lets this line of a record differ."""
        return any(_lets(facet, rid, line, service) for rid, facets in self.undone.items() for facet in facets)


def _lets(facet: Facet, rid: str, line: str, service: str) -> bool:
    name = f"{service}.{rid.replace('#', '.')}"
    topic, _, rest = line.partition(": ")
    text = rest[2:]
    own = f" container {name} "
    match facet:
        case Facet.RUN if f"/{service}/x/" in text:
            return True
        case Facet.RUN if rid == "dockerd":
            return topic == "processes" or text.split()[0].endswith(("/docker.pid", "/docker.loaded"))
        case Facet.RUN:
            return topic == "processes" or (own in text and text.partition(own)[2].startswith(RUN))
        case Facet.OUTPUT:
            return topic == "content" and text.split()[0].endswith(".log")
        case Facet.IMAGE:
            return topic == "engines" and " image " in text
        case Facet.VOLUME:
            return topic == "engines" and " volume " in text
        case Facet.DEVICE:
            return topic == "mounts"
    return False


def apply(lab: Lab) -> Trial:
    """An apply that fails, and what it undid."""
    done = lab.osvc("apply", "--yes", "--json", str(lab.specs), ok=(3, 8))
    events = [json.loads(line) for line in done.stdout.splitlines()]
    steps = {event["step"]["n"]: event["step"] for event in events if event["event"] == "step began"}
    lane = {rid for event in events if event["event"] == "undo began" for rid in event["lane"]}
    undone: dict[str, set[Facet]] = {rid: set() for rid in lane}
    for step in steps.values():
        if step["rid"] in lane:
            undone[step["rid"]] |= {Facet[name.upper()] for name in step["facets"]}
    return Trial(done.returncode, undone, events[-1]["services"][0]["message"] + done.stderr)


def look(lab: Lab, service: str = "web") -> Record:
    """The machine, as far as it is the lab's: a rule's place counts in the lab's own chains."""
    tag = lab.node.tag(service)
    found = record([str(lab.run_dir)], str(lab.state))
    found["rules"] = [line if f"-A OSVC-{tag}" in line else re.sub(r" \d+ -A ", " -A ", line) for line in found["rules"]]
    mine = {topic: [line for line in lines if str(lab.root) in line or tag in line] for topic, lines in found.items()}
    return mine | {"state": found["state"]}


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[Lab, dict[str, Any]]]:
    """A filesystem, an engine on it, and three containers that run; one of them is paused."""
    with laboratory() as lab:
        spec = {
            "docker_data_dir": f"{lab.root}/d/engine",
            "resources": {
                "fs#1": {"dev": lab.backing_file("disk.img", 256), "mnt": f"{lab.root}/d", "type": "ext4"},
                "container#1": lab.container(),
                "container#2": lab.container(memory="64m"),
                "container#3": lab.container(volume_mounts=[f"{lab.root}/services.d:/specs:ro"]),
            },
        }
        lab.write("web.yaml", spec)
        lab.apply()
        yield lab, spec


def bad(spec: dict[str, Any], rid: str, **keywords: Any) -> dict[str, Any]:
    """The spec with other keywords of one resource; of the service itself when the rid is empty."""
    resources = spec["resources"]
    if not rid:
        return spec | keywords
    return spec | {"resources": resources | {rid: resources[rid] | keywords}}


@pytest.mark.parametrize(
    ("rid", "keywords", "says"),
    [
        ("container#1", {"command": "nothing-of-the-kind"}, "nothing-of-the-kind"),
        ("container#2", {"command": "false"}, "exited right after its start, exit 1"),
        ("container#3", {"image": "osvc/demo:9", "image_archive": "/nowhere/demo.tar"}, "there is no file /nowhere/demo.tar"),
        ("fs#1", {"mnt_opt": "data=nonsense"}, "cannot mount"),
        ("", {"docker_daemon_args": "--default-runtime=nonsense"}, "dockerd ended right after its start"),
    ],
    ids=["no such command", "a command that ends", "no such image", "a mount that fails", "an engine that does not come up"],
)
def test_what_fails_is_led_back_exactly(shared: tuple[Lab, dict[str, Any]], rid: str, keywords: dict[str, Any], says: str) -> None:
    lab, spec = shared
    before, ids = look(lab), lab.running("web")
    lab.write("web.yaml", bad(spec, rid, **keywords))
    trial = apply(lab)
    assert (trial.code, says in trial.said) == (3, True), trial.said
    assert lab.running("web") == ids, "the same containers run"
    left = settled(before, look=lambda: look(lab), lets=lambda line: trial.lets(line, "web"))
    assert left == []
    lab.write("web.yaml", spec)
    lab.converged()


def test_a_port_that_is_taken(shared: tuple[Lab, dict[str, Any]]) -> None:
    lab, spec = shared
    before, ids = look(lab), lab.running("web")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        lab.write("web.yaml", bad(spec, "container#1", ports=f"127.0.0.1:{port}:80"))
        trial = apply(lab)
    assert (trial.code, f"port {port} is held by pid" in trial.said) == (3, True), trial.said
    assert lab.running("web") == ids
    assert settled(before, look=lambda: look(lab), lets=lambda line: trial.lets(line, "web")) == []
    lab.write("web.yaml", spec)
    lab.converged()


def test_a_container_that_was_paused_is_paused_again(shared: tuple[Lab, dict[str, Any]]) -> None:
    lab, spec = shared
    socket_path = lab.engine("web").socket
    subprocess.run(["docker", "-H", f"unix://{socket_path}", "pause", "web.container.2"], check=True, stdout=subprocess.DEVNULL)
    before, ids = look(lab), lab.running("web")
    lab.write("web.yaml", bad(spec, "container#2", command="nothing-of-the-kind"))
    trial = apply(lab)
    assert trial.code == 3, trial.said
    assert lab.containers("web")["web.container.2"]["State"]["Paused"]
    assert lab.running("web") == ids
    assert settled(before, look=lambda: look(lab), lets=lambda line: trial.lets(line, "web")) == []
    lab.write("web.yaml", spec)
    lab.apply()
    lab.converged()
    assert lab.running("web") == ids


def test_an_undoing_that_fails_is_told_with_what_to_do_and_mended_by_the_next_apply(shared: tuple[Lab, dict[str, Any]]) -> None:
    """The folder that the old container needs was removed while it ran: it can be stopped, but not started again."""
    lab, spec = shared
    folder = lab.root / "volume"
    folder.mkdir()
    bound = bad(spec, "container#1", volume_mounts=[f"{folder}:/data"])
    lab.write("web.yaml", bound)
    lab.apply()
    ids = lab.running("web")
    folder.rmdir()
    lab.write("web.yaml", bad(spec, "container#1", command="nothing-of-the-kind"))
    failed = lab.apply(ok=(8,))
    said = failed.stdout + failed.stderr
    assert f"container#1: stop web.container.1 is not undone: cannot start web.container.1: volume source {folder} does" in said
    assert "undoing is not complete" in said and "docker.sock start web.container.1\n" in said, said
    assert lab.running("web") == {name: ident for name, ident in ids.items() if name != "web.container.1"}
    folder.mkdir()
    lab.write("web.yaml", bound)
    lab.apply()
    lab.converged()
    assert lab.running("web") == ids, "the old container was only stopped"
    lab.write("web.yaml", spec)
    lab.apply()


def test_the_comparison_sees_what_is_changed_by_hand(shared: tuple[Lab, dict[str, Any]]) -> None:
    lab, _ = shared
    before = look(lab)
    lab.engine("web").update("web.container.2", {"Memory": 65 << 20, "MemorySwap": 130 << 20})
    seen = differences(before, look(lab))
    assert any("HostConfig.Memory=" in line for line in seen), seen
    nothing = Trial(3, {rid: set(Facet) - {Facet.LIMIT} for rid in ("container#1", "container#2", "dockerd", "fs#1")}, "")
    assert [line for line in seen if "HostConfig.Memory=" in line and not nothing.lets(line, "web")]
    lab.apply()


def test_49_good_ones_stay_when_the_50th_cannot_be_started(lab: Lab) -> None:
    lab.service("web", 50, c50={"command": "nothing-of-the-kind"})
    failed = lab.apply(ok=(3,))
    assert "container#50: cannot start web.container.50" in failed.stdout + failed.stderr
    good = lab.running("web")
    assert set(good) == {f"web.container.{n}" for n in range(1, 50)} == set(lab.containers("web"))
    starts = {name: found["State"]["StartedAt"] for name, found in lab.containers("web").items()}
    again = lab.apply(ok=(3,))
    assert "container#50" in again.stdout + again.stderr
    assert lab.running("web") == good
    assert {name: found["State"]["StartedAt"] for name, found in lab.containers("web").items()} == starts


def test_start_undoes_the_whole_service_when_the_last_cannot_be_started(lab: Lab) -> None:
    spec = lab.service("web", 6)
    lab.apply()
    lab.osvc("stop", "web")
    before = look(lab)
    data = sorted(path.name for path in Path(f"{lab.root}/d/web/containers").iterdir())
    lab.service("web", 6, c6={"command": "nothing-of-the-kind"})
    failed = lab.osvc("start", "web", "--yes", ok=(3,))
    assert "container#6: cannot start web.container.6" in failed.stdout + failed.stderr
    assert not lab.processes()
    assert sorted(path.name for path in Path(f"{lab.root}/d/web/containers").iterdir()) == data
    goal = ("state: - goal web down ", "state: + goal web up ")
    left = settled(before, look=lambda: look(lab), lets=lambda line: ".log " in line or line.startswith(goal))
    assert left == [], "but for the goal, which is the operator's"
    lab.write("web.yaml", spec)
    lab.osvc("start", "web", "--yes")
    assert len(lab.running("web")) == 6
