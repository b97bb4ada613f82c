"""A service on a volume group, killed or failing anywhere: no claim is leaked, nothing is active that nobody claims, and the next
run converges."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.core.outcome import End
from reconciler.core.policy import Aim, Goal, Policy
from reconciler.host.errors import Permanent
from tests.crash.life import NODE, Lives, read
from tests.fakehost import Machine

SPEC = """
resources:
  vg#1: {name: data}
  fs#1: {dev: /dev/mapper/data-root, mnt: /srv/web, type: ext4}
  fs#2: {dev: /dev/mapper/data-app--data, mnt: /srv/web/app, type: ext4}
"""
WEB = read(SPEC)
DOWN = Goal(Aim.DOWN, "alice")
MOUNTS = ["/srv/web", "/srv/web/app"]
NO = Permanent("it fails for good")


def new_machine() -> Machine:
    machine = Machine()
    machine.add_group("data", {"root": "ext4", "app-data": "ext4"})
    return machine


@pytest.fixture
def lives(tmp_path: Path) -> Lives:
    return Lives(tmp_path, new_machine())


def standing(lives: Lives) -> tuple[set[str], list[str], list[str]]:
    """The claims, the active volumes, the mounts."""
    (group,) = lives.machine.lvm.groups
    active = sorted(name for name, volume in group.volumes.items() if volume.active)
    mounts = [mount.target for mount in lives.machine.tree.mounts if mount.target in MOUNTS]
    return group.tags, active, mounts


UP = ({NODE.name}, ["app-data", "root"], MOUNTS)
NOTHING: tuple[set[str], list[str], list[str]] = (set(), [], [])


def test_it_comes_up_in_order_and_goes_down_in_reverse(lives: Lives) -> None:
    assert lives.run(WEB).end is End.CONVERGED
    assert lives.machine.done == [
        f"vgchange --addtag @{NODE.name} data",
        "vgchange -a y data",
        "mkdir -p -- /srv/web",
        "e2fsck -p -- /dev/mapper/data-root",
        "mount -t ext4 -- /dev/mapper/data-root /srv/web",
        "mkdir -p -- /srv/web/app",
        "e2fsck -p -- /dev/mapper/data-app--data",
        "mount -t ext4 -- /dev/mapper/data-app--data /srv/web/app",
    ]
    assert standing(lives) == UP
    lives.machine.done.clear()
    again = lives.run(WEB)
    assert again.end is End.CONVERGED and not lives.machine.done
    assert lives.run(WEB, DOWN).end is End.CONVERGED
    assert lives.machine.done == [
        "umount -- /srv/web/app",
        "umount -- /srv/web",
        "vgchange -a n data",
        f"vgchange --deltag @{NODE.name} data",
    ]
    assert standing(lives) == NOTHING


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("k", range(1, 9))
def test_killed_anywhere_on_the_way_up(lives: Lives, k: int, when: str) -> None:
    lives.machine.die_at(k, when)  # type: ignore[arg-type]
    assert lives.run(WEB) is None
    assert lives.run(WEB).end is End.CONVERGED
    assert standing(lives) == UP
    assert lives.run(WEB, DOWN).end is End.CONVERGED
    assert standing(lives) == NOTHING


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("k", range(1, 5))
def test_killed_anywhere_on_the_way_down(lives: Lives, k: int, when: str) -> None:
    lives.run(WEB)
    lives.machine.die_at(lives.machine.effects + k, when)  # type: ignore[arg-type]
    assert lives.run(WEB, DOWN) is None
    tags, active, _ = standing(lives)
    assert tags or not active, "active, and claimed by nobody"
    assert lives.run(WEB, DOWN).end is End.CONVERGED
    assert standing(lives) == NOTHING


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("k", range(1, 9))
def test_a_start_that_fails_anywhere_leaks_no_claim(lives: Lives, k: int, when: str) -> None:
    lives.machine.fail_at(k, when, NO)  # type: ignore[arg-type]
    result = lives.run(WEB)
    if result.end is not End.CONVERGED:
        assert result.end is End.ROLLED_BACK
        tags, active, _ = standing(lives)
        assert bool(tags) == bool(active) and (k > 2 or not tags), "claimed, and not active, or the reverse"
    assert lives.run(WEB).end is End.CONVERGED
    assert standing(lives) == UP


def test_an_activation_that_half_works_is_taken_back_whole(lives: Lives) -> None:
    (group,) = lives.machine.lvm.groups
    group.volumes["app-data"].stuck = True
    result = lives.run(WEB)
    assert result.end is End.ROLLED_BACK and standing(lives) == NOTHING
    group.volumes["app-data"].stuck = False
    assert lives.run(WEB).end is End.CONVERGED


def test_a_disk_that_vanishes_between_claim_and_activation(lives: Lives) -> None:
    (group,) = lives.machine.lvm.groups
    real = lives.machine.switch

    def pull(*words: object, **more: object) -> None:
        group.gone = True
        raise NO

    lives.machine.switch = pull  # type: ignore[method-assign,assignment]
    result = lives.run(WEB)
    assert result.end is not End.CONVERGED and not any(volume.active for volume in group.volumes.values())
    lives.machine.switch, group.gone = real, False  # type: ignore[method-assign]
    assert lives.run(WEB).end is End.CONVERGED
    assert standing(lives) == UP


def test_a_reboot_leaves_the_claim_and_the_service_comes_back(lives: Lives) -> None:
    lives.run(WEB)
    lives.machine.reboot()
    assert standing(lives) == ({NODE.name}, [], [])
    assert lives.run(WEB).end is End.CONVERGED
    assert standing(lives) == UP


def test_another_node_keeps_what_it_claimed_until_force_takes_it(lives: Lives) -> None:
    (group,) = lives.machine.lvm.groups
    group.tags = {"deb2"}
    result = lives.run(WEB)
    assert result.end is not End.CONVERGED and standing(lives) == ({"deb2"}, [], []) and not lives.machine.done
    lives.machine.fail_next("vgchange -a y", NO)
    policy = Policy(force=frozenset({"force"}))
    assert lives.run(WEB, policy=policy).end is End.ROLLED_BACK
    assert standing(lives) == ({"deb2"}, [], []), "the claim of the other node is back"
    assert lives.run(WEB, policy=policy).end is End.CONVERGED
    assert standing(lives) == UP


def test_a_claim_that_was_lost_is_put_back_under_what_runs(lives: Lives) -> None:
    lives.run(WEB)
    (group,) = lives.machine.lvm.groups
    group.tags, lives.machine.done = set(), []
    assert lives.run(WEB).end is End.CONVERGED
    assert lives.machine.done == [f"vgchange --addtag @{NODE.name} data"] and standing(lives) == UP


def test_a_mount_of_somebody_else_keeps_the_group_up(lives: Lives) -> None:
    lives.run(WEB)
    machine = lives.machine
    machine.tree.make_dir("/mnt", 0o755)
    spot, image = machine.tree.walk("/mnt"), machine.lvm.groups[0].volumes["root"].image
    assert image is not None
    other = machine.tree.attach(image, image.root, spot, "/dev/mapper/data-root", [])
    result = lives.run(WEB, DOWN)
    assert result.end is not End.CONVERGED and standing(lives)[:2] == UP[:2], "deactivated, or given up, under a mount"
    machine.tree.detach(other)
    assert lives.run(WEB, DOWN).end is End.CONVERGED and standing(lives) == NOTHING
