"""A service that makes its disks: a backing file, a loop device, a volume group, a volume. Killed or failing anywhere it makes each
thing once, and what it made is never unmade."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.core.outcome import End, Result
from reconciler.core.policy import Aim, Goal, Policy
from reconciler.host.errors import Permanent
from tests.crash.life import NODE, Lives, read
from tests.fakehost import Machine

WEB = read("""
resources:
  loop#1: {file: /srv/disk.img, size: 64m, provision: true}
  vg#1: {name: data, pvs: /srv/disk.img, provision: true}
  disk#1: {type: lv, vg: data, name: root, size: 16m, provision: true}
""")
DOWN = Goal(Aim.DOWN, "alice")
PROVISION = Policy(force=frozenset({"provision"}))
EFFECTS = 7
"""Of the first start: the file, its mode, its size, the loop device, the group, its claim, the volume."""


@pytest.fixture
def lives(tmp_path: Path) -> Lives:
    return Lives(tmp_path, Machine())


def run(lives: Lives, goal: Goal = Goal(), policy: Policy = PROVISION) -> Result | None:  # noqa: B008
    return lives.run(WEB, goal, policy=policy)


def standing(lives: Lives) -> tuple[list[str], dict[str, set[str]], list[tuple[str, bool]]]:
    """The files behind loop devices, the claims of each group, the volumes and whether they are active."""
    tree, groups = lives.machine.tree, lives.machine.lvm.groups
    volumes = [(name, volume.active) for group in groups for name, volume in group.volumes.items()]
    return [loop.path for loop in tree.loops.values()], {group.name: group.tags for group in groups}, volumes


UP = (["/srv/disk.img"], {"data": {NODE.name}}, [("root", True)])
STOPPED: tuple[list[str], dict[str, set[str]], list[tuple[str, bool]]] = ([], {"data": set()}, [("root", False)])


def test_nothing_is_made_unless_it_is_asked_for(lives: Lives) -> None:
    result = run(lives, policy=Policy())
    assert result is not None and result.end is not End.CONVERGED
    assert lives.machine.effects == 0


def test_it_is_made_and_goes_down_and_comes_back(lives: Lives) -> None:
    result = run(lives)
    assert result is not None and result.end is End.CONVERGED, result
    assert lives.machine.done == [
        "dd if=/dev/null of=/srv/disk.img conv=excl status=none",
        "chmod -- 0600 /srv/disk.img",
        "truncate -s 67108864 -- /srv/disk.img",
        "losetup -f --show --nooverlap -- /srv/disk.img",
        "vgcreate data /dev/loop0",
        f"vgchange --addtag @{NODE.name} data",
        "lvcreate -n root -L 16384k -W y data",
    ]
    assert standing(lives) == UP
    result = run(lives, DOWN)
    assert result is not None and result.end is End.CONVERGED and standing(lives) == STOPPED
    result = run(lives, policy=Policy())
    assert result is not None and result.end is End.CONVERGED and standing(lives) == UP


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("k", range(1, EFFECTS + 1))
def test_killed_anywhere_it_makes_each_thing_once(lives: Lives, k: int, when: str) -> None:
    lives.machine.die_at(k, when)  # type: ignore[arg-type]
    assert run(lives) is None
    result = run(lives)
    assert result is not None and result.end is End.CONVERGED and standing(lives) == UP
    assert lives.machine.tree.stat("/srv/disk.img").mode == 0o600  # type: ignore[union-attr]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("k", range(1, EFFECTS + 1))
def test_failing_anywhere_it_unmakes_nothing(lives: Lives, k: int, when: str) -> None:
    lives.machine.fail_at(k, when, Permanent("it fails for good"))  # type: ignore[arg-type]
    run(lives)
    made = [group.uuid for group in lives.machine.lvm.groups]
    result = run(lives)
    assert result is not None and result.end is End.CONVERGED and standing(lives) == UP
    assert [group.uuid for group in lives.machine.lvm.groups][: len(made)] == made


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("k", range(1, 4))
def test_killed_anywhere_on_the_way_down(lives: Lives, k: int, when: str) -> None:
    run(lives)
    lives.machine.die_at(lives.machine.effects + k, when)  # type: ignore[arg-type]
    assert run(lives, DOWN) is None
    result = run(lives, DOWN)
    assert result is not None and result.end is End.CONVERGED and standing(lives) == STOPPED


def test_a_reboot(lives: Lives) -> None:
    run(lives)
    lives.machine.reboot()
    assert standing(lives)[0] == [] and not lives.machine.lvm.there()
    result = run(lives, policy=Policy())
    assert result is not None and result.end is End.CONVERGED and standing(lives) == UP
