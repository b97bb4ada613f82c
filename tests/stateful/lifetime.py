"""Lifetime: a random life of two services: edits, verbs, accidents, deaths of osvc; after each settling the same must hold."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from reconciler.core.outcome import End
from reconciler.core.policy import Aim
from reconciler.host.errors import Permanent, Transient
from tests.stateful.stage import SERVICES, FakeStage

services = st.sampled_from(SERVICES)
numbers = st.integers(1, 3)
words = st.fixed_dictionaries(
    {
        "image": st.sampled_from(("osvc/demo:1", "osvc/demo:1", "osvc/demo:2")),
        "command": st.sampled_from(("sleep 1000", "sleep 2000")),
    },
    optional={
        "memory": st.sampled_from(("64m", "128m")),
        "environment": st.sampled_from(({"MODE": "one"}, {"MODE": "two"}, {"DB_PASSWORD": "hunter2"})),
        "restart_policy": st.just("unless-stopped"),
        "subset": st.sampled_from(("a", "b")),
        "mounts": st.just(True),
    },
)
calls = st.sampled_from(
    (
        *("create ", "start ", "stop ", "rename ", "remove ", "update ", "load "),
        *("mount -t", "umount", "spawn dockerd", "spawn containerd"),
    )
)


ASKED = (Aim.UP, Aim.DOWN)
"""What a person can want of a service."""


class Lifetime(RuleBasedStateMachine):
    """specs: what the folder says, as a dict a service. stage: where it is played."""

    stage: Any

    def make_stage(self) -> Any:
        return FakeStage()

    @initialize(first=st.lists(st.tuples(services, numbers, words), max_size=4), shared=st.lists(services, unique=True))
    def begin(self, first: list[tuple[str, int, dict[str, Any]]], shared: list[str]) -> None:
        self.stage = self.make_stage()
        self.specs: dict[str, dict[str, Any]] = {}
        self.foreign = self.stage.strangers()
        self.clean = False
        for service, n, chosen in first:
            self.put_container(service, n, chosen)
        for service in shared:
            self.put_filesystem(service, "1m", "")
        self.stage.run()

    def teardown(self) -> None:
        if hasattr(self, "stage"):
            try:
                self.settle()
            finally:
                self.stage.close()

    # edits

    @rule(service=services, n=numbers, chosen=words)
    def put_container(self, service: str, n: int, chosen: dict[str, Any]) -> None:
        more = dict(chosen)
        container = {"type": "docker", "image_archive": self.stage.archives[more["image"]], "stop_timeout": 1}
        if more.pop("mounts", False):
            container["volume_mounts"] = [f"{self.stage.shared(service)}:/data"]
        self._resources(service)[f"container#{n}"] = container | more
        self._write(service)

    @rule(service=services, n=numbers)
    def drop_container(self, service: str, n: int) -> None:
        if service in self.specs:
            self._resources(service).pop(f"container#{n}", None)
            self._write(service)

    @rule(service=services, size=st.sampled_from(("1m", "2m")), more=st.sampled_from(("", ",noatime", ",ro")))
    def put_filesystem(self, service: str, size: str, more: str) -> None:
        place = {"type": "tmpfs", "dev": "tmpfs", "mnt": self.stage.shared(service), "mnt_opt": f"size={size}{more}"}
        self._resources(service)["fs#2"] = place
        self._write(service)

    @rule(service=services)
    def drop_filesystem(self, service: str) -> None:
        if service in self.specs:
            self._resources(service).pop("fs#2", None)
            self._write(service)

    @rule(service=services)
    def drop_service(self, service: str) -> None:
        self.specs.pop(service, None)
        self.stage.write(service, None)
        self.clean = False

    def _resources(self, service: str) -> dict[str, Any]:
        if service not in self.specs:
            root = {"type": "ext4", "dev": self.stage.device(), "mnt": self.stage.data_root(service)}
            resources = {"fs#1": root} if service == "web" else {}
            self.specs[service] = {"docker_data_dir": self.stage.data_root(service), "resources": resources}
        resources = self.specs[service]["resources"]
        assert isinstance(resources, dict)
        return resources

    def _write(self, service: str) -> None:
        self.stage.write(service, self.specs[service])
        self.clean = False

    # verbs

    @rule(prune=st.booleans())
    def apply(self, prune: bool) -> None:
        self.stage.run(prune=prune)

    @precondition(lambda self: self.specs)
    @rule(data=st.data(), aim=st.sampled_from(ASKED))
    def start_or_stop(self, data: Any, aim: Aim) -> None:
        self.stage.run([data.draw(st.sampled_from(sorted(self.specs)))], aim)
        self.clean = False

    @precondition(lambda self: self.specs)
    @rule(data=st.data(), aim=st.sampled_from(ASKED), rid=st.sampled_from(("container#1", "container", "fs#2", "dockerd")))
    def start_or_stop_a_part(self, data: Any, aim: Aim, rid: str) -> None:
        self.stage.run([data.draw(st.sampled_from(sorted(self.specs)))], aim, rids=[rid])
        self.clean = False

    # accidents

    @rule(service=services, n=numbers, act=st.sampled_from(("kill", "stop", "pause", "remove", "rename", "update")))
    def meddle(self, service: str, n: int, act: str) -> None:
        self.stage.meddle(service, f"{service}.container.{n}", act)
        self.clean = False

    @rule(service=services)
    def kill_engine(self, service: str) -> None:
        self.stage.kill_engine(service)
        self.clean = False

    @rule(service=services)
    def tear_off_filesystem(self, service: str) -> None:
        self.stage.tear_off(self.stage.shared(service))
        self.clean = False

    @rule()
    def reboot(self) -> None:
        self.stage.reboot()
        self.foreign = self.stage.strangers()
        self.clean = False

    @rule(call=calls, lasting=st.booleans(), times=st.integers(1, 4), prune=st.booleans())
    def apply_with_a_fault(self, call: str, lasting: bool, times: int, prune: bool) -> None:
        self.stage.fail(call, Permanent("no") if lasting else Transient("not now"), times)
        self.stage.run(prune=prune)
        self.stage.heal()
        self.clean = False

    @rule(k=st.integers(1, 12), when=st.sampled_from(("before", "after")), prune=st.booleans())
    def die_while_applying(self, k: int, when: str, prune: bool) -> None:
        self.stage.die(k, when)
        self.stage.run(prune=prune)
        self.stage.heal()
        self.clean = False

    @precondition(lambda self: self.specs)
    @rule(k=st.integers(1, 12), when=st.sampled_from(("before", "after")), data=st.data(), aim=st.sampled_from(ASKED))
    def die_while_starting_or_stopping(self, k: int, when: str, data: Any, aim: Aim) -> None:
        self.stage.die(k, when)
        self.stage.run([data.draw(st.sampled_from(sorted(self.specs)))], aim)
        self.stage.heal()
        self.clean = False

    # what must hold

    @invariant()
    def strangers_are_left_alone(self) -> None:
        if hasattr(self, "foreign"):
            assert self.stage.strangers() == self.foreign

    @precondition(lambda self: not self.clean)
    @rule()
    def settle(self) -> None:
        """Whatever has happened: one apply makes it so, and a second one has nothing to do."""
        results = self.stage.run(prune=True)
        assert results is not None
        for result in results.values():
            assert result.end is End.CONVERGED, f"{result.service}: {result.end} {result.message}"
        self._as_wanted()
        writes = self.stage.writes()
        for result in self.stage.run(prune=True).values():
            assert (result.end, result.outcomes) == (End.CONVERGED, ()), [outcome.step for outcome in result.outcomes]
        assert self.stage.writes() == writes
        self.clean = True

    def _as_wanted(self) -> None:
        with self.stage.open() as session:
            goals = {name: session.goal(name).aim for name in SERVICES}
            owned = {name: set(session.store.ownership(name).owned) for name in SERVICES}
        for name in SERVICES:
            resources = self.specs[name]["resources"] if name in self.specs else {}
            up = goals[name] is Aim.UP
            wanted = resources if up else {}
            found = self.stage.running(name)
            expected = {f"{name}.{rid.replace('#', '.')}": words for rid, words in wanted.items() if rid.startswith("container")}
            assert set(found) == set(expected), f"{name}: {set(found)} run, not {set(expected)}"
            for container, words in expected.items():
                _check(found[container], words)
            assert (self.stage.shared(name) in self.stage.mounts()) == ("fs#2" in wanted)
            assert (name in self.stage.engines()) == (up and name in self.specs), f"{name}: its engine"
            specified = {*resources, "dockerd"} if name in self.specs else set()
            waiting = set() if up or not specified else {rid for rid in owned[name] if rid.startswith("container")}
            assert owned[name] <= specified | waiting and (not up or owned[name] == specified), f"{name} owns {owned[name]}"


def _check(record: dict[str, Any], words: dict[str, Any]) -> None:
    """A container is as its spec says."""
    assert not record["State"]["Paused"]
    assert record["Config"]["Cmd"] == words["command"].split()
    assert record["Config"]["Image"] == words["image"]
    env = dict(text.split("=", 1) for text in record["Config"]["Env"])
    assert {name: env[name] for name in env if name not in ("PATH", "DEMO_REVISION")} == words.get("environment", {}), env
    assert record["HostConfig"]["RestartPolicy"]["Name"] in (words.get("restart_policy", "no"), words.get("restart_policy", ""))
    memory = {"64m": 64 << 20, "128m": 128 << 20}.get(words.get("memory", ""), 0)
    seen = record["HostConfig"]["Memory"]
    assert (0 if seen >= 1 << 50 else seen) == memory
    sources = [mount["Source"] for mount in record["HostConfig"]["Mounts"] or ()]
    assert sources == [volume.split(":")[0] for volume in words.get("volume_mounts", ())]
