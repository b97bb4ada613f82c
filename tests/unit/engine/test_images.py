"""Images that osvc fetched: remembered before they come, and removed when nobody uses them any more. The machine is a fake."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.core.fetched import Fate, Fetched
from reconciler.core.outcome import End
from reconciler.core.policy import Aim, Goal
from reconciler.engine.back import way_back
from reconciler.engine.errors import Locked, Refused
from reconciler.engine.images import Removal, judged, remove
from reconciler.engine.session import Session
from reconciler.host.errors import NotFound
from tests.fakehost import FakeHost
from tests.fakehost.docker import SYSTEM
from tests.fakehost.docker_records import FakeImage, demo_image
from tests.unit.engine.node import Node

ROOT = "/var/lib/docker"


def spec(image: str, more: str = "") -> str:
    return f"resources:\n  container#1: {{type: docker, image: '{image}', command: sleep 1000, network: none{more}}}\n"


class Lab:
    """A node with the machine's own engine and a registry with far:1 to far:9."""

    def __init__(self, folder: Path) -> None:
        self.node = Node(folder)
        self.docker = FakeHost(self.node.machine).docker
        self.docker.system()
        self.docker.registry.update({f"far:{n}": demo_image(n) for n in range(1, 10)})
        self.hand = self.docker.by_hand()

    def apply(self, image: str, name: str = "web", more: str = "") -> None:
        self.node.write(name, spec(image, more))
        (*_, result) = self.node.apply()
        assert result.end is End.CONVERGED, result

    def fates(self) -> dict[str, Fate]:
        with self.node.session() as session:
            return {one.fetched.name: one.fate for part in judged(session, session.load().services) for one in part.images}

    def prune(self) -> list[Removal]:
        """What is unused now, removed."""
        with self.node.session() as session:
            return self.prune_in(session)

    @staticmethod
    def prune_in(session: Session) -> list[Removal]:
        shown = judged(session, session.load().services)
        return [*remove(session, shown, lambda: session.load().services, lock_wait=0.0)]

    def fetched(self) -> list[tuple[str, str]]:
        with self.node.session() as session:
            return [(one.name, one.id) for one in session.store.fetched()]

    def has(self) -> list[str]:
        return sorted(name for one in self.hand.images() for name in one["RepoTags"])


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


def test_what_was_replaced_goes_and_what_is_used_stays(lab: Lab) -> None:
    lab.apply("far:1")
    lab.apply("far:2")
    assert lab.fates() == {"far:1": Fate.REMOVE, "far:2": Fate.USE}
    (removal,) = lab.prune()
    assert (removal.service, removal.image.fetched.name, removal.error) == ("web", "far:1", "")
    assert lab.has() == ["far:2"] and lab.fetched() == [("far:2", demo_image(2).id)]
    assert lab.prune() == []
    lab.apply("far:1")
    assert lab.has() == ["far:1", "far:2"]


def test_it_is_a_run_of_the_history(lab: Lab) -> None:
    lab.apply("far:1")
    lab.apply("far:2")
    lab.prune()
    with lab.node.session() as session:
        run = session.store.runs()[0]
        entries = session.store.journal(run.id)
        with pytest.raises(Refused, match="images that were removed are pulled again"):
            way_back(session.store, run)
    assert (run.service, run.verb, run.result) == ("web", "images", "converged")
    assert [(entry.rid, entry.op, entry.phase) for entry in entries] == [("far:1", "rmi", "intend"), ("far:1", "rmi", "done")]
    assert entries[0].message == f"docker -H unix://{SYSTEM} rmi --no-prune far:1"


@pytest.mark.parametrize("policy", ["once", "always"])
def test_what_several_services_want_is_pulled_once(lab: Lab, policy: str) -> None:
    for name in ("a", "b", "c"):
        lab.node.write(name, spec("far:1", f", image_pull_policy: {policy}"))
    assert {result.end for result in lab.node.apply()} == {End.CONVERGED}
    assert [label for label in lab.node.machine.done if " pull " in label] == [f"docker {SYSTEM} pull far:1"]


def test_what_a_hand_brought_is_never_looked_at(lab: Lab) -> None:
    lab.hand.pull("far:3", 10)
    lab.docker.add_image(ROOT, "built:1", FakeImage(salt="by hand"))
    lab.apply("far:3")
    assert lab.fetched() == []
    lab.apply("far:4")
    assert lab.prune() == [] and lab.has() == ["built:1", "far:3", "far:4"]


def test_of_what_a_hand_has_named_as_well_only_our_name_goes(lab: Lab) -> None:
    lab.apply("far:1")
    lab.docker.add_image(ROOT, "kept:1", demo_image(1))
    lab.apply("far:2")
    assert [one.image.fate for one in lab.prune()] == [Fate.UNTAG]
    assert lab.has() == ["far:2", "kept:1"]


def test_a_tag_that_moved_leaves_an_image_that_goes(lab: Lab) -> None:
    lab.apply("far:1", more=", image_pull_policy: always")
    lab.docker.registry["far:1"] = demo_image(9)
    lab.node.machine.pass_time(100)
    lab.apply("far:1", more=", image_pull_policy: always, hostname: x")
    assert sorted(id for _, id in lab.fetched()) == sorted([demo_image(1).id, demo_image(9).id])
    (removal,) = lab.prune()
    assert removal.image.target == demo_image(1).id and removal.error == ""
    assert [one["Id"] for one in lab.hand.images()] == [demo_image(9).id]


def test_what_a_stopped_service_names_stays_although_its_container_is_gone(lab: Lab) -> None:
    lab.apply("far:1")
    with lab.node.session() as session:
        session.set_goal(["web"], Goal(Aim.DOWN))
        session.converge(session.targets(session.load()), surveys=())
    record = lab.hand.containers()[0]
    lab.hand.remove(record["Id"])
    assert lab.fates() == {"far:1": Fate.USE} and lab.prune() == []


def test_what_another_folder_names_stays_though_its_file_is_gone(lab: Lab, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "db.yaml").write_text(spec("far:5"))
    with lab.node.session() as session:
        session.converge(session.targets(session.load([str(other)])))
    (other / "db.yaml").unlink()
    lab.hand.stop("db.container.1", 0)
    lab.hand.remove("db.container.1")
    lab.apply("far:1")
    assert lab.fates() == {"far:5": Fate.USE, "far:1": Fate.USE} and lab.prune() == []


def test_a_container_of_somebody_else_keeps_it(lab: Lab) -> None:
    lab.apply("far:1")
    lab.hand.create("foreign", {"Image": "far:1", "Cmd": ["sleep", "1"]})
    lab.apply("far:2")
    assert lab.fates() == {"far:1": Fate.KEEP, "far:2": Fate.USE} and lab.prune() == []


def test_an_engine_that_is_down_keeps_everything_and_is_told(lab: Lab) -> None:
    lab.apply("far:1")
    lab.apply("far:2")
    lab.node.machine.end_process(next(p for p in lab.node.machine.processes.values() if p.argv[0] == "dockerd"), clean=True)
    with lab.node.session() as session:
        (part,) = judged(session, session.load().services)
        assert part.unseen.startswith("no engine answers") and part.images == ()
        assert [*remove(session, [part], lambda: session.load().services, lock_wait=0.0)] == []
    assert len(lab.fetched()) == 2


def test_of_a_service_that_is_gone_with_its_engine_nothing_is_said(lab: Lab) -> None:
    lab.apply("far:1")
    with lab.node.session() as session:
        at = session.host.clock.now()
        session.store.fetch(Fetched("/run/osvc/old/docker.sock", "x:1", "sha256:1", "old"), at)
        assert [part.service for part in judged(session, session.load().services)] == ["web"]
        assert len(session.store.fetched()) == 2, "it may come back with its disk"


def test_what_is_used_again_since_it_was_shown_stays(lab: Lab) -> None:
    lab.apply("far:1")
    lab.apply("far:2")
    with lab.node.session() as session:
        shown = judged(session, session.load().services)
        lab.node.write("more", spec("far:1"))
        assert [*remove(session, shown, lambda: session.load().services, lock_wait=0.0)] == []


def test_nothing_goes_while_a_service_is_worked_on(lab: Lab) -> None:
    lab.apply("far:1")
    lab.apply("far:2")
    with lab.node.session() as other, other.hold("web", verb="apply"), pytest.raises(Locked):
        lab.prune()
    assert lab.has() == ["far:1", "far:2"]


def test_a_refusal_is_told_and_the_rest_goes(lab: Lab) -> None:
    for n in (1, 2, 3):
        lab.apply(f"far:{n}")
    with lab.node.session() as session:
        shown = judged(session, session.load().services)
        removals = remove(session, shown, lambda: session.load().services, lock_wait=0.0)
        first = next(removals)
        lab.hand.create("late", {"Image": "far:2", "Cmd": ["sleep", "1"]})
        (second,) = removals
        run = session.store.runs()[0]
    assert first.error == "" and "is using it" in second.error and run.result == "failed"
    assert lab.has() == ["far:2", "far:3"] and ("far:2", demo_image(2).id) in lab.fetched()


def test_it_is_remembered_before_it_is_pulled(lab: Lab) -> None:
    lab.node.write("web", spec("far:1"))
    lab.node.machine.die_at(1, "before")
    with pytest.raises(BaseException, match="pull"):
        lab.node.apply()
    lab.node.machine.revive()
    assert lab.fetched() == [("far:1", "")]
    lab.apply("far:1")
    assert lab.fetched() == [("far:1", demo_image(1).id)]


def test_what_came_while_osvc_died_is_left_alone_and_told(lab: Lab) -> None:
    lab.node.write("web", spec("far:1"))
    lab.node.machine.die_at(1, "after")
    with pytest.raises(BaseException, match="pull"):
        lab.node.apply()
    lab.node.machine.revive()
    lab.apply("far:1")
    lab.apply("far:2")
    assert lab.fates() == {"far:1": Fate.KEEP, "far:2": Fate.USE} and lab.prune() == []


def test_a_pull_that_fails_is_remembered_no_longer(lab: Lab) -> None:
    lab.docker.registry_fault = NotFound("manifest unknown")
    lab.node.write("web", spec("far:1"))
    lab.node.apply()
    assert lab.fetched() == []


def test_what_is_not_there_any_more_is_forgotten(lab: Lab) -> None:
    lab.apply("far:1")
    lab.apply("far:2")
    lab.hand.remove_image("far:1")
    assert lab.prune() == [] and [name for name, _ in lab.fetched()] == ["far:2"]


def test_records_live_as_long_as_the_store(lab: Lab) -> None:
    with lab.node.session() as session:
        at = session.host.clock.now()
        claim, came = Fetched("s", "x:1", "", "web"), Fetched("s", "x:1", "sha256:1", "web")
        session.store.fetch(claim, at)
        assert session.store.fetched() == (claim,)
        session.store.fetch(came, at)
        assert session.store.fetched() == (came,)
    with lab.node.session() as session:
        assert session.store.fetched() == (came,)
        session.store.forget_fetched([came])
        assert session.store.fetched() == ()
