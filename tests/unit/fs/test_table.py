"""The mount table, asked as the kernel would walk it."""

import sys
from random import Random

from reconciler.core.facts import holds_path
from reconciler.host.ports import Mount
from reconciler.resources.fs.table import Table, inside, name


def entry(id, parent, target, device="0:1", fstype="ext4", source="/dev/sda"):
    return Mount(id, parent, device, "/", target, ("rw", "relatime"), fstype, source)


ROOT = entry(1, 0, "/")


def test_the_deepest_mount_by_components_holds_a_path():
    table = Table([ROOT, entry(2, 1, "/opt/a"), entry(3, 2, "/opt/a/b")])
    assert table.holding("/opt/ab/x").id == 1
    assert table.holding("/opt/a/x").id == 2
    assert table.holding("/opt/a/b").id == 3
    assert table.at("/opt/a").id == 2
    assert table.at("/opt") is None


def test_of_two_on_one_target_the_upper_one_is_seen():
    table = Table([ROOT, entry(2, 1, "/opt/a"), entry(3, 2, "/opt/a")])
    assert table.at("/opt/a").id == 3


def test_a_mount_below_a_later_one_is_out_of_sight():
    table = Table([ROOT, entry(2, 1, "/opt/a/b"), entry(3, 1, "/opt/a")])
    assert table.at("/opt/a/b") is None
    assert table.holding("/opt/a/b").id == 3


def test_names_and_points():
    assert name(entry(1, 0, "/", fstype="tmpfs", source="tmpfs")) == "tmpfs tmpfs"
    assert inside(["/a", "/a/b", "/ab"], "/a/b/c") == "/a/b"
    assert inside(["/a", "/a/b"], "/a/b") == "/a"
    assert inside(["/ab"], "/a/b") == ""


def calls(what):
    """How many functions of Python it calls."""
    count = 0

    def seen(frame, event, arg):
        nonlocal count
        count += event == "call"

    sys.setprofile(seen)
    try:
        what()
    finally:
        sys.setprofile(None)
    return count


def test_a_question_takes_as_long_whatever_the_number_of_mounts():
    few, many = (Table([ROOT, *(entry(n, 1, f"/m{n}") for n in range(2, number))]) for number in (6, 1000))
    assert many.at("/m999").id == 999 and many.at("/m999/x") is None
    assert calls(lambda: many.at("/m4")) == calls(lambda: few.at("/m4")) < 30


def test_it_answers_as_a_walk_over_every_mount_does():
    random = Random(7)
    for _ in range(300):
        made = [ROOT]
        for number in range(2, 12):
            above = random.choice(made)
            target = above.target if random.random() < 0.2 else f"{above.target.rstrip('/')}/{random.choice('ab')}"
            made.append(entry(number, above.id, target))
        table = Table(made)
        for path in ("/", "/a", "/b", "/a/b", "/ab", "/a/b/a", "/b/b/x", "/a/a/a/a"):
            assert table.holding(path) == walked(made, path), (made, path)


def walked(mounts, path):
    """The rule, said plainly."""
    here, below = None, [mounts[0]]
    while held := [mount for mount in below if holds_path(mount.target, path)]:
        least = min(len(mount.target) for mount in held)
        here = [mount for mount in held if len(mount.target) == least][-1]
        below = [mount for mount in mounts if mount.parent == here.id]
    return here
